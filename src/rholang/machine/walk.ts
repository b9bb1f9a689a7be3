/**
 * Takes a node of a term apart and puts it together again, one level at a time, so that every walk of a term
 * can keep its own stack: a program decides how deep its terms are, and the JavaScript stack must not.
 */
import {
  Bundle,
  Conjunction,
  Disjunction,
  Kind,
  Match,
  Matches,
  Method,
  Negation,
  New,
  Operation,
  Receive,
  Send,
  bundle,
  conjunction,
  disjunction,
  list,
  map,
  par,
  set,
  tuple,
} from '../../values/index.ts';
import type { Bind, Case, ObjectValue, Value } from '../../values/index.ts';

/** The values one level below a node; for each how many binders it stands under, and whether it is a pattern. */
export interface Opened {
  readonly values: Value[];
  readonly binders: number[];
  readonly patterns: boolean[];
}

export function open(node: ObjectValue): Opened | null {
  switch (node.kind) {
    case Kind.List:
    case Kind.Tuple:
    case Kind.Set:
      return node.items.length === 0 ? null : plain(node.items);
    case Kind.Map:
      return node.keys.length === 0 ? null : plain([...node.keys, ...node.items]);
    case Kind.Par:
    case Kind.Conjunction:
    case Kind.Disjunction:
      return plain(node.parts);
    case Kind.Bundle:
    case Kind.Negation:
      return plain([node.body]);
    case Kind.Send:
      return plain([node.channel, ...node.data]);
    case Kind.Receive:
      return openReceive(node);
    case Kind.New:
      return { values: [node.body], binders: [node.count], patterns: [false] };
    case Kind.Match:
      return openMatch(node);
    case Kind.Operation:
      return plain(node.right === undefined ? [node.left] : [node.left, node.right]);
    case Kind.Method:
      return plain([node.target, ...node.args]);
    case Kind.Matches:
      return { values: [node.target, node.pattern], binders: [0, 0], patterns: [false, true] };
    default:
      return null;
  }
}

function plain(values: readonly Value[]): Opened {
  const binders = new Array<number>(values.length).fill(0);
  return { values: values.slice(), binders, patterns: new Array<boolean>(values.length).fill(false) };
}

function openReceive(node: Receive): Opened {
  const opened: Opened = { values: [], binders: [], patterns: [] };
  let bound = 0;
  for (const bind of node.binds) {
    put(opened, bind.source, 0, false);
    for (const pattern of bind.patterns) put(opened, pattern, 0, true);
    bound += bind.freeCount;
  }
  put(opened, node.body, bound, false);
  return opened;
}

function openMatch(node: Match): Opened {
  const opened: Opened = { values: [], binders: [], patterns: [] };
  put(opened, node.target, 0, false);
  for (const one of node.cases) {
    put(opened, one.pattern, 0, true);
    put(opened, one.body, one.freeCount, false);
  }
  return opened;
}

function put(opened: Opened, value: Value, binders: number, pattern: boolean): void {
  opened.values.push(value);
  opened.binders.push(binders);
  opened.patterns.push(pattern);
}

/** The node again with other values in the places that `open` gave; normalised as every value is. */
export function close(node: ObjectValue, values: readonly Value[]): Value {
  const first = values[0] as Value;
  switch (node.kind) {
    case Kind.List:
      return list(values, node.remainder);
    case Kind.Tuple:
      return tuple(values);
    case Kind.Set:
      return set(values, node.remainder);
    case Kind.Map: {
      const count = node.keys.length;
      return map(
        node.keys.map((_, index) => [values[index] as Value, values[count + index] as Value] as const),
        node.remainder,
      );
    }
    case Kind.Par:
      return par(values);
    case Kind.Conjunction:
      return node instanceof Conjunction ? conjunction(values) : node;
    case Kind.Disjunction:
      return node instanceof Disjunction ? disjunction(values) : node;
    case Kind.Bundle:
      return node instanceof Bundle ? bundle(first, node.read, node.write) : node;
    case Kind.Negation:
      return new Negation(first);
    case Kind.Send:
      return new Send(first, values.slice(1), node.persistent);
    case Kind.Receive:
      return closeReceive(node, values);
    case Kind.New:
      return new New(node.count, first);
    case Kind.Match:
      return new Match(
        first,
        node.cases.map(
          (one, index): Case => ({
            pattern: values[1 + 2 * index] as Value,
            body: values[2 + 2 * index] as Value,
            freeCount: one.freeCount,
          }),
        ),
      );
    case Kind.Operation:
      return new Operation(node.operator, first, values[1]);
    case Kind.Method:
      return new Method(first, node.name, values.slice(1));
    case Kind.Matches:
      return new Matches(first, values[1] as Value);
    default:
      return node;
  }
}

function closeReceive(node: Receive, values: readonly Value[]): Value {
  let at = 0;
  const binds = node.binds.map((bind): Bind => {
    const source = values[at] as Value;
    const patterns = values.slice(at + 1, at + 1 + bind.patterns.length);
    at += 1 + bind.patterns.length;
    return { patterns, remainder: bind.remainder, source, freeCount: bind.freeCount, peek: bind.peek };
  });
  return new Receive(binds, values[at] as Value, node.persistent);
}
