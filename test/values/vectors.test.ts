import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import {
  BigInteger,
  BoundVariable,
  Conjunction,
  Disjunction,
  FreeVariable,
  List,
  MapValue,
  Match,
  Matches,
  Method,
  NAMES_FORMAT_VERSION,
  NameMaker,
  Negation,
  New,
  Operation,
  Par,
  Receive,
  Send,
  SetValue,
  TypeWord,
  Tuple,
  VALUES_FORMAT_VERSION,
  VariableReference,
  Wildcard,
  bundle,
  bytes,
  compare,
  decodeValue,
  encodeValue,
  equal,
  float,
  int,
  uri,
} from '../../src/values/index.ts';
import type { Operator, Remainder, Value } from '../../src/values/index.ts';
import { isPowerboxError } from '../../src/errors.ts';
import { readName, sha256, testNames } from './arbitrary.ts';

/** A value as spec/values.md, section "Vectors", writes it. */
type Written = null | boolean | string | { readonly [kind: string]: unknown };

interface ValueVectors {
  readonly version: number;
  readonly accepted: readonly { readonly name: string; readonly value: Written; readonly bytes: string }[];
  readonly long: readonly {
    readonly name: string;
    readonly kind: string;
    readonly bytes: string;
    readonly repeat: { readonly byte: string; readonly times: number };
  }[];
  readonly refused: readonly {
    readonly name: string;
    readonly reason: string;
    readonly bytes: string;
    readonly prefix?: { readonly byte: string; readonly times: number };
  }[];
  readonly ascending: readonly string[];
}

interface NameVectors {
  readonly version: number;
  readonly names: readonly {
    readonly nameKey: string;
    readonly task: string;
    readonly counter: string;
    readonly name: string;
  }[];
  readonly effects: readonly {
    readonly nameKey: string;
    readonly task: string;
    readonly place: string;
    readonly id: string;
  }[];
}

function vectors(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`../../spec/vectors/${name}.json`, import.meta.url), 'utf8'));
}

function fromHex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'hex'));
}

function hex(input: Uint8Array): string {
  return Buffer.from(input).toString('hex');
}

/** Builds by hand and in the order given, so that no constructor mends what the vector says. */
function build(written: Written): Value {
  if (written === null || typeof written === 'boolean' || typeof written === 'string') return written;
  const { remainder: rest = null, ...other } = written;
  const [kind, content] = Object.entries(other)[0] as [string, unknown];
  const remainder = build(rest as Written) as Remainder;
  if (typeof content === 'string') return leaf(kind, content);
  if (kind === 'map') {
    const pairs = content as readonly (readonly [Written, Written])[];
    return new MapValue(
      pairs.map(([key]) => build(key)),
      pairs.map(([, item]) => build(item)),
      remainder,
    );
  }
  const parts = (content as readonly Written[]).map(build);
  if (kind === 'list') return new List(parts, remainder);
  if (kind === 'set') return new SetValue(parts, remainder);
  return node(kind, parts);
}

function leaf(kind: string, text: string): Value {
  switch (kind) {
    case 'int':
      return int(BigInt(text));
    case 'bigInt':
      return new BigInteger(BigInt(text));
    case 'float':
      return float(Buffer.from(text, 'hex').readDoubleBE());
    case 'bytes':
      return bytes(fromHex(text));
    case 'uri':
      return uri(text);
    case 'name':
      return testNames.read(fromHex(text));
    default:
      throw new Error(`the vectors name a kind that this test does not know: ${kind}`);
  }
}

function items(value: Value | undefined): readonly Value[] {
  return (value as List).items;
}

