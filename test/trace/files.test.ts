/** Traces as files: none is written over, and none is left behind by a space that did not open. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSpace } from '../../src/embedding/index.ts';
import { readBlocks } from '../../src/trace/blocks.ts';
import { bytesOf, openTraceFile } from '../../src/trace/index.ts';
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
});
