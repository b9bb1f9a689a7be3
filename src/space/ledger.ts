/** Who is told of every change, and makes tasks of matches: the space itself, or a fork of it. */
import type { Value } from '../values/index.ts';
import type { Channel } from './channel.ts';
import type { Datum, Waiter } from './items.ts';
import type { Account, Receive } from './types.ts';

export interface Ledger {
  /** The channel of a value, in memory and complete. */
  place(value: Value): Channel;
  /** Called before the channel changes; `unseen` when what changes is only who of this process waits there. */
  touch(channel: Channel, unseen?: boolean): void;
  datumPut(channel: Channel, datum: Datum): void;
  datumGone(channel: Channel, datum: Datum): void;
  waiterPut(waiter: Waiter): void;
  waiterGone(waiter: Waiter): void;
  /** A COMM: a task on the account of the newest datum. */
  fire(waiter: Waiter, account: Account, captures: readonly Value[]): void;
  /** The task that lets a persistent continuation meet these persistent data again. */
  repeat(waiter: Waiter, account: Account, data: readonly Datum[]): void;
  /** Throw `quota_exceeded` when the account may store no such thing more; nothing has changed then. */
  admitDatum(account: Account, message: readonly Value[]): void;
  admitWaiter(account: Account, receive: Receive): void;
  /** A pattern gave up on a datum. */
  tooMuchWork(): void;
  /** The age that the next datum gets, over all channels. */
  nextStamp: number;
  /** The index of the cause in the commit that carries the message now produced, or -1. */
  readonly messageCause: number;
}
