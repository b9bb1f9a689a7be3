/**
 * A name comes from `new`, from a grant or in a message, and from nowhere else: whatever a program does with
 * the bytes, the digits or the text of a name that it was not given, it gets no name.
 */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { RholangRunner } from '../../src/rholang/machine/index.ts';
import {
  BoundVariable,
  Bundle,
  Bytes,
  FreeVariable,
  Match,
  Matches,
  Method,
  Name,
  New,
  OPERATORS,
  Operation,
  Receive,
  Send,
  TypeWord,
  Uri,
  Wildcard,
  encodeValue,
  list,
  map,
  par,
  set,
  tuple,
} from '../../src/values/index.ts';
import type { Value } from '../../src/values/index.ts';
import { TinySpace } from './support/tiny-space.ts';

const METHODS = [
  'nth',
  'length',
  'size',
  'slice',
  'take',
  'contains',
  'get',
  'getOrElse',
  'set',
  'add',
  'delete',
  'union',
  'diff',
  'intersection',
  'keys',
  'toList',
  'toSet',
  'toMap',
  'toByteArray',
  'toInt',
  'toBigInt',
  'toFloat',
  'toString',
  'toUtf8Bytes',
  'bytesToUtf8',
  'bytesToHex',
  'hexToBytes',
  'hexToBytesStrict',
  'addChecked',
  'subtractChecked',
  'multiplyChecked',
  'noSuchMethod',
];

/** Random terms from a number. */
class Grower {
  readonly #leaves: readonly Value[];
  #state: number;

  constructor(seed: number, leaves: readonly Value[]) {
    this.#state = seed | 1;
    this.#leaves = leaves;
  }

  pick(count: number): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state;
    return (state >>> 4) % count;
  }

  #choose<T>(from: readonly T[]): T {
    return from[this.pick(from.length)] as T;
  }

  expression(bound: number, depth: number): Value {
    const next = (): Value => this.expression(bound, depth - 1);
    if (depth <= 0)
      return bound > 0 && this.pick(2) === 1 ? new BoundVariable(this.pick(bound)) : this.#choose(this.#leaves);
    switch (this.pick(14)) {
      case 0:
        return this.#choose(this.#leaves);
      case 1:
        return bound > 0 ? new BoundVariable(this.pick(bound)) : 0;
      case 2:
      case 3: {
        const operator = this.#choose(OPERATORS);
        return new Operation(operator, next(), operator === 'not' || operator === 'neg' ? undefined : next());
      }
      case 4:
      case 5:
      case 6:
      case 7:
        return new Method(next(), this.#choose(METHODS), Array.from({ length: this.pick(3) }, next));
      case 8:
        return list([next(), next()]);
      case 9:
        return set([next(), next()]);
      case 10:
        return map([[next(), next()]]);
      case 11:
        return tuple([next()]);
      case 12:
        return new Matches(next(), this.pick(2) === 0 ? new TypeWord('ByteArray') : Wildcard.the);
      default:
        return this.pick(2) === 0
          ? this.process(bound, depth - 1)
          : new Bundle(next(), this.pick(2) === 0, this.pick(2) === 0);
    }
  }

  process(bound: number, depth: number): Value {
    const data = (): Value => this.expression(bound, depth - 1);
    if (depth <= 0) return new Send(this.expression(bound, 0), [data()], false);
    switch (this.pick(7)) {
      case 0:
        return new Send(data(), [data(), data()], false);
      case 1:
        return new Send(data(), [data()], this.pick(2) === 0);
      case 2:
        return new New(1, this.process(bound + 1, depth - 1));
      case 3:
        return par([this.process(bound, depth - 1), this.process(bound, depth - 1)]);
      case 4:
        return new Match(data(), [
          { pattern: new FreeVariable(0), body: this.process(bound + 1, depth - 1), freeCount: 1 },
        ]);
      case 5: {
        const bind = {
          patterns: [new FreeVariable(0)],
          remainder: null,
          source: data(),
          freeCount: 1,
          peek: this.pick(2) === 0,
        };
        return new Receive([bind], this.process(bound + 1, depth - 1), this.pick(4) === 0);
      }
      default:
        return bound > 0 ? new BoundVariable(this.pick(bound)) : null;
    }
  }
}

function namesIn(thing: unknown, found: Set<Name>, seen: Set<object>): void {
  if (typeof thing !== 'object' || thing === null || thing instanceof Uint8Array || seen.has(thing)) return;
  seen.add(thing);
  if (thing instanceof Name) found.add(thing);
  else for (const part of Object.values(thing)) namesIn(part, found, seen);
}

class WatchedSpace extends TinySpace {
  readonly made = new Set<Name>();
  override newName(): Name {
    const name = super.newName();
    this.made.add(name);
    return name;
  }
}

const secret = new Name(
  null,
  0,
  0,
  Uint8Array.from({ length: 32 }, (_, index) => 7 * index + 1),
);
const hex = Buffer.from(secret.bytes).toString('hex');
/** All that a program may know of the secret without having it. */
const LEAVES: Value[] = [
  new Bytes(secret.bytes.slice()),
  new Bytes(encodeValue(secret)),
  new Bytes(encodeValue(list([secret]))),
  hex,
  new Uri(`rho:id:${hex}`),
  `Unforgeable(0x${hex})`,
  BigInt.asIntN(64, BigInt(`0x${hex.slice(0, 16)}`)),
  0,
  1,
  32,
  true,
  'a',
  null,
];

describe('names', () => {
  it('no operation of the language yields a name from bytes: 100,000 programs', function () {
    this.timeout(300_000);
    const runner = new RholangRunner();
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const space = new WatchedSpace(runner);
        const out = space.listen((message) => check(message));
        space.deploy(
          par([
            new Send(out, [new Grower(seed, LEAVES).expression(0, 3)], false),
            new Grower(seed ^ 0x5555, [...LEAVES, out]).process(0, 4),
          ]),
        );
        space.run(50);
        for (const channel of space.channels())
          check([
            channel.key,
            channel.data,
            channel.waiting.map(({ receive }) => [receive.body.environment, receive.slots.map((slot) => slot.channel)]),
          ]);

        function check(thing: unknown): void {
          const found = new Set<Name>();
          namesIn(thing, found, new Set());
          for (const name of found) assert.ok(space.made.has(name), 'a name that nobody made');
        }
      }),
      { numRuns: 100_000 },
    );
  });
});
