/**
 * Waits for what another one is to do in time. Must never take the own standstill for the other's silence: a process that
 * was stopped, or had no processor for a while, finds its timers due before it reads what came meanwhile.
 */
import type { Cancellable, Timers } from './types.ts';

/** Parts of a wait, between any of which everything that has come is read. A standstill counts as one of them. */
const PARTS = 4;

/** Runs when the time is over, in parts that this process has lived; at once is never. */
export function patiently(timers: Timers, wait_ms: number, run: () => void): Cancellable {
  let left = PARTS;
  let timer: Cancellable;
  const wait = (): void => {
    timer = timers.after(Math.ceil(wait_ms / PARTS), () => {
      if (--left === 0) run();
      else wait();
    });
  };
  wait();
  return { cancel: () => timer.cancel() };
}
