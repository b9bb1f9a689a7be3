/** Persistent continuations that accept the same messages: nobody keeps the others from being served. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { realPlatform } from '../../src/platform/index.ts';
import { openStore } from '../../src/store/index.ts';
import { anything, exactly, openLab } from './support/lab.ts';

describe('space: contracts that accept the same messages', () => {
  it('get them in turn, also over a reopening', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'space-turns-'));
    const open = async () => openLab(await openStore({ directory, durability: 'os', platform: realPlatform() }));
    let lab = await open();
    for (const label of ['a', 'b', 'c']) await lab.consume(['x'], [anything], { persist: true, label });
    const served: string[] = [];
    for (let send = 0; send < 7; send++) {
      if (send === 4) {
        await lab.close();
        lab = await open();
      }
      await lab.produce('x', send);
      served.push(...lab.fired().map(({ label }) => label));
    }
    assert.deepEqual(served, ['a', 'b', 'c', 'a', 'b', 'c', 'a']);
    assert.equal(lab.waiting('x'), 3);
    await lab.close();
    await rm(directory, { recursive: true, force: true });
  });

  it('keep their place when nobody else could have had the message', async () => {
    const lab = await openLab();
    await lab.consume(['x'], [anything], { persist: true, label: 'all' });
    await lab.consume(['x'], [exactly(2)], { persist: true, label: 'two' });
    for (const value of [1, 1, 2, 2, 2]) await lab.produce('x', value);
    // The first `2` is contested and goes to the older; then they take turns.
    assert.deepEqual(
      lab.fired().map(({ label }) => label),
      ['all', 'all', 'all', 'two', 'all'],
    );
    await lab.close();
  });

  it('go on repeating with persistent messages when they have given way', async () => {
    const lab = await openLab();
    await lab.produce('x', 0, { persist: true });
    await lab.consume(['x'], [anything], { persist: true, label: 'a' });
    await lab.consume(['x'], [anything], { persist: true, label: 'b' });
    for (let send = 1; send <= 4; send++) await lab.produce('x', send);
    lab.fired();
    await lab.settle();
    const labels = new Set(lab.fired().map(({ label }) => label));
    assert.deepEqual([...labels].sort(), ['a', 'b']);
    await lab.close();
  });
});
