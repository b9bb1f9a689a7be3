/**
 * The bytes of a journal: the head, the start of a segment, and its records. Pure functions over bytes;
 * spec/storage.md gives the same byte by byte.
 *
 * Every checksum of a segment starts from one over the id of the space and the number of the segment: what a file held
 * before it became this segment, and what belongs to another space, never passes.
 */
import { crc32 } from './crc.ts';
import { readChecksum, readNumber, writeChecksum, writeNumber } from './frame.ts';

const SEGMENT_MAGIC = 'powerbox segment';
const HEAD_MAGIC = 'powerbox journal';
const MAGIC_BYTES = 16;
export const SEGMENT_VERSION = 1;
/** Less than a sector, so that it is there wholly or not at all. */
export const SEGMENT_HEADER_BYTES = 64;
export const RECORD_HEADER_BYTES = 24;
/** Records begin at multiples of it: a search for one looks at few places. */
const RECORD_ALIGNMENT = 8;
const SECTOR_BYTES = 512;
/** Two states of the head, written in turn, lie in blocks of their own. */
export const HEAD_SLOT_BYTES = 4096;
export const HEAD_STATE_BYTES = 64;

export function recordBytes(entry_bytes: number): number {
  return RECORD_HEADER_BYTES + Math.ceil(entry_bytes / RECORD_ALIGNMENT) * RECORD_ALIGNMENT;
}

/** What the checksums of a segment start from. */
export function segmentSeed(spaceSeed: number, segment: number): number {
  const bytes = new Uint8Array(8);
  writeNumber(bytes, 0, segment);
  return crc32(bytes, 0, bytes.length, spaceSeed);
}

// ---------------------------------------------------------------- the start of a segment

export interface SegmentHeader {
  readonly segment: number;
  /** Number of its first entry. */
  readonly first: number;
  /** Appends are handed to the operating system only: after a crash of the machine any part may be missing. */
  readonly isUnsynced: boolean;
}

export function writeSegmentHeader(target: Uint8Array, spaceSeed: number, header: SegmentHeader): void {
  target.fill(0, 0, SEGMENT_HEADER_BYTES);
  writeMagic(target, SEGMENT_MAGIC);
  target[MAGIC_BYTES] = SEGMENT_VERSION;
  target[20] = header.isUnsynced ? 1 : 0;
  writeNumber(target, 24, header.segment);
  writeNumber(target, 32, header.first);
  writeChecksum(target, 60, crc32(target, 0, 60, spaceSeed));
}

/** `null`: nothing but zeros, or the file ends before. `damaged`: neither that nor a header of this space. */
export function readSegmentHeader(bytes: Uint8Array, spaceSeed: number): SegmentHeader | 'damaged' | null {
  const length = Math.min(bytes.length, SEGMENT_HEADER_BYTES);
  if (isZero(bytes, 0, length)) return null;
  if (length < SEGMENT_HEADER_BYTES) return 'damaged';
  if (readChecksum(bytes, 60) !== crc32(bytes, 0, 60, spaceSeed)) return 'damaged';
  if (!hasMagic(bytes, SEGMENT_MAGIC) || bytes[MAGIC_BYTES] !== SEGMENT_VERSION) return 'damaged';
  return { segment: readNumber(bytes, 24), first: readNumber(bytes, 32), isUnsynced: bytes[20] === 1 };
}

// ---------------------------------------------------------------- records

/** Writes the record of `entry` at `at` of `target`, which is long enough, and returns where it ends. */
export function writeRecord(target: Uint8Array, at: number, { seed, number, entry }: RecordOf): number {
  writeNumber(target, at + 8, number);
  writeLength(target, at + 16, entry.length);
  writeLength(target, at + 20, 0);
  writeChecksum(target, at + 4, crc32(target, at + 8, at + RECORD_HEADER_BYTES, seed));
  target.set(entry, at + RECORD_HEADER_BYTES);
  const next = at + recordBytes(entry.length);
  target.fill(0, at + RECORD_HEADER_BYTES + entry.length, next);
  writeChecksum(target, at, crc32(target, at + 4, next, seed));
  return next;
}

export type RecordOf = { readonly seed: number; readonly number: number; readonly entry: Uint8Array };

/** The bytes of the entry whose sound record begins at `at`; null when there is none. */
export function readRecord(bytes: Uint8Array, at: number, seed: number, number: number): Uint8Array | null {
  // By itself: what a program has put into an entry does not pass for one that all the rest must be read for.
  if (!beginsRecord(bytes, at, seed, number)) return null;
  const length = readLength(bytes, at + 16);
  const next = at + recordBytes(length);
  if (next > bytes.length || readChecksum(bytes, at) !== crc32(bytes, at + 4, next, seed)) return null;
  return bytes.subarray(at + RECORD_HEADER_BYTES, at + RECORD_HEADER_BYTES + length);
}

/** Whether a record of that number begins at `at`, sound or torn behind its first bytes. */
export function beginsRecord(bytes: Uint8Array, at: number, seed: number, number: number): boolean {
  if (at + RECORD_HEADER_BYTES > bytes.length || readNumber(bytes, at + 8) !== number) return false;
  return readChecksum(bytes, at + 4) === crc32(bytes, at + 8, at + RECORD_HEADER_BYTES, seed);
}

