/**
 * The two shelves of a channel, data and waiting continuations, with everything on them in memory.
 *
 * A shelf keeps its items in order of age and files them under keys (see `filing.ts`), lazily: a short shelf
 * is simply walked. `paged-shelf.ts` has the twin for shelves that do not fit into one row.
 */
import type { MessagePattern } from '../match/index.ts';
import type { Value } from '../values/index.ts';
import { demandedKey, type Key, messageKey, POSITIONS, UNFILED } from './filing.ts';
import type { Datum, ShelfItem, Waiting } from './items.ts';
import { Postings, PostingsCursor } from './postings.ts';

/** Shelves up to this many items are walked instead of searched: an index would cost more than it saves. */
const WALK_MAX = 16;

export interface Cursor<T> {
  next(): T | null;
}

const EMPTY: Cursor<never> = { next: () => null };

/** What `space.ts` needs of either form of a shelf. */
export interface Shelf<T extends ShelfItem> {
  readonly live: number;
  add(item: T): void;
  /** The item must be on the shelf; it is marked gone. */
  remove(item: T): void;
  byNumber(number: number): T | null;
  /** The oldest item that is younger than the one of this number, whether that is there or not. */
  after(number: number): T | null;
  /** All items, oldest first. */
  walk(): Cursor<T>;
  /** The numbers of all items, oldest first, without looking at them. */
  everyNumber(visit: (number: number) => void): void;
}

export interface DataShelf extends Shelf<Datum> {
  /** At least the data that can match, oldest first. */
  candidates(pattern: MessagePattern): Cursor<Datum>;
}

export interface WaiterShelf extends Shelf<Waiting> {
  /** At least the continuations that a message can match, oldest first. */
  candidates(message: readonly Value[]): Cursor<Waiting>;
}

type File<T extends ShelfItem> = Map<Key, Postings<T>>;

function fileUnder<T extends ShelfItem>(file: File<T>, key: Key, item: T): void {
  const postings = file.get(key);
  if (postings !== undefined) {
    postings.add(item);
    return;
  }
  const fresh = new Postings<T>();
  fresh.add(item);
  file.set(key, fresh);
}

function removedUnder<T extends ShelfItem>(file: File<T>, key: Key): void {
  const postings = file.get(key);
  if (postings === undefined) return;
  postings.removed();
  if (postings.live === 0) file.delete(key);
}

abstract class ResidentShelf<T extends ShelfItem> implements Shelf<T> {
  /** Everything, oldest first. `space.ts` walks it directly while it is short. */
  readonly all = new Postings<T>();

  get live(): number {
    return this.all.live;
  }

  /** Short enough to be walked. */
  get short(): boolean {
    return this.all.live <= WALK_MAX;
  }

  byNumber(number: number): T | null {
    return this.all.byNumber(number);
  }

  after(number: number): T | null {
    return this.all.after(number);
  }

  walk(): Cursor<T> {
    return new PostingsCursor(this.all);
  }

  everyNumber(visit: (number: number) => void): void {
    const { items, head } = this.all;
    for (let index = head; index < items.length; index++) {
      const item = items[index] as T;
      if (!item.gone) visit(item.number);
    }
  }

  add(item: T): void {
    this.all.add(item);
    this.file(item);
  }

  remove(item: T): void {
    item.gone = true;
    this.unfile(item);
    this.all.removed();
  }

  protected abstract file(item: T): void;
  protected abstract unfile(item: T): void;
}

export class ResidentDataShelf extends ResidentShelf<Datum> implements DataShelf {
  /** One file a position, made when a search first wants it. */
  #files: (File<Datum> | undefined)[] | null = null;

  candidates(pattern: MessagePattern): Cursor<Datum> {
    if (this.short) return this.walk();
    let best: Postings<Datum> = this.all;
    for (let position = 0; position < POSITIONS; position++) {
      const key = demandedKey(pattern, position);
      if (key === undefined) continue;
      const postings = this.#fileAt(position).get(key);
      if (postings === undefined) return EMPTY;
      if (postings.live < best.live) best = postings;
    }
    return new PostingsCursor(best);
  }

