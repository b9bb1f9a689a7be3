/**
 * The closed set of types that a declared argument or result may have, and the check of a value against one.
 * From these are derived: which form a call is, the refusal's wording, the reference page and JSON Schema.
 *
 * A type is chosen by the value's kind alone (a bit in `mask`), so that a call is told apart without looking
 * into strings or lists; bounds are checked only after its form is known.
 */
import { Kind, kindOf } from '../src/values/index.ts';
import type { Value } from '../src/values/index.ts';

export type TypeWord =
  | 'nil'
  | 'bool'
  | 'int'
  | 'bigint'
  | 'float'
  | 'string'
  | 'bytes'
  | 'uri'
  | 'list'
  | 'tuple'
  | 'set'
  | 'map'
  | 'name'
  | 'process'
  | 'any'
  | 'either';

export interface Type {
  readonly word: TypeWord;
  /** Kinds admitted, as bits of `bitOf`. */
  readonly mask: number;
  /** Least and greatest: the number itself for `int`, UTF-8 bytes for `string`, length for the others. */
  readonly min: number | null;
  readonly max: number | null;
  /** Of the items of a list or set, or of the values of a map with string keys. */
  readonly items: Type | null;
  /** The only values admitted; strings only. */
  readonly values: readonly string[] | null;
  /** Of `either`. */
  readonly choices: readonly Type[] | null;
  /** Declarations that may answer on a channel (results of type `name` only); for the reference page. */
  readonly channel: readonly string[] | null;
}

const BIT = {
  nil: 1,
  bool: 1 << 1,
  int: 1 << 2,
  bigint: 1 << 3,
  float: 1 << 4,
  string: 1 << 5,
  bytes: 1 << 6,
  uri: 1 << 7,
  list: 1 << 8,
  tuple: 1 << 9,
  set: 1 << 10,
  map: 1 << 11,
  name: 1 << 12,
  process: 1 << 13,
} as const;

export const NAME_BIT = BIT.name;
export const MAP_BIT = BIT.map;
export const TUPLE_BIT = BIT.tuple;

/** The bit of a value's kind. Names and bundles of names are one: what a channel can be sent as. */
export function bitOf(value: Value): number {
  const kind = kindOf(value);
  if (kind <= Kind.Name) return 1 << kind;
  if (kind !== Kind.Bundle) return BIT.process;
  return isName(value) ? BIT.name : BIT.process;
}

/** A name, or a bundle of one. */
export function isName(value: Value): boolean {
  if (value === null || typeof value !== 'object') return false;
  if (value.kind === Kind.Name) return true;
  let inner: Value = value;
  while (inner !== null && typeof inner === 'object' && inner.kind === Kind.Bundle) inner = inner.body;
  return inner !== null && typeof inner === 'object' && inner.kind === Kind.Name;
}

/** A name that may be sent on: not a bundle that took the right to write away. */
export function isReplyName(value: Value): boolean {
  if (value === null || typeof value !== 'object') return false;
  let inner: Value = value;
  while (inner !== null && typeof inner === 'object' && inner.kind === Kind.Bundle) {
    if (!inner.write) return false;
    inner = inner.body;
  }
  return inner !== null && typeof inner === 'object' && inner.kind === Kind.Name;
}

interface Bounds {
  readonly min?: number;
  readonly max?: number;
}

function type(word: TypeWord, mask: number, rest: Partial<Type> = {}): Type {
  return { word, mask, min: null, max: null, items: null, values: null, choices: null, channel: null, ...rest };
}

function bounded(word: TypeWord, mask: number, bounds: Bounds, rest: Partial<Type> = {}): Type {
  return type(word, mask, { min: bounds.min ?? null, max: bounds.max ?? null, ...rest });
}

/** The types, as declarations write them. */
export const t = {
  nil: type('nil', BIT.nil),
  bool: type('bool', BIT.bool),
  bigint: type('bigint', BIT.bigint),
  float: type('float', BIT.float),
  uri: type('uri', BIT.uri),
  tuple: type('tuple', BIT.tuple),
  name: type('name', BIT.name),
  process: type('process', BIT.process),
  any: type('any', -1),
  int: (bounds: Bounds = {}): Type => bounded('int', BIT.int, bounds),
  string: (bounds: Bounds = {}): Type => bounded('string', BIT.string, bounds),
  bytes: (bounds: Bounds = {}): Type => bounded('bytes', BIT.bytes, bounds),
  /** One of these strings. */
  word: (...values: readonly string[]): Type => type('string', BIT.string, { values }),
  list: (items: Type | null = null, bounds: Bounds = {}): Type => bounded('list', BIT.list, bounds, { items }),
  set: (items: Type | null = null, bounds: Bounds = {}): Type => bounded('set', BIT.set, bounds, { items }),
  /** A map with string keys when `items` is given. */
  map: (items: Type | null = null, bounds: Bounds = {}): Type => bounded('map', BIT.map, bounds, { items }),
  /** Types of different kinds only, so that a value belongs to one of them. */
  either: (...choices: readonly Type[]): Type =>
    type(
      'either',
      choices.reduce((mask, choice) => mask | choice.mask, 0),
      { choices },
    ),
  /** A channel on which one of these declarations answers, or `[]` for a plain channel; results only. */
  channel: (...declarations: readonly string[]): Type => type('name', BIT.name, { channel: declarations }),
};

