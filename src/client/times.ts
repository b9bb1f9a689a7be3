/** Times and counts that a program gives with what it asks: whole numbers within the bounds of the wire, or an error that names the option. */
import { PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';

/** Null stays what it is: no limit. */
export function milliseconds<T extends number | null>(asked: string, option: string, time_ms: T, least_ms = 0): T {
  return time_ms === null ? time_ms : wholeNumber(asked, option, time_ms, [least_ms, limits.capability_ms_max]);
}

export function wholeNumber<T extends number>(
  asked: string,
  option: string,
  number: T,
  [least, most]: readonly [number, number],
): T {
  if (Number.isSafeInteger(number) && number >= least && number <= most) return number;
  throw new PowerboxError(
    'arguments_invalid',
    `${asked}: ${option} is a whole number from ${least} to ${most}, not ${String(number)}`,
  );
}
