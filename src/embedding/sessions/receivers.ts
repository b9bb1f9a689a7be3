/**
 * What a client receives by: patterns as they are written in a request, compiled so that whole messages come back. A
 * client names what must stand at a place and leaves the rest open; it captures nothing by itself.
 */
import { PowerboxError } from '../../errors.ts';
import { compilePattern, type MessagePattern } from '../../match/index.ts';
import {
  conjunction,
  FreeVariable,
  isNode,
  isPattern,
  Kind,
  kindOf,
  List,
  list,
  partsOf,
  type Value,
} from '../../values/index.ts';

export interface Receiver {
  readonly pattern: MessagePattern;
  /** By position: the value that was demanded, or the variable that holds what came. Null: all is in one list. */
  readonly places: readonly (Value | FreeVariable)[] | null;
  /** The variable that holds what comes after them; null: nothing may. */
  readonly rest: FreeVariable | null;
}

export const WHOLE: Receiver = { pattern: compilePattern([], new FreeVariable(0)), places: null, rest: null };

/** Of the pattern of a slot; null is any message. */
export function receiverOf(pattern: Value): Receiver {
  if (pattern === null) return WHOLE;
  if (!(pattern instanceof List)) throw refused('a pattern is a list, or nil for any message');
  const { remainder } = pattern;
  if (remainder !== null && kindOf(remainder) !== Kind.Wildcard)
    throw refused('what follows in a pattern is a wildcard');
  let level = 0;
  const places: (Value | FreeVariable)[] = [];
  const patterns = pattern.items.map((item) => {
    requireNoVariables(item);
    if (!isPattern(item)) {
      places.push(item);
      return item;
    }
    const capture = new FreeVariable(level++);
    places.push(capture);
    // What came is wanted whole, also where the pattern looks into it.
    return kindOf(item) === Kind.Wildcard ? capture : conjunction([capture, item]);
  });
  const rest = remainder === null ? null : new FreeVariable(level);
  return { pattern: compilePattern(patterns, rest), places, rest };
}

/** The messages, slot by slot, from the captures of all of them. */
export function messagesOf(receivers: readonly Receiver[], captures: readonly Value[]): readonly Value[] {
  let offset = 0;
  return receivers.map(({ pattern, places, rest }) => {
    const own = captures.slice(offset, offset + pattern.freeCount);
    offset += pattern.freeCount;
    if (places === null) return own[0] as Value;
    const items = places.map((place) => (place instanceof FreeVariable ? (own[place.level] as Value) : place));
    const after = rest === null ? [] : (own[rest.level] as List).items;
    return list([...items, ...after]);
  });
}

function requireNoVariables(pattern: Value): void {
  const waiting: Value[] = [pattern];
  for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
    const kind = kindOf(value);
    if (kind === Kind.FreeVariable || kind === Kind.BoundVariable || kind === Kind.VariableReference)
      throw refused('a pattern of a client has wildcards, and no variables');
    if (isNode(value)) waiting.push(...partsOf(value));
  }
}

function refused(message: string): PowerboxError {
  return new PowerboxError('value_unsupported', message, { hint: 'a message that fits comes back whole' });
}