/**
 * Where a sound record of entry `from`, at least 1, or a later one begins, from `start` on; −1 when there is none. In
 * between there may be others, which are lost.
 */
export function findRecord(bytes: Uint8Array, start: number, seed: number, from: number): number {
  const end = bytes.length - RECORD_HEADER_BYTES;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = start; at <= end; ) {
    // Most of a segment that was made ahead is empty, and no entry has the number 0.
    const zeros = bytes.subarray(at + 8, at + 8 + ZEROS.length);
    const stop = Math.min(end + 1, at + zeros.length);
    if (zeros.length === ZEROS.length && ZEROS.equals(zeros)) at = stop;
    for (at = skipped(bytes, at, stop); at < stop; at = skipped(bytes, at + RECORD_ALIGNMENT, stop)) {
      const number = view.getUint32(at + 8) * 2 ** 32 + view.getUint32(at + 12);
      const last = from + (at - start) / RECORD_HEADER_BYTES;
      if (number >= from && number <= last && readRecord(bytes, at, seed, number) !== null) return at;
    }
  }
  return -1;
}

/**
 * The next place whose number would begin with 0, as all numbers do and little else; or `stop`, or what follows it. By
 * itself, for so small a loop is compiled before it has run for long: an opening runs it once.
 */
function skipped(bytes: Uint8Array, start: number, stop: number): number {
  let at = start;
  while (at < stop && bytes[at + 8] !== 0) at += RECORD_ALIGNMENT;
  return at;
}

const ZEROS = Buffer.alloc(16 * 1024);

/**
 * Whether the bad record at `at` may be one of which the disk has lost a part, in a file that is only ever appended to:
 * it is cut off by the end of the file, or one of its sectors was never written and is all zeros.
 */
export function hasHole(bytes: Uint8Array, at: number): boolean {
  if (at + RECORD_HEADER_BYTES > bytes.length) return true;
  const end = at + recordBytes(readLength(bytes, at + 16));
  if (end > bytes.length) return true;
  for (let start = at; start < end; ) {
    const stop = Math.min(end, start - (start % SECTOR_BYTES) + SECTOR_BYTES);
    if (isZero(bytes, start, stop)) return true;
    start = stop;
  }
  return false;
}

// ---------------------------------------------------------------- the head

export interface HeadState {
  /** Entries up to this one are forgotten. */
  readonly floor: number;
  /** The segment that was prepared last; 0 when there was none. */
  readonly newest: number;
  /** The last entry, once nothing is appended any more; null while somebody may append. */
  readonly closedAt: number | null;
}

export function writeHead(spaceSeed: number, version: number, state: HeadState): Uint8Array {
  const bytes = new Uint8Array(HEAD_STATE_BYTES);
  writeMagic(bytes, HEAD_MAGIC);
  bytes[MAGIC_BYTES] = SEGMENT_VERSION;
  bytes[20] = state.closedAt === null ? 0 : 1;
  writeNumber(bytes, 24, version);
  writeNumber(bytes, 32, state.floor);
  writeNumber(bytes, 40, state.newest);
  writeNumber(bytes, 48, state.closedAt ?? 0);
  writeChecksum(bytes, 60, crc32(bytes, 0, 60, spaceSeed));
  return bytes;
}

export type HeadFound = HeadState & { readonly version: number };

/** The state of the higher version of the two that are sound; null when neither is. */
export function readHead(bytes: Uint8Array, spaceSeed: number): HeadFound | null {
  let newest: HeadFound | null = null;
  for (const at of [0, HEAD_SLOT_BYTES]) {
    const slot = bytes.subarray(at, at + HEAD_STATE_BYTES);
    if (slot.length < HEAD_STATE_BYTES || readChecksum(slot, 60) !== crc32(slot, 0, 60, spaceSeed)) continue;
    if (!hasMagic(slot, HEAD_MAGIC) || slot[MAGIC_BYTES] !== SEGMENT_VERSION) continue;
    const version = readNumber(slot, 24);
    if (newest !== null && version < newest.version) continue;
    const closedAt = slot[20] === 1 ? readNumber(slot, 48) : null;
    newest = { version, floor: readNumber(slot, 32), newest: readNumber(slot, 40), closedAt };
  }
  return newest;
}

// ---------------------------------------------------------------- bytes

function writeMagic(target: Uint8Array, magic: string): void {
  for (let index = 0; index < MAGIC_BYTES; index++) target[index] = magic.charCodeAt(index);
}

function hasMagic(bytes: Uint8Array, magic: string): boolean {
  for (let index = 0; index < MAGIC_BYTES; index++) if (bytes[index] !== magic.charCodeAt(index)) return false;
  return true;
}

function isZero(bytes: Uint8Array, start: number, stop: number): boolean {
  for (let index = start; index < stop; index++) if (bytes[index] !== 0) return false;
  return true;
}

function writeLength(bytes: Uint8Array, at: number, length: number): void {
  new DataView(bytes.buffer, bytes.byteOffset + at, 4).setUint32(0, length, true);
}

function readLength(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset + at, 4).getUint32(0, true);
}
