/** What goes wrong on the way to a server and back, as codes and reason words. Only computes. */
import { PowerboxError } from '../../src/errors.ts';
import { reasonWord } from '../net/reason.ts';

/** What the library says; everything else is the system's. */
const REASONS: Readonly<Record<string, string>> = {
  UND_ERR_SOCKET: 'closed',
  UND_ERR_CLOSED: 'closed',
  UND_ERR_DESTROYED: 'closed',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'truncated',
};

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

export function reasonOf(error: unknown): string {
  const known = REASONS[codeOf(error)];
  if (known !== undefined) return known;
  // Of the parser's errors only some have a code.
  return error instanceof Error && error.name === 'HTTPParserError' ? 'malformed' : reasonWord(error);
}

/** Reasons after which a request that may be repeated is: the connection, not what was said over it. */
export function isPassing(reason: string): boolean {
  return reason === 'refused' || reason === 'reset' || reason === 'closed' || reason === 'unreachable';
}

/** How far an exchange has come. */
export type Stage = 'connecting' | 'asking' | 'answering';

/** `where` is an origin: no path, no query. */
export function failureOf(error: unknown, where: string, stage: Stage): PowerboxError {
  if (error instanceof PowerboxError) return error;
  const code = codeOf(error);
  if (code === 'UND_ERR_HEADERS_OVERFLOW' || code === 'HPE_HEADER_OVERFLOW') {
    return new PowerboxError('value_too_large', `the headers that ${where} answered are more than are read`, {
      cause: error,
    });
  }
  if (code === 'UND_ERR_CONNECT_TIMEOUT' || code === 'ETIMEDOUT') {
    return new PowerboxError('timed_out', `${where} was not reached in time`, { cause: error });
  }
  const reason = reasonOf(error);
  switch (stage) {
    case 'connecting':
      return new PowerboxError('net_failed', `${where} cannot be reached: ${reason}`, { cause: error });
    case 'asking': {
      // The library says so, too, of lengths that contradict each other.
      const word = reason === 'truncated' ? 'malformed' : reason;
      return new PowerboxError('net_failed', `${where} gave no answer that can be read: ${word}`, { cause: error });
    }
    case 'answering': {
      const word = reason === 'closed' || reason === 'reset' ? 'truncated' : reason;
      return new PowerboxError('net_failed', `the answer of ${where} broke off: ${word}`, { cause: error });
    }
    default: {
      const never: never = stage;
      throw new Error(`no such stage: ${String(never)}`);
    }
  }
}
