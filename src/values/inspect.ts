/**
 * Questions about terms that every layer asks: is it closed, is it a pattern, how large, how deep. Owns no
 * state. Must never recurse: terms come from programs and may be as deep as they like.
 */
import { limits } from '../limits.ts';
import { isNode, partsOf, remainderOf } from './parts.ts';
import type { Node } from './parts.ts';
import { Kind } from './value.ts';
import type { Value } from './value.ts';

/** How many variables the binders around a place have bound, and the same outside of the enclosing pattern. */
interface Scope {
  readonly count: number;
  readonly outside: Scope | null;
}

interface Place {
  readonly value: Value;
  readonly scope: Scope;
}

const EMPTY_SCOPE: Scope = { count: 0, outside: null };

const UNBOUNDED = { steps: Number.POSITIVE_INFINITY };

/**
 * Whether no bound variable, remainder or variable reference points outside of the term. Each node costs a
 * step of `budget`; when it falls below zero the answer is false.
 */
export function isClosed(value: Value, budget: { steps: number } = UNBOUNDED): boolean {
  if (!isNode(value)) return true;
  const waiting: Place[] = [{ value, scope: EMPTY_SCOPE }];
  for (let place = waiting.pop(); place !== undefined; place = waiting.pop()) {
    const node = place.value as Node;
    const { scope } = place;
    if (--budget.steps < 0) return false;
    if (node.kind === Kind.BoundVariable) {
      if (node.index >= scope.count) return false;
    } else if (node.kind === Kind.VariableReference) {
      let seen: Scope | null = scope;
      for (let level = 0; level < node.depth && seen !== null; level++) seen = seen.outside;
      if (seen === null || node.index >= seen.count) return false;
    } else pushParts(node, scope, waiting);
  }
  return true;
}

function push(value: Value, scope: Scope, waiting: Place[]): void {
  if (isNode(value)) waiting.push({ value, scope });
}

/** The parts that are nodes, each with the scope that it sees. */
function pushParts(node: Node, scope: Scope, waiting: Place[]): void {
  switch (node.kind) {
    case Kind.New:
      push(node.body, wider(scope, node.count), waiting);
      return;
    case Kind.Matches:
      push(node.target, scope, waiting);
      push(node.pattern, within(scope), waiting);
      return;
    case Kind.Match:
      push(node.target, scope, waiting);
      for (const each of node.cases) {
        push(each.pattern, within(scope), waiting);
        push(each.body, wider(scope, each.freeCount), waiting);
      }
      return;
    case Kind.Receive: {
      let bound = 0;
      for (const bind of node.binds) {
        push(bind.source, scope, waiting);
        for (const pattern of bind.patterns) push(pattern, within(scope), waiting);
        push(bind.remainder, within(scope), waiting);
        bound += bind.freeCount;
      }
      push(node.body, wider(scope, bound), waiting);
      return;
    }
    default:
      for (const part of partsOf(node)) push(part, scope, waiting);
      push(remainderOf(node), scope, waiting);
  }
}

function wider(scope: Scope, count: number): Scope {
  return count === 0 ? scope : { count: scope.count + count, outside: scope.outside };
}

/** A pattern sees no variable of its surroundings except through references. */
function within(scope: Scope): Scope {
  return { count: 0, outside: scope };
}

/**
 * Whether a term says less than one value: it holds a free variable, a wildcard, a connective, a type word, or
 * a remainder that is one of the first two. The patterns inside of a receive, match or `matches` do not
 * count: they belong to it.
 */
export function isPattern(value: Value): boolean {
  const waiting: Node[] = [];
  if (isNode(value)) waiting.push(value);
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    switch (node.kind) {
      case Kind.FreeVariable:
      case Kind.Wildcard:
      case Kind.TypeWord:
      case Kind.Conjunction:
      case Kind.Disjunction:
      case Kind.Negation:
        return true;
      case Kind.Matches:
        if (isNode(node.target)) waiting.push(node.target);
        break;
      case Kind.Match:
        if (isNode(node.target)) waiting.push(node.target);
        for (const each of node.cases) if (isNode(each.body)) waiting.push(each.body);
        break;
      case Kind.Receive:
        for (const bind of node.binds) if (isNode(bind.source)) waiting.push(bind.source);
        if (isNode(node.body)) waiting.push(node.body);
        break;
      default: {
        for (const part of partsOf(node)) if (isNode(part)) waiting.push(part);
        const remainder = remainderOf(node);
        if (remainder !== null) waiting.push(remainder);
      }
    }
  }
  return false;
}

/**
 * About how many bytes of memory the value takes, shared parts counted each time they occur. Stops counting at
 * `bytes_max`, so its cost is bounded even for a value that was doubled forty times: an answer of at least
 * `bytes_max` means too large.
 */
export function sizeOf(value: Value, bytes_max: number = limits.value_bytes_max): number {
  const waiting: Node[] = [];
  let size = sizeAlone(value);
  if (isNode(value)) waiting.push(value);
  for (let node = waiting.pop(); node !== undefined && size < bytes_max; node = waiting.pop()) {
    for (const part of partsOf(node)) {
      size += sizeAlone(part);
      if (isNode(part)) waiting.push(part);
    }
  }
  return size;
}

/** Without its parts; a slot of the collection that holds it is counted here. */
function sizeAlone(value: Value): number {
  switch (typeof value) {
    case 'string':
      return 24 + value.length;
    case 'number':
    case 'boolean':
      return 8;
    case 'bigint':
      return 24;
    default:
      if (value === null) return 8;
  }
  switch (value.kind) {
    case Kind.Bytes:
      return 96 + value.bytes.length;
    case Kind.Uri:
      return 40 + value.text.length;
    case Kind.Name:
      return 96;
    case Kind.BigInt:
      return 40 + bigintBytes(value.value);
    default:
      return 48;
  }
}

/** Halves the number of bits to look at instead of printing it. */
function bigintBytes(n: bigint): number {
  if (BigInt.asIntN(64, n) === n) return 8;
  let bits = 128;
  while (BigInt.asIntN(bits, n) !== n) bits *= 2;
  return bits / 8;
}

/** Levels of nesting as the codec counts them: 0 for what has no parts. Shared parts are looked at once. */
export function depthOf(value: Value): number {
  if (!isNode(value)) return 0;
  const known = new Map<Node, number>();
  const open: { readonly node: Node; readonly parts: readonly Value[]; next: number; deepest: number }[] = [];
  let node: Node | null = value;
  let depth = 0;
  for (;;) {
    if (node !== null) {
      const before: number | undefined = known.get(node);
      if (before === undefined) {
        open.push({ node, parts: partsOf(node), next: 0, deepest: 0 });
        node = null;
        continue;
      }
      depth = before;
    }
    const top = open[open.length - 1];
    if (top === undefined) return depth;
    if (node !== null && depth > top.deepest) top.deepest = depth;
    node = null;
    while (node === null && top.next < top.parts.length) {
      const part = top.parts[top.next++] as Value;
      if (isNode(part)) node = part;
    }
    if (node === null) {
      known.set(top.node, 1 + withRemainder(top.node, top.deepest));
      open.pop();
      node = top.node;
    }
  }
}

/** A remainder is a part too, and the entries of a map with one are written as a map within the node. */
function withRemainder(node: Node, deepest: number): number {
  if (remainderOf(node) === null) return deepest;
  return Math.max(1, node.kind === Kind.Map ? deepest + 1 : deepest);
}
