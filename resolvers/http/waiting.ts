/**
 * One thing that a request waits for, a place or a pause: until it comes, its time is over, or the request is ended.
 * Owns its timer; it is over once.
 */
import { PowerboxError } from '../../src/errors.ts';
import type { Cancellable, Timers } from '../../src/platform/index.ts';
import type { Stoppable } from './grant.ts';

export interface Awaited {
  readonly limit_ms: number;
  /** What is said when the time is over; null: then it has come. */
  readonly late: string | null;
  /** Calls `enter` when it comes, never at once. What it returns is called when that is not waited for any more. */
  readonly begin: (enter: () => void) => () => void;
}

/** `over` hears that it has come, or why it is not waited for. */
export function waitFor(timers: Timers, of: Awaited, over: (error: PowerboxError | null) => void): Stoppable {
  let giveUp = (): void => {};
  let timer: Cancellable | null = null;
  const end = (error: PowerboxError | null): void => {
    timer?.cancel();
    if (error !== null) giveUp();
    over(error);
  };
  const { limit_ms, late } = of;
  timer = timers.after(limit_ms, () => end(late === null ? null : new PowerboxError('timed_out', late)));
  giveUp = of.begin(() => end(null));
  return { stop: end };
}
