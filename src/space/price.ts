/**
 * What running costs, by operation (`spec/cost.md`): a step of the machine is 1, and each meeting of data and a
 * continuation has a price of its own. Attempts that found nothing cost nothing, so that the sum does not hang on who
 * came first. Owns the prices of the space; the machine counts its own steps.
 */
import type { Value } from '../values/index.ts';

/** Of one COMM, whichever side came last. A change of any price is a new version of the list. */
const COMM_COST = 10;
/** Of each value that it hands to the continuation. */
const CAPTURE_COST = 1;

export function commCost(captures: readonly Value[]): number {
  return COMM_COST + CAPTURE_COST * captures.length;
}
