/**
 * Primitive keys for JavaScript maps: equal for equal values and different for different ones. Owns the
 * spelling of those keys; that of `indexKey` stands in the keys of index rows (`spec/storage.md`), so a change of
 * it is a change of format. Must stay cheap: no hashing, no big bytes.
 */
import { Encoder } from './encoder.ts';
import { limits } from '../limits.ts';
import { Kind } from './value.ts';
import type { Name, ObjectValue, Value } from './value.ts';

export type IndexKey = string | number | bigint | boolean | null;

/**
 * First character of a key that stands for canonical bytes. A string that starts with either is escaped by
 * the second, so that no string is taken for bytes.
 */
const BYTES_MARK = '\u0000';
const TEXT_MARK = '\u0001';
/** What a key has taken beyond it is given back with the next one. */
const SCRATCH_BYTES = 1024;

/**
 * The key of a ground value, or undefined for a value that is not ground or not cheap to have a key for. An
 * Int and a Float of equal size differ: Ints are themselves, everything rarer is its canonical bytes.
 */
export function indexKey(value: Value): IndexKey | undefined {
  if (typeof value === 'string') {
    if (value.length > limits.index_key_bytes_max) return undefined;
    return value.charCodeAt(0) <= 1 ? TEXT_MARK + value : value;
  }
  if (typeof value !== 'object' || value === null) return value;
  const budget = { bytes: limits.index_key_bytes_max };
  if (!isSmallGround(value, budget, 0)) return undefined;
  const bytes = canonicalBytes(value);
  return bytes.length > limits.index_key_bytes_max ? undefined : BYTES_MARK + latin1(bytes);
}

/** One string for each channel, whatever it is. */
export function channelKey(value: Value): string {
  if (typeof value === 'object' && value !== null && value.kind === Kind.Name) return nameKey(value);
  return `q${latin1(canonicalBytes(value))}`;
}

function nameKey(name: Name): string {
  return `n${latin1(name.bytes)}`;
}

/** What is written for one key is there until the next: a key is asked for at each channel that is named. */
let scratch = new Encoder(SCRATCH_BYTES);

function canonicalBytes(value: Value): Uint8Array {
  if (scratch.length > SCRATCH_BYTES) scratch = new Encoder(SCRATCH_BYTES);
  else scratch.reset();
  scratch.value(value);
  return scratch.view();
}

/** One character a byte. Eight at a time is several times faster than `apply` or one by one. */
function latin1(bytes: Uint8Array): string {
  const length = bytes.length;
  let text = '';
  let at = 0;
  for (; at + 8 <= length; at += 8) {
    text += String.fromCharCode(
      bytes[at] as number,
      bytes[at + 1] as number,
      bytes[at + 2] as number,
      bytes[at + 3] as number,
      bytes[at + 4] as number,
      bytes[at + 5] as number,
      bytes[at + 6] as number,
      bytes[at + 7] as number,
    );
  }
  for (; at < length; at++) text += String.fromCharCode(bytes[at] as number);
  return text;
}

/** Looks no further than the key may be long, so the depth is bounded too. */
function isSmallGround(value: ObjectValue, budget: { bytes: number }, depth: number): boolean {
  switch (value.kind) {
    case Kind.BigInt:
      budget.bytes -= 4;
      // a number of the key's bytes has that many bits; comparing does not convert it
      return value.value < LARGE && value.value > -LARGE;
    case Kind.Float:
      budget.bytes -= 9;
      break;
    case Kind.Bytes:
      budget.bytes -= 2 + value.bytes.length;
      break;
    case Kind.Uri:
      budget.bytes -= 2 + value.text.length;
      break;
    case Kind.Name:
      budget.bytes -= 35;
      break;
    case Kind.List:
    case Kind.Set:
      budget.bytes -= 1;
      return value.remainder === null && areSmallGround(value.items, budget, depth);
    case Kind.Tuple:
      budget.bytes -= 4;
      return areSmallGround(value.items, budget, depth);
    case Kind.Map:
      budget.bytes -= 1;
      return (
        value.remainder === null &&
        areSmallGround(value.keys, budget, depth) &&
        areSmallGround(value.items, budget, depth)
      );
    case Kind.Bundle:
      budget.bytes -= 6;
      return areSmallGround([value.body], budget, depth);
    default:
      return false;
  }
  return budget.bytes >= 0;
}

const LARGE = 1n << BigInt(8 * limits.index_key_bytes_max);

function areSmallGround(items: readonly Value[], budget: { bytes: number }, depth: number): boolean {
  if (items.length > budget.bytes || depth > limits.index_key_bytes_max) return false;
  for (const item of items) {
    if (typeof item === 'object' && item !== null) {
      if (!isSmallGround(item, budget, depth + 1)) return false;
    } else budget.bytes -= typeof item === 'string' ? 1 + item.length : 1;
    if (budget.bytes < 0) return false;
  }
  return true;
}
