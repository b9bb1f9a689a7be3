/**
 * Writes a commit as a journal entry; `entry.ts` reads it, and `spec/storage.md` says the form. Owns the tables of what
 * the entry has named so far: they stand in what is named, so that nothing is looked up and nothing is left over. Must
 * never write what came and went within the commit.
 */
import { NOWHERE } from '../platform/index.ts';
import { type Encoder, Name } from '../values/index.ts';
import type { Channel } from './channel.ts';
import {
  CAUSE_MESSAGE,
  CAUSE_OTHER,
  CAUSE_TURNS,
  type CauseRecord,
  type Commit,
  ENTRY_VERSION,
  type EntryHeader,
  type LogRecord,
} from './entry.ts';
import { WrittenForms } from './entry-forms.ts';
import { type BlobWriter, writeMessage } from './entry-messages.ts';
import { DATUM_PERSISTS, DATUM_SAID, SAID, WAITING_CHANNELS, WAITING_INSTALLED } from './entry-parts.ts';
import type { Datum, Waiter, Waiting } from './items.ts';
import { modeNumber } from './mode.ts';
import { type TermPolicy, writeValues } from './records.ts';
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
  readonly #forms: WrittenForms;

  constructor(encoder: Encoder, terms: Pick<Terms, 'journal'>, blobs: BlobWriter) {
    this.#encoder = encoder;
    this.#terms = terms;
    this.#blobs = blobs;
    this.#forms = new WrittenForms(encoder, this);
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
      this.#forms.forget();
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
    this.#writeData(commit, header);
    this.#writeWaiters(commit);
    this.#writeTasks(commit, header);
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
    let before: CauseRecord | null = null;
    for (const cause of causes) {
      const { turn, kind, account, payload, mode, message } = cause;
      const shape = message === null ? 0 : CAUSE_MESSAGE;
      const advance: number = before === null ? lastTurn - turn : turn - before.turn;
      // Of many causes in a row one kind is written.
      if (before !== null && kind === before.kind && account === before.account && mode === before.mode)
        encoder.uint(advance * CAUSE_TURNS + shape);
      else {
        encoder.uint(advance * CAUSE_TURNS + CAUSE_OTHER + shape);
        encoder.string(kind);
        encoder.uint(account);
        encoder.uint(modeNumber(mode));
      }
      before = cause;
      encoder.value(payload);
      if (message !== null && !writeMessage(encoder, message, this.#blobs)) areHere = false;
    }
    return areHere;
  }

  #writeData({ causes, data, dataChannels, dataGone, dataGoneChannels }: Commit, { nextStamp }: EntryHeader): void {
    const encoder = this.#encoder;
    let living = 0;
    for (const datum of data) if (!datum.gone) living++;
    encoder.uint(living);
    for (let index = 0; index < data.length; index++) {
      const datum = data[index] as Datum;
      if (!datum.gone) this.#writeDatum(datum, dataChannels[index] as Channel, causes, nextStamp);
    }
    encoder.uint(dataGone.length);
    for (let index = 0; index < dataGone.length; index++) {
      this.#writeChannel(dataGoneChannels[index] as Channel);
      encoder.uint(dataGone[index] as number);
    }
  }

  #writeDatum(datum: Datum, channel: Channel, causes: readonly CauseRecord[], nextStamp: number): void {
    const encoder = this.#encoder;
    const cause = datum.cause < 0 ? null : (causes[datum.cause] as CauseRecord);
    const shape = datum.persist ? DATUM_PERSISTS : 0;
    if (cause !== null && isPlaceOf(cause, datum, channel)) {
      encoder.uint(SAID.messageAndPlace * DATUM_SAID + shape);
      encoder.uint(datum.cause);
      encoder.uint(datum.number);
      encoder.uint(nextStamp - datum.stamp);
      return;
    }
    encoder.uint((cause === null ? SAID.nothing : SAID.message) * DATUM_SAID + shape);
    if (cause !== null) encoder.uint(datum.cause);
    this.#writeChannel(channel);
    encoder.uint(datum.number);
    encoder.uint(datum.account);
    encoder.uint(nextStamp - datum.stamp);
    if (cause === null) writeMessage(encoder, datum.message, this.#blobs);
  }

  #writeWaiters({ waiters, waitersGone }: Commit): void {
    const encoder = this.#encoder;
    let living = 0;
    for (const waiter of waiters) if (!waiter.gone) living++;
    encoder.uint(living);
    for (const waiter of waiters) {
      if (waiter.gone) continue;
      this.#writePlaces(waiter);
      encoder.uint(waiter.account);
      this.#forms.receive(waiter);
    }
    encoder.uint(waitersGone.length);
    for (const waiter of waitersGone) this.#writePlaces(waiter);
  }

  #writePlaces(waiter: Waiter): void {
    const encoder = this.#encoder;
    const { join } = waiter;
    const shape = waiter.installed ? WAITING_INSTALLED : 0;
    if (join === null) {
      encoder.uint(WAITING_CHANNELS + shape);
      this.#writeChannel(waiter.channel);
      encoder.uint(waiter.number);
      return;
    }
    const { channels, entries } = join;
    encoder.uint(channels.length * WAITING_CHANNELS + shape);
    for (let index = 0; index < channels.length; index++) {
      this.#writeChannel(channels[index] as Channel);
      encoder.uint((entries[index] as Waiting).number);
    }
  }

  #writeTasks({ tasks, tasksGone }: Commit, { nextTask }: EntryHeader): void {
    const encoder = this.#encoder;
    let living = 0;
    for (const task of tasks) if (task.state !== 'done') living++;
    encoder.uint(living);
    for (const task of tasks) {
      if (task.state === 'done') continue;
      encoder.uint(nextTask - task.number);
      encoder.uint(task.account);
      this.#forms.body(task.body);
      writeValues(encoder, task.captures);
    }
    encoder.uint(tasksGone.length);
    for (const number of tasksGone) encoder.uint(nextTask - number);
  }

  #writeLogs({ logged, dropped }: Commit): void {
    const encoder = this.#encoder;
    let runs = 0;
    for (let index = 0; index < logged.length; index++) if (beginsRun(logged, index)) runs++;
    encoder.uint(runs);
    for (let first = 0; first < logged.length; ) {
      const { log, number } = logged[first] as LogRecord;
      let end = first + 1;
      while (end < logged.length && !beginsRun(logged, end)) end++;
      encoder.string(log);
      encoder.uint(number);
      encoder.uint(end - first);
      while (first < end) encoder.raw((logged[first++] as LogRecord).bytes);
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

/** Most come one after the other, of one log. */
function beginsRun(logged: readonly LogRecord[], index: number): boolean {
  const before = logged[index - 1];
  const { log, number } = logged[index] as LogRecord;
  return before === undefined || before.log !== log || before.number + 1 !== number;
}

/** Whether the cause that brought its message says where it lies, and whose it is. Of other channels it may not have all bytes. */
function isPlaceOf({ payload, account }: CauseRecord, datum: Datum, { value }: Channel): boolean {
  return payload === value && account === datum.account && (typeof value === 'string' || value instanceof Name);
}
