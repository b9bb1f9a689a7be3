/**
 * How much one grant may ask of one origin: requests a second, with some in reserve, and requests under way at once.
 * Owns the count and who waits. Must never let one in that was not counted out before.
 */
import { limits } from '../../src/limits.ts';

export interface GateLimits {
  readonly requests_per_second: number;
  readonly requests_burst_max: number;
  readonly requests_open_max: number;
}

export class Gate {
  readonly #limits: GateLimits;
  #reserve: number;
  #counted_ms: number;
  #open = 0;
  readonly #waiting = new Set<() => void>();

  /** Times are of the monotonic clock. */
  constructor(now_ms: number, of: GateLimits) {
    this.#limits = of;
    this.#reserve = of.requests_burst_max;
    this.#counted_ms = now_ms;
  }

  /** Takes one request from the reserve at this time: 0, or the milliseconds after which there will be one. */
  take(now_ms: number): number {
    const { requests_per_second, requests_burst_max } = this.#limits;
    const grown = ((now_ms - this.#counted_ms) * requests_per_second) / 1_000;
    this.#reserve = Math.min(requests_burst_max, this.#reserve + grown);
    this.#counted_ms = now_ms;
    if (this.#reserve >= 1) {
      this.#reserve--;
      return 0;
    }
    return Math.ceil(((1 - this.#reserve) * 1_000) / requests_per_second);
  }

  /** Takes a place if one is free. */
  tryEnter(): boolean {
    if (this.#open >= this.#limits.requests_open_max) return false;
    this.#open++;
    return true;
  }

  get isFull(): boolean {
    return this.#waiting.size >= limits.http_waiting_max;
  }

  /** Calls `enter` once a place is taken for it, in the order of asking. The function that comes back gives up. */
  wait(enter: () => void): () => void {
    this.#waiting.add(enter);
    return () => void this.#waiting.delete(enter);
  }

  leave(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#open--;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}
