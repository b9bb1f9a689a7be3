import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  BigInteger,
  Bytes,
  Float,
  Send,
  Wildcard,
  bytes,
  channelKey,
  decodeValue,
  encodeValue,
  equal,
  float,
  indexKey,
  list,
  set,
  tuple,
} from '../../src/values/index.ts';
import { limits } from '../../src/limits.ts';
import { alikeValue, anyLeaf, anyValue, groundValue, nested, readName } from './arbitrary.ts';

describe('an index key', () => {
  const some = fc.oneof(anyLeaf, groundValue, alikeValue, anyValue);

  it('is equal for equal values and different for different ones', () => {
    fc.assert(
      fc.property(some, some, (a, b) => {
        const key = indexKey(a);
        assert.equal(key, indexKey(decodeValue(encodeValue(a), readName)));
        const other = indexKey(b);
        if (key !== undefined && other !== undefined) assert.equal(new Set([key, other]).size === 1, equal(a, b));
      }),
      { numRuns: 5_000 },
    );
  });

  it('is there for every small ground value and for nothing that is not ground', () => {
    for (const value of [
      null,
      true,
      0,
      -1,
      2n ** 60n,
      'a',
      '',
      float(1),
      float(Number.NaN),
      bytes(Uint8Array.of(1)),
      list([1, 'a']),
      tuple([]),
      set([1]),
    ]) {
      assert.notEqual(indexKey(value), undefined);
    }
    for (const value of [Wildcard.the, list([1], Wildcard.the), list([Wildcard.the]), new Send(1, [], false)]) {
      assert.equal(indexKey(value), undefined);
    }
  });

  it('tells text from bytes whatever the text starts with', () => {
    const value = tuple([1]);
    const key = indexKey(value) as string;
    for (const text of [key, `\u0001${key}`, '\u0000', '\u0001', '\u0001\u0000']) {
      assert.notEqual(indexKey(text), key);
      assert.equal(new Set([indexKey(text), indexKey(`\u0001${text}`), indexKey(`\u0000${text}`)]).size, 3);
    }
    assert.notEqual(indexKey(1), indexKey(new Float(1)));
    assert.notEqual(indexKey(1), indexKey(new BigInteger(1n)));
    assert.notEqual(indexKey('1'), indexKey(1));
  });

  it('is not made of what is long or deep, and costs little to refuse', () => {
    const most = limits.index_key_bytes_max;
    assert.equal(indexKey('a'.repeat(most)), 'a'.repeat(most));
    assert.equal(indexKey('a'.repeat(most + 1)), undefined);
    assert.equal(indexKey(new Bytes(new Uint8Array(10_000_000))), undefined);
    assert.equal(indexKey(new BigInteger(1n << 1_000_000n)), undefined);
    assert.equal(indexKey(list(new Array<number>(1_000_000).fill(1))), undefined);
    assert.equal(indexKey(nested(100_000)), undefined);
    let doubled = list([1]);
    for (let round = 0; round < 60; round++) doubled = list([doubled, doubled]);
    assert.equal(indexKey(doubled), undefined);
  });
});

describe('a channel key', () => {
  it('is equal for equal channels and different for different ones', () => {
    const some = fc.oneof(anyLeaf, alikeValue, anyValue);
    fc.assert(
      fc.property(some, some, (a, b) => {
        assert.equal(channelKey(a), channelKey(decodeValue(encodeValue(a), readName)));
        assert.equal(channelKey(a) === channelKey(b), equal(a, b));
      }),
      { numRuns: 3_000 },
    );
  });
});
