/**
 * Things by number, in the order in which they came, of which very many come and go: at any time a few, in an hour
 * millions. Owns its slots, which are used again; must never be larger for what has gone than for what was there at once.
 *
 * A `Map` does the same but for one thing. It outgrows its table again and again, for what is deleted leaves a hole, and
 * each table that it leaves points at the next one. So once one of them is old, the collector of young objects keeps all
 * that come after it, with whatever stood in them: each call with its arguments and its answer, until the whole heap is
 * collected. (Measured: a third of all garbage.)
 */
import { NOWHERE } from './places.ts';

const SLOTS_MIN = 16;
/** An empty one that was larger begins again small. */
const SLOTS_KEPT_MAX = 4096;

export class NumberMap<V> {
  size = 0;
  #numbers = new Float64Array(SLOTS_MIN);
  #values: (V | undefined)[] = emptySlots(SLOTS_MIN);
  /** The first slot of the numbers that fall together, and for each the next; of free slots the next free one. */
  #heads = new Int32Array(SLOTS_MIN).fill(NOWHERE);
  #next = new Int32Array(SLOTS_MIN);
  /** The neighbours of each slot in the order in which they came. */
  #before = new Int32Array(SLOTS_MIN);
  #after = new Int32Array(SLOTS_MIN);
  #free = NOWHERE;
  /** Slots that have ever been used. */
  #used = 0;
  #first = NOWHERE;
  #last = NOWHERE;

  get(number: number): V | undefined {
    const slot = this.#slotOf(number);
    return slot === NOWHERE ? undefined : this.#values[slot];
  }

  has(number: number): boolean {
    return this.#slotOf(number) !== NOWHERE;
  }

  /** A number that is there already keeps its place in the order. */
  set(number: number, value: V): void {
    const known = this.#slotOf(number);
    if (known !== NOWHERE) {
      this.#values[known] = value;
      return;
    }
    const slot = this.#freeSlot();
    this.#numbers[slot] = number;
    this.#values[slot] = value;
    const head = this.#headOf(number);
    this.#next[slot] = this.#heads[head] as number;
    this.#heads[head] = slot;
    this.#before[slot] = this.#last;
    this.#after[slot] = NOWHERE;
    if (this.#last === NOWHERE) this.#first = slot;
    else this.#after[this.#last] = slot;
    this.#last = slot;
    this.size++;
  }

  /** False: it was not there. */
  delete(number: number): boolean {
    const head = this.#headOf(number);
    let previous = NOWHERE;
    let slot = this.#heads[head] as number;
    while (slot !== NOWHERE && this.#numbers[slot] !== number) {
      previous = slot;
      slot = this.#next[slot] as number;
    }
    if (slot === NOWHERE) return false;
    const next = this.#next[slot] as number;
    if (previous === NOWHERE) this.#heads[head] = next;
    else this.#next[previous] = next;
    const before = this.#before[slot] as number;
    const after = this.#after[slot] as number;
    if (before === NOWHERE) this.#first = after;
    else this.#after[before] = after;
    if (after === NOWHERE) this.#last = before;
    else this.#before[after] = before;
    this.#values[slot] = undefined;
    this.#next[slot] = this.#free;
    this.#free = slot;
    this.size--;
    if (this.size === 0 && this.#values.length > SLOTS_KEPT_MAX) this.#resize(SLOTS_MIN);
    return true;
  }

  /** As they are now, in the order in which they came. */
  numbers(): number[] {
    const numbers: number[] = [];
    for (let slot = this.#first; slot !== NOWHERE; slot = this.#after[slot] as number)
      numbers.push(this.#numbers[slot] as number);
    return numbers;
  }

  /** As they were when it was asked, without those that have gone since. */
  *values(): Generator<V, void, undefined> {
    for (const number of this.numbers()) {
      const slot = this.#slotOf(number);
      if (slot !== NOWHERE) yield this.#values[slot] as V;
    }
  }

  #headOf(number: number): number {
    // They are given in sequence, so the last bits spread them best.
    return number & (this.#heads.length - 1);
  }

  #slotOf(number: number): number {
    let slot = this.#heads[this.#headOf(number)] as number;
    while (slot !== NOWHERE && this.#numbers[slot] !== number) slot = this.#next[slot] as number;
    return slot;
  }

  #freeSlot(): number {
    const slot = this.#free;
    if (slot !== NOWHERE) {
      this.#free = this.#next[slot] as number;
      return slot;
    }
    if (this.#used === this.#values.length) this.#resize(2 * this.#values.length);
    return this.#used++;
  }

  /** All that are there move, in their order, into so many slots. */
  #resize(slots: number): void {
    const numbers = this.#numbers;
    const values = this.#values;
    const after = this.#after;
    let slot = this.#first;
    this.#numbers = new Float64Array(slots);
    this.#values = emptySlots(slots);
    this.#heads = new Int32Array(slots).fill(NOWHERE);
    this.#next = new Int32Array(slots);
    this.#before = new Int32Array(slots);
    this.#after = new Int32Array(slots);
    this.#free = NOWHERE;
    this.#used = 0;
    this.#first = NOWHERE;
    this.#last = NOWHERE;
    this.size = 0;
    for (; slot !== NOWHERE; slot = after[slot] as number) this.set(numbers[slot] as number, values[slot] as V);
  }
}

function emptySlots<V>(count: number): (V | undefined)[] {
  return new Array<V | undefined>(count).fill(undefined);
}
