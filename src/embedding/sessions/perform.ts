/**
 * What each request does, in the turn in which it is applied: the law of the wire, whoever asks. Everything here follows
 * from the request and the space; no clock is read, and nothing is sent.
 */
import { isErrorResult } from '../../../channels/index.ts';
import type { Deploys } from '../../dispatch/index.ts';
import { isPowerboxError } from '../../errors.ts';
import { type Account, type Lease, produceLeased, type SpaceEngine, type Task, type Turn } from '../../space/index.ts';
import {
  Bundle,
  bundle,
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
  type ForkRequest,
  type ProduceRequest,
  readClientMessage,
  type Request,
} from '../../wire/index.ts';
import type { Admission } from './admission.ts';
import type { Answers } from './answers.ts';
import { errorOfReply, refusal, wireError } from './errors.ts';
import { WHOLE } from './receivers.ts';
import { Receiving } from './receiving.ts';
import { substitute } from './references.ts';
import type { Session } from './session.ts';
import type { SessionForks } from './forks.ts';
import type { Deferred, Standing, StandingFork } from './standing.ts';
import { bodyOf, isMine, type Step, wasCancelled } from './step.ts';
import type { Asked, Outcome, Placed } from './types.ts';
import { isWhole, notWhole } from './whole.ts';

export interface PerformParts {
  readonly engine: SpaceEngine;
  readonly deploys: Deploys;
  readonly answers: Answers;
  readonly admission: Admission;
  /** A request waits until then. */
  readonly due: (session: Session, id: number, due_ms: number) => void;
  readonly leased: (lease: Lease) => void;
  /** Whether something of an account may still speak by itself, a timer or a connection. */
  readonly speaks: (account: Account) => boolean;
  readonly forks: SessionForks;
}

export class Performer {
  readonly #parts: PerformParts;
  readonly #receiving: Receiving;
  /** Leases of the turn that is running. */
  #leases = 0;
  #leaseTask = -1;

  constructor(parts: PerformParts) {
    this.#parts = parts;
    this.#receiving = new Receiving(parts);
  }

