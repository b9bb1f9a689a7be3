/**
 * Methods of data. A table by name; each method says which types it takes and what it does at the edges. A
 * method of a name never comes here: it is a call.
 */
import { Bytes, List, MapValue, SetValue, Tuple, encodeValue, map, set } from '../../values/index.ts';
import type { Method, Value } from '../../values/index.ts';
import {
  entries,
  find,
  mapDifference,
  mapUnion,
  setDifference,
  setUnion,
  withEntry,
  withItem,
  withoutItem,
  withoutKey,
} from './collections.ts';
import { conversions } from './conversions.ts';
import type { DataMethod } from './conversions.ts';
import { fault, typeName } from './faults.ts';
import type { Machine } from './place.ts';
import { checkSize } from './sizes.ts';
import { codePointCount, sliceText } from './text.ts';

function indexArgument(value: Value | undefined, node: Method): number {
  if (typeof value === 'number' && value >= -0x80000000 && value <= 0x7fffffff) return value;
  if (typeof value === 'number' || typeof value === 'bigint')
    throw fault(node, `method \`${node.name}\` takes an Int of 32 bits and got ${value}`);
  throw fault(node, `method \`${node.name}\` expects Int and got ${typeName(value ?? null)}`);
}

/** The methods that take no argument, one, two. */
function none(apply: (target: Value, node: Method, machine: Machine) => Value | undefined): DataMethod {
  return { argumentCount: 0, apply: (target, _args, node, machine) => apply(target, node, machine) };
}
function one(apply: (target: Value, first: Value, node: Method, machine: Machine) => Value | undefined): DataMethod {
  return { argumentCount: 1, apply: (target, args, node, machine) => apply(target, args[0] as Value, node, machine) };
}
function two(
  apply: (target: Value, first: Value, second: Value, node: Method, machine: Machine) => Value | undefined,
): DataMethod {
  return {
    argumentCount: 2,
    apply: (target, args, node, machine) => apply(target, args[0] as Value, args[1] as Value, node, machine),
  };
}

