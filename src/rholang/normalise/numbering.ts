/**
 * The last word on the numbers of a pattern's variables: by first occurrence in the *sorted* pattern, so that the
 * order in which parallel parts, set elements and map entries are written does not show. Parts stay sorted under
 * this renumbering: a variable occurs once in a pattern, so where two parts differ first in a variable, the part
 * that comes first keeps the lower number.
 */
import { FreeVariable, Kind, kindOf } from '../../values/index.ts';
import type {
  Bundle, Conjunction, Disjunction, List, MapValue, Match, Matches, Method, Negation, New, Operation, Par, Receive,
  Send, SetValue, Tuple, Value,
} from '../../values/index.ts';
import type { Free } from './scope.ts';

/** Renumbers the variables of a pattern that nobody else has seen yet, and `free` with them. */
export function renumber(patterns: readonly Value[], remainder: Value, free: Free, from = 0): void {
  if (free.entries.length - from < 2) return;
  const order: FreeVariable[] = [];
  const pending: Value[] = [remainder];
  for (let index = patterns.length - 1; index >= 0; index--) pending.push(patterns[index] as Value);
  while (pending.length > 0) {
    const next = pending.pop() as Value;
    if (next instanceof FreeVariable) order.push(next);
    else pushInside(next, pending);
  }
  free.reorder(order.map((variable) => variable.level), from);
  for (const [index, variable] of order.entries()) (variable as { level: number }).level = from + index;
}

/** What the walk sees inside a node, last first; never the inside of a pattern within the pattern. */
function pushInside(value: Value, pending: Value[]): void {
  const push = (values: readonly Value[]): void => {
    for (let index = values.length - 1; index >= 0; index--) pending.push(values[index] as Value);
  };
  switch (kindOf(value)) {
    case Kind.List:
    case Kind.Set:
      pending.push((value as List | SetValue).remainder);
      return push((value as List | SetValue).items);
    case Kind.Tuple: return push((value as Tuple).items);
    case Kind.Map: {
      const { keys, items, remainder } = value as MapValue;
      pending.push(remainder);
      for (let index = keys.length - 1; index >= 0; index--) pending.push(items[index] as Value, keys[index] as Value);
      return;
    }
    case Kind.Bundle: return void pending.push((value as Bundle).body);
    case Kind.Send:
      push((value as Send).data);
      return void pending.push((value as Send).channel);
    case Kind.Receive:
      pending.push((value as Receive).body);
      return push((value as Receive).binds.map((bind) => bind.source));
    case Kind.New: return void pending.push((value as New).body);
    case Kind.Match:
      push((value as Match).cases.map((each) => each.body));
      return void pending.push((value as Match).target);
    case Kind.Operation: {
      const { left, right } = value as Operation;
      if (right !== undefined) pending.push(right);
      return void pending.push(left);
    }
    case Kind.Method:
      push((value as Method).args);
      return void pending.push((value as Method).target);
    case Kind.Matches: return void pending.push((value as Matches).target);
    case Kind.Par:
    case Kind.Conjunction:
    case Kind.Disjunction:
      return push((value as Par | Conjunction | Disjunction).parts);
    case Kind.Negation: return void pending.push((value as Negation).body);
    default: return;
  }
}
