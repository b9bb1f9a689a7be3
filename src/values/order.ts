/**
 * Order by value and equality: the one total order that sorts sets, maps and parallel compositions, prints
 * them and names channels. Owns the law written in spec/values.md, section "Order". Must never use the
 * JavaScript stack in proportion to a value's depth, and equality must never make a name derive its bytes.
 */
import { partsOf, remainderOf } from './parts.ts';
import type { Node } from './parts.ts';
import { Kind, kindOf, sameName } from './value.ts';
import type { Name, ObjectValue, Value } from './value.ts';

/** Levels that the fast recursive path goes down before an explicit stack takes over. */
const RECURSION_MAX = 200;

/** Below, at or above zero as `left` comes before, equals or comes after `right`. */
export function compare(left: Value, right: Value): number {
  return compareAt(left, right, 0);
}

/** The same as `compare(left, right) === 0`, without looking at the bytes of names. */
export function equal(left: Value, right: Value): boolean {
  return equalAt(left, right, 0);
}

/** Code point order. UTF-16 puts surrogates below U+E000..U+FFFF, so those two ranges trade places. */
export function compareText(left: string, right: string): number {
  if (left === right) return 0;
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index++) {
    const a = left.charCodeAt(index);
    const b = right.charCodeAt(index);
    if (a !== b) {
      if (a < 0xd800 || b < 0xd800) return a - b;
      return codePointRank(a) - codePointRank(b);
    }
  }
  return left.length - right.length;
}

function codePointRank(unit: number): number {
  return unit >= 0xe000 ? unit - 0x0800 : unit + 0x2000;
}

export function compareBytes(left: Uint8Array, right: Uint8Array): number {
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index++) {
    const difference = (left[index] as number) - (right[index] as number);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

function compareNumbers(left: number | bigint, right: number | bigint): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

/** NaN comes last. */
function compareFloats(left: number, right: number): number {
  if (left < right) return -1;
  if (left > right) return 1;
  if (left === right) return 0;
  return (Number.isNaN(left) ? 1 : 0) - (Number.isNaN(right) ? 1 : 0);
}

function compareNames(left: Name, right: Name): number {
  return left === right ? 0 : compareBytes(left.bytes, right.bytes);
}

/** The answer for values that differ in kind or are leaves; undefined for two nodes of one kind. */
function compareLeaves(left: Value, right: Value): number | undefined {
  if (left === right) return 0;
  if (typeof left === 'string' && typeof right === 'string') return compareText(left, right);
  if (typeof left === 'number' && typeof right === 'number') return left < right ? -1 : 1;
  const kind = kindOf(left);
  const difference = kind - kindOf(right);
  if (difference !== 0) return difference;
  switch (kind) {
    case Kind.Nil:
      return 0;
    case Kind.Boolean:
      return left === false ? -1 : 1;
    case Kind.Int:
      return compareNumbers(left as number | bigint, right as number | bigint);
    case Kind.String:
      return compareText(left as string, right as string);
    default:
      return compareObjectLeaves(left as ObjectValue, right as ObjectValue);
  }
}

function compareObjectLeaves(left: ObjectValue, right: ObjectValue): number | undefined {
  if (left.kind === Kind.BigInt && right.kind === Kind.BigInt) return compareNumbers(left.value, right.value);
  if (left.kind === Kind.Float && right.kind === Kind.Float) return compareFloats(left.value, right.value);
  if (left.kind === Kind.Bytes && right.kind === Kind.Bytes) return compareBytes(left.bytes, right.bytes);
  if (left.kind === Kind.Uri && right.kind === Kind.Uri) return compareText(left.text, right.text);
  if (left.kind === Kind.Name && right.kind === Kind.Name) return compareNames(left, right);
  return undefined;
}

function compareAt(left: Value, right: Value, depth: number): number {
  const verdict = compareLeaves(left, right);
  if (verdict !== undefined) return verdict;
  if (depth >= RECURSION_MAX) return walk(left as Node, right as Node, compareLeaves);
  const source = partsOf(left as Node);
  const target = partsOf(right as Node);
  const length = Math.min(source.length, target.length);
  for (let index = 0; index < length; index++) {
    const difference = compareAt(source[index] as Value, target[index] as Value, depth + 1);
    if (difference !== 0) return difference;
  }
  if (source.length !== target.length) return source.length - target.length;
  return compareRemainders(left as Node, right as Node);
}

/** Remainders are variables, so one level down there are only numbers. */
function compareRemainders(left: Node, right: Node): number {
  const source = remainderOf(left);
  const target = remainderOf(right);
  return source === target ? 0 : compareAt(source, target, 0);
}

/** 0 or 1 as the leaves are equal or not; undefined for two nodes of one kind. */
function differLeaves(left: Value, right: Value): number | undefined {
  if (left === right) return 0;
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return 1;
  if (left.kind !== right.kind) return 1;
  switch (left.kind) {
    case Kind.Name:
      return sameName(left, right as Name) ? 0 : 1;
    case Kind.BigInt:
    case Kind.Float:
    case Kind.Bytes:
    case Kind.Uri:
      return compareObjectLeaves(left, right) === 0 ? 0 : 1;
    default:
      return undefined;
  }
}

function equalAt(left: Value, right: Value, depth: number): boolean {
  const verdict = differLeaves(left, right);
  if (verdict !== undefined) return verdict === 0;
  if (depth >= RECURSION_MAX) return walk(left as Node, right as Node, differLeaves) === 0;
  const source = partsOf(left as Node);
  const target = partsOf(right as Node);
  if (source.length !== target.length) return false;
  for (let index = 0; index < source.length; index++) {
    if (!equalAt(source[index] as Value, target[index] as Value, depth + 1)) return false;
  }
  return compareRemainders(left as Node, right as Node) === 0;
}

interface Frame {
  readonly left: Node;
  readonly right: Node;
  readonly source: readonly Value[];
  readonly target: readonly Value[];
  next: number;
}

/** Both orders for deep nodes: the same walk, with its own stack. */
function walk(left: Node, right: Node, leaves: (left: Value, right: Value) => number | undefined): number {
  const stack: Frame[] = [frameOf(left, right)];
  for (;;) {
    const top = stack[stack.length - 1];
    if (top === undefined) return 0;
    const { source, target, next } = top;
    if (next < source.length && next < target.length) {
      top.next = next + 1;
      const a = source[next] as Value;
      const b = target[next] as Value;
      const verdict = leaves(a, b);
      if (verdict === undefined) stack.push(frameOf(a as Node, b as Node));
      else if (verdict !== 0) return verdict;
    } else {
      if (source.length !== target.length) return source.length - target.length;
      const verdict = compareRemainders(top.left, top.right);
      if (verdict !== 0) return verdict;
      stack.pop();
    }
  }
}

function frameOf(left: Node, right: Node): Frame {
  return { left, right, source: partsOf(left), target: partsOf(right), next: 0 };
}

/** Whether items ascend: strictly, so without duplicates, unless a multiset is meant. */
export function isAscending(items: readonly Value[], multiset = false): boolean {
  for (let index = 1; index < items.length; index++) {
    const difference = compare(items[index - 1] as Value, items[index] as Value);
    if (difference > 0 || (difference === 0 && !multiset)) return false;
  }
  return true;
}
