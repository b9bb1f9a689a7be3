/**
 * Opening a journal: what its files hold, found without changing anything. It decides what a crash may have left and
 * what is damage; it must never take damage for the end of the journal.
 *
 * What a crash may leave is one append at the end that was not acknowledged, of which any of its sectors is there or
 * not: each append waits for the one before. So a sound record behind a bad one is damage, as is anything else that
 * does not fit. Where appends were handed to the operating system only, a crash of the machine may have taken more; a
 * bad record that has a hole is then the end, whatever lies behind it.
 */
import { join } from 'node:path';
import type { PowerboxError } from '../errors.ts';
import { corrupt } from './health.ts';
import { HEAD_FILE, listSegments, readPart, readWhole, segmentPath } from './segment-files.ts';
import {
  beginsRecord,
  findRecord,
  type HeadFound,
  hasHole,
  readHead,
  readRecord,
  readSegmentHeader,
  RECORD_HEADER_BYTES,
  recordBytes,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
  segmentSeed,
} from './segment-format.ts';

export interface FoundJournal {
  readonly head: HeadFound;
  /** Segments with entries that are kept, in order; the last one may hold none. */
  readonly segments: readonly SegmentHeader[];
  /** Segments that hold nothing any more, or nothing yet. */
  readonly free: readonly number[];
  readonly first: number;
  readonly last: number;
  /** Of all segments that are there, the numbers. */
  readonly numbers: readonly number[];
  /** Where the last one that was begun ends; null where none was, and where it holds nothing that is kept. */
  readonly end: JournalEnd | null;
}

export interface JournalEnd {
  readonly segment: number;
  /** What the segment's file holds. */
  readonly bytes: Uint8Array;
  /** Where the next record would begin, in bytes, and which entry it would hold. */
  readonly at: number;
  readonly number: number;
}

/**
 * Throws `storage_corrupt` for whatever does not fit, and has changed nothing. `known`: what was found a moment ago, which
 * is the answer again when a few bytes say that nobody has written since.
 */
export async function findJournal(
  location: string,
  seed: number,
  known: FoundJournal | null = null,
): Promise<FoundJournal> {
  const numbers = await listSegments(location);
  if (numbers === null) throw corrupt(`${location} is missing, or is no directory`);
  const path = join(location, HEAD_FILE);
  const bytes = await readWhole(path);
  if (bytes === null) throw corrupt(`${path} is missing`);
  const head = readHead(bytes, seed);
  if (head === null) throw corrupt(`${path} is damaged: neither of its two states, at bytes 0 and 4096, is sound`);
  if (known !== null && (await isAsFound(location, seed, { known, numbers, head }))) return known;
  if (head.newest > 0 && !numbers.includes(head.newest))
    throw corrupt(`${segmentPath(location, head.newest)} is missing, and ${HEAD_FILE} says that it was made`);
  const begun: SegmentHeader[] = [];
  const free: number[] = [];
  for (const number of numbers) {
    const header = await headerOf(location, seed, number);
    if (header === null) {
      // One above the newest is left over from a preparation that was cut short; the next one takes its place.
      if (number <= head.newest) free.push(number);
      if (number === head.newest) await requireNoRecord(location, seed, head);
    } else if (number > head.newest) {
      throw corrupt(`${segmentPath(location, number)} is begun, and ${HEAD_FILE} knows none after ${head.newest}`);
    } else begun.push(header);
  }
  return ends({ location, seed, head, begun, free, numbers });
}

/** Whether the journal, whose segments and head are these now, has not changed since it was found. */
async function isAsFound(
  location: string,
  seed: number,
  { known, numbers, head }: { known: FoundJournal; numbers: readonly number[]; head: HeadFound },
): Promise<boolean> {
  // Who opens a journal writes the head before the first append, and so does who closes or forgets.
  if (known.head.version !== head.version) return false;
  if (head.closedAt !== null) return true;
  if (numbers.length !== known.numbers.length || numbers.some((number, index) => number !== known.numbers[index]))
    return false;
  // Who had it open and is gone now has appended at its end, or begun the segment that was ready.
  const { end } = known;
  if (end !== null) {
    const head_bytes = await readPart(segmentPath(location, end.segment), end.at, RECORD_HEADER_BYTES);
    if (beginsRecord(head_bytes, 0, segmentSeed(seed, end.segment), end.number)) return false;
  }
  return head.newest === 0 || head.newest === end?.segment || (await headerOf(location, seed, head.newest)) === null;
}

