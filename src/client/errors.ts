/**
 * Failures as a program of the client sees them: the code, the words, and what was asked of whom. Must never lose the
 * code that the service said, nor make one up.
 */
import { ERROR_CODES, PowerboxError, type ErrorCode } from '../errors.ts';
import type { WireError, WireMistake } from '../wire/index.ts';

/** What the service, or the object that was asked, has answered instead of a result. */
export class RemoteError extends PowerboxError {
  /** The kind of channel that refused, `file` for one; empty where no object did. */
  readonly channel: string;
  /** The method that was asked, or the operation: `write`, `take`. */
  readonly method: string;
  /** Of a program that does not compile: every mistake, with its place. */
  readonly mistakes: readonly WireMistake[];

  constructor(error: WireError, asked: string, cause?: unknown) {
    const known = isErrorCode(error.code);
    super(known ? error.code : 'outcome_unknown', known ? error.message : `${error.code}: ${error.message}`, {
      hint: error.hint,
      ...(cause === undefined ? {} : { cause }),
    });
    this.channel = error.channel;
    this.method = error.method === '' ? asked : error.method;
    this.mistakes = error.mistakes;
  }
}

/** A later service may have codes that this client does not know: they stand in the message. */
function isErrorCode(code: string): code is ErrorCode {
  return (ERROR_CODES as readonly string[]).includes(code);
}

export function isRemoteError(thing: unknown): thing is RemoteError {
  return thing instanceof RemoteError;
}

/** Of a request whose signal was aborted. */
export function cancelled(asked: string, signal: AbortSignal): PowerboxError {
  return new PowerboxError('cancelled', `${asked} was taken back`, { cause: signal.reason as unknown });
}

/** What was sent to a session that is gone may have been done or not. */
export function sessionLost(asked: string): PowerboxError {
  return new PowerboxError(
    'outcome_unknown',
    `the session that ${asked} belonged to is gone, so what became of it cannot be told`,
    { hint: 'A session without a connection is kept for a while only; see `session_ms` in spec/client.md.' },
  );
}

export function closed(asked: string): PowerboxError {
  return new PowerboxError('space_closed', `${asked}: this client is closed`);
}
