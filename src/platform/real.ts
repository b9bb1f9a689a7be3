/**
 * The real platform: this machine's clock, timers, hashing and randomness. It owns nothing and keeps no state;
 * it must never decide anything: whoever needs a time or a random byte says so through `Platform`.
 */
import { randomBytes } from 'node:crypto';
import { sha256 } from './sha256.ts';
import type { Cancellable, Platform } from './types.ts';

/** Node turns a longer delay into one millisecond; so a longer one is waited for in parts. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1;

function after(delay_ms: number, run: () => void): Cancellable {
  let handle: NodeJS.Timeout;
  const wait = (left_ms: number): void => {
    handle =
      left_ms > TIMEOUT_MS_MAX
        ? setTimeout(() => wait(left_ms - TIMEOUT_MS_MAX), TIMEOUT_MS_MAX)
        : setTimeout(run, left_ms);
  };
  wait(delay_ms);
  return { cancel: () => clearTimeout(handle) };
}

const REAL: Platform = {
  clock: { now_ms: () => Date.now(), monotonic_ms: () => performance.now() },
  timers: { after, soon: (run) => void setImmediate(run) },
  hashing: { sha256 },
  randomness: { bytes: (length) => new Uint8Array(randomBytes(length)) },
};

export function realPlatform(): Platform {
  return REAL;
}
