/**
 * The channels that are in memory: a bounded cache over their rows.
 *
 * A channel born in this run has no row, so the first send on it reads nothing. A channel that is not in
 * memory is read by one point read when it is first touched. What recovery finds in the journal is laid over
 * a channel without reading it (`overlay`) and applied when somebody touches it.
 */
import { limits } from '../limits.ts';
import { channelKey, Decoder, Encoder, Name as NameClass, type Name, type Value } from '../values/index.ts';
import { Channel } from './channel.ts';
import { readChannel, readDatum, readWaiting, type WaiterMaker, writeDatum, writeWaiting } from './channel-row.ts';
import { readSkipped, type Skipped } from './entry-messages.ts';
import { Datum, JoinReference, Waiter, type Waiting } from './items.ts';
import { corrupt } from './corrupt.ts';
import { PagedDataShelf, PagedWaiterShelf, type ShelfRows } from './paged-shelf.ts';
import type { Messages } from './messages.ts';
import type { TermPolicy } from './records.ts';
import { indexRowKey, itemRowKey, type Side } from './row-keys.ts';
import { type DataShelf, ResidentDataShelf, ResidentWaiterShelf, type WaiterShelf } from './shelf.ts';
import type { Terms } from './terms.ts';
import type { Account } from './types.ts';

/** A datum whose message recovery has passed over. */
interface SkippedDatum extends Skipped {
  readonly number: number;
  readonly persist: boolean;
  readonly account: Account;
  readonly stamp: number;
}

/** What recovery lays over a channel. */
export type Overlay =
  | { readonly kind: 'datum'; readonly datum: Datum }
  | ({ readonly kind: 'skipped' } & SkippedDatum)
  | { readonly kind: 'datumGone'; readonly number: number }
  | { readonly kind: 'waiting'; readonly entry: Waiting }
  | { readonly kind: 'waitingGone'; readonly number: number }
  | { readonly kind: 'owner'; readonly owner: Waiter }
  | { readonly kind: 'ownerGone'; readonly number: number };

export interface ChannelSource {
  /** The row of a channel by its key. */
  rowKey(key: string): Uint8Array;
  /** A row, or undefined. */
  read(row: Uint8Array): Uint8Array | undefined;
  /** In a cut: one more row to write or (null) to delete. */
  write(row: Uint8Array, value: Uint8Array | null): void;
  readonly terms: Terms;
  readonly termPolicy: TermPolicy;
  readonly messages: Messages;
  readonly readName: (bytes: Uint8Array) => Name;
}

/** Stands in for a join that is gone, until the end of its reference is applied. */
const NO_RECEIVE: Waiter['receive'] = {
  slots: [],
  persist: false,
  body: { label: '', term: null, place: 0, environment: [] },
};

/** Rough bytes of an empty channel in memory. */
export const CHANNEL_BYTES = 240;

/** Channels that the cache looks at, beside those it drops, each time it is over its bound. */
const LOOKS_MIN = 64;
/** The same for each channel that has come into memory since. */
const LOOKS_A_CHANNEL = 4;
/** Channels that come into memory between two looks at whether they are needed at all. */
const YOUNG_MIN = 256;

export class Channels implements WaiterMaker {
  readonly #byKey = new Map<string, Channel>();
  /** Strings and numbers, by far the most common public names, without building a key. */
  readonly #byPrimitive = new Map<string | number, Channel>();
  readonly #source: ChannelSource | null;
  readonly #encoder = new Encoder();
  readonly #unresolved: { channel: Channel; entry: JoinReference; home: Channel; number: number }[] = [];
  /** Channels that have come into memory since the cache was last over its bound. */
  #entered = 0;
  /** Those that have come into memory and may prove to be nothing: somebody has only looked, or what lay there is gone. */
  #young: Channel[] = [];
  #young_max = YOUNG_MIN;
  /** Estimated bytes of all channels that have a key. */
  size_bytes = 0;

  /** Without a source nothing is ever read: the space lives in memory. */
  constructor(source: ChannelSource | null) {
    this.#source = source;
  }

  get count(): number {
    return this.#byKey.size;
  }

  values(): Iterable<Channel> {
    return this.#byKey.values();
  }

  /** The channel of a value, in memory and complete. */
  place(value: Value): Channel {
    if (value instanceof NameClass) {
      const known = value.place as Channel | undefined;
      if (known !== undefined && !known.evicted) {
        known.used = true;
        if (!known.complete) this.load(known);
        return known;
      }
      if (!value.derived) {
        const born = new Channel(value);
        value.place = born;
        return born;
      }
    } else if (typeof value === 'string' || typeof value === 'number') {
      const known = this.#byPrimitive.get(value);
      if (known !== undefined) {
        known.used = true;
        if (!known.complete) this.load(known);
        return known;
      }
    }
    const channel = this.stub(value);
    if (!channel.complete) this.load(channel);
    return channel;
  }

