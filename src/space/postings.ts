/**
 * An ordered list of the items filed under one key, oldest first, of which most operations touch the oldest.
 * Removed items are marked by their owner (`gone`) and swept when they outnumber the living.
 */
import type { ShelfItem } from './items.ts';

const SWEEP_SLACK = 16;

export class Postings<T extends ShelfItem> {
  items: T[] = [];
  head = 0;
  live = 0;

  add(item: T): void {
    this.items.push(item);
    this.live++;
  }

  /** To be called once for an item that has just been marked gone. */
  removed(): void {
    this.live--;
    const items = this.items;
    if (this.live === 0) {
      // Popping is much cheaper than setting the length, for the one or two items of most channels.
      if (items.length <= 4) while (items.length > 0) items.pop();
      else items.length = 0;
      this.head = 0;
      return;
    }
    let head = this.head;
    while ((items[head] as T).gone) head++;
    this.head = head;
    if (items.length > 2 * this.live + SWEEP_SLACK) {
      let kept = 0;
      for (let index = head; index < items.length; index++) {
        const item = items[index] as T;
        if (!item.gone) items[kept++] = item;
      }
      items.length = kept;
      this.head = 0;
    }
  }

  /** The oldest living item above this number, by binary search. */
  after(number: number): T | null {
    const { items } = this;
    let low = this.head;
    let high = items.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((items[middle] as T).number > number) high = middle;
      else low = middle + 1;
    }
    while (low < items.length && (items[low] as T).gone) low++;
    return items[low] ?? null;
  }

  /** The living item of this number, by binary search. */
  byNumber(number: number): T | null {
    const items = this.items;
    let low = this.head;
    let high = items.length - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const item = items[middle] as T;
      if (item.number === number) return item.gone ? null : item;
      if (item.number < number) low = middle + 1;
      else high = middle - 1;
    }
    return null;
  }
}

/** Walks the living items of one list in order of age. Items removed during the walk are not shown. */
export class PostingsCursor<T extends ShelfItem> {
  readonly #postings: Postings<T>;
  #last = -1;
  #index: number;
  #items: readonly T[];

  constructor(postings: Postings<T>) {
    this.#postings = postings;
    this.#items = postings.items;
    this.#index = postings.head;
  }

  /** The next item without taking it, or null at the end. */
  peek(): T | null {
    const items = this.#postings.items;
    // A sweep moves items; find the place again by number.
    if (items !== this.#items || this.#index > items.length || (this.#index > 0 && this.#moved(items)))
      this.#seek(items);
    while (this.#index < items.length) {
      const item = items[this.#index] as T;
      if (!item.gone && item.number > this.#last) return item;
      this.#index++;
    }
    return null;
  }

  next(): T | null {
    const item = this.peek();
    if (item !== null) {
      this.#last = item.number;
      this.#index++;
    }
    return item;
  }

  #moved(items: readonly T[]): boolean {
    const previous = items[this.#index - 1] as T;
    return previous.number > this.#last;
  }

  #seek(items: readonly T[]): void {
    this.#items = items;
    let low = 0;
    let high = items.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((items[middle] as T).number > this.#last) high = middle;
      else low = middle + 1;
    }
    this.#index = low;
  }
}
