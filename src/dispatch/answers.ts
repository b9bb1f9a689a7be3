/**
 * A native's answer, from whatever it handed back to what the journal keeps. That form is a value, and only it is
 * applied (`replies.ts`): so a replay, which has the journal and no native, does in its turn exactly what happened
 * here. Natives are host code, yet what they answer is checked like anything from outside: a value the codec
 * cannot read back would stop the space.
 *
 *   outcome   made | ("map", [[key, made], …]) | ("later", native, handle, [state], unread) | ("closes", channel, value)
 *             | ("error", code, text)
 *             | ("derived", rule) | ("prepared", any of the others but error)
 *   made      ("ok", value) | ("object", native, handle, [state], [grant]) | ("channel", [[value, …], …])
 *             | ("source", native, handle, [state], unread)
 *   [state]   a list that is empty when there is none
 *   unread    messages that may lie unread before the native has to wait
 */
import { Later, NewChannel, NewMap, NewObject, NewSource, resultMismatch } from '../../channels/index.ts';
import type { Call } from '../../channels/index.ts';
import { ERROR_CODES, type ErrorCode } from '../errors.ts';
import { limits } from '../limits.ts';
import { List, Tuple, type Value } from '../values/index.ts';
import { Derived } from './attenuator.ts';
import { ruleValue } from './capabilities.ts';
import type { Counts } from './types.ts';
import { oneLine, type Failure } from './stderr.ts';
import { valueFault, type Room } from './value-check.ts';

/** What an answer becomes: the outcome, and the called object's new state (undefined: as before). */
export interface Outcome {
  readonly outcome: Tuple;
  readonly state: Value | undefined;
  /** For the holder's STDERR beside the answer; not in the journal. */
  readonly notes: readonly Failure[];
  /** Bytes that the native says went in or out; null: it does not say. */
  readonly bytes: number | null;
}

export function errorOutcome(failure: Failure): Outcome {
  return outcomeWith(new Tuple(['error', failure.code, failure.message]), undefined);
}

function outcomeWith(outcome: Tuple, state: Value | undefined): Outcome {
  return { outcome, state, notes: [], bytes: null };
}

/** Checks what a native answered to `call`; what cannot be taken is `native_failed`, with the reason. */
export function outcomeOf(call: Call, answer: unknown, counts: Counts): Outcome {
  const room: Room = { bytes: limits.answer_bytes_max };
  let outcome: Outcome | string;
  try {
    outcome = checked(call, answer, room);
  } catch {
    // Only a hostile answer (a getter that throws, a proxy) ends here.
    outcome = 'it could not be read';
  }
  if (typeof outcome !== 'string') return outcome;
  counts.garbage++;
  return errorOutcome({ code: 'native_failed', message: `the native's answer cannot be taken: ${outcome}`, hint: '' });
}

function checked(call: Call, answer: unknown, room: Room): Outcome | string {
  if (typeof answer !== 'object' || answer === null) return 'an object with ok or error was expected';
  const fields = answer as Readonly<
    Record<'ok' | 'error' | 'state' | 'closes' | 'notes' | 'bytes' | 'prepared', unknown>
  >;
  const answered = 'error' in fields ? nativeError(fields.error) : result(call, fields, room);
  if (typeof answered === 'string') return answered;
  const { notes, bytes, state } = fields;
  const outcome =
    fields.prepared === true && call.method.effect === 'change' && answered.items[0] !== 'error'
      ? new Tuple(['prepared', answered])
      : answered;
  const stateFault = state === undefined ? null : valueFault(state, room);
  if (stateFault !== null) return `its state ${stateFault}`;
  return {
    outcome,
    state: state as Value | undefined,
    notes: notes === undefined ? [] : notesOf(notes),
    bytes: typeof bytes === 'number' && Number.isSafeInteger(bytes) && bytes >= 0 ? bytes : null,
  };
}

function result(call: Call, fields: { readonly ok: unknown; readonly closes: unknown }, room: Room): Tuple | string {
  if (!('ok' in fields)) return 'an object with ok or error was expected';
  const { ok, closes } = fields;
  const form = call.method.forms[call.form];
  if (form === undefined) return 'the form that was called is not declared';
  if (ok instanceof Derived) return new Tuple(['derived', ruleValue(ok.rule)]);
  const outcome =
    ok instanceof Later
      ? sourceItem('later', ok.source, room)
      : ok instanceof NewMap
        ? mapOf(ok, room)
        : made(ok, room);
  if (typeof outcome === 'string') return outcome;
  const mismatch = resultMismatch(form, ok as Value);
  if (mismatch !== null) return mismatch;
  if (closes === undefined) return outcome;
  const fault = valueFault(closes, room);
  if (fault !== null) return `the channel that it closes ${fault}`;
  if (outcome.items[0] !== 'ok') return 'an answer that closes a source hands out nothing new';
  return new Tuple(['closes', closes as Value, outcome.items[1] as Value]);
}

