/**
 * A shelf that does not fit into its channel's row: each item has a row of its own, and so has the index. Only
 * what is used is in memory, reached by point reads.
 *
 * Taking an item reads at most the index (root, leaf) and the item; what else changes is noted and written by
 * the next cut. An item that recovery found to be gone is removed from the index by that cut too, since only
 * its row says under which keys it is filed.
 */
import type { MessagePattern } from '../match/index.ts';
import type { Decoder, Encoder, Value } from '../values/index.ts';
import { corrupt } from './corrupt.ts';
import { demandedKey, type Key, messageKey, POSITIONS, UNFILED } from './filing.ts';
import type { Datum, ShelfItem, Waiting } from './items.ts';
import { NumberSet, type SetRows } from './number-set.ts';
import { type Cursor, type DataShelf, filingPattern, type Shelf, type WaiterShelf } from './shelf.ts';

/** How a paged shelf reaches its rows. */
export interface ShelfRows<T> {
  /** An item by its number, or undefined when it has no row. */
  readItem(number: number): T | undefined;
  /** In a cut: writes or (null) deletes an item's row. */
  writeItem(number: number, item: T | null): void;
  /** A row of the index: the set filed under a key at a position, its root or one of its leaves. */
  readIndex(position: number, key: Key, first: number | null): Uint8Array | undefined;
  writeIndex(position: number, key: Key, first: number | null, value: Uint8Array | null): void;
  /** Notes that the estimate of bytes in memory has changed. */
  grown(bytes: number): void;
}

/** The set of everything on the shelf; its root is in the channel's row. */
export const ALL = 254;
const ITEM_BYTES = 400;
const SET_BYTES = 250;
const LEAF_BYTES = 4096;

abstract class PagedShelf<T extends ShelfItem> implements Shelf<T> {
  live = 0;
  readonly all = new NumberSet();
  protected readonly rows: ShelfRows<T>;
  readonly #allRows: SetRows;
  /** Items in memory that can be read again. */
  readonly #items = new Map<number, T>();
  /** Items that changed since the last cut, so that they must stay. */
  #changed = new Map<number, T>();
  /** One map a position, with what is in memory of the sets filed there. */
  readonly #files: Map<Key, NumberSet>[] = Array.from({ length: POSITIONS + 1 }, () => new Map());
  /** Sets that changed since the last cut. */
  #dirtySets: FiledSet[] = [];
  /** Sets that were clean when they came into memory, or were by the last cut: the only ones worth a look when memory is short. */
  #cleanSets: FiledSet[] = [];
  #gone = new Set<number>();
  /** Gone without having been read, so still in the index on disk. */
  #unfile: number[] = [];
  /** Items that have rows are below this number. */
  #storedBelow: number;
  /** Nothing of the index has ever left memory: a key that is not here is nowhere. */
  #whole: boolean;
  /** Where the set that is being flushed has its rows. */
  readonly #flushed: FlushedSetRows<T>;

