/**
 * A pattern taken apart once: what the matcher walks. Owns the distinction between what must be equal and
 * what may match, and the bounds of how many parallel parts a pattern can take. Must never look at a target
 * and never use the JavaScript stack in proportion to a pattern's depth.
 */
import { Kind, kindOf, Tuple } from '../values/index.ts';
import type {
  Conjunction,
  Disjunction,
  List,
  MapValue,
  Negation,
  ObjectValue,
  Par,
  Remainder,
  SetValue,
  Value,
} from '../values/index.ts';
import { childrenOf, groundWeight, levelsOf } from './children.ts';

export const Op = {
  /** Anything at all: `_`. */
  Any: 0,
  /** Anything without variables of a binder inside the pattern; nothing is kept (a variable in `\/` or `~`). */
  Closed: 1,
  /** The same, kept. */
  Capture: 2,
  /** A value that `===` compares. */
  Primitive: 3,
  /** A value that `equal` compares. */
  Ground: 4,
  Type: 5,
  /** A pattern that nothing can match. */
  Never: 6,
  // with parts
  List: 7,
  Tuple: 8,
  Set: 9,
  Map: 10,
  Send: 11,
  Receive: 12,
  New: 13,
  Match: 14,
  Operation: 15,
  Method: 16,
  Matches: 17,
  Par: 18,
  Conjunction: 19,
  Disjunction: 20,
  Negation: 21,
} as const;
export type Op = (typeof Op)[keyof typeof Op];

/** What becomes of the rest of a collection or parallel composition, where it is not a level. */
export const REST_NONE = -3;
export const REST_DROP = -2;
export const REST_CLOSED = -1;

/** Levels of a pattern that are taken apart by calls; what is deeper is done from its leaves upwards. */
const NESTING_MAX = 400;
const NO_PLANS: readonly Plan[] = [];

/** One node of a pattern. One class for all, so that the matcher sees one shape. */
export class Plan {
  /** Capture: its level. Collections and Par: a level for the rest, or REST_…. */
  level = REST_NONE;
  /** Par: a wildcard takes what the rest variable cannot. */
  drop = false;
  /** Children at fixed places; for Map the items of `grounds`. */
  parts: readonly Plan[] = NO_PLANS;
  /** Par, Set, Map: parts, elements, keys that match only what equals them. */
  grounds: readonly Plan[] = NO_PLANS;
  /** Par, Set, Map: patterns that take exactly one part, element, entry. */
  singles: readonly Plan[] = NO_PLANS;
  /** Par: connectives that take any number of parts between `least` and `most`. */
  groups: readonly Plan[] = NO_PLANS;
  /** Variables bound around each of `parts`, or null for none. */
  binders: readonly number[] | null = null;
  /** The one of `parts` that is matched last, in a loop, so that chains cost no stack. */
  tail = 0;
  /** Nodes of a ground value: what one comparison costs. */
  weight = 1;
  /** How many parallel parts a target has that can match. */
  least = 1;
  most = 1;
  #levels: readonly number[] | null = null;
  readonly #discard: boolean;

  constructor(
    readonly op: Op,
    readonly source: Value,
    discard: boolean,
  ) {
    this.#discard = discard;
  }

  /** Levels that a match writes. */
  get levels(): readonly number[] {
    this.#levels ??= this.#discard ? [] : levelsOf(this.source);
    return this.#levels;
  }
}

/** What a pattern compiles to: its plan, or, where all of it is ground, its number of nodes. */
type Compiled = Plan | number;

/** How deep the calls are, and what is compiled already: without and with `discard`. */
interface Progress {
  nesting: number;
  readonly known: readonly [Map<Value, Compiled>, Map<Value, Compiled>] | null;
}

/** With `discard` a match writes no captures. */
export function planOf(pattern: Value, discard = false): Plan {
  const compiled = compile(pattern, discard, { nesting: 0, known: null });
  return typeof compiled === 'number' ? groundPlan(pattern, compiled) : compiled;
}

