/**
 * From the journal's form of an answer (`answers.ts`) into the turn: names are drawn, natives installed, sources
 * written down, the reply sent. Reads nothing but that form and the facts, so a replay does the same.
 */
import { errorResult, NATIVE_LABEL, nativeEnvironment, revoker, stateKey } from '../../channels/index.ts';
import type { Call, CallRefusal, NativeReference } from '../../channels/index.ts';
import { PowerboxError, type ErrorCode } from '../errors.ts';
import type { MessagePattern } from '../match/index.ts';
import type { Account, Turn } from '../space/index.ts';
import { bundle, FreeVariable, Kind, List, list, map, type Tuple, type Name, type Value } from '../values/index.ts';
import type { Outcome } from './answers.ts';
import { readRule, type Capabilities, type Rule } from './capabilities.ts';
import type { Sources } from './sources.ts';
import type { Failure } from './stderr.ts';

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

/** What is made is written down here. */
export interface Holding {
  readonly sources: Sources;
  readonly capabilities: Capabilities;
}

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
  account: Account,
  holding: Holding,
  reference: NativeReference,
  call: Call,
  answer: Pick<Outcome, 'outcome' | 'state'>,
): Failure | null {
  if (answer.state !== undefined && reference.id !== '') turn.setFact(stateKey(reference.id), answer.state);
  // That it is prepared, and to be finished, is the business of the job.
  const outcome = isPrepared(answer) ? (answer.outcome.items[1] as Tuple) : answer.outcome;
  const { items } = outcome;
  const fail = (failure: Failure): Failure | null =>
    replyError(turn, call, failure, reference.native, call.method.name);
  switch (items[0]) {
    case 'error':
      return fail({ code: items[1] as ErrorCode, message: items[2] as string, hint: '' });
    case 'closes': {
      const closed = holding.sources.close(turn, items[1] as Value, reference.native, reference.cap);
      if (!closed)
        return fail({
          code: 'handle_closed',
          message: 'nothing of this kind arrives on that channel any more',
          hint: '',
        });
      return reply(turn, call.ret, items[2] as Value) ? null : fail(NO_ROOM);
    }
    default: {
      const maker = new Maker(turn, account, holding, reference.cap, reference);
      const failure = items[0] === 'later' ? maker.later(call, items) : maker.answer(call.ret, outcome);
      return failure === null ? null : fail(failure);
    }
  }
}

export function isPrepared({ outcome }: Pick<Outcome, 'outcome'>): boolean {
  return outcome.items[0] === 'prepared';
}

export function applyRefusal(turn: Turn, native: string, refusal: CallRefusal): Failure | null {
  const failure: Failure = { code: refusal.code, message: refusal.message, hint: '' };
  return replyError(turn, refusal, failure, native, refusal.method ?? '');
}

/**
 * Puts real things in the place of what an answer or an arrival hands out, all under the capability of the object
 * that it came from.
 */
export class Maker {
  readonly #turn: Turn;
  readonly #account: Account;
  readonly #holding: Holding;
  readonly #cap: string;
  /** The object that was called; null where nobody called. */
  readonly #called: NativeReference | null;
  #made = 0;

  constructor(turn: Turn, account: Account, holding: Holding, cap: string, called: NativeReference | null) {
    this.#turn = turn;
    this.#account = account;
    this.#holding = holding;
    this.#cap = cap;
    this.#called = called;
  }

