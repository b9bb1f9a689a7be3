/**
 * Receives of clients: what lies there is delivered in the turn of the request; for the rest a continuation waits. One
 * that goes on takes a message only when there is credit for its delivery; a watch takes none, and counts what it missed.
 */
import { isPowerboxError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import type { Receive, Task, Turn } from '../../space/index.ts';
import { Bundle, list, type Value } from '../../values/index.ts';
import type { ConsumeRequest, CreditRequest, ReceiveRequest, WatchRequest } from '../../wire/index.ts';
import { refusal, wireError } from './errors.ts';
import type { PerformParts } from './perform.ts';
import { messagesOf, WHOLE } from './receivers.ts';
import type { Session } from './session.ts';
import { receiversOf, type Standing, type StandingReceive, type StandingWatch } from './standing.ts';
import { bodyOf, isMine, MORE, type Step, wasCancelled } from './step.ts';
import type { Asked, Outcome } from './types.ts';

export class Receiving {
  readonly #parts: PerformParts;

  constructor(parts: PerformParts) {
    this.#parts = parts;
  }

  /** What a request brings at once; null: it waits, and brings something later. */
  receive(step: Step, request: ReceiveRequest | ConsumeRequest, limit_ms: number | null): Outcome | null {
    const { session, asked, now_ms } = step;
    const { engine, admission, due } = this.#parts;
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
    const receive = this.#receiveOf(session, standing, asked);
    if (goesOn) {
      admission.requireRoom(session);
      session.stand(standing);
      this.#drain(step.turn, session, standing, receive);
      return null;
    }
    const captures = engine.tuples.tryOnce(receive);
    if (captures !== null) return { ok: list(messagesOf(receivers, captures)) };
    if (limit_ms === 0) return { ok: null };
    admission.requireRoom(session);
    this.#wait(session, standing, receive);
    session.stand(standing);
    if (due_ms !== null) due(session, id, due_ms);
    return null;
  }

  watch({ session, asked }: Step, request: WatchRequest): void {
    const { engine, admission } = this.#parts;
    const { id, credit } = request;
    const channel = admission.channel(session, asked, request.channel, 'read');
    admission.requireRoom(session);
    const slot = { channel, pattern: WHOLE.pattern, peek: true };
    engine.tuples.consume({ slots: [slot], persist: true, body: bodyOf(session.number, id) }, session.holder.account);
    // It was put down before it met anything.
    const at = engine.place(channel).nextWaiter - 1;
    session.stand({ kind: 'watch', id, parts: asked.parts, channel, at, request, due_ms: null, credit, missed: 0 });
  }

  credit(turn: Turn, session: Session, { of, more, anew = false }: CreditRequest): Outcome | null {
    const standing = session.standing(of);
    if (standing === undefined || (standing.kind !== 'receive' && standing.kind !== 'watch')) return null;
    if (isLeaving(standing)) return null;
    if (anew) {
      // One that waits in the space has a delivery coming.
      const least = standing.kind === 'receive' && standing.at !== null ? 1 : 0;
      standing.credit = Math.max(least, more - session.undeliveredOf(of));
    } else standing.credit = Math.min(standing.credit + more, limits.wire_credit_max);
    session.changed(of);
    return standing.kind === 'receive' && standing.at === null ? this.#goOn(turn, session, standing) : null;
  }

  /**
   * It was cancelled when its continuation had met its messages: those are delivered, and are the last. Written down as a
   * continuation that waits without credit, which none does else.
   */
  leave(session: Session, standing: Standing): void {
    if (standing.kind !== 'receive' || standing.request.kind !== 'consume' || !standing.request.persist) return;
    standing.credit = 0;
    session.changed(standing.id);
  }

  /** Its continuation has met its messages. What ends the request; null: it goes on. */
  met(
    turn: Turn,
    session: Session,
    standing: StandingReceive | StandingWatch,
    { body, captures }: Task,
  ): Outcome | null {
    const { engine } = this.#parts;
    if (standing.kind === 'watch') {
      session.changed(standing.id);
      if (standing.credit === 0) {
        standing.missed++;
        return null;
      }
      const refused = this.#deliver(turn, session, standing, list([standing.missed, captures[0] as Value]));
      if (refused !== null) {
        engine.tuples.takeBack(standing.channel, standing.at as number, (one) =>
          isMine(one, session.number, standing.id),
        );
        return refused;
      }
      standing.credit--;
      standing.missed = 0;
      return null;
    }
    if (body.environment[2] === MORE) return standing.at === null ? this.#goOn(turn, session, standing) : null;
    const { request, receivers } = standing;
    const messages = list(messagesOf(receivers, captures));
    if (request.kind !== 'consume' || !request.persist) return { ok: messages };
    const isLast = isLeaving(standing);
    standing.at = null;
    if (!isLast) standing.credit--;
    session.changed(standing.id);
    const refused = this.#deliver(turn, session, standing, messages);
    if (refused !== null) return refused;
    return isLast ? { error: wireError(wasCancelled()) } : this.#goOn(turn, session, standing);
  }

  /** One message of many. What may not be given ends the request: else it would take more, and tell nobody. */
  #deliver(turn: Turn, session: Session, { id }: StandingReceive | StandingWatch, value: Value): Outcome | null {
    try {
      this.#parts.answers.deliverMore(turn, session, id, value);
      return null;
    } catch (error) {
      if (!isPowerboxError(error)) throw error;
      return { error: wireError(error) };
    }
  }

  /** A standing receive takes what lies there now. Where that is refused, it ends. */
  #goOn(turn: Turn, session: Session, standing: StandingReceive): Outcome | null {
    try {
      this.#drain(turn, session, standing, this.#receiveOf(session, standing, null));
      return null;
    } catch (error) {
      if (!isPowerboxError(error)) throw error;
      return { error: wireError(error) };
    }
  }

  /** What was asked has been admitted once; then it goes on. */
  #receiveOf(session: Session, { request, receivers }: StandingReceive, asked: Asked | null): Receive {
    const { admission } = this.#parts;
    return {
      slots: request.slots.map(({ channel, peek }, index) => ({
        channel: asked === null ? inside(channel) : admission.channel(session, asked, channel, 'read'),
        pattern: (receivers[index] as (typeof receivers)[number]).pattern,
        peek: peek || request.kind === 'peek',
      })),
      persist: false,
      body: bodyOf(session.number, request.id),
    };
  }

  #wait(session: Session, standing: StandingReceive, receive: Receive): void {
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
        this.#wait(session, standing, receive);
        return;
      }
      standing.credit--;
      session.changed(standing.id);
      answers.deliverMore(turn, session, standing.id, list(messagesOf(standing.receivers, captures)));
    }
  }
}

/** Of a receive that goes on: it was cancelled, and one delivery is still to come. */
function isLeaving({ kind, at, credit }: StandingReceive | StandingWatch): boolean {
  return kind === 'receive' && at !== null && credit === 0;
}

function inside(channel: Value): Value {
  return channel instanceof Bundle ? channel.body : channel;
}
