/** What one match carries along: captures so far, the budget, and how deep the stack is. */
import type { Value } from '../values/index.ts';
import type { Plan } from './plan.ts';
import type { Budget } from './types.ts';

export class Walk {
  nesting = 0;
  constructor(
    /** By level; a match that fails half-way leaves what it wrote, for a later one writes all its levels. */
    readonly captures: Value[],
    readonly budget: Budget,
  ) {}
}

/** Whether a plan accepts a target below `binders` variables that the pattern itself binds. */
export type Accepts = (plan: Plan, target: Value, binders: number, walk: Walk) => boolean;

export function nilCaptures(freeCount: number): Value[] {
  const captures: Value[] = [];
  for (let level = 0; level < freeCount; level++) captures.push(null);
  return captures;
}
