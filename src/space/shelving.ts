/**
 * What lies and waits is put down and taken away here: on each channel that it stands on, with its numbers, the pins of
 * that channel, and a word to the `Ledger` of every change. Owns nothing. Must never try whether anything matches.
 */
import type { Value } from '../values/index.ts';
import type { Channel } from './channel.ts';
import { Datum, type Waiter, type Waiting } from './items.ts';
import type { Joins } from './joins.ts';
import type { Ledger } from './ledger.ts';
import { ResidentDataShelf, ResidentWaiterShelf, type WaiterShelf } from './shelf.ts';
import type { Account } from './types.ts';

export class Shelving {
  readonly #ledger: Ledger;
  readonly #joins: Joins;

  constructor(ledger: Ledger, joins: Joins) {
    this.#ledger = ledger;
    this.#joins = joins;
  }

  putDatum(channel: Channel, message: readonly Value[], persist: boolean, account: Account): Datum {
    const ledger = this.#ledger;
    ledger.admitDatum(account, message);
    ledger.touch(channel);
    const datum = new Datum(message, persist, account, ledger.nextStamp++, ledger.messageCause);
    datum.number = channel.nextDatum++;
    channel.data ??= new ResidentDataShelf();
    channel.data.add(datum);
    ledger.datumPut(channel, datum);
    return datum;
  }

  removeDatum(channel: Channel, datum: Datum): void {
    this.#ledger.touch(channel);
    (channel.data as NonNullable<Channel['data']>).remove(datum);
    this.#ledger.datumGone(channel, datum);
    if (channel.taken !== null) for (const look of channel.taken) look();
  }

  /** As `storeWaiter`, of one that did not wait before. */
  storeNewWaiter(waiter: Waiter): void {
    this.#ledger.admitWaiter(waiter.account, waiter.receive);
    this.storeWaiter(waiter);
  }

  storeWaiter(waiter: Waiter): void {
    const ledger = this.#ledger;
    if (waiter.join === null) {
      const channel = waiter.channel;
      ledger.touch(channel, waiter.deliver !== null);
      waiter.number = channel.nextWaiter++;
      if (waiter.deliver !== null) channel.pins++;
      shelfFor(channel, waiter).add(waiter);
    } else {
      const { channels, entries } = waiter.join;
      for (const channel of channels) ledger.touch(channel, waiter.deliver !== null);
      for (let index = 0; index < channels.length; index++) {
        const channel = channels[index] as Channel;
        const entry = entries[index] as Waiting;
        entry.number = channel.nextWaiter++;
        channel.pins++;
        shelfFor(channel, waiter).add(entry);
      }
    }
    ledger.waiterPut(waiter);
  }

  removeWaiter(waiter: Waiter): void {
    const ledger = this.#ledger;
    if (waiter.join === null) {
      ledger.touch(waiter.channel, waiter.deliver !== null);
      if (waiter.deliver !== null) waiter.channel.pins--;
      shelfFor(waiter.channel, waiter).remove(waiter);
    } else {
      this.#joins.complete(waiter.join);
      const { channels, entries } = waiter.join;
      for (let index = 0; index < channels.length; index++) {
        const channel = channels[index] as Channel;
        ledger.touch(channel, waiter.deliver !== null);
        channel.pins--;
        shelfFor(channel, waiter).remove(entries[index] as Waiting);
      }
    }
    ledger.waiterGone(waiter);
  }
}

/** Callers of this process stand apart from what is stored. */
function shelfFor(channel: Channel, waiter: Waiter): WaiterShelf {
  if (waiter.deliver !== null) {
    channel.callers ??= new ResidentWaiterShelf();
    return channel.callers;
  }
  channel.waiters ??= new ResidentWaiterShelf();
  return channel.waiters;
}
