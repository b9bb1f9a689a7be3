/**
 * One value to its canonical bytes and back: what equality, hashes and vectors speak of. For many values or
 * for records around them use one `Encoder` again and again.
 */
import { Decoder } from './decoder.ts';
import { Encoder } from './encoder.ts';
import type { Name, Value } from './value.ts';

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
