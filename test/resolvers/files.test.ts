/** Files and directories beneath a grant, as a contract sees them; on a real file system. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { NewChannel } from '../../channels/index.ts';
import { limits } from '../../src/limits.ts';
import { FileTree } from '../../resolvers/index.ts';
import { realPlatform } from '../../src/platform/index.ts';
import { MapValue, map } from '../../src/values/index.ts';
import { grantFiles, makeDirectory, textOf } from './host.ts';
import type { Granted } from './host.ts';

describe('files', () => {
  let granted: Granted;
  beforeEach(async () => {
    granted = await grantFiles();
  });
  afterEach(() => granted.close());

  it('a whole file that is written is read again, and stands on the disk', async () => {
    const file = await granted.file('a.txt');
    assert.equal(await file.call('write', 'hello'), null);
    assert.equal(textOf(await file.call('readAll')), 'hello');
    assert.equal(await file.call('readAll', 'utf8'), 'hello');
    assert.equal(await readFile(join(granted.directory, 'a.txt'), 'utf8'), 'hello');
    assert.equal(await file.call('size'), 5);
  });

  it('read moves the position of its own channel only', async () => {
    await (await granted.file('a')).call('write', 'abcdef');
    const one = await granted.file('a');
    const other = await granted.file('a');
    assert.equal(textOf(await one.call('read', 2)), 'ab');
    assert.equal(textOf(await one.call('read', 2)), 'cd');
    assert.equal(textOf(await other.call('read', 4)), 'abcd');
    assert.equal(textOf(await one.call('read', 9)), 'ef');
    assert.equal(textOf(await one.call('read', 9)), '');
    assert.equal(textOf(await one.call('readAt', 1, 2)), 'bc');
  });

  it("a position is kept in the channel's state alone, so it is the same for whoever opens it again", async () => {
    await (await granted.file('a')).call('write', 'abcdef');
    const file = await granted.file('a');
    await file.call('read', 3);
    const { state, handle } = file;
    const again = await grantFiles({ root: granted.directory, readOnly: true });
    assert.equal(textOf(await again.root.host.object('file', handle, state).call('read', 2)), 'de');
    await again.close();
  });

  it('seek counts from the start, the position or the end, and never before the start', async () => {
    const file = await granted.file('a');
    await file.call('write', 'abcdef');
    assert.equal(await file.call('seek', 2), 2);
    assert.equal(await file.call('seek', 2, 'current'), 4);
    assert.equal(await file.call('seek', -1, 'end'), 5);
    assert.equal(textOf(await file.call('read', 2)), 'f');
    assert.match(await file.refusal('seek', -9, 'current'), /^arguments_invalid/);
    assert.equal(await file.call('seek', 100), 100);
    assert.equal(textOf(await file.call('read', 2)), '');
  });

  it('chunks stand on their channel in order, then Nil, or where to go on', async () => {
    const file = await granted.file('a');
    await file.call('write', 'abcdefg');
    const messages = async (...args: number[]): Promise<unknown[]> => {
      const answer = await file.answer('chunks', ...args);
      assert('ok' in answer && answer.ok instanceof NewChannel);
      return answer.ok.messages.map(([value]) =>
        value !== null && typeof value === 'object' ? textOf(value as never) : value,
      );
    };
    assert.deepEqual(await messages(2, 2), ['ab', 'cd', 4]);
    assert.deepEqual(await messages(2), ['ef', 'g', null]);
    assert.deepEqual(await messages(2), [null]);
  });

  it('writes in place do as they say', async () => {
    const file = await granted.file('a');
    await file.call('append', 'abc');
    await file.call('append', 'def');
    await file.call('writeAt', 2, 'XX');
    assert.equal(textOf(await file.call('readAll')), 'abXXef');
    await file.call('writeAt', 7, 'Z');
    assert.equal(textOf(await file.call('readAll')), 'abXXef\0Z');
    await file.call('truncate', 2);
    await file.call('truncate', 3);
    assert.equal(textOf(await file.call('readAll')), 'ab\0');
  });

  it('any run of changes leaves what a model of bytes says', async () => {
    const data = fc.string({ maxLength: 12 });
    const step = fc.oneof(
      fc.tuple(fc.constant('write' as const), data),
      fc.tuple(fc.constant('append' as const), data),
      fc.tuple(fc.constant('writeAt' as const), fc.nat(40), data),
      fc.tuple(fc.constant('truncate' as const), fc.nat(40)),
    );
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 8 }), async (steps) => {
        const file = await granted.file(`f${run++}`);
        let model = Buffer.from('start');
        await file.call('write', 'start');
        for (const [method, ...args] of steps) {
          await file.call(method, ...args);
          const text = Buffer.from(String(args.at(-1)));
          if (method === 'write') model = text;
          if (method === 'append') model = Buffer.concat([model, text]);
          const at = Number(args[0]);
          if (method === 'truncate') model = Buffer.concat([model, Buffer.alloc(40)]).subarray(0, at);
          if (method === 'writeAt' && text.length > 0) {
            const grown = Buffer.concat([model, Buffer.alloc(Math.max(0, at - model.length))]);
            model = Buffer.concat([grown.subarray(0, at), text, grown.subarray(at + text.length)]);
          }
        }
        assert.equal(textOf(await file.call('readAll')), model.toString());
      }),
      { numRuns: 25 },
    );
  });

  it('a channel that was closed answers handle_closed, and no other of the file does', async () => {
    const file = await granted.file('a');
    const other = await granted.file('a');
    await file.call('write', 'x');
    await file.call('close');
    for (const [method, ...args] of [['size'], ['write', 'y'], ['close']] as const)
      assert.match(await file.refusal(method, ...args), /^handle_closed/);
    assert.equal(await other.call('size'), 1);
  });

  it('what is not there, not text, or too large is refused with its code', async () => {
    const file = await granted.file('a');
    assert.match(await file.refusal('readAll'), /^file_not_found: .*"a"/);
    assert.match(await file.refusal('truncate', 1), /^file_not_found/);
    assert.match(await granted.root.refusal('resolve', 'no/such'), /^file_not_found/);
    await writeFile(join(granted.directory, 'a'), Buffer.from([0xff]));
    assert.match(await file.refusal('readAll', 'utf8'), /^value_unsupported/);
    truncateSync(join(granted.directory, 'a'), limits.read_bytes_max + 1);
    assert.match(await file.refusal('readAll'), /^value_too_large/);
    assert.match(await file.refusal('writeAt', limits.file_bytes_max, 'x'), /^quota_exceeded/);
  });

  it('no answer names a path of the host', async () => {
    mkdirSync(join(granted.directory, 'd'));
    writeFileSync(join(granted.directory, 'd', 'x'), '');
    const refusals = [
      await (await granted.file('a')).refusal('readAll'),
      await granted.root.refusal('remove', 'd'),
      await granted.root.refusal('mkdir', 'd'),
      await granted.root.refusal('rename', 'd', 'd/e'),
      await granted.root.refusal('stat', 'd/x/y'),
      await granted.root.refusal('remove', 'nothing'),
    ];
    for (const refusal of refusals) assert(!refusal.includes(granted.directory) && !refusal.includes('/proc'), refusal);
  });

  it('a file that is written anew keeps its permissions', async () => {
    const path = join(granted.directory, 'a');
    await writeFile(path, 'x');
    await chmod(path, 0o640);
    await (await granted.file('a')).call('write', 'y');
    assert.equal((await stat(path)).mode & 0o777, 0o640);
  });

  it('an append of one byte to a file of 1 GiB writes less than 64 KiB', async function () {
    const written = (): number => Number(/^wchar: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1]);
    if (process.platform !== 'linux') this.skip();
    const path = join(granted.directory, 'big');
    writeFileSync(path, '');
    truncateSync(path, 2 ** 30);
    const file = await granted.file('big');
    const before = written();
    await file.call('append', 'x');
    assert(written() - before < 64 * 1024, `${written() - before} bytes were written`);
    assert.equal(statSync(path).size, 2 ** 30 + 1);
  });

  it('changes that are made at once are all made', async () => {
    const file = await granted.file('a');
    await Promise.all(Array.from({ length: 50 }, (_, index) => file.call('append', `${index} `)));
    assert.equal(
      textOf(await file.call('readAll'))
        .trim()
        .split(' ').length,
      50,
    );
  });

  it('a change whose effect was made is not made again', async () => {
    const file = await granted.file('a');
    const call = file.prepare('append', ['x']);
    await file.run(call);
    await file.run(call);
    assert.equal(textOf(await file.call('readAll')), 'x');
  });

  it('a change whose caller has left before it began is not begun', async () => {
    const file = await granted.file('a');
    const answer = await file.run({ ...file.prepare('write', ['x']), signal: AbortSignal.abort() });
    assert('error' in answer && answer.error.code === 'cancelled');
    assert.deepEqual(readdirSync(granted.directory), ['.powerbox']);
  });

  it('effects that are forgotten leave the record, and it stays small', async () => {
    const file = await granted.file('a');
    for (let index = 0; index < 600; index++) {
      const call = file.prepare('truncate', [index % 2]);
      if (index === 0) await file.call('write', 'x');
      await file.run(call);
      await file.native.forget?.([call.effectId]);
    }
    assert(statSync(join(granted.directory, '.powerbox', 'effects')).size < 120_000);
  });

  it('outcomes that nobody forgets are kept to a bound, the newest of them', async function () {
    this.timeout(300_000);
    const effects = join(granted.directory, '.powerbox', 'effects');
    await granted.tree.close();
    const lines = Array.from({ length: limits.file_effects_max }, (_, index) => {
      const json = JSON.stringify({ id: index.toString(16).padStart(64, '0'), op: 'place', path: ['a'], inode: '1' });
      return `D ${createHash('sha256').update(json).digest('hex').slice(0, 16)} ${json}\n`;
    });
    writeFileSync(effects, lines.join(''));
    const again = await grantFiles({ root: granted.directory });
    const id = (index: number): Buffer => Buffer.from(index.toString(16).padStart(64, '0'), 'hex');
    assert.equal(await again.tree.ask(id(0)), 'applied');
    await (await again.file('a')).call('write', 'x');
    assert.equal(await again.tree.ask(id(0)), 'not_applied');
    assert.equal(await again.tree.ask(id(limits.file_effects_max - 1)), 'applied');
    await again.close();
  });

  it('on a full disk a file is as before', async function () {
    const mount = join(granted.directory, '..', `${granted.directory.split('/').at(-1)}-full`);
    mkdirSync(mount);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', mount], { stdio: 'ignore' });
    } catch {
      rmSync(mount, { recursive: true });
      this.skip();
    }
    try {
      const full = await grantFiles({ root: mount });
      const file = await full.file('a');
      await file.call('write', 'before');
      for (const [method, ...args] of [
        ['write', 'x'.repeat(400_000)],
        ['append', 'x'.repeat(400_000)],
        ['writeAt', 2, 'x'.repeat(400_000)],
      ] as const) {
        assert.match(await file.refusal(method, ...args), /^file_failed: .*ENOSPC/);
        assert.equal(textOf(await file.call('readAll')), 'before');
      }
      await file.call('append', ' and after');
      assert.equal(textOf(await file.call('readAll')), 'before and after');
      await full.close();
    } finally {
      execFileSync('umount', [mount]);
      rmSync(mount, { recursive: true });
    }
  });
});

describe('directories', () => {
  let granted: Granted;
  beforeEach(async () => {
    granted = await grantFiles();
  });
  afterEach(() => granted.close());

  it('are made, listed, looked at, moved and removed', async () => {
    await granted.root.call('mkdir', 'd');
    await (await granted.file('d/a')).call('write', 'abc');
    assert.deepEqual(await granted.root.call('list'), map([['d', 'directory']]));
    const stat = await granted.root.call('stat', 'd/a');
    assert(stat instanceof MapValue);
    assert.deepEqual([stat.keys, stat.items[0], stat.items[2]], [['kind', 'modified_ms', 'size'], 'file', 3]);
    assert.match(await granted.root.refusal('mkdir', 'd'), /^file_exists/);
    assert.match(await granted.root.refusal('remove', 'd'), /^file_failed: .*not empty/);
    await granted.root.call('rename', 'd/a', 'b');
    assert.match(await granted.root.refusal('rename', 'd', 'b'), /^file_exists/);
    await granted.root.call('remove', 'd');
    await granted.root.call('remove', 'b');
    assert.deepEqual(await granted.root.call('list'), map([]));
    assert.match(await granted.root.refusal('remove', 'b'), /^file_not_found/);
  });

  it('that were granted for reading are read, and nothing is written beneath them', async () => {
    const directory = await makeDirectory();
    writeFileSync(join(directory, 'a'), 'x');
    const reading = await grantFiles({ root: directory, readOnly: true });
    const file = await reading.file('a');
    assert.equal(textOf(await file.call('readAll')), 'x');
    for (const [method, ...args] of [
      ['write', 'y'],
      ['append', 'y'],
      ['writeAt', 0, 'y'],
      ['truncate', 0],
    ] as const) {
      assert.match(await file.refusal(method, ...args), /^not_available/);
    }
    await reading.close();
    assert.deepEqual(readdirSync(directory), ['a']);
    rmSync(directory, { recursive: true });
  });

  it('are changed by one powerbox at a time; one that is gone is succeeded', async () => {
    await assert.rejects(
      FileTree.open({ root: granted.directory, timers: realPlatform().timers }),
      (error: Error & { code?: string }) =>
        error.code === 'storage_locked' && error.message.includes(String(process.pid)),
    );
    writeFileSync(join(granted.directory, '.powerbox', 'owner'), JSON.stringify({ pid: 2 ** 22 + 1, started: '1' }));
    await (await FileTree.open({ root: granted.directory, timers: realPlatform().timers })).close();
  });

  it('whose record is damaged are not opened for writing', async () => {
    const file = await granted.file('a');
    await file.call('write', 'x');
    await file.call('write', 'y');
    await granted.tree.close();
    const path = join(granted.directory, '.powerbox', 'effects');
    const bytes = readFileSync(path);
    bytes[30] = (bytes[30] ?? 0) ^ 1;
    writeFileSync(path, bytes);
    await assert.rejects(FileTree.open({ root: granted.directory, timers: realPlatform().timers }), {
      code: 'storage_corrupt',
    });
  });
});
