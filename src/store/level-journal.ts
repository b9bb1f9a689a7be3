/**
 * The journal on `level`: one record an entry, in order of numbers, and one record that says up to where entries
 * were forgotten. It owns the database `journal/`; it must never have two appends under way, for the thread pool
 * below keeps no order.
 */
import type { ClassicLevel } from 'classic-level';
import { PowerboxError } from '../errors.ts';
import { ENTRY_HEADER_BYTES, entryKey, frameEntry, readNumber, unframeEntry } from './frame.ts';
import { type Health, corrupt } from './health.ts';
import { checkStart, overtaken } from './memory-store.ts';
import type { Journal } from './types.ts';

export type Bytes = ClassicLevel<Uint8Array, Uint8Array>;

/** Sorts before every entry: entries have the numbers from 1. Its value is framed as entry 0. */
const FLOOR_KEY = entryKey(0);
/** Never there: deleting it is a write that changes nothing, and a synced one makes those before it durable. */
const NO_KEY = Uint8Array.of(0xff);
const SCRATCH_BYTES = 64 * 1024;

export type LevelJournalOptions = {
  readonly level: Bytes;
  readonly location: string;
  readonly seed: number;
  readonly sync: boolean;
  readonly health: Health;
};

/** Reads the ends of the journal. Throws `storage_corrupt` when they do not fit each other. */
export async function openLevelJournal(options: LevelJournalOptions): Promise<LevelJournal> {
  const { level, location, seed } = options;
  const framed = await level.get(FLOOR_KEY);
  const floor = framed === undefined ? undefined : unframeEntry(framed, seed, 0);
  if (floor === null || (floor !== undefined && floor.length !== 8)) {
    throw corrupt(`the record of forgotten entries has a bad checksum in ${location}`);
  }
  const dropped = floor === undefined ? 0 : readNumber(floor, 0);
  // What a drop had still to delete when the process ended is forgotten all the same.
  const [lowest] = await level.keys({ gt: entryKey(dropped), limit: 1 }).all();
  const [highest] = await level.keys({ gt: entryKey(dropped), reverse: true, limit: 1 }).all();
  if (lowest === undefined || highest === undefined) return new LevelJournal(options, dropped + 1, dropped);
  if (readNumber(lowest, 0) !== dropped + 1) throw gap(dropped + 1, location);
  return new LevelJournal(options, dropped + 1, readNumber(highest, 0));
}

function gap(number: number, location: string): PowerboxError {
  return corrupt(`journal entry ${number} is missing in ${location}, though later ones are there`);
}

export class LevelJournal implements Journal {
  readonly #level: Bytes;
  readonly #location: string;
  readonly #seed: number;
  readonly #writeOptions: { readonly sync: boolean };
  readonly #health: Health;
  #first: number;
  #last: number;
  #appending = false;
  #dropped: Promise<void> = Promise.resolve();
  /** The database copies what it is given before it returns, so one piece of memory serves all appends. */
  #scratch = new Uint8Array(SCRATCH_BYTES);

  constructor(options: LevelJournalOptions, first: number, last: number) {
    this.#level = options.level;
    this.#location = options.location;
    this.#seed = options.seed;
    this.#writeOptions = { sync: options.sync };
    this.#health = options.health;
    this.#first = first;
    this.#last = last;
  }

  get first(): number {
    return this.#first;
  }

  get last(): number {
    return this.#last;
  }

  async append(expectedLast: number, entry: Uint8Array): Promise<void> {
    if (!this.#health.usable) this.#health.refuse();
    if (this.#appending) throw new PowerboxError('bad_request', 'one append is under way at a time');
    if (expectedLast !== this.#last) {
      throw overtaken(this.#last, expectedLast);
    }
    const number = expectedLast + 1;
    const size = ENTRY_HEADER_BYTES + entry.length;
    if (size > this.#scratch.length) this.#scratch = new Uint8Array(2 ** Math.ceil(Math.log2(size)));
    this.#appending = true;
    try {
      const framed = frameEntry(this.#scratch, this.#seed, number, entry);
      await this.#level.put(entryKey(number), framed, this.#writeOptions);
    } catch (error) {
      throw this.#health.fail(`the journal could not be written in ${this.#location}`, error);
    } finally {
      this.#appending = false;
    }
    // A failure elsewhere meanwhile does not undo that this entry is durable.
    this.#last = number;
  }

  async *read(from: number): AsyncGenerator<{ readonly number: number; readonly entry: Uint8Array }> {
    if (!this.#health.usable) this.#health.refuse();
    let number = from;
    const last = this.#last;
    try {
      checkStart(from, this.#first, last);
      for await (const [key, framed] of this.#level.iterator({ gte: entryKey(number), lte: entryKey(last) })) {
        if (readNumber(key, 0) !== number) throw gap(number, this.#location);
        const entry = unframeEntry(framed, this.#seed, number);
        if (entry === null) throw corrupt(`journal entry ${number} has a bad checksum in ${this.#location}`);
        yield { number, entry };
        number++;
      }
      if (number <= last) throw gap(number, this.#location);
    } catch (error) {
      throw this.#health.fail(`the journal could not be read in ${this.#location}`, error);
    }
  }

  async drop(upTo: number): Promise<void> {
    if (!this.#health.usable) this.#health.refuse();
    const floor = Math.min(upTo, this.#last);
    if (floor < this.#first) return;
    this.#first = floor + 1;
    // One after the other, or an older record could come to lie over a newer one.
    const dropped = this.#dropped.then(() => this.#forget(floor));
    this.#dropped = dropped.catch(() => undefined);
    await dropped;
  }

  async #forget(floor: number): Promise<void> {
    if (!this.#health.usable) this.#health.refuse();
    try {
      // First the record, then the entries: the database keeps this order through a crash.
      const value = frameEntry(new Uint8Array(ENTRY_HEADER_BYTES + 8), this.#seed, 0, entryKey(floor));
      await this.#level.put(FLOOR_KEY, value);
      await this.#level.clear({ gt: FLOOR_KEY, lte: entryKey(floor) });
    } catch (error) {
      throw this.#health.fail(`the journal could not be shortened in ${this.#location}`, error);
    }
  }

  /** Makes durable what was appended without a sync. */
  async settle(): Promise<void> {
    if (!this.#health.usable) this.#health.refuse();
    try {
      await this.#level.del(NO_KEY, { sync: true });
    } catch (error) {
      throw this.#health.fail(`the journal could not be written in ${this.#location}`, error);
    }
  }

  async close(): Promise<void> {
    await this.#level.close();
  }
}
