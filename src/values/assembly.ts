/**
 * What the parts of an array or map become once all of them are read: a list, a map, or the node of a tag. Owns the rules of
 * what stands in which order and what may stand in what; refuses with a reason, and never repairs what is not foreign.
 */
import { bundle, map, par, set } from './build.ts';
import { WITH_REMAINDER } from './format.ts';
import { isAscending } from './order.ts';
import { isRemainder, nodeOf } from './parts.ts';
import { Bundle, Kind, List, MapValue, Par, SetValue, Tuple, kindOf } from './value.ts';
import type { Remainder, Value } from './value.ts';

/** What an open array or map will become: a plain list, a map, or the node of a tag. */
export const PLAIN_LIST = -1;
export const PLAIN_MAP = -2;

/**
 * How bytes of a program outside are read: in any form that MessagePack has for a value, as any library writes them. The
 * lengths need not be the shortest, nor map keys and set items in order; what is twice there is still refused. Names
 * have no bytes outside: other extensions stand in their place.
 */
export interface ForeignForm {
  /** What an extension of another type than the values' own stands for; undefined refuses it. It may keep the payload. */
  extension(type: number, payload: Uint8Array): Value | undefined;
  /** Called for each part of a process or a pattern. */
  node?(): void;
}

/** Why parts become nothing. */
export class Refusal {
  constructor(readonly reason: string) {}
}

/** How many values follow the head and, in a node, its marker. */
export function partCount(shape: number, count: number): number {
  return shape === PLAIN_LIST ? count : shape === PLAIN_MAP ? 2 * count : count - 1;
}

export function assembled(shape: number, parts: readonly Value[], foreign: ForeignForm | null): Value | Refusal {
  switch (shape) {
    case PLAIN_LIST:
      return new List(parts);
    case PLAIN_MAP: {
      const keys = parts.filter((_, index) => index % 2 === 0);
      const items = parts.filter((_, index) => index % 2 === 1);
      return mapOfParts(keys, items, foreign);
    }
    case Kind.Tuple:
      return new Tuple(parts);
    case Kind.Set:
      return setOf(parts, null, foreign);
    case Kind.Par:
      return parOf(parts, foreign);
    case Kind.List + WITH_REMAINDER: {
      const [remainder, ...items] = parts;
      return isOpenEnd(remainder) ? new List(items, remainder) : new Refusal(NO_REMAINDER);
    }
    case Kind.Set + WITH_REMAINDER: {
      const [remainder, ...items] = parts;
      return isOpenEnd(remainder) ? setOf(items, remainder, foreign) : new Refusal(NO_REMAINDER);
    }
    case Kind.Map + WITH_REMAINDER: {
      const [remainder, body] = parts;
      if (parts.length !== 2 || !(body instanceof MapValue) || body.remainder !== null)
        return new Refusal('a map with a remainder is the remainder and a map');
      return isOpenEnd(remainder) ? new MapValue(body.keys, body.items, remainder) : new Refusal(NO_REMAINDER);
    }
    case Kind.Bundle: {
      const [body, read, write] = parts;
      // What an extension stands for may be a bundle itself: the rights are those that both leave.
      if (foreign !== null && body instanceof Bundle && typeof read === 'boolean' && typeof write === 'boolean')
        return bundle(body, read, write);
      return node(shape, parts, foreign);
    }
    default:
      return node(shape, parts, foreign);
  }
}

export function mapOfParts(
  keys: readonly Value[],
  items: readonly Value[],
  foreign: ForeignForm | null,
): MapValue | Refusal {
  if (isAscending(keys)) return new MapValue(keys, items);
  const sorted = foreign === null ? null : map(keys.map((key, index) => [key, items[index] as Value]));
  return sorted?.keys.length === keys.length ? sorted : new Refusal('map keys out of order or twice');
}

function node(shape: number, parts: readonly Value[], foreign: ForeignForm | null): Value | Refusal {
  const made = nodeOf(shape, parts);
  if (typeof made === 'string') return new Refusal(made);
  foreign?.node?.();
  return made;
}

function setOf(items: readonly Value[], remainder: Remainder, foreign: ForeignForm | null): Value | Refusal {
  if (isAscending(items)) return new SetValue(items, remainder);
  const sorted = foreign === null ? null : set(items, remainder);
  return sorted?.items.length === items.length ? sorted : new Refusal('set items out of order or twice');
}

function parOf(parts: readonly Value[], foreign: ForeignForm | null): Value | Refusal {
  if (parts.length < 2) return new Refusal('a parallel composition has two parts or more');
  for (const part of parts) {
    if (part === null || kindOf(part) === Kind.Par)
      return new Refusal('a parallel composition holds nil or another one');
  }
  if (isAscending(parts, true)) return new Par(parts);
  return foreign === null ? new Refusal('parts of a parallel composition out of order') : par(parts);
}

const NO_REMAINDER = 'a remainder is a wildcard or a variable';

function isOpenEnd(value: Value | undefined): value is NonNullable<Remainder> {
  return value !== undefined && value !== null && isRemainder(value);
}
