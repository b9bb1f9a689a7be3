/**
 * Whether a value holds expressions that still want evaluation. Data are evaluated when they are sent; only
 * what a pattern captured inside a quoted process can hold an expression.
 */
import { Kind } from '../../values/index.ts';
import type { ObjectValue, Value } from '../../values/index.ts';
import { isExpression } from './analysis.ts';

/** Collections that were looked through before. As it does not survive a crash, it must not show: no steps are counted. */
const known = new WeakSet<ObjectValue>();

export function isReduced(value: Value): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (value.kind < Kind.List) return true;
  const entered: ObjectValue[] = [];
  const stack: Value[] = [value];
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    if (typeof top !== 'object' || top === null) continue;
    if (isExpression(top)) return false;
    const items = itemsOf(top);
    if (items.length === 0 || known.has(top)) continue;
    entered.push(top);
    for (const item of items) if (typeof item === 'object' && item !== null) stack.push(item);
    if (top.kind === Kind.Map) for (const key of top.keys) if (typeof key === 'object' && key !== null) stack.push(key);
  }
  for (const node of entered) known.add(node);
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
