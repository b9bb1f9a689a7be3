/**
 * What lies or waits on a channel as a fork sees it: what was there when the fork was made, read where it lies, without
 * what it has taken, and with its own. What the space takes meanwhile is kept here. So a fork pays for the messages and
 * continuations at which it looks, and not for those that stand beside them.
 *
 * Owns the copies of what it has shown, for an item is one object to whoever takes it, and the space marks its own. It
 * must never change the shelf of the space. What was there when the fork was made has a lower number than its own; such
 * numbers begin again on a channel that was forgotten, but then nothing of it is left there.
 */
import type { MessagePattern } from '../match/index.ts';
import { lowerBound } from '../platform/index.ts';
import type { Value } from '../values/index.ts';
import { Datum, type ShelfItem, type Waiting } from './items.ts';
import {
  type Cursor,
  type DataShelf,
  ResidentDataShelf,
  ResidentWaiterShelf,
  type Shelf,
  type WaiterShelf,
} from './shelf.ts';

export interface ForkShelfOptions<S> {
  /** The shelf of the space; asked each time, for the cache may have dropped its channel. */
  readonly home: () => S | null;
  /** The number that the next item of the space gets, and the first of the fork's own. */
  readonly next: number;
  /** One more item is copied; throws when that is too many. */
  readonly copied: () => void;
}

abstract class ForkShelf<T extends ShelfItem, S extends Shelf<T>> implements Shelf<T> {
  /** Of the fork's own, which are younger than all others. */
  protected readonly own: S;
  readonly #home: () => S | null;
  readonly #next: number;
  readonly #copied: () => void;
  /** Of those that were there when the fork was made, how many the space still has. */
  #left: number;
  /** Of these, how many the fork has not taken. */
  #there: number;
  /** Shown before, by number. */
  readonly #copies = new Map<number, T>();
  /** Taken by the fork, by number. */
  readonly #taken = new Set<number>();
  /** Gone from the space and still here, by age. */
  readonly #kept: T[] = [];

  /** Of a channel that the space has not changed since the fork was made. */
  constructor(shelf: S, own: S, { home, next, copied }: ForkShelfOptions<S>) {
    this.own = own;
    this.#home = home;
    this.#next = next;
    this.#copied = copied;
    this.#left = shelf.live;
    this.#there = shelf.live;
  }

  protected abstract copyOf(item: T): T;

  get live(): number {
    return this.#there + this.#kept.length + this.own.live;
  }

  /** What the space has taken since, and is here all the same. */
  get kept(): number {
    return this.#kept.length;
  }

  add(item: T): void {
    this.own.add(item);
  }

