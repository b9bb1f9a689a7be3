/**
 * The law of matching written as plainly as possible: every choice tried in the order of spec/matching.md, no
 * plan, no assignment, no budget. Exponential; for terms of a few nodes.
 */
import { equal, isClosed, isPattern, Kind, kindOf, list, map, par, set } from '../../src/values/index.ts';
import type {
  Bind,
  Bundle,
  Conjunction,
  Disjunction,
  FreeVariable,
  List,
  MapValue,
  Match,
  Negation,
  New,
  Operation,
  Par,
  Receive,
  Remainder,
  Send,
  SetValue,
  Tuple,
  TypeWord,
  Value,
} from '../../src/values/index.ts';

export type Found = ReadonlyMap<number, Value> | null;
const NOTHING: ReadonlyMap<number, Value> = new Map();

export function model(pattern: Value, target: Value, depth = 0): Found {
  if (!isPattern(pattern)) return equal(pattern, target) ? NOTHING : null;
  switch (kindOf(pattern)) {
    case Kind.Wildcard:
      return NOTHING;
    case Kind.FreeVariable:
      return keep(pattern as FreeVariable, target, depth);
    case Kind.TypeWord:
      return kindOf(target) === KIND_OF_WORD[(pattern as TypeWord).word] ? NOTHING : null;
    case Kind.Conjunction:
      return inTurn((pattern as Conjunction).parts.map((part) => () => model(part, target, depth)));
    case Kind.Disjunction:
      return (pattern as Disjunction).parts.some((part) => model(part, target, depth) !== null) ? NOTHING : null;
    case Kind.Negation:
      return model((pattern as Negation).body, target, depth) === null ? NOTHING : null;
    case Kind.Par:
      return modelPar((pattern as Par).parts, partsOf(target), depth);
    default:
      return kindOf(pattern) === kindOf(target) ? modelNode(pattern, target, depth) : null;
  }
}

const KIND_OF_WORD: Record<TypeWord['word'], Kind> = {
  Bool: Kind.Boolean,
  Int: Kind.Int,
  BigInt: Kind.BigInt,
  Float: Kind.Float,
  String: Kind.String,
  Uri: Kind.Uri,
  ByteArray: Kind.Bytes,
};

const partsOf = (target: Value): readonly Value[] =>
  target === null ? [] : kindOf(target) === Kind.Par ? (target as Par).parts : [target];

function keep(variable: FreeVariable, target: Value, depth: number): Found {
  return depth === 0 || isClosed(target) ? new Map([[variable.level, target]]) : null;
}

function inTurn(steps: readonly (() => Found)[]): Found {
  const all = new Map<number, Value>();
  for (const step of steps) {
    const found = step();
    if (found === null) return null;
    for (const [level, value] of found) all.set(level, value);
  }
  return all;
}

const join = (left: Found, right: Found): Found =>
  left === null || right === null ? null : new Map([...left, ...right]);

function pairwise(patterns: readonly Value[], targets: readonly Value[], depth: number): Found {
  if (patterns.length !== targets.length) return null;
  return inTurn(patterns.map((pattern, at) => () => model(pattern, targets[at] as Value, depth)));
}

function keepRest(remainder: Remainder, rest: Value, count: number, depth: number): Found {
  if (remainder === null) return count === 0 ? NOTHING : null;
  return kindOf(remainder) === Kind.Wildcard ? NOTHING : keep(remainder as FreeVariable, rest, depth);
}