/** One thing that an answer or an arrival hands out, in the journal's form; a string says why it cannot be taken. */
export function made(thing: unknown, room: Room): Tuple | string {
  if (thing instanceof NewObject) {
    const fault = objectFault(thing.native, thing.handle, thing.state, room);
    if (fault !== null) return `its new object ${fault}`;
    const grant = thing.grant === null ? undefined : thing.grant;
    if (grant !== undefined && typeof grant !== 'string') return 'its new object stands under a grant that is no text';
    return new Tuple(['object', thing.native, thing.handle, optional(thing.state), optional(grant)]);
  }
  if (thing instanceof NewSource) return sourceItem('source', thing, room);
  if (thing instanceof NewChannel) {
    const fault = messagesFault(thing.messages, room);
    if (fault !== null) return `its new channel ${fault}`;
    return new Tuple(['channel', new List(thing.messages.map((message) => new List([...message])))]);
  }
  const fault = valueFault(thing, room);
  return fault === null ? new Tuple(['ok', thing as Value]) : `its result ${fault}`;
}

function sourceItem(kind: 'source' | 'later', source: NewSource, room: Room): Tuple | string {
  const { native, handle, options } = source;
  const fault = objectFault(native, handle, options.state, room);
  if (fault !== null) return `its new source ${fault}`;
  const unread = options.unread_max ?? limits.source_unread_default;
  if (!Number.isSafeInteger(unread) || unread < 1 || unread > limits.source_unread_max)
    return `its new source asks for ${unread} unread messages; 1 to ${limits.source_unread_max} may be`;
  return new Tuple([kind, native, handle, optional(options.state), unread]);
}

function mapOf({ entries }: NewMap, room: Room): Tuple | string {
  const items: Value[] = [];
  const keys = new Set<string>();
  for (const [key, thing] of entries) {
    const fault = valueFault(key, room);
    if (fault !== null || typeof key !== 'string' || keys.has(key))
      return 'its new map has a key that is no string, or twice';
    keys.add(key);
    const item = made(thing, room);
    if (typeof item === 'string') return item;
    items.push(new List([key, item]));
  }
  if (items.length > limits.answer_objects_max) return `its new map has more than ${limits.answer_objects_max} entries`;
  return new Tuple(['map', new List(items)]);
}

function objectFault(native: unknown, handle: unknown, state: unknown, room: Room): string | null {
  if (typeof native !== 'string') return 'names no native';
  return valueFault(native, room) ?? valueFault(handle, room) ?? (state === undefined ? null : valueFault(state, room));
}

function notesOf(notes: unknown): Failure[] {
  if (!Array.isArray(notes)) return [];
  return notes.slice(0, limits.answer_notes_max).flatMap((note): Failure[] => {
    const { code, message } = note as { readonly code: unknown; readonly message: unknown };
    if (!ERROR_CODES.includes(code as ErrorCode) || typeof message !== 'string') return [];
    return [{ code: code as ErrorCode, message: oneLine(message), hint: '' }];
  });
}

function messagesFault(messages: unknown, room: Room): string | null {
  if (!Array.isArray(messages)) return 'has no list of messages';
  for (const message of messages) {
    if (!Array.isArray(message)) return 'holds a message that is no list of values';
    if (message.length > limits.message_values_max)
      return `holds a message of ${message.length} values; at most ${limits.message_values_max} fit`;
    for (const value of message) {
      const fault = valueFault(value, room);
      if (fault !== null) return fault;
    }
  }
  return null;
}

function nativeError(error: unknown): Tuple | string {
  const { code, message } = error as { readonly code: unknown; readonly message: unknown };
  if (!ERROR_CODES.includes(code as ErrorCode) || typeof message !== 'string')
    return 'its error has no known code or no text';
  return new Tuple(['error', code as ErrorCode, oneLine(message)]);
}

function optional(value: Value | undefined): List {
  return new List(value === undefined ? [] : [value]);
}
