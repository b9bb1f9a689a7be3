/**
 * The simulated twin of the store in a data directory: the same laws on a simulated disk, with virtual latency. It owns
 * nothing but a view of the disk; whatever a crash may take away it must never have acknowledged as durable.
 */
import { PowerboxError } from '../errors.ts';
import { checkHash, copy, equal, hex } from './bytes.ts';
import { Health, corrupt } from './health.ts';
import { checkStart, overtaken, scanMap } from './memory-store.ts';
import {
  type BlobsImage,
  type JournalImage,
  type JournalWrite,
  type RowsImage,
  type SimulatedDisk,
  type SimulatedFile,
  applyBlob,
  applyJournal,
  applyRows,
  copyChanges,
} from './simulated-disk.ts';
import type { Blobs, Durability, Journal, RowChange, Rows, Store } from './types.ts';

export type SimulatedStoreOptions = {
  readonly durability?: Durability;
  /** A planted bug for tests of tests: an append is acknowledged before it is synced. */
  readonly acknowledgesBeforeSync?: boolean;
};

/** One process's hold on the disk. */
type Hold = {
  readonly disk: SimulatedDisk;
  readonly health: Health;
  readonly life: number;
  readonly sync: boolean;
  readonly acknowledgesBeforeSync: boolean;
};

export async function openSimulatedStore(disk: SimulatedDisk, options: SimulatedStoreOptions = {}): Promise<Store> {
  if (!disk.lock()) throw new PowerboxError('storage_locked', 'the simulated disk is open in another process');
  const health = new Health();
  const { durability = 'sync', acknowledgesBeforeSync = false } = options;
  const hold: Hold = { disk, health, life: disk.life, sync: durability === 'sync', acknowledgesBeforeSync };
  await disk.pass(false);
  // As the real one, which syncs the segments and the logs of the rows that it finds: what opening found stays found.
  disk.journal.sync();
  disk.rows.sync();
  return {
    journal: new SimulatedJournal(hold),
    rows: new SimulatedRows(hold),
    blobs: new SimulatedBlobs(hold),
    keys: disk.keys,
    async close() {
      if (health.closed) return;
      health.close();
      if (hold.life === disk.life) disk.unlock();
    },
  };
}

function check({ disk, health, life }: Hold): void {
  if (!health.usable) health.refuse();
  if (life !== disk.life) throw health.fail('the process', new Error('it was killed with the simulated machine'));
}

/**
 * Room is taken, the cache has it, time passes, and a sync brings it to the platter. Writes to one file are done
 * in the order in which they were begun.
 */
async function put<Image, Write>(
  hold: Hold,
  file: SimulatedFile<Image, Write>,
  written: { readonly write: Write; readonly what: string; readonly size_bytes: number; readonly sync: boolean },
): Promise<void> {
  const { write, what, size_bytes, sync } = written;
  try {
    hold.disk.take(size_bytes);
    file.begin(write);
    const done = file.tail.then(() => hold.disk.pass(sync));
    file.tail = done.catch(() => undefined);
    await done;
  } catch (error) {
    throw hold.health.fail(`${what} could not be written`, error);
  }
  if (!hold.health.usable) hold.health.refuse();
  file.end(sync);
}

class SimulatedJournal implements Journal {
  readonly #hold: Hold;
  readonly #seen: JournalImage;
  #appending = false;

  constructor(hold: Hold) {
    this.#hold = hold;
    this.#seen = hold.disk.journal.seen(({ first, entries }) => ({ first, entries: [...entries] }), applyJournal);
  }

  get first(): number {
    return this.#seen.first;
  }

  get last(): number {
    return this.#seen.first + this.#seen.entries.length - 1;
  }

