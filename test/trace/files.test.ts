/** Traces as files: none is written over, and none is left behind by a space that did not open. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type OpenOptions, openSpace } from '../../src/embedding/index.ts';
import { limits } from '../../src/limits.ts';
import { readBlocks } from '../../src/trace/blocks.ts';
import { bytesOf, createTraceFile, openTraceFile } from '../../src/trace/index.ts';
import { skipWith } from '../store/support/place.ts';
import { replays, replayTrace } from './support.ts';

describe('the file of a trace', () => {
  let directory = '';
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'powerbox-trace-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it('is gone when the space could not be opened, and there when it could', async () => {
    const data = join(directory, 'space');
    const trace = join(directory, 'one.trace');
    const left = await openSpace({ data, unfinished: 'hold', onFailure: () => {} });
    // Nobody answers there, so the deploy waits for a runner.
    await left.run('new late(`native:late`) in { late!("hello") }', { name: 'late.rho' }).catch(() => undefined);
    await left.run('@"a"!(1) | for (@x <- @"a") { @"b"!(x) }', { name: 'left.rho' });
    await left.close();
    await assert.rejects(openSpace({ data, trace, unfinished: 'refuse' }), { code: 'unfinished_work' });
    assert.equal(existsSync(trace), false);
    const opened = await openSpace({ data, trace });
    await opened.quiescent();
    assert.deepEqual(await opened.take('b'), [1]);
    await opened.close();
    await replays(new Uint8Array(readFileSync(trace)));
  });

  it('that was there before stays as it is', async () => {
    const trace = join(directory, 'mine');
    writeFileSync(trace, 'something of mine');
    await assert.rejects(openSpace({ trace }), { code: 'config_invalid', message: /it is there already/ });
    assert.equal(readFileSync(trace, 'utf8'), 'something of mine');
  });

  it('holds large messages that were there before, however many blocks they take', async () => {
    const data = join(directory, 'space');
    const trace = join(directory, 'large.trace');
    const before = await openSpace({ data, grants: { stdio: false } });
    for (let n = 0; n < 5; n++) await before.produce('kept', [n, `${n}`.repeat(900_000)]);
    await before.close();
    const space = await openSpace({ data, trace, grants: { stdio: false } });
    await space.run('for (@n, @x <- @"kept"; @m, @y <- @"kept") { @"out"!(n, x.length(), m, y.length()) }');
    await space.quiescent();
    assert.deepEqual(await space.take('out'), [0, 900_000, 1, 900_000]);
    await space.close();
    const blocks = [...readBlocks(bytesOf(new Uint8Array(readFileSync(trace))))];
    assert.ok(blocks.filter(({ kind }) => kind === 'turns').length > 1);
    await replays(new Uint8Array(readFileSync(trace)));
  });

  it('of messages of many sizes reads as its bytes in memory do, and replays from the file', async () => {
    const trace = join(directory, 'sizes.trace');
    const space = await openSpace({ trace, trace_keyframe_bytes: 0, grants: { stdio: false } });
    await space.run('contract @"in"(@n, @x) = { if (n % 2 == 0) { @"kept"!(n, x) } }');
    // Up to and beyond what is expanded in one piece, growing and shrinking.
    for (const [n, size] of [10, 400_000, 3, 5_000_000, 70_000, 0, 900_000].entries())
      await space.produce('in', [n, `${n}`.repeat(size)]);
    await space.quiescent();
    await space.close();
    const bytes = new Uint8Array(readFileSync(trace));
    const file = openTraceFile(trace);
    const inMemory = [...readBlocks(bytesOf(bytes))];
    // Those of the file are asked for one by one, and again when all have been read: that is never another block.
    const inFile = [];
    for (const block of readBlocks(file)) {
      assert.deepEqual(block.body, inMemory[inFile.length]?.body);
      inFile.push(block);
    }
    for (const [index, { body }] of inFile.entries()) assert.deepEqual(body, inMemory[index]?.body);
    file.close();
    assert.equal(inFile.length, inMemory.length);
    const report = await replayTrace(trace);
    assert.deepEqual([report.complete, report.turns], [true, await replays(bytes)]);
  });

  it('holds all that was written when it is closed, in its order, whatever is being written then', async () => {
    const whole = join(directory, 'whole');
    const sink = createTraceFile(whole);
    const written: Uint8Array[] = [];
    for (let n = 0; n < 300; n++) {
      const part = new Uint8Array((n * 7919) % 90_000).fill(n);
      written.push(part);
      sink.write(part);
      // Between some of them what was written before is handed over, and being written.
      if (n % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    sink.close();
    assert.ok(readFileSync(whole).equals(Buffer.concat(written)));
  });

  it('that cannot grow any more is told of once, and the space goes on', async function () {
    const place = join(directory, 'small');
    mkdirSync(place);
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', place], { encoding: 'utf8' });
    if (mounted.status !== 0) skipWith(this, `a full disk needs a file system of its own: ${mounted.stderr}`);
    try {
      const told: string[] = [];
      const onFailure: OpenOptions['onFailure'] = ({ source, message }) => {
        if (source === 'trace') told.push(message);
      };
      const space = await openSpace({ trace: join(place, 'one.trace'), grants: { stdio: false }, onFailure });
      for (let n = 0; n < 300; n++) await space.produce('in', [n, randomBytes(10_000).toString('base64')]);
      // A call under way is told of when it has ended.
      while (told.length === 0) await new Promise((resolve) => setImmediate(resolve));
      await space.produce('in', ['after']);
      await space.close();
      assert.equal(told.length, 1);
      assert.match(told[0] ?? '', /^the trace breaks off here: ENOSPC/);
      await assert.rejects(replayTrace(join(place, 'one.trace')), { code: 'trace_invalid', message: /breaks off/ });
    } finally {
      spawnSync('umount', ['-l', place]);
    }
  });

  it('is compressed while that makes it much shorter, and again when it does', async () => {
    const trace = join(directory, 'mixed.trace');
    const space = await openSpace({ trace, grants: { stdio: false } });
    await space.run('contract @"in"(@n, @x) = { @"got"!(n) }');
    const produce = async (count: number, textOf: (n: number) => string): Promise<void> => {
      for (let n = 0; n < count; n++) await space.produce('in', [n, textOf(n)]);
    };
    await produce(200, () => randomBytes(15_000).toString('base64'));
    await produce(400, (n) => `${n} says what it says, `.repeat(1000));
    await space.close();
    const bytes = new Uint8Array(readFileSync(trace));
    // What is cut by time, or by the end, may be a few words, which nothing makes shorter.
    const large = limits.trace_block_bytes / 8;
    const turns = [...readBlocks(bytesOf(bytes))].filter(({ kind, body }) => kind === 'turns' && body.length > large);
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const shares = turns.map(({ at, body }) => view.getUint32(at + 13) / body.length);
    const said = shares.map((share) => share.toFixed(2)).join(' ');
    assert.ok(shares.slice(0, 10).filter((share) => share === 1).length > 5, said);
    // What comes now would fill 30 blocks, and one in eight is tried.
    assert.ok(
      shares.slice(-10).every((share) => share < 0.5),
      said,
    );
    await replays(bytes);
  });
});