function modelNode(pattern: Value, target: Value, depth: number): Found {
  switch (kindOf(pattern)) {
    case Kind.List: {
      const [own, items] = [(pattern as List).items, (target as List).items];
      const rest = items.slice(own.length);
      return join(
        pairwise(own, items.slice(0, own.length), depth),
        keepRest((pattern as List).remainder, list(rest), rest.length, depth),
      );
    }
    case Kind.Tuple:
      return pairwise((pattern as Tuple).items, (target as Tuple).items, depth);
    case Kind.Set: {
      const own = pattern as SetValue;
      return modelEach(
        own.items,
        (target as SetValue).items,
        (single, item) => model(single, item, depth),
        (rest) => keepRest(own.remainder, set(rest), rest.length, depth),
      );
    }
    case Kind.Map: {
      const own = pattern as MapValue;
      const entries = (value: MapValue): (readonly [Value, Value])[] =>
        value.keys.map((key, at) => [key, value.items[at] as Value]);
      return modelEach(
        entries(own),
        entries(target as MapValue),
        (single, entry) => pairwise(single, entry, depth),
        (rest) => keepRest(own.remainder, map(rest), rest.length, depth),
        ([key]) => !isPattern(key as Value),
      );
    }
    case Kind.Send: {
      const [own, other] = [pattern as Send, target as Send];
      if (own.persistent !== other.persistent) return null;
      return pairwise([own.channel, ...own.data], [other.channel, ...other.data], depth);
    }
    case Kind.New: {
      const [own, other] = [pattern as New, target as New];
      return own.count === other.count ? model(own.body, other.body, depth + own.count) : null;
    }
    case Kind.Operation: {
      const [own, other] = [pattern as Operation, target as Operation];
      if (own.operator !== other.operator) return null;
      return join(
        model(own.left, other.left, depth),
        own.right === undefined ? NOTHING : model(own.right, other.right as Value, depth),
      );
    }
    case Kind.Match:
      return modelMatch(pattern as Match, target as Match, depth);
    case Kind.Receive:
      return modelReceive(pattern as Receive, target as Receive, depth);
    default:
      return (pattern as Bundle) === null ? NOTHING : null;
  }
}

function modelMatch(own: Match, other: Match, depth: number): Found {
  if (own.cases.length !== other.cases.length) return null;
  return inTurn([
    () => model(own.target, other.target, depth),
    ...own.cases.map((each, at) => () => {
      const found = other.cases[at] as Match['cases'][number];
      if (found.freeCount !== each.freeCount || !equal(found.pattern, each.pattern)) return null;
      return model(each.body, found.body, depth + each.freeCount);
    }),
  ]);
}

/** Binds of one variable each, so that another order of binds is another order of indices. */
function modelReceive(own: Receive, other: Receive, depth: number): Found {
  if (own.persistent !== other.persistent || own.binds.length !== other.binds.length) return null;
  for (const order of permutations(own.binds.map((_, at) => at))) {
    const binds = order.map((at) => other.binds[at] as Bind);
    const found = inTurn([
      ...own.binds.map((bind, at) => () => {
        const like = binds[at] as Bind;
        return like.patterns.length === 1 && equal(like.patterns[0] as Value, bind.patterns[0] as Value)
          ? model(bind.source, like.source, depth)
          : null;
      }),
      () => model(own.body, reordered(other.body, order), depth + order.length),
    ]);
    if (found !== null) return found;
  }
  return null;
}

/** Only bodies that are sends of bound variables and ground values are generated. */
function reordered(body: Value, order: readonly number[]): Value {
  const last = order.length - 1;
  const one = (value: Value): Value => {
    if (typeof value !== 'object' || value === null || value.kind !== Kind.BoundVariable || value.index > last)
      return value;
    return { ...value, index: last - order.indexOf(last - value.index) } as Value;
  };
  if (kindOf(body) !== Kind.Send) return one(body);
  const { channel, data, persistent } = body as Send;
  return { kind: Kind.Send, channel: one(channel), data: data.map(one), persistent } as Value;
}

function* permutations(items: readonly number[]): Generator<readonly number[]> {
  if (items.length === 0) yield [];
  for (const item of items)
    for (const rest of permutations(items.filter((each) => each !== item))) yield [item, ...rest];
}

