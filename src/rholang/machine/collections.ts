/**
 * Operators on strings, byte arrays and collections. Sets and maps are sorted, so one item is found by binary
 * search; every operation counts the items it copies.
 */
import { Bytes, BigInteger, List, MapValue, SetValue, Uri, compare, map, set } from '../../values/index.ts';
import type { Operation, Value } from '../../values/index.ts';
import { fault, typeName } from './faults.ts';
import type { Machine } from './place.ts';
import { checkBytes, checkSize, weight } from './sizes.ts';

/** Where `wanted` stands in sorted values, or `-1 - place` where it would stand. */
export function find(sorted: readonly Value[], wanted: Value, machine: Machine): number {
  let low = 0;
  let high = sorted.length - 1;
  let steps = 1;
  const each = 1 + weight(wanted);
  while (low <= high) {
    const middle = (low + high) >> 1;
    const order = compare(sorted[middle] as Value, wanted);
    if (order === 0) {
      machine.charge(steps * each);
      return middle;
    }
    if (order < 0) low = middle + 1;
    else high = middle - 1;
    steps++;
  }
  machine.charge(steps * each);
  return -1 - low;
}

export function withItem(target: SetValue, item: Value, machine: Machine): SetValue {
  const at = find(target.items, item, machine);
  if (at >= 0) return target;
  const items = target.items.slice();
  items.splice(-1 - at, 0, item);
  return checkSize(new SetValue(items), machine);
}

export function withoutItem(target: SetValue, item: Value, machine: Machine): SetValue {
  const at = find(target.items, item, machine);
  if (at < 0) return target;
  machine.charge(target.items.length);
  return new SetValue(target.items.filter((_, index) => index !== at));
}

export function withEntry(target: MapValue, key: Value, item: Value, machine: Machine): MapValue {
  const at = find(target.keys, key, machine);
  const keys = target.keys.slice();
  const items = target.items.slice();
  if (at >= 0) {
    items[at] = item;
  } else {
    keys.splice(-1 - at, 0, key);
    items.splice(-1 - at, 0, item);
  }
  return checkSize(new MapValue(keys, items), machine);
}

export function withoutKey(target: MapValue, key: Value, machine: Machine): MapValue {
  const at = find(target.keys, key, machine);
  if (at < 0) return target;
  machine.charge(target.keys.length);
  const stays = (_: Value, index: number): boolean => index !== at;
  return new MapValue(target.keys.filter(stays), target.items.filter(stays));
}

export function setUnion(left: SetValue, right: SetValue, machine: Machine): SetValue {
  machine.charge(left.items.length + right.items.length);
  return checkSize(set([...left.items, ...right.items]), machine);
}

/** Where both have a key, the entry of `right` stays. */
export function mapUnion(left: MapValue, right: MapValue, machine: Machine): MapValue {
  machine.charge(left.keys.length + right.keys.length);
  return checkSize(map([...entries(left), ...entries(right)]), machine);
}

export function setDifference(left: SetValue, right: SetValue, machine: Machine): SetValue {
  return new SetValue(left.items.filter((item) => find(right.items, item, machine) < 0));
}

/** Entries of `left` whose keys `right` does not have. */
export function mapDifference(left: MapValue, right: MapValue, machine: Machine): MapValue {
  return map(entries(left).filter(([key]) => find(right.keys, key, machine) < 0));
}

export function entries(of: MapValue): (readonly [Value, Value])[] {
  return of.keys.map((key, index) => [key, of.items[index] as Value] as const);
}

export function concatenate(node: Operation, left: Value, right: Value, machine: Machine): Value {
  if (typeof left === 'string' && typeof right === 'string') {
    checkBytes(left.length + right.length);
    machine.charge((left.length + right.length) >> 8);
    return left + right;
  }
  if (left instanceof List && right instanceof List) {
    machine.charge(left.items.length + right.items.length);
    return checkSize(new List(left.items.concat(right.items)), machine);
  }
  if (left instanceof Bytes && right instanceof Bytes) return joinBytes(left, right, machine);
  if (left instanceof MapValue && right instanceof MapValue) return mapUnion(left, right, machine);
  if (left instanceof SetValue && right instanceof SetValue) return setUnion(left, right, machine);
  throw fault(
    node,
    `operator \`++\` is not defined on ${typeName(left)} and ${typeName(right)}`,
    'it joins two strings, byte arrays, lists, maps or sets',
  );
}

function joinBytes(left: Bytes, right: Bytes, machine: Machine): Bytes {
  const length = left.bytes.length + right.bytes.length;
  checkBytes(length);
  machine.charge(length >> 8);
  const joined = new Uint8Array(length);
  joined.set(left.bytes, 0);
  joined.set(right.bytes, left.bytes.length);
  return new Bytes(joined);
}

export function difference(node: Operation, left: Value, right: Value, machine: Machine): Value {
  if (left instanceof SetValue && right instanceof SetValue) return setDifference(left, right, machine);
  throw fault(
    node,
    `operator \`--\` is not defined on ${typeName(left)} and ${typeName(right)}`,
    'it takes one set from another',
  );
}

/** `"${key}" %% {"key": value}`: one scan from the left; what was put in is not scanned again. */
export function interpolate(node: Operation, left: Value, right: Value, machine: Machine): Value {
  if (typeof left !== 'string' || !(right instanceof MapValue)) {
    throw fault(
      node,
      `operator \`%%\` is not defined on ${typeName(left)} and ${typeName(right)}`,
      'it fills a map of values into a string',
    );
  }
  const texts = new Map<string, string>();
  for (const [key, item] of entries(right)) {
    if (typeof key !== 'string')
      throw fault(node, `operator \`%%\` expects a map whose keys are String and found ${typeName(key)}`);
    texts.set(key, textOf(node, item));
  }
  machine.charge(left.length >> 4);
  let result = '';
  let from = 0;
  for (;;) {
    const start = left.indexOf('${', from);
    const key = start < 0 ? null : keyAt(left, start + 2, texts);
    if (start < 0) break;
    machine.charge(1 + (texts.size >> 2));
    if (key === null) {
      result += left.slice(from, start + 2);
      from = start + 2;
      continue;
    }
    result += left.slice(from, start) + (texts.get(key) as string);
    from = start + 3 + key.length;
    checkBytes(result.length);
  }
  return checkSize(result + left.slice(from), machine);
}

/** The key that stands at `start`, closed by a brace; null when the map has no such key. */
function keyAt(text: string, start: number, texts: ReadonlyMap<string, string>): string | null {
  for (const key of texts.keys()) if (text.startsWith(`${key}}`, start)) return key;
  return null;
}

function textOf(node: Operation, value: Value): string {
  switch (typeof value) {
    case 'string':
      return value;
    case 'number':
    case 'bigint':
    case 'boolean':
      return String(value);
    default:
      break;
  }
  if (value instanceof BigInteger) return value.value.toString();
  if (value instanceof Uri) return value.text;
  throw fault(
    node,
    `operator \`%%\` cannot put ${typeName(value)} into a string`,
    'it takes String, Int, BigInt, Bool and Uri',
  );
}
