/**
 * Makes a closed value of a quoted process or of a pattern: bound variables become what a frame holds. Nothing
 * is evaluated. Keeps its own stack; unchanged parts are shared.
 */
import { PowerboxError } from '../../errors.ts';
import { Kind } from '../../values/index.ts';
import type { ObjectValue, Value } from '../../values/index.ts';
import type { Frame, Machine } from './place.ts';
import { chargeParallel } from './sizes.ts';
import { close, open } from './walk.ts';
import type { Opened } from './walk.ts';

/** Slots by index of the outer variable, as seen from the node. */
export type SlotsByIndex = ReadonlyMap<number, number>;

interface Level {
  readonly node: ObjectValue;
  readonly opened: Opened;
  /** Binders inside the node being substituted that were passed outside of any pattern. */
  readonly shift: number;
  /** Pattern levels passed. */
  readonly patternLevel: number;
  next: number;
  changed: boolean;
}

type Resolve = (index: number, inner: Value) => Value;

/** `patternLevel` is 1 when the node itself is a pattern. */
export function substitute(
  root: Value,
  patternLevel: number,
  slots: SlotsByIndex,
  frame: Frame,
  machine: Machine,
): Value {
  return walk(
    root,
    patternLevel,
    (index, inner) => {
      const slot = slots.get(index);
      return slot === undefined ? inner : (frame[slot] as Value);
    },
    machine,
  );
}

/** Indices of the outer variables that a node needs. */
export function outerIndices(root: Value, patternLevel: number): number[] {
  const found = new Set<number>();
  walk(
    root,
    patternLevel,
    (index, inner) => {
      found.add(index);
      return inner;
    },
    null,
  );
  return [...found].sort((left, right) => left - right);
}

function walk(root: Value, patternLevel: number, resolve: Resolve, machine: Machine | null): Value {
  const stack: Level[] = [];
  let result = enter(root, 0, patternLevel, resolve, stack);
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const { opened } = top;
    if (top.next > 0 && result !== undefined) {
      if (opened.values[top.next - 1] !== result) {
        opened.values[top.next - 1] = result;
        top.changed = true;
      }
      result = undefined;
    }
    if (top.next < opened.values.length) {
      const at = top.next++;
      const pattern = opened.patterns[at] === true;
      const shift = top.patternLevel === 0 && !pattern ? top.shift + (opened.binders[at] as number) : top.shift;
      result = enter(opened.values[at] as Value, shift, top.patternLevel + (pattern ? 1 : 0), resolve, stack);
      continue;
    }
    stack.pop();
    if (machine !== null) {
      machine.charge(1 + opened.values.length);
      if (top.node.kind === Kind.Par) chargeParallel(opened.values, machine);
    }
    result = top.changed ? close(top.node, opened.values) : top.node;
  }
  if (result === undefined) throw new Error('a walk of a term ends with its result');
  return result;
}

/** The result when the node has no parts; otherwise a new level is on the stack. */
function enter(node: Value, shift: number, patternLevel: number, resolve: Resolve, stack: Level[]): Value | undefined {
  if (typeof node !== 'object' || node === null) return node;
  switch (node.kind) {
    case Kind.BoundVariable:
      return patternLevel === 0 && node.index >= shift ? resolve(node.index - shift, node) : node;
    case Kind.VariableReference:
      return patternLevel === node.depth && node.index >= shift ? resolve(node.index - shift, node) : node;
    case Kind.Wildcard:
    case Kind.FreeVariable:
      if (patternLevel === 0) {
        throw new PowerboxError(
          'evaluation_error',
          'illegal substitution: a variable of a pattern stands outside a pattern',
        );
      }
      return node;
    default: {
      const opened = open(node);
      if (opened === null) return node;
      stack.push({ node, opened, shift, patternLevel, next: 0, changed: false });
      return undefined;
    }
  }
}