function node(kind: string, parts: readonly Value[]): Value {
  const [first, second, third] = parts as readonly [Value, Value, Value];
  switch (kind) {
    case 'tuple':
      return new Tuple(parts);
    case 'bundle':
      return bundle(first, second as boolean, third as boolean);
    case 'send':
      return new Send(first, items(second), third as boolean);
    case 'receive': {
      const binds = parts.slice(2).map((bind) => {
        const [source, freeCount, peek, remainder, ...patterns] = items(bind) as [
          Value,
          number,
          boolean,
          Remainder,
          ...Value[],
        ];
        return { source, freeCount, peek, remainder, patterns };
      });
      return new Receive(binds, second, first as boolean);
    }
    case 'new':
      return new New(first as number, second);
    case 'match': {
      const cases = parts.slice(1).map((each) => {
        const [freeCount, pattern, body] = items(each) as [number, Value, Value];
        return { freeCount, pattern, body };
      });
      return new Match(first, cases);
    }
    case 'operation':
      return new Operation(first as Operator, second, third);
    case 'method':
      return new Method(first, second as string, parts.slice(2));
    case 'matches':
      return new Matches(first, second);
    case 'par':
      return new Par(parts);
    case 'boundVariable':
      return new BoundVariable(first as number);
    case 'freeVariable':
      return new FreeVariable(first as number);
    case 'wildcard':
      return Wildcard.the;
    case 'variableReference':
      return new VariableReference(first as unknown as number, second as number);
    case 'typeWord':
      return new TypeWord(first as TypeWord['word']);
    case 'conjunction':
      return new Conjunction(parts);
    case 'disjunction':
      return new Disjunction(parts);
    case 'negation':
      return new Negation(first);
    default:
      throw new Error(`the vectors name a kind that this test does not know: ${kind}`);
  }
}

const REASONS: Readonly<Record<string, RegExp>> = {
  order: /out of order/,
  duplicates: /twice/,
  'length form': /not in its shortest form/,
  'UTF-8': /not valid UTF-8/,
  'unknown extension': /unknown extension type/,
  truncated: /truncated/,
  'trailing bytes': /trailing bytes/,
  depth: /nested deeper/,
  shape: /canonical/,
};

describe('the vectors of values', () => {
  const given = vectors('values') as ValueVectors;

  it('are of the version that is implemented', () => {
    assert.equal(given.version, VALUES_FORMAT_VERSION);
  });

  it('encode to the bytes that are written, and decode from them', () => {
    for (const { name, value, bytes: expected } of given.accepted) {
      const built = build(value);
      assert.equal(hex(encodeValue(built)), expected, name);
      const decoded = decodeValue(fromHex(expected), readName);
      assert.ok(equal(decoded, built), name);
      assert.equal(compare(decoded, built), 0, name);
    }
  });

  it('hold at the edges of long forms', () => {
    for (const { name, kind, bytes: head, repeat } of given.long) {
      const body = new Uint8Array(repeat.times).fill(Number.parseInt(repeat.byte, 16));
      const input = Uint8Array.from([...fromHex(head), ...body]);
      const decoded = decodeValue(input, readName);
      const expected =
        kind === 'string'
          ? String.fromCharCode(body[0] as number).repeat(repeat.times)
          : kind === 'bytes'
            ? bytes(body)
            : new List([...body].map(() => null));
      assert.ok(equal(decoded, expected), name);
      assert.equal(hex(encodeValue(expected)), hex(input), name);
    }
  });

  it('are refused for the reason that is written', () => {
    for (const { name, reason, bytes: text, prefix } of given.refused) {
      const head =
        prefix === undefined ? new Uint8Array(0) : new Uint8Array(prefix.times).fill(Number.parseInt(prefix.byte, 16));
      const tail = fromHex(text);
      const input = new Uint8Array(head.length + tail.length);
      input.set(head);
      input.set(tail, head.length);
      assert.throws(
        () => decodeValue(input, readName),
        (error) =>
          isPowerboxError(error) &&
          error.code === 'value_not_canonical' &&
          (REASONS[reason] as RegExp).test(error.message),
        name,
      );
    }
  });

  it('ascend in the order by value', () => {
    const ascending = given.ascending.map((text) => decodeValue(fromHex(text), readName));
    for (let left = 0; left < ascending.length; left++) {
      for (let right = 0; right < ascending.length; right++) {
        const sign = Math.sign(compare(ascending[left] as Value, ascending[right] as Value));
        assert.equal(sign, Math.sign(left - right), `${given.ascending[left]} and ${given.ascending[right]}`);
      }
    }
  });
});

describe('the vectors of names', () => {
  const given = vectors('names') as NameVectors;

  it('are of the version that is implemented', () => {
    assert.equal(given.version, NAMES_FORMAT_VERSION);
  });

  it('derive to the bytes that are written', () => {
    for (const { nameKey, task, counter, name } of given.names) {
      const maker = new NameMaker(fromHex(nameKey), { sha256 });
      assert.equal(hex(maker.draw(Number(task), Number(counter)).bytes), name);
    }
    for (const { nameKey, task, place, id } of given.effects) {
      assert.equal(hex(new NameMaker(fromHex(nameKey), { sha256 }).effectId(Number(task), Number(place))), id);
    }
  });
});
