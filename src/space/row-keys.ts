/** The keys of rows: one letter for the kind, then what it is about. `spec/storage.md` lists them. */
import type { Key } from './filing.ts';

export const META_KEY = new Uint8Array([0x6d]); // 'm'
const CHANNEL = 0x63; // 'c'
const LONG_CHANNEL = 0x43; // 'C'
const TASK = 0x74; // 't'
const FACT = 0x66; // 'f'
const TERM = 0x68; // 'h'
const DATUM = 0x64; // 'd'
const WAITER = 0x77; // 'w'
const DATA_INDEX = 0x69; // 'i'
const WAITER_INDEX = 0x6a; // 'j'
const LOG = 0x6c; // 'l'

/** Longest channel key that is used as it is; a longer one (a large quoted value) is hashed. */
const KEY_BYTES_MAX = 200;

export const TASK_PREFIX = new Uint8Array([TASK]);
export const FACT_PREFIX = new Uint8Array([FACT]);
export const CHANNEL_PREFIXES = [new Uint8Array([CHANNEL]), new Uint8Array([LONG_CHANNEL])] as const;

/** The row of a channel, or of one datum of a channel that has too many for its own. */
export function isChannelRow([kind]: Uint8Array): boolean {
  return kind === CHANNEL || kind === LONG_CHANNEL;
}

export function isDatumRow([kind]: Uint8Array): boolean {
  return kind === DATUM;
}

/** `key` is the latin1 text of `channelKey`. */
export function channelRowKey(key: string, sha256: (bytes: Uint8Array) => Uint8Array): Uint8Array {
  if (key.length <= KEY_BYTES_MAX) {
    const row = Buffer.allocUnsafeSlow(key.length + 1);
    row[0] = CHANNEL;
    row.write(key, 1, 'latin1');
    return row;
  }
  return withPrefix(LONG_CHANNEL, sha256(Buffer.from(key, 'latin1')));
}

export type Side = 'data' | 'waiters';

/** `channel` is the row key of the channel. */
export function itemRowKey(side: Side, channel: Uint8Array, number: number): Uint8Array {
  const row = Buffer.allocUnsafeSlow(channel.length + 7);
  row[0] = side === 'data' ? DATUM : WAITER;
  row.set(channel, 1);
  row.writeUIntBE(number, channel.length + 1, 6);
  return row;
}

/** The set filed under `key` at `position`: its root, or with `first` one of its leaves. */
export function indexRowKey(
  side: Side,
  channel: Uint8Array,
  position: number,
  key: Key,
  first: number | null,
): Uint8Array {
  const text = Buffer.from(`${typeof key === 'object' ? 'nil' : typeof key}:${String(key)}`, 'utf8');
  const row = Buffer.allocUnsafeSlow(channel.length + text.length + (first === null ? 3 : 9));
  row[0] = side === 'data' ? DATA_INDEX : WAITER_INDEX;
  row.set(channel, 1);
  let at = channel.length + 1;
  row[at++] = position + 1;
  row[at++] = text.length;
  row.set(text, at);
  if (first !== null) row.writeUIntBE(first, at + text.length, 6);
  return row;
}

/** Names of logs are short and plain: their length is one byte. */
export function logRowKey(log: string, piece: number): Uint8Array {
  const name = Buffer.from(log, 'utf8');
  const row = Buffer.allocUnsafeSlow(name.length + 8);
  row[0] = LOG;
  row[1] = name.length;
  row.set(name, 2);
  row.writeUIntBE(piece, name.length + 2, 6);
  return row;
}

export function taskRowKey(number: number): Uint8Array {
  const row = Buffer.allocUnsafeSlow(9);
  row[0] = TASK;
  row.writeUInt16BE(0, 1);
  row.writeUIntBE(number, 3, 6);
  return row;
}

export function factRowKey(key: string): Uint8Array {
  return withPrefix(FACT, Buffer.from(key, 'utf8'));
}

export function factOfRowKey(row: Uint8Array): string {
  return Buffer.from(row.subarray(1)).toString('utf8');
}

export function termRowKey(hash: Uint8Array): Uint8Array {
  return withPrefix(TERM, hash);
}

function withPrefix(prefix: number, rest: Uint8Array): Uint8Array {
  const row = new Uint8Array(rest.length + 1);
  row[0] = prefix;
  row.set(rest, 1);
  return row;
}
