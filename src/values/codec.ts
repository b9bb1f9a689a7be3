/**
 * One value to its canonical bytes and back: what equality, hashes and vectors speak of. For many values or
 * for records around them use one `Encoder` again and again.
 */
import { Decoder } from './decoder.ts';
import { Encoder } from './encoder.ts';
import { keep } from './kept.ts';
import { List } from './value.ts';
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
 * again. Nobody changes it from now on. It holds text, or lists of text; of any other nothing is kept, for names and long
 * bytes are written in several ways.
 */
export function keepBytes(map: MapValue): void {
  if (map.remainder === null && map.keys.every(isText) && map.items.every(isTextOrList)) keep(map, encodeValue(map));
}

function isText(value: Value): boolean {
  return typeof value === 'string';
}

function isTextOrList(value: Value): boolean {
  return isText(value) || (value instanceof List && value.remainder === null && value.items.every(isText));
}
