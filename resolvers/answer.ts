/** The bytes of a string or byte array: what the declarations call data or text. */
import { PowerboxError } from '../src/errors.ts';
import { Kind } from '../src/values/index.ts';
import type { Value } from '../src/values/index.ts';

const encoder = new TextEncoder();

export function bytesOf(value: Value | undefined): Uint8Array {
  if (typeof value === 'string') return encoder.encode(value);
  if (value !== null && typeof value === 'object' && value.kind === Kind.Bytes) return value.bytes;
  throw new PowerboxError('arguments_invalid', 'a string or a byte array was expected');
}
