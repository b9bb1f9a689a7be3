/** A set of numbers in rows is the sorted array of those numbers, whatever was written, forgotten and read between. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { NumberSet, type SetRows } from '../../src/space/number-set.ts';
import { Decoder, Encoder, type Name } from '../../src/values/index.ts';

type Step =
  | { readonly kind: 'add'; readonly count: number; readonly gap: number }
  | { readonly kind: 'delete'; readonly at: number; readonly count: number }
  | { readonly kind: 'after'; readonly at: number }
  | { readonly kind: 'walk' | 'flush' | 'unload' | 'reopen' | 'count' };

const share = fc.integer({ min: 0, max: 1000 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('add' as const),
      count: fc.constantFrom(1, 3, 70, 900, 1500),
      gap: fc.integer({ min: 1, max: 5 }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('delete' as const),
      at: share,
      count: fc.constantFrom(1, 2, 60, 800, 5000),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('after' as const), at: share }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom('walk' as const, 'flush' as const, 'unload' as const, 'reopen' as const, 'count' as const),
    }),
  },
);

const noNames = (): Name => {
  throw new Error('no names here');
};

/** Rows in memory; with `rooted` the root is in a row of the set's own, else its owner keeps it. */
class Twin {
  readonly rows = new Map<number | null, Uint8Array>();
  readonly encoder = new Encoder();
  readonly access: SetRows;
  set: NumberSet;
  root: Uint8Array | null = null;
  reads = 0;

  constructor(readonly rooted: boolean) {
    this.set = new NumberSet(rooted);
    this.access = {
      read: (first) => {
        this.reads++;
        return this.rows.get(first);
      },
      write: (first, value) => {
        if (first === null && !rooted) return;
        if (value === null) this.rows.delete(first);
        else this.rows.set(first, value.slice());
      },
    };
  }

  flush(): void {
    this.set.flush(this.encoder, this.access);
    if (this.rooted) return;
    this.encoder.reset();
    this.set.writeRoot(this.encoder);
    this.root = this.encoder.finish().slice();
  }

  /** As a new process finds it. */
  reopen(): void {
    this.flush();
    this.set = new NumberSet(this.rooted);
    if (this.root !== null) this.set.readRoot(new Decoder(this.root, noNames));
  }
}

function check(steps: readonly Step[], rooted: boolean): void {
  const twin = new Twin(rooted);
  let model: number[] = [];
  let next = 0;
  for (const each of steps) {
    switch (each.kind) {
      case 'add':
        for (let left = each.count; left > 0; left--) {
          next += each.gap;
          model.push(next);
          twin.set.add(next);
        }
        break;
      case 'delete': {
        const from = Math.floor((model.length * each.at) / 1001);
        for (const number of model.slice(from, from + each.count)) twin.set.delete(number);
        model = [...model.slice(0, from), ...model.slice(from + each.count)];
        break;
      }
      case 'after': {
        const number = Math.floor((next * each.at) / 1000);
        assert.equal(twin.set.after(number, twin.access), model.find((found) => found > number) ?? -1);
        break;
      }
      case 'walk': {
        const found: number[] = [];
        for (let number = twin.set.after(-1, twin.access); number >= 0; number = twin.set.after(number, twin.access))
          found.push(number);
        assert.deepEqual(found, model);
        break;
      }
      case 'count':
        assert.equal(twin.set.count(twin.access), model.length);
        break;
      case 'flush':
        twin.flush();
        break;
      case 'unload':
        twin.set.unload();
        break;
      case 'reopen':
        twin.reopen();
        break;
      default:
        each satisfies never;
    }
  }
  twin.reopen();
  if (model.length === 0) assert.equal(twin.rows.size, 0, 'an empty set leaves no row');
  const found: number[] = [];
  for (let number = twin.set.after(-1, twin.access); number >= 0; number = twin.set.after(number, twin.access))
    found.push(number);
  assert.deepEqual(found, model);
}

describe('space: a set of numbers in rows', () => {
  for (const rooted of [true, false])
    it(`is a sorted array, ${rooted ? 'with a root of its own' : 'with its root in the row of its owner'}`, () => {
      fc.assert(
        fc.property(fc.array(step, { maxLength: 30 }), (steps) => check(steps, rooted)),
        { numRuns: 300 },
      );
    });

  it('adds and deletes without reading anything, and finds the first of a million numbers with two reads', () => {
    const twin = new Twin(true);
    for (let number = 0; number < 1_000_000; number++) twin.set.add(number);
    twin.reopen();
    twin.reads = 0;
    for (let number = 2_000_000; number < 2_000_100; number++) twin.set.add(number);
    twin.set.delete(500_000);
    assert.equal(twin.reads, 0);
    assert.equal(twin.set.after(-1, twin.access), 0);
    assert.equal(twin.reads, 2);
    assert.equal(twin.set.after(499_999, twin.access), 500_001);
    assert.equal(twin.reads, 3);
  });
});