const collections: Record<string, DataMethod> = {
  nth: one((target, at, node) => {
    const items =
      target instanceof List || target instanceof Tuple
        ? target.items
        : target instanceof Bytes
          ? target.bytes
          : undefined;
    if (items === undefined) return undefined;
    const index = indexArgument(at, node);
    const item = items[index];
    if (item === undefined) throw fault(node, `index out of bound: ${index} of ${items.length}`);
    return item;
  }),
  length: none((target, _node, machine) => {
    if (typeof target === 'string') {
      machine.charge(target.length >> 8);
      return codePointCount(target);
    }
    if (target instanceof List) return target.items.length;
    return target instanceof Bytes ? target.bytes.length : undefined;
  }),
  size: none((target) => {
    if (target instanceof SetValue) return target.items.length;
    return target instanceof MapValue ? target.keys.length : undefined;
  }),
  slice: two((target, first, second, node, machine) => {
    const until = Math.max(0, indexArgument(second, node));
    const from = Math.min(Math.max(0, indexArgument(first, node)), until);
    if (typeof target === 'string') {
      machine.charge(target.length >> 8);
      return sliceText(target, from, until);
    }
    if (target instanceof List) {
      machine.charge(Math.min(target.items.length, until - from));
      return new List(target.items.slice(from, until));
    }
    return target instanceof Bytes ? new Bytes(target.bytes.slice(from, until)) : undefined;
  }),
  take: one((target, count, node, machine) => {
    if (!(target instanceof List)) return undefined;
    const kept = target.items.slice(0, Math.max(0, indexArgument(count, node)));
    machine.charge(kept.length);
    return new List(kept);
  }),
  contains: one((target, item, _node, machine) => {
    if (target instanceof SetValue) return find(target.items, item, machine) >= 0;
    return target instanceof MapValue ? find(target.keys, item, machine) >= 0 : undefined;
  }),
  get: one((target, key, _node, machine) =>
    target instanceof MapValue ? lookup(target, key, null, machine) : undefined,
  ),
  getOrElse: two((target, key, otherwise, _node, machine) =>
    target instanceof MapValue ? lookup(target, key, otherwise, machine) : undefined,
  ),
  set: two((target, key, item, _node, machine) =>
    target instanceof MapValue ? withEntry(target, key, item, machine) : undefined,
  ),
  add: one((target, item, _node, machine) =>
    target instanceof SetValue ? withItem(target, item, machine) : undefined,
  ),
  delete: one((target, item, _node, machine) => {
    if (target instanceof SetValue) return withoutItem(target, item, machine);
    return target instanceof MapValue ? withoutKey(target, item, machine) : undefined;
  }),
  union: one((target, other, node, machine) => {
    if (target instanceof SetValue && other instanceof SetValue) return setUnion(target, other, machine);
    if (target instanceof MapValue && other instanceof MapValue) return mapUnion(target, other, machine);
    return ofItsOwnType(target, other, node);
  }),
  diff: one((target, other, node, machine) => {
    if (target instanceof SetValue && other instanceof SetValue) return setDifference(target, other, machine);
    if (target instanceof MapValue && other instanceof MapValue) return mapDifference(target, other, machine);
    return ofItsOwnType(target, other, node);
  }),
  intersection: one((target, other, node, machine) => {
    if (target instanceof SetValue && other instanceof SetValue)
      return new SetValue(target.items.filter((item) => find(other.items, item, machine) >= 0));
    return target instanceof SetValue ? ofItsOwnType(target, other, node) : undefined;
  }),
  keys: none((target, _node, machine) => {
    if (!(target instanceof MapValue)) return undefined;
    machine.charge(target.keys.length);
    return new SetValue(target.keys);
  }),
  toList: none((target, _node, machine) => {
    const items = target instanceof MapValue ? pairs(target) : itemsOf(target);
    if (items === undefined) return undefined;
    machine.charge(items.length);
    return new List(items);
  }),
  toSet: none((target, _node, machine) => {
    if (target instanceof SetValue) return target;
    const items = target instanceof MapValue ? pairs(target) : target instanceof List ? target.items : undefined;
    if (items === undefined) return undefined;
    machine.charge(items.length);
    return checkSize(set(items), machine);
  }),
  toMap: none((target, node, machine) => {
    if (target instanceof MapValue) return target;
    if (!(target instanceof List) && !(target instanceof SetValue)) return undefined;
    machine.charge(target.items.length);
    return checkSize(map(target.items.map((item) => pair(item, node))), machine);
  }),
  toByteArray: none((target, _node, machine) => {
    checkSize(target, machine);
    const encoded = encodeValue(target);
    machine.charge(encoded.length >> 4);
    return new Bytes(encoded);
  }),
};

function lookup(target: MapValue, key: Value, otherwise: Value, machine: Machine): Value {
  const at = find(target.keys, key, machine);
  return at < 0 ? otherwise : (target.items[at] as Value);
}

function ofItsOwnType(target: Value, other: Value, node: Method): undefined {
  if (!(target instanceof SetValue) && !(target instanceof MapValue)) return undefined;
  throw fault(
    node,
    `method \`${node.name}\` of ${typeName(target)} expects ${typeName(target)} and got ${typeName(other)}`,
  );
}

function itemsOf(target: Value): readonly Value[] | undefined {
  return target instanceof List || target instanceof Tuple || target instanceof SetValue ? target.items : undefined;
}

function pairs(target: MapValue): Value[] {
  return entries(target).map((entry) => new Tuple(entry));
}

function pair(item: Value, node: Method): readonly [Value, Value] {
  if (item instanceof Tuple && item.items.length === 2) return item.items as readonly [Value, Value];
  throw fault(node, 'method `toMap` expects items that are tuples of a key and a value', `it found ${typeName(item)}`);
}

const METHODS: ReadonlyMap<string, DataMethod> = new Map(Object.entries({ ...collections, ...conversions }));

export function callMethod(node: Method, target: Value, args: readonly Value[], machine: Machine): Value {
  const method = METHODS.get(node.name);
  if (method === undefined) throw fault(node, `unknown method \`${node.name}\` of ${typeName(target)}`);
  if (args.length !== method.argumentCount) {
    throw fault(node, `method \`${node.name}\` expects ${method.argumentCount} arguments and got ${args.length}`);
  }
  const result = method.apply(target, args, node, machine);
  if (result === undefined) throw fault(node, `method \`${node.name}\` is not defined on ${typeName(target)}`);
  return result;
}
