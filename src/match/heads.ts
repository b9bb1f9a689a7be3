/**
 * The heads of lists, tuples and processes: what must be alike before their parts are matched one by one. Must
 * never match a part itself.
 */
import { equal, Kind, list } from '../values/index.ts';
import type { List, Match, Matches, Method, New, Operation, Send, Value } from '../values/index.ts';
import { keepRest } from './leaves.ts';
import { Op, REST_DROP, REST_NONE } from './plan.ts';
import type { Plan } from './plan.ts';
import type { Walk } from './walk.ts';

/** The parts of a target whose head is as the plan's, in the order of the plan's parts; else null. */
export function childrenOfLike(plan: Plan, target: Value, binders: number, walk: Walk): readonly Value[] | null {
  if (typeof target !== 'object' || target === null) return null;
  const source = plan.source;
  switch (plan.op) {
    case Op.List:
      return target.kind === Kind.List ? itemsOfLike(plan, target, binders, walk) : null;
    case Op.Tuple:
      return target.kind === Kind.Tuple && target.items.length === plan.parts.length ? target.items : null;
    case Op.Send: {
      const send = source as Send;
      if (target.kind !== Kind.Send || target.persistent !== send.persistent) return null;
      return target.data.length === send.data.length ? [target.channel, ...target.data] : null;
    }
    case Op.New:
      return target.kind === Kind.New && target.count === (source as New).count ? [target.body] : null;
    case Op.Match:
      return target.kind === Kind.Match ? bodiesOfLike(source as Match, target, walk) : null;
    case Op.Operation: {
      if (target.kind !== Kind.Operation || target.operator !== (source as Operation).operator) return null;
      return target.right === undefined ? [target.left] : [target.left, target.right];
    }
    case Op.Method: {
      const method = source as Method;
      if (target.kind !== Kind.Method || target.name !== method.name) return null;
      return target.args.length === method.args.length ? [target.target, ...target.args] : null;
    }
    case Op.Matches: {
      if (target.kind !== Kind.Matches || !equal(target.pattern, (source as Matches).pattern)) return null;
      return [target.target];
    }
    default:
      return null;
  }
}

function itemsOfLike(plan: Plan, target: List, binders: number, walk: Walk): readonly Value[] | null {
  const count = plan.parts.length;
  if (plan.level === REST_NONE) {
    if (target.items.length !== count) return null;
    const remainder = (plan.source as List).remainder;
    return target.remainder === remainder || equal(target.remainder, remainder) ? target.items : null;
  }
  if (target.items.length < count) return null;
  if (plan.level === REST_DROP) return target.items;
  const rest = count === 0 ? target : list(target.items.slice(count), target.remainder);
  return keepRest(plan, rest, binders, walk) ? target.items : null;
}

function bodiesOfLike(source: Match, target: Match, walk: Walk): readonly Value[] | null {
  if (target.cases.length !== source.cases.length) return null;
  const children: Value[] = [target.target];
  for (let at = 0; at < source.cases.length; at++) {
    const wanted = source.cases[at] as Match['cases'][number];
    const found = target.cases[at] as Match['cases'][number];
    walk.budget.steps--;
    if (found.freeCount !== wanted.freeCount || !equal(found.pattern, wanted.pattern)) return null;
    children.push(found.body);
  }
  return children;
}