  constructor(rows: ShelfRows<T>, storedBelow: number) {
    this.rows = rows;
    this.#storedBelow = storedBelow;
    this.#whole = storedBelow === 0;
    this.#flushed = new FlushedSetRows(rows);
    this.#allRows = {
      read: (first) => (first === null ? undefined : rows.readIndex(ALL, null, first)),
      write: (first, value) => {
        if (first !== null) rows.writeIndex(ALL, null, first, value);
      },
    };
  }

  /** Reads what the channel's row says of the shelf. */
  readHead(decoder: Decoder): void {
    this.live = decoder.uint();
    this.all.readRoot(decoder);
  }

  writeHead(encoder: Encoder): void {
    encoder.uint(this.live);
    this.all.writeRoot(encoder);
  }

  add(item: T): void {
    this.live++;
    this.all.add(item.number);
    this.#changed.set(item.number, item);
    this.rows.grown(ITEM_BYTES);
    this.file(item);
  }

  remove(item: T): void {
    item.gone = true;
    this.unfile(item);
    this.#removeNumber(item.number);
  }

  /** For recovery: removes an item without reading it. Whether it can have been there. */
  removeUnread(number: number): boolean {
    const item = this.#changed.get(number) ?? this.#items.get(number);
    if (item !== undefined) {
      this.remove(item);
      return true;
    }
    if (number >= this.#storedBelow) return false;
    this.#unfile.push(number);
    this.#removeNumber(number);
    return true;
  }

  #removeNumber(number: number): void {
    this.live--;
    this.all.delete(number);
    this.#items.delete(number);
    // An item that never had a row needs no deletion.
    if (!this.#changed.delete(number) || number < this.#storedBelow) this.#gone.add(number);
  }

  byNumber(number: number): T | null {
    const known = this.#changed.get(number) ?? this.#items.get(number);
    if (known !== undefined) return known;
    if (number >= this.#storedBelow || this.#gone.has(number)) return null;
    const item = this.rows.readItem(number);
    if (item === undefined) return null;
    this.#items.set(number, item);
    this.rows.grown(ITEM_BYTES);
    return item;
  }

  after(number: number): T | null {
    let next = this.all.after(number, this.#allRows);
    while (next >= 0) {
      const item = this.byNumber(next);
      // Gone by recovery, and not yet out of the index.
      if (item !== null) return item;
      next = this.all.after(next, this.#allRows);
    }
    return null;
  }

  walk(): Cursor<T> {
    return this.cursor([this.numbers(ALL, null) as Numbers]);
  }

  protected abstract file(item: T): void;
  protected abstract unfile(item: T): void;

  /** The set filed under a key, to be changed. */
  protected set(position: number, key: Key): NumberSet {
    const set = this.#find(position, key);
    if (!set.dirty) {
      set.dirty = true;
      this.#dirtySets.push({ position, key, set });
    }
    return set;
  }

  /** The numbers filed under a key, to be walked. */
  protected numbers(position: number, key: Key): Numbers {
    if (position === ALL) return { set: this.all, rows: this.#allRows };
    return { set: this.#find(position, key), rows: this.#setRows(position, key) };
  }

  #find(position: number, key: Key): NumberSet {
    const file = this.#files[position + 1] as Map<Key, NumberSet>;
    let set = file.get(key);
    if (set === undefined) {
      set = new NumberSet(!this.#whole);
      file.set(key, set);
      this.#cleanSets.push({ position, key, set });
      this.rows.grown(SET_BYTES);
    }
    return set;
  }

  #setRows(position: number, key: Key): SetRows {
    const { rows } = this;
    return {
      read: (first) => rows.readIndex(position, key, first),
      write: (first, value) => rows.writeIndex(position, key, first, value),
    };
  }

  protected cursor(lists: readonly Numbers[]): Cursor<T> {
    return new NumbersCursor(this, lists);
  }

  // ------------------------------------------------------------------ cuts and the cache

  /** Writes everything that changed since the last cut. */
  flush(encoder: Encoder): void {
    this.settleUnread();
    for (const [number, item] of this.#changed) {
      this.rows.writeItem(number, item);
      this.#items.set(number, item);
      if (number >= this.#storedBelow) this.#storedBelow = number + 1;
    }
    this.#changed = new Map();
    for (const number of this.#gone) this.rows.writeItem(number, null);
    this.#gone = new Set();
    this.all.flush(encoder, this.#allRows);
    for (const filed of this.#dirtySets) {
      this.#flushed.position = filed.position;
      this.#flushed.key = filed.key;
      filed.set.flush(encoder, this.#flushed);
      this.#cleanSets.push(filed);
    }
    this.#dirtySets = [];
  }

  /** Takes out of the index what recovery found to be gone. */
  protected settleUnread(): void {
    for (const number of this.#unfile) {
      const item = this.rows.readItem(number);
      if (item === undefined) throw corrupt(`the end of an item (number ${number}) that is not there`);
      this.unfile(item);
    }
    this.#unfile = [];
  }

  everyNumber(visit: (number: number) => void): void {
    for (let number = this.all.after(-1, this.#allRows); number >= 0; number = this.all.after(number, this.#allRows))
      visit(number);
  }

  /** Forgets what can be read again; the estimate of what stays, in bytes. Costs nothing for what must stay. */
  unload(): number {
    this.#items.clear();
    this.all.unload();
    if (this.#cleanSets.length > 0) this.#whole = false;
    for (const { position, key, set } of this.#cleanSets)
      if (!set.dirty) (this.#files[position + 1] as Map<Key, NumberSet>).delete(key);
    this.#cleanSets = [];
    return this.#changed.size * ITEM_BYTES + this.all.loadedLeaves * LEAF_BYTES + this.#dirtySets.length * SET_BYTES;
  }
}

/** The rows of one set after the other, so that flushing many makes no object for each. */
class FlushedSetRows<T> implements SetRows {
  position = 0;
  key: Key = null;
  readonly #rows: ShelfRows<T>;

  constructor(rows: ShelfRows<T>) {
    this.#rows = rows;
  }

  read(first: number | null): Uint8Array | undefined {
    return this.#rows.readIndex(this.position, this.key, first);
  }

  write(first: number | null, value: Uint8Array | null): void {
    this.#rows.writeIndex(this.position, this.key, first, value);
  }
}

/** A set and where it is filed. */
interface FiledSet {
  readonly position: number;
  readonly key: Key;
  readonly set: NumberSet;
}

interface Numbers {
  readonly set: NumberSet;
  readonly rows: SetRows;
}

/** Walks the items of some sets, oldest first; an item stands in one of them only. */
class NumbersCursor<T extends ShelfItem> implements Cursor<T> {
  readonly #shelf: Shelf<T>;
  readonly #lists: readonly Numbers[];
  #last = -1;

  constructor(shelf: Shelf<T>, lists: readonly Numbers[]) {
    this.#shelf = shelf;
    this.#lists = lists;
  }

  next(): T | null {
    for (;;) {
      let next = -1;
      for (const { set, rows } of this.#lists) {
        const number = set.after(this.#last, rows);
        if (number >= 0 && (next < 0 || number < next)) next = number;
      }
      if (next < 0) return null;
      this.#last = next;
      const item = this.#shelf.byNumber(next);
      // Gone by recovery, and not yet out of the index.
      if (item !== null) return item;
    }
  }
}

/** Numbers of values that the data of a shelf have: none yet, or several. */
const NO_ARITY = -1;
const MIXED = -2;

export class PagedDataShelf extends PagedShelf<Datum> implements DataShelf {
  /** The number of values that all data have; only when it is mixed are data filed by it. */
  #arity = NO_ARITY;

  candidates(pattern: MessagePattern): Cursor<Datum> {
    if (this.#arity >= 0 && !admits(pattern, this.#arity)) return this.cursor([]);
    let best: Numbers | null = null;
    let fewest = Number.POSITIVE_INFINITY;
    // From the last position down: the number of values says least, and the first value is often a method.
    for (let position = POSITIONS - 1; position >= 0; position--) {
      const key = demandedKey(pattern, position);
      if (key === undefined) continue;
      if (position === 0 && (best !== null || this.#arity !== MIXED)) break;
      const numbers = this.numbers(position, key);
      const count = numbers.set.count(numbers.rows);
      if (count === 0) return this.cursor([]);
      if (count >= fewest) continue;
      best = numbers;
      fewest = count;
      if (count === 1) break;
    }
    return best === null ? this.walk() : this.cursor([best]);
  }

  override readHead(decoder: Decoder): void {
    super.readHead(decoder);
    this.#arity = decoder.uint() - 2;
  }

  override writeHead(encoder: Encoder): void {
    super.writeHead(encoder);
    encoder.uint(this.#arity + 2);
  }

  override add(datum: Datum): void {
    const arity = datum.message.length;
    if (this.#arity === NO_ARITY) this.#arity = arity;
    else if (this.#arity !== arity && this.#arity !== MIXED) this.#fileByArity();
    super.add(datum);
  }

  /** The first message with another number of values: from now on that tells data apart. Reads the whole index once. */
  #fileByArity(): void {
    this.settleUnread();
    const set = this.set(0, this.#arity);
    this.everyNumber((number) => set.add(number));
    this.#arity = MIXED;
  }

  protected file(datum: Datum): void {
    for (let position = this.#arity === MIXED ? 0 : 1; position < POSITIONS; position++) {
      const key = messageKey(datum.message, position);
      if (key !== undefined) this.set(position, key).add(datum.number);
    }
  }

  protected unfile(datum: Datum): void {
    for (let position = this.#arity === MIXED ? 0 : 1; position < POSITIONS; position++) {
      const key = messageKey(datum.message, position);
      if (key !== undefined) this.set(position, key).delete(datum.number);
    }
  }
}

function admits(pattern: MessagePattern, arity: number): boolean {
  return pattern.arity >= 0 ? pattern.arity === arity : pattern.arityMin <= arity;
}

export class PagedWaiterShelf extends PagedShelf<Waiting> implements WaiterShelf {
  /** How many are filed at each position, the unfiled first: a search reads no index where nobody is. */
  readonly #filed = new Array<number>(POSITIONS + 1).fill(0);

  candidates(message: readonly Value[]): Cursor<Waiting> {
    const lists: Numbers[] = [];
    if (this.#filed[0] !== 0) lists.push(this.numbers(UNFILED, null));
    for (let position = 0; position < POSITIONS; position++) {
      if (this.#filed[position + 1] === 0) continue;
      const key = messageKey(message, position);
      if (key !== undefined) lists.push(this.numbers(position, key));
    }
    return this.cursor(lists);
  }

  override readHead(decoder: Decoder): void {
    super.readHead(decoder);
    for (let index = 0; index < this.#filed.length; index++) this.#filed[index] = decoder.uint();
  }

  override writeHead(encoder: Encoder): void {
    super.writeHead(encoder);
    for (const count of this.#filed) encoder.uint(count);
  }

  /** Filed once, at the first value that the pattern demands beyond the first (a method), else where it can be. */
  protected file(entry: Waiting): void {
    const { position, key } = place(entry);
    entry.filedAt = position;
    this.#filed[position + 1] = (this.#filed[position + 1] as number) + 1;
    this.set(position, key).add(entry.number);
  }

  protected unfile(entry: Waiting): void {
    const { position, key } = place(entry);
    this.#filed[position + 1] = (this.#filed[position + 1] as number) - 1;
    this.set(position, key).delete(entry.number);
  }
}

/** The same for an entry whenever it is asked, so that it need not be stored. */
function place(entry: Waiting): { position: number; key: Key } {
  const pattern = filingPattern(entry);
  if (pattern !== null)
    for (const position of [2, 3, 4, 1, 0]) {
      const key = demandedKey(pattern, position);
      if (key !== undefined) return { position, key };
    }
  return { position: UNFILED, key: null };
}