  #fileAt(position: number): File<Datum> {
    if (this.#files === null) this.#files = new Array<File<Datum> | undefined>(POSITIONS).fill(undefined);
    const known = this.#files[position];
    if (known !== undefined) return known;
    const file: File<Datum> = new Map();
    const items = this.all.items;
    for (let index = this.all.head; index < items.length; index++) {
      const item = items[index] as Datum;
      if (item.gone) continue;
      const key = messageKey(item.message, position);
      if (key !== undefined) fileUnder(file, key, item);
    }
    this.#files[position] = file;
    return file;
  }

  protected file(item: Datum): void {
    const files = this.#files;
    if (files === null) return;
    for (let position = 0; position < POSITIONS; position++) {
      const file = files[position];
      if (file === undefined) continue;
      const key = messageKey(item.message, position);
      if (key !== undefined) fileUnder(file, key, item);
    }
  }

  protected unfile(item: Datum): void {
    const files = this.#files;
    if (files === null) return;
    for (let position = 0; position < POSITIONS; position++) {
      const file = files[position];
      if (file === undefined) continue;
      const key = messageKey(item.message, position);
      if (key !== undefined) removedUnder(file, key);
    }
    if (this.all.live === 1) this.#files = null;
  }
}

/** The pattern by which an entry is filed: that of its only slot on this channel, or none when it has several. */
export function filingPattern(entry: Waiting): MessagePattern | null {
  const waiter = entry.waiter;
  const slots = waiter.receive.slots;
  if (waiter.join === null) return slots[0]?.pattern ?? null;
  const at = waiter.join.entries.indexOf(entry);
  let found: MessagePattern | null = null;
  for (let slot = 0; slot < slots.length; slot++) {
    if (waiter.join.channelOfSlot[slot] !== at) continue;
    if (found !== null) return null;
    found = slots[slot]?.pattern ?? null;
  }
  return found;
}

export class ResidentWaiterShelf extends ResidentShelf<Waiting> implements WaiterShelf {
  #files: (File<Waiting> | undefined)[] | null = null;
  #unfiled: Postings<Waiting> | null = null;

  /**
   * The only continuation that a message can match, null when there is none, undefined when there may be
   * several and `candidates` has to be walked. Most messages are for one continuation.
   */
  sole(message: readonly Value[]): Waiting | null | undefined {
    const { all } = this;
    return all.live === 1 ? (all.items[all.head] as Waiting) : this.#soleFiled(message);
  }

