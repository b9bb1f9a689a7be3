/**
 * What the compiler must know about every node of a term before it compiles it: whether it is a constant,
 * whether evaluating it can call a native, how deep it nests. One pass, bottom-up, on a stack of its own.
 */
import { Kind } from '../../values/index.ts';
import type { Method, ObjectValue, Value } from '../../values/index.ts';
import { open } from './walk.ts';
import type { Opened } from './walk.ts';

export interface Facts {
  /** Outer binders that the node needs; 0 means closed, Infinity that a pattern in it refers outwards. */
  readonly reach: number;
  /** Evaluating it gives the node itself. */
  readonly constant: boolean;
  /** Evaluating it may send a call and wait for the answer. */
  readonly calls: boolean;
  /** Depth of what evaluating it has to go down. */
  readonly height: number;
  /** Nodes that evaluating it visits. */
  readonly size: number;
}

const GROUND: Facts = { reach: 0, constant: true, calls: false, height: 0, size: 1 };

export class Analysis {
  readonly #facts = new Map<ObjectValue, Facts>();

  constructor(root: Value) {
    if (typeof root !== 'object' || root === null) return;
    const stack: { node: ObjectValue; opened: Opened | null; next: number }[] = [
      { node: root, opened: open(root), next: 0 },
    ];
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const { opened } = top;
      if (opened !== null && top.next < opened.values.length) {
        const child = opened.values[top.next++];
        if (typeof child === 'object' && child !== null && !this.#facts.has(child)) {
          stack.push({ node: child, opened: open(child), next: 0 });
        }
        continue;
      }
      stack.pop();
      this.#facts.set(top.node, this.#conclude(top.node, opened));
    }
  }

  of(value: Value): Facts {
    if (typeof value !== 'object' || value === null) return GROUND;
    return this.#facts.get(value) ?? GROUND;
  }

  #conclude(node: ObjectValue, opened: Opened | null): Facts {
    if (opened === null) return leaf(node);
    let reach = 0;
    let calls = false;
    let height = 0;
    let size = 1;
    let constant = true;
    for (let index = 0; index < opened.values.length; index++) {
      const facts = this.of(opened.values[index] as Value);
      if (opened.patterns[index]) {
        if (facts.reach === Infinity) reach = Infinity;
        continue;
      }
      reach = Math.max(reach, facts.reach - (opened.binders[index] as number));
      calls ||= facts.calls;
      height = Math.max(height, facts.height);
      size += facts.size;
      constant &&= facts.constant;
    }
    if (!isEvaluated(node)) return { reach, constant: reach === 0, calls: false, height: 1, size };
    return {
      reach,
      constant: constant && !isExpression(node),
      calls: calls || (node.kind === Kind.Method && !isGroundMethod(node)),
      height: height + 1,
      size,
    };
  }
}

function leaf(node: ObjectValue): Facts {
  switch (node.kind) {
    case Kind.BoundVariable:
      return { reach: node.index + 1, constant: false, calls: false, height: 0, size: 1 };
    case Kind.VariableReference:
      return { reach: Infinity, constant: true, calls: false, height: 0, size: 1 };
    default:
      return GROUND;
  }
}

export function isExpression(node: ObjectValue): boolean {
  return node.kind === Kind.Operation || node.kind === Kind.Method || node.kind === Kind.Matches;
}

/** Kinds whose parts are evaluated where they stand in data; the other kinds are quoted processes there. */
function isEvaluated(node: ObjectValue): boolean {
  switch (node.kind) {
    case Kind.List:
    case Kind.Tuple:
    case Kind.Set:
    case Kind.Map:
    case Kind.Par:
      return true;
    default:
      return isExpression(node);
  }
}

/** A method whose target can only be ground: a literal, a collection or what an operator gives. */
export function isGroundMethod(node: Method): boolean {
  const { target } = node;
  if (typeof target !== 'object' || target === null) return true;
  switch (target.kind) {
    case Kind.BoundVariable:
    case Kind.Method:
    case Kind.Name:
    case Kind.Bundle:
    case Kind.Par:
      return false;
    default:
      return true;
  }
}
