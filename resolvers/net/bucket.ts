/**
 * A rate that an operator granted: so much in a second in the mean, one second's worth at once. Whoever finds it
 * empty waits in line; one timer serves the whole line, and there is none while nobody waits.
 */
import type { Cancellable, Clock, Timers } from '../../src/platform/index.ts';

interface Waiter {
  readonly amount: number;
  readonly run: () => void;
  left: boolean;
}

export class Bucket {
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #per_second: number;
  /** Below zero: taken ahead of time by something that is larger than a second's worth. */
  #level: number;
  #at_ms: number;
  readonly #line: Waiter[] = [];
  #timer: Cancellable | null = null;

  constructor({ clock, timers }: { readonly clock: Clock; readonly timers: Timers }, per_second: number) {
    this.#clock = clock;
    this.#timers = timers;
    this.#per_second = per_second;
    this.#level = per_second;
    this.#at_ms = clock.monotonic_ms();
  }

  /**
   * Runs at once when there is anything left and nobody waits, else in turn. What is taken may exceed what is there:
   * the next one waits the longer. Returns a way out of the line, null when it has run.
   */
  take(amount: number, run: () => void): Cancellable | null {
    if (this.#line.length === 0 && this.#refill() > 0) {
      this.#level -= amount;
      run();
      return null;
    }
    const waiter: Waiter = { amount, run, left: false };
    this.#line.push(waiter);
    this.#arm();
    return {
      cancel: () => {
        waiter.left = true;
        while (this.#line[0]?.left === true) this.#line.shift();
        if (this.#line.length === 0) this.#disarm();
      },
    };
  }

  /** Of something that has happened already. Whether there is something left. */
  spend(amount: number): boolean {
    this.#level = this.#refill() - amount;
    return this.#level > 0;
  }

  /** Nobody who waits is heard any more. */
  close(): void {
    this.#line.length = 0;
    this.#disarm();
  }

  #refill(): number {
    const now_ms = this.#clock.monotonic_ms();
    this.#level = Math.min(this.#per_second, this.#level + ((now_ms - this.#at_ms) / 1_000) * this.#per_second);
    this.#at_ms = now_ms;
    return this.#level;
  }

  #arm(): void {
    if (this.#timer !== null) return;
    const missing = Math.max(0, -this.#refill());
    // One unit more than missing: at zero nobody may take.
    const wait_ms = Math.ceil(((missing + 1) / this.#per_second) * 1_000);
    this.#timer = this.#timers.after(wait_ms, () => {
      this.#timer = null;
      this.#serve();
    });
  }

  #disarm(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  #serve(): void {
    while (this.#line.length > 0 && this.#refill() > 0) {
      const waiter = this.#line.shift() as Waiter;
      if (waiter.left) continue;
      this.#level -= waiter.amount;
      waiter.run();
    }
    if (this.#line.length > 0) this.#arm();
  }
}
