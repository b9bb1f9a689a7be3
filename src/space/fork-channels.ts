/**
 * The channels of a fork: each a copy of the space's own, made when the fork first touches it, or just before the space
 * changes it; so the fork sees the space as it was. Owns the copies, and remembers which of them turns of the fork have
 * looked at. It must never change a channel of the space.
 *
 * Names know their channel in the space by a slot of their own; here they are found by their bytes.
 */
import { PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import { channelKey, Name, type Value } from '../values/index.ts';
import { Channel } from './channel.ts';
import { Channels } from './channels.ts';
import { Datum, JoinReference, Waiter, type Waiting } from './items.ts';
import { ResidentDataShelf, ResidentWaiterShelf } from './shelf.ts';

/** A channel of a fork, and what the fork has to know about it when it is to be applied. */
export class ForkChannel extends Channel {
  /** A turn of the fork has looked at it. */
  read = false;
  /** The numbers of those who waited on it when it was copied, oldest first. */
  readonly line: number[] = [];
  /** The space has changed its own since the fork was made. */
  changed = false;
  /** What lay on it was too much to keep aside when the space changed it. */
  lost = false;
}

export class ForkChannels extends Channels {
  readonly #space: { place(value: Value): Channel };
  readonly #channels = new Map<string, ForkChannel>();
  /** Names that this fork has drawn: no channel of the space can be theirs. */
  readonly #own = new WeakMap<Name, ForkChannel>();
  readonly #copies = new Map<Waiter, Waiter>();
  #items = 0;

  readonly #since: number;
  readonly #items_max: number;

  /** `since` is the number of the first task that the space made after the fork. */
  constructor(space: { place(value: Value): Channel }, since: number, items_max: number) {
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
    return this.#own.has(name) || name.task >= this.#since;
  }

  override place(value: Value): ForkChannel {
    const channel = this.#known(value);
    if (!channel.complete) {
      const from = this.#space.place(value);
      if (!this.#hasRoom(from)) {
        throw new PowerboxError('too_much_work', `a fork copies at most ${this.#items_max} channels and items`, {
          hint: 'Run it as a transaction, or on channels on which less lies.',
        });
      }
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
   * The space is about to change a channel: what the fork has not copied yet is copied now. False: there is no room to
   * keep it aside. It must not throw, for it is called in a turn of the space.
   */
  keep(channel: Channel): boolean {
    const { value } = channel;
    // Nobody in the fork can have a name that was drawn since.
    if (value instanceof Name && value.task >= this.#since) return true;
    const own = this.#known(value);
    if (own.changed) return true;
    own.changed = true;
    if (own.complete) return true;
    if (countOf(channel) > limits.fork_kept_items_max) {
      own.complete = true;
      own.lost = true;
      return true;
    }
    if (!this.#hasRoom(channel)) return false;
    this.#copy(own, channel);
    return true;
  }

  /** Each channel counts, and each item on it. */
  #hasRoom(from: Channel): boolean {
    return this.#items + 1 + countOf(from) <= this.#items_max;
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
    this.#items += 1 + countOf(from);
    channel.nextDatum = from.nextDatum;
    channel.nextWaiter = from.nextWaiter;
    if (from.owner !== null) channel.owner = this.#copyOf(from.owner);
    const data = from.data?.walk();
    for (let datum = data?.next() ?? null; datum !== null; datum = data?.next() ?? null) {
      const { message, persist, account, stamp, number } = datum;
      const copy = new Datum(message, persist, account, stamp, -1);
      copy.number = number;
      channel.data ??= new ResidentDataShelf();
      channel.data.add(copy);
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

function countOf(channel: Channel): number {
  return (channel.data?.live ?? 0) + (channel.waiters?.live ?? 0);
}
