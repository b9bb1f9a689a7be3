/** A list of items under one key shows the living in order, also to who walks it while items come and go. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Datum } from '../../src/space/items.ts';
import { Postings, PostingsCursor } from '../../src/space/postings.ts';

type Step =
  | { readonly kind: 'add'; readonly count: number }
  | { readonly kind: 'remove'; readonly at: number; readonly count: number }
  | { readonly kind: 'next'; readonly count: number }
  | { readonly kind: 'start' };

const share = fc.integer({ min: 0, max: 100 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('add' as const), count: fc.constantFrom(1, 2, 40) }),
  fc.record({ kind: fc.constant('remove' as const), at: share, count: fc.constantFrom(1, 2, 30, 100) }),
  fc.record({ kind: fc.constant('next' as const), count: fc.constantFrom(1, 5) }),
  fc.record({ kind: fc.constant('start' as const) }),
);

describe('space: postings', () => {
  it('a walk shows each item that lives when its turn comes once, in order, whatever is removed or added meanwhile', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const postings = new Postings<Datum>();
        let living: Datum[] = [];
        let number = 0;
        let cursor = new PostingsCursor(postings);
        let last = -1;
        for (const each of steps) {
          if (each.kind === 'add')
            for (let left = each.count; left > 0; left--) {
              const datum = new Datum([number], false, 0, number, -1);
              datum.number = number++;
              postings.add(datum);
              living.push(datum);
            }
          else if (each.kind === 'remove') {
            const from = Math.floor((living.length * each.at) / 101);
            for (const datum of living.slice(from, from + each.count)) {
              datum.gone = true;
              postings.removed();
            }
            living = [...living.slice(0, from), ...living.slice(from + each.count)];
          } else if (each.kind === 'start') {
            cursor = new PostingsCursor(postings);
            last = -1;
          } else
            for (let left = each.count; left > 0; left--) {
              const expected = living.find((datum) => datum.number > last) ?? null;
              assert.equal(cursor.peek(), expected);
              assert.equal(cursor.next(), expected);
              if (expected !== null) last = expected.number;
            }
          assert.equal(postings.live, living.length);
          for (const datum of living.slice(0, 3)) assert.equal(postings.byNumber(datum.number), datum);
          assert.equal(postings.byNumber(number), null);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
