/**
 * Which large messages a store names by their hash, in rows and in entries of its journal: whoever copies these must copy
 * those, too. Reads no more of them than it must, and keeps nothing.
 */
import { Decoder, encodeValue, Name } from '../values/index.ts';
import { Channel } from './channel.ts';
import { readChannelData, readDatum } from './channel-row.ts';
import { type EntryReader, readEntry } from './entry.ts';
import type { BlobReader } from './entry-messages.ts';
import { Waiter } from './items.ts';
import { isChannelRow, isDatumRow } from './row-keys.ts';
import { Terms } from './terms.ts';

export interface NamedBlobs {
  row(key: Uint8Array, value: Uint8Array): void;
  entry(entry: Uint8Array): void;
}

const NOTHING = (): void => {};
const NO_BYTES = new Uint8Array(0);
const NIL = encodeValue(null);
const IDLE: EntryReader = {
  header: NOTHING,
  datum: NOTHING,
  datumGone: NOTHING,
  waiting: NOTHING,
  waitingGone: NOTHING,
  task: NOTHING,
  taskGone: NOTHING,
  fact: NOTHING,
  logged: NOTHING,
  dropped: NOTHING,
};

/** `found` hears of each hash, as often as it is named. */
export function namedBlobs(sha256: (bytes: Uint8Array) => Uint8Array, found: (hash: Uint8Array) => void): NamedBlobs {
  const readName = (bytes: Uint8Array): Name => new Name(null, 0, 0, bytes);
  // Code is not looked at, wherever it stands.
  const terms = new Terms(sha256, readName, () => NIL);
  const blobs: BlobReader = {
    read(hash) {
      found(hash);
      return [];
    },
    bytes(hash) {
      found(hash);
      return NO_BYTES;
    },
  };
  const make = (channel: Channel, _number: number, account: number, receive: Waiter['receive']): Waiter =>
    new Waiter(channel, receive, account, true);
  return {
    row(key, value) {
      const decoder = new Decoder(value, readName);
      if (isDatumRow(key)) readDatum(decoder, blobs);
      else if (isChannelRow(key)) readChannelData(decoder, new Channel(null), terms, { make }, blobs);
    },
    entry(entry) {
      readEntry(entry, terms, readName, blobs, IDLE, false);
    },
  };
}
