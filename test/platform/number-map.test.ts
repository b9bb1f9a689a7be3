/** What comes and goes by number or by place: the same as a `Map` and a `Set`, but for what they leave behind. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { NOWHERE, NumberMap, Places } from '../../src/platform/index.ts';

describe('things by number', () => {
  it('are as in a map, in the order in which they came', () => {
    // Far apart and close together, so that some fall into one place.
    const number = fc.oneof(
      fc.nat(40),
      fc.nat(40).map((n) => n * 4096),
      fc.nat(40).map((n) => n + 2 ** 40),
    );
    const step = fc.record({ act: fc.constantFrom('set', 'set', 'delete'), number, value: fc.nat() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const ours = new NumberMap<number>();
        const model = new Map<number, number>();
        for (const { act, number: of, value } of steps) {
          if (act === 'set') {
            ours.set(of, value);
            model.set(of, value);
          } else assert.equal(ours.delete(of), model.delete(of));
          assert.equal(ours.size, model.size);
          assert.equal(ours.get(of), model.get(of));
          assert.equal(ours.has(of), model.has(of));
        }
        assert.deepEqual([...ours.values()], [...model.values()]);
        for (const [of, value] of model) assert.equal(ours.get(of), value);
      }),
    );
  });

  it('grow to very many and shrink to none', () => {
    const ours = new NumberMap<number>();
    for (let round = 0; round < 2; round++) {
      for (let number = 1; number <= 20_000; number++) ours.set(number, -number);
      assert.equal([...ours.values()].length, 20_000);
      for (let number = 20_000; number >= 1; number--) assert.ok(ours.delete(number));
      assert.deepEqual([ours.size, [...ours.values()]], [0, []]);
    }
  });

  it('may go while all of them are looked at: those that have gone are not shown', () => {
    const ours = new NumberMap<number>();
    for (let number = 0; number < 10; number++) ours.set(number, number);
    const seen: number[] = [];
    for (const each of ours.values()) {
      seen.push(each);
      ours.delete(each);
      ours.delete(each + 1);
      ours.set(100 + each, 100 + each);
    }
    assert.deepEqual(seen, [0, 2, 4, 6, 8]);
    assert.deepEqual([...ours.values()], [100, 102, 104, 106, 108]);
  });
});

describe('things that know their places', () => {
  it('are as in a set', () => {
    const step = fc.record({ item: fc.nat(9), act: fc.constantFrom('enter', 'leave', 'all') });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const items = Array.from({ length: 10 }, () => ({ place: NOWHERE }));
        const ours = new Places<{ place: number }>();
        const model = new Set<{ place: number }>();
        for (const { item: index, act } of steps) {
          const item = items[index] as { place: number };
          if (act === 'enter') {
            ours.enter(item);
            model.add(item);
          } else if (act === 'leave') assert.equal(ours.leave(item), model.delete(item));
          else if (index === 0) {
            assert.deepEqual(new Set(ours.takeAll()), model);
            model.clear();
          }
          assert.equal(ours.size, model.size);
          assert.deepEqual(new Set(ours.all()), model);
        }
      }),
    );
  });
});
