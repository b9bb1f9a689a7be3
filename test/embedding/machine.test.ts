/** Clock, randomness, hashes, streams and hardware as programs meet them, in real spaces. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { streamConsole } from '../../resolvers/index.ts';
import { type FailureReport, openSpace, type PowerSource, type Space } from '../../src/index.ts';

const POWERS: readonly PowerSource[] = [
  { kind: 'timer' },
  { kind: 'random', bytes_max: 16 },
  { kind: 'crypto' },
  { kind: 'hardware' },
  { kind: 'load' },
];

describe('embedding: the machine', () => {
  let space: Space;
  let stdin: PassThrough;
  let written: string;
  let failures: FailureReport[];

  async function open(data?: string): Promise<Space> {
    stdin = new PassThrough();
    written = '';
    failures = [];
    const into = new Writable({
      write: (chunk: Buffer, _, done) => {
        written += chunk.toString();
        done();
      },
    });
    return openSpace({
      ...(data === undefined ? {} : { data }),
      grants: { powers: POWERS },
      console: streamConsole({ stdout: into, stderr: into, stdin }),
      onFailure: (failure) => failures.push(failure),
    });
  }

  const run = async (text: string): Promise<void> => {
    await space.run(`new box(\`rho:powerbox\`) in { ${text} }`);
  };
  const take = async (channel: string): Promise<unknown> =>
    (await space.consume([{ channel }], { limit_ms: 60_000 }))[0]?.[0];

  beforeEach(async () => {
    space = await open();
  });
  afterEach(() => space.close());

  it('a timer in an expression is a call that takes its time', async () => {
    await run(`for (timer <- box!?("timer")) {
      @"took"!(*timer.now(), *timer.after(50, "value"), *timer.now()) | @"at"!(*timer.at(0), *timer.after(0))
    }`);
    const [[before, value, after] = []] = await space.consume([{ channel: 'took' }], { limit_ms: 60_000 });
    assert.equal(value, 'value');
    // The three calls may be made in any order; the last answer is never before the first.
    assert.equal(typeof before, 'number');
    assert.equal(typeof after, 'number');
    assert.deepEqual(await space.consume([{ channel: 'at' }], { limit_ms: 60_000 }), [[null, null]]);
  });

  it('a program waits for an answer or a time, whichever is first, and cancels what it needs no more', async () => {
    await run(`for (timer <- box!?("timer")) { new answer in {
      for (ticks <- timer!?("every", 3600000, 1)) {
        for (@x <- answer) { for (_ <- timer!?("cancel", *ticks)) { @"first"!(x) } } |
        for (@n, @due <- ticks) { @"first"!("too late") }
      } |
      answer!("in time")
    } }`);
    assert.equal(await take('first'), 'in time');
    const { pending } = await space.quiescent();
    assert.deepEqual(pending, []);
  });

  it('an open timer is listed at quiescence, and hinders none', async () => {
    await run('for (timer <- box!?("timer")) { for (ticks <- timer!?("every", 3600000)) { Nil } }');
    const { quiescent, pending } = await space.quiescent();
    assert.equal(quiescent, true);
    assert.deepEqual(
      pending.map(({ kind }) => kind),
      ['source'],
    );
  });

  it('randomness is answered within the limits of its grant', async () => {
    await run(`for (random <- box!?("random")) {
      @"drawn"!([*random.bytes(16), *random.int(1, 6)]) |
      for (@x <- random!?("bytes", 17)) { @"refused"!(x) }
    }`);
    const [bytes, number] = (await take('drawn')) as [Uint8Array, number];
    assert.equal(bytes.length, 16);
    assert(number >= 1 && number <= 6);
    assert.match(JSON.stringify(await take('refused')), /value_too_large/);
    assert.deepEqual(
      failures.map(({ source, code }) => [source, code]),
      [['random.bytes', 'value_too_large']],
    );
  });

  it('the loader is there, and says that it is not there yet', async () => {
    await run(`for (load <- box!?("load") & out <- box!?("stdout")) {
      for (@x <- load!?("load", *out, "Main")) { @"loaded"!(x) }
    }`);
    assert.match(JSON.stringify(await take('loaded')), /not_available.*loads no packages/);
  });

  it('a program talks with whoever types, line by line', async () => {
    await run(`for (stdin <- box!?("stdin") & out <- box!?("stdout")) {
      for (lines <- stdin!?("readLines")) {
        for (@line <= lines) {
          match line { Nil => { for (_ <- out!?("flush")) { @"over"!(true) } } _ => { out!("append", "you said " ++ line ++ ". ") } }
        }
      }
    }`);
    stdin.write('one\nt');
    stdin.end('wo\n');
    assert.equal(await take('over'), true);
    assert.equal(written, 'you said one. you said two. ');
  });

  it('what is printed with an acknowledgement stands in the order of the program', async () => {
    await run(`for (out <- box!?("stdout")) { new loop in {
      contract loop(@n) = { match n { 500 => @"over"!(true) _ => { for (_ <- out!?("print", "\${n}" %% {"n": n})) { loop!(n + 1) } } } } |
      loop!(0)
    } }`);
    assert.equal(await take('over'), true);
    assert.deepEqual(
      written.split('\n').slice(0, -1),
      Array.from({ length: 500 }, (_, n) => `${n}`),
    );
  });

  it('lines that are closed leave the rest to others', async () => {
    await run(`for (stdin <- box!?("stdin")) { for (lines <- stdin!?("readLines")) {
      for (@first <- lines) {
        for (_ <- stdin!?("close", *lines)) { for (@again <- stdin!?("close", *lines)) { @"again"!(again) } | @"closed"!(first) }
      }
    } }`);
    stdin.write('one\n');
    assert.equal(await take('closed'), 'one');
    assert.match(JSON.stringify(await take('again')), /handle_closed/);
    await run('for (stdin <- box!?("stdin")) { @"rest"!(*stdin.readAll("utf8")) }');
    stdin.end('two\nthree');
    assert.equal(await take('rest'), 'two\nthree');
  });

  it('what was taken back ends: a timer that waits, ticks, lines, and hashes, which no resolver knows of', async () => {
    await run(`for (timer <- box!?("timer") & crypto <- box!?("crypto") & stdin <- box!?("stdin")) {
      for (@[limited, revoker] <- timer!?("revocable")) {
        for (ticks <- @limited!?("every", 3600000)) { for (@x <- ticks) { @"ticks"!(x) } | @"revoke"!(revoker) } |
        for (@x <- @limited!?("after", 3600000)) { @"timer"!(x) }
      } |
      for (@[limited, revoker] <- stdin!?("revocable")) {
        for (lines <- @limited!?("readLines")) { for (@x <- lines) { @"lines"!(x) } | @"revoke"!(revoker) }
      } |
      for (@[limited, revoker] <- crypto!?("revocable")) {
        @"revoke"!(revoker) | @"crypto"!(limited)
      }
    }`);
    await space.quiescent();
    await space.run(
      'for (@one <- @"revoke" & @two <- @"revoke" & @three <- @"revoke") { @one!("revoke") | @two!("revoke") | @three!("revoke") }',
    );
    await space.quiescent();
    await space.run(
      'for (@limited <- @"crypto") { for (@x <- @limited!?("sha256", "61".hexToBytes())) { @"hash"!(x) } }',
    );
    for (const channel of ['ticks', 'timer', 'lines', 'hash'])
      assert.match(JSON.stringify(await take(channel)), /"error".*revoked/, channel);
    assert.deepEqual((await space.quiescent()).pending, []);
    // What was not taken back is whole: the input was left to others.
    await run('for (stdin <- box!?("stdin")) { @"line"!(*stdin.readLine()) }');
    stdin.write('still here\n');
    assert.equal(await take('line'), 'still here');
  });

  it('ticks of a space that is opened without their grant end with an error that their reader hears', async () => {
    const data = mkdtempSync(join(tmpdir(), 'powerbox-ticks-'));
    await space.close();
    try {
      space = await open(data);
      await run(`for (timer <- box!?("timer")) { for (ticks <- timer!?("every", 3600000)) {
        for (@x <- ticks) { @"heard"!(x) } } }`);
      await space.quiescent();
      await space.close();
      space = await openSpace({ data, onFailure: () => {} });
      assert.match(JSON.stringify(await take('heard')), /not_available.*the grant/);
    } finally {
      await space.close();
      rmSync(data, { recursive: true, force: true });
    }
  });
});
