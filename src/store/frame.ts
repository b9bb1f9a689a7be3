/**
 * How rows are wrapped before the database gets them, and how entries of version 1 were: with a CRC-32 that is seeded from the
 * id of the space, for the database does not check its tables on read, and so that files of another space are
 * noticed. Pure functions over bytes; spec/storage.md gives the same byte by byte.
 */
import { crc32 } from './crc.ts';

/** Journal entry of a directory of version 1: checksum (4, little endian) over all that follows, number (8, big endian), the entry. */
const ENTRY_HEADER_BYTES = 12;
/** Row: the value, then checksum (4, little endian) over key and value. */
export const ROW_TRAILER_BYTES = 4;

export function frameSeed(spaceId: Uint8Array): number {
  return crc32(spaceId, 0, spaceId.length, 0);
}

/** Big endian, so that the order of bytes is the order of numbers. */
export function entryKey(number: number): Uint8Array {
  const key = new Uint8Array(8);
  writeNumber(key, 0, number);
  return key;
}

export function writeNumber(bytes: Uint8Array, offset: number, number: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, 8);
  view.setUint32(0, Math.floor(number / 2 ** 32));
  view.setUint32(4, number >>> 0);
}

export function readNumber(bytes: Uint8Array, offset: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, 8);
  return view.getUint32(0) * 2 ** 32 + view.getUint32(4);
}

/** The entry within the frame, or null when checksum or number do not fit. */
export function unframeEntry(framed: Uint8Array, seed: number, number: number): Uint8Array | null {
  if (framed.length < ENTRY_HEADER_BYTES) return null;
  if (readChecksum(framed, 0) !== crc32(framed, 4, framed.length, seed)) return null;
  return readNumber(framed, 4) === number ? framed.subarray(ENTRY_HEADER_BYTES) : null;
}

/** Writes the frame of a row into `target`, which is longer than the value by `ROW_TRAILER_BYTES` at least. */
export function frameRow(target: Uint8Array, seed: number, key: Uint8Array, value: Uint8Array): Uint8Array {
  target.set(value);
  writeChecksum(target, value.length, rowChecksum(seed, key, value, value.length));
  return target.subarray(0, value.length + ROW_TRAILER_BYTES);
}

/** The value within the frame, or null when the checksum does not fit. */
export function unframeRow(framed: Uint8Array, seed: number, key: Uint8Array): Uint8Array | null {
  const length = framed.length - ROW_TRAILER_BYTES;
  if (length < 0 || readChecksum(framed, length) !== rowChecksum(seed, key, framed, length)) return null;
  return framed.subarray(0, length);
}

function rowChecksum(seed: number, key: Uint8Array, value: Uint8Array, length: number): number {
  return crc32(value, 0, length, crc32(key, 0, key.length, seed));
}

export function writeChecksum(bytes: Uint8Array, offset: number, checksum: number): void {
  bytes[offset] = checksum;
  bytes[offset + 1] = checksum >>> 8;
  bytes[offset + 2] = checksum >>> 16;
  bytes[offset + 3] = checksum >>> 24;
}

export function readChecksum(bytes: Uint8Array, offset: number): number {
  return (bytes[offset]! | (bytes[offset + 1]! << 8) | (bytes[offset + 2]! << 16) | (bytes[offset + 3]! << 24)) >>> 0;
}
