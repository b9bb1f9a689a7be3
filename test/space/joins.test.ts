/** Joins that stay: after a turn nothing lies that they could still meet. */
import assert from 'node:assert/strict';
import { anything, type Lab, openLab } from './support/lab.ts';

describe('space: persistent joins', () => {
  let lab: Lab;
  beforeEach(async () => {
    lab = await openLab();
  });
  afterEach(() => lab.close());

  it('one that only looks at a message takes all that lies for its other slots when the message comes', async () => {
    for (const value of [1, 2, 3]) await lab.produce('b', value);
    await lab.consume(['a', 'b'], [anything, anything], { persist: true, peeks: [0] });
    assert.deepEqual(lab.fired(), []);
    await lab.produce('a', 0);
    assert.deepEqual(
      lab.fired().map(({ captures }) => captures),
      [
        [0, 1],
        [0, 2],
        [0, 3],
      ],
    );
    assert.deepEqual([lab.data('a'), lab.data('b')], [[0], []]);
  });

  it('so does one that meets a persistent message', async () => {
    for (const value of [1, 2, 3]) await lab.produce('b', value);
    await lab.consume(['a', 'b'], [anything, anything], { persist: true });
    await lab.produce('a', 0, { persist: true });
    assert.deepEqual(
      lab.fired().map(({ captures }) => captures),
      [
        [0, 1],
        [0, 2],
        [0, 3],
      ],
    );
    assert.deepEqual([lab.data('a'), lab.data('b')], [[0], []]);
  });

  it('one that takes the message takes one of the others', async () => {
    for (const value of [1, 2, 3]) await lab.produce('b', value);
    await lab.consume(['a', 'b'], [anything, anything], { persist: true });
    await lab.produce('a', 0);
    assert.deepEqual(
      lab.fired().map(({ captures }) => captures),
      [[0, 1]],
    );
    assert.deepEqual([lab.data('a'), lab.data('b')], [[], [2, 3]]);
  });
});
