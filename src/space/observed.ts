/**
 * The tuplespace with somebody who looks on: each send, receive and match is told as it happens, in its turn. For
 * replays, where a person wants to see what the record leaves to be derived; a space that lives has nobody there.
 */
import type { MessagePattern } from '../match/index.ts';
import type { Value } from '../values/index.ts';
import type { Waiter } from './items.ts';
import type { Ledger } from './ledger.ts';
import { Tuples } from './tuples.ts';
import type { Account, Body, Receive } from './types.ts';

/** Told inside the turn: it must change nothing. */
export interface Observer {
  sent(channel: Value, message: readonly Value[], persist: boolean, account: Account): void;
  /** A continuation came to wait, or looked for data at once; `owns` for one that was installed. */
  received(receive: Receive, account: Account, owns: boolean): void;
  /** A COMM: from which sends it came is what was told before. `task` is null where somebody outside waited. */
  met(receive: Receive, account: Account, captures: readonly Value[], task: number | null): void;
}

export class ObservedTuples extends Tuples {
  readonly #observer: Observer;

  constructor(ledger: Ledger, observer: Observer, nextTask: () => number) {
    super(observed(ledger, observer, nextTask));
    this.#observer = observer;
  }

  override produce(value: Value, message: readonly Value[], persist: boolean, account: Account): boolean {
    this.#observer.sent(value, message, persist, account);
    return super.produce(value, message, persist, account);
  }

  override consume(receive: Receive, account: Account): boolean {
    this.#observer.received(receive, account, false);
    return super.consume(receive, account);
  }

  override tryOnce(receive: Receive): readonly Value[] | null {
    this.#observer.received(receive, 0, false);
    const captures = super.tryOnce(receive);
    if (captures !== null) this.#observer.met(receive, 0, captures, null);
    return captures;
  }

  override install(
    value: Value,
    pattern: MessagePattern,
    body: Body,
    account: Account,
    same: (left: Body, right: Body) => boolean,
  ): void {
    this.#observer.received({ slots: [{ channel: value, pattern, peek: false }], persist: true, body }, account, true);
    super.install(value, pattern, body, account, same);
  }
}

/** The ledger, and the observer told of each match before the task of it is made. */
function observed(ledger: Ledger, observer: Observer, nextTask: () => number): Ledger {
  return {
    place: (value) => ledger.place(value),
    touch: (channel) => ledger.touch(channel),
    datumPut: (channel, datum) => ledger.datumPut(channel, datum),
    datumGone: (channel, datum) => ledger.datumGone(channel, datum),
    waiterPut: (waiter) => ledger.waiterPut(waiter),
    waiterGone: (waiter) => ledger.waiterGone(waiter),
    fire(waiter: Waiter, account, captures) {
      observer.met(waiter.receive, account, captures, waiter.deliver === null ? nextTask() : null);
      ledger.fire(waiter, account, captures);
    },
    repeat: (waiter, account, data) => ledger.repeat(waiter, account, data),
    admitDatum: (account, message) => ledger.admitDatum(account, message),
    admitWaiter: (account, receive) => ledger.admitWaiter(account, receive),
    tooMuchWork: () => ledger.tooMuchWork(),
    get nextStamp() {
      return ledger.nextStamp;
    },
    set nextStamp(stamp) {
      ledger.nextStamp = stamp;
    },
    get messageCause() {
      return ledger.messageCause;
    },
  };
}
