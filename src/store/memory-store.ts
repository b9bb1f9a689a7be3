/**
 * A store in memory: nothing touches the disk and nothing outlives the process. The same laws hold, but for
 * crashes. It must never keep or hand out a buffer that its caller may still change.
 */
import { PowerboxError } from '../errors.ts';
import type { Platform } from '../platform/index.ts';
import { checkHash, copy, hex } from './bytes.ts';
import { Health, corrupt } from './health.ts';
import type { Blobs, Journal, RowChange, Rows, Store } from './types.ts';

/** What a store in memory goes on from, where it stands for another one. */
interface MemoryStart {
  /** So that names are made as there. */
  readonly nameKey?: Uint8Array;
  /** Number of the first entry of its journal. */
  readonly journalFirst?: number;
  /**
   * For a space that nobody opens again: its journal gives what is in it once, to whoever opens the space, and is left
   * with the numbers only. Who appends hands the entry over.
   */
  readonly isReadOnce?: boolean;
}

export function openMemoryStore(platform: Platform, from: MemoryStart = {}): Store {
  const health = new Health();
  const nameKey = from.nameKey ?? platform.randomness.bytes(32);
  const sealKey = platform.randomness.bytes(32);
  return {
    journal: new MemoryJournal(health, from),
    rows: new MemoryRows(health),
    blobs: new MemoryBlobs(health),
    keys: { nameKey, sealKey },
    close: async () => health.close(),
  };
}

class MemoryJournal implements Journal {
  readonly #health: Health;
  readonly #isReadOnce: boolean;
  #first: number;
  #entries: Uint8Array[] = [];
  #wasRead = false;

  constructor(health: Health, { journalFirst = 1, isReadOnce = false }: MemoryStart) {
    this.#health = health;
    this.#first = journalFirst;
    this.#isReadOnce = isReadOnce;
  }

  get first(): number {
    return this.#first;
  }

  get last(): number {
    return this.#first + this.#entries.length - 1;
  }

  async append(expectedLast: number, entry: Uint8Array): Promise<void> {
    if (!this.#health.usable) this.#health.refuse();
    if (expectedLast !== this.last) throw overtaken(this.last, expectedLast);
    if (!this.#isReadOnce) this.#entries.push(copy(entry));
    else if (this.#wasRead) this.#first++;
    else this.#entries.push(entry);
  }

  async *read(from: number): AsyncGenerator<{ readonly number: number; readonly entry: Uint8Array }> {
    if (!this.#health.usable) this.#health.refuse();
    try {
      checkStart(from, this.#first, this.last);
    } catch (error) {
      throw this.#health.fail('the journal could not be read', error);
    }
    const entries = this.#entries.slice(from - this.#first);
    if (this.#isReadOnce) {
      yield* this.#handedOut(from, entries);
      return;
    }
    for (const [index, entry] of entries.entries()) yield { number: from + index, entry: copy(entry) };
  }

  /** None is held for longer than whoever reads it does. */
  *#handedOut(from: number, entries: Uint8Array[]): Generator<{ readonly number: number; readonly entry: Uint8Array }> {
    this.#wasRead = true;
    this.#first = this.last + 1;
    this.#entries = [];
    entries.reverse();
    let number = from;
    for (let entry = entries.pop(); entry !== undefined; entry = entries.pop()) yield { number: number++, entry };
  }

  async drop(upTo: number): Promise<void> {
    if (!this.#health.usable) this.#health.refuse();
    const count = Math.min(upTo, this.last) - this.#first + 1;
    if (count <= 0) return;
    this.#entries = this.#entries.slice(count);
    this.#first += count;
  }

  async close(): Promise<void> {}
}

/** Who asks for entries that are forgotten, or for one beyond the next, holds rows that do not fit the journal. */
export function checkStart(from: number, first: number, last: number): void {
  if (from >= first && from <= last + 1) return;
  const there = first > last ? `none, the next is ${first}` : `${first} to ${last}`;
  throw corrupt(`journal entry ${from} is asked for, and there are ${there}`);
}

export function overtaken(last: number, expectedLast: number): PowerboxError {
  return new PowerboxError(
    'storage_locked',
    `the last entry is ${last}, not ${expectedLast}: another owner has appended`,
  );
}

class MemoryRows implements Rows {
  reads = 0;
  readonly #health: Health;
  readonly #rows = new Map<string, Uint8Array>();

  constructor(health: Health) {
    this.#health = health;
  }

  getSync(key: Uint8Array): Uint8Array | undefined {
    if (!this.#health.usable) this.#health.refuse();
    this.reads++;
    const value = this.#rows.get(hex(key));
    return value === undefined ? undefined : copy(value);
  }

  async write(changes: readonly RowChange[], _sync: boolean): Promise<void> {
    if (!this.#health.usable) this.#health.refuse();
    for (const { key, value } of changes) {
      if (value === null) this.#rows.delete(hex(key));
      else this.#rows.set(hex(key), copy(value));
    }
  }

  async *scan(prefix: Uint8Array): AsyncGenerator<{ readonly key: Uint8Array; readonly value: Uint8Array }> {
    if (!this.#health.usable) this.#health.refuse();
    yield* scanMap(this.#rows, prefix);
  }

  async close(): Promise<void> {}
}

/** Rows by the hex of their key, whose order is that of the keys. Those there at the start are yielded. */
export function scanMap(
  rows: ReadonlyMap<string, Uint8Array>,
  prefix: Uint8Array,
): { key: Uint8Array; value: Uint8Array }[] {
  const start = hex(prefix);
  return [...rows]
    .filter(([key]) => key.startsWith(start))
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([key, value]) => ({ key: new Uint8Array(Buffer.from(key, 'hex')), value: copy(value) }));
}

class MemoryBlobs implements Blobs {
  readonly #health: Health;
  readonly #blobs = new Map<string, Uint8Array>();

  constructor(health: Health) {
    this.#health = health;
  }

  async put(hash: Uint8Array, bytes: Uint8Array): Promise<void> {
    if (!this.#health.usable) this.#health.refuse();
    checkHash(hash);
    this.#blobs.set(hex(hash), copy(bytes));
  }

  getSync(hash: Uint8Array): Uint8Array {
    if (!this.#health.usable) this.#health.refuse();
    checkHash(hash);
    const bytes = this.#blobs.get(hex(hash));
    if (bytes === undefined) {
      const failure = corrupt('a blob is missing in memory');
      throw this.#health.fail(failure.message, failure);
    }
    return copy(bytes);
  }

  async drop(hash: Uint8Array): Promise<void> {
    if (!this.#health.usable) this.#health.refuse();
    checkHash(hash);
    this.#blobs.delete(hex(hash));
  }

  async close(): Promise<void> {}
}
