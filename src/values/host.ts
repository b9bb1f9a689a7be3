/**
 * JavaScript data of an embedding program to values and back. Owns the correspondence and its refusals. Must
 * never guess: what has no value of its own is refused with the path to it, and nothing is dropped in silence.
 */
import { PowerboxError } from '../errors.ts';
import { bytes, float, illFormed, isWellFormed, list, map, set } from './build.ts';
import { isNode, remainderOf } from './parts.ts';
import {
  BigInteger,
  BoundVariable,
  Bundle,
  Bytes,
  Conjunction,
  Disjunction,
  Float,
  FreeVariable,
  Kind,
  List,
  MapValue,
  Match,
  Matches,
  Method,
  Name,
  Negation,
  New,
  Operation,
  Par,
  Receive,
  Send,
  SetValue,
  Tuple,
  TypeWord,
  Uri,
  VariableReference,
  Wildcard,
} from './value.ts';
import type { ObjectValue, Value } from './value.ts';

/** What `fromValue` gives, and what `toValue` takes among other things. */
export type HostValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | ObjectValue
  | readonly HostValue[]
  | ReadonlySet<HostValue>
  | ReadonlyMap<HostValue, HostValue>
  | { readonly [key: string]: HostValue };

const VALUE_PROTOTYPES: ReadonlySet<unknown> = new Set(
  [
    BigInteger,
    BoundVariable,
    Bundle,
    Bytes,
    Conjunction,
    Disjunction,
    Float,
    FreeVariable,
    List,
    MapValue,
    Match,
    Matches,
    Method,
    Name,
    Negation,
    New,
    Operation,
    Par,
    Receive,
    Send,
    SetValue,
    Tuple,
    TypeWord,
    Uri,
    VariableReference,
    Wildcard,
  ].map((each): unknown => each.prototype),
);

/** An array, set, map or object whose parts are being converted; keys and values of a map alternate. */
interface Source {
  readonly thing: object;
  readonly shape: 'array' | 'set' | 'map' | 'object';
  readonly parts: readonly unknown[];
  readonly values: Value[];
}

/** What an object stands for that is no data: a handle, to a client. Undefined for every other object. */
export type ValueOfObject = (thing: object) => Value | undefined;

/**
 * Integers become Int, other numbers Float, bigints Int, arrays lists, maps and plain objects maps, sets sets,
 * Uint8Array byte arrays (copied); values pass as they are. Refuses everything else with `value_unsupported`. What
 * `ownValue` knows goes before all that.
 */
export function toValue(thing: unknown, ownValue: ValueOfObject = known): Value {
  // Most answers of natives are one plain thing, if that.
  if (typeof thing !== 'object' || thing === null) return leafOf(thing, [], ownValue) as Value;
  const open: Source[] = [];
  const ancestors = new Set<object>();
  let current: unknown = thing;
  for (;;) {
    let value = leafOf(current, open, ownValue);
    if (value === undefined) {
      const source = openSource(current as object, open, ancestors);
      if (source.parts.length > 0) {
        current = source.parts[0];
        continue;
      }
      value = closeSource(open, ancestors);
    }
    for (;;) {
      const top = open[open.length - 1];
      if (top === undefined) return value;
      top.values.push(value);
      if (top.values.length < top.parts.length) {
        current = top.parts[top.values.length];
        break;
      }
      value = closeSource(open, ancestors);
    }
  }
}

/** Nothing but data. */
function known(): undefined {}

/** The value of what has no parts; undefined for what has. */
function leafOf(thing: unknown, open: readonly Source[], ownValue: ValueOfObject): Value | undefined {
  const special = typeof thing === 'object' && thing !== null ? ownValue(thing) : undefined;
  if (special !== undefined) return special;
  switch (typeof thing) {
    case 'boolean':
      return thing;
    case 'string':
      if (!isWellFormed(thing)) throw refused(open, illFormed('a string').message);
      return thing;
    case 'number':
      return numberOf(thing, open);
    case 'bigint':
      return bigintOf(thing, open);
    case 'object':
      if (thing === null) return null;
      if (VALUE_PROTOTYPES.has(Object.getPrototypeOf(thing))) return thing as ObjectValue;
      return thing instanceof Uint8Array ? bytes(new Uint8Array(thing)) : undefined;
    case 'undefined':
      throw refused(open, 'undefined is no value', 'leave the key out, or use null for nil');
    default:
      throw refused(open, `a ${typeof thing} is no value`);
  }
}

function numberOf(n: number, open: readonly Source[]): Value {
  if (!Number.isInteger(n)) return float(n);
  if (Number.isSafeInteger(n)) return n === 0 ? 0 : n;
  throw refused(open, `the integer ${n} is beyond 2^53, so it may not be exact`, 'use a bigint, or float(n)');
}

function bigintOf(n: bigint, open: readonly Source[]): Value {
  if (BigInt.asIntN(64, n) !== n) {
    throw refused(open, 'an Int has 64 bits; this bigint needs more', 'use new BigInteger(n)');
  }
  return n >= Number.MIN_SAFE_INTEGER && n <= Number.MAX_SAFE_INTEGER ? Number(n) : n;
}

function openSource(thing: object, open: Source[], ancestors: Set<object>): Source {
  if (ancestors.has(thing)) throw refused(open, 'a cycle: this object contains itself');
  const source = sourceOf(thing, open);
  ancestors.add(thing);
  open.push(source);
  return source;
}

