/**
 * Values as JSON, for those who have nothing but JSON. Owns the correspondence, written down in spec/json-rpc.md. Must
 * never let two values be one text, nor take a text for a value that it is not: what JSON has no form for stands in an
 * object with one key that begins with `$`.
 *
 *   null true "text" 1 [1] {"a": 1}     nil, boolean, string, Int, list, map whose keys are strings
 *   1.5                                 Float; {"$float": 2}, {"$float": "NaN"} where it would not be seen
 *   {"$int": "9007199254740993"}        Int beyond 2^53          {"$bigint": "1"}    BigInt
 *   {"$bytes": "aGk="}                  byte array, base64       {"$uri": "rho:id"}  URI
 *   {"$tuple": [1]}  {"$set": [1]}      tuple, set               {"$map": [[1, 2]]}  any other map
 *   {"$channel": "A…"}                  a channel, as the token of its holder
 *   {"$process": "Nil"}                 a quoted process, as text; it only comes
 *   {"$any": true}                      in a pattern: anything may stand there
 */
import { PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import { print } from '../rholang/index.ts';
import {
  BigInteger,
  bytes,
  type Float,
  float,
  int,
  isWellFormed,
  Kind,
  list,
  map,
  set,
  tuple,
  uri,
  type Value,
  Wildcard,
} from '../values/index.ts';
import { Capability, shown } from '../wire/index.ts';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** What stands for a thing that JSON has no word for, beside the forms above; undefined: it is none. */
export type Special = (key: string, json: Json, rest: Readonly<Record<string, Json>>) => Value | undefined;

/** Refuses with `value_too_large` what is nested deeper than anybody takes. */
export function toJson(value: Value): Json {
  return write(value, 0);
}

function write(value: Value, depth: number): Json {
  switch (typeof value) {
    case 'string':
    case 'boolean':
    case 'number':
      return value;
    case 'bigint':
      return { $int: String(value) };
    default:
      break;
  }
  if (value === null) return null;
  if (value instanceof Capability) return { $channel: tokenText(value) };
  if (depth > limits.wire_depth_max)
    throw new PowerboxError('value_too_large', `a value that is nested deeper than ${limits.wire_depth_max}`);
  const inner = (item: Value): Json => write(item, depth + 1);
  switch (value.kind) {
    case Kind.BigInt:
      return { $bigint: String(value.value) };
    case Kind.Float:
      return floatJson(value);
    case Kind.Bytes:
      return { $bytes: base64(value.bytes) };
    case Kind.Uri:
      return { $uri: value.text };
    case Kind.List:
      return value.remainder === null ? value.items.map(inner) : { $process: print(value) };
    case Kind.Tuple:
      return { $tuple: value.items.map(inner) };
    case Kind.Set:
      return value.remainder === null ? { $set: value.items.map(inner) } : { $process: print(value) };
    case Kind.Map: {
      const { keys, items } = value;
      const pairs = keys.map((key, index) => [key, items[index] as Value] as const);
      const plain = keys.every((key) => typeof key === 'string' && !key.startsWith('$') && key !== '__proto__');
      if (!plain) return { $map: pairs.map(([key, item]) => [inner(key), inner(item)]) };
      return Object.fromEntries(pairs.map(([key, item]) => [key as string, inner(item)]));
    }
    case Kind.Wildcard:
      return { $any: true };
    default:
      return { $process: print(value) };
  }
}

function floatJson({ value }: Float): Json {
  if (!Number.isFinite(value)) return { $float: String(value) };
  return Number.isInteger(value) ? { $float: value } : value;
}

/** Refuses with `arguments_invalid` what stands for nothing, and says where. */
export function fromJson(json: Json, special: Special = () => undefined): Value {
  return read(json, '$', 0, special);
}

function read(json: Json, path: string, depth: number, special: Special): Value {
  if (depth > limits.wire_depth_max) throw refused(path, `nested deeper than ${limits.wire_depth_max}`);
  switch (typeof json) {
    case 'boolean':
      return json;
    case 'string':
      if (!isWellFormed(json)) throw refused(path, 'a string with a lone surrogate');
      return json;
    case 'number':
      if (!Number.isInteger(json)) return float(json);
      if (!Number.isSafeInteger(json)) throw refused(path, 'an integer beyond 2^53', 'write {"$int": "…"}');
      return json === 0 ? 0 : json;
    default:
      break;
  }
  if (json === null) return null;
  if (isArray(json)) return list(json.map((item, index) => read(item, `${path}[${index}]`, depth + 1, special)));
  const entries = Object.entries(json);
  const [first] = entries;
  if (first?.[0].startsWith('$') === true) return readSpecial(json, path, depth, special);
  return map(
    entries.map(([key, item]) => {
      if (!isWellFormed(key)) throw refused(path, 'a key with a lone surrogate');
      return [key, read(item, `${path}.${/^\w{1,24}$/.test(key) ? key : '…'}`, depth + 1, special)];
    }),
  );
}

function readSpecial(json: Readonly<Record<string, Json>>, path: string, depth: number, special: Special): Value {
  const [[key, said] = ['', null]] = Object.entries(json);
  const found = special(key, said, json);
  if (found !== undefined) return found;
  if (Object.keys(json).length !== 1) throw refused(path, `beside ${shown(key)} nothing else may stand`);
  const inner = (item: Json, index: number): Value => read(item, `${path}.${key}[${index}]`, depth + 1, special);
  const items = (): readonly Json[] => {
    if (isArray(said)) return said;
    throw refused(path, `${shown(key)} takes a list`);
  };
  const text = (): string => {
    if (typeof said === 'string' && isWellFormed(said)) return said;
    throw refused(path, `${shown(key)} takes a string`);
  };
  switch (key) {
    case '$int': {
      const n = integerOf(text(), path);
      if (BigInt.asIntN(64, n) !== n) throw refused(path, 'an Int has 64 bits', 'write {"$bigint": "…"}');
      return int(n);
    }
    case '$bigint':
      return new BigInteger(integerOf(text(), path));
    case '$float':
      return floatOf(said, path);
    case '$bytes':
      return bytes(bytesOf(text(), path));
    case '$uri':
      return uri(text());
    case '$tuple':
      return tuple(items().map(inner));
    case '$set':
      return set(items().map(inner));
    case '$map':
      return map(
        items().map((pair, index) => {
          if (!isArray(pair) || pair.length !== 2) throw refused(path, '$map takes pairs of a key and a value');
          return [inner(pair[0] as Json, index), inner(pair[1] as Json, index)];
        }),
      );
    case '$channel':
      return capabilityOf(text(), path);
    case '$any':
      if (said !== true) throw refused(path, '$any takes true');
      return Wildcard.the;
    default:
      throw refused(
        path,
        `${shown(key)} stands for nothing`,
        'a map with such a key is written {"$map": [["key", value]]}',
      );
  }
}

/** The capability of a token as it stands in JSON. */
export function capabilityOf(text: string, path: string): Capability {
  const token = /^[A-Za-z0-9_-]+$/.test(text) && text.length <= 256 ? Buffer.from(text, 'base64url') : null;
  if (token === null || token.length === 0) throw refused(path, 'what stands there is no token of a channel');
  return new Capability(new Uint8Array(token));
}

/** A token in letters that need no quoting anywhere. */
export function tokenText({ token }: Capability): string {
  return Buffer.from(token).toString('base64url');
}

function integerOf(text: string, path: string): bigint {
  if (!/^-?[0-9]+$/.test(text)) throw refused(path, 'an integer is written in decimal digits');
  if (text.length > limits.literal_digits_max) throw refused(path, `at most ${limits.literal_digits_max} digits`);
  return BigInt(text);
}

function floatOf(said: Json, path: string): Float {
  if (typeof said === 'number') return float(said);
  if (said === 'NaN' || said === 'Infinity' || said === '-Infinity') return float(Number(said));
  throw refused(path, '$float takes a number, "NaN", "Infinity" or "-Infinity"');
}

function bytesOf(text: string, path: string): Uint8Array {
  const read = Buffer.from(text, 'base64');
  // The decoder of Node skips what it cannot read.
  if (base64(read) !== text) throw refused(path, '$bytes takes base64 with its padding');
  return new Uint8Array(read);
}

function base64(data: Uint8Array): string {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64');
}

export function isArray(json: Json | undefined): json is readonly Json[] {
  return Array.isArray(json);
}

export function isRecord(json: Json | undefined): json is Readonly<Record<string, Json>> {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}

function refused(path: string, reason: string, hint = ''): PowerboxError {
  return new PowerboxError('arguments_invalid', `${path.slice(0, 256)}: ${reason}`, { hint });
}
