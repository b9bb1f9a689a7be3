/**
 * Blobs as files, `blobs/<first byte>/<rest of the hash>` in hex. It owns that directory; it must never hand out
 * bytes that do not have the hash they were asked by.
 */
import { readFileSync } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { limits } from '../limits.ts';
import type { Platform } from '../platform/index.ts';
import { checkHash, equal, hex } from './bytes.ts';
import { placeFile, syncPath } from './durable-file.ts';
import { type Health, corrupt } from './health.ts';
import type { Blobs } from './types.ts';

export class FileBlobs implements Blobs {
  readonly #directory: string;
  readonly #platform: Platform;
  readonly #sync: boolean;
  readonly #health: Health;
  /** First bytes whose directory is known to be there and durable. */
  readonly #shelves = new Set<number>();
  /** Hashes of blobs that this process has found or made durable, the oldest first; and of those it is putting now. */
  readonly #known = new Set<string>();
  readonly #putting = new Map<string, Promise<void>>();

  constructor(options: { directory: string; platform: Platform; sync: boolean; health: Health }) {
    this.#directory = options.directory;
    this.#platform = options.platform;
    this.#sync = options.sync;
    this.#health = options.health;
  }

  async put(hash: Uint8Array, bytes: Uint8Array): Promise<void> {
    if (!this.#health.usable) this.#health.refuse();
    checkHash(hash);
    const name = hex(hash);
    if (this.#known.has(name)) return;
    let putting = this.#putting.get(name);
    if (putting === undefined) {
      putting = this.#put(hash, bytes).finally(() => this.#putting.delete(name));
      this.#putting.set(name, putting);
    }
    await putting;
  }

  async #put(hash: Uint8Array, bytes: Uint8Array): Promise<void> {
    const { shelf, file } = this.#place(hash);
    try {
      if (!this.#shelves.has(hash[0]!)) {
        await mkdir(shelf, { recursive: true });
        if (this.#sync) await syncPath(this.#directory);
        this.#shelves.add(hash[0]!);
      }
      // One that is there from an earlier run may not have reached the disk with its name, or may be damaged.
      if (await holds(file, bytes)) {
        if (this.#sync) await syncPath(shelf);
      } else {
        const tag = hex(this.#platform.randomness.bytes(8));
        await placeFile(file, { bytes, tag, mode: 0o666, sync: this.#sync, kind: 'replace' });
      }
      this.#remember(hex(hash));
    } catch (error) {
      throw this.#health.fail(`a blob could not be written in ${this.#directory}`, error);
    }
  }

  #remember(name: string): void {
    if (this.#known.size >= limits.blobs_known_max) {
      const [oldest = ''] = this.#known;
      this.#known.delete(oldest);
    }
    this.#known.add(name);
  }

  getSync(hash: Uint8Array): Uint8Array {
    if (!this.#health.usable) this.#health.refuse();
    checkHash(hash);
    let bytes: Uint8Array;
    try {
      bytes = readFileSync(this.#place(hash).file);
    } catch (error) {
      const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
      const cause = missing ? corrupt(`a blob is missing in ${this.#directory}`, error) : error;
      throw this.#health.fail(`a blob could not be read in ${this.#directory}`, cause);
    }
    if (equal(this.#platform.hashing.sha256(bytes), hash)) return bytes;
    const failure = corrupt(`a blob does not have the hash of its name in ${this.#directory}`);
    throw this.#health.fail(failure.message, failure);
  }

  async drop(hash: Uint8Array): Promise<void> {
    if (!this.#health.usable) this.#health.refuse();
    checkHash(hash);
    this.#known.delete(hex(hash));
    try {
      await rm(this.#place(hash).file, { force: true });
    } catch (error) {
      throw this.#health.fail(`a blob could not be removed in ${this.#directory}`, error);
    }
  }

  async close(): Promise<void> {}

  #place(hash: Uint8Array): { shelf: string; file: string } {
    const name = hex(hash);
    const shelf = join(this.#directory, name.slice(0, 2));
    return { shelf, file: join(shelf, name.slice(2)) };
  }
}

async function holds(file: string, bytes: Uint8Array): Promise<boolean> {
  try {
    return equal(await readFile(file), bytes);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
