/**
 * A platform whose clock, timers and randomness come from one seed, so that whatever runs on it runs the same
 * way again. It owns a virtual clock that moves from timer to timer; it must never look at the real one.
 *
 * Order. Timers run by due time, then by age. Between two of them all promises that can go on do so: the event
 * loop of this process turns once, which drains them all, and only then the next timer runs. So the order
 * of everything follows from the seed, as long as nothing under simulation waits for real input or output.
 */
import { Random } from './random.ts';
import { sha256 } from './sha256.ts';
import type { Cancellable, Clock, Hashing, Platform, Randomness, Timers } from './types.ts';

/** Each look at the clock moves it by up to this: a loop that yields by time would else never yield. */
const LOOK_MS_MAX = 0.1;
const START_MS = Date.UTC(2026, 0, 1);
const STEPS_MAX_DEFAULT = 1_000_000;

type Timer = { readonly due_ms: number; readonly age: number; run: (() => void) | null };

export class SimulatedPlatform implements Platform {
  readonly seed: number;
  /** For whoever simulates (disks, workloads); the platform's own randomness is another stream. */
  readonly random: Random;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly hashing: Hashing = { sha256 };
  readonly randomness: Randomness;
  readonly #looks: Random;
  #elapsed_ms = 0;
  #age = 0;
  /** A heap: the timer that is due first stands at 0. */
  readonly #heap: Timer[] = [];

  constructor(seed: number) {
    this.seed = seed;
    this.random = new Random(seed, 1);
    this.#looks = new Random(seed, 2);
    const own = new Random(seed, 3);
    this.randomness = { bytes: (length) => own.bytes(length) };
    this.clock = { now_ms: () => Math.floor(START_MS + this.#look()), monotonic_ms: () => this.#look() };
    this.timers = { after: (delay_ms, run) => this.#after(delay_ms, run), soon: (run) => void this.#after(0, run) };
  }

  /** Runs the promises that can go on, the next timer, and the promises that it lets go on. False without a timer. */
  async step(): Promise<boolean> {
    await settle();
    const ran = this.#runNext();
    if (ran) await settle();
    return ran;
  }

  /** Steps until `work` is settled. Throws when nothing is left that could settle it. */
  async run<T>(work: Promise<T>, steps_max = STEPS_MAX_DEFAULT): Promise<T> {
    let settled = false;
    const settling = (): void => {
      settled = true;
    };
    work.then(settling, settling);
    await settle();
    for (let steps = 0; !settled; steps++) {
      if (steps >= steps_max) throw new Error(`seed ${this.seed}: not done after ${steps_max} steps of simulation`);
      if (!this.#runNext()) throw new Error(`seed ${this.seed}: the simulation has nothing left to do and is not done`);
      await settle();
    }
    return work;
  }

  #runNext(): boolean {
    const timer = this.#take();
    if (timer === undefined) return false;
    this.#elapsed_ms = Math.max(this.#elapsed_ms, timer.due_ms);
    timer.run?.();
    return true;
  }

  #look(): number {
    this.#elapsed_ms += this.#looks.fraction() * LOOK_MS_MAX;
    return this.#elapsed_ms;
  }

  #after(delay_ms: number, run: () => void): Cancellable {
    const timer: Timer = { due_ms: this.#elapsed_ms + Math.max(0, delay_ms), age: this.#age++, run };
    this.#put(timer);
    return {
      cancel: () => {
        timer.run = null;
      },
    };
  }

  #put(timer: Timer): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(timer);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (before(heap[parent]!, timer)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = timer;
  }

  /** The next timer that was not cancelled. */
  #take(): Timer | undefined {
    let timer = this.#takeFirst();
    while (timer !== undefined && timer.run === null) timer = this.#takeFirst();
    return timer;
  }

  #takeFirst(): Timer | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const moved = heap.pop();
    if (moved === undefined || heap.length === 0) return first;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
      if (before(moved, heap[child]!)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = moved;
    return first;
  }
}

function before(one: Timer, other: Timer): boolean {
  return one.due_ms < other.due_ms || (one.due_ms === other.due_ms && one.age < other.age);
}

/** All promises go on as far as they can before the event loop gets to this. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export function simulatedPlatform(seed: number): SimulatedPlatform {
  return new SimulatedPlatform(seed);
}
