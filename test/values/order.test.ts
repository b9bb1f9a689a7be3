import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  Name,
  SetValue,
  Wildcard,
  compare,
  compareText,
  decodeValue,
  encodeValue,
  equal,
  float,
  int,
  list,
  map,
  par,
  set,
  tuple,
} from '../../src/values/index.ts';
import type { Value } from '../../src/values/index.ts';
import { alikeValue, anyText, anyValue, nested, readName, testNames } from './arbitrary.ts';

const mixed = fc.oneof(alikeValue, anyValue);

const shuffledItems = fc
  .array(mixed, { maxLength: 6 })
  .chain((items) =>
    fc.shuffledSubarray(items, { minLength: items.length }).map((shuffled) => [items, shuffled] as const),
  );

function again(value: Value): Value {
  return decodeValue(encodeValue(value), readName);
}

describe('order by value', () => {
  it('is antisymmetric, and zero exactly where equal is true', () => {
    fc.assert(
      fc.property(mixed, mixed, (a, b) => {
        assert.equal(Math.sign(compare(a, b)), -Math.sign(compare(b, a)) + 0);
        assert.equal(equal(a, b), compare(a, b) === 0);
        assert.equal(equal(b, a), equal(a, b));
      }),
      { numRuns: 5_000 },
    );
  });

  it('is transitive', () => {
    fc.assert(
      fc.property(mixed, mixed, mixed, (a, b, c) => {
        const [x, y, z] = [a, b, c].sort(compare) as [Value, Value, Value];
        assert.ok(compare(x, y) <= 0 && compare(y, z) <= 0 && compare(x, z) <= 0);
        if (compare(x, y) === 0) assert.equal(Math.sign(compare(x, z)), Math.sign(compare(y, z)));
      }),
      { numRuns: 5_000 },
    );
  });

  it('calls equal what is equal in structure, also under other objects', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        assert.ok(equal(value, again(value)));
        assert.equal(compare(value, again(value)), 0);
      }),
    );
  });

  it('is the same for values and for what their bytes decode to', () => {
    fc.assert(
      fc.property(mixed, mixed, (a, b) => {
        assert.equal(Math.sign(compare(a, b)), Math.sign(compare(again(a), again(b))));
        assert.equal(equal(a, b), equal(again(a), b));
      }),
    );
  });

  it('sorts text by code point, not by UTF-16 unit', () => {
    fc.assert(
      fc.property(anyText, anyText, (a, b) => {
        const left = [...a].map((each) => each.codePointAt(0) as number);
        const right = [...b].map((each) => each.codePointAt(0) as number);
        let expected = Math.sign(left.length - right.length);
        for (let index = Math.min(left.length, right.length) - 1; index >= 0; index--) {
          const difference = Math.sign((left[index] as number) - (right[index] as number));
          if (difference !== 0) expected = difference;
        }
        assert.equal(Math.sign(compareText(a, b)), expected);
      }),
    );
    assert.ok(compare('\uffff', '\u{10000}') < 0);
    assert.ok('\uffff' > '\u{10000}', 'JavaScript itself says otherwise');
  });

  it('puts types by rank and numbers of one type by size', () => {
    const ascending: Value[] = [
      null,
      false,
      true,
      int(-(2n ** 63n)),
      -(2 ** 53) + 1,
      -1,
      0,
      2 ** 53 - 1,
      int(2n ** 63n - 1n),
      float(-Infinity),
      float(0.5),
      float(Infinity),
      float(Number.NaN),
      '',
      'a',
      'aa',
      'b',
      list([]),
      list([1]),
      list([1, 1]),
      list([2]),
      tuple([]),
      set([]),
      map([]),
    ];
    for (let index = 1; index < ascending.length; index++) {
      assert.ok(compare(ascending[index - 1] as Value, ascending[index] as Value) < 0, `element ${index}`);
    }
  });

  it('compares maps pair by pair: key, item, next key', () => {
    assert.ok(
      compare(
        map([
          ['a', 1],
          ['b', 1],
        ]),
        map([['a', 2]]),
      ) < 0,
    );
    assert.ok(
      compare(
        map([['a', 1]]),
        map([
          ['a', 1],
          ['b', 0],
        ]),
      ) < 0,
    );
    assert.ok(compare(map([['a', 9]]), map([['b', 0]])) < 0);
  });

  it('needs no stack for 100,000 levels', () => {
    const deep = nested(100_000);
    assert.equal(compare(deep, nested(100_000)), 0);
    assert.ok(equal(deep, nested(100_000)));
    assert.ok(compare(deep, nested(100_000, 1)) < 0);
    assert.ok(compare(nested(100_000, 1), deep) > 0);
    assert.ok(!equal(deep, nested(100_000, 1)));
    // alike but for a remainder at the bottom
    const open = nested(100_001, list([1], Wildcard.the));
    assert.ok(compare(nested(100_001, list([1])), open) < 0);
    assert.ok(!equal(open, nested(100_001, list([1]))));
  });

  it('never derives a name to tell whether values are equal', () => {
    const maker = { derive: (): Uint8Array => assert.fail('derived') };
    const one = new Name(maker, 1, 1, null);
    const other = new Name(maker, 1, 2, null);
    const read = testNames.read(new Uint8Array(32).fill(3));
    assert.ok(equal(list([one, map([['k', one]])]), list([one, map([['k', one]])])));
    assert.ok(!equal(one, other));
    assert.ok(!equal(tuple([one, read]), tuple([read, one])));
    assert.ok(equal(set([one]), set([one])));
  });

  it('sorts sets, map keys and parallel parts, whatever order they came in', () => {
    fc.assert(
      fc.property(shuffledItems, ([items, shuffled]) => {
        assert.ok(equal(set(items), set(shuffled)));
        assert.ok(equal(par(items), par(shuffled)));
        const keys = map(items.map((each) => [each, 1] as const)).keys;
        assert.ok(equal(new SetValue(keys), set(shuffled)));
      }),
    );
  });
});