  async append(expectedLast: number, entry: Uint8Array): Promise<void> {
    const hold = this.#hold;
    check(hold);
    if (this.#appending) throw new PowerboxError('bad_request', 'one append is under way at a time');
    if (expectedLast !== this.last) throw overtaken(this.last, expectedLast);
    const file = hold.disk.journal;
    const kept = copy(entry);
    const sync = hold.sync && !hold.acknowledgesBeforeSync;
    this.#appending = true;
    try {
      await put(hold, file, { write: { entry: kept }, what: 'the journal', size_bytes: entry.length, sync });
      this.#seen.entries.push(kept);
    } finally {
      this.#appending = false;
    }
  }

  async *read(from: number): AsyncGenerator<{ readonly number: number; readonly entry: Uint8Array }> {
    check(this.#hold);
    try {
      checkStart(from, this.first, this.last);
    } catch (error) {
      throw this.#hold.health.fail('the journal could not be read', error);
    }
    const entries = this.#seen.entries.slice(from - this.first);
    for (const [index, entry] of entries.entries()) {
      await this.#hold.disk.pass(false);
      yield { number: from + index, entry: copy(entry) };
    }
  }

  async drop(upTo: number): Promise<void> {
    check(this.#hold);
    const write: JournalWrite = { dropUpTo: Math.min(upTo, this.last) };
    applyJournal(this.#seen, write);
    const written = { write, what: 'the journal', size_bytes: 0, sync: false };
    await put(this.#hold, this.#hold.disk.journal, written);
  }

  async close(): Promise<void> {}
}

class SimulatedRows implements Rows {
  reads = 0;
  readonly #hold: Hold;
  readonly #seen: RowsImage;

  constructor(hold: Hold) {
    this.#hold = hold;
    this.#seen = hold.disk.rows.seen((image) => new Map(image), applyRows);
  }

  getSync(key: Uint8Array): Uint8Array | undefined {
    check(this.#hold);
    this.reads++;
    const value = this.#seen.get(hex(key));
    return value === undefined ? undefined : copy(value);
  }

  async write(changes: readonly RowChange[], sync: boolean): Promise<void> {
    const hold = this.#hold;
    check(hold);
    const kept = copyChanges(changes);
    const file = hold.disk.rows;
    const size_bytes = kept.reduce((sum, { key, value }) => sum + key.length + (value?.length ?? 0), 0);
    // Durable rows must not be ahead of a journal that is only handed to the operating system.
    if (sync && !hold.sync) await hold.disk.settle();
    check(hold);
    await put(hold, file, { write: kept, what: 'rows', size_bytes, sync });
    applyRows(this.#seen, kept);
  }

  async *scan(prefix: Uint8Array): AsyncGenerator<{ readonly key: Uint8Array; readonly value: Uint8Array }> {
    check(this.#hold);
    const found = scanMap(this.#seen, prefix);
    for (const row of found) {
      await this.#hold.disk.pass(false);
      yield row;
    }
  }

  async close(): Promise<void> {}
}

class SimulatedBlobs implements Blobs {
  readonly #hold: Hold;
  readonly #seen: BlobsImage;

  constructor(hold: Hold) {
    this.#hold = hold;
    this.#seen = hold.disk.blobs.seen((image) => new Map(image), applyBlob);
  }

  async put(hash: Uint8Array, bytes: Uint8Array): Promise<void> {
    const hold = this.#hold;
    check(hold);
    checkHash(hash);
    const blob = { name: hex(hash), bytes: copy(bytes) };
    const file = hold.disk.blobs;
    await put(hold, file, { write: blob, what: 'a blob', size_bytes: bytes.length, sync: hold.sync });
    applyBlob(this.#seen, blob);
  }

  getSync(hash: Uint8Array): Uint8Array {
    check(this.#hold);
    checkHash(hash);
    const bytes = this.#seen.get(hex(hash));
    if (bytes !== undefined && equal(this.#hold.disk.platform.hashing.sha256(bytes), hash)) return copy(bytes);
    const failure = corrupt('a blob is missing, or does not have its hash, on the simulated disk');
    throw this.#hold.health.fail(failure.message, failure);
  }

  async drop(hash: Uint8Array): Promise<void> {
    check(this.#hold);
    checkHash(hash);
    const write = { name: hex(hash), bytes: null };
    applyBlob(this.#seen, write);
    await put(this.#hold, this.#hold.disk.blobs, { write, what: 'a blob', size_bytes: 0, sync: false });
  }

  async close(): Promise<void> {}
}
