/**
 * Patterns of messages, compiled once and asked often. Owns the choice of the cheapest way to answer: what
 * must be equal is compared before anything is allocated. Must never change a message: where a pattern only
 * names the values, the captures are the message itself.
 */
import { limits } from '../limits.ts';
import { Kind, kindOf, list } from '../values/index.ts';
import type { FreeVariable, Remainder, Value } from '../values/index.ts';
import { freeCountOf } from './children.ts';
import { equalsWithin } from './leaves.ts';
import { matches } from './matcher.ts';
import { isGroundPlan, Op, planOf } from './plan.ts';
import type { Plan } from './plan.ts';
import type { Budget, GroundDemand, MessagePattern } from './types.ts';
import { nilCaptures, Walk } from './walk.ts';

/** `patterns` and `remainder` are closed but for their own free variables, levels 0, 1, … across positions. */
export function compilePattern(patterns: readonly Value[], remainder: Remainder): MessagePattern {
  return new CompiledPattern(patterns, remainder);
}

const NO_PLACES: readonly Place[] = [];

/** A position of a message and what is asked of it. */
interface Place {
  readonly position: number;
  readonly plan: Plan;
}

class CompiledPattern implements MessagePattern {
  readonly patterns: readonly Value[];
  readonly remainder: Value;
  readonly freeCount: number;
  readonly arity: number;
  readonly arityMin: number;
  readonly demands: readonly GroundDemand[];
  /** The level captured at each position, -1 for none. */
  readonly #levels: readonly number[];
  readonly #grounds: readonly Place[];
  readonly #others: readonly Place[];
  readonly #rest: number;
  /** Captures are the message: every position captures its own number and nothing else is asked. */
  readonly #isIdentity: boolean;

  constructor(patterns: readonly Value[], remainder: Remainder) {
    this.patterns = patterns;
    this.remainder = remainder;
    this.arity = remainder === null ? patterns.length : -1;
    this.arityMin = patterns.length;
    const levels: number[] = [];
    const grounds: Place[] = [];
    const others: Place[] = [];
    let freeCount = 0;
    for (let position = 0; position < patterns.length; position++) {
      const pattern = patterns[position] as Value;
      const kind = kindOf(pattern);
      levels.push(kind === Kind.FreeVariable ? (pattern as FreeVariable).level : -1);
      if (kind === Kind.FreeVariable) freeCount = Math.max(freeCount, (pattern as FreeVariable).level + 1);
      else if (kind !== Kind.Wildcard) {
        const plan = planOf(pattern);
        (isGroundPlan(plan) ? grounds : others).push({ position, plan });
        if (!isGroundPlan(plan)) freeCount = Math.max(freeCount, freeCountOf(pattern));
      }
    }
    this.#rest = kindOf(remainder) === Kind.FreeVariable ? (remainder as FreeVariable).level : -1;
    this.freeCount = Math.max(freeCount, this.#rest + 1);
    this.demands = demandsOf(grounds);
    this.#levels = levels;
    this.#grounds = grounds.length === 0 ? NO_PLACES : grounds;
    this.#others = others.length === 0 ? NO_PLACES : others;
    this.#isIdentity = remainder === null && levels.every((level, position) => level === position);
  }

  match(message: readonly Value[], budget: Budget): readonly Value[] | null {
    const length = this.arityMin;
    if (message.length !== length && (this.arity >= 0 || message.length < length)) return null;
    budget.steps -= 1 + length;
    if (budget.steps < 0) return null;
    if (this.#isIdentity) return message;
    return this.#matchPlaces(message, budget);
  }

  #matchPlaces(message: readonly Value[], budget: Budget): readonly Value[] | null {
    for (const { plan, position } of this.#grounds) {
      const value = message[position] as Value;
      if (plan.op === Op.Primitive ? plan.source !== value : !equalsWithin(plan, value, budget)) return null;
    }
    const captures = nilCaptures(this.freeCount);
    for (let position = 0; position < this.#levels.length; position++) {
      const level = this.#levels[position] as number;
      if (level >= 0) captures[level] = message[position] as Value;
    }
    if (this.#others.length > 0 && !this.#matchOthers(message, new Walk(captures, budget))) return null;
    if (this.#rest >= 0) captures[this.#rest] = list(message.slice(this.arityMin));
    return captures;
  }

  #matchOthers(message: readonly Value[], walk: Walk): boolean {
    for (const { plan, position } of this.#others) {
      if (!matches(plan, message[position] as Value, walk)) return false;
    }
    return true;
  }
}

const NO_CAPTURES = Object.freeze<Value[]>([]) as Value[];

function demandsOf(grounds: readonly Place[]): readonly GroundDemand[] {
  const demands: GroundDemand[] = [];
  for (const { position, plan } of grounds) {
    if (position < limits.indexed_positions_max) demands.push({ position, value: plan.source });
  }
  return demands;
}

/** The pattern of one case of `match`, or of `matches`: one value, compiled once. */
export interface CasePattern {
  readonly pattern: Value;
  readonly freeCount: number;
  /** As `MessagePattern.match`, for one value. */
  match(target: Value, budget: Budget): readonly Value[] | null;
}

/** `freeCount` is what the language counted: captures are that many. With 0 (`matches`) none are kept. */
export function compileCase(pattern: Value, freeCount: number): CasePattern {
  return new CompiledCase(pattern, freeCount);
}

/** One match of a pattern that is used once. */
export function matchValue(pattern: Value, target: Value, freeCount: number, budget: Budget): readonly Value[] | null {
  return new CompiledCase(pattern, freeCount).match(target, budget);
}

class CompiledCase implements CasePattern {
  readonly pattern: Value;
  readonly freeCount: number;
  readonly #plan: Plan;

  constructor(pattern: Value, freeCount: number) {
    this.pattern = pattern;
    this.freeCount = freeCount;
    this.#plan = planOf(pattern, freeCount === 0);
  }

  match(target: Value, budget: Budget): readonly Value[] | null {
    const plan = this.#plan;
    if (plan.op === Op.Primitive) return --budget.steps >= 0 && plan.source === target ? NO_CAPTURES : null;
    if (plan.op === Op.Any) return --budget.steps >= 0 ? nilCaptures(this.freeCount) : null;
    const captures = this.freeCount === 0 ? NO_CAPTURES : nilCaptures(this.freeCount);
    return matches(plan, target, new Walk(captures, budget)) ? captures : null;
  }
}
