/**
 * The spatial matcher: walks a plan along a target. Owns the law of what matches what (spec/matching.md). A
 * variable occurs once in a pattern, so whether one part matches never depends on what another captured:
 * parts are matched apart and then assigned. Must never spend more than its budget, and never use the
 * JavaScript stack in proportion to a target's depth.
 */
import { compare, equal, Kind, kindOf, MapValue, Par, SetValue, Tuple } from '../values/index.ts';
import type { Bind, Receive, Value } from '../values/index.ts';
import { childrenOfLike } from './heads.ts';
import { acceptsLeaf, isFree, keepRest } from './leaves.ts';
import { placeParts } from './placing.ts';
import type { Taken } from './placing.ts';
import { Op, REST_CLOSED, REST_DROP, REST_NONE } from './plan.ts';
import type { Plan } from './plan.ts';
import { renumber } from './renumber.ts';
import { Subsets } from './subsets.ts';
import type { Walk } from './walk.ts';

/** Levels of pattern within pattern that may stand on the JavaScript stack; past it the budget is spent. */
const NESTING_MAX = 300;
/** Up to this many, looking one by one is as quick as halving. */
const FEW = 8;

/** Whether `target` matches, with its captures written; below zero steps the answer says nothing. */
export function matches(plan: Plan, target: Value, walk: Walk): boolean {
  return accepts(plan, target, 0, walk) && walk.budget.steps >= 0;
}

/** One nested match; leaves are answered without a step down. */
function accepts(plan: Plan, target: Value, binders: number, walk: Walk): boolean {
  if (plan.op <= Op.Never) return --walk.budget.steps >= 0 && acceptsLeaf(plan, target, binders, walk);
  if (++walk.nesting > NESTING_MAX) {
    walk.budget.steps = -1;
    return false;
  }
  const verdict = acceptsNode(plan, target, binders, walk);
  walk.nesting--;
  return verdict;
}

/** A loop over the last part of each node, so that a chain of any length costs no stack. */
function acceptsNode(start: Plan, given: Value, outside: number, walk: Walk): boolean {
  let plan = start;
  let target = given;
  let binders = outside;
  for (;;) {
    if (--walk.budget.steps < 0) return false;
    switch (plan.op) {
      case Op.Par:
        return acceptsPar(plan, target, binders, walk);
      case Op.Set:
        return kindOf(target) === Kind.Set && acceptsSet(plan, target as SetValue, binders, walk);
      case Op.Map:
        return kindOf(target) === Kind.Map && acceptsMap(plan, target as MapValue, binders, walk);
      case Op.Receive:
        return kindOf(target) === Kind.Receive && acceptsReceive(plan, target as Receive, binders, walk);
      case Op.Negation:
        return !accepts(plan.parts[0] as Plan, target, binders, walk) && walk.budget.steps >= 0;
      case Op.Disjunction:
        for (const part of plan.parts) {
          if (accepts(part, target, binders, walk)) return true;
          if (walk.budget.steps < 0) return false;
        }
        return false;
      case Op.Conjunction:
        for (let at = 0; at < plan.parts.length; at++) {
          if (at !== plan.tail && !accepts(plan.parts[at] as Plan, target, binders, walk)) return false;
        }
        break;
      default: {
        const children = childrenOfLike(plan, target, binders, walk);
        if (children === null) return false;
        const tail = plan.tail;
        for (let at = 0; at < plan.parts.length; at++) {
          if (at === tail) continue;
          if (!accepts(plan.parts[at] as Plan, children[at] as Value, binders + bindersAt(plan, at), walk))
            return false;
        }
        if (plan.parts.length === 0) return true;
        binders += bindersAt(plan, tail);
        target = children[tail] as Value;
      }
    }
    plan = plan.parts[plan.tail] as Plan;
    if (plan.op <= Op.Never) return --walk.budget.steps >= 0 && acceptsLeaf(plan, target, binders, walk);
  }
}

