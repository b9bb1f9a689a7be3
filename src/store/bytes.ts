/** Small things about bytes that the engines share: the order of keys, hex, and what names a blob. Pure functions. */
import { PowerboxError } from '../errors.ts';

const HASH_BYTES = 32;

export function checkHash(hash: Uint8Array): void {
  if (hash.length !== HASH_BYTES) {
    throw new PowerboxError('bad_request', `a blob is named by ${HASH_BYTES} bytes, not by ${hash.length}`);
  }
}

/** A copy; `slice` would share memory when the bytes came as a Buffer. */
export function copy(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}

export function equal(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}

/** The first key that starts with no such prefix and sorts after all that do; null when none does. */
export function prefixEnd(prefix: Uint8Array): Uint8Array | null {
  let length = prefix.length;
  while (length > 0 && prefix[length - 1] === 0xff) length--;
  if (length === 0) return null;
  const end = copy(prefix.subarray(0, length));
  end[length - 1]!++;
  return end;
}