function compile(pattern: Value, discard: boolean, progress: Progress): Compiled {
  if (typeof pattern !== 'object' || pattern === null) return 1;
  switch (pattern.kind) {
    case Kind.BigInt:
    case Kind.Float:
    case Kind.Bytes:
    case Kind.Uri:
    case Kind.Name:
    case Kind.BoundVariable:
    case Kind.VariableReference:
      return 1;
    case Kind.Wildcard:
      return unbounded(new Plan(Op.Any, pattern, discard));
    case Kind.FreeVariable: {
      const plan = new Plan(discard ? Op.Closed : Op.Capture, pattern, discard);
      plan.level = discard ? REST_CLOSED : pattern.level;
      return unbounded(plan);
    }
    case Kind.TypeWord:
      return new Plan(Op.Type, pattern, discard);
    default:
      return compileInner(pattern, discard, progress);
  }
}

function compileInner(pattern: ObjectValue, discard: boolean, progress: Progress): Compiled {
  const known = progress.known?.[discard ? 1 : 0].get(pattern);
  if (known !== undefined) return known;
  if (progress.nesting === NESTING_MAX) return compileDeep(pattern, discard);
  progress.nesting++;
  const compiled = compileNode(pattern, discard, progress);
  progress.nesting--;
  return compiled;
}

/** From the leaves upwards, so that each node finds its children compiled. */
function compileDeep(pattern: ObjectValue, discard: boolean): Compiled {
  const nodes: ObjectValue[] = [pattern];
  const discards: boolean[] = [discard];
  for (let at = 0; at < nodes.length; at++) {
    const node = nodes[at] as ObjectValue;
    const inside = discards[at] === true || node.kind === Kind.Disjunction || node.kind === Kind.Negation;
    for (const child of childrenOf(node)) {
      if (typeof child !== 'object' || child === null) continue;
      nodes.push(child);
      discards.push(inside);
    }
  }
  const progress: Progress = { nesting: 0, known: [new Map(), new Map()] };
  for (let at = nodes.length - 1; at >= 0; at--) {
    const node = nodes[at] as ObjectValue;
    const isDiscarded = discards[at] as boolean;
    progress.known?.[isDiscarded ? 1 : 0].set(node, compile(node, isDiscarded, progress));
  }
  return compile(pattern, discard, progress);
}

function compileNode(pattern: ObjectValue, discard: boolean, progress: Progress): Compiled {
  switch (pattern.kind) {
    case Kind.List:
    case Kind.Tuple:
      return compileSequence(pattern, discard, progress);
    case Kind.Set:
      return compileSet(pattern, discard, progress);
    case Kind.Map:
      return compileMap(pattern, discard, progress);
    case Kind.Par:
      return compilePar(pattern, discard, progress);
    case Kind.Conjunction:
    case Kind.Disjunction:
    case Kind.Negation:
      return compileConnective(pattern, discard, progress);
    case Kind.Bundle:
      // nothing inside a bundle is ever taken out of it, so with a variable inside it matches nothing
      return groundOrNever(pattern, discard);
    default:
      return compileProcess(pattern, discard, progress);
  }
}

function groundOrNever(pattern: Value, discard: boolean): Compiled {
  const weight = groundWeight(pattern);
  return weight >= 0 ? weight : new Plan(Op.Never, pattern, discard);
}

function compileSequence(pattern: Value, discard: boolean, progress: Progress): Compiled {
  const collection = pattern as List | Tuple;
  const isList = collection.kind === Kind.List;
  const rest = isList ? restOf(collection.remainder, discard) : REST_NONE;
  const parts = compileAll(collection.items, discard, progress);
  if (typeof parts === 'number') {
    if (rest === REST_NONE) return parts + 1;
    return fixed(
      Op.List,
      pattern,
      discard,
      collection.items.map((item) => groundPlan(item)),
      rest,
    );
  }
  return fixed(isList ? Op.List : Op.Tuple, pattern, discard, parts, rest);
}

