/** What is due when: one timer for all that waits, however much. Owns the heap; what is over already is left in it. */
import type { Cancellable, Clock, Timers } from '../../platform/index.ts';

export interface Due {
  readonly due_ms: number;
  readonly session: number;
  readonly id: number;
}

export class DueTimes {
  readonly #platform: { readonly clock: Clock; readonly timers: Timers };
  readonly #fire: (now_ms: number, due: readonly Due[]) => void;
  readonly #heap: Due[] = [];
  #timer: { readonly at_ms: number; readonly handle: Cancellable } | null = null;
  #stopped = true;

  constructor(
    platform: { readonly clock: Clock; readonly timers: Timers },
    fire: (now_ms: number, due: readonly Due[]) => void,
  ) {
    this.#platform = platform;
    this.#fire = fire;
  }

  /** From now on time goes on. */
  start(): void {
    this.#stopped = false;
    this.#arm();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.handle.cancel();
    this.#timer = null;
  }

  add(due: Due): void {
    const heap = this.#heap;
    let at = heap.push(due) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if ((heap[above] as Due).due_ms <= due.due_ms) break;
      heap[at] = heap[above] as Due;
      at = above;
    }
    heap[at] = due;
    if (at === 0) this.#arm();
  }

  #arm(): void {
    const first = this.#heap[0];
    if (this.#stopped || first === undefined) return;
    if (this.#timer !== null && this.#timer.at_ms <= first.due_ms) return;
    this.#timer?.handle.cancel();
    const left_ms = Math.max(0, first.due_ms - this.#platform.clock.now_ms());
    this.#timer = { at_ms: first.due_ms, handle: this.#platform.timers.after(left_ms, () => this.#look()) };
  }

  #look(): void {
    this.#timer = null;
    const now_ms = Math.floor(this.#platform.clock.now_ms());
    const due: Due[] = [];
    for (let first = this.#heap[0]; first !== undefined && first.due_ms <= now_ms; first = this.#heap[0]) {
      due.push(first);
      this.#removeFirst();
    }
    if (due.length > 0) this.#fire(now_ms, due);
    this.#arm();
  }

  #removeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop() as Due;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      const other = heap[below + 1];
      if (other !== undefined && other.due_ms < (heap[below] as Due).due_ms) below++;
      if ((heap[below] as Due).due_ms >= last.due_ms) break;
      heap[at] = heap[below] as Due;
      at = below;
    }
    heap[at] = last;
  }
}
