/**
 * Large messages, and long byte arrays in entries: stored once, by the hash of their canonical bytes or of themselves,
 * durable before the entry that names them.
 */
import type { Blobs } from '../store/index.ts';
import { limits } from '../limits.ts';
import { decodeValue, encodeValue, List, type Name, sizeOf, type Value } from '../values/index.ts';
import type { BlobReader, BlobWriter } from './entry-messages.ts';
import { corrupt } from './corrupt.ts';
import { RecentBytes } from './recent-bytes.ts';

export interface Messages extends BlobReader, BlobWriter {
  /** Resolves when the blobs offered since the last call are durable; null when there are none. */
  takePending(): Promise<unknown> | null;
  /** Long bytes become a blob: its hash. Null: they are too few for that. */
  outside(bytes: Uint8Array): Uint8Array | null;
  /** Bytes of large messages offered or read so far: what a row that names them costs in memory. */
  readonly large_bytes: number;
}

export function messagesIn(
  blobs: Blobs | null,
  sha256: (bytes: Uint8Array) => Uint8Array,
  readName: (bytes: Uint8Array) => Name,
  onRead: ((hash: Uint8Array, bytes: Uint8Array) => void) | null = null,
): Messages {
  let pending: Promise<unknown>[] = [];
  /** A message is often written twice, in its cause and in a row. */
  const known = new WeakMap<readonly Value[], { readonly hash: Uint8Array; readonly size_bytes: number }>();
  /** So are long bytes: in the cause that brought them, and where they wait. */
  const hashes = new WeakMap<Uint8Array, Uint8Array>();
  const recent = new RecentBytes();
  let large_bytes = 0;
  let outside_bytes = 0;
  return {
    get large_bytes() {
      return large_bytes;
    },
    get outside_bytes() {
      return outside_bytes;
    },
    outside(bytes) {
      if (blobs === null || bytes.length < limits.entry_bytes_min_outside) return null;
      let hash = hashes.get(bytes);
      if (hash === undefined) {
        hash = recent.hashOf(bytes);
        if (hash === undefined) {
          hash = sha256(bytes);
          recent.add(bytes, hash);
        }
        hashes.set(bytes, hash);
        pending.push(blobs.put(hash, bytes));
      }
      outside_bytes += bytes.length;
      return hash;
    },
    bytes(hash) {
      if (blobs === null) throw corrupt('a blob, in a space that has none');
      const bytes = blobs.getSync(hash);
      onRead?.(hash, bytes);
      return bytes;
    },
    offer(message) {
      if (blobs === null || message.length === 0) return null;
      if (!isLarge(message)) return null;
      let blob = known.get(message);
      if (blob === undefined) {
        const bytes = encodeValue(new List(message));
        blob = { hash: sha256(bytes), size_bytes: bytes.length };
        known.set(message, blob);
        pending.push(blobs.put(blob.hash, bytes));
      }
      large_bytes += blob.size_bytes;
      return blob.hash;
    },
    read(hash) {
      if (blobs === null) throw corrupt('a blob, in a space that has none');
      const bytes = blobs.getSync(hash);
      onRead?.(hash, bytes);
      const list = decodeValue(bytes, readName);
      if (!(list instanceof List)) throw corrupt('a blob that is not a message');
      known.set(list.items, { hash, size_bytes: bytes.length });
      large_bytes += bytes.length;
      return list.items;
    },
    takePending() {
      if (pending.length === 0) return null;
      const all = Promise.all(pending);
      pending = [];
      return all;
    },
  };
}

/** Cheap for the usual small message: only what could be large is measured. */
function isLarge(message: readonly Value[]): boolean {
  let estimate_bytes = 0;
  for (const value of message) {
    if (typeof value === 'string') estimate_bytes += value.length;
    else if (typeof value === 'object' && value !== null) estimate_bytes += sizeOf(value);
    if (estimate_bytes > limits.inline_bytes_max) return true;
  }
  return false;
}
