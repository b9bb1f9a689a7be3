/**
 * The time of capabilities that expire: one timer each, armed when it is made and again when the space opens. Owns
 * the timers; that one has ended is for the turn that is told.
 */
import type { Cancellable, Clock, Timers } from '../platform/index.ts';
import type { Capabilities, Capability } from './capabilities.ts';

/** What timers of the platform can be asked for at once. */
const DELAY_MS_MAX = 2 ** 31 - 1;

export class Expiry {
  readonly #platform: { readonly clock: Clock; readonly timers: Timers };
  readonly #capabilities: Capabilities;
  readonly #expire: (capability: Capability) => void;
  readonly #timers = new Map<string, Cancellable>();
  #running = false;

  constructor(
    platform: { readonly clock: Clock; readonly timers: Timers },
    capabilities: Capabilities,
    expire: (capability: Capability) => void,
  ) {
    this.#platform = platform;
    this.#capabilities = capabilities;
    this.#expire = expire;
  }

  /** Those of earlier processes: what is overdue ends in the first turns. */
  start(): void {
    this.#running = true;
    for (const capability of this.#capabilities.derived()) this.expect(capability);
  }

  expect(capability: Capability): void {
    const { id, rule, ended } = capability;
    if (!this.#running || rule.kind !== 'expire' || ended !== null) return;
    const left_ms = rule.due_ms - this.#platform.clock.now_ms();
    const timer = this.#platform.timers.after(Math.max(0, Math.min(left_ms, DELAY_MS_MAX)), () => {
      this.#timers.delete(id);
      // The clock may have been set back, and a long delay is waited for in parts.
      const now = this.#capabilities.get(id);
      if (now === undefined || now.ended !== null) return;
      if (this.#platform.clock.now_ms() < rule.due_ms) this.expect(now);
      else this.#expire(now);
    });
    this.#timers.set(id, timer);
  }

  stop(): void {
    this.#running = false;
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }
}
