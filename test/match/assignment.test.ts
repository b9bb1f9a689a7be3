import assert from 'node:assert/strict';
import fc from 'fast-check';
import { firstAssignment } from '../../src/match/index.ts';

interface Item {
  readonly age: number;
  readonly persistent: boolean;
}
const sharable = (item: Item): boolean => item.persistent;
const age = (item: Item): number => item.age;

/** Tries every way, in lexicographic order of ages. */
function bruteForce(candidates: readonly (readonly Item[])[], chosen: readonly Item[] = []): readonly Item[] | null {
  const list = candidates[chosen.length];
  if (list === undefined) return chosen;
  for (const item of list) {
    if (!item.persistent && chosen.includes(item)) continue;
    const found = bruteForce(candidates, [...chosen, item]);
    if (found !== null) return found;
  }
  return null;
}

function arrangement(slotsMax: number, itemsMax: number, persistent: boolean): fc.Arbitrary<Item[][]> {
  return fc
    .array(persistent ? fc.boolean() : fc.constant(false), { minLength: 1, maxLength: itemsMax })
    .chain((flags) => {
      const items = flags.map((flag, index) => ({ age: index * 3 + 1, persistent: flag }));
      return fc.array(fc.subarray(items), { minLength: 1, maxLength: slotsMax });
    });
}

const ages = (found: readonly Item[] | null): readonly number[] | null => (found === null ? null : found.map(age));

describe('assignment of items to slots', () => {
  it('is the first in lexicographic order of ages among all ways that serve every slot', () => {
    fc.assert(
      fc.property(arrangement(6, 7, false), (candidates) => {
        assert.deepEqual(ages(firstAssignment(candidates, sharable, age)), ages(bruteForce(candidates)));
      }),
      { numRuns: 3_000 },
    );
  });

  it('lets a persistent item serve any number of slots', () => {
    fc.assert(
      fc.property(arrangement(5, 6, true), (candidates) => {
        assert.deepEqual(ages(firstAssignment(candidates, sharable, age)), ages(bruteForce(candidates)));
      }),
      { numRuns: 3_000 },
    );
  });

  it('is the same beyond the few slots that are looked through one by one', () => {
    fc.assert(
      fc.property(arrangement(12, 12, true), (candidates) => {
        const found = firstAssignment(candidates, sharable, age);
        // to find that there is none, brute force would take for ever
        if (found === null) return;
        for (const [slot, item] of found.entries()) assert.ok((candidates[slot] as Item[]).includes(item));
        const own = found.filter((item) => !item.persistent);
        assert.equal(new Set(own).size, own.length);
        assert.deepEqual(ages(found), ages(bruteForce(candidates)));
      }),
      { numRuns: 300 },
    );
  });

  it('needs no more candidates of a slot than there are slots', () => {
    fc.assert(
      fc.property(arrangement(5, 12, false), (candidates) => {
        const few = candidates.map((list) => list.slice(0, candidates.length));
        assert.deepEqual(ages(firstAssignment(few, sharable, age)), ages(bruteForce(candidates)));
      }),
      { numRuns: 2_000 },
    );
  });

  it('makes an earlier slot give way rather than leave a later one without', () => {
    const [one, two] = [
      { age: 1, persistent: false },
      { age: 2, persistent: false },
    ];
    assert.deepEqual(firstAssignment([[one, two], [one]], sharable, age), [two, one]);
  });

  it('knows an item by its age, whichever object stands for it', () => {
    const candidates = [[{ age: 1, persistent: false }], [{ age: 1, persistent: false }]];
    assert.equal(firstAssignment(candidates, sharable, age), null);
  });

  it('serves no slots with nothing, and a slot without candidates never', () => {
    assert.deepEqual(firstAssignment([], sharable, age), []);
    assert.equal(firstAssignment([[{ age: 1, persistent: true }], []], sharable, age), null);
  });

  it('serves 64 slots in well under a millisecond, even where every slot must give way', () => {
    const items = Array.from({ length: 65 }, (_, index) => ({ age: index, persistent: false }));
    // slot n wants items 0..n, and the last slot only item 0: it pushes everybody on by one
    const chain = items.slice(0, 63).map((_, slot) => items.slice(slot, slot + 2));
    const candidates = [...chain, [items[0] as Item]];
    const all = Array.from({ length: 64 }, () => items.slice(0, 64));
    for (const each of [candidates, all]) {
      let best_ms = Number.POSITIVE_INFINITY;
      for (let run = 0; run < 200; run++) {
        const start = performance.now();
        const found = firstAssignment(each, sharable, age);
        best_ms = Math.min(best_ms, performance.now() - start);
        assert.equal(found?.length, 64);
      }
      assert.ok(best_ms < 2, `${best_ms} ms`);
    }
  });
});
