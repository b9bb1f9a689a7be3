/**
 * Things of which very many come and go, each of which remembers its own place here. Owns the places, which are used
 * again, and what each thing remembers. It stands where a `Set` would, for the reason in `number-map.ts`.
 */

/** Where something stands that stands nowhere. */
export const NOWHERE = -1;

/** Stands in one `Places` at most. */
export interface Placed {
  /** Written by who holds it; `NOWHERE` to begin with. */
  place: number;
}

export class Places<T extends Placed> {
  readonly #items: (T | null)[] = [];
  readonly #free: number[] = [];

  get size(): number {
    return this.#items.length - this.#free.length;
  }

  /** One that is here already stays where it is. */
  enter(item: T): void {
    if (item.place !== NOWHERE) return;
    const place = this.#free.pop();
    if (place === undefined) {
      item.place = this.#items.push(item) - 1;
      return;
    }
    this.#items[place] = item;
    item.place = place;
  }

  /** False: it was not here. */
  leave(item: T): boolean {
    const { place } = item;
    if (place === NOWHERE) return false;
    this.#items[place] = null;
    this.#free.push(place);
    item.place = NOWHERE;
    return true;
  }

  /** Those that are here now, by place. */
  all(): T[] {
    return this.#items.filter((item) => item !== null);
  }

  /** All leave at once. */
  takeAll(): T[] {
    const all = this.all();
    for (const item of all) item.place = NOWHERE;
    this.#items.length = 0;
    this.#free.length = 0;
    return all;
  }
}
