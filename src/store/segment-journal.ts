/**
 * The journal: a chain of segment files, each of which holds entries one after the other. An append is one write to the
 * disk, into a file that was made ahead. It owns the directory `journal/`; it must never have two appends under way,
 * change a file that somebody may still read, or let go a file before it is durable that its entries are forgotten.
 *
 * Every life of a journal begins a segment of its own: the start of that one says where the one before it ends, so
 * whatever a crash has left there is not looked at any more.
 */
import { rename, rm, stat } from 'node:fs/promises';
import { isPowerboxError, PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import { copy } from './bytes.ts';
import { syncPath } from './durable-file.ts';
import { type Health, corrupt } from './health.ts';
import { checkStart, overtaken } from './memory-store.ts';
import {
  closeDescriptor,
  HeadFile,
  makeSegment,
  openSegment,
  readWhole,
  segmentPath,
  syncData,
  syncDescriptor,
  type Written,
  writeThrough,
} from './segment-files.ts';
import {
  readRecord,
  recordBytes,
  SEGMENT_HEADER_BYTES,
  segmentSeed,
  writeRecord,
  writeSegmentHeader,
} from './segment-format.ts';
import { badRecord, type FoundJournal, findJournal, gap } from './segment-open.ts';
import type { Journal } from './types.ts';

/** A segment is so many times as large as the one before it, up to the limit. */
const GROWTH = 8;
/** Of a segment, how much is written when the next one is made ready. */
const AHEAD_SHARE = 0.5;
/** Segments that are kept to be written again. */
const SPARES_MAX = 2;
const SCRATCH_BYTES = 64 * 1024;
/** Memory for one large entry is not kept. */
const SCRATCH_BYTES_KEPT = 4 * 1024 * 1024;

export type SegmentJournalOptions = {
  readonly location: string;
  readonly seed: number;
  readonly sync: boolean;
  readonly health: Health;
  /** Bytes of the first segment, and of those that follow when they are large. */
  readonly segment_bytes?: { readonly min: number; readonly max: number };
  /** What was found before the lock was there. */
  readonly known?: FoundJournal | null;
};

/** Reads the ends of the journal and makes them durable. Throws `storage_corrupt` when they do not fit each other. */
export async function openSegmentJournal(options: SegmentJournalOptions): Promise<SegmentJournal> {
  const { location, seed, known = null } = options;
  const found = await findJournal(location, seed, known);
  // Not all of what a process left that was killed has reached the disk.
  if (found.head.closedAt === null)
    await Promise.all(found.segments.map(({ segment }) => syncData(segmentPath(location, segment))));
  return new SegmentJournal(options, found);
}

/** A segment with entries: `first` is the number of the first one. It ends where the next begins. */
type Kept = { readonly segment: number; readonly first: number };

/** A segment that appends go to, or will. */
type Ready = {
  readonly segment: number;
  readonly descriptor: number;
  readonly seed: number;
  readonly size_bytes: number;
};

/** What a reader sees, whatever is appended and forgotten meanwhile. */
export interface JournalView {
  readonly first: number;
  readonly last: number;
  read(from: number): AsyncIterable<{ readonly number: number; readonly entry: Uint8Array }>;
  /** Must be called once: until then no file goes. */
  release(): void;
}

export class SegmentJournal implements Journal {
  readonly #location: string;
  readonly #seed: number;
  readonly #sync: boolean;
  readonly #health: Health;
  readonly #head: HeadFile;
  #first: number;
  #last: number;
  readonly #kept: Kept[];
  /** The bytes of the last segment that was found, for whoever reads it first. */
  #found: { readonly segment: number; readonly bytes: Uint8Array } | null;
  /** Files whose entries are forgotten durably, or that never had one: to be written again, or removed. */
  #free: number[];
  /** Of full size, to be written again. */
  readonly #spares: number[] = [];
  #views = 0;
  #current: Ready | null = null;
  #end_bytes = 0;
  #ahead: Promise<Ready> | null = null;
  #size_bytes: number;
  readonly #size_bytes_max: number;
  #appending = false;
  #whenIdle: (() => void) | null = null;
  /** What changes the head, and makes files or lets them go: one after the other. */
  #work: Promise<unknown> = Promise.resolve();
  /** Something of its own has failed, maybe while the store was closed: then nothing more is written. */
  #isBroken = false;
  #closing: Promise<void> | null = null;
  #scratch = new Uint8Array(SCRATCH_BYTES);

  constructor({ location, seed, sync, health, segment_bytes }: SegmentJournalOptions, found: FoundJournal) {
    this.#size_bytes = segment_bytes?.min ?? limits.journal_segment_bytes_min;
    this.#size_bytes_max = segment_bytes?.max ?? limits.journal_segment_bytes_max;
    this.#location = location;
    this.#seed = seed;
    this.#sync = sync;
    this.#health = health;
    this.#head = new HeadFile(location, seed, found.head);
    this.#first = found.first;
    this.#last = found.last;
    this.#kept = [...found.segments];
    this.#found = found.end;
    this.#free = [...found.free];
  }

  get first(): number {
    return this.#first;
  }

  get last(): number {
    return this.#last;
  }

  // -------------------------------------------------------------- appends

  append(expectedLast: number, entry: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      if (!this.#health.usable) this.#health.refuse();
      if (this.#appending) throw new PowerboxError('bad_request', 'one append is under way at a time');
      if (expectedLast !== this.#last) throw overtaken(this.#last, expectedLast);
      const number = expectedLast + 1;
      this.#appending = true;
      this.#put(number, entry, (error) => {
        this.#appending = false;
        // A failure elsewhere meanwhile does not undo that this entry is durable.
        if (error === null) {
          this.#last = number;
          resolve();
        } else reject(this.#fail('written', error));
        this.#whenIdle?.();
      });
    });
  }

  #put(number: number, entry: Uint8Array, done: Written): void {
    const current = this.#current;
    if (current !== null && this.#end_bytes + recordBytes(entry.length) <= current.size_bytes) {
      this.#write(current, number, entry, done);
      return;
    }
    // Whoever appends may change its buffer meanwhile.
    const kept = copy(entry);
    this.#next(number)
      .then((next) => this.#write(next, number, kept, done))
      .catch(done);
  }

  #write({ segment, descriptor, seed }: Ready, number: number, entry: Uint8Array, done: Written): void {
    const at = this.#end_bytes;
    // The start of a segment and its first record are one write.
    const start = at === 0 ? SEGMENT_HEADER_BYTES : 0;
    const length = start + recordBytes(entry.length);
    if (length > this.#scratch.length) this.#scratch = new Uint8Array(2 ** Math.ceil(Math.log2(length)));
    const scratch = this.#scratch;
    if (at === 0) writeSegmentHeader(scratch, this.#seed, { segment, first: number, isUnsynced: false });
    writeRecord(scratch, start, { seed, number, entry });
    writeThrough(descriptor, scratch, { length, at, isSynced: this.#sync }, (error) => {
      if (scratch.length > SCRATCH_BYTES_KEPT) this.#scratch = new Uint8Array(SCRATCH_BYTES);
      if (error === null) {
        this.#end_bytes = at + length;
        this.#lookAhead();
      }
      done(error);
    });
  }

  /** Goes on to a new segment, whose first entry is `number`. */
  async #next(number: number): Promise<Ready> {
    const next = await (this.#ahead ?? this.#queue(() => this.#prepare()));
    this.#ahead = null;
    await this.#queue(async () => {
      if (!this.#sync) await this.#beginUnsynced(next, number);
      const before = this.#current;
      this.#found = null;
      this.#current = next;
      this.#end_bytes = this.#sync ? 0 : SEGMENT_HEADER_BYTES;
      this.#kept.push({ segment: next.segment, first: number });
      if (before !== null) await closeDescriptor(before.descriptor);
    });
    return next;
  }

  /** A segment whose start is durable must follow one that is. */
  async #beginUnsynced({ segment, descriptor }: Ready, first: number): Promise<void> {
    if (this.#current !== null) await syncDescriptor(this.#current.descriptor);
    const start = new Uint8Array(SEGMENT_HEADER_BYTES);
    writeSegmentHeader(start, this.#seed, { segment, first, isUnsynced: true });
    await new Promise<void>((resolve, reject) => {
      const written = { length: start.length, at: 0, isSynced: false };
      writeThrough(descriptor, start, written, (error) => (error === null ? resolve() : reject(error)));
    });
    await syncDescriptor(descriptor);
  }

  /** Has the next segment made while there is still room in this one. */
  #lookAhead(): void {
    const size_bytes = this.#current?.size_bytes ?? 0;
    if (!this.#sync || this.#ahead !== null || this.#end_bytes < size_bytes * AHEAD_SHARE) return;
    if (!this.#health.usable) return;
    this.#ahead = this.#queue(() => this.#prepare());
    this.#ahead.catch((error) => this.#fail('written', error));
  }

  async #prepare(): Promise<Ready> {
    const segment = this.#head.state.newest + 1;
    const path = segmentPath(this.#location, segment);
    const size_bytes = this.#size_bytes;
    this.#size_bytes = Math.min(this.#size_bytes_max, size_bytes * GROWTH);
    const isFull = size_bytes === this.#size_bytes_max;
    const spare = this.#sync && isFull ? this.#spares.pop() : undefined;
    if (spare !== undefined) await rename(segmentPath(this.#location, spare), path);
    else await makeSegment(path, this.#sync ? size_bytes : 0);
    await syncPath(this.#location);
    const descriptor = await openSegment(path, this.#sync);
    try {
      // Before its first entry: a segment that is lost later is missed.
      await this.#head.write({ newest: segment, closedAt: null }, true);
      await this.#tidy();
    } catch (error) {
      await closeDescriptor(descriptor);
      throw error;
    }
    return { segment, descriptor, seed: segmentSeed(this.#seed, segment), size_bytes };
  }

  // -------------------------------------------------------------- reading

  async *read(from: number): AsyncGenerator<{ readonly number: number; readonly entry: Uint8Array }> {
    const view = this.view();
    try {
      yield* view.read(from);
    } finally {
      view.release();
    }
  }

  view(): JournalView {
    if (!this.#health.usable) this.#health.refuse();
    const seen = { kept: [...this.#kept], first: this.#first, last: this.#last };
    let isReleased = false;
    this.#views++;
    return {
      first: seen.first,
      last: seen.last,
      read: (from) => this.#read(from, seen),
      release: () => {
        if (isReleased) return;
        isReleased = true;
        this.#views--;
        if (this.#views > 0 || this.#free.length === 0 || !this.#health.usable) return;
        this.#queue(() => this.#tidy()).catch((error) => this.#fail('shortened', error));
      },
    };
  }

  async *#read(
    from: number,
    { kept, first, last }: { readonly kept: readonly Kept[]; readonly first: number; readonly last: number },
  ): AsyncGenerator<{ readonly number: number; readonly entry: Uint8Array }> {
    try {
      checkStart(from, first, last);
      let index = kept.findLastIndex((each) => each.first <= from);
      for (let number = from; number <= last; index++) {
        if (!this.#health.usable) this.#health.refuse();
        const each = kept[index];
        if (each === undefined) throw gap(number, this.#location);
        const end = Math.min(last, (kept[index + 1]?.first ?? Number.POSITIVE_INFINITY) - 1);
        for await (const entry of this.#entriesOf(each, end)) if (entry.number >= number) yield entry;
        number = end + 1;
      }
    } catch (error) {
      throw this.#fail('read', error);
    }
  }

  /** Those up to `end`, all of which must be there. */
  async *#entriesOf({ segment, first }: Kept, end: number): AsyncGenerator<{ number: number; entry: Uint8Array }> {
    const path = segmentPath(this.#location, segment);
    const bytes = this.#takeFound(segment) ?? (await readWhole(path));
    if (bytes === null) throw corrupt(`${path} is missing: expected journal entries ${first} to ${end}`);
    const seed = segmentSeed(this.#seed, segment);
    let at = SEGMENT_HEADER_BYTES;
    for (let number = first; number <= end; number++) {
      const entry = readRecord(bytes, at, seed, number);
      if (entry === null) throw badRecord(path, at, number);
      at += recordBytes(entry.length);
      yield { number, entry };
    }
  }

  #takeFound(segment: number): Uint8Array | null {
    const found = this.#found;
    if (found?.segment !== segment) return null;
    this.#found = null;
    return found.bytes;
  }

  // -------------------------------------------------------------- forgetting

  async drop(upTo: number): Promise<void> {
    if (!this.#health.usable) this.#health.refuse();
    const floor = Math.min(upTo, this.#last);
    if (floor < this.#first) return;
    this.#first = floor + 1;
    try {
      await this.#queue(() => this.#forget(floor));
    } catch (error) {
      throw this.#fail('shortened', error);
    }
  }

  async #forget(floor: number): Promise<void> {
    const count = this.#kept.findLastIndex((each) => each.first <= floor + 1);
    // Durable before any file goes; a crash that undoes it otherwise has only more to look at.
    await this.#head.write({ floor }, count > 0);
    if (count > 0) this.#free.push(...this.#kept.splice(0, count).map(({ segment }) => segment));
    await this.#tidy();
  }

  /** Of files that hold nothing any more some are kept to be written again, and the others are removed. */
  async #tidy(): Promise<void> {
    if (this.#views > 0) return;
    const { newest } = this.#head.state;
    const free = this.#free;
    // The newest must be there until the head names another.
    this.#free = free.filter((segment) => segment === newest);
    for (const segment of free) {
      if (segment === newest) continue;
      const path = segmentPath(this.#location, segment);
      const isSpare = this.#sync && this.#spares.length < SPARES_MAX;
      if (isSpare && (await stat(path)).size === this.#size_bytes_max) this.#spares.push(segment);
      else await rm(path, { force: true });
    }
  }

  // -------------------------------------------------------------- the rest

  /** Makes durable what was appended without a sync. */
  async settle(): Promise<void> {
    if (!this.#health.usable) this.#health.refuse();
    try {
      await this.#queue(async () => {
        if (this.#current !== null) await syncDescriptor(this.#current.descriptor);
      });
    } catch (error) {
      throw this.#fail('written', error);
    }
  }

  #queue<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#work.then(() => {
      // What was asked for before a failure must not be done after it.
      if (this.#health.failed) this.#health.refuse();
      if (this.#isBroken) throw new PowerboxError('storage_failed', `${this.#location} has failed before`);
      return work();
    });
    this.#work = done.catch(() => undefined);
    return done;
  }

  #fail(done: string, error: unknown): PowerboxError {
    if (!isPowerboxError(error)) this.#isBroken = true;
    return this.#health.fail(`the journal could not be ${done} in ${this.#location}`, error);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#appending) await new Promise<void>((resolve) => (this.#whenIdle = resolve));
    const ahead = await this.#ahead?.catch(() => null);
    await this.#work;
    try {
      if (!this.#health.failed && !this.#isBroken) await this.#mark();
    } catch {
      // Without the mark the next opening finds what it would after a crash: all that was acknowledged.
    } finally {
      await this.#head.close();
      for (const each of [this.#current, ahead]) if (each) await closeDescriptor(each.descriptor);
      this.#current = null;
    }
  }

  /** Says how it ends: the next opening need not take a last entry that is damaged for one that was never acknowledged. */
  async #mark(): Promise<void> {
    if (this.#head.state.closedAt !== null) return;
    if (!this.#sync && this.#current !== null) await syncDescriptor(this.#current.descriptor);
    await this.#head.write({ closedAt: this.#last }, true);
  }
}
