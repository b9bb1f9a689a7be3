/**
 * A platform on which nothing happens: its clock stands, its timers never fire, its randomness is all zeros. For what
 * must follow from its input alone. It must never be given to anything that keeps a secret.
 */
import { sha256 } from './sha256.ts';
import type { Platform } from './types.ts';

const INERT: Platform = {
  clock: { now_ms: () => 0, monotonic_ms: () => 0 },
  timers: { after: () => ({ cancel: () => {} }), soon: () => {} },
  hashing: { sha256 },
  randomness: { bytes: (length) => new Uint8Array(length) },
};

export function inertPlatform(): Platform {
  return INERT;
}