  /** Applies one request, and what waited for it. What is refused is its answer. */
  apply(turn: Turn, session: Session, asked: Asked, now_ms: number): void {
    const step = { turn, session, asked, now_ms };
    const { engine } = this.#parts;
    const { kind, id } = asked.request;
    const span = engine.follow(
      kind,
      { mode: modeOf(asked.request), session: session.number, holder: session.holder.name },
      asked.parent,
    );
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
      this.#parts.admission.requireHeld(step);
      if (asked.references.length > 0) this.#applyReferring(step);
      else this.#do(step);
    } catch (error) {
      if (!isPowerboxError(error)) throw error;
      session.sit(id);
      this.#parts.answers.fail(turn, session, id, wireError(error));
      this.#settle(turn, session, id);
    }
  }

  // ------------------------------------------------------------------ references

  #applyReferring(step: Step): void {
    const { session, asked } = step;
    const { id } = asked.request;
    const waitsFor = new Set<number>();
    for (const reference of asked.references) {
      const outcome = session.outcome(reference);
      if (outcome !== undefined) continue;
      if (reference >= id || session.standing(reference) === undefined) throw acknowledged(reference, id);
      waitsFor.add(reference);
    }
    if (waitsFor.size > 0) {
      this.#parts.admission.requireRoom(session);
      const deferred: Deferred = { kind: 'deferred', id, asked, waitsFor, now_ms: step.now_ms, due_ms: null };
      session.stand(deferred);
      for (const reference of waitsFor) session.awaits(reference, deferred);
      return;
    }
    this.#doReferring(step);
  }

  #doReferring(step: Step): void {
    const { turn, session, asked } = step;
    const { id } = asked.request;
    let failed: Outcome | null = null;
    const resultOf = (reference: number): Value => {
      const outcome = session.outcome(reference);
      // It waited for another one meanwhile, and its client has said that it needs this one no more.
      if (outcome === undefined) throw acknowledged(reference, id);
      if ('ok' in outcome) return outcome.ok;
      failed ??= outcome;
      return null;
    };
    const parts = asked.parts.map((part, index) => (index < 2 ? part : substitute(part, resultOf)));
    if (failed !== null && 'error' in (failed as Outcome)) {
      const { error } = failed as { readonly error: ReturnType<typeof wireError> };
      this.#parts.answers.fail(turn, session, id, error);
      this.#settle(turn, session, id);
      return;
    }
    const request = readClientMessage(parts) as Request;
    if (!isWhole(request)) throw notWhole();
    this.#do({ ...step, asked: { ...asked, parts, request, references: [] } });
    // What has nothing to say says so: `applied` has passed long ago.
    if (VOID_KINDS.has(request.kind)) this.#answer(step, null);
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
        this.#tell(step, this.#receiving.receive(step, request, request.limit_ms));
        return;
      }
      case 'consume': {
        this.#tell(step, this.#receiving.receive(step, request, null));
        return;
      }
      case 'watch': {
        this.#receiving.watch(step, request);
        return;
      }
      case 'place': {
        this.#place(step, request);
        return;
      }
      case 'query':
      case 'estimate': {
        this.#fork(step, request);
        return;
      }
      case 'names': {
        const names = Array.from({ length: request.count }, () => turn.newName());
        this.#answer(step, list(names));
        return;
      }
      case 'attenuate': {
        const { capability, read, write } = request;
        if (!isChannelValue(capability)) throw refusal('bad_request', 'only a capability can be attenuated');
        this.#answer(step, bundle(capability, read, write));
        return;
      }
      case 'release': {
        // What was acknowledged is handled, whatever the request says, and after a restart nobody knows what it brought.
        const handled = Math.max(request.handled, session.handled);
        for (const { row, rights } of asked.uses) {
          const held = session.holder.holdings.row(row);
          if (held !== undefined) session.holder.holdings.release(turn, session.number, { held, rights }, handled);
        }
        return;
      }
      case 'cancel': {
        const standing = session.standing(request.of);
        if (standing === undefined) return;
        if (this.withdraw(session, standing)) this.end(turn, session, standing, { error: wireError(wasCancelled()) });
        else this.#receiving.leave(session, standing);
        return;
      }
      case 'credit': {
        const last = this.#receiving.credit(turn, session, request);
        const standing = session.standing(request.of);
        if (last !== null && standing !== undefined) this.end(turn, session, standing, last);
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
    const channel = this.#parts.admission.channel(session, asked, request.channel, 'write');
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
    const target = this.#parts.admission.channel(session, asked, request.target, 'write');
    this.#parts.admission.requireRoom(session);
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

  /** Its program runs beside the space from when it is durable that it was asked. */
  #fork({ turn, session, asked }: Step, request: ForkRequest): void {
    const { admission, forks } = this.#parts;
    admission.requireRoom(session);
    const { id } = request;
    const standing: StandingFork = {
      kind: 'fork',
      id,
      parts: asked.parts,
      channel: null,
      at: null,
      request,
      due_ms: null,
    };
    session.stand(standing);
    turn.afterDurable(() => forks.begin(session, standing));
  }

  #place(step: Step, { name, prepared }: Placed): void {
    const { deploys, engine } = this.#parts;
    const { account } = deploys.place(step.turn, prepared, (account, body, captures) =>
      engine.newTask(account, body, captures),
    );
    this.placed(step.turn, step.session, step.asked.request.id, { account, name });
  }

  /** A program has its place in the space: that is the answer. */
  placed(
    turn: Turn,
    session: Session,
    id: number,
    { account, name }: { readonly account: number; readonly name: string },
  ): void {
    const value = map([
      ['deploy', account],
      ['name', name],
    ]);
    this.#parts.answers.deliver(turn, session, id, value);
    this.#settle(turn, session, id);
    const { deploys, engine, speaks } = this.#parts;
    deploys.trim(turn, account, (old) => !speaks(old) && engine.retire(old));
    engine.sweepAccounts((gone) => deploys.heir(gone));
  }

  // ------------------------------------------------------------------ what comes later

  /** A continuation of a session has met its messages. */
  met(turn: Turn, session: Session, standing: Standing, task: Task): void {
    switch (standing.kind) {
      case 'call': {
        const reply = (task.captures[0] as List).items;
        const [value] = reply;
        const failed = reply.length === 1 && value !== undefined && isErrorResult(value);
        const outcome: Outcome = failed
          ? { error: errorOfReply((value as Tuple).items[1] as Value) }
          : { ok: reply.length === 1 ? (value as Value) : tuple(reply) };
        this.end(turn, session, standing, outcome);
        return;
      }
      case 'receive':
      case 'watch': {
        const last = this.#receiving.met(turn, session, standing, task);
        if (last !== null) this.end(turn, session, standing, last);
        return;
      }
      case 'fork':
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
    if (standing.kind === 'fork') this.#parts.forks.stop(standing);
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
    if ('ok' in outcome) answers.deliver(turn, session, id, outcome.ok);
    else answers.fail(turn, session, id, outcome.error);
    this.#settle(turn, session, id);
  }

  // ------------------------------------------------------------------ parts

  #tell(step: Step, outcome: Outcome | null): void {
    if (outcome !== null && 'ok' in outcome) this.#answer(step, outcome.ok);
  }

  #answer({ turn, session, asked }: Step, value: Value): void {
    const { id } = asked.request;
    this.#parts.answers.deliver(turn, session, id, value);
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
        this.#parts.admission.requireHeld(step);
        // What it sets in motion is its own, not that of the one whose result it waited for.
        this.#parts.engine.followed(session.span(deferred.id), () => this.#doReferring(step));
      } catch (error) {
        if (!isPowerboxError(error)) throw error;
        this.#parts.answers.fail(turn, session, deferred.id, wireError(error));
        this.#settle(turn, session, deferred.id);
      }
    }
  }
}

/** In which mode what is asked runs, for whoever follows it. */
function modeOf(request: Asked['request']): string {
  if (request.kind === 'query' || request.kind === 'estimate') return request.kind;
  return request.kind === 'deploy' && request.atomic === true ? 'atomic' : 'transaction';
}

/** Nothing comes of these but that they were applied. */
const VOID_KINDS: ReadonlySet<string> = new Set(['produce', 'release', 'cancel', 'credit']);

function acknowledged(reference: number, id: number): Error {
  return refusal(
    'bad_request',
    `the result of request ${reference} is not there for request ${id}`,
    'what was acknowledged is written as it came',
  );
}

function isChannelValue(value: Value): value is Parameters<typeof bundle>[0] {
  return value instanceof Bundle || kindOf(value) === Kind.Name;
}
