/**
 * A pattern as its parts: which of them match, how many nodes there are, which variables. Must never use the
 * JavaScript stack in proportion to a pattern's depth.
 */
import { Kind } from '../values/index.ts';
import type { FreeVariable, ObjectValue, Value } from '../values/index.ts';

/**
 * The values inside a process that match; what is left out (names of methods, patterns of binds and cases)
 * must be equal, for the variables in there are its own.
 */
export function childrenOf(value: ObjectValue): readonly Value[] {
  switch (value.kind) {
    case Kind.List:
    case Kind.Tuple:
    case Kind.Set:
      return value.items;
    case Kind.Map:
      return [...value.keys, ...value.items];
    case Kind.Par:
    case Kind.Conjunction:
    case Kind.Disjunction:
      return value.parts;
    case Kind.Bundle:
    case Kind.New:
    case Kind.Negation:
      return [value.body];
    case Kind.Send:
      return [value.channel, ...value.data];
    case Kind.Receive:
      return [...value.binds.map((bind) => bind.source), value.body];
    case Kind.Match:
      return [value.target, ...value.cases.map((each) => each.body)];
    case Kind.Operation:
      return value.right === undefined ? [value.left] : [value.left, value.right];
    case Kind.Method:
      return [value.target, ...value.args];
    case Kind.Matches:
      return [value.target];
    default:
      return [];
  }
}

/** Number of nodes of a ground value, -1 for a pattern with parts that match. Any depth. */
export function groundWeight(value: Value): number {
  if (typeof value !== 'object' || value === null) return 1;
  const stack: Value[] = [value];
  let weight = 0;
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    weight++;
    if (typeof next !== 'object' || next === null) continue;
    switch (next.kind) {
      case Kind.FreeVariable:
      case Kind.Wildcard:
      case Kind.TypeWord:
      case Kind.Conjunction:
      case Kind.Disjunction:
      case Kind.Negation:
        return -1;
      case Kind.List:
      case Kind.Set:
      case Kind.Map:
        // a bound remainder belongs to an open term: it must be equal
        if (next.remainder !== null && next.remainder.kind !== Kind.BoundVariable) return -1;
    }
    for (const child of childrenOf(next)) stack.push(child);
  }
  return weight;
}

/** Levels of the free variables that a match of this pattern writes. Any depth. */
export function levelsOf(pattern: Value): readonly number[] {
  const levels: number[] = [];
  visitVariables(pattern, false, (variable) => levels.push(variable.level));
  return levels;
}

/** One more than the highest level in a pattern, those in `\/` and `~` included: they are numbered too. */
export function freeCountOf(pattern: Value): number {
  let count = 0;
  visitVariables(pattern, true, (variable) => {
    if (variable.level >= count) count = variable.level + 1;
  });
  return count;
}

function visitVariables(pattern: Value, discarded: boolean, visit: (variable: FreeVariable) => void): void {
  const stack: Value[] = [pattern];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    if (typeof next !== 'object' || next === null) continue;
    if (next.kind === Kind.FreeVariable) visit(next);
    if (!discarded && (next.kind === Kind.Disjunction || next.kind === Kind.Negation)) continue;
    if ((next.kind === Kind.List || next.kind === Kind.Set || next.kind === Kind.Map) && next.remainder !== null) {
      stack.push(next.remainder);
    }
    for (const child of childrenOf(next)) stack.push(child);
  }
}
