/**
 * A disk that exists in memory and forgets like a real one: what was written and not synced may be gone, or
 * there, after a crash. It owns what survives a crash; it must never lose what was synced.
 *
 * What a crash does. Journal, rows and blobs lie in different files, so each keeps a part of its unsynced writes
 * of a length of its own: rows may be ahead of the journal, or behind it. Of the writes to one of them those that
 * survive are the first ones, for it is read up to the first damage; of appends to the journal any sectors are left, and
 * what opens a real journal judges them (`simulated-tear.ts`). A write that failed, or was under way, may be there afterwards.
 */
import { Random, type SimulatedPlatform } from '../platform/index.ts';
import { copy, hex } from './bytes.ts';
import { leftOf } from './simulated-tear.ts';
import type { RowChange } from './types.ts';

/** How many of the writes that only the cache has a crash leaves, from the first on. */
type Survivors<Image, Write> = (image: Image, writes: readonly Write[], random: Random) => number;

/** One file: what is on the platter, and writes that only the cache has, oldest first. */
export class SimulatedFile<Image, Write> {
  readonly #image: Image;
  readonly #apply: (image: Image, write: Write) => void;
  readonly #survivors: Survivors<Image, Write>;
  #cached: Write[] = [];
  /** Of these, how many at the end are still being written. */
  #underWay = 0;
  /** Settles when the writes begun so far are done. */
  tail: Promise<void> = Promise.resolve();

  constructor(
    image: Image,
    apply: (image: Image, write: Write) => void,
    survivors: Survivors<Image, Write> = (_, writes, random) => random.below(writes.length + 1),
  ) {
    this.#image = image;
    this.#apply = apply;
    this.#survivors = survivors;
  }

  begin(write: Write): void {
    this.#cached.push(write);
    this.#underWay++;
  }

  /** A process opens it: what an earlier one left under way is as good as done. */
  open(): void {
    this.#underWay = 0;
    this.tail = Promise.resolve();
  }

  /** The write that was begun first is done; `sync` brings it, and all others, to the platter. */
  end(sync: boolean): void {
    this.#underWay--;
    if (sync) this.sync();
  }

