/**
 * What lies on the shelves of a channel: data, waiting continuations, and the references by which a join is
 * known on its other channels. Plain records; who adds and removes them is `space.ts`.
 */
import type { Value } from '../values/index.ts';
import type { Channel } from './channel.ts';
import type { Account, Receive } from './types.ts';

/** An item of a shelf. Its number is its age on that channel and is never used again there. */
export abstract class ShelfItem {
  number = -1;
  gone = false;
  /** The commit in which it was put down; what goes again within that commit costs no disk. */
  born = 0;
}

export class Datum extends ShelfItem {
  constructor(
    readonly message: readonly Value[],
    readonly persist: boolean,
    readonly account: Account,
    /** Age over all channels: the newest datum of a match pays. */
    readonly stamp: number,
    /** Index of the cause in the current commit that carries this message, or -1: the entry then refers to it. */
    readonly cause: number,
  ) {
    super();
  }
}

/** A continuation that waits. On its first channel it stands itself, on the others by reference. */
export class Waiter extends ShelfItem {
  /** The position of the index under which it is filed on its channel. */
  filedAt = 0;
  /** The other distinct channels of a join, and by which channel each slot is fed; null for one slot. */
  join: Join | null = null;
  /** Set for a caller of this process who waits: it is told, no task is made, and nothing of it is stored. */
  deliver: ((captures: readonly Value[]) => void) | null = null;
  /** Told instead when the commit in which such a caller's match happened is lost to a storage error. */
  refuse: ((error: Error) => void) | null = null;

  constructor(
    readonly channel: Channel,
    readonly receive: Receive,
    readonly account: Account,
    readonly installed: boolean,
  ) {
    super();
  }

  get waiter(): Waiter {
    return this;
  }

  /** The distinct channels it stands on, its own first. */
  get channels(): readonly Channel[] {
    return this.join === null ? [this.channel] : this.join.channels;
  }

  /** What stands on each of `channels`. */
  get entries(): readonly Waiting[] {
    return this.join === null ? [this] : this.join.entries;
  }
}

export class JoinReference extends ShelfItem {
  filedAt = 0;

  /** Set again when a reference that was read finds its join. */
  constructor(public waiter: Waiter) {
    super();
  }
}

export type Waiting = Waiter | JoinReference;

export interface Join {
  /** Distinct channels, the waiter's own first. */
  readonly channels: readonly Channel[];
  /** `entries[i]` is what stands on `channels[i]`. */
  readonly entries: Waiting[];
  /** For each slot the index of its channel in `channels`. */
  readonly channelOfSlot: readonly number[];
}
