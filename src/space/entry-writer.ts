/**
 * Writes a commit as a journal entry; `entry.ts` reads it, and `spec/storage.md` says the form. Owns the tables of what
 * the entry has named so far: they stand in what is named, so that nothing is looked up and nothing is left over. Must
 * never write what came and went within the commit.
 */
import { NOWHERE } from '../platform/index.ts';
import type { Encoder, Value } from '../values/index.ts';
import type { Channel } from './channel.ts';
import {
  type BlobWriter,
  type Commit,
  ENTRY_VERSION,
  type EntryHeader,
  MESSAGE_OF_CAUSE,
  writeMessage,
} from './entry.ts';
import type { Datum, Join, Waiter, Waiting } from './items.ts';
import { modeNumber } from './mode.ts';
import { type TermPolicy, writeReceive, writeTask } from './records.ts';
import type { WrittenCauses } from './recording.ts';
import type { Term, Terms } from './terms.ts';

export class EntryWriter implements TermPolicy {
  readonly #encoder: Encoder;
  readonly #terms: Pick<Terms, 'journal'>;
  readonly #blobs: BlobWriter;
  /** Named in the entry that is being written, by their index. */
  readonly #channelsNamed: Channel[] = [];
  readonly #termsNamed: Term[] = [];
  /** Where in the entry its causes stand; null: some of what they say stands in blobs. */
  #causes: { readonly from: number; readonly to: number } | null = null;
  /** Of the continuation that is being written. */
  #join: Join | null = null;

  constructor(encoder: Encoder, terms: Pick<Terms, 'journal'>, blobs: BlobWriter) {
    this.#encoder = encoder;
    this.#terms = terms;
    this.#blobs = blobs;
  }