function sourceOf(thing: object, open: readonly Source[]): Source {
  // Array.from makes holes undefined, which is refused by its path
  if (Array.isArray(thing)) return { thing, shape: 'array', parts: Array.from(thing as unknown[]), values: [] };
  if (thing instanceof Set) return { thing, shape: 'set', parts: [...(thing as Set<unknown>)], values: [] };
  if (thing instanceof Map)
    return { thing, shape: 'map', parts: [...(thing as Map<unknown, unknown>)].flat(1), values: [] };
  const prototype: unknown = Object.getPrototypeOf(thing);
  if (prototype !== Object.prototype && prototype !== null) {
    throw refused(open, `an object of class ${className(thing)} is no value`, 'convert it to plain data first');
  }
  if (Object.getOwnPropertySymbols(thing).length > 0) throw refused(open, 'an object with symbol keys is no value');
  return { thing, shape: 'object', parts: Object.entries(thing).flat(1), values: [] };
}

function className(thing: object): string {
  const maker: unknown = (thing as { constructor?: unknown }).constructor;
  return typeof maker === 'function' && maker.name !== '' ? maker.name : 'unknown';
}

function closeSource(open: Source[], ancestors: Set<object>): Value {
  const source = open.pop() as Source;
  ancestors.delete(source.thing);
  switch (source.shape) {
    case 'array':
      return list(source.values);
    case 'set':
      return set(source.values);
    default:
      return map(pairsOf(source.values));
  }
}

function pairsOf(values: readonly Value[]): [Value, Value][] {
  const pairs: [Value, Value][] = [];
  for (let index = 0; index < values.length; index += 2)
    pairs.push([values[index] as Value, values[index + 1] as Value]);
  return pairs;
}

function refused(open: readonly Source[], reason: string, hint = ''): PowerboxError {
  return new PowerboxError('value_unsupported', `${pathOf(open)}: ${reason}`, { hint });
}

const PATH_STEPS_MAX = 32;

/** Where in the data the current part is, as in `$.a[3]`. */
function pathOf(open: readonly Source[]): string {
  const steps = open.slice(0, PATH_STEPS_MAX).map((source) => stepOf(source));
  return `$${steps.join('')}${open.length > PATH_STEPS_MAX ? '…' : ''}`;
}

function stepOf(source: Source): string {
  const at = source.values.length;
  switch (source.shape) {
    case 'array':
      return `[${at}]`;
    case 'set':
      return `.item(${at})`;
    case 'map':
      return at % 2 === 0 ? `.key(${at / 2})` : `.item(${(at - 1) / 2})`;
    case 'object': {
      const key = source.parts[at - (at % 2)] as string;
      return /^[A-Za-z_$][\w$]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
    }
  }
}

/** A collection being converted back. */
interface Target {
  readonly node: List | Tuple | SetValue | MapValue;
  readonly parts: readonly Value[];
  readonly things: unknown[];
}

/**
 * The inverse, for programs: Int becomes number or bigint, Float number, lists and tuples arrays, sets Set,
 * maps a plain object when all keys are strings and else Map, byte arrays a copy as Uint8Array. Names, URIs,
 * bundles, BigIntegers, processes and patterns stay values. A whole Float and a tuple therefore come back
 * through `toValue` as Int and list: where that matters, keep the value. What `thingOf` knows becomes what it says.
 */
export function fromValue(value: Value): HostValue;
export function fromValue(value: Value, thingOf: (value: ObjectValue) => unknown): unknown;
export function fromValue(value: Value, thingOf: (value: ObjectValue) => unknown = known): unknown {
  const open: Target[] = [];
  let current = value;
  for (;;) {
    let thing: unknown;
    if (isCollection(current)) {
      const target: Target = { node: current, parts: collectionParts(current), things: [] };
      open.push(target);
      if (target.parts.length > 0) {
        current = target.parts[0] as Value;
        continue;
      }
      thing = closeTarget(open);
    } else thing = hostLeaf(current, thingOf);
    for (;;) {
      const top = open[open.length - 1];
      if (top === undefined) return thing;
      top.things.push(thing);
      if (top.things.length < top.parts.length) {
        current = top.parts[top.things.length] as Value;
        break;
      }
      thing = closeTarget(open);
    }
  }
}

function isCollection(value: Value): value is List | Tuple | SetValue | MapValue {
  if (!isNode(value) || remainderOf(value) !== null) return false;
  return value.kind === Kind.List || value.kind === Kind.Tuple || value.kind === Kind.Set || value.kind === Kind.Map;
}

/** The keys of a map come first, so that the host's keys are there when its items are. */
function collectionParts(node: List | Tuple | SetValue | MapValue): readonly Value[] {
  return node.kind === Kind.Map ? [...node.keys, ...node.items] : node.items;
}

function hostLeaf(value: Value, thingOf: (value: ObjectValue) => unknown): unknown {
  const special = typeof value === 'object' && value !== null ? thingOf(value) : undefined;
  if (special !== undefined) return special;
  if (value instanceof Float) return value.value;
  // a Buffer's own slice would share its memory, and be a Buffer
  if (value instanceof Bytes) return new Uint8Array(value.bytes);
  return value;
}

function closeTarget(open: Target[]): unknown {
  const { node, things } = open.pop() as Target;
  switch (node.kind) {
    case Kind.List:
    case Kind.Tuple:
      return things;
    case Kind.Set:
      return new Set(things);
    case Kind.Map: {
      const count = node.keys.length;
      const pairs = things.slice(0, count).map((key, index) => [key, things[count + index]] as const);
      // `__proto__` as a key would not survive the first copy of a plain object
      if (node.keys.every((key) => typeof key === 'string' && key !== '__proto__'))
        return Object.fromEntries(pairs) as Record<string, unknown>;
      return new Map(pairs);
    }
  }
}
