/**
 * One value to its canonical bytes and back: what equality, hashes and vectors speak of. For many values or
 * for records around them use one `Encoder` again and again.
 */
import { Decoder } from './decoder.ts';
import { Encoder } from './encoder.ts';
import { KEPT_DEPTH_MAX, keep } from './kept.ts';
import { Kind } from './value.ts';
import type { MapValue, Name, Value } from './value.ts';

export function encodeValue(value: Value): Uint8Array {
  const encoder = new Encoder(128);
  encoder.value(value);
  return encoder.finish();
}

/** Refuses anything but exactly one value in canonical bytes. */
export function decodeValue(bytes: Uint8Array, readName: (bytes: Uint8Array) => Name): Value {
  const decoder = new Decoder(bytes, readName);
  const value = decoder.value();
  decoder.end();
  return value;
}

/**
 * The canonical bytes of a map are made once, and written from then on as they are: of one that is written again and
 * again. Nobody changes it from now on. Of one that holds names, byte arrays or processes nothing is kept, for those are
 * written in several ways; nor of one that nests deeper than `KEPT_DEPTH_MAX`.
 */
export function keepBytes(map: MapValue): void {
  if (isKeepable(map, KEPT_DEPTH_MAX)) keep(map, encodeValue(map));
}

/** `levels`: how many there may still be beneath it. */
function isKeepable(value: Value, levels: number): boolean {
  if (value === null || typeof value !== 'object') return true;
  switch (value.kind) {
    case Kind.Float:
    case Kind.BigInt:
      return true;
    case Kind.List:
      return value.remainder === null && areKeepable(value.items, levels - 1);
    case Kind.Map:
      return value.remainder === null && areKeepable(value.keys, levels - 1) && areKeepable(value.items, levels - 1);
    default:
      return false;
  }
}

function areKeepable(values: readonly Value[], levels: number): boolean {
  return levels >= 0 && values.every((value) => isKeepable(value, levels));
}
