/**
 * The body of a receive as it would be with its binds in another order. Owns the shift of variables; must
 * never touch variables bound further in or further out.
 */
import {
  BoundVariable,
  Bundle,
  Conjunction,
  Disjunction,
  Kind,
  List,
  Match,
  Matches,
  Method,
  Negation,
  New,
  Operation,
  Receive,
  Send,
  Tuple,
  VariableReference,
  map,
  par,
  set,
} from '../values/index.ts';
import type { Remainder, Value } from '../values/index.ts';
import type { Budget } from './types.ts';

const NESTING_MAX = 400;

interface Scope {
  readonly bound: number;
  readonly outer: Scope | null;
}

/** `value` with each variable `index` bound around it as `order[index]`; undefined when the budget is spent. */
export function renumber(value: Value, order: readonly number[], budget: Budget): Value | undefined {
  const renumbered = new Renumbering(order, budget).of(value, { bound: 0, outer: null }, 0);
  return budget.steps < 0 ? undefined : renumbered;
}

class Renumbering {
  readonly #order: readonly number[];
  readonly #budget: Budget;

  constructor(order: readonly number[], budget: Budget) {
    this.#order = order;
    this.#budget = budget;
  }

  of(value: Value, scope: Scope, nesting: number): Value {
    if (typeof value !== 'object' || value === null) return value;
    if (nesting > NESTING_MAX) this.#budget.steps = -1;
    if (--this.#budget.steps < 0) return value;
    const deeper = nesting + 1;
    const inside = (part: Value): Value => this.of(part, scope, deeper);
    switch (value.kind) {
      case Kind.BoundVariable:
        return value.index < scope.bound || scope.outer !== null
          ? value
          : new BoundVariable(this.#moved(value.index, scope));
      case Kind.VariableReference:
        return this.#reference(value, scope);
      case Kind.List:
        return new List(value.items.map(inside), this.#rest(value.remainder, scope));
      case Kind.Tuple:
        return new Tuple(value.items.map(inside));
      case Kind.Set:
        return set(value.items.map(inside), this.#rest(value.remainder, scope));
      case Kind.Map:
        return map(
          value.keys.map((key, at) => [inside(key), inside(value.items[at] as Value)] as const),
          this.#rest(value.remainder, scope),
        );
      case Kind.Par:
        return par(value.parts.map(inside));
      case Kind.Conjunction:
        return new Conjunction(value.parts.map(inside));
      case Kind.Disjunction:
        return new Disjunction(value.parts.map(inside));
      case Kind.Negation:
        return new Negation(inside(value.body));
      case Kind.Bundle:
        return new Bundle(inside(value.body), value.read, value.write);
      case Kind.Send:
        return new Send(inside(value.channel), value.data.map(inside), value.persistent);
      case Kind.Operation:
        return new Operation(
          value.operator,
          inside(value.left),
          value.right === undefined ? undefined : inside(value.right),
        );
      case Kind.Method:
        return new Method(inside(value.target), value.name, value.args.map(inside));
      case Kind.Matches:
        return new Matches(inside(value.target), this.#pattern(value.pattern, scope, deeper));
      case Kind.New:
        return new New(value.count, this.of(value.body, below(scope, value.count), deeper));
      case Kind.Match:
        return new Match(
          inside(value.target),
          value.cases.map((each) => ({
            pattern: this.#pattern(each.pattern, scope, deeper),
            body: this.of(each.body, below(scope, each.freeCount), deeper),
            freeCount: each.freeCount,
          })),
        );
      case Kind.Receive: {
        let count = 0;
        for (const bind of value.binds) count += bind.freeCount;
        const binds = value.binds.map((bind) => ({
          ...bind,
          source: inside(bind.source),
          patterns: bind.patterns.map((pattern) => this.#pattern(pattern, scope, deeper)),
        }));
        return new Receive(binds, this.of(value.body, below(scope, count), deeper), value.persistent);
      }
      default:
        return value;
    }
  }

  #pattern(pattern: Value, scope: Scope, nesting: number): Value {
    return this.of(pattern, { bound: 0, outer: scope }, nesting);
  }

  #rest(remainder: Remainder, scope: Scope): Remainder {
    if (remainder === null || remainder.kind !== Kind.BoundVariable) return remainder;
    return this.of(remainder, scope, 0) as BoundVariable;
  }

  #reference(reference: VariableReference, scope: Scope): Value {
    let at: Scope | null = scope;
    for (let level = 0; level < reference.depth && at !== null; level++) at = at.outer;
    if (at === null || at.outer !== null || reference.index < at.bound) return reference;
    return new VariableReference(this.#moved(reference.index, at), reference.depth);
  }

  #moved(index: number, scope: Scope): number {
    const to = this.#order[index - scope.bound];
    return to === undefined ? index : scope.bound + to;
  }
}

function below(scope: Scope, count: number): Scope {
  return { bound: scope.bound + count, outer: scope.outer };
}
