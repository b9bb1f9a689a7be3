/**
 * Which turn led to which: the chain of causes of a turn. Owns a window of the last turns, two numbers each: the task
 * that ran, and the first number that was given to a task in it.
 */
import { limits } from '../limits.ts';

export class Chain {
  /** By turn modulo the window. */
  readonly #tasks: Float64Array;
  readonly #firsts: Float64Array;
  readonly #window: number;
  #first = -1;
  #last = -1;

  constructor(window: number = limits.trace_chain_turns_max) {
    this.#window = window;
    // Grown as needed, so that a short trace costs little.
    this.#tasks = new Float64Array(window);
    this.#firsts = new Float64Array(window);
  }

  /** The next turn: of the task of this number, or of a cause, which is 0; tasks that it makes begin at `nextTask`. */
  add(turn: number, task: number, nextTask: number): void {
    if (this.#first < 0) this.#first = turn;
    this.#last = turn;
    if (turn - this.#first >= this.#window) this.#first = turn - this.#window + 1;
    this.#tasks[turn % this.#window] = task;
    this.#firsts[turn % this.#window] = nextTask;
  }

  /** The turn in which the task that ran in a turn was made; null for a cause, and for what is out of the window. */
  before(turn: number): number | null {
    if (turn < this.#first || turn > this.#last) return null;
    const task = this.#tasks[turn % this.#window] ?? 0;
    return task === 0 ? null : this.madeIn(task);
  }

  /** The turn that made a task. */
  madeIn(task: number): number | null {
    let low = this.#first;
    let high = this.#last;
    if (low < 0 || (this.#firsts[low % this.#window] ?? 0) > task) return null;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#firsts[middle % this.#window] ?? 0) <= task) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** From a turn back to the cause that began it. */
  of(turn: number): number[] {
    const turns = [turn];
    for (let before = this.before(turn); before !== null && turns.length < CHAIN_MAX; before = this.before(before))
      turns.push(before);
    return turns;
  }
}

/** Turns of one chain that a person is shown. */
const CHAIN_MAX = 64;
