/**
 * A native's answer, from whatever it handed back to what the journal keeps, and from there into the turn.
 * The journal's form is a value, and only that form is applied: so a replay, which has the journal and no
 * native, does in its turn exactly what happened here. Natives are host code, yet what they answer is checked
 * like anything from outside: a value the codec cannot read back would stop the space.
 *
 *   outcome   ("ok", value) | ("object", native, handle, [state]) | ("channel", [[value, …], …]) | ("error", code, text)
 *   [state]   a list that is empty when there is none
 */
import {
  errorResult,
  NATIVE_LABEL,
  nativeEnvironment,
  NewChannel,
  NewObject,
  resultMismatch,
  stateKey,
} from '../../channels/index.ts';
import type { Call, CallRefusal, NativeReference } from '../../channels/index.ts';
import { ERROR_CODES, PowerboxError, type ErrorCode } from '../errors.ts';
import { limits } from '../limits.ts';
import type { MessagePattern } from '../match/index.ts';
import type { Task, Turn } from '../space/index.ts';
import { bundle, FreeVariable, Kind, List, Tuple, type Name, type Value } from '../values/index.ts';
import type { Counts } from './types.ts';
import { oneLine, type Failure } from './stderr.ts';
import { valueFault, type Room } from './value-check.ts';

/** What an answer becomes: the outcome, and the called object's new state (undefined: as before). */
export interface Outcome {
  readonly outcome: Tuple;
  readonly state: Value | undefined;
}

/** Admits any message and captures it whole, as one list. */
export const ANY_MESSAGE: MessagePattern = {
  patterns: [],
  remainder: new FreeVariable(0),
  freeCount: 1,
  arity: -1,
  arityMin: 0,
  demands: [],
  match: (message) => [new List(message)],
};

export function errorOutcome(failure: Failure): Outcome {
  return { outcome: new Tuple(['error', failure.code, failure.message]), state: undefined };
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
  const fields = answer as { readonly ok?: unknown; readonly error?: unknown; readonly state?: unknown };
  if ('error' in fields) return nativeError(fields.error);
  if (!('ok' in fields)) return 'an object with ok or error was expected';
  const { ok, state } = fields;
  const outcome = resultOutcome(call, ok, room);
  if (typeof outcome === 'string') return outcome;
  if (state === undefined) return { outcome, state: undefined };
  const fault = valueFault(state, room);
  return fault === null ? { outcome, state: state as Value } : `its state ${fault}`;
}

function resultOutcome(call: Call, ok: unknown, room: Room): Tuple | string {
  const form = call.method.forms[call.form];
  if (form === undefined) return 'the form that was called is not declared';
  if (ok instanceof NewObject) {
    if (typeof ok.native !== 'string') return 'its new object names no native';
    const fault =
      valueFault(ok.native, room) ??
      valueFault(ok.handle, room) ??
      (ok.state === undefined ? null : valueFault(ok.state, room));
    if (fault !== null) return `its new object ${fault}`;
  } else if (ok instanceof NewChannel) {
    const fault = messagesFault(ok.messages, room);
    if (fault !== null) return `its new channel ${fault}`;
  } else {
    const fault = valueFault(ok, room);
    if (fault !== null) return `its result ${fault}`;
  }
  const mismatch = resultMismatch(form, ok as Value);
  if (mismatch !== null) return mismatch;
  if (ok instanceof NewObject) return new Tuple(['object', ok.native, ok.handle, optional(ok.state)]);
  if (ok instanceof NewChannel)
    return new Tuple(['channel', new List(ok.messages.map((message) => new List([...message])))]);
  return new Tuple(['ok', ok as Value]);
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

function nativeError(error: unknown): Outcome | string {
  const { code, message } = error as { readonly code: unknown; readonly message: unknown };
  if (!ERROR_CODES.includes(code as ErrorCode) || typeof message !== 'string')
    return 'its error has no known code or no text';
  return { outcome: new Tuple(['error', code as ErrorCode, oneLine(message)]), state: undefined };
}

function optional(value: Value | undefined): List {
  return new List(value === undefined ? [] : [value]);
}

// ---------------------------------------------------------------- into the turn

/** Where the reply of one call goes and what stands behind it; the same from a call and from a refusal. */
export interface ReplyTo {
  readonly ret: Value | null;
  readonly err: Value | null;
}

/**
 * Sets the state, makes what the answer hands out, and replies. Returns the failure that went to a caller and is
 * still to be reported; one without a caller to hear it is a failure of the branch, by `turn.fail`.
 */
export function applyOutcome(
  turn: Turn,
  task: Task,
  reference: NativeReference,
  call: Call,
  answer: Outcome,
): Failure | null {
  if (answer.state !== undefined && reference.id !== '') turn.setFact(stateKey(reference.id), answer.state);
  const { items } = answer.outcome;
  switch (items[0]) {
    case 'ok':
      reply(turn, call.ret, items[1] as Value);
      return null;
    case 'object':
      reply(turn, call.ret, newObject(turn, task, items, reference.cap));
      return null;
    case 'channel':
      reply(turn, call.ret, newChannel(turn, items[1] as List));
      return null;
    case 'error': {
      const failure: Failure = { code: items[1] as ErrorCode, message: items[2] as string, hint: '' };
      return replyError(turn, call, failure, reference.native, call.method.name);
    }
    default:
      throw new PowerboxError('native_failed', `the record of task ${task.number} holds no known outcome`);
  }
}

export function applyRefusal(turn: Turn, native: string, refusal: CallRefusal): Failure | null {
  const failure: Failure = { code: refusal.code, message: refusal.message, hint: '' };
  return replyError(turn, refusal, failure, native, refusal.method ?? '');
}

/** Puts the object on a fresh channel; only the space's host holds the name itself. */
export function installNative(turn: Turn, reference: NativeReference, state: Value | undefined): Name {
  const name = turn.newName();
  turn.install(name, ANY_MESSAGE, {
    label: NATIVE_LABEL,
    term: null,
    place: 0,
    environment: nativeEnvironment(reference),
  });
  if (state !== undefined) turn.setFact(stateKey(reference.id), state);
  return name;
}

/** What comes from an object is held under the same capability as the object. */
function newObject(turn: Turn, task: Task, items: readonly Value[], cap: string): Value {
  const state = (items[3] as List).items[0];
  // One answer makes one object, and task numbers are never used again: unique in the space for ever.
  const id = state === undefined ? '' : `t${task.number}`;
  return bundle(
    installNative(turn, { native: items[1] as string, handle: items[2] as Value, id, cap }, state),
    false,
    true,
  );
}

function newChannel(turn: Turn, messages: List): Value {
  const name = turn.newName();
  for (const message of messages.items) turn.produce(name, (message as List).items, false);
  return bundle(name, true, false);
}

function reply(turn: Turn, channel: Value | null, value: Value): void {
  if (channel !== null) turn.produce(withoutBundle(channel), [value], false);
}

function replyError(turn: Turn, to: ReplyTo, failure: Failure, native: string, method: string): Failure | null {
  const channel = to.err ?? to.ret;
  if (channel === null) {
    turn.fail(new PowerboxError(failure.code, failure.message));
    return null;
  }
  reply(turn, channel, errorResult(failure.code, failure.message, native, method));
  return failure;
}

/** The name inside; that it may be written to was checked when the call was parsed. */
function withoutBundle(channel: Value): Value {
  let inner: Value = channel;
  while (inner !== null && typeof inner === 'object' && inner.kind === Kind.Bundle) inner = inner.body;
  return inner;
}
