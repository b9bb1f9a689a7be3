/**
 * Where a message differs from a pattern, in one sentence for people. Owns its wording; must never decide a
 * match (it asks the matcher) and never show the bytes of a name.
 */
import { limits } from '../limits.ts';
import { Kind, kindOf } from '../values/index.ts';
import type { Conjunction, Disjunction, List, MapValue, Negation, Tuple, TypeWord, Value } from '../values/index.ts';
import { groundWeight } from './children.ts';
import { matchValue } from './pattern.ts';
import type { Budget, MessagePattern } from './types.ts';

/** Levels that are looked into; people lose their way sooner. */
const PLACES_MAX = 8;
const TEXT_MAX = 40;

/** Null when nothing differs: the message matches. */
export function whyNot(pattern: MessagePattern, message: readonly Value[]): string | null {
  const wanted = pattern.arityMin;
  if (pattern.arity >= 0 && message.length !== wanted) return `expected ${values(wanted)}, came ${message.length}`;
  if (message.length < wanted) return `expected at least ${values(wanted)}, came ${message.length}`;
  const budget = { steps: limits.match_steps_max };
  for (let position = 0; position < wanted; position++) {
    const part = pattern.patterns[position] as Value;
    const value = message[position] as Value;
    if (fits(part, value, budget)) continue;
    return budget.steps < 0
      ? `value ${position + 1}: comparing takes more than ${limits.match_steps_max} steps`
      : difference(part, value, `value ${position + 1}`, budget);
  }
  return null;
}

function values(count: number): string {
  return count === 1 ? '1 value' : `${count} values`;
}

function fits(pattern: Value, target: Value, budget: Budget): boolean {
  return matchValue(pattern, target, 0, budget) !== null;
}

/** Goes down to the first part that differs, as long as both are of one shape. */
function difference(pattern: Value, target: Value, place: string, budget: Budget): string {
  let wanted = pattern;
  let came = target;
  let path = place;
  for (let level = 0; level < PLACES_MAX; level++) {
    const part = partThatDiffers(wanted, came, budget);
    if (part === null) break;
    wanted = part.wanted;
    if (part.came === undefined) return `${path}: expected ${part.where}, came none`;
    came = part.came;
    path += `, ${part.where}`;
  }
  // Two names look alike in words, and their bytes are nobody's business.
  if (kindOf(wanted) === Kind.Name && kindOf(came) === Kind.Name)
    return `${path}: expected an unforgeable name, came another one`;
  return `${path}: expected ${describe(wanted)}, came ${describe(came)}`;
}

interface Part {
  readonly where: string;
  readonly wanted: Value;
  /** Undefined where there is nothing. */
  readonly came: Value | undefined;
}

function partThatDiffers(pattern: Value, target: Value, budget: Budget): Part | null {
  const kind = kindOf(pattern);
  if (kind !== kindOf(target)) return null;
  if (kind === Kind.Map) return entryThatDiffers(pattern as MapValue, target as MapValue, budget);
  if (kind !== Kind.List && kind !== Kind.Tuple) return null;
  const wanted = (pattern as List | Tuple).items;
  const came = (target as List | Tuple).items;
  const isOpen = kind === Kind.List && (pattern as List).remainder !== null;
  if (wanted.length > came.length || (wanted.length < came.length && !isOpen)) return null;
  const at = wanted.findIndex((item, index) => !fits(item, came[index] as Value, budget));
  return at < 0 ? null : { where: `item ${at + 1}`, wanted: wanted[at] as Value, came: came[at] as Value };
}

/** Keys that are patterns may be anywhere, so only ground ones have a place. */
function entryThatDiffers(pattern: MapValue, target: MapValue, budget: Budget): Part | null {
  for (let index = 0; index < pattern.keys.length; index++) {
    const key = pattern.keys[index] as Value;
    if (groundWeight(key) < 0) return null;
    const at = target.keys.findIndex((each) => fits(key, each, budget));
    const wanted = pattern.items[index] as Value;
    const where = `key ${describe(key)}`;
    if (at < 0) return { where, wanted, came: undefined };
    if (!fits(wanted, target.items[at] as Value, budget)) return { where, wanted, came: target.items[at] as Value };
  }
  return null;
}

function describe(value: Value): string {
  if (value === null) return 'Nil';
  switch (typeof value) {
    case 'string':
      return shortened(JSON.stringify(value));
    case 'boolean':
    case 'number':
    case 'bigint':
      return String(value);
  }
  switch (value.kind) {
    case Kind.BigInt:
      return shortened(`${value.value}n`);
    case Kind.Float:
      return String(value.value);
    case Kind.Bytes:
      return `${value.bytes.length} bytes`;
    case Kind.Uri:
      return shortened(`\`${value.text}\``);
    case Kind.List:
      return `a list of ${size(value.items, value.remainder)}`;
    case Kind.Tuple:
      return `a tuple of ${value.items.length}`;
    case Kind.Set:
      return `a set of ${size(value.items, value.remainder)}`;
    case Kind.Map:
      return `a map of ${size(value.items, value.remainder)}`;
    case Kind.Par:
      return `${value.parts.length} processes in parallel`;
    default:
      return WORDS[value.kind] ?? describeConnective(value);
  }
}

const WORDS: { readonly [kind: number]: string } = {
  [Kind.Name]: 'an unforgeable name',
  [Kind.Bundle]: 'a bundle',
  [Kind.Send]: 'a send',
  [Kind.Receive]: 'a receive',
  [Kind.New]: 'a new',
  [Kind.Match]: 'a match',
  [Kind.Operation]: 'an operation',
  [Kind.Method]: 'a method call',
  [Kind.Matches]: 'a matches',
  [Kind.FreeVariable]: 'anything closed',
  [Kind.Wildcard]: 'anything',
};

function describeConnective(value: Value): string {
  switch (kindOf(value)) {
    case Kind.TypeWord:
      return `a value of type ${(value as TypeWord).word}`;
    case Kind.Conjunction:
      return `all of ${(value as Conjunction).parts.length} patterns`;
    case Kind.Disjunction:
      return `one of ${(value as Disjunction).parts.length} patterns`;
    case Kind.Negation: {
      const { body } = value as Negation;
      return kindOf(body) < Kind.List ? `anything but ${describe(body)}` : 'anything but what the pattern excludes';
    }
    default:
      return 'a variable of its surroundings';
  }
}

function size(items: readonly Value[], remainder: Value): string {
  return remainder === null ? String(items.length) : `${items.length} or more`;
}

function shortened(text: string): string {
  // a cut in the middle of a pair would leave half a character
  return text.length <= TEXT_MAX ? text : `${text.slice(0, TEXT_MAX).replace(/[\ud800-\udbff]$/, '')}…`;
}
