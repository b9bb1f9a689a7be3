/**
 * The journal, the rows and the blobs: what a storage engine must do for a space.
 *
 * Laws. An entry that `append` has acknowledged survives a crash and is read again byte for byte; entries are
 * numbered from 1 without gaps; one append is under way at a time. A rows batch is applied wholly or not at
 * all, and of two batches the later one does not survive without the earlier. What opening has found is durable
 * before it resolves. Any failure but `storage_full` before a write began is final: the engine refuses every later
 * call with `storage_failed`, for a failed sync may still reappear after reopening.
 */

/** Durability of an acknowledged append: synced to the disk, handed to the operating system, or kept in memory. */
export type Durability = 'sync' | 'os' | 'memory';

export interface Journal {
  /** Number of the last entry, 0 when there is none. */
  readonly last: number;
  /** Number of the first entry that is still kept; `last + 1` when there is none. */
  readonly first: number;
  /**
   * Appends entry `expectedLast + 1`, whose bytes may be written over as soon as this returns. Refused with
   * `storage_locked` when another owner has appended since.
   */
  append(expectedLast: number, entry: Uint8Array): Promise<void>;
  /**
   * Entries `from`, `from + 1`, … to the last. Throws `storage_corrupt` on a gap, on a bad checksum, and when `from`
   * was forgotten or is more than one beyond the last: then the rows do not fit the journal.
   */
  read(from: number): AsyncIterable<{ readonly number: number; readonly entry: Uint8Array }>;
  /** Forgets entries up to and including `upTo`. */
  drop(upTo: number): Promise<void>;
  close(): Promise<void>;
}

export type RowChange = { readonly key: Uint8Array; readonly value: Uint8Array | null };

export interface Rows {
  /** How many times `getSync` was called; for tests and benchmarks. */
  readonly reads: number;
  /** Point read inside a turn; undefined when there is no such row. */
  getSync(key: Uint8Array): Uint8Array | undefined;
  /** Applies all changes (null deletes) in one atomic step; `sync` makes them durable, and the journal up to now before them. */
  write(changes: readonly RowChange[], sync: boolean): Promise<void>;
  /** Rows whose key starts with `prefix`, in key order. Never used inside a turn. */
  scan(prefix: Uint8Array): AsyncIterable<{ readonly key: Uint8Array; readonly value: Uint8Array }>;
  close(): Promise<void>;
}

/** Large values, stored once by the SHA-256 of their bytes. */
export interface Blobs {
  /** Durable before it resolves; `bytes` stay as they are until then. Storing the same bytes twice is one blob. */
  put(hash: Uint8Array, bytes: Uint8Array): Promise<void>;
  /** Throws `storage_corrupt` when the blob is missing or its bytes do not have that hash. */
  getSync(hash: Uint8Array): Uint8Array;
  drop(hash: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** What was written to a backup. */
export interface BackupReport {
  /** The last entry that it holds. */
  readonly entry: number;
  readonly entries: number;
  readonly rows: number;
  readonly blobs: number;
  readonly bytes: number;
}

/** Everything one space keeps, opened and locked as one. */
export interface Store {
  readonly journal: Journal;
  readonly rows: Rows;
  readonly blobs: Blobs;
  /** 32 bytes each, made when the store was created. `sealKey` never leaves the data directory. */
  readonly keys: { readonly nameKey: Uint8Array; readonly sealKey: Uint8Array };
  /** 16 bytes that tell this space from every other one. Absent: a store that ends with its process. */
  readonly spaceId?: Uint8Array;
  /** Writes what is durable now to a new directory, while the space goes on. Absent: there is nothing durable. */
  backup?(directory: string): Promise<BackupReport>;
  close(): Promise<void>;
}
