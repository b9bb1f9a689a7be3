import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  Bundle,
  Float,
  Kind,
  List,
  Par,
  bundle,
  compare,
  conjunction,
  disjunction,
  equal,
  float,
  int,
  isWellFormed,
  kindOf,
  list,
  map,
  mapOf,
  par,
  set,
  uri,
} from '../../src/values/index.ts';
import type { Value } from '../../src/values/index.ts';
import { alikeValue, anyValue } from './arbitrary.ts';

function strictlyAscending(items: readonly Value[]): boolean {
  return items.every((item, index) => index === 0 || compare(items[index - 1] as Value, item) < 0);
}

describe('the constructors', () => {
  it('sort a set and keep each item once', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(alikeValue, anyValue)), (items) => {
        const built = set(items);
        assert.ok(strictlyAscending(built.items));
        for (const item of items) assert.equal(built.items.filter((each) => equal(each, item)).length, 1);
        for (const item of built.items) assert.ok(items.some((each) => equal(each, item)));
      }),
    );
  });

  it('make the same map of keys and items beside them, and none when a key comes twice', () => {
    fc.assert(
      fc.property(fc.array(alikeValue, { maxLength: 40 }), (keys) => {
        const items = keys.map((_, index) => index);
        const built = mapOf([...keys], [...items]);
        const expected = map(keys.map((key, index) => [key, index] as const));
        if (built === null) assert.ok(expected.keys.length < keys.length);
        else assert.ok(equal(built, expected) && built.keys.length === keys.length);
      }),
    );
  });

  it('sort a map by key and let the later of two pairs win', () => {
    fc.assert(
      fc.property(fc.array(alikeValue), (keys) => {
        const built = map(keys.map((key, index) => [key, index] as const));
        assert.ok(strictlyAscending(built.keys));
        assert.equal(built.items.length, built.keys.length);
        for (const [at, key] of built.keys.entries()) {
          const last = keys.findLastIndex((each) => equal(each, key));
          assert.equal(built.items[at], last);
        }
      }),
    );
    assert.equal(
      map([
        ['a', 1],
        ['a', 2],
        ['a', 3],
      ]).items[0],
      3,
    );
  });

  it('make parallel composition a flat sorted multiset without nil', () => {
    fc.assert(
      fc.property(alikeValue, alikeValue, alikeValue, (a, b, c) => {
        assert.ok(equal(par([a, b]), par([b, a])));
        assert.ok(equal(par([a, par([b, c])]), par([par([a, b]), c])));
        assert.ok(equal(par([a, null]), a));
        assert.ok(equal(par([]), null));
        const built = par([a, b, c]);
        if (built instanceof Par) {
          assert.ok(built.parts.every((each) => each !== null && kindOf(each) !== Kind.Par));
          assert.ok(built.parts.every((each, at) => at === 0 || compare(built.parts[at - 1] as Value, each) <= 0));
        }
      }),
    );
    assert.equal((par([1, 1]) as Par).parts.length, 2);
  });

  it('leave a bundle of a bundle the rights that both leave', () => {
    fc.assert(
      fc.property(fc.boolean(), fc.boolean(), fc.boolean(), fc.boolean(), (a, b, c, d) => {
        const built = bundle(bundle('x', a, b), c, d);
        assert.ok(equal(built, new Bundle('x', a && c, b && d)));
      }),
    );
  });

  it('wrap an Int to 64 bits and keep it a number where that is exact', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(1n << 70n), max: 1n << 70n }), (n) => {
        const built = int(n);
        assert.equal(BigInt(built), BigInt.asIntN(64, n));
        assert.equal(
          typeof built === 'number',
          Number.isSafeInteger(Number(BigInt.asIntN(64, n))) && BigInt(built) === BigInt(Number(built)),
        );
      }),
    );
    assert.equal(int(2n ** 63n), -(2n ** 63n));
    assert.equal(typeof int(2n ** 53n - 1n), 'number');
    assert.equal(typeof int(2n ** 53n), 'bigint');
  });

  it('know one NaN and no -0', () => {
    assert.ok(Object.is(float(-0).value, 0));
    assert.ok(equal(float(Number.NaN), new Float(0 / 0)));
  });

  it('keep the order of connectives, and take one part as itself and none for a mistake', () => {
    assert.equal(conjunction([7]), 7);
    assert.equal(disjunction([7]), 7);
    assert.ok(!equal(disjunction([1, 2]), disjunction([2, 1])));
    assert.throws(() => conjunction([]), /at least one part/);
  });

  it('tell text with a lone surrogate from text without', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => isWellFormed(text)));
    for (const text of ['\ud800', 'a\udc00b', '\udc00\ud800', '😀\ud83d']) assert.equal(isWellFormed(text), false);
    assert.throws(() => uri('\ud800'), /well-formed/);
    assert.ok(list([]) instanceof List);
  });
});
