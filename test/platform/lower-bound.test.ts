/** Where something stands, or would. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { lowerBound } from '../../src/platform/index.ts';

describe('platform: the place of something in what is in order', () => {
  it('is the first that is not below it, as a look at each one tells', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(50)), fc.nat(50), fc.nat(10), (unsorted, wanted, skipped) => {
        const numbers = unsorted.toSorted((one, other) => one - other);
        const start = Math.min(skipped, numbers.length);
        const found = lowerBound(start, numbers.length, (place) => (numbers[place] as number) < wanted);
        const first = numbers.findIndex((number, place) => place >= start && number >= wanted);
        assert.equal(found, first < 0 ? numbers.length : first);
      }),
    );
  });

  it('is found among numbers beyond 32 bits, with few looks', () => {
    let looks = 0;
    const wanted = 2 ** 52 + 12_345;
    const found = lowerBound(0, Number.MAX_SAFE_INTEGER, (place) => {
      looks++;
      return place < wanted;
    });
    assert.equal(found, wanted);
    assert.ok(looks <= 53, `${looks}`);
  });
});
