/**
 * What one look decides: equality, types, and whether a variable may hold a value. Owns what each of these
 * costs; must never go down into a pattern.
 */
import { equal, isClosed, Kind, kindOf } from '../values/index.ts';
import type { TypeWord, Value } from '../values/index.ts';
import { Op } from './plan.ts';
import type { Plan } from './plan.ts';
import type { Budget } from './types.ts';
import type { Walk } from './walk.ts';

/** Whether a plan without parts accepts a target. The step for it is already paid. */
export function acceptsLeaf(plan: Plan, target: Value, binders: number, walk: Walk): boolean {
  switch (plan.op) {
    case Op.Any:
      return true;
    case Op.Primitive:
      return plan.source === target;
    case Op.Ground:
      return equalsWithin(plan, target, walk.budget);
    case Op.Type:
      return isOfType((plan.source as TypeWord).word, target);
    case Op.Closed:
      return isFree(target, binders, walk);
    case Op.Capture:
      if (!isFree(target, binders, walk)) return false;
      walk.captures[plan.level] = target;
      return true;
    default:
      return false;
  }
}

/** Gives the rest to the variable that asks for it, if it may hold it. */
export function keepRest(plan: Plan, rest: Value, binders: number, walk: Walk): boolean {
  if (!isFree(rest, binders, walk)) return false;
  if (plan.level >= 0) walk.captures[plan.level] = rest;
  return true;
}

/** Whether a variable may hold `target`. Outside of all binders a target is closed: its caller has seen to it. */
export function isFree(target: Value, binders: number, walk: Walk): boolean {
  if (typeof target !== 'object' || target === null) return true;
  return binders === 0 ? target.kind !== Kind.BoundVariable : isClosed(target, walk.budget);
}

/** Costs all nodes of the ground value once a first look finds no difference. */
export function equalsWithin(plan: Plan, target: Value, budget: Budget): boolean {
  const source = plan.source;
  if (source === target) return true;
  if (kindOf(source) !== kindOf(target) || sizeOf(source) !== sizeOf(target)) return false;
  budget.steps -= plan.weight - 1;
  return budget.steps >= 0 && equal(source, target);
}

function sizeOf(value: Value): number {
  if (typeof value !== 'object' || value === null) return 0;
  switch (value.kind) {
    case Kind.List:
    case Kind.Tuple:
    case Kind.Set:
    case Kind.Map:
      return value.items.length;
    case Kind.Par:
      return value.parts.length;
    default:
      return 0;
  }
}

function isOfType(word: TypeWord['word'], target: Value): boolean {
  const kind = kindOf(target);
  switch (word) {
    case 'Bool':
      return kind === Kind.Boolean;
    case 'Int':
      return kind === Kind.Int;
    case 'BigInt':
      return kind === Kind.BigInt;
    case 'Float':
      return kind === Kind.Float;
    case 'String':
      return kind === Kind.String;
    case 'Uri':
      return kind === Kind.Uri;
    case 'ByteArray':
      return kind === Kind.Bytes;
  }
}