  /**
   * Names that are stored for the first time and were drawn elsewhere get their bytes here. Returns how many bytes recovery
   * will read beside the entry.
   */
  write(commit: Commit, header: EntryHeader): number {
    try {
      return this.#write(commit, header);
    } finally {
      for (const channel of this.#channelsNamed) channel.named = NOWHERE;
      for (const term of this.#termsNamed) term.named = NOWHERE;
      this.#channelsNamed.length = 0;
      this.#termsNamed.length = 0;
    }
  }

  /** The causes of the entry that was written last, until the next is; null: some of what they say stands elsewhere. */
  get causes(): WrittenCauses | null {
    if (this.#causes === null) return null;
    const { from, to } = this.#causes;
    return { version: ENTRY_VERSION, bytes: this.#encoder.view().subarray(from, to) };
  }

  #write(commit: Commit, header: EntryHeader): number {
    const encoder = this.#encoder;
    encoder.uint(ENTRY_VERSION);
    encoder.uint(header.lastTurn);
    encoder.uint(header.nextTask);
    encoder.uint(header.nextStamp);
    const from = encoder.length;
    const before_bytes = this.#blobs.outside_bytes;
    const areHere = this.#writeCauses(commit, header) && this.#blobs.outside_bytes === before_bytes;
    this.#causes = areHere ? { from, to: encoder.length } : null;
    const ofCauses_bytes = this.#blobs.outside_bytes;
    this.#writeData(commit);
    this.#writeWaiters(commit);
    this.#writeTasks(commit);
    encoder.uint(commit.facts.size);
    for (const [key, value] of commit.facts) {
      encoder.string(key);
      encoder.boolean(value !== undefined);
      if (value !== undefined) encoder.value(value);
    }
    this.#writeLogs(commit);
    return this.#blobs.outside_bytes - ofCauses_bytes;
  }

  /** Whether all messages stand here. */
  #writeCauses({ causes }: Commit, { lastTurn }: EntryHeader): boolean {
    const encoder = this.#encoder;
    let areHere = true;
    encoder.uint(causes.length);
    let before: string | null = null;
    for (const { turn, kind, account, payload, mode, message } of causes) {
      encoder.uint(lastTurn - turn);
      // Of many causes in a row one kind is written.
      encoder.value(kind === before ? null : kind);
      before = kind;
      encoder.uint(account);
      encoder.value(payload);
      // Two things in one number: a cause takes not a byte more than without its mode.
      encoder.uint(2 * modeNumber(mode) + (message === null ? 0 : 1));
      if (message !== null && !writeMessage(encoder, message, this.#blobs)) areHere = false;
    }
    return areHere;
  }

  #writeData({ data, dataChannels, dataGone, dataGoneChannels }: Commit): void {
    const encoder = this.#encoder;
    let living = 0;
    for (const datum of data) if (!datum.gone) living++;
    encoder.uint(living);
    for (let index = 0; index < data.length; index++) {
      const datum = data[index] as Datum;
      if (datum.gone) continue;
      this.#writeChannel(dataChannels[index] as Channel);
      encoder.uint(datum.number);
      encoder.uint(datum.persist ? 1 : 0);
      encoder.uint(datum.account);
      encoder.uint(datum.stamp);
      if (datum.cause >= 0) {
        encoder.uint(MESSAGE_OF_CAUSE);
        encoder.uint(datum.cause);
      } else writeMessage(encoder, datum.message, this.#blobs);
    }
    encoder.uint(dataGone.length);
    for (let index = 0; index < dataGone.length; index++) {
      this.#writeChannel(dataGoneChannels[index] as Channel);
      encoder.uint(dataGone[index] as number);
    }
  }

  #writeWaiters({ waiters, waitersGone }: Commit): void {
    const encoder = this.#encoder;
    let living = 0;
    for (const waiter of waiters) if (!waiter.gone) living++;
    encoder.uint(living);
    for (const waiter of waiters) {
      if (waiter.gone) continue;
      encoder.boolean(waiter.installed);
      encoder.uint(waiter.account);
      this.#writePlaces(waiter);
      this.#join = waiter.join;
      writeReceive(encoder, waiter.receive, this, this.#writeSlotChannel);
    }
    encoder.uint(waitersGone.length);
    for (const waiter of waitersGone) {
      encoder.boolean(waiter.installed);
      this.#writePlaces(waiter);
    }
  }

  #writePlaces(waiter: Waiter): void {
    const encoder = this.#encoder;
    const { join } = waiter;
    if (join === null) {
      encoder.uint(1);
      this.#writeChannel(waiter.channel);
      encoder.uint(waiter.number);
      return;
    }
    const { channels, entries } = join;
    encoder.uint(channels.length);
    for (let index = 0; index < channels.length; index++) {
      this.#writeChannel(channels[index] as Channel);
      encoder.uint((entries[index] as Waiting).number);
    }
  }

  /** Made once: there is one for each continuation that waits. */
  readonly #writeSlotChannel = (_channel: Value, slot: number): void => {
    this.#encoder.uint(this.#join === null ? 0 : (this.#join.channelOfSlot[slot] as number));
  };

  #writeTasks({ tasks, tasksGone }: Commit): void {
    const encoder = this.#encoder;
    let living = 0;
    for (const task of tasks) if (task.state !== 'done') living++;
    encoder.uint(living);
    for (const task of tasks) if (task.state !== 'done') writeTask(encoder, task, this);
    encoder.uint(tasksGone.length);
    for (const number of tasksGone) encoder.uint(number);
  }

  #writeLogs({ logged, dropped }: Commit): void {
    const encoder = this.#encoder;
    encoder.uint(logged.length);
    let before: string | null = null;
    let next = 0;
    for (const { log, number, bytes } of logged) {
      // Most come one after the other, of one log.
      if (log === before && number === next) encoder.value(null);
      else {
        encoder.string(log);
        encoder.uint(number);
      }
      before = log;
      next = number + 1;
      encoder.raw(bytes);
    }
    encoder.uint(dropped.length);
    for (const { log, first, end } of dropped) {
      encoder.string(log);
      encoder.uint(first);
      encoder.uint(end);
    }
  }

  #writeChannel(channel: Channel): void {
    const { named } = channel;
    if (named !== NOWHERE) {
      this.#encoder.uint(named);
      return;
    }
    channel.named = this.#channelsNamed.length;
    this.#channelsNamed.push(channel);
    this.#encoder.uint(channel.named);
    this.#encoder.value(channel.value);
  }

  // ------------------------------------------------------------------ code

  mustWrite(term: Term): boolean {
    return this.#terms.journal(term);
  }

  named(term: Term): number {
    const { named } = term;
    if (named !== NOWHERE) return named;
    term.named = this.#termsNamed.length;
    this.#termsNamed.push(term);
    return NOWHERE;
  }
}