  /** The channel object of a value, perhaps not read yet. */
  stub(value: Value): Channel {
    if (value instanceof NameClass) {
      const known = value.place as Channel | undefined;
      if (known !== undefined && !known.evicted) return known;
      if (!value.derived) return this.place(value);
    } else if (typeof value === 'string' || typeof value === 'number') {
      const known = this.#byPrimitive.get(value);
      if (known !== undefined) return known;
    }
    const key = channelKey(value);
    let channel = this.#byKey.get(key);
    if (channel === undefined) {
      channel = new Channel(value);
      channel.rowRead = this.#source === null;
      channel.complete = channel.rowRead;
      this.#enter(channel, key);
    }
    if (value instanceof NameClass) value.place = channel;
    channel.used = true;
    return channel;
  }

  /** A name has got its bytes: its channel can be found by them from now on. */
  derived(name: Name, bytes: Uint8Array): void {
    const channel = name.place as Channel | undefined;
    if (channel === undefined || channel.evicted || channel.key !== null) return;
    this.#enter(channel, `n${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')}`);
  }

  /** The row key of the channel of a value. */
  rowKeyOf(value: Value): Uint8Array {
    return (this.#source as ChannelSource).rowKey(channelKey(value));
  }

  /** The key of a channel that is about to be written; gives its name bytes if it has none yet. */
  keyOf(channel: Channel): string {
    if (channel.key === null) this.#enter(channel, channelKey(channel.value));
    return channel.key as string;
  }

  #enter(channel: Channel, key: string): void {
    // Asking for the key derives a name, and that already enters its channel.
    if (channel.key !== null) return;
    channel.key = key;
    this.#entered++;
    if (this.#source !== null) this.#young.push(channel);
    this.#byKey.set(key, channel);
    // Counted from the first, else looking at ever other names would fill the memory beside the bound.
    this.resize(channel, Math.max(channel.size_bytes, CHANNEL_BYTES));
    if (typeof channel.value === 'string' || typeof channel.value === 'number')
      this.#byPrimitive.set(channel.value, channel);
  }

  load(channel: Channel): void {
    // Set first: reading a join comes back here.
    channel.complete = true;
    if (!channel.rowRead) {
      channel.rowRead = true;
      const source = this.#source;
      if (source !== null) {
        const row = source.read(source.rowKey(channel.key as string));
        if (row !== undefined) {
          channel.stored = true;
          const large_bytes = source.messages.large_bytes;
          readChannel(row, channel, source.terms, this, source.readName, source.messages);
          this.#resolve();
          this.resize(
            channel,
            channel.size_bytes + CHANNEL_BYTES + 4 * row.length + source.messages.large_bytes - large_bytes,
          );
        }
      }
    }
    const overlays = channel.pendingOverlays;
    if (overlays !== null) {
      channel.pendingOverlays = null;
      for (const overlay of overlays) this.#apply(channel, overlay);
    }
    if (channel.holes !== 0) throw corrupt('a reference to a join that is not there');
  }

  /** Lays a consequence from the journal over a channel, without reading it. */
  overlay(value: Value, overlay: Overlay): Channel {
    const channel = this.stub(value);
    channel.complete = false;
    channel.pendingOverlays ??= [];
    channel.pendingOverlays.push(overlay);
    return channel;
  }

  #readSkipped(skipped: SkippedDatum): Datum {
    const { messages, readName } = this.#source as ChannelSource;
    const { number, persist, account, stamp } = skipped;
    const datum = new Datum(readSkipped(skipped, messages, readName), persist, account, stamp, -1);
    datum.number = number;
    return datum;
  }

