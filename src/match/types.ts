/**
 * What matching promises to the space. The space hands over values and budgets; it never looks into patterns.
 */
import type { Value } from '../values/index.ts';

/** Steps left; every compared node costs one. Shared by the patterns of one search. */
export interface Budget {
  steps: number;
}

/** A ground value that a pattern demands at a top-level position of the message. */
export interface GroundDemand {
  readonly position: number;
  readonly value: Value;
}

/**
 * The pattern of one slot of a waiting continuation: what a message (a list of values) on one channel must
 * look like. Compiled once; the source is `patterns` and `remainder`, which is what is stored and compared.
 */
export interface MessagePattern {
  readonly patterns: readonly Value[];
  readonly remainder: Value;
  /** Number of captures, dense, by level. */
  readonly freeCount: number;
  /** Exact number of values of a message, or -1 when a remainder admits more than `patterns.length`. */
  readonly arity: number;
  /** Least number of values of a message: `patterns.length`. */
  readonly arityMin: number;
  /** Ground values at top-level positions below `limits.indexed_positions_max`, in order of position. */
  readonly demands: readonly GroundDemand[];
  /**
   * Captures by level, or null when the message does not match. Spends `budget.steps`; when it falls below
   * zero the answer is null and `budget.steps` stays negative: the caller reports it.
   */
  match(message: readonly Value[], budget: Budget): readonly Value[] | null;
}
