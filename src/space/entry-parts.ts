/**
 * What followed from the turns of a commit, as an entry says it behind its causes: read. Owns the shapes in which small
 * fields share a number; `entry-writer.ts` writes them, and `spec/storage.md` says the form.
 */
import { type Decoder, encodeValue, type Value } from '../values/index.ts';
import { corrupt } from './corrupt.ts';
import type { EntryParts, EntryReader } from './entry.ts';
import { ReadForms } from './entry-forms.ts';
import { readMessage, skipMessage } from './entry-messages.ts';
import { readValues } from './records.ts';

/** The shape of a datum: whether it stays; and twice what of it a cause has said. */
export const DATUM_PERSISTS = 1;
export const DATUM_SAID = 2;
export const SAID = { nothing: 0, message: 1, messageAndPlace: 2 } as const;
/** The shape of a continuation: whether it is installed; and twice on how many channels it stands. */
export const WAITING_INSTALLED = 1;
export const WAITING_CHANNELS = 2;

/** The channels that an entry has named so far. */
export class NamedChannels {
  readonly #decoder: Decoder;
  readonly #named: Value[] = [];

  constructor(decoder: Decoder) {
    this.#decoder = decoder;
  }

  read(): Value {
    const named = this.#named;
    const index = this.#decoder.uint();
    if (index > named.length) throw corrupt('a channel that the entry has not named');
    if (index === named.length) named.push(this.#decoder.value());
    return named[index] as Value;
  }

  places(count: number): { readonly values: readonly Value[]; readonly numbers: readonly number[] } {
    const values: Value[] = [];
    const numbers: number[] = [];
    for (let left = count; left > 0; left--) {
      values.push(this.read());
      numbers.push(this.#decoder.uint());
    }
    return { values, numbers };
  }
}

export function readParts(parts: EntryParts, reader: EntryReader): void {
  const { decoder, header, terms } = parts;
  const channels = new NamedChannels(decoder);
  const forms = new ReadForms(decoder, terms);
  for (let count = decoder.uint(); count > 0; count--) readDatum(parts, channels, reader);
  for (let count = decoder.uint(); count > 0; count--) reader.datumGone(channels.read(), decoder.uint());
  for (let count = decoder.uint(); count > 0; count--) {
    const shape = decoder.uint();
    const { values, numbers } = channels.places(Math.floor(shape / WAITING_CHANNELS));
    const account = decoder.uint();
    reader.waiting(values, numbers, account, forms.receive(values), (shape & WAITING_INSTALLED) !== 0);
  }
  for (let count = decoder.uint(); count > 0; count--) {
    const shape = decoder.uint();
    const { values, numbers } = channels.places(Math.floor(shape / WAITING_CHANNELS));
    reader.waitingGone(values, numbers, (shape & WAITING_INSTALLED) !== 0);
  }
  for (let count = decoder.uint(); count > 0; count--) {
    const number = header.nextTask - decoder.uint();
    const account = decoder.uint();
    const body = forms.body();
    reader.task({ number, account, body, captures: readValues(decoder) });
  }
  for (let count = decoder.uint(); count > 0; count--) reader.taskGone(header.nextTask - decoder.uint());
  for (let count = decoder.uint(); count > 0; count--) {
    const key = decoder.string();
    reader.fact(key, decoder.boolean() ? decoder.value() : undefined);
  }
  for (let runs = decoder.uint(); runs > 0; runs--) {
    const log = decoder.string();
    let number = decoder.uint();
    for (let count = decoder.uint(); count > 0; count--)
      reader.logged({ log, number: number++, bytes: encodeValue(decoder.value()) });
  }
  for (let count = decoder.uint(); count > 0; count--)
    reader.dropped({ log: decoder.string(), first: decoder.uint(), end: decoder.uint() });
}

function readDatum(
  { bytes, decoder, header, causes, skipped, blobs }: EntryParts,
  channels: NamedChannels,
  reader: EntryReader,
): void {
  const shape = decoder.uint();
  const persist = (shape & DATUM_PERSISTS) !== 0;
  const said = Math.floor(shape / DATUM_SAID);
  if (said > SAID.messageAndPlace) throw corrupt(`a datum of shape ${shape}`);
  const index = said === SAID.nothing ? -1 : decoder.uint();
  const cause = said === SAID.nothing ? null : causes[index];
  if (cause === undefined || cause?.message === null) throw corrupt('a datum of a cause that has no message');
  const isThere = cause !== null && said === SAID.messageAndPlace;
  const channel = isThere ? cause.payload : channels.read();
  const number = decoder.uint();
  const account = isThere ? cause.account : decoder.uint();
  const stamp = header.nextStamp - decoder.uint();
  if (skipped !== null) {
    const at = cause === null ? decoder.offset : (skipped[index] as number);
    if (cause === null) skipMessage(decoder);
    reader.skipped?.(channel, number, persist, account, stamp, bytes, at);
    return;
  }
  const message = cause === null ? readMessage(decoder, blobs) : cause.message;
  reader.datum(channel, number, persist, account, stamp, message);
}
