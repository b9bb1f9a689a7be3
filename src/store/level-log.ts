/**
 * Reads the write-ahead log of a `level` database before the database does. On damage `level` skips the rest of
 * a block of 32 KiB and says nothing: acknowledged writes would be gone without a word. It owns nothing; it must
 * never change a file, nor refuse what a crash may leave.
 *
 * What a crash may leave is a last write that is torn: cut off at the end of the file, or with sectors that never
 * reached the disk, which read as zeros, for the file is only ever appended to. All else is damage: a bad record
 * with a good one after it, for each write waits for the sync of the one before; or a bad last one whose sectors
 * all hold something.
 *
 * The format (of LevelDB): blocks of 32 KiB; in them records of checksum (4, CRC-32C, masked), length (2), both
 * little endian, kind (1) and payload. A write is one whole record, or a first, middles and a last. A block's
 * last six bytes or fewer are zeros when no header fits.
 */
import { crc32c } from './crc.ts';

const BLOCK_BYTES = 32 * 1024;
const HEADER_BYTES = 7;
const SECTOR_BYTES = 512;
/** Sequence number (8) and count (4) of the batch, at the start of each write. */
const BATCH_HEADER_BYTES = 12;
const MASK_DELTA = 0xa282ead8;

const WHOLE = 1;
const FIRST = 2;
const MIDDLE = 3;
const LAST = 4;

/** Where the log is damaged, in bytes from its start; null when it is sound, or torn at its end by a crash. */
export function damageOf(log: Uint8Array): number | null {
  let offset = 0;
  let inside = false;
  let writeStart = 0;
  while (offset < log.length) {
    const left = BLOCK_BYTES - (offset % BLOCK_BYTES);
    if (left < HEADER_BYTES) {
      offset += left;
      continue;
    }
    const length = recordAt(log, offset);
    const kind = log[offset + 6]!;
    const begins = kind === WHOLE || kind === FIRST;
    if (length < 0 || begins === inside) {
      return isTorn(log, offset) && !hasWriteAfter(log, offset + 1) ? null : inside ? writeStart : offset;
    }
    if (begins) writeStart = offset;
    inside = kind === FIRST || kind === MIDDLE;
    offset += HEADER_BYTES + length;
  }
  return null;
}

/** Length of the payload of the sound record at `offset`, or −1. */
function recordAt(log: Uint8Array, offset: number): number {
  const blockEnd = offset - (offset % BLOCK_BYTES) + BLOCK_BYTES;
  if (offset + HEADER_BYTES > log.length) return -1;
  const length = log[offset + 4]! | (log[offset + 5]! << 8);
  const kind = log[offset + 6]!;
  const end = offset + HEADER_BYTES + length;
  if (kind < WHOLE || kind > LAST || end > blockEnd || end > log.length) return -1;
  return checksumFits(log, offset, end) ? length : -1;
}

function checksumFits(log: Uint8Array, offset: number, end: number): boolean {
  const stored = (log[offset]! | (log[offset + 1]! << 8) | (log[offset + 2]! << 16) | (log[offset + 3]! << 24)) >>> 0;
  const crc = crc32c(log, offset + 6, end);
  return (((crc >>> 15) | (crc << 17)) + MASK_DELTA) >>> 0 === stored;
}

/** Whether the bad record at `offset`, the last of its file, may be what a crash left of it. */
function isTorn(log: Uint8Array, offset: number): boolean {
  const blockEnd = Math.min(offset - (offset % BLOCK_BYTES) + BLOCK_BYTES, log.length);
  if (offset + HEADER_BYTES > blockEnd) return true;
  const length = log[offset + 4]! | (log[offset + 5]! << 8);
  const end = offset + HEADER_BYTES + length;
  if (end > blockEnd) {
    // Cut off by the end of the file; unless the record is whole and only its length is another.
    return blockEnd === log.length && !checksumFits(log, offset, blockEnd);
  }
  for (let start = offset; start < end; ) {
    const stop = Math.min(end, start - (start % SECTOR_BYTES) + SECTOR_BYTES);
    if (isZero(log, start, stop)) return true;
    start = stop;
  }
  return false;
}

function isZero(log: Uint8Array, start: number, stop: number): boolean {
  for (let index = start; index < stop; index++) if (log[index] !== 0) return false;
  return true;
}

/** Whether a sound write begins anywhere from `start`: nothing before it can be trusted to say where. */
function hasWriteAfter(log: Uint8Array, start: number): boolean {
  for (let offset = start; offset + HEADER_BYTES + BATCH_HEADER_BYTES <= log.length; offset++) {
    const kind = log[offset + 6]!;
    if (kind !== WHOLE && kind !== FIRST) continue;
    // Most places are no record: no sequence number is so large.
    if (log[offset + HEADER_BYTES + 6] !== 0 || log[offset + HEADER_BYTES + 7] !== 0) continue;
    if (recordAt(log, offset) >= BATCH_HEADER_BYTES) return true;
  }
  return false;
}
