/**
 * What requests bring, in the turn in which they do: each delivery gets the next number of its session, is kept in facts
 * until it is acknowledged, and is written once as the bytes that go out. Names in it become tokens of the session's holder,
 * who is given them by that.
 */
import { isPowerboxError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import type { Turn } from '../../space/index.ts';
import type { Bundle, Name, Value } from '../../values/index.ts';
import { errorValue, MessageEncoder, type WireError } from '../../wire/index.ts';
import { wireError } from './errors.ts';
import type { Sealed } from './holdings.ts';
import type { Made } from './kept.ts';
import type { Session } from './session.ts';

/** Kinds of deliveries in their facts. */
const MORE = 0;
const LAST = 1;
const FAILED = 2;

export class Answers {
  readonly #encoder = new MessageEncoder((name) => this.#seal(name));
  readonly #touch: (turn: Turn, session: Session) => void;
  readonly #overrun: (session: Session) => void;
  #turn: Turn | null = null;
  #session: Session | null = null;
  /** Of the delivery that is written. */
  #number = 0;

  /**
   * `touch` hears of each session in whose turn something has changed, `overrun` of one whose client does not
   * acknowledge what it gets.
   */
  constructor(touch: (turn: Turn, session: Session) => void, overrun: (session: Session) => void) {
    this.#touch = touch;
    this.#overrun = overrun;
  }

  /** What ended a request; those that refer to it get it. */
  deliver(turn: Turn, session: Session, id: number, value: Value): void {
    try {
      this.#add(turn, session, id, LAST, value);
    } catch (error) {
      // More names than the holder may be given, or larger than may be sent: that is what the client hears.
      if (!isPowerboxError(error)) throw error;
      this.fail(turn, session, id, wireError(error));
      return;
    }
    session.remember(id, { ok: value });
  }

  /** One of many that a request brings. Throws what `deliver` tells: the request is at its end with that. */
  deliverMore(turn: Turn, session: Session, id: number, value: Value): void {
    this.#add(turn, session, id, MORE, value);
  }

  fail(turn: Turn, session: Session, id: number, error: WireError): void {
    this.#add(turn, session, id, FAILED, errorValue(error));
    session.remember(id, { error });
  }

  /** A delivery of an earlier process, whose bytes are made again: its rows are there, so nothing is given anew. */
  restore(session: Session, number: number, [id, kind, value]: Made, readError: (value: Value) => WireError): void {
    session.push({ number, id, bytes: this.#encode(null, session, number, id, kind, value) });
    if (kind === LAST) session.remember(id, { ok: value });
    if (kind === FAILED) session.remember(id, { error: readError(value) });
  }

  #add(turn: Turn, session: Session, id: number, kind: number, value: Value): void {
    const number = session.next;
    const bytes = this.#encode(turn, session, number, id, kind, value);
    session.next++;
    session.push({ number, id, bytes });
    session.kept.add(number, id, kind, value, bytes.length);
    this.#touch(turn, session);
    if (kind !== MORE && session.isFollowed(id)) {
      const outcome = kind === FAILED ? 'error' : 'ok';
      turn.afterDurable(() => session.told(id, outcome));
    }
    if (
      session.undelivered > limits.session_deliveries_max ||
      session.undelivered_bytes > limits.session_deliveries_bytes_max
    )
      this.#overrun(session);
  }

  #encode(turn: Turn | null, session: Session, number: number, id: number, kind: number, value: Value): Uint8Array {
    this.#turn = turn;
    this.#session = session;
    this.#number = number;
    const parts = kind === FAILED ? ['error', number, id, value] : ['deliver', number, id, value, kind === LAST];
    return this.#encoder.encode(parts);
  }

  #seal(name: Name | Bundle): Sealed {
    const { holder, number } = this.#session as Session;
    return holder.holdings.give(this.#turn, number, name, this.#number);
  }
}
