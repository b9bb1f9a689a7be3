/**
 * The row of a channel whose shelves fit into one row: everything that lies and waits on it.
 *
 *   row      := version value nextDatum nextWaiter owner? data waiters
 *   data     := count (number flags account stamp message)*
 *   waiters  := count entry*
 *   entry    := 0 number account receive numbers      a continuation, with its numbers on the join's channels
 *             | 1 number channel number               known here by reference to the join's first channel
 */
import { Decoder, type Encoder, List, type Name, type Value } from '../values/index.ts';
import type { Channel } from './channel.ts';
import { Datum, type JoinReference, Waiter, type Waiting } from './items.ts';
import { corrupt } from './corrupt.ts';
import { messageValue, readReceive, type TermPolicy, writeReceive } from './records.ts';
import { type DataShelf, ResidentDataShelf, ResidentWaiterShelf, type WaiterShelf } from './shelf.ts';
import type { Terms } from './terms.ts';

const VERSION = 1;
const OWN = 0;
const REFERENCE = 1;
const PERSIST = 1;

/** How a waiter that was read gets its channels: `joined` finds or makes the channel objects of its slots. */
export interface WaiterMaker {
  make(channel: Channel, number: number, account: number, receive: Waiter['receive'], installed: boolean, numbers: readonly number[]): Waiter;
  /** The entry of a join on this channel, by the channel and number under which the join itself stands. */
  reference(channel: Channel, first: Value, number: number): JoinReference;
}

export function writeDatum(encoder: Encoder, datum: Datum): void {
  encoder.uint(datum.number);
  encoder.uint(datum.persist ? PERSIST : 0);
  encoder.uint(datum.account);
  encoder.uint(datum.stamp);
  encoder.value(messageValue(datum.message));
}

export function readDatum(decoder: Decoder): Datum {
  const number = decoder.uint();
  const flags = decoder.uint();
  const account = decoder.uint();
  const stamp = decoder.uint();
  const message = decoder.value();
  if (!(message instanceof List)) throw corrupt('a datum that is not a list of values');
  const datum = new Datum(message.items, (flags & PERSIST) !== 0, account, stamp, -1);
  datum.number = number;
  return datum;
}

export function writeWaiting(encoder: Encoder, entry: Waiting, policy: TermPolicy): void {
  if (entry instanceof Waiter) {
    encoder.uint(OWN);
    encoder.uint(entry.number);
    encoder.uint(entry.account);
    writeReceive(encoder, entry.receive, policy, (value) => encoder.value(value));
    const entries = entry.join === null ? [] : entry.join.entries;
    encoder.uint(entries.length);
    for (const other of entries) encoder.uint(other.number);
    return;
  }
  encoder.uint(REFERENCE);
  encoder.uint(entry.number);
  encoder.value(entry.waiter.channel.value);
  encoder.uint(entry.waiter.number);
}

export function readWaiting(decoder: Decoder, channel: Channel, terms: Terms, maker: WaiterMaker, installed: boolean): Waiting {
  const form = decoder.uint();
  const number = decoder.uint();
  if (form === REFERENCE) {
    const first = decoder.value();
    const entry = maker.reference(channel, first, decoder.uint());
    entry.number = number;
    return entry;
  }
  if (form !== OWN) throw corrupt(`a waiting continuation of form ${form}`);
  const account = decoder.uint();
  const receive = readReceive(decoder, terms, () => decoder.value());
  const count = decoder.uint();
  const numbers: number[] = [];
  for (let index = 0; index < count; index++) numbers.push(decoder.uint());
  return maker.make(channel, number, account, receive, installed, numbers);
}

export function writeChannel(encoder: Encoder, channel: Channel, policy: TermPolicy): void {
  encoder.uint(VERSION);
  encoder.value(channel.value);
  encoder.uint(channel.nextDatum);
  encoder.uint(channel.nextWaiter);
  encoder.boolean(channel.owner !== null);
  if (channel.owner !== null) writeWaiting(encoder, channel.owner, policy);
  encoder.uint(channel.data === null ? 0 : channel.data.live);
  if (channel.data !== null) {
    const cursor = channel.data.walk();
    for (let datum = cursor.next(); datum !== null; datum = cursor.next()) writeDatum(encoder, datum);
  }
  const waiting: Waiting[] = [];
  if (channel.waiters !== null) {
    const cursor = channel.waiters.walk();
    for (let entry = cursor.next(); entry !== null; entry = cursor.next()) if (entry.waiter.deliver === null) waiting.push(entry);
  }
  encoder.uint(waiting.length);
  for (const entry of waiting) writeWaiting(encoder, entry, policy);
}

/** Fills an empty channel object from its row. */
export function readChannel(
  row: Uint8Array,
  channel: Channel,
  terms: Terms,
  maker: WaiterMaker,
  readName: (bytes: Uint8Array) => Name,
): void {
  const decoder = new Decoder(row, readName);
  const version = decoder.uint();
  if (version !== VERSION) throw corrupt(`a channel row of version ${version}`);
  decoder.value();
  channel.nextDatum = decoder.uint();
  channel.nextWaiter = decoder.uint();
  if (decoder.boolean()) channel.owner = readWaiting(decoder, channel, terms, maker, true) as Waiter;
  const data = decoder.uint();
  if (data > 0) {
    const shelf: DataShelf = new ResidentDataShelf();
    for (let index = 0; index < data; index++) shelf.add(readDatum(decoder));
    channel.data = shelf;
  }
  const waiters = decoder.uint();
  if (waiters > 0) {
    const shelf: WaiterShelf = new ResidentWaiterShelf();
    for (let index = 0; index < waiters; index++) shelf.add(readWaiting(decoder, channel, terms, maker, false));
    channel.waiters = shelf;
  }
  decoder.end();
}

/** The value of the channel that a row is about, without reading the rest. */
export function rowChannelValue(row: Uint8Array, readName: (bytes: Uint8Array) => Name): Value {
  const decoder = new Decoder(row, readName);
  decoder.uint();
  return decoder.value();
}