/** Each pattern takes the first target with which the others can still be served. */
function modelEach<P, T>(
  patterns: readonly P[],
  targets: readonly T[],
  one: (pattern: P, target: T) => Found,
  rest: (left: readonly T[]) => Found,
  isFirst: (pattern: P) => boolean = () => false,
): Found {
  const sorted = [...patterns.filter(isFirst), ...patterns.filter((pattern) => !isFirst(pattern))];
  const [first, ...others] = sorted;
  if (first === undefined) return rest(targets);
  for (let at = 0; at < targets.length; at++) {
    const found = one(first, targets[at] as T);
    if (found === null) continue;
    const all = join(
      found,
      modelEach(
        others,
        targets.filter((_, other) => other !== at),
        one,
        rest,
      ),
    );
    if (all !== null) return all;
  }
  return null;
}

function modelPar(patterns: readonly Value[], targets: readonly Value[], depth: number): Found {
  const isVariable = (part: Value): boolean => kindOf(part) === Kind.FreeVariable;
  const isWild = (part: Value): boolean => kindOf(part) === Kind.Wildcard;
  const firm = patterns.filter((part) => !isVariable(part) && !isWild(part));
  const isGround = (part: Value): boolean => !isPattern(part);
  const isOne = (part: Value): boolean => isGround(part) || range(part).every((bound) => bound === 1);
  const variables = patterns
    .filter(isVariable)
    .map((part) => (part as FreeVariable).level)
    .sort((a, b) => a - b);
  const rest = (left: readonly Value[]): Found => {
    if (variables.length === 0) return patterns.some(isWild) || left.length === 0 ? NOTHING : null;
    const kept = patterns.some(isWild) && depth > 0 ? left.filter((part) => isClosed(part)) : left;
    return join(
      new Map(variables.map((level) => [level, null] as const)),
      keep({ level: variables[0] } as FreeVariable, par(kept), depth),
    );
  };
  const singles = [...firm.filter(isGround), ...firm.filter((part) => !isGround(part) && isOne(part))];
  return modelGroups(
    firm.filter((part) => !isOne(part)),
    targets,
    depth,
    (left) => modelEach(singles, left, (single, part) => model(single, part, depth), rest),
  );
}

function modelGroups(
  groups: readonly Value[],
  targets: readonly Value[],
  depth: number,
  then: (left: readonly Value[]) => Found,
): Found {
  const [group, ...others] = groups;
  if (group === undefined) return then(targets);
  const subsets = Array.from({ length: 2 ** targets.length }, (_, bits) =>
    targets.map((_each, at) => at).filter((at) => bits & (1 << at)),
  );
  subsets.sort((a, b) =>
    a.length - b.length || a.findIndex((at, index) => at !== b[index]) < 0 ? a.length - b.length : compareNumbers(a, b),
  );
  for (const chosen of subsets) {
    const found = model(group, par(chosen.map((at) => targets[at] as Value)), depth);
    if (found === null) continue;
    const all = join(
      found,
      modelGroups(
        others,
        targets.filter((_, at) => !chosen.includes(at)),
        depth,
        then,
      ),
    );
    if (all !== null) return all;
  }
  return null;
}

function compareNumbers(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, index) => value !== b[index]);
  return at < 0 ? 0 : (a[at] as number) - (b[at] as number);
}

/** How few and how many parts a pattern can take. */
function range(pattern: Value): readonly [number, number] {
  switch (kindOf(pattern)) {
    case Kind.FreeVariable:
    case Kind.Wildcard:
      return [0, Infinity];
    case Kind.Negation:
      return [(pattern as Negation).body === null ? 1 : 0, Infinity];
    case Kind.Conjunction: {
      const parts = (pattern as Conjunction).parts.map(range);
      return [Math.max(...parts.map(([least]) => least)), Math.min(...parts.map(([, most]) => most))];
    }
    case Kind.Disjunction: {
      const parts = (pattern as Disjunction).parts.map(range);
      return [Math.min(...parts.map(([least]) => least)), Math.max(...parts.map(([, most]) => most))];
    }
    case Kind.Par:
      return (pattern as Par).parts.map(range).reduce(([a, b], [c, d]) => [a + c, b + d]);
    case Kind.Nil:
      return [0, 0];
    default:
      return [1, 1];
  }
}
