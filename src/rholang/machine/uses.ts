/**
 * What a continuation that has not run yet may do with a channel, read from its code and its environment: for
 * people who ask who could still send there. Owns the reading; must never run anything. It knows of what a later
 * message brings nothing, so what it finds may happen, and something else may too.
 */
import { limits } from '../../limits.ts';
import type { Body } from '../../space/index.ts';
import { BoundVariable, Bundle, equal, isNode, Kind, partsOf, type Value } from '../../values/index.ts';
import { compiledOf } from './compile.ts';
import { RHO_LABEL } from './machine.ts';
import type { Place } from './place.ts';
import { open } from './walk.ts';

export interface Use {
  /** It has a send on the channel in its code; else it only holds it, and may hand it on. */
  readonly sends: boolean;
  /** Numbers of values of those sends, ascending, each once. */
  readonly arities: readonly number[];
}

const HOLDS: Use = { sends: false, arities: [] };

/** Null when neither its code nor what it has in hand names the channel. */
export function useOf(body: Body, channel: Value): Use | null {
  const held = body.environment.some((value) => holds(value, channel));
  if (body.label !== RHO_LABEL || body.term === null) return held ? HOLDS : null;
  const place = compiledOf(body.term).places[body.place];
  // Code that goes on in the middle of a branch is no process of its own: what it was handed is all that is known.
  const source = place?.source ?? null;
  if (place === undefined || source === null) return held ? HOLDS : null;
  const arities = sendsOn(place, source, body.environment, channel);
  if (arities.length > 0) return { sends: true, arities };
  return held || holds(source, channel) ? HOLDS : null;
}

/** Whether a value is the channel, or has it somewhere inside. Values that are too large are taken to have it not. */
export function holds(value: Value, channel: Value): boolean {
  const stack: Value[] = [value];
  for (let left = limits.explain_nodes_max; left > 0 && stack.length > 0; left--) {
    const next = stack.pop() as Value;
    if (equal(next, channel)) return true;
    if (isNode(next)) for (const part of partsOf(next)) stack.push(part);
  }
  return false;
}

function sendsOn(place: Place, source: Value, environment: readonly Value[], channel: Value): readonly number[] {
  const { unit } = place;
  const arities = new Set<number>();
  const isChannel = (target: Value, depth: number): boolean => {
    const inner = target instanceof Bundle ? target.body : target;
    if (!(inner instanceof BoundVariable)) return equal(inner, channel);
    const level = unit.base + depth - 1 - inner.index;
    const at = unit.outerLevels.indexOf(level);
    if (level >= unit.base || at < 0) return false;
    const value = environment[at] as Value;
    return equal(value instanceof Bundle ? value.body : value, channel);
  };
  const stack: { readonly node: Value; readonly depth: number }[] = [{ node: source, depth: place.bound }];
  for (let left = limits.explain_nodes_max; left > 0 && stack.length > 0; left--) {
    const { node, depth } = stack.pop() as { node: Value; depth: number };
    if (typeof node !== 'object' || node === null) continue;
    if (node.kind === Kind.Send && isChannel(node.channel, depth)) arities.add(node.data.length);
    // A call is a send of the method, its arguments and a name for the answer.
    else if (node.kind === Kind.Method && isChannel(node.target, depth)) arities.add(node.args.length + 2);
    const opened = open(node);
    if (opened === null) continue;
    opened.values.forEach((value, index) => {
      if (!opened.patterns[index]) stack.push({ node: value, depth: depth + (opened.binders[index] as number) });
    });
  }
  return [...arities].sort((left, right) => left - right);
}
