/**
 * The data of a channel as a fork sees them: those that lay there when the fork was made, read where they lie, without
 * those that it has taken, and with its own. What the space takes meanwhile is kept here. So a fork pays for the messages
 * at which it looks and not for those that lie beside them.
 *
 * Owns the copies of what it has shown, for a message is one object to whoever takes it, and the space marks its own. It
 * must never change the shelf of the space. What was there when the fork was made is told by its stamp: the numbers on a
 * channel begin again when it was forgotten in between.
 */
import type { MessagePattern } from '../match/index.ts';
import { lowerBound } from '../platform/index.ts';
import type { Channel } from './channel.ts';
import { Datum } from './items.ts';
import { type Cursor, type DataShelf, ResidentDataShelf } from './shelf.ts';

export interface ForkShelfOptions {
  /** The channel of the space, in memory and complete; asked each time, for the cache may have dropped it. */
  readonly home: () => Channel;
  /** The stamp of the first message that the space took after the fork was made. */
  readonly since: number;
  /** One more message is copied; throws when that is too many. */
  readonly copied: () => void;
}

export class ForkDataShelf implements DataShelf {
  readonly #options: ForkShelfOptions;
  /** Of the fork's own, which are younger than all others. */
  readonly #own = new ResidentDataShelf();
  readonly #firstOwn: number;
  /** Of those in the space, how many are still there and not taken here. */
  #there: number;
  /** Shown before, by stamp. */
  readonly #copies = new Map<number, Datum>();
  /** Taken by the fork, by stamp. */
  readonly #taken = new Set<number>();
  /** Gone from the space and still here, by age. */
  readonly #kept: Datum[] = [];

  /** Of a channel that the space has not changed since the fork was made. */
  constructor(home: Channel, options: ForkShelfOptions) {
    this.#options = options;
    this.#there = home.data?.live ?? 0;
    this.#firstOwn = home.nextDatum;
  }

  get live(): number {
    return this.#there + this.#kept.length + this.#own.live;
  }

  /** Messages that the space has taken since, and that are here all the same. */
  get kept(): number {
    return this.#kept.length;
  }

  add(datum: Datum): void {
    this.#own.add(datum);
  }

  remove(datum: Datum): void {
    if (datum.number >= this.#firstOwn) {
      this.#own.remove(datum);
      return;
    }
    datum.gone = true;
    this.#taken.add(datum.stamp);
    this.#copies.delete(datum.stamp);
    const at = this.#keptAt(datum.number);
    if (this.#kept[at] === datum) this.#kept.splice(at, 1);
    else this.#there--;
  }

  /** The space has taken a message of its own. */
  left(datum: Datum): void {
    if (datum.stamp >= this.#options.since || this.#taken.has(datum.stamp)) return;
    const copy = this.#copies.get(datum.stamp) ?? copyOf(datum);
    this.#there--;
    this.#kept.splice(this.#keptAt(copy.number), 0, copy);
  }

  byNumber(number: number): Datum | null {
    if (number >= this.#firstOwn) return this.#own.byNumber(number);
    const kept = this.#kept[this.#keptAt(number)];
    if (kept?.number === number) return kept;
    return this.#seen(this.#options.home().data?.byNumber(number) ?? null);
  }

  after(number: number): Datum | null {
    const kept = this.#kept[this.#keptAt(number + 1)] ?? null;
    const { data } = this.#options.home();
    for (let found = data?.after(number) ?? null; found !== null; found = data?.after(found.number) ?? null) {
      if (found.stamp >= this.#options.since || (kept !== null && kept.number < found.number)) break;
      const seen = this.#seen(found);
      if (seen !== null) return seen;
    }
    return kept ?? this.#own.after(number);
  }

  walk(): Cursor<Datum> {
    return this.#cursor(this.#options.home().data?.walk() ?? null, this.#own.walk());
  }

  candidates(pattern: MessagePattern): Cursor<Datum> {
    const there = this.#there > 0 ? (this.#options.home().data?.candidates(pattern) ?? null) : null;
    return this.#cursor(there, this.#own.candidates(pattern));
  }

  /** What is there and what was kept, by age, and then the fork's own. Of those that were kept all are candidates. */
  #cursor(there: Cursor<Datum> | null, own: Cursor<Datum>): Cursor<Datum> {
    // Looked up when it is asked for, and not before: most who take want the first.
    let found: Datum | null | undefined;
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

  #nextThere(there: Cursor<Datum> | null): Datum | null {
    if (there === null) return null;
    for (let datum = there.next(); datum !== null; datum = there.next()) {
      // Those that follow are younger still.
      if (datum.stamp >= this.#options.since) return null;
      const seen = this.#seen(datum);
      if (seen !== null) return seen;
    }
    return null;
  }

  /** A message of the space as the fork has it; null: it has taken it, or it came later. */
  #seen(datum: Datum | null): Datum | null {
    if (datum === null || datum.stamp >= this.#options.since || this.#taken.has(datum.stamp)) return null;
    let copy = this.#copies.get(datum.stamp);
    if (copy === undefined) {
      this.#options.copied();
      copy = copyOf(datum);
      this.#copies.set(datum.stamp, copy);
    }
    return copy;
  }

  /** Where among those that were kept a number stands, or would. */
  #keptAt(number: number): number {
    const kept = this.#kept;
    return lowerBound(0, kept.length, (place) => (kept[place] as Datum).number < number);
  }
}

function copyOf({ message, persist, account, stamp, number }: Datum): Datum {
  const copy = new Datum(message, persist, account, stamp, -1);
  copy.number = number;
  return copy;
}
