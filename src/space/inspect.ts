/**
 * What lies and waits in the space, for people: reports and the command `inspect`. Looks at channels in memory
 * and at rows, between turns and never inside one; changes nothing, and keeps no more than it was asked for.
 */
import { compare, type Name, type Value } from '../values/index.ts';
import type { Rows } from '../store/index.ts';
import type { Channel } from './channel.ts';
import { rowChannelValue } from './channel-row.ts';
import type { Channels } from './channels.ts';
import type { Datum } from './items.ts';
import { CHANNEL_PREFIXES } from './row-keys.ts';
import type { Account, Receive } from './types.ts';

export interface DatumContents {
  readonly message: readonly Value[];
  readonly persist: boolean;
  readonly account: Account;
}

export interface WaitingContents {
  readonly receive: Receive;
  readonly account: Account;
}

/** One channel with something on it. The lists hold the oldest items, the numbers count all. */
export interface ChannelContents {
  readonly channel: Value;
  readonly dataCount: number;
  readonly data: readonly DatumContents[];
  readonly waitingCount: number;
  /** A join stands on each of its channels, and so in each of their contents. */
  readonly waiting: readonly WaitingContents[];
  /** A native, or whoever else installed itself, receives here. */
  readonly owned: boolean;
}

export interface InspectLimits {
  readonly channels_max: number;
  /** Of each channel's data, and of its continuations. */
  readonly items_max: number;
}

export interface Contents {
  /** In the order of the channels' values. */
  readonly channels: readonly ChannelContents[];
  /** There are more channels than were asked for. */
  readonly truncated: boolean;
}

/** Channels that hold data or on which continuations wait; those that only have an owner are not among them. */
export async function inspectChannels(
  channels: Channels,
  changed: Iterable<Channel>,
  rows: Rows | null,
  readName: (bytes: Uint8Array) => Name,
  { channels_max, items_max }: InspectLimits,
): Promise<Contents> {
  const seen = new Set<Channel>();
  const found: ChannelContents[] = [];
  /** False when there is no room for it. */
  const add = (channel: Channel): boolean => {
    if (seen.has(channel) || channel.evicted) return true;
    seen.add(channel);
    const place = channel.complete ? channel : channels.place(channel.value);
    if ((place.data?.live ?? 0) + (place.waiters?.live ?? 0) === 0) return true;
    if (found.length === channels_max) return false;
    found.push(contentsOf(place, items_max));
    return true;
  };
  const finish = (truncated: boolean): Contents => ({
    channels: found.sort((left, right) => compare(left.channel, right.channel)),
    truncated,
  });
  for (const channel of [...channels.values(), ...changed]) if (!add(channel)) return finish(true);
  for (const prefix of rows === null ? [] : CHANNEL_PREFIXES) {
    for await (const { value } of (rows as Rows).scan(prefix)) {
      if (!add(channels.place(rowChannelValue(value, readName)))) return finish(true);
    }
  }
  return finish(false);
}

/** The contents of one channel, also when there are none. */
export function contentsOf(channel: Channel, items_max: number): ChannelContents {
  const data: DatumContents[] = [];
  const waiting: WaitingContents[] = [];
  const dataCursor = channel.data?.walk();
  for (
    let datum: Datum | null = dataCursor?.next() ?? null;
    datum !== null && data.length < items_max;
    datum = dataCursor?.next() ?? null
  ) {
    data.push({ message: datum.message, persist: datum.persist, account: datum.account });
  }
  const waitingCursor = channel.waiters?.walk();
  for (
    let entry = waitingCursor?.next() ?? null;
    entry !== null && waiting.length < items_max;
    entry = waitingCursor?.next() ?? null
  ) {
    waiting.push({ receive: entry.waiter.receive, account: entry.waiter.account });
  }
  return {
    channel: channel.value,
    dataCount: channel.data?.live ?? 0,
    data,
    waitingCount: channel.waiters?.live ?? 0,
    waiting,
    owned: channel.owner !== null,
  };
}
