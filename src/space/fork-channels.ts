/**
 * The channels of a fork: each stands for the space's own from when the fork first touches it, or just before the space
 * changes it; so the fork sees the space as it was. Continuations are copied then, messages when they are looked at
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
import { ForkDataShelf } from './fork-shelf.ts';
import { type Datum, JoinReference, Waiter, type Waiting } from './items.ts';
import { ResidentWaiterShelf } from './shelf.ts';

/** A channel of a fork, and what the fork has to know about it when it is to be applied. */
export class ForkChannel extends Channel {
  /** A turn of the fork has looked at it. */
  read = false;
  /** The numbers of those who waited on it when it was copied, oldest first. */
  readonly line: number[] = [];
  /** What of the space lies there, where it is seen through `data`. */
  seen: ForkDataShelf | null = null;
  /** The space has changed its own since the fork was made. */
  changed = false;
  /** What lay on it was too much to keep aside when the space changed it. */
  lost = false;
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
  readonly #copies = new Map<Waiter, Waiter>();
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
    const channel = new ForkChannel(name);
    channel.read = true;
    this.#own.set(name, channel);
  }

  /** Whether a name was drawn in this fork, and is gone with it. */
  isOwn(name: Name): boolean {
    return this.#own.has(name) || name.task >= this.#since.nextTask;
  }

  override place(value: Value): ForkChannel {
    const channel = this.#known(value);
    if (!channel.complete) {
      const from = this.#space.place(value);
      if (!this.#hasRoom(1 + waitersOn(from))) throw this.#tooMuch();
      this.#copy(channel, from);
    }
    if (channel.lost)
      throw forkConflict(`more than ${limits.fork_kept_items_max} items lay on a channel that has changed`);
    channel.read = true;
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
    // Nobody in the fork can have a name that was drawn since.
    if (value instanceof Name && value.task >= this.#since.nextTask) return true;
    const own = this.#known(value);
    if (own.changed) return true;
    own.changed = true;
    if (own.complete) return true;
    if (waitersOn(channel) > limits.fork_kept_items_max) {
      own.complete = true;
      own.lost = true;
      return true;
    }
    if (!this.#hasRoom(1 + waitersOn(channel))) return false;
    this.#copy(own, channel);
    return true;
  }

  /** A message has gone from a channel of the space: it stays here. False: there is no room for it. */
  left({ value }: Channel, datum: Datum): boolean {
    if (datum.stamp >= this.#since.nextStamp) return true;
    const own = this.#known(value);
    const { seen } = own;
    if (seen === null || own.lost) return true;
    if (!own.read && seen.kept >= limits.fork_kept_items_max) {
      own.lost = true;
      own.seen = null;
      own.data = null;
      return true;
    }
    if (!this.#hasRoom(1)) return false;
    this.#items++;
    seen.left(datum);
    return true;
  }

  /** Each channel counts, each continuation on it, and each message that was looked at or kept aside. */
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
    for (const channel of this.#channels.values()) if (channel.read && channel.changed) return true;
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

  #copy(channel: ForkChannel, from: Channel): void {
    // Set first: the copy of a join comes back here for its other channels.
    channel.complete = true;
    this.#items += 1 + waitersOn(from);
    channel.nextDatum = from.nextDatum;
    channel.nextWaiter = from.nextWaiter;
    if (from.owner !== null) channel.owner = this.#copyOf(from.owner);
    if (from.data !== null && from.data.live > 0) {
      let home = from;
      channel.seen = new ForkDataShelf(from, {
        since: this.#since.nextStamp,
        home: () => {
          if (home.evicted || !home.complete) home = this.#space.place(channel.value);
          return home;
        },
        copied: () => {
          if (!this.#hasRoom(1)) throw this.#tooMuch();
          this.#items++;
        },
      });
      channel.data = channel.seen;
    }
    const waiters = from.waiters?.walk();
    for (let entry = waiters?.next() ?? null; entry !== null; entry = waiters?.next() ?? null) {
      channel.waiters ??= new ResidentWaiterShelf();
      channel.waiters.add(this.#entryOf(entry, from));
      channel.line.push(entry.number);
    }
  }

  /** What stands on this channel: the continuation, or its reference here. */
  #entryOf(entry: Waiting, from: Channel): Waiting {
    const { waiter } = entry;
    const copy = this.#copyOf(waiter);
    if (copy.join === null) return copy;
    return copy.join.entries[(waiter.join as NonNullable<Waiter['join']>).channels.indexOf(from)] as Waiting;
  }

  #copyOf(waiter: Waiter): Waiter {
    const known = this.#copies.get(waiter);
    if (known !== undefined) return known;
    const copy = new Waiter(this.#known(waiter.channel.value), waiter.receive, waiter.account, waiter.installed);
    copy.number = waiter.number;
    this.#copies.set(waiter, copy);
    if (waiter.join === null) return copy;
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

function waitersOn(channel: Channel): number {
  return channel.waiters?.live ?? 0;
}