  #lay(channel: Channel, datum: Datum): void {
    channel.data ??= new ResidentDataShelf();
    channel.data.add(datum);
    if (channel.data instanceof ResidentDataShelf && channel.data.live > limits.inline_items_max)
      this.pageData(channel);
    if (datum.number >= channel.nextDatum) channel.nextDatum = datum.number + 1;
  }

  #apply(channel: Channel, overlay: Overlay): void {
    switch (overlay.kind) {
      case 'datum':
        this.#lay(channel, overlay.datum);
        return;
      case 'skipped':
        this.#lay(channel, this.#readSkipped(overlay));
        return;
      case 'datumGone': {
        if (channel.data instanceof PagedDataShelf) {
          if (!channel.data.removeUnread(overlay.number))
            throw corrupt(`the end of a datum (number ${overlay.number}) that is not there`);
          return;
        }
        const datum = channel.data?.byNumber(overlay.number) ?? null;
        if (datum === null) throw corrupt(`the end of a datum (number ${overlay.number}) that is not there`);
        channel.data?.remove(datum);
        return;
      }
      case 'waiting':
        channel.waiters ??= new ResidentWaiterShelf();
        channel.waiters.add(overlay.entry);
        if (overlay.entry.number >= channel.nextWaiter) channel.nextWaiter = overlay.entry.number + 1;
        return;
      case 'waitingGone': {
        const entry = channel.waiters?.byNumber(overlay.number) ?? null;
        if (entry === null) throw corrupt(`the end of a continuation (number ${overlay.number}) that is not there`);
        channel.waiters?.remove(entry);
        if (entry.waiter.join !== null) channel.pins--;
        else if (entry instanceof JoinReference) channel.holes--;
        return;
      }
      case 'owner':
        channel.owner = overlay.owner;
        if (overlay.owner.number >= channel.nextWaiter) channel.nextWaiter = overlay.owner.number + 1;
        return;
      case 'ownerGone':
        // Its successor may stand here already: what came in a commit is read before what went.
        if (channel.owner?.number === overlay.number) channel.owner = null;
        return;
      default:
        overlay satisfies never;
    }
  }

  // ------------------------------------------------------------------ joins that are read

  make(
    channel: Channel,
    number: number,
    account: number,
    receive: Waiter['receive'],
    installed: boolean,
    numbers: readonly number[],
  ): Waiter {
    const waiter = new Waiter(channel, receive, account, installed);
    waiter.number = number;
    if (numbers.length === 0) return waiter;
    const channels: Channel[] = [];
    const channelOfSlot: number[] = [];
    for (const slot of receive.slots) {
      const other = this.stub(slot.channel);
      let index = channels.indexOf(other);
      if (index < 0) index = channels.push(other) - 1;
      channelOfSlot.push(index);
    }
    if (channels.length !== numbers.length) throw corrupt('a join whose channels and numbers differ');
    const entries: Waiting[] = channels.map((_, index) => {
      if (index === 0) return waiter;
      const reference = new JoinReference(waiter);
      reference.number = numbers[index] as number;
      return reference;
    });
    waiter.join = { channels, entries, channelOfSlot };
    for (const other of channels) other.pins++;
    return waiter;
  }

  /** An entry that knows only where its join stands; the join is found once everything that is being read is read. */
  reference(channel: Channel, first: Value, number: number): JoinReference {
    const home = this.stub(first);
    const entry = new JoinReference(new Waiter(home, NO_RECEIVE, 0, false));
    this.#unresolved.push({ channel, entry, home, number });
    return entry;
  }

  /** Ties the references that were just read to their joins. Two channels may refer to each other's joins. */
  #resolve(): void {
    for (let next = this.#unresolved.pop(); next !== undefined; next = this.#unresolved.pop()) {
      const { channel, entry, home, number } = next;
      if (!home.complete) this.load(home);
      const found = home.waiters?.byNumber(number)?.waiter ?? null;
      const at = found?.join?.channels.indexOf(channel) ?? -1;
      if (found === null || found.join === null || at < 0) {
        // The journal after this row ends the join, and its first channel has been brought up to date already.
        channel.holes++;
        continue;
      }
      entry.waiter = found;
      found.join.entries[at] = entry;
    }
  }

  // ------------------------------------------------------------------ shelves with rows of their own

  /** Gives the data of a channel rows of their own, when they have become too many for its row. */
  pageData(channel: Channel): void {
    const shelf = new PagedDataShelf(this.dataRows(channel), 0);
    const cursor = (channel.data as DataShelf).walk();
    for (let datum = cursor.next(); datum !== null; datum = cursor.next()) shelf.add(datum);
    channel.data = shelf;
  }

  pageWaiters(channel: Channel): void {
    const shelf = new PagedWaiterShelf(this.waiterRows(channel), 0);
    const cursor = (channel.waiters as WaiterShelf).walk();
    for (let entry = cursor.next(); entry !== null; entry = cursor.next()) shelf.add(entry);
    channel.waiters = shelf;
  }

  dataRows(channel: Channel): ShelfRows<Datum> {
    const { messages } = this.#source as ChannelSource;
    return this.#shelfRows(
      channel,
      'data',
      (encoder, datum) => writeDatum(encoder, datum, messages),
      (decoder) => readDatum(decoder, messages),
    );
  }

  waiterRows(channel: Channel): ShelfRows<Waiting> {
    const source = this.#source as ChannelSource;
    return this.#shelfRows(
      channel,
      'waiters',
      (encoder, entry) => writeWaiting(encoder, entry, source.termPolicy),
      (decoder) => readWaiting(decoder, channel, source.terms, this, false),
    );
  }

  #shelfRows<T>(
    channel: Channel,
    side: Side,
    write: (encoder: Encoder, item: T) => void,
    read: (decoder: Decoder) => T,
  ): ShelfRows<T> {
    const source = this.#source as ChannelSource;
    let known: Uint8Array | null = null;
    const home = (): Uint8Array => {
      known ??= source.rowKey(this.keyOf(channel));
      return known;
    };
    return {
      readItem: (number) => {
        const row = source.read(itemRowKey(side, home(), number));
        if (row === undefined) return undefined;
        const large_bytes = source.messages.large_bytes;
        const item = read(new Decoder(row, source.readName));
        this.#resolve();
        this.resize(channel, channel.size_bytes + source.messages.large_bytes - large_bytes);
        return item;
      },
      writeItem: (number, item) => {
        let value: Uint8Array | null = null;
        if (item !== null) {
          const encoder = this.#encoder;
          encoder.reset();
          write(encoder, item);
          value = encoder.finish();
        }
        source.write(itemRowKey(side, home(), number), value);
      },
      readIndex: (position, key, first) => source.read(indexRowKey(side, home(), position, key, first)),
      writeIndex: (position, key, first, value) => source.write(indexRowKey(side, home(), position, key, first), value),
      grown: (bytes) => this.resize(channel, channel.size_bytes + bytes),
    };
  }

  #unload(channel: Channel): void {
    let bytes = CHANNEL_BYTES;
    let paged = false;
    for (const shelf of [channel.data, channel.waiters]) {
      if (!(shelf instanceof PagedDataShelf) && !(shelf instanceof PagedWaiterShelf)) continue;
      bytes += shelf.unload();
      paged = true;
    }
    if (paged) this.resize(channel, bytes);
  }

  // ------------------------------------------------------------------ the bound

  /** Notes a new estimate of a channel's size. */
  resize(channel: Channel, size_bytes: number): void {
    this.size_bytes += size_bytes - channel.size_bytes;
    channel.size_bytes = size_bytes;
  }

  /** Forgets a channel that has nothing on it and no row. */
  forget(channel: Channel): void {
    if (channel.key === null) return;
    this.#byKey.delete(channel.key);
    if (typeof channel.value === 'string' || typeof channel.value === 'number') this.#byPrimitive.delete(channel.value);
    this.resize(channel, 0);
    channel.evicted = true;
  }

  /**
   * Forgets the young that are nothing. Whoever asks for a name that nobody sends on costs the space a channel until
   * then, and not until the cache is full.
   */
  #forgetYoung(): void {
    const young: Channel[] = [];
    for (const channel of this.#young) {
      if (!isNothing(channel)) continue;
      if (channel.used) {
        // A second chance, as below.
        channel.used = false;
        young.push(channel);
      } else this.forget(channel);
    }
    this.#young = young;
    this.#young_max = Math.max(YOUNG_MIN, 2 * young.length);
  }

  /** Drops clean channels that were not used since the last look, until the estimate is below the bound. */
  evict(bound_bytes: number): void {
    if (this.#young.length >= this.#young_max) this.#forgetYoung();
    if (this.size_bytes <= bound_bytes) return;
    // A share of the line for each that came since, so that those which must stay are not looked at every time.
    let left = LOOKS_MIN + LOOKS_A_CHANNEL * this.#entered;
    this.#entered = 0;
    for (const [key, channel] of this.#byKey) {
      if (this.size_bytes <= bound_bytes || left <= 0) return;
      if (channel.pins === 0 && channel.cut === 0) this.#unload(channel);
      if (channel.used || channel.dirty || channel.pins > 0 || channel.cut !== 0) {
        channel.used = false;
        left--;
        // To the end of the line: a second chance.
        this.#byKey.delete(key);
        this.#byKey.set(key, channel);
        continue;
      }
      this.forget(channel);
    }
  }
}

/** Nothing is on it, in memory or on disk, and nobody waits for what happens there. */
function isNothing(channel: Channel): boolean {
  return (
    !channel.evicted &&
    channel.empty &&
    channel.complete &&
    channel.rowRead &&
    !channel.stored &&
    !channel.dirty &&
    channel.cut === 0 &&
    channel.pins === 0 &&
    channel.holes === 0 &&
    channel.taken === null
  );
}
