/**
 * Rows on `level`, each with a checksum over key and value. It owns the database `rows/`; it must never return a
 * row whose checksum does not fit, for the database does not check its tables when it reads them.
 */
import type { ClassicLevel } from 'classic-level';
import { prefixEnd } from './bytes.ts';
import { ROW_TRAILER_BYTES, frameRow, unframeRow } from './frame.ts';
import { type Health, corrupt } from './health.ts';
import type { RowChange, Rows } from './types.ts';

export type Bytes = ClassicLevel<Uint8Array, Uint8Array>;

export type LevelRowsOptions = {
  readonly level: Bytes;
  readonly location: string;
  readonly seed: number;
  readonly health: Health;
  /** Where entries are only handed to the operating system: durable rows must not be ahead of them. */
  readonly settleJournal: (() => Promise<void>) | null;
};

export class LevelRows implements Rows {
  reads = 0;
  readonly #level: Bytes;
  readonly #location: string;
  readonly #seed: number;
  readonly #settleJournal: (() => Promise<void>) | null;
  readonly #health: Health;
  /** The database copies what it is given before it returns, so one piece of memory serves all rows. */
  #scratch = new Uint8Array(64 * 1024);

  constructor(options: LevelRowsOptions) {
    this.#level = options.level;
    this.#location = options.location;
    this.#seed = options.seed;
    this.#settleJournal = options.settleJournal;
    this.#health = options.health;
  }

  getSync(key: Uint8Array): Uint8Array | undefined {
    if (!this.#health.usable) this.#health.refuse();
    this.reads++;
    let framed: Uint8Array | undefined;
    try {
      framed = this.#level.getSync(key);
    } catch (error) {
      throw this.#health.fail(`a row could not be read in ${this.#location}`, error);
    }
    return framed === undefined ? undefined : this.#open(framed, key);
  }

  #open(framed: Uint8Array, key: Uint8Array): Uint8Array {
    const value = unframeRow(framed, this.#seed, key);
    if (value !== null) return value;
    const failure = corrupt(`a row has a bad checksum in ${this.#location}`);
    throw this.#health.fail(failure.message, failure);
  }

  async write(changes: readonly RowChange[], sync: boolean): Promise<void> {
    if (!this.#health.usable) this.#health.refuse();
    try {
      const batch = this.#level.batch();
      for (const { key, value } of changes) {
        if (value === null) batch.del(key);
        else batch.put(key, this.#frame(key, value));
      }
      // Only now: the batch has its copies, and the caller may change the buffers again.
      if (sync && this.#settleJournal !== null) await this.#settleJournal();
      await batch.write({ sync });
    } catch (error) {
      throw this.#health.fail(`rows could not be written in ${this.#location}`, error);
    }
  }

  #frame(key: Uint8Array, value: Uint8Array): Uint8Array {
    const size = value.length + ROW_TRAILER_BYTES;
    if (size > this.#scratch.length) this.#scratch = new Uint8Array(2 ** Math.ceil(Math.log2(size)));
    return frameRow(this.#scratch, this.#seed, key, value);
  }

  async *scan(prefix: Uint8Array): AsyncGenerator<{ readonly key: Uint8Array; readonly value: Uint8Array }> {
    if (!this.#health.usable) this.#health.refuse();
    const end = prefixEnd(prefix);
    const range = end === null ? { gte: prefix } : { gte: prefix, lt: end };
    try {
      for await (const [key, framed] of this.#level.iterator(range)) yield { key, value: this.#open(framed, key) };
    } catch (error) {
      throw this.#health.fail(`rows could not be read in ${this.#location}`, error);
    }
  }

  async close(): Promise<void> {
    await this.#level.close();
  }
}
