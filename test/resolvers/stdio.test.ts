/** The standard streams: lines and bytes as they come, in order, bounded, over a kill, and streams that end. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { Input } from '../../resolvers/input.ts';
import { StdioResolver } from '../../resolvers/stdio.ts';
import { streamConsole } from '../../resolvers/index.ts';
import type { Console } from '../../resolvers/index.ts';
import { isErrorResult } from '../../channels/index.ts';
import { streamHandle } from '../../src/capability/handle.ts';
import fc from 'fast-check';
import { openSpace } from '../../src/index.ts';
import { limits } from '../../src/limits.ts';
import { Bytes } from '../../src/values/index.ts';
import type { Value } from '../../src/values/index.ts';
import { Host, textOf } from './host.ts';
import type { TestObject } from './host.ts';

class Streams {
  readonly stdin = new PassThrough();
  readonly written: string[] = [];
  readonly resolver: StdioResolver;
  readonly host: Host;
  readonly input: TestObject;
  readonly output: TestObject;

  constructor(change: (console: Console) => Console = (console) => console) {
    const take = new Writable({
      write: (chunk: Buffer, _, done) => {
        this.written.push(chunk.toString());
        setImmediate(done);
      },
    });
    const console = change(streamConsole({ stdout: take, stderr: take, stdin: this.stdin }));
    this.resolver = new StdioResolver({ console, show: String });
    this.resolver.grant('main/stdio');
    this.host = new Host(this.resolver.natives);
    this.input = this.host.object('input', streamHandle('main/stdio', 'stdin'));
    this.output = this.host.object('output', streamHandle('main/stdio', 'stdout'));
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('standard input', () => {
  let streams: Streams;
  beforeEach(() => {
    streams = new Streams();
  });
  const read = async (count: number): Promise<string> => textOf(await streams.input.call('read', count));

  it('gives bytes as they come, as many as were asked for at most, and none at the end', async () => {
    streams.stdin.write('abcdef');
    assert.equal(await read(4), 'abcd');
    assert.equal(await read(4), 'ef');
    const waiting = read(4);
    streams.stdin.write('g');
    assert.equal(await waiting, 'g');
    streams.stdin.end();
    assert.equal(await read(4), '');
    assert.equal(await read(4), '');
  });

  it('gives lines and bytes to those who ask, from one place on', async () => {
    streams.stdin.write('one\ntwo\nthree');
    assert.equal(await streams.input.call('readLine'), 'one');
    assert.equal(await read(2), 'tw');
    assert.equal(await streams.input.call('readLine'), 'o');
    streams.stdin.end('\n\nlast');
    assert.equal(await streams.input.call('readLine'), 'three');
    assert.equal(await streams.input.call('readLine'), '');
    assert.equal(await streams.input.call('readLine'), 'last');
    assert.equal(await streams.input.call('readLine'), null);
  });

  it('gives lines whole however they are cut, also within a character and within an end of line', async () => {
    const text = 'ä\r\n€uro\n\n𝄞';
    for (const size of [1, 2, 3, 7]) {
      const { stdin, input } = new Streams();
      const bytes = Buffer.from(text);
      for (let start = 0; start < bytes.length; start += size) stdin.write(bytes.subarray(start, start + size));
      stdin.end();
      const lines: Value[] = [];
      for (;;) {
        const line = await input.call('readLine');
        if (line === null) break;
        lines.push(line);
      }
      assert.deepEqual(lines, ['ä', '€uro', '', '𝄞'], `${size} bytes at once`);
    }
  });

  it('loses and doubles nothing, however it comes and however it is asked for', async () => {
    const part = fc
      .array(fc.constantFrom('a', 'bc', '\n', '\n\n', 'ä'), { maxLength: 8 })
      .map((letters) => letters.join(''));
    const ask = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 9 }));
    await fc.assert(
      fc.asyncProperty(
        fc.array(part, { maxLength: 12 }),
        fc.array(ask, { minLength: 1, maxLength: 6 }),
        async (parts, asks) => {
          const { stdin, input } = new Streams();
          const text = Buffer.from(`${parts.join('')}\n`);
          const writing = (async () => {
            for (const written of parts) {
              stdin.write(written);
              await turn();
            }
            stdin.end('\n');
          })();
          const got: Buffer[] = [];
          for (let index = 0; ; index++) {
            const count = asks[index % asks.length] ?? 0;
            if (count === 0) {
              const line = await input.call('readLine');
              if (line === null) break;
              assert(typeof line === 'string' && !line.includes('\n'));
              got.push(Buffer.from(`${line}\n`));
            } else {
              const read = await input.call('read', count);
              assert(read instanceof Bytes && read.bytes.length <= count);
              if (read.bytes.length === 0) break;
              got.push(Buffer.from(read.bytes));
            }
          }
          await writing;
          // A character that bytes have cut in two ends a line as what it is not.
          if (!asks.some((count) => count > 0) || !parts.join('').includes('ä'))
            assert.deepEqual(Buffer.concat(got), text);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('refuses a line that is too long once, passes it over, and goes on with the next', async () => {
    const { stdin, input } = streams;
    stdin.write(Buffer.alloc(limits.line_bytes_max, 'x'));
    stdin.write('\n');
    assert.equal(((await input.call('readLine')) as string).length, limits.line_bytes_max);
    for (const more of [1, 3 * limits.line_bytes_max]) {
      const refusing = input.refusal('readLine');
      stdin.write(Buffer.alloc(limits.line_bytes_max + more, 'y'));
      stdin.write('\nnext\n');
      assert.match(await refusing, /^value_too_large: a line of the input has more than 1048576 bytes/);
      assert.equal(await input.call('readLine'), 'next');
    }
  });

  it('gives everything at once, as bytes or as text that is text', async () => {
    streams.stdin.end('all of it\n');
    assert.equal(textOf(await streams.input.call('readAll')), 'all of it\n');
    const text = new Streams();
    text.stdin.end('€');
    assert.equal(await text.input.call('readAll', 'utf8'), '€');
    const garbage = new Streams();
    garbage.stdin.end(Buffer.from([0xff, 0xfe]));
    assert.match(await garbage.input.refusal('readAll', 'utf8'), /^value_unsupported/);
  });

  it('gives no more at once than its bound', async () => {
    streams.stdin.write(Buffer.alloc(limits.read_bytes_max));
    streams.stdin.end('x');
    assert.match(await streams.input.refusal('readAll'), /^value_too_large: the input has more than 16777216 bytes/);
  });

  it('reads nothing that nobody waits for', async () => {
    let asked = 0;
    const endless = new Readable({
      highWaterMark: 16,
      read() {
        asked++;
        setImmediate(() => this.push('a line\n'));
      },
    });
    const input = new Input(endless);
    const signal = new AbortController().signal;
    for (let line = 0; line < 20; line++) assert.equal(await input.line(signal), 'a line');
    for (let turns = 0; turns < 20; turns++) await turn();
    const before = asked;
    for (let turns = 0; turns < 20; turns++) await turn();
    assert.equal(asked, before);
    assert(asked < 30, `${asked}`);
    endless.destroy();
  });

  it('leaves nothing behind a call that has ended, and gives it nothing', async () => {
    const left = new AbortController();
    const waiting = streams.input.run({ ...streams.input.prepare('read', [5]), signal: left.signal });
    left.abort();
    const answer = await waiting;
    assert('error' in answer && answer.error.code === 'cancelled');
    assert.equal(streams.stdin.isPaused(), true);
    streams.stdin.write('bytes');
    assert.equal(await read(5), 'bytes');
  });

  it('answers a stream that fails with an error', async () => {
    const reading = streams.input.refusal('readLine');
    streams.stdin.destroy(new Error('EIO: i/o error, read'));
    assert.equal(await reading, 'file_failed: standard input could not be read: EIO: i/o error, read');
    assert.match(await streams.input.refusal('read', 1), /^file_failed/);
  });

  it('of a program that gives lines only answers that there are no bytes', async () => {
    const { input } = new Streams(({ stdout, stderr, readLine }) => ({ stdout, stderr, readLine }));
    assert.match(await input.refusal('read', 1), /^not_available: .*lines only/);
    assert.match(await input.refusal('readAll'), /^not_available/);
  });
});

describe('lines of standard input that arrive', () => {
  it('arrive in order, and after them Nil', async () => {
    const { stdin, input } = new Streams();
    const source = await input.source('readLines');
    stdin.end('one\ntwo\r\nthree');
    for (const line of ['one', 'two', 'three', null]) assert.deepEqual(await source.take(), [line]);
    assert.equal(source.ended, true);
  });

  it('arrive ten thousand at a time, none lost, none twice, in order', async () => {
    const { stdin, input } = new Streams();
    const source = await input.source('readLines');
    let text = '';
    for (let line = 0; line < 10_000; line++) text += `line ${line}\n`;
    for (let start = 0; start < text.length; start += 1_021) stdin.write(text.slice(start, start + 1_021));
    stdin.end();
    for (let line = 0; line < 10_000; line++) assert.deepEqual(await source.take(), [`line ${line}`]);
    assert.deepEqual(await source.take(), [null]);
  });

  it('are not read ahead of a slow reader', async () => {
    const { stdin, input } = new Streams();
    const source = await input.source('readLines');
    for (let line = 0; line < 2 * limits.lines_unread_max; line++) stdin.write(`${line}\n`);
    while (source.unread.length < limits.lines_unread_max) await turn();
    for (let turns = 0; turns < 10; turns++) await turn();
    assert.equal(source.unread.length, limits.lines_unread_max);
    assert.deepEqual(await source.take(), ['0']);
    while (source.unread.length < limits.lines_unread_max) await turn();
  });

  it('have an error in the place of one that is too long, and go on', async () => {
    const { stdin, input } = new Streams();
    const source = await input.source('readLines');
    stdin.write('before\n');
    assert.deepEqual(await source.take(), ['before']);
    stdin.write(Buffer.alloc(limits.line_bytes_max + 5, 'x'));
    stdin.end('\nafter\n');
    const [error] = await source.take();
    assert(isErrorResult(error as Value));
    assert.deepEqual(await source.take(), ['after']);
    assert.deepEqual(await source.take(), [null]);
  });

  it('end when they are closed, revoked, or the input fails; nothing is read any more', async () => {
    const { stdin, input, resolver } = new Streams();
    const closed = await input.source('readLines');
    closed.leave();
    await turn();
    stdin.write('for the next\n');
    assert.equal(await input.call('readLine'), 'for the next');
    const revoked = await input.source('readLines');
    resolver.revoke('main/stdio');
    assert.equal((await revoked.failed()).code, 'not_available');
    assert.match(await input.refusal('readLines'), /^not_available/);
    const broken = new Streams();
    const failing = await broken.input.source('readLines');
    broken.stdin.destroy(new Error('EIO'));
    assert.equal((await failing.failed()).code, 'file_failed');
  });

  it('survive a kill when they have arrived, and those of the next process follow on the same channel', async function () {
    this.timeout(300_000);
    const data = mkdtempSync(join(tmpdir(), 'powerbox-lines-'));
    try {
      const child = spawn(
        process.execPath,
        ['--import', 'tsx', fileURLToPath(new URL('./lines-child.ts', import.meta.url)), data],
        { stdio: ['pipe', 'pipe', 'inherit'] },
      );
      const exit = once(child, 'exit');
      child.stdin.write('one\ntwo\nthree\n');
      await Promise.race([once(child.stdout, 'data'), exit]);
      child.kill('SIGKILL');
      assert.deepEqual(await exit, [null, 'SIGKILL']);
      const { stdin, console } = streamsOfTest();
      stdin.end('four\n');
      const space = await openSpace({ data, console });
      try {
        const lines: unknown[] = [];
        for (let count = 0; count < 5; count++)
          lines.push((await space.consume([{ channel: 'line' }], { limit_ms: 60_000 }))[0]?.[0]);
        assert.deepEqual(lines, ['one', 'two', 'three', 'four', null]);
      } finally {
        await space.close();
      }
    } finally {
      rmSync(data, { recursive: true, force: true });
    }
  });
});

function streamsOfTest(): { readonly stdin: PassThrough; readonly console: Console } {
  const stdin = new PassThrough();
  const sink = new Writable({ write: (_chunk, _encoding, done) => done() });
  return { stdin, console: streamConsole({ stdout: sink, stderr: sink, stdin }) };
}

describe('standard output', () => {
  it('is appended to in the order of the calls, and flushed when all of it was taken', async () => {
    const { output, written } = new Streams();
    const calls = [
      output.call('write', 'a'),
      output.call('append', 'b'),
      output.call('print', 'c'),
      output.call('flush'),
    ];
    await calls[3];
    assert.deepEqual(
      written.filter((text) => text !== ''),
      ['a', 'b', 'c\n'],
    );
    await Promise.all(calls);
  });

  it('whose reader has gone away answers an error, each time, and ends no process', async function () {
    this.timeout(300_000);
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', fileURLToPath(new URL('./broken-pipe-child.ts', import.meta.url))],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    child.stdout.destroy();
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    const [code] = await once(child, 'close');
    assert.equal(code, 0, said);
    assert.equal(said, 'file_failed file_failed file_failed\n');
  });
});
