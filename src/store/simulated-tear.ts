/**
 * What a crash of the simulated machine leaves of appends that were not synced: any of their sectors, judged by what opens
 * a real journal. Pure functions over bytes, and a source of chance.
 */
import type { Random } from '../platform/index.ts';
import {
  readSegmentHeader,
  recordBytes,
  SEGMENT_HEADER_BYTES,
  segmentSeed,
  writeRecord,
  writeSegmentHeader,
} from './segment-format.ts';
import { endIn, requireEmpty } from './segment-open.ts';

const SECTOR_BYTES = 512;
const SPACE_SEED = 0x5eed;
const SEGMENT = 1;
/** Entries of the same segment before the appends that were torn. */
const BEFORE_MAX = 3;

/** How the journal ends before the appends. */
export interface Ends {
  /** The number of the last entry. */
  readonly last: number;
  /** Entries that are durable, the last ones. */
  readonly durable: readonly Uint8Array[];
}

/**
 * How many of the appends an opening finds, from the first on. `isSynced`: each waited for the one before, so that there
 * is one at most. Throws `storage_corrupt` as that opening does.
 */
export function leftOf(
  appends: readonly Uint8Array[],
  { last, durable }: Ends,
  { isSynced, random }: { readonly isSynced: boolean; readonly random: Random },
): number {
  const before = durable.slice(durable.length - Math.min(random.below(BEFORE_MAX + 1), durable.length));
  const first = last - before.length + 1;
  // Made ahead, and of zeros; one that is not synced is begun before its first entry is written.
  const whole = segmentOf(first, [...before, ...appends], isSynced);
  const written = segmentOf(first, before, isSynced);
  const bytes = new Uint8Array(whole.length);
  if (before.length > 0 || !isSynced) bytes.set(written);
  // From none to all, so that large ones are there as a whole, too, now and then.
  const share = random.fraction();
  for (let at = 0; at < whole.length; at += SECTOR_BYTES)
    if (random.chance(share)) bytes.set(whole.subarray(at, at + SECTOR_BYTES), at);
  const seed = segmentSeed(SPACE_SEED, SEGMENT);
  const header = readSegmentHeader(bytes, SPACE_SEED);
  const path = 'the simulated segment';
  if (header === null) requireEmpty(path, bytes, seed, 0);
  if (header === null || header === 'damaged') return 0;
  return endIn(path, bytes, seed, header, { floor: 0, closedAt: null }).number - 1 - last;
}

function segmentOf(first: number, entries: readonly Uint8Array[], isSynced: boolean): Uint8Array {
  const length = entries.reduce((sum, entry) => sum + recordBytes(entry.length), SEGMENT_HEADER_BYTES);
  const bytes = new Uint8Array(length);
  writeSegmentHeader(bytes, SPACE_SEED, { segment: SEGMENT, first, isUnsynced: !isSynced });
  const seed = segmentSeed(SPACE_SEED, SEGMENT);
  let at = SEGMENT_HEADER_BYTES;
  entries.forEach((entry, index) => {
    at = writeRecord(bytes, at, { seed, number: first + index, entry });
  });
  return bytes;
}
