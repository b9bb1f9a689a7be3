/**
 * Which item goes to which slot, when each slot accepts several: data to the slots of a join, parts of a
 * target to parts of a pattern. Owns the law of choice (spec/matching.md, section "Assignment"): an answer
 * whenever there is one, and of all answers the first in lexicographic order. Must never search
 * exponentially: choosing is augmenting paths, never trial of combinations.
 */

import type { Budget } from './types.ts';

const UNBOUNDED: Budget = { steps: Number.POSITIVE_INFINITY };
/** Looks at one list entry are so much cheaper than comparing a node. */
const LOOKS_PER_STEP = 8;

/** Up to this many slots, looking through what was taken costs less than a set. */
const FEW = 8;

/**
 * One item for each slot, or null when there is no way. `candidates[slot]` are the items that the slot
 * accepts, oldest first; an item stands for itself by `age`, which no two items share. An item that is
 * `sharable` (persistent) may serve any number of slots, any other serves one. The answer is the first in
 * lexicographic order of ages: slot 0 gets the oldest item with which all others can still be served, and
 * so on.
 *
 * The first n candidates of each slot suffice for n slots: were a slot given one behind them, the other
 * n - 1 slots would leave at least one of those n free, and it is older.
 */
export function firstAssignment<T>(
  candidates: readonly (readonly T[])[],
  sharable: (item: T) => boolean,
  age: (item: T) => number,
): T[] | null {
  const eager = eagerAssignment(candidates, sharable, age);
  if (eager !== undefined) return eager;
  const items: T[] = [];
  const numbers = new Map<number, number>();
  const lists: number[][] = [];
  for (const list of candidates) {
    const own: number[] = [];
    for (const item of list) {
      let number = numbers.get(age(item));
      if (number === undefined) {
        number = items.length;
        numbers.set(age(item), number);
        items.push(item);
      }
      own.push(number);
      // nobody is ever pushed past an item that is always to be had
      if (sharable(item)) break;
    }
    lists.push(own);
  }
  const taken = assignNumbers(lists, items.map(sharable), UNBOUNDED);
  return taken === null ? null : taken.map((number) => items[number] as T);
}

/**
 * Every slot takes the first item that is still there. Where that serves all slots it is the first in
 * lexicographic order by construction; where it does not, undefined: only then must anyone give way. Null
 * when some slot has no candidate at all.
 */
function eagerAssignment<T>(
  candidates: readonly (readonly T[])[],
  sharable: (item: T) => boolean,
  age: (item: T) => number,
): T[] | null | undefined {
  const chosen: T[] = [];
  const ages: number[] = [];
  const many = candidates.length > FEW ? new Set<number>() : null;
  for (let slot = 0; slot < candidates.length; slot++) {
    const list = candidates[slot] as readonly T[];
    if (list.length === 0) return null;
    let at = 0;
    for (; at < list.length; at++) {
      const item = list[at] as T;
      if (sharable(item)) break;
      const number = age(item);
      if (many === null ? ages.includes(number) : many.has(number)) continue;
      if (many === null) ages.push(number);
      else many.add(number);
      break;
    }
    if (at === list.length) return undefined;
    chosen.push(list[at] as T);
  }
  return chosen;
}

/**
 * The same on numbers: `lists[slot]` are item numbers in order of preference, all of them below
 * `sharable.length`. Looks at most slots × entries of all lists, and charges the budget for it; null also when
 * that falls below zero.
 */
export function assignNumbers(
  lists: readonly (readonly number[])[],
  sharable: readonly boolean[],
  budget: Budget,
): number[] | null {
  const search = new Search(lists, sharable, budget);
  for (let slot = 0; slot < lists.length; slot++) if (!search.serve(slot)) return null;
  for (let slot = 0; slot < lists.length; slot++) search.prefer(slot);
  return budget.steps < 0 ? null : search.takes;
}

/** A growing assignment: `takes` by slot, `holder` by item; -1 is nobody. */
class Search {
  readonly takes: number[];
  readonly #holder: number[];
  readonly #lists: readonly (readonly number[])[];
  readonly #sharable: readonly boolean[];
  readonly #budget: Budget;
  /** The slots that accept an item. */
  readonly #slotsOf: number[][];

  constructor(lists: readonly (readonly number[])[], sharable: readonly boolean[], budget: Budget) {
    this.#lists = lists;
    this.#budget = budget;
    this.#sharable = sharable;
    this.takes = lists.map(() => -1);
    this.#holder = sharable.map(() => -1);
    this.#slotsOf = sharable.map(() => []);
    for (let slot = 0; slot < lists.length; slot++) {
      for (const item of lists[slot] as readonly number[]) (this.#slotsOf[item] as number[]).push(slot);
    }
  }

  /** Gives `slot` an item; slots that hold one may have to take another. False when there is no way. */
  serve(slot: number): boolean {
    const first = this.#firstFree(slot);
    if (first >= 0) {
      this.#give(slot, first);
      return true;
    }
    const next = this.#waysOut(-1, slot);
    if (next[slot] === -1 || this.#budget.steps < 0) return false;
    this.#shift(slot, next);
    return true;
  }

  /** Gives `slot` the first item of its list that the slots after it can spare; those before it keep theirs. */
  prefer(slot: number): void {
    const list = this.#lists[slot] as readonly number[];
    const now = this.takes[slot] as number;
    if (list[0] === now || this.#budget.steps < 0) return;
    let next: number[] | null = null;
    for (const item of list) {
      if (item === now) return;
      const holder = this.#holder[item] as number;
      if (holder === -1) {
        this.#release(now);
        this.#give(slot, item);
        return;
      }
      if (holder < slot) continue;
      next ??= this.#waysOut(now, slot);
      if (next[holder] === -1) continue;
      this.#release(now);
      this.#shift(holder, next);
      this.#give(slot, item);
      return;
    }
  }

  #firstFree(slot: number): number {
    for (const item of this.#lists[slot] as readonly number[]) if (this.#holder[item] === -1) return item;
    return -1;
  }

  /**
   * For every slot that could give up its item: the item that it takes instead on the shortest way to a free
   * one; -1 for the others. With `released` >= 0, that item counts as free and only slots after `asking` move.
   */
  #waysOut(released: number, asking: number): number[] {
    const next = this.takes.map(() => -1);
    const queue: number[] = [];
    let looks = this.#holder.length;
    for (let item = 0; item < this.#holder.length; item++) {
      if (this.#holder[item] === -1 || item === released) queue.push(item);
    }
    for (let at = 0; at < queue.length; at++) {
      const item = queue[at] as number;
      const slots = this.#slotsOf[item] as readonly number[];
      looks += 1 + slots.length;
      for (const slot of slots) {
        if (next[slot] !== -1 || (released >= 0 && slot <= asking)) continue;
        next[slot] = item;
        const held = this.takes[slot] as number;
        if (held >= 0 && !this.#sharable[held]) queue.push(held);
      }
    }
    this.#budget.steps -= Math.ceil(looks / LOOKS_PER_STEP);
    return next;
  }

  #shift(from: number, next: readonly number[]): void {
    let slot = from;
    while (slot !== -1) {
      const item = next[slot] as number;
      const holder = this.#holder[item] as number;
      this.#give(slot, item);
      slot = holder;
    }
  }

  #give(slot: number, item: number): void {
    this.takes[slot] = item;
    if (!this.#sharable[item]) this.#holder[item] = slot;
  }

  #release(item: number): void {
    if (!this.#sharable[item]) this.#holder[item] = -1;
  }
}
