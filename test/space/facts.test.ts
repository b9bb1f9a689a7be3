/** Facts hold what a map of their keys holds, whether a key ends in a number or only looks like it. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Facts } from '../../src/space/facts.ts';

const KEYS = [
  'effect/1',
  'effect/2',
  'effect/10',
  'effect/010',
  'effect/',
  'effect',
  'effect/1a',
  '1',
  '/1',
  'usage/1',
  'a/b/7',
  'effect/0',
  'effect/00',
  'effect/999999999999999',
  'effect/9999999999999999',
  'effect/-1',
  'effect/١',
  '',
];

describe('space: facts', () => {
  it('are what a map of their keys would be, under every key', () => {
    const step = fc.record({
      key: fc.constantFrom(...KEYS),
      value: fc.option(fc.nat(9), { nil: undefined, freq: 2 }),
      goes: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const facts = new Facts<number | undefined>();
        const map = new Map<string, number | undefined>();
        for (const { key, value, goes } of steps) {
          if (goes) {
            facts.delete(key);
            map.delete(key);
          } else {
            facts.set(key, value);
            map.set(key, value);
          }
          for (const one of KEYS) assert.deepEqual([facts.get(one), facts.has(one)], [map.get(one), map.has(one)], one);
          assert.equal(facts.size, map.size);
          assert.deepEqual([...facts.entries()].sort(byKey), [...map].sort(byKey));
        }
      }),
    );
  });

  it('that are looked up and were never there leave nothing behind', () => {
    const facts = new Facts<number>();
    for (let number = 0; number < 100; number++) assert.equal(facts.get(`kind${number}/${number}`), undefined);
    assert.deepEqual([facts.size, [...facts.entries()]], [0, []]);
  });
});

function byKey([one]: readonly [string, unknown], [other]: readonly [string, unknown]): number {
  return one < other ? -1 : 1;
}
