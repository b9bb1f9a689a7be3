/**
 * Estimates how many bytes a value would take, counting shared parts as often as they are seen: doubling a
 * value forty times makes forty small objects, but what is stored, printed or sent has no sharing.
 */
import { PowerboxError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import { Kind, Name, Par } from '../../values/index.ts';
import type { ObjectValue, Value } from '../../values/index.ts';
import type { Machine } from './place.ts';
import { open } from './walk.ts';

/** Sizes of values with more parts than that are remembered. */
const REMEMBERED_FROM = 32;

/**
 * What is remembered must never show: steps decide where a turn ends, and a value read from disk after a crash
 * is not remembered. So walks count no steps; each part is walked about once in its life.
 */
const sizes = new WeakMap<ObjectValue, number>();

/** The value itself, unless it is larger than a program may build. */
export function checkSize<T extends Value>(value: T, machine: Machine): T {
  if (typeof value === 'object' && value !== null) checkBytes(sizeOf(value));
  else if (typeof value === 'string') checkText(value, machine);
  return value;
}

export function checkBytes(bytes: number): void {
  if (bytes > limits.value_bytes_max) {
    throw new PowerboxError(
      'too_much_work',
      `a value of about ${bytes} bytes is more than the ${limits.value_bytes_max} that a program may build`,
      {
        hint: 'keep large data in files, or send it in parts',
      },
    );
  }
}

function checkText(text: string, machine: Machine): void {
  checkBytes(text.length);
  machine.charge(text.length >> 8);
}

export function sizeOf(root: Value): number {
  const known = leafSize(root);
  if (known >= 0) return known;
  const stack: { node: ObjectValue; parts: readonly Value[]; next: number; size: number }[] = [];
  push(root as ObjectValue);
  for (;;) {
    const top = stack.at(-1);
    if (top === undefined) throw new Error('a walk of a value ends with its size');
    if (top.next < top.parts.length) {
      const part = top.parts[top.next++] as Value;
      const size = leafSize(part);
      if (size >= 0) top.size += size;
      else push(part as ObjectValue);
      continue;
    }
    stack.pop();
    if (top.size >= REMEMBERED_FROM) sizes.set(top.node, top.size);
    const above = stack.at(-1);
    if (above === undefined) return top.size;
    above.size += top.size;
  }

  function push(node: ObjectValue): void {
    stack.push({ node, parts: partsOf(node), next: 0, size: 2 });
  }
}

/** Collections, the common case, are not copied. */
function partsOf(node: ObjectValue): readonly Value[] {
  switch (node.kind) {
    case Kind.List:
    case Kind.Tuple:
    case Kind.Set:
      return node.items;
    default:
      return open(node)?.values ?? [];
  }
}

/** The size of what has no parts or is remembered; -1 for the rest. */
function leafSize(value: Value): number {
  switch (typeof value) {
    case 'string':
      return 2 + value.length;
    case 'number':
      return 3;
    case 'bigint':
      return 9;
    case 'boolean':
      return 1;
    default:
      break;
  }
  if (value === null) return 1;
  switch (value.kind) {
    case Kind.Name:
      return 34;
    case Kind.Bytes:
      return 4 + value.bytes.length;
    case Kind.Uri:
      return 4 + value.text.length;
    case Kind.BigInt:
      return 4 + bigBytes(value.value);
    case Kind.Float:
      return 9;
    default:
      return sizes.get(value) ?? -1;
  }
}

/** Steps of comparing a value once, beyond the first. */
export function weight(value: Value): number {
  if (typeof value === 'string') return value.length >> 8;
  if (typeof value !== 'object' || value === null || value instanceof Name) return 0;
  return sizeOf(value) >> 6;
}

/** Counts the work of putting parts in parallel: all that a flat, sorted composition of them holds. */
export function chargeParallel(parts: readonly Value[], machine: Machine): void {
  let count = 0;
  for (const part of parts) count += part instanceof Par ? part.parts.length : 1;
  machine.charge(8 * count);
}

const SMALL = 1n << 64n;

export function bigBytes(n: bigint): number {
  if (n < SMALL && n > -SMALL) return 8;
  return n.toString(16).length >> 1;
}
