/**
 * What followed from the turns of a commit, as entries of versions 1 to 4 say it. Owns their form, which nobody writes any
 * more; must never read one that has landed otherwise than it was written.
 */
import { encodeValue, type Value } from '../values/index.ts';
import type { EntryParts, EntryReader } from './entry.ts';
import { readMessage } from './entry-messages.ts';
import { NamedChannels } from './entry-parts.ts';
import { readReceive, readTask } from './records.ts';

/** Its entries have no logs. The form of those that follow is one that is read in any case. */
const VERSION_WITHOUT_LOGS = 1;

export function readOlderParts({ decoder, version, causes, terms, blobs }: EntryParts, reader: EntryReader): void {
  const channels = new NamedChannels(decoder);
  const messages = causes.map((cause) => cause.message);
  for (let count = decoder.uint(); count > 0; count--) {
    const channel = channels.read();
    const number = decoder.uint();
    const persist = decoder.uint() === 1;
    const account = decoder.uint();
    const stamp = decoder.uint();
    reader.datum(channel, number, persist, account, stamp, readMessage(decoder, blobs, messages));
  }
  for (let count = decoder.uint(); count > 0; count--) reader.datumGone(channels.read(), decoder.uint());
  for (let count = decoder.uint(); count > 0; count--) {
    const installed = decoder.boolean();
    const account = decoder.uint();
    const { values, numbers } = channels.places(decoder.uint());
    const receive = readReceive(decoder, terms, () => values[decoder.uint()] as Value);
    reader.waiting(values, numbers, account, receive, installed);
  }
  for (let count = decoder.uint(); count > 0; count--) {
    const installed = decoder.boolean();
    const { values, numbers } = channels.places(decoder.uint());
    reader.waitingGone(values, numbers, installed);
  }
  for (let count = decoder.uint(); count > 0; count--) reader.task(readTask(decoder, terms));
  for (let count = decoder.uint(); count > 0; count--) reader.taskGone(decoder.uint());
  for (let count = decoder.uint(); count > 0; count--) {
    const key = decoder.string();
    reader.fact(key, decoder.boolean() ? decoder.value() : undefined);
  }
  if (version === VERSION_WITHOUT_LOGS) return;
  for (let count = decoder.uint(); count > 0; count--) {
    const log = decoder.string();
    const number = decoder.uint();
    reader.logged({ log, number, bytes: encodeValue(decoder.value()) });
  }
  for (let count = decoder.uint(); count > 0; count--)
    reader.dropped({ log: decoder.string(), first: decoder.uint(), end: decoder.uint() });
}