  answer(ret: Value | null, outcome: Tuple): Failure | null {
    const { items } = outcome;
    // Nothing is made for a caller who does not want it: a source would speak to nobody.
    if (ret === null && items[0] !== 'ok') return null;
    if (items[0] !== 'map') {
      const value = this.make(items);
      if (isFailure(value)) return value;
      return reply(this.#turn, ret, value) ? null : NO_ROOM;
    }
    const entries: [string, Value][] = [];
    for (const entry of (items[1] as List).items) {
      const [key, item] = (entry as List).items;
      const value = this.make((item as Tuple).items);
      if (isFailure(value)) return value;
      entries.push([key as string, value]);
    }
    return reply(this.#turn, ret, map(entries)) ? null : NO_ROOM;
  }

  /** The reply goes where the source's messages go. */
  later(call: ReplyTo, items: readonly Value[]): Failure | null {
    if (call.ret === null) {
      return {
        code: 'arguments_invalid',
        message: 'the reply comes later, so the call needs a channel for it',
        hint: '',
      };
    }
    return this.#source(items, withoutBundle(call.ret), call.err === null ? null : withoutBundle(call.err));
  }

  make(items: readonly Value[]): Value | Failure {
    const turn = this.#turn;
    switch (items[0]) {
      case 'ok':
        return items[1] as Value;
      case 'object': {
        const state = (items[3] as List).items[0];
        const id = state === undefined ? '' : this.#nextId();
        const cap = this.#capFor((items[4] as List | undefined)?.items[0] as string | undefined);
        if (typeof cap !== 'string') return cap;
        const reference = { native: items[1] as string, handle: items[2] as Value, id, cap };
        return bundle(installNative(turn, reference, state), false, true);
      }
      case 'channel': {
        const name = turn.newName();
        for (const message of (items[1] as List).items) turn.produce(name, (message as List).items, false);
        return bundle(name, true, false);
      }
      case 'source': {
        const name = turn.newName();
        return this.#source(items, name, null) ?? bundle(name, true, false);
      }
      case 'derived':
        return this.#derived(readRule(items[1] as Value));
      default:
        throw new PowerboxError('native_failed', 'the record of an answer holds no known outcome');
    }
  }

  /** What stands under a grant of its own is held through the capability of the call, unless that is the grant itself. */
  #capFor(grant: string | undefined): string | Failure {
    if (grant === undefined || grant === this.#cap) return this.#cap;
    return this.#holding.capabilities.through(this.#turn, grant, this.#cap, this.#account);
  }

  /** A channel to the called object that can do less; for one that can be revoked, its revoker beside it. */
  #derived(rule: Rule): Value | Failure {
    const turn = this.#turn;
    const called = this.#called as NativeReference;
    const cap = this.#holding.capabilities.derive(turn, this.#nextId(), this.#cap, rule, this.#account);
    if (typeof cap !== 'string') return cap;
    const channel = bundle(installNative(turn, { ...called, cap }, undefined), false, true);
    if (rule.kind !== 'revocable') return channel;
    // Under no capability: it only takes away, and must not end before what it is there to end.
    const by = { native: revoker.name, handle: cap, id: '', cap: '' };
    return list([channel, bundle(installNative(turn, by, undefined), false, true)]);
  }

  #source(items: readonly Value[], channel: Value, errors: Value | null): Failure | null {
    const [kind, native, handle, state, unread] = items;
    return this.#holding.sources.create(this.#turn, {
      id: this.#nextId(),
      native: native as string,
      handle: handle as Value,
      channel,
      errors,
      account: this.#account,
      cap: this.#cap,
      unread_max: unread as number,
      replies: kind === 'later',
      state: (state as List).items[0],
    });
  }

  /** Numbers of turns of one kind or another are never used again: unique in the space for ever. */
  #nextId(): string {
    const index = this.#made++;
    return index === 0 ? `t${this.#turn.task}` : `t${this.#turn.task}.${index}`;
  }
}

function isFailure(thing: Value | Failure): thing is Failure {
  return thing !== null && typeof thing === 'object' && 'code' in thing;
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

/** False when nobody takes it at once and the caller's quota has no room for it. */
function reply(turn: Turn, channel: Value | null, value: Value): boolean {
  return channel === null || turn.offer(withoutBundle(channel), [value]);
}

const NO_ROOM: Failure = {
  code: 'quota_exceeded',
  message: 'the answer does not fit into what may still be stored; what was asked for was done',
  hint: '',
};

/** Null when nobody was there to hear it: then the branch has failed, and that is reported by itself. */
export function replyError(turn: Turn, to: ReplyTo, failure: Failure, native: string, method: string): Failure | null {
  const channel = to.err ?? to.ret;
  if (channel === null) {
    turn.fail(new PowerboxError(failure.code, failure.message));
    return null;
  }
  // An error is small, and nobody waits for it in vain.
  turn.produceAnyway(withoutBundle(channel), [errorResult(failure.code, failure.message, native, method)]);
  return failure;
}

/** The name inside; that it may be written to was checked when the call was parsed. */
export function withoutBundle(channel: Value): Value {
  let inner: Value = channel;
  while (inner !== null && typeof inner === 'object' && inner.kind === Kind.Bundle) inner = inner.body;
  return inner;
}