function compileSet(pattern: SetValue, discard: boolean, progress: Progress): Compiled {
  const rest = restOf(pattern.remainder, discard);
  const elements = compileAll(pattern.items, discard, progress);
  if (typeof elements === 'number' && rest === REST_NONE) return elements + 1;
  const plans = typeof elements === 'number' ? pattern.items.map((item) => groundPlan(item)) : elements;
  const plan = new Plan(Op.Set, pattern, discard);
  plan.level = rest;
  plan.grounds = plans.filter(isGroundPlan);
  plan.singles = plans.filter((each) => !isGroundPlan(each));
  return plan;
}

function compileMap(pattern: MapValue, discard: boolean, progress: Progress): Compiled {
  const rest = restOf(pattern.remainder, discard);
  const keys = compileAll(pattern.keys, discard, progress);
  const items = compileAll(pattern.items, discard, progress);
  if (typeof keys === 'number' && typeof items === 'number' && rest === REST_NONE) return keys + items + 1;
  const plan = new Plan(Op.Map, pattern, discard);
  const grounds: Plan[] = [];
  const parts: Plan[] = [];
  const singles: Plan[] = [];
  for (let index = 0; index < pattern.keys.length; index++) {
    const key = pattern.keys[index] as Value;
    const item = pattern.items[index] as Value;
    const keyPlan = typeof keys === 'number' ? groundPlan(key) : (keys[index] as Plan);
    const itemPlan = typeof items === 'number' ? groundPlan(item) : (items[index] as Plan);
    if (isGroundPlan(keyPlan)) {
      grounds.push(keyPlan);
      parts.push(itemPlan);
    } else singles.push(fixed(Op.Tuple, new Tuple([key, item]), discard, [keyPlan, itemPlan], REST_NONE));
  }
  plan.level = rest;
  plan.grounds = grounds;
  plan.parts = parts;
  plan.singles = singles;
  return plan;
}

/**
 * At most one variable of a parallel composition takes the rest, the one of the lowest level; others get
 * nothing. A connective that can only take one part is matched as any other single part is.
 */
function compilePar(pattern: Par, discard: boolean, progress: Progress): Compiled {
  const parts = compileAll(pattern.parts, discard, progress);
  if (typeof parts === 'number') return parts + 1;
  const plan = new Plan(Op.Par, pattern, discard);
  const grounds: Plan[] = [];
  const singles: Plan[] = [];
  const groups: Plan[] = [];
  plan.least = 0;
  plan.most = 0;
  for (const part of parts) {
    plan.least += part.least;
    plan.most += part.most;
    if (part.op === Op.Any) plan.drop = true;
    else if (part.op === Op.Closed) plan.level = REST_CLOSED;
    else if (part.op === Op.Capture) plan.level = plan.level < 0 ? part.level : Math.min(plan.level, part.level);
    else if (isGroundPlan(part)) grounds.push(part);
    else if (part.least === 1 && part.most === 1) singles.push(part);
    else groups.push(part);
  }
  if (plan.drop && plan.level === REST_NONE) plan.level = REST_DROP;
  plan.grounds = grounds;
  plan.singles = singles;
  plan.groups = groups;
  return plan;
}

function compileConnective(pattern: Value, discard: boolean, progress: Progress): Plan {
  const connective = pattern as Conjunction | Disjunction | Negation;
  if (connective.kind === Kind.Conjunction) {
    const plan = fixed(Op.Conjunction, pattern, discard, plansOf(connective.parts, discard, progress), REST_NONE);
    plan.least = 0;
    plan.most = Number.POSITIVE_INFINITY;
    for (const part of plan.parts) {
      plan.least = Math.max(plan.least, part.least);
      plan.most = Math.min(plan.most, part.most);
    }
    return plan;
  }
  if (connective.kind === Kind.Disjunction) {
    const plan = new Plan(Op.Disjunction, pattern, discard);
    plan.parts = plansOf(connective.parts, true, progress);
    plan.least = Number.POSITIVE_INFINITY;
    plan.most = 0;
    for (const part of plan.parts) {
      plan.least = Math.min(plan.least, part.least);
      plan.most = Math.max(plan.most, part.most);
    }
    return plan;
  }
  const plan = unbounded(new Plan(Op.Negation, pattern, discard));
  plan.parts = plansOf([connective.body], true, progress);
  if (connective.body === null) plan.least = 1;
  return plan;
}

