/**
 * The constructors that keep the invariants of the data model: sorted sets and maps, flat sorted parallel
 * compositions, one NaN, Ints within 64 bits. Everyone who makes values builds them here; nobody builds a
 * collection or a process by hand unless its parts come from one that stood already.
 */
import { PowerboxError } from '../errors.ts';
import { compare } from './order.ts';
import {
  Bundle,
  Bytes,
  Conjunction,
  Disjunction,
  Float,
  Kind,
  List,
  MapValue,
  Par,
  SetValue,
  Tuple,
  Uri,
  kindOf,
} from './value.ts';
import type { Remainder, Value } from './value.ts';

const NAN = new Float(Number.NaN);

export function float(n: number): Float {
  if (Number.isNaN(n)) return NAN;
  return new Float(n === 0 ? 0 : n);
}

/** An Int: wrapped to 64 bits, a number where that is exact. */
export function int(n: bigint): number | bigint {
  const wrapped = BigInt.asIntN(64, n);
  return wrapped >= MIN_SAFE && wrapped <= MAX_SAFE ? Number(wrapped) : wrapped;
}

const MIN_SAFE = BigInt(Number.MIN_SAFE_INTEGER);
const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER);

/** Takes over `bytes`: the caller must not write to them any more. */
export function bytes(bytes: Uint8Array): Bytes {
  return new Bytes(bytes);
}

export function uri(text: string): Uri {
  if (!isWellFormed(text)) throw illFormed('a URI');
  return new Uri(text);
}

/** Whether a JavaScript string has no lone surrogate: only such strings are values. */
export function isWellFormed(text: string): boolean {
  return text.isWellFormed();
}

export function illFormed(what: string): PowerboxError {
  return new PowerboxError('value_unsupported', `${what} must be well-formed text; this one has a lone surrogate`, {
    hint: 'carry arbitrary 16-bit data as a byte array',
  });
}

const EMPTY_LIST = new List([]);

export function list(items: readonly Value[], remainder: Remainder = null): List {
  return items.length === 0 && remainder === null ? EMPTY_LIST : new List(items, remainder);
}

export function tuple(items: readonly Value[]): Tuple {
  return new Tuple(items);
}

export function set(items: Iterable<Value>, remainder: Remainder = null): SetValue {
  const sorted = [...items];
  if (sorted.length > 1) sorted.sort(compare);
  const kept: Value[] = [];
  for (const item of sorted) {
    if (kept.length === 0 || compare(kept[kept.length - 1] as Value, item) !== 0) kept.push(item);
  }
  return new SetValue(kept, remainder);
}

/** Of two entries with one key the later wins. */
export function map(entries: Iterable<readonly [Value, Value]>, remainder: Remainder = null): MapValue {
  const sorted = [...entries];
  // the sort is stable, so of equal keys the last one is the later pair
  if (sorted.length > 1) sorted.sort(byKey);
  const keys: Value[] = [];
  const items: Value[] = [];
  for (const [key, item] of sorted) {
    if (keys.length > 0 && compare(keys[keys.length - 1] as Value, key) === 0) items[items.length - 1] = item;
    else {
      keys.push(key);
      items.push(item);
    }
  }
  return new MapValue(keys, items, remainder);
}

/** Of keys and the items beside them, both taken over; null when a key comes twice. */
export function mapOf(keys: Value[], items: Value[]): MapValue | null {
  if (keys.length > SORTED_IN_PLACE_MAX) {
    const made = map(keys.map((key, index) => [key, items[index] as Value] as const));
    return made.keys.length < keys.length ? null : made;
  }
  for (let end = 1; end < keys.length; end++) {
    const key = keys[end] as Value;
    const item = items[end] as Value;
    let at = end;
    for (; at > 0; at--) {
      const order = compare(keys[at - 1] as Value, key);
      if (order === 0) return null;
      if (order < 0) break;
      keys[at] = keys[at - 1] as Value;
      items[at] = items[at - 1] as Value;
    }
    keys[at] = key;
    items[at] = item;
  }
  return new MapValue(keys, items);
}

/** Keys that are cheaper to sort where they stand, most often in order already, than to copy. */
const SORTED_IN_PLACE_MAX = 16;

function byKey(left: readonly [Value, Value], right: readonly [Value, Value]): number {
  return compare(left[0], right[0]);
}

/** Parallel composition: flat, without nil, sorted; nothing is nil and one part is itself. */
export function par(parts: readonly Value[]): Value {
  const flat: Value[] = [];
  for (const part of parts) {
    if (part === null) continue;
    if (kindOf(part) === Kind.Par) {
      // a Par is flat already
      for (const inner of (part as Par).parts) flat.push(inner);
    } else flat.push(part);
  }
  if (flat.length === 0) return null;
  if (flat.length === 1) return flat[0] as Value;
  return new Par(flat.sort(compare));
}

/** Rights only shrink: a bundle of a bundle has the rights that both leave. */
export function bundle(body: Value, read: boolean, write: boolean): Bundle {
  if (body instanceof Bundle) return new Bundle(body.body, read && body.read, write && body.write);
  return new Bundle(body, read, write);
}

/** Both connectives keep the order in which their parts are tried; one part is itself. */
export function conjunction(parts: readonly Value[]): Value {
  return parts.length === 1 ? (parts[0] as Value) : new Conjunction(atLeastTwo(parts, 'conjunction'));
}

export function disjunction(parts: readonly Value[]): Value {
  return parts.length === 1 ? (parts[0] as Value) : new Disjunction(atLeastTwo(parts, 'disjunction'));
}

function atLeastTwo(parts: readonly Value[], what: string): readonly Value[] {
  if (parts.length < 2) throw new PowerboxError('value_unsupported', `a ${what} needs at least one part; it got none`);
  return parts;
}
