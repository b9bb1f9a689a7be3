/**
 * Long bytes that were hashed lately, with their hashes: what programs read again and again is compared, for that costs a
 * twentieth of hashing it. Owns a bounded number of bytes; must never answer with the hash of others.
 */
import { limits } from '../limits.ts';

interface Recent {
  readonly bytes: Uint8Array;
  readonly hash: Uint8Array;
}

/** Bytes that are looked at to find a candidate; all of them are compared afterwards. */
const LOOKS = 16;

export class RecentBytes {
  /** By a sample of their content, the oldest first. */
  readonly #recent = new Map<string, Recent>();
  #size_bytes = 0;

  /** The hash of these bytes, if they are among the recent ones. */
  hashOf(bytes: Uint8Array): Uint8Array | undefined {
    const found = this.#recent.get(sampleOf(bytes));
    if (found === undefined || found.bytes.length !== bytes.length) return undefined;
    return Buffer.compare(found.bytes, bytes) === 0 ? found.hash : undefined;
  }

  /** The bytes stay as they are as long as this is in use. */
  add(bytes: Uint8Array, hash: Uint8Array): void {
    if (bytes.length > limits.bytes_recent_max / 2) return;
    const key = sampleOf(bytes);
    this.#drop(key);
    this.#recent.set(key, { bytes, hash });
    this.#size_bytes += bytes.length;
    for (const oldest of this.#recent.keys()) {
      if (this.#size_bytes <= limits.bytes_recent_max) return;
      this.#drop(oldest);
    }
  }

  #drop(key: string): void {
    const found = this.#recent.get(key);
    if (found === undefined) return;
    this.#size_bytes -= found.bytes.length;
    this.#recent.delete(key);
  }
}

function sampleOf(bytes: Uint8Array): string {
  let sample = `${bytes.length}`;
  const step = Math.max(1, Math.floor(bytes.length / LOOKS));
  for (let at = step - 1; at < bytes.length; at += step) sample += String.fromCharCode(bytes[at] as number);
  return sample;
}