function bindersAt(plan: Plan, at: number): number {
  return plan.binders === null ? 0 : (plan.binders[at] as number);
}

// ---------------------------------------------------------------- parallel compositions

function acceptsPar(plan: Plan, target: Value, binders: number, walk: Walk): boolean {
  const parts = target === null ? [] : kindOf(target) === Kind.Par ? (target as Par).parts : [target];
  if (parts.length < plan.least || parts.length > plan.most) return false;
  const left = withoutGrounds(plan.grounds, parts, walk);
  if (left === null) return false;
  return plan.groups.length === 0 ? placeRest(plan, left, binders, walk) : chooseGroups(plan, 0, left, binders, walk);
}

/**
 * What is left once each ground part has met a part that equals it. It could meet nothing else, and equal
 * parts are interchangeable, so this never takes a match away. Both are sorted, so one pass is enough.
 */
function withoutGrounds(grounds: readonly Plan[], parts: readonly Value[], walk: Walk): readonly Value[] | null {
  if (grounds.length === 0) return parts;
  const left: Value[] = [];
  let at = 0;
  for (const part of parts) {
    const ground = grounds[at];
    if (ground !== undefined && --walk.budget.steps >= 0 && acceptsLeaf(ground, part, 0, walk)) at++;
    else left.push(part);
  }
  return at === grounds.length && walk.budget.steps >= 0 ? left : null;
}

/** Single parts take theirs, a variable or a wildcard the rest. */
function placeRest(plan: Plan, left: readonly Value[], binders: number, walk: Walk): boolean {
  if (plan.level === REST_NONE && left.length !== plan.singles.length) return false;
  const open = plan.level === REST_NONE || plan.level === REST_DROP ? null : openOf(left, binders, walk);
  if (walk.budget.steps < 0) return false;
  const taken = placeParts(plan.singles, left, plan.drop ? null : open, binders, walk, accepts);
  if (taken === null) return false;
  if (plan.level >= 0) {
    const rest =
      plan.singles.length === 0 && open === null ? left : left.filter((_, at) => !taken[at] && open?.[at] !== true);
    walk.captures[plan.level] = composed(rest);
  }
  return true;
}

/** Which parts hold variables of binders in the pattern; null where there are none. */
function openOf(parts: readonly Value[], binders: number, walk: Walk): readonly boolean[] | null {
  if (binders === 0) return null;
  const open = parts.map((part) => !isFree(part, binders, walk));
  return open.includes(true) ? open : null;
}

/** Some of the parts of a composition stand in its order. */
function composed(parts: readonly Value[]): Value {
  if (parts.length === 0) return null;
  return parts.length === 1 ? (parts[0] as Value) : new Par(parts);
}

/**
 * A connective that may take several parts is tried with few before many, first parts before later ones:
 * this is a search, and the budget ends it.
 */
function chooseGroups(plan: Plan, index: number, left: readonly Value[], binders: number, walk: Walk): boolean {
  const group = plan.groups[index];
  if (group === undefined) return placeRest(plan, left, binders, walk);
  if (++walk.nesting > NESTING_MAX) walk.budget.steps = -1;
  let leastLater = plan.singles.length;
  let mostLater = plan.level === REST_NONE ? plan.singles.length : Number.POSITIVE_INFINITY;
  for (const later of plan.groups.slice(index + 1)) {
    leastLater += later.least;
    mostLater += later.most;
  }
  const most = Math.min(group.most, left.length - leastLater);
  for (let size = Math.max(group.least, left.length - mostLater); size <= most; size++) {
    const subsets = new Subsets(left, size);
    while (subsets.next()) {
      walk.budget.steps -= 1 + size;
      if (walk.budget.steps < 0) return false;
      const { inside, outside } = subsets.split();
      if (accepts(group, composed(inside), binders, walk) && chooseGroups(plan, index + 1, outside, binders, walk)) {
        walk.nesting--;
        return true;
      }
      if (walk.budget.steps < 0) return false;
    }
  }
  walk.nesting--;
  return false;
}