/** Without bounds, in the order of their bits. */
const KINDS: readonly Type[] = [
  t.nil,
  t.bool,
  t.int(),
  t.bigint,
  t.float,
  t.string(),
  t.bytes(),
  t.uri,
  t.list(),
  t.tuple,
  t.set(),
  t.map(),
  t.name,
  t.process,
];

/** A value of any kind but these. Results are no tuples, for an error is one. */
export function anyBut(...words: readonly TypeWord[]): Type {
  return t.either(...KINDS.filter(({ word }) => !words.includes(word)));
}

const utf8 = new TextEncoder();

/** UTF-8 bytes of a string; counted only when its length cannot decide. */
export function utf8Length(text: string): number {
  return utf8.encode(text).length;
}

/** Null when the value is of the type, else what was expected and what came. */
export function mismatch(expected: Type, value: Value, what: string): string | null {
  if ((expected.mask & bitOf(value)) === 0)
    return `${what} must be ${describe(expected)}, but ${describeValue(value)} came`;
  if (expected.choices !== null) {
    // No closure over the value: one would be made for each argument of each call.
    for (const choice of expected.choices) if ((choice.mask & bitOf(value)) !== 0) return mismatch(choice, value, what);
    return null;
  }
  const size = expected.min === null && expected.max === null ? 0 : measure(value, expected);
  if (outside(size, expected)) return `${what} must be ${describe(expected)}, but ${describeSize(expected, size)} came`;
  if (expected.values !== null && !expected.values.includes(value as string)) {
    return `${what} must be ${describe(expected)}, but ${describeValue(value)} came`;
  }
  return expected.items === null ? null : itemMismatch(expected.items, value, what);
}

function itemMismatch(items: Type, value: Value, what: string): string | null {
  if (value === null || typeof value !== 'object') return null;
  if (value.kind === Kind.Map) {
    for (const key of value.keys) {
      if (typeof key !== 'string') return `each key of ${what} must be a string, but ${describeValue(key)} came`;
    }
  }
  if (value.kind !== Kind.List && value.kind !== Kind.Set && value.kind !== Kind.Map) return null;
  for (const item of value.items) {
    const found = mismatch(items, item, `each item of ${what}`);
    if (found !== null) return found;
  }
  return null;
}

function measure(value: Value, expected: Type): number | bigint {
  if (typeof value === 'number' || typeof value === 'bigint') return value;
  if (typeof value === 'string') {
    // A UTF-16 unit is one to three bytes: the bytes are counted only where that leaves it open.
    const surely = expected.max === null || value.length * 3 <= expected.max;
    return surely && (expected.min === null || value.length >= expected.min) ? value.length : utf8Length(value);
  }
  if (value === null || typeof value !== 'object') return 0;
  if (value.kind === Kind.Bytes) return value.bytes.length;
  return 'items' in value ? value.items.length : 0;
}

function outside(size: number | bigint, { min, max }: Type): boolean {
  return (min !== null && size < min) || (max !== null && size > max);
}

const PLAIN: Readonly<Record<TypeWord, string>> = {
  nil: 'Nil',
  bool: 'a boolean',
  int: 'an integer',
  bigint: 'a BigInt',
  float: 'a float',
  string: 'a string',
  bytes: 'a byte array',
  uri: 'a URI',
  list: 'a list',
  tuple: 'a tuple',
  set: 'a set',
  map: 'a map',
  name: 'an unforgeable name',
  process: 'a quoted process',
  any: 'any value',
  either: '',
};

/** The type in words, with its bounds: for refusals and the reference page. */
export function describe(expected: Type): string {
  if (expected.choices !== null) return expected.choices.map(describe).join(' or ');
  if (expected.values !== null) return expected.values.map((value) => JSON.stringify(value)).join(' or ');
  if (expected.channel !== null) {
    return expected.channel.length === 0 ? 'a channel' : `a channel of kind ${expected.channel.join(' or ')}`;
  }
  const items = expected.items === null ? '' : ` of which each item is ${describe(expected.items)}`;
  return `${PLAIN[expected.word]}${describeBounds(expected)}${items}`;
}

function describeBounds(expected: Type): string {
  const { min, max } = expected;
  if (min === null && max === null) return '';
  const range = min === null ? `at most ${max}` : max === null ? `at least ${min}` : `${min} to ${max}`;
  return expected.word === 'int' ? ` (${range})` : ` of ${range} ${unitOf(expected)}`;
}

function unitOf(expected: Type): string {
  return expected.word === 'string' || expected.word === 'bytes' ? 'bytes' : 'items';
}

function describeSize(expected: Type, size: number | bigint): string {
  return expected.word === 'int' ? String(size) : `one of ${size} ${unitOf(expected)}`;
}

const KIND_WORDS: readonly TypeWord[] = [
  'nil',
  'bool',
  'int',
  'bigint',
  'float',
  'string',
  'bytes',
  'uri',
  'list',
  'tuple',
  'set',
  'map',
  'name',
];

/** What a value is, in words; its content only when it is short and no secret (never the bytes of a name). */
export function describeValue(value: Value): string {
  if (typeof value === 'string') return value.length <= 32 ? `the string ${JSON.stringify(value)}` : 'a string';
  if (typeof value === 'number' || typeof value === 'bigint') return `the integer ${value}`;
  if (value === null || typeof value === 'boolean') return value === null ? 'Nil' : `${value}`;
  if (value.kind === Kind.Bundle) return isName(value) ? 'a bundled name' : 'a bundle';
  const word = KIND_WORDS[value.kind];
  return word === undefined ? 'a quoted process' : PLAIN[word];
}
