/**
 * What is due when: one queue over one timer of the platform, in the order of due times and, of one time, of age.
 * So what is overdue together runs in that order, also what earlier processes left. Owns the platform's timer; it
 * is set only while something waits.
 *
 * Times are those of the clock that people read, made steady: when that is set back they go on by the other clock,
 * and when it is set on, or the machine slept, they follow. So a delay ends, whatever is done to the clock.
 */
import { limits } from '../../src/limits.ts';
import type { Cancellable, Platform } from '../../src/platform/index.ts';

interface Entry {
  readonly due_ms: number;
  readonly age: number;
  readonly run: (now_ms: number) => void;
}

/** By how much the clock may be ahead before it is followed: below, it is the grain and the drift of two clocks. */
const JUMP_MS = 1_000;

export class Schedule {
  readonly #platform: Pick<Platform, 'clock' | 'timers'>;
  /** Sorted; a deploy has at most `limits.sources_max` of them, so moving a place is cheap. */
  readonly #entries: Entry[] = [];
  #age = 0;
  #timer: Cancellable | null = null;
  /** When that timer runs; null without one. */
  #wake_ms: number | null = null;
  /** What steady time is more than the monotonic clock. */
  #ahead_ms: number;

  constructor(platform: Pick<Platform, 'clock' | 'timers'>) {
    this.#platform = platform;
    this.#ahead_ms = platform.clock.now_ms() - platform.clock.monotonic_ms();
  }

  /** Steady time, in milliseconds since 1970. */
  now_ms(): number {
    const { clock } = this.#platform;
    const monotonic_ms = clock.monotonic_ms();
    const clock_ms = clock.now_ms();
    if (clock_ms - monotonic_ms - this.#ahead_ms > JUMP_MS) this.#ahead_ms = clock_ms - monotonic_ms;
    return Math.floor(monotonic_ms + this.#ahead_ms);
  }

  /** Resolves, in a later turn of the event loop, with the steady time then: `due_ms` or more. Null when aborted. */
  reached(due_ms: number, signal: AbortSignal): Promise<number | null> {
    return new Promise((resolve) => {
      if (signal.aborted) {
        resolve(null);
        return;
      }
      const leave = (): void => {
        this.#remove(entry);
        resolve(null);
      };
      const run = (now_ms: number): void => {
        signal.removeEventListener('abort', leave);
        resolve(now_ms);
      };
      const entry: Entry = { due_ms, age: this.#age++, run };
      signal.addEventListener('abort', leave, { once: true });
      this.#entries.splice(this.#place(entry), 0, entry);
      this.#arm();
    });
  }

  #remove(entry: Entry): void {
    const place = this.#place(entry);
    if (this.#entries[place] !== entry) return;
    this.#entries.splice(place, 1);
    this.#arm();
  }

  /** Nothing runs any more. */
  close(): void {
    this.#entries.length = 0;
    this.#arm();
  }

  /** Where the entry stands, or would stand. */
  #place({ due_ms, age }: Entry): number {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.#entries[middle] as Entry;
      if (other.due_ms < due_ms || (other.due_ms === due_ms && other.age < age)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #arm(): void {
    const first = this.#entries[0];
    if (first === undefined) {
      this.#disarm();
      return;
    }
    if (this.#wake_ms !== null && this.#wake_ms <= first.due_ms) return;
    this.#disarm();
    const now_ms = this.now_ms();
    const wait_ms = Math.min(Math.max(0, first.due_ms - now_ms), limits.timer_look_ms);
    this.#wake_ms = now_ms + wait_ms;
    this.#timer = this.#platform.timers.after(wait_ms, () => this.#wake());
  }

  #disarm(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#wake_ms = null;
  }

  #wake(): void {
    this.#timer = null;
    this.#wake_ms = null;
    const now_ms = this.now_ms();
    const due: Entry[] = [];
    while (this.#entries[0] !== undefined && this.#entries[0].due_ms <= now_ms)
      due.push(this.#entries.shift() as Entry);
    this.#arm();
    for (const { run } of due) run(now_ms);
  }
}
