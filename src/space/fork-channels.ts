/**
 * The channels of a fork: each stands for the space's own from when the fork first touches it, or just before the space
 * changes it; so the fork sees the space as it was. Messages and continuations are copied when they are looked at
 * (`fork-shelf.ts`). Owns all that, and remembers at which channels turns of the fork have looked. It must never change a
 * channel of the space.
 *
 * Names know their channel in the space by a slot of their own; here they are found by their bytes.
 */
import { PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import { channelKey, Name, type Value } from '../values/index.ts';
import { Channel } from './channel.ts';
import { Channels } from './channels.ts';
import { ForkDataShelf, ForkWaiterShelf } from './fork-shelf.ts';
import { type Datum, JoinReference, Waiter, type Waiting } from './items.ts';

/**
 * A channel of a fork, and what the fork has to know about it when it is to be applied. It is complete as soon as a turn of
 * the fork has looked at it, and not before, whatever is kept on it: else a join would look at it unnoticed.
 */
export class ForkChannel extends Channel {
  /** It stands for the one of the space, as that was when the fork was made. */
  stands = false;
  /** What of the space lies there, where it is seen through `data`. */
  lying: ForkDataShelf | null = null;
  /** What of the space waits there, where it is seen through `waiters`. */
  waiting: ForkWaiterShelf | null = null;
  /** The space has changed its own since the fork was made. */
  changed = false;
  /** What the space has taken from it was too much to keep aside. */
  lost = false;

  /** Nothing can be looked at here any more. */
  lose(): void {
    this.lost = true;
    this.lying = null;
    this.waiting = null;
    this.data = null;
    this.waiters = null;
  }
}

/** What keeps what the space has taken. */
interface Keeping<T> {
  readonly kept: number;
  keeps(item: T): boolean;
  leave(item: T): void;
}

/** When a fork was made: the numbers that the space gives after that. */
export interface ForkedAt {
  readonly nextTask: number;
  readonly nextStamp: number;
}

export class ForkChannels extends Channels {
  readonly #space: { place(value: Value): Channel };
  readonly #channels = new Map<string, ForkChannel>();
  /** Names that this fork has drawn: no channel of the space can be theirs. */
  readonly #own = new WeakMap<Name, ForkChannel>();
  /** Copies of joins, whose channels stay in memory, so that each is one object of the space as long as it waits. */
  readonly #joins = new Map<Waiter, Waiter>();
  #items = 0;

  readonly #since: ForkedAt;
  readonly #items_max: number;

  constructor(space: { place(value: Value): Channel }, since: ForkedAt, items_max: number) {
    super(null);
    this.#space = space;
    this.#since = since;
    this.#items_max = items_max;
  }

  /** A name has just been drawn: it is not looked up in the space. */
  born(name: Name): void {
    this.#own.set(name, new ForkChannel(name));
  }

  /** Whether a name was drawn in this fork, and is gone with it. */
  isOwn(name: Name): boolean {
    return this.#own.has(name) || name.task >= this.#since.nextTask;
  }

  override place(value: Value): ForkChannel {
    const channel = this.#known(value);
    if (channel.complete) return channel;
    if (channel.lost)
      throw forkConflict(`more than ${limits.fork_kept_items_max} items were taken from a channel that it looks at`);
    if (!channel.stands) {
      const from = this.#space.place(value);
      if (!this.#hasRoom(1)) throw this.#tooMuch();
      this.#stand(channel, from);
    }
    channel.complete = true;
    return channel;
  }

  override stub(value: Value): ForkChannel {
    return this.#known(value);
  }

  override values(): Iterable<ForkChannel> {
    return this.#channels.values();
  }

  override get count(): number {
    return this.#channels.size;
  }

  /**
   * The space is about to change a channel, which from now on stands here as it was. False: there is no room to keep it
   * aside. It must not throw, for it is called in a turn of the space.
   */
  keep(channel: Channel): boolean {
    const { value } = channel;
    if (this.#isYounger(value)) return true;
    const own = this.#known(value);
    if (own.changed) return true;
    own.changed = true;
    if (own.stands) return true;
    if (!this.#hasRoom(1)) return false;
    this.#stand(own, channel);
    return true;
  }

  /** A message has gone from a channel of the space: it stays here. False: there is no room for it. */
  leaveDatum({ value }: Channel, datum: Datum): boolean {
    if (datum.stamp >= this.#since.nextStamp) return true;
    const own = this.#known(value);
    return this.#leave(own, own.lying, datum);
  }

  /** The same of a continuation, on all channels on which it waited. */
  leaveWaiter({ channels, entries }: Waiter): boolean {
    return channels.every(({ value }, index) => {
      if (this.#isYounger(value)) return true;
      const own = this.#known(value);
      return this.#leave(own, own.waiting, entries[index] as Waiting);
    });
  }

  #leave<T>(own: ForkChannel, shelf: Keeping<T> | null, item: T): boolean {
    if (shelf === null) return true;
    if (shelf.keeps(item)) {
      if (!own.complete && shelf.kept >= limits.fork_kept_items_max) {
        own.lose();
        return true;
      }
      if (!this.#hasRoom(1)) return false;
      this.#items++;
    }
    shelf.leave(item);
    return true;
  }

  /** Nobody in the fork can have a name that was drawn since. */
  #isYounger(value: Value): boolean {
    return value instanceof Name && value.task >= this.#since.nextTask;
  }

  /** Each channel counts, and each message and continuation that was looked at or kept aside. */
  #hasRoom(count: number): boolean {
    return this.#items + count <= this.#items_max;
  }

  #tooMuch(): PowerboxError {
    return new PowerboxError('too_much_work', `a fork looks at ${this.#items_max} channels and items at most`, {
      hint: 'Run it as a transaction, or on channels on which less lies.',
    });
  }

  /** Whether the space has changed anything that a turn of the fork has looked at. */
  get stale(): boolean {
    for (const channel of this.#channels.values()) if (channel.complete && channel.changed) return true;
    return false;
  }

  #known(value: Value): ForkChannel {
    const own = value instanceof Name ? this.#own.get(value) : undefined;
    if (own !== undefined) return own;
    const key = channelKey(value);
    let channel = this.#channels.get(key);
    if (channel === undefined) {
      channel = new ForkChannel(value);
      channel.complete = false;
      this.#channels.set(key, channel);
    }
    return channel;
  }

  /** From now on the channel stands for that of the space, which is as it was when the fork was made. */
  #stand(channel: ForkChannel, from: Channel): void {
    channel.stands = true;
    this.#items++;
    channel.nextDatum = from.nextDatum;
    channel.nextWaiter = from.nextWaiter;
    if (from.owner !== null) channel.owner = this.#copyOf(from.owner);
    let known = from;
    const home = (): Channel => {
      if (known.evicted || !known.complete) known = this.#space.place(channel.value);
      return known;
    };
    const copied = (): void => {
      if (!this.#hasRoom(1)) throw this.#tooMuch();
      this.#items++;
    };
    if (from.data !== null && from.data.live > 0) {
      channel.lying = new ForkDataShelf(from.data, { home: () => home().data, next: from.nextDatum, copied });
      channel.data = channel.lying;
    }
    if (from.waiters !== null && from.waiters.live > 0) {
      channel.waiting = new ForkWaiterShelf(from.waiters, (entry) => this.#entryOf(entry, channel), {
        home: () => home().waiters,
        next: from.nextWaiter,
        copied,
      });
      channel.waiters = channel.waiting;
    }
  }

  /** What stands on a channel of the fork: the continuation, or its reference there. */
  #entryOf({ waiter }: Waiting, channel: ForkChannel): Waiting {
    const copy = this.#copyOf(waiter);
    return copy.join === null ? copy : (copy.join.entries[copy.join.channels.indexOf(channel)] as Waiting);
  }

  #copyOf(waiter: Waiter): Waiter {
    const known = this.#joins.get(waiter);
    if (known !== undefined) return known;
    const copy = new Waiter(this.#known(waiter.channel.value), waiter.receive, waiter.account, waiter.installed);
    copy.number = waiter.number;
    if (waiter.join === null) return copy;
    this.#joins.set(waiter, copy);
    const entries = waiter.join.entries.map((entry, index): Waiting => {
      if (index === 0) return copy;
      const reference = new JoinReference(copy);
      reference.number = entry.number;
      return reference;
    });
    copy.join = {
      channels: waiter.join.channels.map((channel) => this.#known(channel.value)),
      entries,
      channelOfSlot: waiter.join.channelOfSlot,
    };
    return copy;
  }
}

export function forkConflict(what: string): PowerboxError {
  return new PowerboxError('fork_conflict', `the space has changed since the fork was made: ${what}`, {
    hint: 'Do it again: the next fork begins with the space as it is then.',
  });
}
