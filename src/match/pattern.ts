/**
 * Patterns of messages, compiled once and asked often. Owns the choice of the cheapest way to answer; must
 * never change a message: captures may share its array.
 */
import { PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import { equal, Kind, kindOf } from '../values/index.ts';
import type { FreeVariable, Remainder, Value } from '../values/index.ts';
import type { Budget, GroundDemand, MessagePattern } from './types.ts';

export function compilePattern(patterns: readonly Value[], remainder: Remainder): MessagePattern {
  return new CompiledPattern(patterns, remainder);
}

const ANY = -1;
const GROUND = -2;

class CompiledPattern implements MessagePattern {
  readonly patterns: readonly Value[];
  readonly remainder: Value;
  readonly freeCount: number;
  readonly arity: number;
  readonly arityMin: number;
  readonly demands: readonly GroundDemand[];
  /** By position: the level that captures it, or ANY or GROUND. */
  readonly #plan: readonly number[];
  readonly #identity: boolean;

  constructor(patterns: readonly Value[], remainder: Remainder) {
    this.patterns = patterns;
    this.remainder = remainder;
    this.arity = remainder === null ? patterns.length : -1;
    this.arityMin = patterns.length;
    const plan: number[] = [];
    const demands: GroundDemand[] = [];
    let freeCount = 0;
    for (let position = 0; position < patterns.length; position++) {
      const pattern = patterns[position] as Value;
      const kind = kindOf(pattern);
      if (kind === Kind.Wildcard) plan.push(ANY);
      else if (kind === Kind.FreeVariable) {
        plan.push((pattern as FreeVariable).level);
        freeCount = Math.max(freeCount, (pattern as FreeVariable).level + 1);
      } else if (kind < Kind.List || kind === Kind.Name) {
        plan.push(GROUND);
        if (position < limits.indexed_positions_max) demands.push({ position, value: pattern });
      } else throw new PowerboxError('value_unsupported', 'this pattern is none that is compiled');
    }
    if (remainder !== null && kindOf(remainder) !== Kind.Wildcard) {
      throw new PowerboxError('value_unsupported', 'this remainder is none that is compiled');
    }
    this.freeCount = freeCount;
    this.demands = demands;
    this.#plan = plan;
    this.#identity = remainder === null && plan.every((level, position) => level === position);
  }

  match(message: readonly Value[], budget: Budget): readonly Value[] | null {
    if (message.length !== this.arityMin && (this.arity >= 0 || message.length < this.arityMin)) return null;
    budget.steps -= 1 + message.length;
    if (budget.steps < 0) return null;
    if (this.#identity) return message;
    const captures: Value[] = [];
    for (let level = 0; level < this.freeCount; level++) captures.push(null);
    for (let position = 0; position < this.arityMin; position++) {
      const level = this.#plan[position] as number;
      if (level >= 0) captures[level] = message[position] as Value;
      else if (level === GROUND && !equal(this.patterns[position] as Value, message[position] as Value)) return null;
    }
    return captures;
  }
}
