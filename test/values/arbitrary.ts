/**
 * Arbitrary values of every kind for property tests: ground values, processes, patterns, open terms. Other
 * folders' tests use them too. Names come from one maker, so that `readName` finds them again.
 */
import fc from 'fast-check';
import { hash } from 'node:crypto';
import {
  BigInteger,
  BoundVariable,
  FreeVariable,
  List,
  Match,
  Matches,
  Method,
  NameMaker,
  Negation,
  New,
  OPERATORS,
  Operation,
  Receive,
  Send,
  TYPE_WORDS,
  TypeWord,
  VariableReference,
  Wildcard,
  bundle,
  bytes,
  conjunction,
  disjunction,
  float,
  int,
  list,
  map,
  par,
  set,
  tuple,
  uri,
} from '../../src/values/index.ts';
import type { Bind, Case, Name, Remainder, Value } from '../../src/values/index.ts';

export function sha256(input: Uint8Array): Uint8Array {
  return new Uint8Array(hash('sha256', input, 'buffer'));
}

export const testNames = new NameMaker(new Uint8Array(32).fill(0x5a), { sha256 });

export function readName(nameBytes: Uint8Array): Name {
  return testNames.read(nameBytes);
}

// one object a name: whoever draws must not draw one pair twice
const POOL: readonly Name[] = Array.from({ length: 24 }, (_, index) =>
  index % 3 === 0 ? testNames.read(sha256(Uint8Array.of(index))) : testNames.draw(1 + (index % 5), index),
);

export const anyName: fc.Arbitrary<Name> = fc.constantFrom(...POOL);

export const anyText: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'grapheme-ascii', maxLength: 12 }),
  fc.string({ unit: 'binary', maxLength: 8 }),
  fc.constantFrom(
    '',
    '\u0000',
    '\u0001a',
    '\ud7ff',
    '\ue000',
    '\uffff',
    '\u{10000}',
    '\u{10ffff}',
    '__proto__',
    '\ufeffx',
  ),
  fc
    .tuple(
      fc.constantFrom('a', 'é', '☃', '😀'),
      fc.constantFrom(15, 16, 31, 32, 63, 64, 65, 95, 96, 97, 255, 256, 65_536),
    )
    .map(([unit, count]) => unit.repeat(count)),
);

/** The edges of every form. */
const INT_EDGES: readonly bigint[] = [0n, 5n, 7n, 8n, 15n, 16n, 31n, 32n, 53n, 63n].flatMap((bits) =>
  [-1n, 0n, 1n].flatMap((off) => [(1n << bits) + off, -(1n << bits) + off]),
);

export const anyInt: fc.Arbitrary<number | bigint> = fc.oneof(
  fc.integer({ min: -40, max: 300 }),
  fc.maxSafeInteger(),
  fc.constantFrom(...INT_EDGES).map(int),
  fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }).map(int),
);

const anyBigInteger = fc
  .oneof(fc.bigInt({ min: -300n, max: 300n }), fc.bigInt(), fc.constantFrom(...INT_EDGES))
  .map((n) => new BigInteger(n));

const anyFloat = fc
  .oneof(fc.double(), fc.constantFrom(0, -0, 1, -1, Number.NaN, Infinity, -Infinity, 5e-324))
  .map(float);

const anyBytes = fc
  .oneof(
    fc.uint8Array({ maxLength: 20 }),
    fc.constantFrom(255, 256, 65_536).map((length) => new Uint8Array(length).fill(9)),
  )
  .map(bytes);

export const anyLeaf: fc.Arbitrary<Value> = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  anyInt,
  anyBigInteger,
  anyFloat,
  anyText,
  anyBytes,
  anyText.map(uri),
  anyName,
);

const anyCount = fc.nat({ max: 4 });
const anyVariable: fc.Arbitrary<Exclude<Remainder, null>> = fc.oneof(
  fc.constant(Wildcard.the),
  anyCount.map((n) => new FreeVariable(n)),
  anyCount.map((n) => new BoundVariable(n)),
);
const anyRemainder: fc.Arbitrary<Remainder> = fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, anyVariable);

const [not, neg, ...BINARY] = OPERATORS;

interface Tied {
  readonly ground: fc.Arbitrary<Value>;
  readonly any: fc.Arbitrary<Value>;
}

