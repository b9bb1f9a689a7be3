/**
 * Ways to choose parts of a sorted multiset, as a connective beside other parts needs them. Owns their order:
 * first parts first. Must never give one multiset twice: equal parts are interchangeable.
 */
import { equal } from '../values/index.ts';
import type { Value } from '../values/index.ts';

export class Subsets {
  readonly #parts: readonly Value[];
  readonly #size: number;
  /** Positions chosen, ascending. */
  readonly #chosen: number[] = [];
  #started = false;

  constructor(parts: readonly Value[], size: number) {
    this.#parts = parts;
    this.#size = size;
  }

  /** Goes to the next choice; false after the last. */
  next(): boolean {
    if (!this.#started) {
      this.#started = true;
      for (let at = 0; at < this.#size; at++) this.#chosen.push(at);
      return this.#size <= this.#parts.length;
    }
    for (let at = this.#size - 1; at >= 0; at--) {
      const position = this.#after(this.#chosen[at] as number);
      if (position + this.#size - at > this.#parts.length) continue;
      for (let from = at; from < this.#size; from++) this.#chosen[from] = position + from - at;
      return true;
    }
    return false;
  }

  /** The next position that holds another value: an equal one would make the same choice again. */
  #after(position: number): number {
    let next = position + 1;
    while (next < this.#parts.length && equal(this.#parts[next - 1] as Value, this.#parts[next] as Value)) next++;
    return next;
  }

  split(): { readonly inside: Value[]; readonly outside: Value[] } {
    const inside: Value[] = [];
    const outside: Value[] = [];
    for (let position = 0; position < this.#parts.length; position++) {
      const isChosen = this.#chosen[inside.length] === position;
      (isChosen ? inside : outside).push(this.#parts[position] as Value);
    }
    return { inside, outside };
  }
}
