/**
 * What each request does, in the turn in which it is applied: the law of the wire, whoever asks. Everything here follows
 * from the request and the space; no clock is read, and nothing is sent.
 */
import { isPowerboxError, type PowerboxError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import { isErrorResult } from '../../../channels/index.ts';
import type { Deploys } from '../../dispatch/index.ts';
import {
  type Body,
  type Lease,
  produceLeased,
  type Receive,
  type SpaceEngine,
  type Task,
  type Turn,
} from '../../space/index.ts';
import {
  Bundle,
  bundle,
  equal,
  isClosed,
  isPattern,
  Kind,
  kindOf,
  type List,
  list,
  map,
  type Tuple,
  tuple,
  type Value,
} from '../../values/index.ts';
import {
  type CallRequest,
  type ConsumeRequest,
  type ProduceRequest,
  readClientMessage,
  type ReceiveRequest,
  type Request,
  type WatchRequest,
} from '../../wire/index.ts';
import { PUBLIC_SYSTEM } from '../../capability/index.ts';
import type { Answers } from './answers.ts';
import { errorOfReply, refusal, wireError } from './errors.ts';
import { messagesOf, WHOLE } from './receivers.ts';
import { substitute } from './references.ts';
import type { Session } from './session.ts';
import { type Deferred, receiversOf, type Standing, type StandingReceive } from './standing.ts';
import type { Asked, Outcome, Placed } from './types.ts';

export const SESSION_LABEL = 'session';

export interface PerformParts {
  readonly engine: SpaceEngine;
  readonly deploys: Deploys;
  readonly answers: Answers;
  /** Whether anybody answers on the public name of the system. */
  readonly isSystemPublic: () => boolean;
  /** A request waits until then. */
  readonly due: (session: Session, id: number, due_ms: number) => void;
  readonly leased: (lease: Lease) => void;
}

/** One request that is being applied. */
interface Step {
  readonly turn: Turn;
  readonly session: Session;
  readonly asked: Asked;
  readonly now_ms: number;
}

export class Performer {
  readonly #parts: PerformParts;
  /** Leases of the turn that is running. */
  #leases = 0;
  #leaseTask = -1;

  constructor(parts: PerformParts) {
    this.#parts = parts;
  }

  /** Applies one request, and what waited for it. What is refused is its answer. */
  apply(turn: Turn, session: Session, asked: Asked, now_ms: number): void {
    const step = { turn, session, asked, now_ms };
    const { engine } = this.#parts;
    const { kind, id } = asked.request;
    const span = engine.follow(kind, { session: session.number, holder: session.holder.name });
    if (span === null) {
      this.#apply(step);
      return;
    }
    session.follow(id, span);
    engine.followed(span, () => this.#apply(step));
    if (session.standing(id) === undefined) turn.afterDurable(() => session.told(id, 'ok'));
  }

  #apply(step: Step): void {
    const { turn, session, asked } = step;
    const { id } = asked.request;
    try {
      this.#refuseUnheld(step);
      if (asked.references.length > 0) this.#applyReferring(step);
      else this.#do(step);
    } catch (error) {
      if (!isPowerboxError(error)) throw error;
      session.sit(id);
      this.#parts.answers.fail(turn, session, id, wireError(error));
      this.#settle(turn, session, id);
    }
  }

  /** A row may have gone since its token was read. */
  #refuseUnheld({ session, asked }: Step): void {
    const { holdings } = session.holder;
    for (const { row, rights } of asked.uses) if (!holdings.allows(row, rights)) throw unheld();
  }

  // ------------------------------------------------------------------ references

  #applyReferring(step: Step): void {
    const { session, asked } = step;
    const { id } = asked.request;
    const waitsFor = new Set<number>();
    for (const reference of asked.references) {
      const outcome = session.outcome(reference);
      if (outcome !== undefined) continue;
      if (reference >= id || session.standing(reference) === undefined)
        throw refusal(
          'bad_request',
          `the result of request ${reference} is not there for request ${id}`,
          'what was acknowledged is written as it came',
        );
      waitsFor.add(reference);
    }
    if (waitsFor.size > 0) {
      this.#requireRoom(session);
      const deferred: Deferred = { kind: 'deferred', id, asked, waitsFor, now_ms: step.now_ms, due_ms: null };
      session.stand(deferred);
      for (const reference of waitsFor) session.awaits(reference, deferred);
      return;
    }
    this.#doReferring(step);
  }

  #doReferring(step: Step): void {
    const { turn, session, asked } = step;
    let failed: Outcome | null = null;
    const resultOf = (reference: number): Value => {
      const outcome = session.outcome(reference);
      if (outcome !== undefined && 'ok' in outcome) return outcome.ok;
      failed ??= outcome ?? null;
      return null;
    };
    const parts = asked.parts.map((part, index) => (index < 2 ? part : substitute(part, resultOf)));
    const { id } = asked.request;
    if (failed !== null && 'error' in (failed as Outcome)) {
      const { error } = failed as { readonly error: ReturnType<typeof wireError> };
      this.#parts.answers.fail(turn, session, id, error);
      this.#settle(turn, session, id);
      return;
    }
    if (!parts.every((part) => isClosed(part)))
      throw refusal('value_unsupported', 'a request holds a process with variables that nothing binds');
    const request = readClientMessage(parts) as Request;
    this.#do({ ...step, asked: { ...asked, parts, request, references: [] } });
    // What has nothing to say says so: `applied` has passed long ago.
    if (VOID_KINDS.has(request.kind)) this.#answer(step, null, true);
  }

  // ------------------------------------------------------------------ requests

  #do(step: Step): void {
    const { turn, session, asked } = step;
    const { request } = asked;
    switch (request.kind) {
      case 'produce': {
        this.#produce(step, request);
        return;
      }
      case 'call': {
        this.#call(step, request);
        return;
      }
      case 'take':
      case 'peek': {
        this.#receive(step, request, request.limit_ms);
        return;
      }
      case 'consume': {
        this.#receive(step, request, null);
        return;
      }
      case 'watch': {
        this.#watch(step, request);
        return;
      }
      case 'place': {
        this.#place(step, request);
        return;
      }
      case 'names': {
        const names = Array.from({ length: request.count }, () => turn.newName());
        this.#answer(step, list(names), true);
        return;
      }
      case 'attenuate': {
        const { capability, read, write } = request;
        if (!isChannelValue(capability)) throw refusal('bad_request', 'only a capability can be attenuated');
        this.#answer(step, bundle(capability, read, write), true);
        return;
      }
      case 'release':
        for (const { row, rights } of asked.uses) {
          const held = session.holder.holdings.row(row);
          if (held !== undefined)
            session.holder.holdings.release(turn, session.number, { held, rights }, request.handled);
        }
        return;
      case 'cancel': {
        const standing = session.standing(request.of);
        if (standing === undefined) return;
        if (!this.withdraw(session, standing)) return;
        this.end(turn, session, standing, { error: wireError(refusal('cancelled', 'the request was cancelled')) });
        return;
      }
      case 'credit': {
        this.#credit(step, request.of, request.more);
        return;
      }
      case 'refused': {
        this.#parts.answers.fail(turn, session, request.id, request.error);
        this.#settle(turn, session, request.id);
        return;
      }
      case 'deploy':
        throw refusal('bad_request', 'a program that waits for a result cannot be started');
      default:
        request satisfies never;
    }
  }

  #produce({ turn, session, asked, now_ms }: Step, request: ProduceRequest): void {
    const { engine, leased } = this.#parts;
    const { message, persist, lease_ms } = request;
    const channel = this.#channel(session, asked, request.channel, 'write');
    const { account } = session.holder;
    if (lease_ms === null) {
      engine.tuples.produce(channel, message, persist, account);
      return;
    }
    const ends_ms = Math.ceil(now_ms + lease_ms);
    const lease = produceLeased(engine, turn, {
      channel,
      message,
      persist,
      account,
      ends_ms,
      place: this.#leasePlace(turn),
    });
    if (lease !== null) turn.afterDurable(() => leased(lease));
  }

  #leasePlace({ task }: Turn): number {
    if (this.#leaseTask !== task) {
      this.#leaseTask = task;
      this.#leases = 0;
    }
    return this.#leases++;
  }

  #call({ turn, session, asked, now_ms }: Step, request: CallRequest): void {
    const { engine } = this.#parts;
    const { id, method, args, limit_ms } = request;
    const target = this.#channel(session, asked, request.target, 'write');
    this.#requireRoom(session);
    const reply = turn.newName();
    const { account } = session.holder;
    const at = engine.tuples.leave(
      {
        slots: [{ channel: reply, pattern: WHOLE.pattern, peek: false }],
        persist: false,
        body: bodyOf(session.number, id),
      },
      account,
    );
    const answer = bundle(reply, false, true);
    const message = method === null ? [...args, answer] : [method, ...args, answer];
    try {
      engine.tuples.produce(target, message, false, account);
    } catch (error) {
      engine.tuples.takeBack(reply, at, (body) => isMine(body, session.number, id));
      throw error;
    }
    const due_ms = limit_ms === null ? null : Math.ceil(now_ms + limit_ms);
    session.stand({ kind: 'call', id, parts: asked.parts, channel: reply, at, request, due_ms });
    if (due_ms !== null) this.#parts.due(session, id, due_ms);
  }

  #receive(step: Step, request: ReceiveRequest | ConsumeRequest, limit_ms: number | null): void {
    const { session, asked, now_ms } = step;
    const { id } = request;
    const receivers = receiversOf(request);
    const due_ms = limit_ms === null ? null : Math.ceil(now_ms + limit_ms);
    const goesOn = request.kind === 'consume' && request.persist;
    if (goesOn && request.slots.every(({ peek }) => peek))
      throw refusal('bad_request', 'a standing receive that takes nothing would never end', 'watch the channel');
    const standing: StandingReceive = {
      kind: 'receive',
      id,
      parts: asked.parts,
      channel: null,
      at: null,
      request,
      receivers,
      due_ms,
      credit: request.kind === 'consume' ? request.credit : 1,
    };
    const receive = this.#receiveOf(session, asked, standing);
    if (goesOn) {
      this.#requireRoom(session);
      session.stand(standing);
      this.#drain(step.turn, session, standing, receive);
      return;
    }
    const captures = this.#parts.engine.tuples.tryOnce(receive);
    if (captures !== null) {
      this.#answer(step, list(messagesOf(receivers, captures)), true);
      return;
    }
    if (limit_ms === 0) {
      this.#answer(step, null, true);
      return;
    }
    this.#requireRoom(session);
    this.#leave(session, standing, receive);
    session.stand(standing);
    if (due_ms !== null) this.#parts.due(session, id, due_ms);
  }

  #receiveOf(session: Session, asked: Asked, { request, receivers }: StandingReceive): Receive {
    return {
      slots: request.slots.map((slot, index) => ({
        channel: this.#channel(session, asked, slot.channel, 'read'),
        pattern: (receivers[index] as (typeof receivers)[number]).pattern,
        peek: slot.peek || request.kind === 'peek',
      })),
      persist: false,
      body: bodyOf(session.number, request.id),
    };
  }

  #leave(session: Session, standing: StandingReceive, receive: Receive): void {
    standing.channel = (receive.slots[0] as Receive['slots'][number]).channel;
    standing.at = this.#parts.engine.tuples.leave(receive, session.holder.account);
    session.changed(standing.id);
  }

  /** Takes what lies there, as far as there is credit; then it waits again, or for more credit. */
  #drain(turn: Turn, session: Session, standing: StandingReceive, receive: Receive): void {
    const { engine, answers } = this.#parts;
    for (let left: number = limits.session_turn_deliveries; standing.credit > 0; left--) {
      if (left === 0) {
        // The rest is a turn of its own, behind those of the others.
        const { environment, ...body } = bodyOf(session.number, standing.id);
        engine.newTask(session.holder.account, { ...body, environment: [...environment, MORE] }, []);
        return;
      }
      const captures = engine.tuples.tryOnce(receive);
      if (captures === null) {
        this.#leave(session, standing, receive);
        return;
      }
      standing.credit--;
      session.changed(standing.id);
      answers.deliver(turn, session, standing.id, list(messagesOf(standing.receivers, captures)), false);
    }
  }

  #watch({ session, asked }: Step, request: WatchRequest): void {
    const { engine } = this.#parts;
    const { id, credit } = request;
    const channel = this.#channel(session, asked, request.channel, 'read');
    this.#requireRoom(session);
    const slot = { channel, pattern: WHOLE.pattern, peek: true };
    engine.tuples.consume({ slots: [slot], persist: true, body: bodyOf(session.number, id) }, session.holder.account);
    // It was put down before it met anything.
    const at = engine.place(channel).nextWaiter - 1;
    session.stand({ kind: 'watch', id, parts: asked.parts, channel, at, request, due_ms: null, credit, missed: 0 });
  }

  #place(step: Step, { name, prepared }: Placed): void {
    const { deploys, engine } = this.#parts;
    const { account } = deploys.place(step.turn, prepared, (account, body, captures) =>
      engine.newTask(account, body, captures),
    );
    this.#answer(
      step,
      map([
        ['deploy', account],
        ['name', name],
      ]),
      true,
    );
  }

  #credit({ turn, session }: Step, of: number, more: number): void {
    const standing = session.standing(of);
    if (standing === undefined || (standing.kind !== 'receive' && standing.kind !== 'watch')) return;
    standing.credit = Math.min(standing.credit + more, limits.wire_credit_max);
    session.changed(of);
    if (standing.kind === 'receive' && standing.at === null) this.#drainAgain(turn, session, standing);
  }

  #drainAgain(turn: Turn, session: Session, standing: StandingReceive): void {
    const asked: Asked = { parts: standing.parts, request: standing.request, uses: [], references: [] };
    this.#drain(turn, session, standing, this.#receiveOf(session, asked, standing));
  }

  // ------------------------------------------------------------------ what comes later

  /** A continuation of a session has met its messages. */
  met(turn: Turn, session: Session, standing: Standing, { body, captures }: Task): void {
    switch (standing.kind) {
      case 'call': {
        const reply = (captures[0] as List).items;
        const [value] = reply;
        const failed = reply.length === 1 && value !== undefined && isErrorResult(value);
        const outcome: Outcome = failed
          ? { error: errorOfReply((value as Tuple).items[1] as Value) }
          : { ok: reply.length === 1 ? (value as Value) : tuple(reply) };
        this.end(turn, session, standing, outcome);
        return;
      }
      case 'receive': {
        const { request, receivers } = standing;
        if (body.environment[2] === MORE) {
          if (standing.at === null) this.#drainAgain(turn, session, standing);
          return;
        }
        const messages = list(messagesOf(receivers, captures));
        if (request.kind !== 'consume' || !request.persist) {
          this.end(turn, session, standing, { ok: messages });
          return;
        }
        standing.at = null;
        standing.credit--;
        session.changed(standing.id);
        this.#parts.answers.deliver(turn, session, standing.id, messages, false);
        this.#drainAgain(turn, session, standing);
        return;
      }
      case 'watch':
        session.changed(standing.id);
        if (standing.credit === 0) {
          standing.missed++;
          return;
        }
        standing.credit--;
        this.#parts.answers.deliver(turn, session, standing.id, list([standing.missed, captures[0] as Value]), false);
        standing.missed = 0;
        return;
      case 'deferred':
        return;
    }
  }

  /** The time of a request is over, unless it was answered. */
  expire(turn: Turn, session: Session, standing: Standing, now_ms: number): void {
    if (standing.due_ms === null || standing.due_ms > now_ms) return;
    if (!this.withdraw(session, standing)) return;
    const outcome: Outcome =
      standing.kind === 'call'
        ? { error: wireError(refusal('timed_out', 'nobody has answered within the time that the call had')) }
        : { ok: null };
    this.end(turn, session, standing, outcome);
  }

  /** Nothing of it waits in the space any more. False: it has met its messages, and its answer is on the way. */
  withdraw(session: Session, standing: Standing): boolean {
    if (standing.kind === 'deferred' || standing.at === null) return true;
    return this.#parts.engine.tuples.takeBack(standing.channel, standing.at, (body) =>
      isMine(body, session.number, standing.id),
    );
  }

  /** Answers a request that waited, and goes on with those that waited for it. */
  end(turn: Turn, session: Session, standing: Standing, outcome: Outcome): void {
    const { answers } = this.#parts;
    const { id } = standing;
    session.sit(id);
    if ('ok' in outcome) answers.deliver(turn, session, id, outcome.ok, true);
    else answers.fail(turn, session, id, outcome.error);
    this.#settle(turn, session, id);
  }

  // ------------------------------------------------------------------ parts

  #answer({ turn, session, asked }: Step, value: Value, last: boolean): void {
    const { id } = asked.request;
    this.#parts.answers.deliver(turn, session, id, value, last);
    this.#settle(turn, session, id);
  }

  /** One after the other, not one within the other: a chain is as long as its client likes. */
  readonly #settled: {
    readonly turn: Turn;
    readonly session: Session;
    readonly id: number;
  }[] = [];
  #settling = false;

  #settle(turn: Turn, session: Session, id: number): void {
    if (!session.isAwaited(id)) return;
    this.#settled.push({ turn, session, id });
    if (this.#settling) return;
    this.#settling = true;
    try {
      for (let next = this.#settled.shift(); next !== undefined; next = this.#settled.shift()) this.#goOn(next);
    } finally {
      this.#settling = false;
    }
  }

  #goOn({ turn, session, id }: { turn: Turn; session: Session; id: number }): void {
    for (const deferred of session.takeAwaiting(id)) {
      deferred.waitsFor.delete(id);
      // One that was cancelled meanwhile is not there any more.
      if (deferred.waitsFor.size > 0 || session.standing(deferred.id) !== deferred) continue;
      session.sit(deferred.id);
      const step: Step = { turn, session, asked: deferred.asked, now_ms: deferred.now_ms };
      try {
        this.#refuseUnheld(step);
        this.#doReferring(step);
      } catch (error) {
        if (!isPowerboxError(error)) throw error;
        this.#parts.answers.fail(turn, session, deferred.id, wireError(error));
        this.#settle(turn, session, deferred.id);
      }
    }
  }

  #requireRoom(session: Session): void {
    if (session.waiting >= limits.session_requests_max)
      throw refusal(
        'quota_exceeded',
        `${limits.session_requests_max} requests of this session are waiting`,
        'wait for some of them, or cancel them',
      );
    if (session.undelivered >= limits.session_deliveries_slow)
      throw refusal(
        'rate_limited',
        `${limits.session_deliveries_slow} deliveries of this session are not acknowledged`,
      );
  }

  /** What may be done on a channel: by its token, or by its being public where clients may name such. */
  #channel(session: Session, asked: Asked, value: Value, right: 'read' | 'write'): Value {
    if (value instanceof Bundle) {
      if (!value[right]) throw noRight(right);
      if (kindOf(value.body) === Kind.Name || this.#wasGiven(session, asked, value.body)) return value.body;
      return this.#publicChannel(session, value.body);
    }
    return kindOf(value) === Kind.Name ? value : this.#publicChannel(session, value);
  }

  /** A public channel that came as a token is one that the client was handed. */
  #wasGiven(session: Session, asked: Asked, body: Value): boolean {
    const { holdings } = session.holder;
    return asked.uses.some(({ row }) => {
      const held = holdings.row(row);
      return held !== undefined && equal(held.body, body);
    });
  }

  #publicChannel(session: Session, value: Value): Value {
    if (!session.publicNames)
      throw refusal(
        'not_permitted',
        'clients of this service do not use public names as channels',
        'ask for a capability, or for the operator to let clients use public names',
      );
    if (value === PUBLIC_SYSTEM && !this.#parts.isSystemPublic())
      throw refusal('not_available', `nobody answers on @"${PUBLIC_SYSTEM}" here`, 'use the powerbox of the welcome');
    if (isPattern(value) || !isClosed(value))
      throw refusal('value_unsupported', 'a channel is a value without variables and wildcards');
    return value;
  }
}

/** Third in the environment of a task that goes on with what lies there. */
const MORE = 'more';

/** Nothing comes of these but that they were applied. */
const VOID_KINDS: ReadonlySet<string> = new Set(['produce', 'release', 'cancel', 'credit']);

function isChannelValue(value: Value): value is Parameters<typeof bundle>[0] {
  return value instanceof Bundle || kindOf(value) === Kind.Name;
}

function bodyOf(session: number, id: number): Body {
  return { label: SESSION_LABEL, term: null, place: 0, environment: [session, id] };
}

function isMine({ label, environment }: Body, session: number, id: number): boolean {
  return label === SESSION_LABEL && environment[0] === session && environment[1] === id;
}

export function unheld(): PowerboxError {
  return refusal('capability_refused', 'this capability is not held here');
}

function noRight(right: 'read' | 'write'): PowerboxError {
  return refusal(
    'capability_refused',
    right === 'read'
      ? 'this capability may be written to, and not be read from'
      : 'this capability may be read from, and not be written to',
  );
}