  sync(): void {
    for (const write of this.#cached) this.#apply(this.#image, write);
    this.#cached = [];
  }

  crash(random: Random): void {
    this.#cached.length = this.#survivors(this.#image, this.#cached, random);
    this.#underWay = 0;
    this.tail = Promise.resolve();
    this.sync();
  }

  /** The process is gone, the cache is not: writes under way had reached it, or not. */
  kill(random: Random): void {
    this.#cached.length -= random.below(Math.min(this.#underWay, this.#cached.length) + 1);
    this.#underWay = 0;
    this.tail = Promise.resolve();
  }

  /** What a process that opens the file sees: the cache is shared by all processes of a machine. */
  seen<View>(view: (image: Image) => View, apply: (view: View, write: Write) => void): View {
    const seen = view(this.#image);
    for (const write of this.#cached) apply(seen, write);
    return seen;
  }
}

export type JournalImage = { first: number; entries: Uint8Array[] };
export type JournalWrite = { readonly entry: Uint8Array } | { readonly dropUpTo: number };
export type RowsImage = Map<string, Uint8Array>;
export type BlobsImage = Map<string, Uint8Array>;
export type BlobWrite = { readonly name: string; readonly bytes: Uint8Array | null };

export function applyJournal(image: JournalImage, write: JournalWrite): void {
  if ('entry' in write) {
    image.entries.push(write.entry);
    return;
  }
  const count = Math.min(write.dropUpTo - image.first + 1, image.entries.length);
  if (count <= 0) return;
  image.entries = image.entries.slice(count);
  image.first += count;
}

/** Each append waits for the one before where it is synced; then there is one at most that the cache has alone. */
function journalSurvivors(image: JournalImage, writes: readonly JournalWrite[], random: Random): number {
  const appends = writes.flatMap((write) => ('entry' in write ? [write.entry] : []));
  // A head that was not synced may be lost, whatever is appended after it.
  if (appends.length === 0) return random.below(writes.length + 1);
  const ends = { last: image.first + image.entries.length - 1, durable: image.entries };
  const left = leftOf(appends, ends, { isSynced: appends.length === 1, random });
  let found = 0;
  const end = writes.findIndex((write) => 'entry' in write && found++ === left);
  return end < 0 ? writes.length : end;
}

export function applyRows(image: RowsImage, changes: readonly RowChange[]): void {
  for (const { key, value } of changes) {
    if (value === null) image.delete(hex(key));
    else image.set(hex(key), value);
  }
}

export function applyBlob(image: BlobsImage, { name, bytes }: BlobWrite): void {
  if (bytes === null) image.delete(name);
  else image.set(name, bytes);
}

export type SimulatedDiskOptions = {
  /** Milliseconds that most writes take at most; a few take twenty times that. */
  readonly latency_ms_max?: number;
};

const LATENCY_MS_MAX_DEFAULT = 2;
const SLOW_CHANCE = 0.02;
const SLOW_FACTOR = 20;

export class SimulatedDisk {
  readonly platform: SimulatedPlatform;
  readonly journal = new SimulatedFile<JournalImage, JournalWrite>(
    { first: 1, entries: [] },
    applyJournal,
    journalSurvivors,
  );
  readonly rows = new SimulatedFile<RowsImage, readonly RowChange[]>(new Map(), applyRows);
  readonly blobs = new SimulatedFile<BlobsImage, BlobWrite>(new Map(), applyBlob);
  readonly keys: { readonly nameKey: Uint8Array; readonly sealKey: Uint8Array };
  readonly #random: Random;
  readonly #latency_ms_max: number;
  /** Counts crashes: what a process of an earlier one asks for, or waits for, is never answered. */
  #life = 0;
  #open = false;
  #syncsUntilFailure = Infinity;
  #free_bytes = Infinity;

  constructor(platform: SimulatedPlatform, options: SimulatedDiskOptions = {}) {
    this.platform = platform;
    this.#random = new Random(platform.seed, 4);
    this.#latency_ms_max = options.latency_ms_max ?? LATENCY_MS_MAX_DEFAULT;
    this.keys = { nameKey: platform.randomness.bytes(32), sealKey: platform.randomness.bytes(32) };
  }

  get life(): number {
    return this.#life;
  }

  /** The machine loses its power: processes on it are gone, and so is part of what was not synced. */
  crash(): void {
    this.#life++;
    this.#open = false;
    this.journal.crash(this.#random);
    this.rows.crash(this.#random);
    this.blobs.crash(this.#random);
  }

  /** The process is killed; the machine goes on, and its cache with it. */
  kill(): void {
    this.#life++;
    this.#open = false;
    this.journal.kill(this.#random);
    this.rows.kill(this.#random);
    this.blobs.kill(this.#random);
  }

  /** The sync after `count` more good ones fails, and so does every later one of that process. */
  failSyncAfter(count: number): void {
    this.#syncsUntilFailure = count;
  }

  /** Leaves room for so many bytes. */
  setFree_bytes(free_bytes: number): void {
    this.#free_bytes = free_bytes;
  }

  /** True when nobody had it open. */
  lock(): boolean {
    if (this.#open) return false;
    this.#open = true;
    this.#syncsUntilFailure = Infinity;
    this.journal.open();
    this.rows.open();
    this.blobs.open();
    return true;
  }

  unlock(): void {
    this.#open = false;
  }

  /** Takes room for a write, or throws as a full file system does, before anything is written. */
  take(size_bytes: number): void {
    if (size_bytes > this.#free_bytes) {
      throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    }
    this.#free_bytes -= size_bytes;
  }

  /** Brings the journal to the platter. */
  async settle(): Promise<void> {
    await this.pass(true);
    this.journal.sync();
  }

  /** Time passes; then, for a sync, it fails or not. Never answers a process that is gone. */
  async pass(sync: boolean): Promise<void> {
    const life = this.#life;
    const slow = this.#random.chance(SLOW_CHANCE) ? SLOW_FACTOR : 1;
    const latency_ms = this.#random.fraction() * this.#latency_ms_max * slow;
    await new Promise<void>((resolve) => {
      this.platform.timers.after(latency_ms, () => {
        if (life === this.#life) resolve();
      });
    });
    if (!sync) return;
    if (this.#syncsUntilFailure <= 0) throw Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' });
    this.#syncsUntilFailure--;
  }
}

export function copyChanges(changes: readonly RowChange[]): RowChange[] {
  return changes.map(({ key, value }) => ({ key: copy(key), value: value === null ? null : copy(value) }));
}
