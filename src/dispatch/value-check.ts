/**
 * Whether a thing that host code handed over is a value: what the codec writes and reads back the same, within
 * the room an answer has. Must never trust the thing's types, and never recurse deeper than its bound.
 */
import { limits } from '../limits.ts';
import {
  BigInteger,
  Bundle,
  Bytes,
  compare,
  decodeValue,
  encodeValue,
  Float,
  isClosed,
  isWellFormed,
  KEPT_DEPTH_MAX,
  keptBytes,
  Kind,
  List,
  MapValue,
  Name,
  SetValue,
  Tuple,
  Uri,
  type Value,
} from '../values/index.ts';

/** Bytes that may still come; shared by the parts of one answer. */
export interface Room {
  bytes: number;
}

const INT_MIN = -(2n ** 63n);
const INT_MAX = 2n ** 63n - 1n;

/** Null when it is a value, else why not, as the end of a sentence. */
export function valueFault(thing: unknown, room: Room): string | null {
  return fault(thing, room, 0);
}

function fault(thing: unknown, room: Room, depth: number): string | null {
  room.bytes -= 1;
  if (room.bytes < 0) return `has more than ${limits.answer_bytes_max} bytes`;
  if (depth > limits.answer_depth_max) return `nests deeper than ${limits.answer_depth_max}`;
  switch (typeof thing) {
    case 'boolean':
      return null;
    case 'number':
      return Number.isSafeInteger(thing) && !Object.is(thing, -0) ? null : `holds the number ${thing}, which is no Int`;
    case 'bigint':
      return bigintFault(thing);
    case 'string':
      return textFault(thing, room);
    case 'object':
      return thing === null ? null : objectFault(thing, room, depth);
    default:
      return `holds a thing of JavaScript type ${typeof thing}`;
  }
}

function bigintFault(thing: bigint): string | null {
  if (thing < INT_MIN || thing > INT_MAX) return 'holds an Int beyond 64 bits';
  const exact = Number(thing);
  return Number.isSafeInteger(exact) ? 'holds a small Int as a bigint' : null;
}

function textFault(text: unknown, room: Room): string | null {
  if (typeof text !== 'string') return 'holds a text that is no string';
  // Only a bound is needed: no character takes less than one byte, and the rest is checked by the store.
  room.bytes -= text.length;
  if (room.bytes < 0) return `has more than ${limits.answer_bytes_max} bytes`;
  return isWellFormed(text) ? null : 'holds a string with a lone surrogate';
}

function objectFault(thing: object, room: Room, depth: number): string | null {
  if (thing instanceof List) return thing.remainder === null ? itemsFault(thing.items, room, depth) : 'holds a pattern';
  if (thing instanceof Tuple) return itemsFault(thing.items, room, depth);
  if (thing instanceof Bytes) {
    if (!(thing.bytes instanceof Uint8Array)) return 'holds a byte array without bytes';
    room.bytes -= thing.bytes.length;
    return room.bytes < 0 ? `has more than ${limits.answer_bytes_max} bytes` : null;
  }
  if (thing instanceof MapValue) return mapFault(thing, room, depth);
  if (thing instanceof SetValue) {
    return (
      (thing.remainder === null ? itemsFault(thing.items, room, depth) : 'holds a pattern') ??
      orderFault(thing.items, 'set')
    );
  }
  if (thing instanceof Name) return null;
  if (thing instanceof Bundle) return fault(thing.body, room, depth + 1);
  if (thing instanceof Uri) return textFault(thing.text, room);
  if (thing instanceof Float)
    return typeof thing.value === 'number' && !Object.is(thing.value, -0) ? null : 'holds a wrong float';
  if (thing instanceof BigInteger) {
    if (typeof thing.value !== 'bigint') return 'holds a wrong BigInt';
    room.bytes -= thing.value.toString(16).length >> 1;
    return room.bytes < 0 ? `has more than ${limits.answer_bytes_max} bytes` : null;
  }
  const kind: unknown = 'kind' in thing ? thing.kind : undefined;
  if (typeof kind !== 'number' || kind < Kind.Send) return 'holds an object that is no value';
  return processFault(thing as Value, room);
}

/** Natives pass on quoted processes that programs gave them; they are rare, so the codec itself is asked. */
function processFault(thing: Value, room: Room): string | null {
  try {
    if (!isClosed(thing)) return 'holds an open process';
    const bytes = encodeValue(thing);
    room.bytes -= bytes.length;
    decodeValue(bytes, (name) => new Name(null, 0, 0, name));
  } catch (thrown) {
    return `holds a process that cannot be stored (${thrown instanceof Error ? thrown.message : 'unreadable'})`;
  }
  return room.bytes < 0 ? `has more than ${limits.answer_bytes_max} bytes` : null;
}

function itemsFault(items: unknown, room: Room, depth: number): string | null {
  if (!Array.isArray(items)) return 'holds a collection without items';
  for (let index = 0; index < items.length; index++) {
    const found = fault(items[index], room, depth + 1);
    if (found !== null) return found;
  }
  return null;
}

function mapFault(thing: MapValue, room: Room, depth: number): string | null {
  if (thing.remainder !== null) return 'holds a pattern';
  const kept = keptBytes(thing);
  // It has been written once, by our own hand.
  if (kept !== undefined && depth + KEPT_DEPTH_MAX <= limits.answer_depth_max) {
    room.bytes -= kept.length;
    return room.bytes < 0 ? `has more than ${limits.answer_bytes_max} bytes` : null;
  }
  const found =
    itemsFault(thing.keys, room, depth) ?? itemsFault(thing.items, room, depth) ?? orderFault(thing.keys, 'map');
  if (found !== null) return found;
  return thing.keys.length === thing.items.length ? null : 'holds a map with more keys than values, or fewer';
}

function orderFault(items: readonly Value[], what: string): string | null {
  for (let index = 1; index < items.length; index++) {
    if (compare(items[index - 1] as Value, items[index] as Value) >= 0) return `holds a ${what} out of order`;
  }
  return null;
}
