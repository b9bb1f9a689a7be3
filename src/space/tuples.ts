/**
 * The law of the space: what a send, a receive and an install do at once. Nothing here waits, reads a clock
 * or touches a disk; channels come from `channels.ts`, and every change is told to a `Ledger`.
 *
 * - On a send, waiting continuations are tried by age; each that only peeks runs and the search goes on; the
 *   first that takes the datum ends it. A persistent datum is never taken, so all that match run.
 * - A persistent continuation that takes what a younger one could have had goes to the end of the line.
 * - On a receive, data are tried by age. A join finds a match whenever there is one; of its assignments the
 *   first in lexicographic order of ages wins; every slot has a datum of its own unless that is persistent.
 * - A persistent item that matches stays; a peek never removes.
 * - A persistent datum and a persistent continuation meet once a turn: their repetition is a task.
 */
import { PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { Budget, MessagePattern } from '../match/index.ts';
import type { Value } from '../values/index.ts';
import type { Channel } from './channel.ts';
import { type Datum, type Join, Waiter, type Waiting } from './items.ts';
import { type Assignment, Joins, owned } from './joins.ts';
import type { Ledger } from './ledger.ts';
import { type Cursor, ResidentWaiterShelf, TwoCursors, type WaiterShelf } from './shelf.ts';
import { Shelving } from './shelving.ts';
import type { Account, Body, Receive, Slot } from './types.ts';

export class Tuples {
  readonly #ledger: Ledger;
  readonly #shelving: Shelving;
  readonly #joins: Joins;
  readonly #budget: Budget = { steps: 0 };

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
    this.#joins = new Joins(
      (value) => ledger.place(value),
      (pattern, message) => this.#match(pattern, message),
    );
    this.#shelving = new Shelving(ledger, this.#joins);
  }

  /** Whether the message met at least one continuation. */
  produce(value: Value, message: readonly Value[], persist: boolean, account: Account): boolean {
    const ledger = this.#ledger;
    const channel = ledger.place(value);
    if (channel.owner !== null) return this.#meetOwner(channel, channel.owner, message, account);
    const waiters = channel.waiters;
    if (channel.callers !== null && channel.callers.live > 0)
      return this.#produceAmongMany(channel, message, persist, account);
    if (waiters === null || waiters.live === 0) {
      this.#shelving.putDatum(channel, message, persist, account);
      return false;
    }
    if (!persist && waiters instanceof ResidentWaiterShelf) {
      // By far the most common case: one continuation can match, with one slot.
      const waiter = waiters.sole(message);
      if (waiter === null) {
        this.#shelving.putDatum(channel, message, false, account);
        return false;
      }
      if (waiter instanceof Waiter && waiter.join === null) {
        const slot = waiter.receive.slots[0] as Slot;
        const captures = this.#match(slot.pattern, message);
        if (captures === null) {
          this.#shelving.putDatum(channel, message, false, account);
          return false;
        }
        ledger.fire(waiter, account, captures);
        if (!waiter.receive.persist) this.#shelving.removeWaiter(waiter);
        if (slot.peek) this.#shelving.putDatum(channel, message, false, account);
        return true;
      }
    }
    return this.#produceAmongMany(channel, message, persist, account);
  }

  #produceAmongMany(channel: Channel, message: readonly Value[], persist: boolean, account: Account): boolean {
    const ledger = this.#ledger;
    const cursor = waitersFor(channel, message);
    // Put down only when something needs it to lie there: most messages are taken by one slot at once.
    let datum: Datum | null = persist ? this.#shelving.putDatum(channel, message, true, account) : null;
    let met = false;
    for (let entry = cursor.next(); entry !== null; entry = cursor.next()) {
      const waiter = entry.waiter;
      if (waiter.join === null) {
        const slot = waiter.receive.slots[0] as Slot;
        const captures = this.#match(slot.pattern, message);
        if (captures === null) continue;
        met = true;
        ledger.fire(waiter, account, captures);
        if (!waiter.receive.persist) this.#shelving.removeWaiter(waiter);
        if (slot.peek) continue;
        if (datum !== null && persist) {
          if (waiter.receive.persist) ledger.repeat(waiter, account, [datum]);
          continue;
        }
        if (datum !== null) this.#shelving.removeDatum(channel, datum);
        this.#giveWay(waiter, cursor, channel, message);
        return true;
      }
      datum ??= this.#shelving.putDatum(channel, message, false, account);
      for (;;) {
        const assignment = this.#joins.assignWith(waiter, channel, datum);
        if (assignment === null) break;
        met = true;
        const took = this.#fireJoin(waiter, assignment);
        if (datum.gone) {
          this.#giveWay(waiter, cursor, channel, message);
          return true;
        }
        // A persistent join that leaves this datum may find more for its other slots.
        if (!took || !waiter.receive.persist) break;
      }
    }
    if (datum === null) this.#shelving.putDatum(channel, message, persist, account);
    return met;
  }

  /**
   * A persistent continuation that has taken a message which a younger one could have had goes to the end of the
   * line. So nobody who stays keeps the others from ever being served.
   */
  #giveWay(waiter: Waiter, younger: Cursor<Waiting>, channel: Channel, message: readonly Value[]): void {
    if (!waiter.receive.persist || waiter.deliver !== null) return;
    for (let entry = younger.next(); entry !== null; entry = younger.next()) {
      if (entry.waiter === waiter || !this.#couldHave(entry.waiter, channel, message)) continue;
      this.#toTheEnd(waiter);
      return;
    }
  }

  /** Whether a slot on this channel matches the message, and something lies for the slots on other channels. */
  #couldHave(waiter: Waiter, channel: Channel, message: readonly Value[]): boolean {
    const { slots } = waiter.receive;
    if (waiter.join === null) return this.#match((slots[0] as Slot).pattern, message) !== null;
    const { channels, channelOfSlot } = waiter.join;
    this.#joins.complete(waiter.join);
    for (const other of channels) if (other !== channel && (other.data === null || other.data.live === 0)) return false;
    return slots.some(
      (slot, at) => channels[channelOfSlot[at] as number] === channel && this.#match(slot.pattern, message) !== null,
    );
  }

  /** The same continuation with new numbers. What it repeats with persistent data it goes on repeating. */
  #toTheEnd(waiter: Waiter): void {
    const ledger = this.#ledger;
    const { receive, account } = waiter;
    this.#shelving.removeWaiter(waiter);
    if (waiter.join !== null) {
      const again = this.#joins.make(receive, account);
      this.#shelving.storeWaiter(again);
      const assignment = receive.slots.some((slot) => slot.peek) ? null : this.#joins.assign(again);
      if (assignment !== null) ledger.repeat(again, newest(assignment.data).account, assignment.data);
      return;
    }
    const slot = receive.slots[0] as Slot;
    const again = new Waiter(waiter.channel, receive, account, false);
    this.#shelving.storeWaiter(again);
    const cursor = waiter.channel.data?.candidates(slot.pattern);
    if (cursor === undefined) return;
    for (let datum = cursor.next(); datum !== null; datum = cursor.next())
      if (datum.persist && this.#match(slot.pattern, datum.message) !== null)
        ledger.repeat(again, datum.account, [datum]);
  }

  /** Whether the receive met data; a persistent one is stored in any case. */
  consume(receive: Receive, account: Account): boolean {
    const slots = receive.slots;
    if (slots.length === 1) return this.#consumeOne(receive, slots[0] as Slot, account);
    if (slots.length === 0) throw new PowerboxError('bad_request', 'a receive needs at least one channel');
    if (slots.length > limits.join_channels_max)
      throw new PowerboxError(
        'bad_request',
        `a join of ${slots.length} channels; at most ${limits.join_channels_max} are possible`,
      );
    return this.#consumeJoin(receive, account);
  }

  #consumeOne(receive: Receive, slot: Slot, account: Account): boolean {
    const ledger = this.#ledger;
    const channel = ledger.place(slot.channel);
    if (channel.owner !== null) throw owned();
    const data = channel.data;
    const waiter = new Waiter(channel, receive, account, false);
    if (receive.persist) this.#shelving.storeNewWaiter(waiter);
    let met = false;
    if (data !== null && data.live > 0) {
      const cursor = data.candidates(slot.pattern);
      for (let datum = cursor.next(); datum !== null; datum = cursor.next()) {
        const captures = this.#match(slot.pattern, datum.message);
        if (captures === null) continue;
        met = true;
        ledger.fire(waiter, datum.account, captures);
        if (!slot.peek && !datum.persist) this.#shelving.removeDatum(channel, datum);
        if (!receive.persist) return true;
        if (datum.persist && !slot.peek) ledger.repeat(waiter, datum.account, [datum]);
      }
    }
    if (!receive.persist) this.#shelving.storeNewWaiter(waiter);
    return met;
  }

  #consumeJoin(receive: Receive, account: Account): boolean {
    const waiter = this.#joins.make(receive, account);
    if (receive.persist) this.#shelving.storeNewWaiter(waiter);
    let met = false;
    for (;;) {
      const assignment = this.#joins.assign(waiter);
      if (assignment === null) break;
      met = true;
      const took = this.#fireJoin(waiter, assignment);
      if (!receive.persist) return true;
      // Nothing went away, so the same data would match for ever: the repetition is a task (or, for a peek, none).
      if (!took) break;
    }
    if (!receive.persist) this.#shelving.storeNewWaiter(waiter);
    return met;
  }

  /** The first assignment for a request that is not stored, for a take or read that does not wait. */
  tryOnce(receive: Receive): readonly Value[] | null {
    const single = receive.slots.length === 1 ? (receive.slots[0] as Slot) : null;
    if (single === null) {
      const waiter = this.#joins.make(receive, 0);
      const assignment = this.#joins.assign(waiter);
      if (assignment === null) return null;
      this.#takeAssigned(waiter, assignment);
      return assignment.captures;
    }
    const channel = this.#ledger.place(single.channel);
    if (channel.owner !== null) throw owned();
    if (channel.data === null || channel.data.live === 0) return null;
    const cursor = channel.data.candidates(single.pattern);
    for (let datum = cursor.next(); datum !== null; datum = cursor.next()) {
      const captures = this.#match(single.pattern, datum.message);
      if (captures === null) continue;
      if (!single.peek && !datum.persist) this.#shelving.removeDatum(channel, datum);
      return captures;
    }
    return null;
  }

  /**
   * Stores a continuation for whoever has just found nothing with `tryOnce`, or waits on a name that nobody has seen
   * yet. Answers by which number it is found on its first channel.
   */
  leave(receive: Receive, account: Account): number {
    const waiter =
      receive.slots.length === 1
        ? new Waiter(this.#ledger.place((receive.slots[0] as Slot).channel), receive, account, false)
        : this.#joins.make(receive, account);
    this.#shelving.storeNewWaiter(waiter);
    return waiter.number;
  }

  /** Takes back what was left on a channel under a number. False: it has met its data since, or was never there. */
  takeBack(channel: Value, number: number, isMine: (body: Body) => boolean): boolean {
    const waiter = this.#ledger.place(channel).waiters?.byNumber(number)?.waiter ?? null;
    if (waiter === null || waiter.gone || !isMine(waiter.receive.body)) return false;
    this.#shelving.removeWaiter(waiter);
    return true;
  }

  /** Lets a caller of this process wait; to be called when `tryOnce` has just found nothing. */
  wait(
    receive: Receive,
    deliver: (captures: readonly Value[]) => void,
    refuse: ((error: Error) => void) | null,
  ): Waiter {
    const waiter =
      receive.slots.length === 1
        ? new Waiter(this.#ledger.place((receive.slots[0] as Slot).channel), receive, 0, false)
        : this.#joins.make(receive, 0);
    waiter.deliver = deliver;
    waiter.refuse = refuse;
    this.#shelving.storeWaiter(waiter);
    return waiter;
  }

  /** As `wait`, of one that had these numbers on its channels. */
  waitAgain(receive: Receive, deliver: (captures: readonly Value[]) => void, numbers: readonly number[]): Waiter {
    const channels = [...new Set(receive.slots.map(({ channel }) => this.#ledger.place(channel)))];
    const next = channels.map((channel) => channel.nextWaiter);
    channels.forEach((channel, index) => {
      channel.nextWaiter = numbers[index] ?? channel.nextWaiter;
    });
    const waiter = this.wait(receive, deliver, null);
    channels.forEach((channel, index) => {
      channel.nextWaiter = Math.max(channel.nextWaiter, next[index] ?? 0);
    });
    return waiter;
  }

  /** Makes the channel belong to one body; see `Turn.install`. */
  install(
    value: Value,
    pattern: MessagePattern,
    body: Body,
    account: Account,
    same: (left: Body, right: Body) => boolean,
  ): void {
    const ledger = this.#ledger;
    const channel = ledger.place(value);
    const receive: Receive = { slots: [{ channel: value, pattern, peek: false }], persist: true, body };
    if (channel.owner !== null) {
      if (same(channel.owner.receive.body, body)) return;
      ledger.admitWaiter(account, receive);
      this.uninstall(value);
    } else ledger.admitWaiter(account, receive);
    if (channel.waiters !== null && channel.waiters.live > 0)
      throw new PowerboxError('channel_owned', 'somebody receives already on the channel that is to be installed');
    const waiter = new Waiter(channel, receive, account, true);
    ledger.touch(channel);
    waiter.number = channel.nextWaiter++;
    channel.owner = waiter;
    ledger.waiterPut(waiter);
    const data = channel.data;
    if (data === null) return;
    const cursor = data.walk();
    for (let datum = cursor.next(); datum !== null; datum = cursor.next()) {
      const captures = this.#match(pattern, datum.message);
      if (captures === null) continue;
      ledger.fire(waiter, datum.account, captures);
      if (!datum.persist) this.#shelving.removeDatum(channel, datum);
    }
  }

  uninstall(value: Value): void {
    const channel = this.#ledger.place(value);
    const owner = channel.owner;
    if (owner === null) return;
    this.#ledger.touch(channel);
    owner.gone = true;
    channel.owner = null;
    this.#ledger.waiterGone(owner);
  }

  /** A repetition: the persistent pair (or join) meets once more, if all of it is still there. */
  meetAgain(waiter: Waiter, data: readonly Datum[]): void {
    const captures: Value[] = [];
    const slots = waiter.receive.slots;
    for (let slot = 0; slot < slots.length; slot++) {
      const { pattern } = slots[slot] as Slot;
      const got = this.#match(pattern, (data[slot] as Datum).message);
      if (got === null) return;
      for (const capture of got) captures.push(capture);
    }
    const account = newest(data).account;
    this.#ledger.fire(waiter, account, captures);
    this.#ledger.repeat(waiter, account, data);
  }

  /** Takes a waiting continuation away, for a caller who has stopped waiting. */
  withdraw(waiter: Waiter): boolean {
    if (waiter.gone) return false;
    this.#shelving.removeWaiter(waiter);
    return true;
  }

  // ------------------------------------------------------------------ what has met elsewhere what it could

  /** Puts a message down and tries nobody. */
  putDown(value: Value, message: readonly Value[], persist: boolean, account: Account): void {
    this.#shelving.putDatum(this.#ledger.place(value), message, persist, account);
  }

  /** Lets a continuation wait, or own its channel, and tries no message. */
  waitAsIs(receive: Receive, account: Account, installed: boolean): void {
    const ledger = this.#ledger;
    if (receive.slots.length > 1) {
      this.#shelving.storeNewWaiter(this.#joins.make(receive, account));
      return;
    }
    const channel = ledger.place((receive.slots[0] as Slot).channel);
    const waiter = new Waiter(channel, receive, account, installed);
    if (!installed) {
      this.#shelving.storeNewWaiter(waiter);
      return;
    }
    ledger.admitWaiter(account, receive);
    ledger.touch(channel);
    waiter.number = channel.nextWaiter++;
    channel.owner = waiter;
    ledger.waiterPut(waiter);
  }

  /** Asks callers of this process who wait on a channel whether they want what lies there now, oldest first. */
  serveCallers(channel: Channel): void {
    const { callers } = channel;
    if (callers === null || callers.live === 0) return;
    const waiting: Waiter[] = [];
    const cursor = callers.walk();
    for (let entry = cursor.next(); entry !== null; entry = cursor.next()) waiting.push(entry.waiter);
    for (const waiter of waiting) {
      const captures = waiter.gone ? null : this.tryOnce(waiter.receive);
      if (captures === null) continue;
      this.#ledger.fire(waiter, waiter.account, captures);
      this.#shelving.removeWaiter(waiter);
    }
  }

  /** Takes a datum away, for a lease that has ended. */
  expire(channel: Channel, datum: Datum): boolean {
    if (datum.gone) return false;
    this.#shelving.removeDatum(channel, datum);
    return true;
  }

  // ------------------------------------------------------------------ parts

  #match(pattern: MessagePattern, message: readonly Value[]): readonly Value[] | null {
    const budget = this.#budget;
    budget.steps = limits.match_steps_max;
    const captures = pattern.match(message, budget);
    if (budget.steps < 0) {
      this.#ledger.tooMuchWork();
      return null;
    }
    return captures;
  }

  #meetOwner(channel: Channel, owner: Waiter, message: readonly Value[], account: Account): boolean {
    const captures = this.#match((owner.receive.slots[0] as Slot).pattern, message);
    if (captures === null) {
      this.#shelving.putDatum(channel, message, false, account);
      return false;
    }
    this.#ledger.fire(owner, account, captures);
    return true;
  }

  /** Runs a join with its data and removes what it takes. Whether anything went away. */
  #fireJoin(waiter: Waiter, assignment: Assignment): boolean {
    const ledger = this.#ledger;
    const account = newest(assignment.data).account;
    ledger.fire(waiter, account, assignment.captures);
    // One that matches as it arrives was never put down.
    if (!waiter.receive.persist && waiter.number >= 0) this.#shelving.removeWaiter(waiter);
    const took = this.#takeAssigned(waiter, assignment);
    if (!took && waiter.receive.persist && waiter.receive.slots.every((slot) => !slot.peek))
      ledger.repeat(waiter, account, assignment.data);
    return took;
  }

  #takeAssigned(waiter: Waiter, assignment: Assignment): boolean {
    const { channels, channelOfSlot } = waiter.join as Join;
    let took = false;
    for (let slot = 0; slot < assignment.data.length; slot++) {
      const datum = assignment.data[slot] as Datum;
      if (datum.persist || datum.gone || (waiter.receive.slots[slot] as Slot).peek) continue;
      this.#shelving.removeDatum(channels[channelOfSlot[slot] as number] as Channel, datum);
      took = true;
    }
    return took;
  }
}

/** All who may match the message, stored or callers, oldest first. */
function waitersFor(channel: Channel, message: readonly Value[]): Cursor<Waiting> {
  const { waiters, callers } = channel;
  if (callers === null || callers.live === 0) return (waiters as WaiterShelf).candidates(message);
  if (waiters === null || waiters.live === 0) return callers.candidates(message);
  return new TwoCursors(waiters.candidates(message), callers.candidates(message));
}

function newest(data: readonly Datum[]): Datum {
  let found = data[0] as Datum;
  for (const datum of data) if (datum.stamp > found.stamp) found = datum;
  return found;
}