  #soleFiled(message: readonly Value[]): Waiting | null | undefined {
    if (this.#files === null) {
      if (this.short) return undefined;
      this.#fileAll();
    }
    let found: Waiting | null = null;
    const unfiled = this.#unfiled as Postings<Waiting>;
    if (unfiled.live > 1) return undefined;
    if (unfiled.live === 1) found = unfiled.items[unfiled.head] as Waiting;
    const files = this.#files as unknown as (File<Waiting> | undefined)[];
    for (let position = 0; position < POSITIONS; position++) {
      const file = files[position];
      if (file === undefined || file.size === 0) continue;
      const key = messageKey(message, position);
      if (key === undefined) continue;
      const postings = file.get(key);
      if (postings === undefined) continue;
      if (postings.live > 1 || found !== null) return undefined;
      found = postings.items[postings.head] as Waiting;
    }
    return found;
  }

  candidates(message: readonly Value[]): Cursor<Waiting> {
    if (this.#files === null) {
      if (this.short) return this.walk();
      this.#fileAll();
    }
    const cursors: PostingsCursor<Waiting>[] = [];
    const unfiled = this.#unfiled as Postings<Waiting>;
    if (unfiled.live > 0) cursors.push(new PostingsCursor(unfiled));
    const files = this.#files as (File<Waiting> | undefined)[];
    for (let position = 0; position < POSITIONS; position++) {
      const file = files[position];
      if (file === undefined || file.size === 0) continue;
      const key = messageKey(message, position);
      if (key === undefined) continue;
      const postings = file.get(key);
      if (postings !== undefined) cursors.push(new PostingsCursor(postings));
    }
    if (cursors.length === 0) return EMPTY;
    return cursors.length === 1 ? (cursors[0] as Cursor<Waiting>) : new MergedCursor(cursors);
  }

  #fileAll(): void {
    this.#files = new Array<File<Waiting> | undefined>(POSITIONS).fill(undefined);
    this.#unfiled = new Postings();
    const items = this.all.items;
    for (let index = this.all.head; index < items.length; index++) {
      const item = items[index] as Waiting;
      if (!item.gone) this.file(item);
    }
  }

  protected file(entry: Waiting): void {
    const files = this.#files;
    if (files === null) return;
    const pattern = filingPattern(entry);
    let best = UNFILED;
    let bestKey: Key | undefined;
    let fewest = Number.POSITIVE_INFINITY;
    if (pattern !== null) {
      for (let position = 0; position < POSITIONS; position++) {
        const key = demandedKey(pattern, position);
        if (key === undefined) continue;
        const count = files[position]?.get(key)?.live ?? 0;
        if (count <= fewest) {
          fewest = count;
          best = position;
          bestKey = key;
        }
      }
    }
    entry.filedAt = best;
    if (best === UNFILED) (this.#unfiled as Postings<Waiting>).add(entry);
    else {
      files[best] ??= new Map();
      fileUnder(files[best] as File<Waiting>, bestKey as Key, entry);
    }
  }

  protected unfile(entry: Waiting): void {
    const files = this.#files;
    if (files === null) return;
    if (entry.filedAt === UNFILED) (this.#unfiled as Postings<Waiting>).removed();
    else {
      const key = demandedKey(filingPattern(entry) as MessagePattern, entry.filedAt);
      removedUnder(files[entry.filedAt] as File<Waiting>, key as Key);
    }
    if (this.all.live === 1) {
      this.#files = null;
      this.#unfiled = null;
    }
  }
}

/** Two walks as one, oldest first; what has gone since it was seen is left out. */
export class TwoCursors<T extends ShelfItem> implements Cursor<T> {
  readonly #first: Cursor<T>;
  readonly #second: Cursor<T>;
  #one: T | null;
  #other: T | null;

  constructor(first: Cursor<T>, second: Cursor<T>) {
    this.#first = first;
    this.#second = second;
    this.#one = first.next();
    this.#other = second.next();
  }

  next(): T | null {
    for (;;) {
      const one = this.#one;
      const other = this.#other;
      if (one === null && other === null) return null;
      let item: T;
      if (other === null || (one !== null && one.number < other.number)) {
        item = one as T;
        this.#one = this.#first.next();
      } else {
        item = other;
        this.#other = this.#second.next();
      }
      if (!item.gone) return item;
    }
  }
}

/** Several lists walked as one, oldest first. No entry stands in two of them. */
export class MergedCursor<T extends ShelfItem> implements Cursor<T> {
  readonly #cursors: readonly { peek(): T | null; next(): T | null }[];

  constructor(cursors: readonly { peek(): T | null; next(): T | null }[]) {
    this.#cursors = cursors;
  }

  next(): T | null {
    let oldest: { peek(): T | null; next(): T | null } | null = null;
    let age = Number.POSITIVE_INFINITY;
    for (const cursor of this.#cursors) {
      const item = cursor.peek();
      if (item !== null && item.number < age) {
        age = item.number;
        oldest = cursor;
      }
    }
    return oldest === null ? null : oldest.next();
  }
}
