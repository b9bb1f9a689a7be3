/**
 * The row of a channel: everything that lies and waits on it, or the heads of shelves that have rows of their
 * own.
 *
 *   row      := version value nextDatum nextWaiter owner? data waiters
 *   data     := 0 | 1 count datum* | 2 head
 *   datum    := number flags account stamp message    the message as in a journal entry: here, or the hash of a blob
 *   waiters  := 0 | 1 count entry* | 2 head
 *   entry    := 0 number account receive numbers      a continuation, with its numbers on the join's channels
 *             | 1 number channel number               known here by reference to the join's first channel
 */
import { Decoder, type Encoder, type Name, type Value } from '../values/index.ts';
import type { Channel } from './channel.ts';
import { Datum, type JoinReference, Waiter, type Waiting } from './items.ts';
import { corrupt } from './corrupt.ts';
import { type BlobReader, type BlobWriter, readMessage, writeMessage } from './entry-messages.ts';
import { readReceive, type TermPolicy, writeReceive } from './records.ts';
import { PagedDataShelf, PagedWaiterShelf, type ShelfRows } from './paged-shelf.ts';
import { type DataShelf, ResidentDataShelf, ResidentWaiterShelf, type WaiterShelf } from './shelf.ts';
import type { Terms } from './terms.ts';

const VERSION = 1;
const OWN = 0;
const REFERENCE = 1;
const PERSIST = 1;
// Forms of a shelf in the row.
const NONE = 0;
const INLINE = 1;
const PAGED = 2;

/** How a waiter that was read gets its channels: `joined` finds or makes the channel objects of its slots. */
export interface WaiterMaker {
  make(
    channel: Channel,
    number: number,
    account: number,
    receive: Waiter['receive'],
    installed: boolean,
    numbers: readonly number[],
  ): Waiter;
  dataRows(channel: Channel): ShelfRows<Datum>;
  waiterRows(channel: Channel): ShelfRows<Waiting>;
  /** The entry of a join on this channel, by the channel and number under which the join itself stands. */
  reference(channel: Channel, first: Value, number: number): JoinReference;
}

export function writeDatum(encoder: Encoder, datum: Datum, blobs: BlobWriter): void {
  encoder.uint(datum.number);
  encoder.uint(datum.persist ? PERSIST : 0);
  encoder.uint(datum.account);
  encoder.uint(datum.stamp);
  writeMessage(encoder, datum.message, blobs);
}