// ---------------------------------------------------------------- sets and maps

function acceptsSet(plan: Plan, target: SetValue, binders: number, walk: Walk): boolean {
  const count = plan.grounds.length + plan.singles.length;
  if (!fitsSize(plan, target, count)) return false;
  const taken = takeKeys(plan.grounds, target.items, walk);
  if (taken === null) return false;
  if (plan.singles.length === 0 && plan.level < REST_CLOSED) return true;
  const left = target.items.filter((_, at) => !taken[at]);
  const placed = placeElements(plan, left, binders, walk);
  if (placed === null) return false;
  if (plan.level < 0) return target.remainder === null || plan.level !== REST_CLOSED;
  const rest =
    count === 0
      ? target
      : new SetValue(
          left.filter((_, at) => !placed[at]),
          target.remainder,
        );
  return keepRest(plan, rest, binders, walk);
}

function acceptsMap(plan: Plan, target: MapValue, binders: number, walk: Walk): boolean {
  const count = plan.grounds.length + plan.singles.length;
  if (!fitsSize(plan, target, count)) return false;
  const taken = takeKeys(plan.grounds, target.keys, walk);
  if (taken === null || !acceptsItems(plan, target, taken, binders, walk)) return false;
  if (plan.singles.length === 0 && plan.level < REST_CLOSED) return true;
  const keys = target.keys.filter((_, at) => !taken[at]);
  const items = target.items.filter((_, at) => !taken[at]);
  if (plan.singles.length === 0) {
    return keepRest(plan, count === 0 ? target : new MapValue(keys, items, target.remainder), binders, walk);
  }
  const placed = placeElements(
    plan,
    keys.map((key, at) => new Tuple([key, items[at] as Value])),
    binders,
    walk,
  );
  if (placed === null) return false;
  if (plan.level < 0) return target.remainder === null || plan.level !== REST_CLOSED;
  const isLeft = (_: Value, at: number): boolean => !placed[at];
  return keepRest(plan, new MapValue(keys.filter(isLeft), items.filter(isLeft), target.remainder), binders, walk);
}

/** The items behind the keys that were taken: the plan's keys are sorted as the target's are. */
function acceptsItems(plan: Plan, target: MapValue, taken: readonly boolean[], binders: number, walk: Walk): boolean {
  let index = 0;
  for (let at = 0; at < taken.length; at++) {
    if (!taken[at]) continue;
    if (!accepts(plan.parts[index] as Plan, target.items[at] as Value, binders, walk)) return false;
    index++;
  }
  return true;
}

function fitsSize(plan: Plan, target: SetValue | MapValue, count: number): boolean {
  if (plan.level !== REST_NONE) return target.items.length >= count;
  const remainder = (plan.source as SetValue | MapValue).remainder;
  return target.items.length === count && (remainder === target.remainder || equal(remainder, target.remainder));
}

function placeElements(plan: Plan, left: readonly Value[], binders: number, walk: Walk): Taken | null {
  const open = plan.level >= REST_CLOSED ? openOf(left, binders, walk) : null;
  return walk.budget.steps < 0 ? null : placeParts(plan.singles, left, open, binders, walk, accepts);
}

/** Marks each wanted key (element) among the sorted `keys`; null when one is missing. */
function takeKeys(wanted: readonly Plan[], keys: readonly Value[], walk: Walk): readonly boolean[] | null {
  const taken: boolean[] = [];
  let from = 0;
  for (let index = 0; index < wanted.length; index++) {
    const at = positionOf(wanted[index] as Plan, keys, from, walk);
    if (at < 0) return null;
    while (taken.length < at) taken.push(false);
    taken.push(true);
    from = at + 1;
  }
  return taken;
}

