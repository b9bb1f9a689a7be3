import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import fc from 'fast-check';
import {
  BigInteger,
  type Bytes,
  MapValue,
  Uri,
  Wildcard,
  bytes,
  equal,
  float,
  fromValue,
  int,
  list,
  map,
  set,
  toValue,
  tuple,
} from '../../src/values/index.ts';
import type { Value } from '../../src/values/index.ts';
import { isPowerboxError } from '../../src/errors.ts';
import { groundValue, nested, testNames } from './arbitrary.ts';

function refused(thing: unknown, message: RegExp): void {
  assert.throws(
    () => toValue(thing),
    (error) => {
      assert.ok(isPowerboxError(error) && error.code === 'value_unsupported', String(error));
      assert.match(error.message, message);
      return true;
    },
  );
}

describe('values for a JavaScript program', () => {
  it('are made of plain data by its obvious meaning', () => {
    const name = testNames.draw(77, 1);
    const pairs: readonly (readonly [unknown, Value])[] = [
      [null, null],
      [true, true],
      [-0, 0],
      [5, 5],
      [1.5, float(1.5)],
      [Number.NaN, float(Number.NaN)],
      [-Infinity, float(-Infinity)],
      [5n, 5],
      [2n ** 62n, int(2n ** 62n)],
      ['é', 'é'],
      [Uint8Array.of(1), bytes(Uint8Array.of(1))],
      [Buffer.from('a'), bytes(Uint8Array.of(97))],
      [[1, [2]], list([1, list([2])])],
      [new Set([2, 1, 2]), set([1, 2])],
      [
        { b: 1, a: [] },
        map([
          ['a', list([])],
          ['b', 1],
        ]),
      ],
      [
        new Map<unknown, unknown>([
          [1, 'x'],
          [[2], {}],
        ]),
        map([
          [1, 'x'],
          [list([2]), map([])],
        ]),
      ],
      [Object.create(null), map([])],
      [name, name],
      [[new BigInteger(5n)], list([new BigInteger(5n)])],
      [JSON.parse('{"__proto__": 1}'), map([['__proto__', 1]])],
    ];
    for (const [thing, value] of pairs) assert.ok(equal(toValue(thing), value), inspect(thing));
  });

  it('are refused with the path to what has no meaning', () => {
    const cycle: { a: unknown[] } = { a: [1, 2, 3] };
    cycle.a.push(cycle);
    refused(cycle, /^\$\.a\[3\]: a cycle/);
    refused({ a: [0, 1, 2, () => 1] }, /^\$\.a\[3\]: a function is no value/);
    refused([Symbol('s')], /^\$\[0\]: a symbol/);
    refused({ 'odd key': '\ud800' }, /^\$\["odd key"\]: a string must be well-formed/);
    refused({ '\ud800': 1 }, /well-formed/);
    refused(new Map([[1, new Map([[undefined, 2]])]]), /^\$\.item\(0\)\.key\(0\): undefined/);
    refused([1, undefined], /^\$\[1\]: undefined/);
    refused(new Array(3), /^\$\[0\]: undefined/);
    refused(new Set([2 ** 53]), /^\$\.item\(0\): the integer 9007199254740992 is beyond 2\^53/);
    refused({ n: 2n ** 63n }, /^\$\.n: an Int has 64 bits/);
    refused({ when: new Date(0) }, /^\$\.when: an object of class Date/);
    refused({ [Symbol('s')]: 1 }, /symbol keys/);
    refused({ buffer: new ArrayBuffer(1) }, /class ArrayBuffer/);
    assert.throws(
      () => toValue(2n ** 70n),
      (error) => isPowerboxError(error) && /BigInteger/.test(error.hint),
    );
  });

  it('may hold one object twice, which is no cycle', () => {
    const shared = [1];
    assert.ok(
      equal(
        toValue({ a: shared, b: [shared, shared] }),
        map([
          ['a', list([1])],
          ['b', list([list([1]), list([1])])],
        ]),
      ),
    );
  });

  it('come back as plain data', () => {
    assert.deepEqual(
      fromValue(
        map([
          ['a', list([1, tuple([float(0.5), 'x'])])],
          ['b', set([1])],
        ]),
      ),
      { a: [1, [0.5, 'x']], b: new Set([1]) },
    );
    assert.deepEqual(fromValue(map([[1, 2]])), new Map([[1, 2]]));
    assert.deepEqual(
      fromValue(
        map([
          ['__proto__', 1],
          ['a', 2],
        ]),
      ),
      new Map<string, number>([
        ['__proto__', 1],
        ['a', 2],
      ]),
    );
    assert.deepEqual(fromValue(int(2n ** 62n)), 2n ** 62n);
    assert.deepEqual(fromValue(map([])), {});
  });

  it('stay values where plain data cannot say what they are', () => {
    const name = testNames.draw(77, 2);
    for (const value of [name, new Uri('a'), new BigInteger(1n), Wildcard.the, list([1], Wildcard.the)]) {
      assert.equal(fromValue(value), value);
      assert.equal((fromValue(list([value])) as Value[])[0], value);
      assert.equal(toValue(value), value);
    }
  });

  it('make the round trip except for tuples and whole Floats, which come back as lists and Ints', () => {
    assert.ok(equal(toValue(fromValue(tuple([1, float(2)]))), list([1, 2])));
    fc.assert(
      fc.property(groundValue, (value) => {
        if (keepsItsKind(value)) assert.ok(equal(toValue(fromValue(value)), value));
      }),
    );
  });

  it('share no bytes with the program', () => {
    const mine = Uint8Array.of(1, 2);
    const value = toValue(mine) as Bytes;
    mine[0] = 9;
    assert.equal(value.bytes[0], 1);
    (fromValue(value) as Uint8Array)[0] = 9;
    assert.equal(value.bytes[0], 1);
  });

  it('need no stack for 100,000 levels', () => {
    const deep = nested(100_000);
    let plain: unknown = 0;
    let value: Value = 0;
    for (let level = 0; level < 100_000; level++) {
      plain = [plain];
      value = level % 2 === 0 ? list([value]) : map([['a', value]]);
    }
    assert.ok(toValue(plain) !== null);
    assert.ok(equal(toValue(fromValue(value)), value));
    assert.ok(fromValue(deep) !== null);
    let bad: unknown;
    for (let level = 0; level < 100_000; level++) bad = [bad];
    refused(bad, /^\$(\[0\]){32}…: undefined/);
  });
});

function keepsItsKind(value: Value): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if ('value' in value && typeof value.value === 'number') return !Number.isInteger(value.value);
  if (value instanceof MapValue) return value.keys.every(keepsItsKind) && value.items.every(keepsItsKind);
  if ('items' in value) return value.kind !== 9 && value.items.every(keepsItsKind);
  return true;
}
