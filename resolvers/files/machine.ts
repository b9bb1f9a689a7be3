/**
 * Failures of the machine, told from what a contract did wrong and from what the operator bounds: which they are,
 * and what is done about one. A read is tried again; a change never is, for a failed write may still reappear: it
 * takes the node out of service.
 */
import { PowerboxError, isPowerboxError } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';
import type { Timers } from '../../src/platform/index.ts';
import { errnoOf } from './walk.ts';

/** The disk or the way to it is broken, or there is nothing left on it. */
const BROKEN = new Set([
  'EIO',
  'ENXIO',
  'ENODEV',
  'EREMOTEIO',
  'ESTALE',
  'EHOSTDOWN',
  'ENOTCONN',
  'ETIMEDOUT',
  'EUCLEAN',
  'EBADMSG',
]);
const NO_CHANGES = new Set([...BROKEN, 'ENOSPC', 'EDQUOT', 'EROFS']);
/** What may be over soon: for a moment there was too little of something. */
const NO_READS = new Set([...BROKEN, 'EAGAIN', 'EINTR', 'EMFILE', 'ENFILE', 'ENOMEM', 'EBUSY']);

/** Why a change failed, when that was for a reason of the machine; else null. */
export function failedMachine(error: unknown): string | null {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    if (isPowerboxError(at)) continue;
    const code = errnoOf(at);
    if (NO_CHANGES.has(code)) return code;
  }
  return error instanceof MachineError ? error.reason : null;
}

/** What the machine does not say by itself: a disk so full, or so broken, that nothing should be written any more. */
export class MachineError extends PowerboxError {
  constructor(
    message: string,
    readonly reason: 'ENOSPC' | 'EIO',
  ) {
    super('file_failed', message);
  }
}

/** A read that failed at every attempt. */
export class ReadFailed extends Error {
  constructor(
    readonly attempts: number,
    override readonly cause: unknown,
  ) {
    super(`${errnoOf(cause)} after ${attempts} attempts`);
  }
}

/** Whoever waits for a read. */
export interface Caller {
  /** Aborted when he does no more. */
  readonly signal?: AbortSignal;
}

/** Runs a read, and twice more where the machine fails it. */
export async function readAgain<T>(timers: Timers, caller: Caller | undefined, run: () => Promise<T>): Promise<T> {
  const pauses: readonly number[] = limits.file_retry_ms;
  for (let attempts = 1; ; attempts++) {
    try {
      return await run();
    } catch (error) {
      if (isPowerboxError(error) || !NO_READS.has(errnoOf(error))) throw error;
      const pause_ms = pauses[attempts - 1];
      if (pause_ms === undefined) throw new ReadFailed(attempts, error);
      // Asked for only now: making a signal costs more than most reads leave time for.
      await pause(timers, pause_ms, caller?.signal);
    }
  }
}

/** Ends early, with `cancelled`, for a caller who no longer waits. */
function pause(timers: Timers, pause_ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const over = (): void => {
      signal?.removeEventListener('abort', left);
      resolve();
    };
    const left = (): void => {
      timer.cancel();
      reject(new PowerboxError('cancelled', 'the call ended between two attempts to read'));
    };
    const timer = timers.after(pause_ms, over);
    if (signal?.aborted === true) left();
    else signal?.addEventListener('abort', left, { once: true });
  });
}
