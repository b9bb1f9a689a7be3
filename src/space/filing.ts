/**
 * Under which keys the index files data and waiting continuations, and which keys a search may use.
 *
 * Position 0 is the number of values of the message; position p > 0 is its value at index p - 1. A datum is
 * filed at every position. A waiting continuation is filed once, at the position where fewest wait, for every
 * search by a message looks at all positions anyway.
 */
import { limits } from '../limits.ts';
import type { MessagePattern } from '../match/index.ts';
import { indexKey, type Value } from '../values/index.ts';

export type Key = string | number | bigint | boolean | null;

export const POSITIONS = limits.indexed_positions_max + 1;
/** Where a waiting continuation stands that demands nothing the index could use. */
export const UNFILED = -1;

/** The key of a message at a position, or undefined where nothing can be filed. */
export function messageKey(message: readonly Value[], position: number): Key | undefined {
  if (position === 0) return message.length;
  const value = message[position - 1];
  return value === undefined ? undefined : indexKey(value);
}

/** The key that a pattern demands at a position, or undefined when it demands none there. */
export function demandedKey(pattern: MessagePattern, position: number): Key | undefined {
  if (position === 0) return pattern.arity >= 0 ? pattern.arity : undefined;
  for (const demand of pattern.demands) if (demand.position === position - 1) return indexKey(demand.value);
  return undefined;
}
