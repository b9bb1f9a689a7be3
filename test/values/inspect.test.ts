import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  BigInteger,
  BoundVariable,
  Bytes,
  FreeVariable,
  List,
  Match,
  Matches,
  Negation,
  New,
  Receive,
  Send,
  TypeWord,
  VariableReference,
  Wildcard,
  conjunction,
  depthOf,
  encodeValue,
  equal,
  isClosed,
  isPattern,
  list,
  map,
  sizeOf,
  tuple,
} from '../../src/values/index.ts';
import type { Value } from '../../src/values/index.ts';
import { limits } from '../../src/limits.ts';
import { anyValue, groundValue, nested } from './arbitrary.ts';

const x0 = new BoundVariable(0);
const x1 = new BoundVariable(1);
const x2 = new BoundVariable(2);

function receive(patterns: readonly Value[], freeCount: number, source: Value, body: Value): Receive {
  return new Receive([{ patterns, remainder: null, source, freeCount, peek: false }], body, false);
}

describe('a term', () => {
  it('is closed when no variable points outside of it', () => {
    const closed: readonly Value[] = [
      1,
      new New(2, new Send(x1, [x0], false)),
      receive([new FreeVariable(0)], 1, 'c', x0),
      new Match(1, [{ pattern: new FreeVariable(0), freeCount: 1, body: x0 }]),
      new New(1, receive([new VariableReference(0, 1)], 0, x0, x0)),
      receive([new New(1, x0)], 0, 'c', null),
    ];
    const open: readonly Value[] = [
      x0,
      list([1, x0]),
      new New(2, x2),
      receive([new FreeVariable(0)], 1, x0, null),
      receive([new FreeVariable(0)], 1, 'c', x1),
      new New(1, receive([x0], 0, 'c', null)),
      receive([new VariableReference(0, 1)], 0, 'c', null),
      list([], x0),
      new New(1, receive([new VariableReference(0, 2)], 0, 'c', null)),
      map([[x0, 1]]),
      map([[1, x0]]),
      new Matches(x0, 1),
      new New(1, new Matches(1, new Matches(1, new VariableReference(0, 1)))),
    ];
    for (const value of closed) assert.ok(isClosed(value), JSON.stringify(value));
    for (const value of open) assert.ok(!isClosed(value), JSON.stringify(value));
    fc.assert(fc.property(groundValue, (value) => isClosed(value)));
    assert.ok(isClosed(new New(1, new Matches(1, new Matches(1, new VariableReference(0, 2))))));
  });

  it('is a pattern when it says less than one value, wherever in it', () => {
    const says = [
      new FreeVariable(0),
      Wildcard.the,
      new TypeWord('Int'),
      new Negation(1),
      conjunction([1, 2]),
      list([], Wildcard.the),
    ];
    for (const part of says) {
      for (const whole of [
        part,
        list([part]),
        map([[1, part]]),
        new Send(part, [], false),
        receive([], 0, part, null),
        new New(1, part),
      ]) {
        assert.ok(isPattern(whole), JSON.stringify(whole));
      }
      for (const own of [
        receive([part], 1, 'c', null),
        new Matches(1, part),
        new Match(1, [{ pattern: part, freeCount: 0, body: null }]),
      ]) {
        assert.ok(!isPattern(own), JSON.stringify(own));
      }
    }
    assert.ok(!isPattern(list([x0], x0)));
    fc.assert(fc.property(groundValue, (value) => !isPattern(value)));
  });

  it('has a size of at least its bytes', () => {
    fc.assert(
      fc.property(groundValue, (value) => {
        // UTF-8 needs up to three bytes for a unit that counts as one here
        assert.ok(3 * sizeOf(value) >= encodeValue(value).length);
      }),
    );
    assert.ok(sizeOf(new Bytes(new Uint8Array(1_000))) >= 1_000);
    assert.ok(sizeOf(new BigInteger(1n << 80_000n)) >= 10_000);
  });

  it('doubled forty times is too large, and soon found so', () => {
    let value: Value = tuple([1, 2]);
    for (let round = 0; round < 40; round++) value = list([value, value]);
    assert.ok(sizeOf(value) >= limits.value_bytes_max);
    assert.ok(sizeOf(value, 1_000) < 2_000);
    assert.equal(depthOf(value), 41);
  });

  it('has the depth that the codec counts', () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        assert.equal(depthOf(value), depthOfBytes(encodeValue(value)));
      }),
    );
    assert.equal(depthOf(new List([])), 1);
    assert.equal(depthOf('a'), 0);
  });

  it('needs no stack for 100,000 levels', () => {
    const deep = nested(100_000);
    assert.ok(depthOf(deep) >= 100_000);
    assert.ok(isPattern(deep) && isClosed(deep));
    assert.ok(sizeOf(deep) > 1_000_000);
    assert.ok(equal(deep, deep));
  });
});

/** An independent count: nesting of MessagePack arrays and maps. */
function depthOfBytes(bytes: Uint8Array): number {
  let at = 0;
  const size = (width: number): number => {
    let n = 0;
    for (let index = 0; index < width; index++) n = n * 256 + (bytes[at++] as number);
    return n;
  };
  const inside = (count: number): number => {
    let deepest = 0;
    for (let index = 0; index < count; index++) deepest = Math.max(deepest, one());
    return 1 + deepest;
  };
  const skip = (count: number): number => {
    at += count;
    return 0;
  };
  const one = (): number => {
    const head = bytes[at++] as number;
    if (head < 0x80 || head >= 0xe0) return 0;
    if (head < 0x90) return inside(2 * (head & 15));
    if (head < 0xa0) return inside(head & 15);
    if (head < 0xc0) return skip(head & 31);
    if (head <= 0xc3) return 0;
    if (head <= 0xc6) return skip(size(1 << (head - 0xc4)));
    if (head <= 0xc9) return skip(1 + size(1 << (head - 0xc7)));
    if (head <= 0xcb) return skip(head === 0xca ? 4 : 8);
    if (head <= 0xcf) return skip(1 << (head - 0xcc));
    if (head <= 0xd3) return skip(1 << (head - 0xd0));
    if (head <= 0xd8) return skip(1 + (1 << (head - 0xd4)));
    if (head <= 0xdb) return skip(size(1 << (head - 0xd9)));
    if (head <= 0xdd) return inside(size(head === 0xdc ? 2 : 4));
    return inside(2 * size(head === 0xde ? 2 : 4));
  };
  return one();
}