/** Position of a wanted key at `from` or behind it: sorted as it is, it cannot be before the last one found. */
function positionOf(wanted: Plan, keys: readonly Value[], from: number, walk: Walk): number {
  if (wanted.op !== Op.Primitive || keys.length - from <= FEW) {
    for (let at = from; at < keys.length; at++) {
      if (--walk.budget.steps < 0) return -1;
      if (acceptsLeaf(wanted, keys[at] as Value, 0, walk)) return at;
    }
    return -1;
  }
  let low = from;
  let high = keys.length;
  while (low < high) {
    if (--walk.budget.steps < 0) return -1;
    const middle = (low + high) >> 1;
    const order = compare(keys[middle] as Value, wanted.source);
    if (order === 0) return middle;
    if (order < 0) low = middle + 1;
    else high = middle;
  }
  return -1;
}

// ---------------------------------------------------------------- receives

/** Binds are a multiset: they are tried in every order that their patterns and sources allow. */
function acceptsReceive(plan: Plan, target: Receive, binders: number, walk: Walk): boolean {
  const source = plan.source as Receive;
  if (target.persistent !== source.persistent || target.binds.length !== source.binds.length) return false;
  return acceptsBinds(plan, target, [], binders, walk);
}

function acceptsBinds(plan: Plan, target: Receive, chosen: number[], binders: number, walk: Walk): boolean {
  const index = chosen.length;
  const wanted = (plan.source as Receive).binds[index];
  if (wanted === undefined) return acceptsBody(plan, target, chosen, binders, walk);
  if (++walk.nesting > NESTING_MAX) walk.budget.steps = -1;
  for (let at = 0; at < target.binds.length && walk.budget.steps >= 0; at++) {
    const bind = target.binds[at] as Bind;
    if (chosen.includes(at) || !isLikeBind(wanted, bind, walk)) continue;
    if (!accepts(plan.parts[index] as Plan, bind.source, binders, walk)) continue;
    chosen.push(at);
    const verdict = acceptsBinds(plan, target, chosen, binders, walk);
    chosen.pop();
    if (verdict) {
      walk.nesting--;
      return true;
    }
  }
  walk.nesting--;
  return false;
}

/** Whether a bind differs at most in its source. Whether it only looks is not compared (as in the reference). */
function isLikeBind(wanted: Bind, found: Bind, walk: Walk): boolean {
  walk.budget.steps -= 1 + wanted.patterns.length;
  if (found.freeCount !== wanted.freeCount || found.patterns.length !== wanted.patterns.length) return false;
  if (!equal(found.remainder, wanted.remainder)) return false;
  return wanted.patterns.every((pattern, at) => equal(pattern, found.patterns[at] as Value));
}

function acceptsBody(plan: Plan, target: Receive, chosen: readonly number[], binders: number, walk: Walk): boolean {
  const at = chosen.length;
  const inside = binders + bindersAt(plan, at);
  if (chosen.every((bind, index) => bind === index)) return accepts(plan.parts[at] as Plan, target.body, inside, walk);
  const body = renumber(target.body, orderOf(target, chosen), walk.budget);
  return body !== undefined && accepts(plan.parts[at] as Plan, body, inside, walk);
}

/** For each variable of the target's binds its index were they in the order `chosen`. */
function orderOf(target: Receive, chosen: readonly number[]): readonly number[] {
  const total = target.binds.reduce((sum, bind) => sum + bind.freeCount, 0);
  const starts: number[] = [];
  let start = 0;
  for (const bind of target.binds) {
    starts.push(start);
    start += bind.freeCount;
  }
  const order: number[] = [];
  let level = 0;
  for (const at of chosen) {
    for (let own = 0; own < (target.binds[at] as Bind).freeCount; own++) {
      order[total - 1 - ((starts[at] as number) + own)] = total - 1 - level;
      level++;
    }
  }
  return order;
}
