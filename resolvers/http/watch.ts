/**
 * The time of one exchange: a limit for each phase (connect, headers, idle) within one for all of it. Owns one timer,
 * which is only moved when a phase would end before it; most exchanges arm it once.
 */
import type { Cancellable, Clock, Timers } from '../../src/platform/index.ts';

export interface WatchOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  /** On the monotonic clock. */
  readonly end_ms: number;
  /** Called once, with the phase that took too long; empty when it was all of it. */
  readonly expired: (phase: string) => void;
}

export class Watch {
  readonly #options: WatchOptions;
  #timer: Cancellable | null = null;
  #armed_ms = Number.POSITIVE_INFINITY;
  #phase = '';
  #limit_ms = Number.POSITIVE_INFINITY;
  #due_ms = Number.POSITIVE_INFINITY;
  #over = false;

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  enter(phase: string, limit_ms: number): void {
    if (this.#over) return;
    this.#phase = phase;
    this.#limit_ms = limit_ms;
    this.progress();
    this.#arm();
  }

  /** Something came: the phase begins anew. */
  progress(): void {
    this.#due_ms = this.#options.clock.monotonic_ms() + this.#limit_ms;
  }

  /** Nobody waits for the other side now: only the whole counts. */
  pause(): void {
    this.#due_ms = Number.POSITIVE_INFINITY;
  }

  end(): void {
    this.#over = true;
    this.#timer?.cancel();
    this.#timer = null;
  }

  #arm(): void {
    const due_ms = Math.min(this.#due_ms, this.#options.end_ms);
    if (this.#timer !== null && this.#armed_ms <= due_ms) return;
    this.#timer?.cancel();
    this.#armed_ms = due_ms;
    const delay_ms = Math.max(0, Math.ceil(due_ms - this.#options.clock.monotonic_ms()));
    this.#timer = this.#options.timers.after(delay_ms, () => this.#look());
  }

  #look(): void {
    this.#timer = null;
    const now_ms = this.#options.clock.monotonic_ms();
    const { end_ms } = this.#options;
    // A timer may run a little early.
    if (Math.min(this.#due_ms, end_ms) - now_ms > 1) {
      this.#arm();
      return;
    }
    this.#over = true;
    this.#options.expired(end_ms <= this.#due_ms ? '' : this.#phase);
  }
}