/** Processes other than parallel compositions: a head that must be equal, and parts that match. */
function compileProcess(pattern: ObjectValue, discard: boolean, progress: Progress): Compiled {
  const children = childrenOf(pattern);
  const parts = compileAll(children, discard, progress);
  if (typeof parts === 'number') return parts + headWeight(pattern);
  const plan = fixed(processOp(pattern.kind), pattern, discard, parts, REST_NONE);
  plan.binders = bindersOf(pattern);
  return plan;
}

function processOp(kind: Kind): Op {
  switch (kind) {
    case Kind.Send:
      return Op.Send;
    case Kind.Receive:
      return Op.Receive;
    case Kind.New:
      return Op.New;
    case Kind.Match:
      return Op.Match;
    case Kind.Operation:
      return Op.Operation;
    case Kind.Method:
      return Op.Method;
    case Kind.Matches:
      return Op.Matches;
    default:
      return Op.Never;
  }
}

/** Variables that a process binds around each of its children, in the order of `childrenOf`. */
function bindersOf(pattern: ObjectValue): readonly number[] | null {
  switch (pattern.kind) {
    case Kind.New:
      return [pattern.count];
    case Kind.Match:
      return [0, ...pattern.cases.map((each) => each.freeCount)];
    case Kind.Receive:
      return [...pattern.binds.map(() => 0), pattern.binds.reduce((sum, bind) => sum + bind.freeCount, 0)];
    default:
      return null;
  }
}

function compileAll(values: readonly Value[], discard: boolean, progress: Progress): Plan[] | number {
  let plans: Plan[] | null = null;
  let weight = 0;
  for (let index = 0; index < values.length; index++) {
    const compiled = compile(values[index] as Value, discard, progress);
    if (typeof compiled !== 'number') {
      plans ??= values.slice(0, index).map((value) => groundPlan(value));
      plans.push(compiled);
    } else if (plans !== null) plans.push(groundPlan(values[index] as Value, compiled));
    else weight += compiled;
  }
  return plans ?? weight;
}

function plansOf(values: readonly Value[], discard: boolean, progress: Progress): readonly Plan[] {
  const plans = compileAll(values, discard, progress);
  return typeof plans === 'number' ? values.map((value) => groundPlan(value)) : plans;
}

function fixed(op: Op, source: Value, discard: boolean, parts: readonly Plan[], rest: number): Plan {
  const plan = new Plan(op, source, discard);
  plan.parts = parts;
  plan.level = rest;
  plan.tail = parts.length - 1;
  for (let index = 0; index < parts.length; index++) if ((parts[index] as Plan).op > Op.Never) plan.tail = index;
  return plan;
}

function groundPlan(value: Value, weight = groundWeight(value)): Plan {
  const plan = new Plan(typeof value !== 'object' || value === null ? Op.Primitive : Op.Ground, value, true);
  plan.weight = weight;
  const parts = value === null ? 0 : kindOf(value) === Kind.Par ? (value as Par).parts.length : 1;
  plan.least = parts;
  plan.most = parts;
  return plan;
}

export function isGroundPlan(plan: Plan): boolean {
  return plan.op === Op.Primitive || plan.op === Op.Ground;
}

function unbounded(plan: Plan): Plan {
  plan.least = 0;
  plan.most = Number.POSITIVE_INFINITY;
  return plan;
}

/** A bound remainder belongs to an open term and must be equal, so for the rest it is as if there were none. */
function restOf(remainder: Remainder, discard: boolean): number {
  if (remainder === null || remainder.kind === Kind.BoundVariable) return REST_NONE;
  if (remainder.kind === Kind.Wildcard) return REST_DROP;
  return discard ? REST_CLOSED : remainder.level;
}

/** Nodes of what is compared besides the children: roughly, for it is the price of one look. */
function headWeight(pattern: ObjectValue): number {
  switch (pattern.kind) {
    case Kind.Receive:
      return pattern.binds.reduce((sum, bind) => sum + 1 + bind.patterns.length, 1);
    case Kind.Match:
      return 1 + pattern.cases.length;
    default:
      return 1;
  }
}
