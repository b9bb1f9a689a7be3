/** What is read without its schema is what the schema reads, and what the schema refuses is refused with its words. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { PowerboxError } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';
import { Bytes, List, list, map, tuple, type Value, Wildcard } from '../../src/values/index.ts';
import { readClientMessage } from '../../src/wire/index.ts';

const odd: fc.Arbitrary<Value> = fc.oneof(
  fc.constantFrom<Value>(null, true, false, '', 0, -1, 1n << 40n, Number.MAX_SAFE_INTEGER, Wildcard.the),
  fc.constantFrom<Value>(list([]), tuple([]), map([]), map([['limit_ms', 1]]), new Bytes(new Uint8Array(3))),
  fc.constantFrom<Value>(new List([], Wildcard.the), new List(['a'], Wildcard.the), list(['a', null, true, 1])),
  fc.integer(),
  fc.string(),
  fc.nat(300).map((length) => 'm'.repeat(length)),
);
const value = fc.oneof(
  odd,
  fc.array(odd, { maxLength: 4 }).map((items) => list(items)),
);
const id = fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 1 }) }, { weight: 1, arbitrary: odd });
const often = (likely: fc.Arbitrary<Value>): fc.Arbitrary<Value> =>
  fc.oneof({ weight: 4, arbitrary: likely }, { weight: 1, arbitrary: value });
const message = fc.oneof(
  fc.array(value, { maxLength: 4 }).map((items) => list(items)),
  fc
    .constantFrom(limits.message_values_max, limits.message_values_max + 1)
    .map((length) => list(Array.from({ length }, () => 0))),
);
const slot = fc
  .tuple(value, fc.oneof(value, fc.constant(undefined)), fc.oneof(fc.boolean(), fc.constant(undefined)))
  .map((parts) => list(parts.slice(0, parts.includes(undefined) ? parts.indexOf(undefined) : 3) as Value[]));
const slots = fc
  .array(often(slot), { maxLength: limits.join_channels_max + 1, size: 'max' })
  .map((items): Value => list(items));
const method = fc.oneof(
  fc.constant(null),
  fc.constantFrom(0, 1, 256, 257).map((length) => 'm'.repeat(length)),
);

/** As long as the plain form is; each part is what it should be, or is not. */
const parts: fc.Arbitrary<readonly Value[]> = fc.oneof(
  fc.tuple(fc.constant('produce'), id, value, often(message)),
  fc.tuple(fc.constantFrom('take', 'peek'), id, often(slots)),
  fc.tuple(fc.constant('call'), id, value, often(method), often(message)),
);

function told(parts: readonly Value[]): unknown {
  try {
    return readClientMessage(parts);
  } catch (error) {
    assert.ok(error instanceof PowerboxError && error.code === 'wire_invalid', String(error));
    return error.message;
  }
}

describe('plain messages', () => {
  it('are read as their schema reads them, and refused in its words', () => {
    const seen = { taken: 0, refused: 0 };
    fc.assert(
      fc.property(parts, (plain) => {
        const found = told(plain);
        if (typeof found === 'string') seen.refused++;
        else seen.taken++;
        // Options that say nothing: the same message, of a form that only the schema reads.
        assert.deepEqual(found, told([...plain, map([])]));
      }),
      { numRuns: 2000 },
    );
    // Both of them, many times: else the law would hold of nothing.
    assert.ok(seen.taken > 100 && seen.refused > 100, JSON.stringify(seen));
  });

  it('that have a part too many are refused', () => {
    fc.assert(
      fc.property(parts, odd, (plain, more) => {
        fc.pre(typeof told(plain) !== 'string' && !(typeof more === 'object' && more !== null && 'keys' in more));
        assert.equal(typeof told([...plain, more]), 'string');
      }),
    );
  });
});
