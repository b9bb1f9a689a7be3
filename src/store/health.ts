/**
 * Whether a store still works, shared by its journal, rows and blobs, and how what the machine says becomes one
 * of our codes. The first failure is final: it must never be cleared, for nobody knows what a failed write left.
 */
import { type ErrorCode, PowerboxError, isPowerboxError } from '../errors.ts';

export class Health {
  #failure: PowerboxError | null = null;
  #closed = false;

  get closed(): boolean {
    return this.#closed;
  }

  get failed(): boolean {
    return this.#failure !== null;
  }

  /** False once failed or closed: the one check on the way of every call. */
  usable = true;

  /** Throws what a call on a store that is not usable gets. */
  refuse(): never {
    if (this.#failure !== null) {
      throw new PowerboxError('storage_failed', `the store has failed before: ${this.#failure.message}`, {
        hint: 'Open the data directory again: opening decides what is there.',
        cause: this.#failure,
      });
    }
    throw new PowerboxError('space_closed', 'the store is closed');
  }

  close(): void {
    this.#closed = true;
    this.usable = false;
  }

  /** Records a failure and returns what to throw. What fails because of a close is no failure of the machine. */
  fail(what: string, cause: unknown): PowerboxError {
    if (this.#closed && this.#failure === null) return new PowerboxError('space_closed', 'the store is closed');
    const failure = storageError(what, cause);
    this.usable = false;
    this.#failure ??= failure;
    return failure;
  }
}

const HINTS: Partial<Record<ErrorCode, string>> = {
  storage_full: 'Free some space and open the data directory again; everything that was acknowledged is there.',
  storage_read_only: 'Change the owner or the mount, or copy the directory to where it can be written.',
  storage_corrupt: 'Restore the directory from a backup.',
  storage_failed: 'Mend the disk and open the data directory again; everything that was acknowledged is there.',
};

/** The coded error for what the file system or the database said. `what` names the thing and where it is. */
export function storageError(what: string, cause: unknown): PowerboxError {
  if (isPowerboxError(cause)) return cause;
  const code = classify(cause);
  return new PowerboxError(code, `${what}: ${describe(cause)}`, { hint: HINTS[code] ?? '', cause });
}

export function corrupt(what: string, cause?: unknown): PowerboxError {
  return new PowerboxError('storage_corrupt', what, { hint: HINTS.storage_corrupt ?? '', cause });
}

function classify(cause: unknown): ErrorCode {
  for (const error of chain(cause)) {
    const code = (error as { code?: unknown }).code;
    if (code === 'ENOSPC' || code === 'EDQUOT') return 'storage_full';
    if (code === 'EROFS' || code === 'EACCES' || code === 'EPERM') return 'storage_read_only';
    if (code === 'LEVEL_CORRUPTION') return 'storage_corrupt';
    if (code === 'LEVEL_LOCKED') return 'storage_locked';
    // The database gives input and output errors by the text of the system only.
    if (/No space left on device|Disk quota exceeded/i.test(error.message)) return 'storage_full';
    if (/Read-only file system|Permission denied|Operation not permitted/i.test(error.message))
      return 'storage_read_only';
    if (/^Corruption|Corruption:|corrupted|bad (entry in|block|record)/i.test(error.message)) return 'storage_corrupt';
  }
  return 'storage_failed';
}

function* chain(cause: unknown): Generator<Error> {
  let error = cause;
  for (let depth = 0; depth < 5 && error instanceof Error; depth++) {
    yield error;
    error = error.cause;
  }
}

/** The innermost message: the outer ones of the database only say that it is not open. */
function describe(cause: unknown): string {
  let text = String(cause);
  for (const error of chain(cause)) text = error.message;
  return text;
}
