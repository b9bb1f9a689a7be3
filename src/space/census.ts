/**
 * Counts everything that lies and waits, account by account, for quotas that are new to a space that is not. Reads
 * every row once; only at an opening, before anything moves.
 */
import type { Name } from '../values/index.ts';
import type { Rows } from '../store/index.ts';
import type { Channel } from './channel.ts';
import { rowChannelValue } from './channel-row.ts';
import type { Channels } from './channels.ts';
import { Waiter } from './items.ts';
import type { Quotas } from './quotas.ts';
import { CHANNEL_PREFIXES } from './row-keys.ts';

/** Channels between two looks at the bound of the cache. */
const CHANNELS_A_LOOK = 64;

export async function takeCensus(
  quotas: Quotas,
  channels: Channels,
  /** Those of which the rows do not tell all. */
  changed: Iterable<Channel>,
  rows: Rows,
  readName: (bytes: Uint8Array) => Name,
  cache_bytes: number,
): Promise<void> {
  quotas.forget();
  const seen = new Set<Channel>();
  for (const channel of changed) {
    if (seen.has(channel)) continue;
    seen.add(channel);
    count(quotas, channels.place(channel.value));
  }
  let untilLook = CHANNELS_A_LOOK;
  for (const prefix of CHANNEL_PREFIXES) {
    for await (const { value } of rows.scan(prefix)) {
      const channel = channels.place(rowChannelValue(value, readName));
      // What has changed cannot have left memory, so it is the same object.
      if (!seen.has(channel)) count(quotas, channel);
      if (--untilLook > 0) continue;
      untilLook = CHANNELS_A_LOOK;
      channels.evict(cache_bytes);
    }
  }
}

function count(quotas: Quotas, channel: Channel): void {
  const data = channel.data?.walk();
  for (let datum = data?.next() ?? null; datum !== null; datum = data?.next() ?? null) quotas.countDatum(datum, 1);
  const waiting = channel.waiters?.walk();
  // A join is counted where it stands itself.
  for (let entry = waiting?.next() ?? null; entry !== null; entry = waiting?.next() ?? null)
    if (entry instanceof Waiter) quotas.countWaiter(entry, 1);
  if (channel.owner !== null) quotas.countWaiter(channel.owner, 1);
}