/** Null: this segment was not begun; what its file held before does not matter. */
async function headerOf(location: string, seed: number, number: number): Promise<SegmentHeader | null> {
  const path = segmentPath(location, number);
  const header = readSegmentHeader(await readPart(path, 0, SEGMENT_HEADER_BYTES), seed);
  if (header === 'damaged' || (header !== null && header.segment > number))
    throw corrupt(`${path} is damaged at byte 0: expected the start of segment ${number} of this space`);
  return header?.segment === number ? header : null;
}

/** The first record begins in the same sector as the start of its segment: one is not there without the other. */
async function requireNoRecord(location: string, seed: number, { newest, floor }: HeadFound): Promise<void> {
  const path = segmentPath(location, newest);
  requireEmpty(path, (await readWhole(path)) ?? new Uint8Array(), segmentSeed(seed, newest), floor);
}

/** Of a file whose segment was not begun. */
export function requireEmpty(path: string, bytes: Uint8Array, seed: number, floor: number): void {
  const at = findRecord(bytes, SEGMENT_HEADER_BYTES, seed, floor + 1);
  if (at >= 0) throw corrupt(`${path} is damaged at byte 0: it has lost its start, and has an entry at byte ${at}`);
}

interface Begun {
  readonly location: string;
  readonly seed: number;
  readonly head: HeadFound;
  readonly begun: readonly SegmentHeader[];
  readonly free: readonly number[];
  readonly numbers: readonly number[];
}

async function ends({ location, seed, head, begun, free, numbers }: Begun): Promise<FoundJournal> {
  const { floor, closedAt } = head;
  const start = begun.findLastIndex((header) => header.first <= floor + 1);
  const segments = begun.slice(Math.max(0, start));
  const [lowest] = segments;
  if (lowest !== undefined && lowest.first > floor + 1) throw gap(floor + 1, location);
  for (const [index, { segment, first }] of segments.entries())
    if (first < (segments[index - 1]?.first ?? 0))
      throw corrupt(`${segmentPath(location, segment)} begins with entry ${first}, which an earlier one has`);
  const newest = segments.at(-1);
  // Of what is forgotten nobody looks whether it is sound.
  const isEmpty = newest === undefined || (closedAt !== null && closedAt <= floor);
  const end = isEmpty ? null : await endOf(location, seed, newest, head);
  const last = Math.max(floor, (end?.number ?? 0) - 1);
  if (closedAt !== null && closedAt !== last)
    throw corrupt(`the last journal entry is ${last} in ${location}, and it was closed with entry ${closedAt}`);
  const forgotten = begun.slice(0, Math.max(0, start)).map(({ segment }) => segment);
  return { head, segments, free: [...forgotten, ...free], first: floor + 1, last, numbers, end };
}

/** Where the last segment ends. */
async function endOf(location: string, seed: number, header: SegmentHeader, head: HeadFound): Promise<JournalEnd> {
  const { segment } = header;
  const path = segmentPath(location, segment);
  const bytes = (await readWhole(path)) ?? new Uint8Array();
  return { segment, bytes, ...endIn(path, bytes, segmentSeed(seed, segment), header, head) };
}

/** The same of a segment whose file holds these bytes, with its own seed. */
export function endIn(
  path: string,
  bytes: Uint8Array,
  seed: number,
  { first, isUnsynced }: Pick<SegmentHeader, 'first' | 'isUnsynced'>,
  { floor, closedAt }: Pick<HeadFound, 'floor' | 'closedAt'>,
): { readonly at: number; readonly number: number } {
  let number = first;
  let at = SEGMENT_HEADER_BYTES;
  for (let entry = readRecord(bytes, at, seed, number); entry !== null; entry = readRecord(bytes, at, seed, number)) {
    number++;
    at += recordBytes(entry.length);
  }
  if (closedAt !== null && closedAt > floor && number <= closedAt) throw badRecord(path, at, number);
  // Who closed it has said which is the last, and who came after him would have begun another segment.
  if (closedAt !== null || (isUnsynced && hasHole(bytes, at))) return { at, number };
  const later = findRecord(bytes, at, seed, number);
  if (later >= 0) throw corrupt(`${badRecord(path, at, number).message}, and a later one is at byte ${later}`);
  return { at, number };
}

export function badRecord(path: string, at: number, number: number): PowerboxError {
  return corrupt(`${path} is damaged at byte ${at}: expected journal entry ${number} with its checksum`);
}

export function gap(number: number, location: string): PowerboxError {
  return corrupt(`journal entry ${number} is missing in ${location}, though later ones are there`);
}
