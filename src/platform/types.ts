/**
 * Everything that is not computing: the one interface through which clock, randomness, timers, hashing, disk
 * and child processes enter, with a real implementation (`real.ts`) and a simulated one (`simulated.ts`).
 * Nothing outside this folder and the named adapters may touch them; CI checks it.
 */

export interface Cancellable {
  cancel(): void;
}

export interface Clock {
  /** Milliseconds since 1970. */
  now_ms(): number;
  /** Milliseconds since some fixed moment; never goes back. */
  monotonic_ms(): number;
}

export interface Timers {
  after(delay_ms: number, run: () => void): Cancellable;
  /** Runs soon, after input and output that are ready now: how loops yield. */
  soon(run: () => void): void;
}

export interface Hashing {
  /** SHA-256, 32 bytes. */
  sha256(bytes: Uint8Array): Uint8Array;
}

export interface Randomness {
  bytes(length: number): Uint8Array;
}

export interface Platform {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly hashing: Hashing;
  readonly randomness: Randomness;
}