function valuesOver(leaf: fc.Arbitrary<Value>, anyText: fc.Arbitrary<string>): Tied {
  return fc.letrec<{ ground: Value; any: Value; process: Value }>((tie) => {
    const ground = tie('ground');
    const any = tie('any');
    const groundItems = fc.array(ground, { maxLength: 4 });
    const items = fc.array(any, { maxLength: 3 });
    const bind: fc.Arbitrary<Bind> = fc.record({
      patterns: items,
      remainder: anyRemainder,
      source: any,
      freeCount: anyCount,
      peek: fc.boolean(),
    });
    const oneCase: fc.Arbitrary<Case> = fc.record({ pattern: any, body: any, freeCount: anyCount });
    const parts = fc.array(any, { minLength: 1, maxLength: 3 });
    return {
      ground: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        leaf,
        groundItems.map((each) => list(each)),
        groundItems.map((each) => tuple(each)),
        groundItems.map((each) => set(each)),
        fc.array(fc.tuple(ground, ground), { maxLength: 4 }).map((each) => map(each)),
        fc.tuple(ground, fc.boolean(), fc.boolean()).map(([body, read, write]) => bundle(body, read, write)),
      ),
      any: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        leaf,
        anyVariable,
        fc.tuple(items, anyRemainder).map(([each, remainder]) => list(each, remainder)),
        items.map((each) => tuple(each)),
        fc.tuple(items, anyRemainder).map(([each, remainder]) => set(each, remainder)),
        fc
          .tuple(fc.array(fc.tuple(any, any), { maxLength: 3 }), anyRemainder)
          .map(([each, remainder]) => map(each, remainder)),
        fc.tuple(any, fc.boolean(), fc.boolean()).map(([body, read, write]) => bundle(body, read, write)),
        tie('process'),
      ),
      process: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        fc.tuple(any, items, fc.boolean()).map(([channel, data, persistent]) => new Send(channel, data, persistent)),
        fc
          .tuple(fc.array(bind, { minLength: 1, maxLength: 2 }), any, fc.boolean())
          .map(([binds, body, persistent]) => new Receive(binds, body, persistent)),
        fc.tuple(fc.integer({ min: 1, max: 3 }), any).map(([count, body]) => new New(count, body)),
        fc.tuple(any, fc.array(oneCase, { maxLength: 2 })).map(([target, cases]) => new Match(target, cases)),
        fc.tuple(fc.constantFrom(not, neg), any).map(([operator, left]) => new Operation(operator, left, undefined)),
        fc
          .tuple(fc.constantFrom(...BINARY), any, any)
          .map(([operator, left, right]) => new Operation(operator, left, right)),
        fc.tuple(any, anyText, items).map(([target, name, args]) => new Method(target, name, args)),
        fc.tuple(any, any).map(([target, pattern]) => new Matches(target, pattern)),
        items.map((each) => par(each)),
        fc.tuple(anyCount, anyCount).map(([index, depth]) => new VariableReference(index, depth)),
        fc.constantFrom(...TYPE_WORDS).map((word) => new TypeWord(word)),
        parts.map(conjunction),
        parts.map(disjunction),
        any.map((body) => new Negation(body)),
      ),
    };
  });
}

const tied = valuesOver(anyLeaf, anyText);

/** Values that a program can send and keep: no variable, no pattern, no code. */
export const groundValue: fc.Arbitrary<Value> = tied.ground;

/** Values of every kind, nested: processes, patterns and open terms too. Not necessarily well scoped. */
export const anyValue: fc.Arbitrary<Value> = tied.any;

/** Values of every kind over very few leaves: two of them are often equal, or alike but for one place. */
export const alikeValue: fc.Arbitrary<Value> = valuesOver(
  fc.constantFrom<Value[]>(null, 0, 1, 'a', POOL[0] as Name, POOL[1] as Name),
  fc.constantFrom('a', 'b'),
).any;

/** A value wrapped `levels` times, each way of nesting in turn. */
export function nested(levels: number, innermost: Value = 0): Value {
  let value = innermost;
  for (let level = 0; level < levels; level++) {
    switch (level % 8) {
      case 0:
        value = new List([1, value]);
        break;
      case 1:
        value = tuple([value]);
        break;
      case 2:
        value = set([value]);
        break;
      case 3:
        value = map([[value, 1]]);
        break;
      case 4:
        value = map([['a', value]]);
        break;
      case 5:
        value = new Send('c', [value], false);
        break;
      case 6:
        value = list([value], Wildcard.the);
        break;
      default:
        value = new New(1, value);
    }
  }
  return value;
}