  remove(item: T): void {
    const { number } = item;
    if (number >= this.#next) {
      this.own.remove(item);
      return;
    }
    item.gone = true;
    this.#taken.add(number);
    this.#copies.delete(number);
    const at = this.#keptAt(number);
    if (this.#kept[at] === item) this.#kept.splice(at, 1);
    else this.#there--;
  }

  /** Whether an item that the space has taken has to be kept here. */
  keeps({ number }: T): boolean {
    return this.#left > 0 && number < this.#next && !this.#taken.has(number);
  }

  /** The space has taken an item of its own. */
  leave(item: T): void {
    const { number } = item;
    if (this.#left === 0 || number >= this.#next) return;
    this.#left--;
    if (this.#taken.has(number)) return;
    this.#there--;
    this.#kept.splice(this.#keptAt(number), 0, this.#copies.get(number) ?? this.copyOf(item));
  }

  byNumber(number: number): T | null {
    if (number >= this.#next) return this.own.byNumber(number);
    const kept = this.#kept[this.#keptAt(number)];
    if (kept?.number === number) return kept;
    return this.#seen(this.there?.byNumber(number) ?? null);
  }

  after(number: number): T | null {
    const kept = this.#kept[this.#keptAt(number + 1)] ?? null;
    const { there } = this;
    for (let found = there?.after(number) ?? null; found !== null; found = there?.after(found.number) ?? null) {
      if (found.number >= this.#next || (kept !== null && kept.number < found.number)) break;
      const seen = this.#seen(found);
      if (seen !== null) return seen;
    }
    return kept ?? this.own.after(number);
  }

  walk(): Cursor<T> {
    return this.cursor(this.there?.walk() ?? null, this.own.walk());
  }

  everyNumber(visit: (number: number) => void): void {
    let at = 0;
    this.there?.everyNumber((number) => {
      if (number >= this.#next || this.#taken.has(number)) return;
      for (; at < this.#kept.length && (this.#kept[at] as T).number < number; at++) visit((this.#kept[at] as T).number);
      visit(number);
    });
    for (; at < this.#kept.length; at++) visit((this.#kept[at] as T).number);
    this.own.everyNumber(visit);
  }

  /** Where in the line of the space items with these numbers stand that the fork has taken. */
  placesOf(numbers: ReadonlySet<number>): number[] {
    const places: number[] = [];
    let place = 0;
    this.#home()?.everyNumber((number) => {
      if (numbers.has(number)) places.push(place);
      place++;
    });
    return places;
  }

  /** The shelf of the space as long as there is something on it for the fork. */
  protected get there(): S | null {
    return this.#there > 0 ? this.#home() : null;
  }

  /** What is there and what was kept, by age, and then the fork's own. Of those that were kept all are candidates. */
  protected cursor(there: Cursor<T> | null, own: Cursor<T>): Cursor<T> {
    // Looked up when it is asked for, and not before: most who take want the first.
    let found: T | null | undefined;
    let last = -1;
    return {
      next: () => {
        while (found === undefined || found?.gone === true) found = this.#nextThere(there);
        // By number, for what was shown may be gone by now.
        const kept = this.#kept[this.#keptAt(last + 1)];
        if (kept !== undefined && (found === null || kept.number < found.number)) {
          last = kept.number;
          return kept;
        }
        if (found === null) return own.next();
        const next = found;
        last = next.number;
        found = undefined;
        return next;
      },
    };
  }

  #nextThere(there: Cursor<T> | null): T | null {
    if (there === null) return null;
    for (let item = there.next(); item !== null; item = there.next()) {
      // Those that follow are younger still.
      if (item.number >= this.#next) return null;
      const seen = this.#seen(item);
      if (seen !== null) return seen;
    }
    return null;
  }

  /** An item of the space as the fork has it; null: it has taken it, or it came later. */
  #seen(item: T | null): T | null {
    if (item === null || item.number >= this.#next || this.#taken.has(item.number)) return null;
    let copy = this.#copies.get(item.number);
    if (copy === undefined) {
      this.#copied();
      copy = this.copyOf(item);
      this.#copies.set(item.number, copy);
    }
    return copy;
  }

  /** Where among those that were kept a number stands, or would. */
  #keptAt(number: number): number {
    const kept = this.#kept;
    return lowerBound(0, kept.length, (place) => (kept[place] as T).number < number);
  }
}

export class ForkDataShelf extends ForkShelf<Datum, DataShelf> implements DataShelf {
  constructor(shelf: DataShelf, options: ForkShelfOptions<DataShelf>) {
    super(shelf, new ResidentDataShelf(), options);
  }

  candidates(pattern: MessagePattern): Cursor<Datum> {
    return this.cursor(this.there?.candidates(pattern) ?? null, this.own.candidates(pattern));
  }

  protected copyOf({ message, persist, account, stamp, number }: Datum): Datum {
    const copy = new Datum(message, persist, account, stamp, -1);
    copy.number = number;
    return copy;
  }
}

export class ForkWaiterShelf extends ForkShelf<Waiting, WaiterShelf> implements WaiterShelf {
  readonly #copyOf: (entry: Waiting) => Waiting;

  /** `copyOf`: a join stands on several channels, and is one. */
  constructor(shelf: WaiterShelf, copyOf: (entry: Waiting) => Waiting, options: ForkShelfOptions<WaiterShelf>) {
    super(shelf, new ResidentWaiterShelf(), options);
    this.#copyOf = copyOf;
  }

  candidates(message: readonly Value[]): Cursor<Waiting> {
    return this.cursor(this.there?.candidates(message) ?? null, this.own.candidates(message));
  }

  protected copyOf(entry: Waiting): Waiting {
    return this.#copyOf(entry);
  }
}
