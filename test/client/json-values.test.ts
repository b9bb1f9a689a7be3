/** Values as JSON: each has one text, and each text stands for one value or for none. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { fromJson, type Json, toJson } from '../../src/service/json-values.ts';
import { limits } from '../../src/limits.ts';
import {
  BigInteger,
  bytes,
  equal,
  float,
  list,
  map,
  set,
  tuple,
  uri,
  type Value,
  Wildcard,
} from '../../src/values/index.ts';
import { Capability } from '../../src/wire/index.ts';

const leaf: fc.Arbitrary<Value> = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.maxSafeInteger(),
  fc.constantFrom(2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n),
  fc.bigInt().map((n) => new BigInteger(n)),
  fc.double().map(float),
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom('$int', '$', '__proto__', 'constructor'),
  fc.uint8Array().map((each) => bytes(each)),
  fc.string({ unit: 'grapheme' }).map(uri),
  fc.uint8Array({ minLength: 1, maxLength: 60 }).map((token) => new Capability(token)),
  fc.constant(Wildcard.the),
);
const value: fc.Arbitrary<Value> = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc.array(tie('value'), { maxLength: 5 }).map((items) => list(items)),
    fc.array(tie('value'), { maxLength: 5 }).map((items) => tuple(items)),
    fc.array(tie('value'), { maxLength: 5 }).map((items) => set(items)),
    fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 5 }).map((entries) => map(entries)),
    fc.array(fc.tuple(fc.string(), tie('value')), { maxLength: 5 }).map((entries) => map(entries)),
  ),
})).value;

describe('values as JSON', () => {
  it('come back as they were, through text', () => {
    fc.assert(
      fc.property(value, (one) => {
        const text = JSON.stringify(toJson(one));
        assert.ok(equal(fromJson(JSON.parse(text) as Json), one), text);
      }),
      { numRuns: 2_000 },
    );
  });

  it('are different texts when they are different values', () => {
    fc.assert(
      fc.property(value, value, (left, right) => {
        assert.equal(JSON.stringify(toJson(left)) === JSON.stringify(toJson(right)), equal(left, right));
      }),
    );
  });

  it('are refused, with the place, where they stand for nothing', () => {
    const wrong: readonly [Json, RegExp][] = [
      [[1, { a: { $int: 1 } }], /\$\[1\]\.a: "\$int" takes a string/],
      [{ $int: '1.5' }, /decimal digits/],
      [{ $int: '9223372036854775808' }, /64 bits/],
      [9_007_199_254_740_992, /beyond 2\^53/],
      [{ $float: 'much' }, /\$float takes/],
      [{ $bytes: 'a' }, /base64/],
      [{ $bytes: '!!!!' }, /base64/],
      [{ $map: [[1]] }, /pairs/],
      [{ $set: 1 }, /takes a list/],
      [{ $any: false }, /takes true/],
      [{ $channel: 'ä' }, /no token/],
      [{ $channel: '' }, /no token/],
      [{ $int: '1', more: 1 }, /nothing else/],
      [{ $nothing: 1 }, /stands for nothing/],
      ['\ud800', /surrogate/],
      [{ '\ud800': 1 }, /surrogate/],
    ];
    for (const [json, message] of wrong) {
      assert.throws(
        () => fromJson(json),
        (error: { code?: string; message: string }) => {
          assert.equal(error.code, 'arguments_invalid');
          assert.match(error.message, message);
          return true;
        },
      );
    }
  });

  it('are bounded in depth, both ways', () => {
    let json: Json = 1;
    let deep: Value = 1;
    for (let n = 0; n < 100_000; n++) {
      json = [json];
      deep = list([deep]);
    }
    assert.throws(() => fromJson(json), { code: 'arguments_invalid' });
    assert.throws(() => toJson(deep), { code: 'value_too_large' });
    assert.ok(limits.wire_depth_max < 100_000);
  });
});
