/** What a request may be made of: data where data stands, and patterns in their own place only. */
import type { PowerboxError } from '../../errors.ts';
import { isClosed, isPattern, type Value } from '../../values/index.ts';
import type { Request } from '../../wire/index.ts';
import { refusal } from './errors.ts';

/** Whether what is sent is data: patterns have their own place, and are checked there. */
export function isWhole(request: Request): boolean {
  switch (request.kind) {
    case 'produce':
      return isDatum(request.channel) && request.message.every(isDatum);
    case 'call':
      return isDatum(request.target) && request.args.every(isDatum);
    case 'take':
    case 'peek':
    case 'consume':
      return request.slots.every(({ channel, pattern }) => isDatum(channel) && isClosed(pattern));
    case 'watch':
      return isDatum(request.channel);
    case 'deploy':
    case 'query':
    case 'estimate':
      return [...request.uris.values()].every(isDatum);
    default:
      return true;
  }
}

export function isDatum(value: Value): boolean {
  return !isPattern(value) && isClosed(value);
}

export function notWhole(): PowerboxError {
  return refusal('value_unsupported', 'a request holds a pattern, or a process with variables that nothing binds');
}
