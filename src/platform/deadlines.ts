/**
 * Time limits of very many things that are nearly always over long before: each is told when it is due. Owns one timer for
 * all of them, and none while there are none, for a timer costs more than most of what it bounds.
 */
import { type Placed, Places } from './places.ts';
import type { Cancellable, Clock, Timers } from './types.ts';

/** Something that is ended when it is due. */
export interface Timed extends Placed {
  /** On the monotonic clock; Infinity for never. */
  readonly due_ms: number;
  /** Called once, when it is due; it is forgotten then. */
  expired(): void;
}

/** A timer may run a little early. */
const EARLY_MS = 1;

export class Deadlines {
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #waiting = new Places<Timed>();
  #timer: Cancellable | null = null;
  #armed_ms = Number.POSITIVE_INFINITY;

  constructor({ clock, timers }: { readonly clock: Clock; readonly timers: Timers }) {
    this.#clock = clock;
    this.#timers = timers;
  }

  now_ms(): number {
    return this.#clock.monotonic_ms();
  }

  /** It is new here, or due at another time. */
  watch(timed: Timed, now_ms: number): void {
    this.#waiting.enter(timed);
    if (timed.due_ms < this.#armed_ms) this.#arm(timed.due_ms, now_ms);
  }

  forget(timed: Timed): void {
    if (this.#waiting.leave(timed) && this.#waiting.size === 0) this.#disarm();
  }

  #arm(due_ms: number, now_ms: number): void {
    this.#disarm();
    this.#armed_ms = due_ms;
    this.#timer = this.#timers.after(Math.max(0, Math.ceil(due_ms - now_ms)), () => this.#look());
  }

  #disarm(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#armed_ms = Number.POSITIVE_INFINITY;
  }

  #look(): void {
    this.#disarm();
    const now_ms = this.now_ms();
    let next_ms = Number.POSITIVE_INFINITY;
    const due: Timed[] = [];
    for (const timed of this.#waiting.all()) {
      if (timed.due_ms - now_ms <= EARLY_MS) due.push(timed);
      else if (timed.due_ms < next_ms) next_ms = timed.due_ms;
    }
    // One that is ended here may end others.
    for (const timed of due.sort((left, right) => left.due_ms - right.due_ms))
      if (this.#waiting.leave(timed)) timed.expired();
    if (this.#waiting.size > 0 && next_ms < this.#armed_ms) this.#arm(next_ms, now_ms);
  }
}
