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
   * Runs at once when that much is there and nobody waits, else in turn. What is more than a second's worth runs when
   * the bucket is full, and the next one waits the longer. Returns a way out of the line, null when it has run.
   */
  take(amount: number, run: () => void): Cancellable | null {
    if (this.#line.length === 0 && this.#has(amount)) {
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

  #has(amount: number): boolean {
    return this.#refill() >= Math.min(amount, this.#per_second);
  }

  #refill(): number {
    const now_ms = this.#clock.monotonic_ms();
    this.#level = Math.min(this.#per_second, this.#level + ((now_ms - this.#at_ms) / 1_000) * this.#per_second);
    this.#at_ms = now_ms;
    return this.#level;
  }

  #arm(): void {
    const [first] = this.#line;
    if (this.#timer !== null || first === undefined) return;
    const missing = Math.max(0, Math.min(first.amount, this.#per_second) - this.#refill());
    const wait_ms = Math.max(1, Math.ceil((missing / this.#per_second) * 1_000));
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
    for (
      let [first] = this.#line;
      first !== undefined && (first.left || this.#has(first.amount));
      [first] = this.#line
    ) {
      this.#line.shift();
      if (first.left) continue;
      this.#level -= first.amount;
      first.run();
    }
    this.#arm();
  }
}