export function readDatum(decoder: Decoder, blobs: BlobReader): Datum {
  const number = decoder.uint();
  const flags = decoder.uint();
  const account = decoder.uint();
  const stamp = decoder.uint();
  const message = readMessage(decoder, blobs);
  const datum = new Datum(message, (flags & PERSIST) !== 0, account, stamp, -1);
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

export function readWaiting(
  decoder: Decoder,
  channel: Channel,
  terms: Terms,
  maker: WaiterMaker,
  installed: boolean,
): Waiting {
  const form = decoder.uint();
  const number = decoder.uint();
  if (form === REFERENCE) {
    const first = decoder.value();
    const entry = maker.reference(channel, first, decoder.uint());
    entry.number = number;
    return entry;
  }
  if (form !== OWN) throw corrupt(`a waiting continuation of form ${form}`);
  return readOwn(decoder, channel, terms, maker, installed, number);
}

function readOwn(
  decoder: Decoder,
  channel: Channel,
  terms: Terms,
  maker: Pick<WaiterMaker, 'make'>,
  installed: boolean,
  number: number,
): Waiter {
  const account = decoder.uint();
  const receive = readReceive(decoder, terms, () => decoder.value());
  const count = decoder.uint();
  const numbers: number[] = [];
  for (let index = 0; index < count; index++) numbers.push(decoder.uint());
  return maker.make(channel, number, account, receive, installed, numbers);
}

export function writeChannel(encoder: Encoder, channel: Channel, policy: TermPolicy, blobs: BlobWriter): void {
  encoder.uint(VERSION);
  encoder.value(channel.value);
  encoder.uint(channel.nextDatum);
  encoder.uint(channel.nextWaiter);
  encoder.boolean(channel.owner !== null);
  if (channel.owner !== null) writeWaiting(encoder, channel.owner, policy);
  if (channel.data instanceof PagedDataShelf) {
    encoder.uint(PAGED);
    channel.data.writeHead(encoder);
  } else if (channel.data === null) encoder.uint(NONE);
  else {
    encoder.uint(INLINE);
    encoder.uint(channel.data.live);
    const cursor = channel.data.walk();
    for (let datum = cursor.next(); datum !== null; datum = cursor.next()) writeDatum(encoder, datum, blobs);
  }
  if (channel.waiters instanceof PagedWaiterShelf) {
    encoder.uint(PAGED);
    channel.waiters.writeHead(encoder);
  } else if (channel.waiters === null) encoder.uint(NONE);
  else {
    encoder.uint(INLINE);
    encoder.uint(channel.waiters.live);
    const cursor = channel.waiters.walk();
    for (let entry = cursor.next(); entry !== null; entry = cursor.next()) writeWaiting(encoder, entry, policy);
  }
}

/** Fills an empty channel object from its row. */
export function readChannel(
  row: Uint8Array,
  channel: Channel,
  terms: Terms,
  maker: WaiterMaker,
  readName: (bytes: Uint8Array) => Name,
  blobs: BlobReader,
): void {
  const decoder = new Decoder(row, readName);
  const version = decoder.uint();
  if (version !== VERSION) throw corrupt(`a channel row of version ${version}`);
  decoder.value();
  channel.nextDatum = decoder.uint();
  channel.nextWaiter = decoder.uint();
  if (decoder.boolean()) channel.owner = readWaiting(decoder, channel, terms, maker, true) as Waiter;
  const dataForm = decoder.uint();
  if (dataForm === INLINE) {
    const shelf: DataShelf = new ResidentDataShelf();
    for (let left = decoder.uint(); left > 0; left--) shelf.add(readDatum(decoder, blobs));
    channel.data = shelf;
  } else if (dataForm === PAGED) {
    const shelf = new PagedDataShelf(maker.dataRows(channel), channel.nextDatum);
    shelf.readHead(decoder);
    channel.data = shelf;
  } else if (dataForm !== NONE) throw corrupt(`a shelf of form ${dataForm}`);
  const waiterForm = decoder.uint();
  if (waiterForm === INLINE) {
    const shelf: WaiterShelf = new ResidentWaiterShelf();
    for (let left = decoder.uint(); left > 0; left--) shelf.add(readWaiting(decoder, channel, terms, maker, false));
    channel.waiters = shelf;
  } else if (waiterForm === PAGED) {
    const shelf = new PagedWaiterShelf(maker.waiterRows(channel), channel.nextWaiter);
    shelf.readHead(decoder);
    channel.waiters = shelf;
  } else if (waiterForm !== NONE) throw corrupt(`a shelf of form ${waiterForm}`);
  decoder.end();
}

/** Reads the data of a row for the large messages that they name, and stops there. */
export function readChannelData(
  decoder: Decoder,
  channel: Channel,
  terms: Terms,
  maker: Pick<WaiterMaker, 'make'>,
  blobs: BlobReader,
): void {
  decoder.uint();
  decoder.value();
  decoder.uint();
  decoder.uint();
  if (decoder.boolean()) {
    decoder.uint();
    readOwn(decoder, channel, terms, maker, true, decoder.uint());
  }
  if (decoder.uint() !== INLINE) return;
  for (let left = decoder.uint(); left > 0; left--) readDatum(decoder, blobs);
}

/** The value of the channel that a row is about, without reading the rest. */
export function rowChannelValue(row: Uint8Array, readName: (bytes: Uint8Array) => Name): Value {
  const decoder = new Decoder(row, readName);
  decoder.uint();
  return decoder.value();
}
