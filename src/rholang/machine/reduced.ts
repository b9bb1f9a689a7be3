/**
 * Whether a value holds expressions that still want evaluation. Data are evaluated when they are sent; only
 * what a pattern captured inside a quoted process can hold an expression.
 */
import { Kind } from '../../values/index.ts';
import type { ObjectValue, Value } from '../../values/index.ts';
import { isExpression } from './analysis.ts';
import type { Machine } from './place.ts';

/** Collections that were looked through before; a value never changes. */
const known = new WeakSet<ObjectValue>();

export function isReduced(value: Value, machine: Machine): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (value.kind < Kind.List) return true;
  const entered: ObjectValue[] = [];
  const stack: Value[] = [value];
  let seen = 0;
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    seen++;
    if (typeof top !== 'object' || top === null) continue;
    if (isExpression(top)) return false;
    const items = itemsOf(top);
    if (items.length === 0 || known.has(top)) continue;
    entered.push(top);
    for (const item of items) if (typeof item === 'object' && item !== null) stack.push(item);
    if (top.kind === Kind.Map) for (const key of top.keys) if (typeof key === 'object' && key !== null) stack.push(key);
    seen += items.length >> 3;
  }
  for (const node of entered) known.add(node);
  machine.charge(seen);
  return true;
}

const NONE: readonly Value[] = [];

function itemsOf(node: ObjectValue): readonly Value[] {
  switch (node.kind) {
    case Kind.List:
    case Kind.Tuple:
    case Kind.Set:
    case Kind.Map:
      return node.items;
    case Kind.Par:
      return node.parts;
    default:
      return NONE;
  }
}
