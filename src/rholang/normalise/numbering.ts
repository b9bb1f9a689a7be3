/**
 * The last word on the numbers of a pattern's variables: by first occurrence in the *sorted* pattern, so that the
 * order in which parallel parts, set elements and map entries are written does not show. Parts stay sorted under
 * this renumbering: a variable occurs once in a pattern, so where two parts differ first in a variable, the part
 * that comes first keeps the lower number.
 */
import { FreeVariable, Kind, kindOf } from '../../values/index.ts';
import type {
  Bundle,
  Conjunction,
  Disjunction,
  List,
  MapValue,
  Match,
  Matches,
  Method,
  Negation,
  New,
  Operation,
  Par,
  Receive,
  Send,
  SetValue,
  Tuple,
  Value,
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
    else {
      const parts = inside(next);
      for (let index = parts.length - 1; index >= 0; index--) pending.push(parts[index] as Value);
    }
  }
  free.reorder(
    order.map((variable) => variable.level),
    from,
  );
  for (const [index, variable] of order.entries()) (variable as { level: number }).level = from + index;
}

/** What the walk sees inside a node, in the order in which it is written; never the inside of an inner pattern. */
function inside(value: Value): readonly Value[] {
  switch (kindOf(value)) {
    case Kind.List:
    case Kind.Set: {
      const { items, remainder } = value as List | SetValue;
      return remainder === null ? items : [...items, remainder];
    }
    case Kind.Tuple:
      return (value as Tuple).items;
    case Kind.Map: {
      const { keys, items, remainder } = value as MapValue;
      const entries: Value[] = [];
      for (const [index, key] of keys.entries()) entries.push(key, items[index] as Value);
      return [...entries, remainder];
    }
    case Kind.Bundle:
      return [(value as Bundle).body];
    case Kind.Send:
      return [(value as Send).channel, ...(value as Send).data];
    case Kind.Receive:
      return [...(value as Receive).binds.map((bind) => bind.source), (value as Receive).body];
    case Kind.New:
      return [(value as New).body];
    case Kind.Match:
      return [(value as Match).target, ...(value as Match).cases.map((each) => each.body)];
    case Kind.Operation: {
      const { left, right } = value as Operation;
      return right === undefined ? [left] : [left, right];
    }
    case Kind.Method:
      return [(value as Method).target, ...(value as Method).args];
    case Kind.Matches:
      return [(value as Matches).target];
    case Kind.Par:
    case Kind.Conjunction:
    case Kind.Disjunction:
      return (value as Par | Conjunction | Disjunction).parts;
    case Kind.Negation:
      return [(value as Negation).body];
    default:
      return [];
  }
}
