/**
 * Bringing the rows up to date, in the background and bit by bit.
 *
 * A cut is the state right after one journal entry. Channels that changed since the cut before are encoded as
 * they were at that moment: a few in every slice, or just before a turn changes one (`touch`). When all are
 * encoded and the entry is durable, the rows are written in one atomic batch that carries the entry's number,
 * and the journal up to it is dropped. So recovery reads the rows and lays the entries after them over it.
 */
import { NumberMap, Places } from '../platform/index.ts';
import { Encoder, Name, type Value } from '../values/index.ts';
import type { RowChange, Rows } from '../store/index.ts';
import type { Channel } from './channel.ts';
import { writeChannel } from './channel-row.ts';
import { CHANNEL_BYTES, type Channels } from './channels.ts';
import type { Commit, EntryHeader, LogDrop, LogRecord } from './entry.ts';
import { Facts } from './facts.ts';
import type { Logs } from './logs.ts';
import { type TermPolicy, writeTask } from './records.ts';
import { channelRowKey, factRowKey, META_KEY, taskRowKey, termRowKey } from './row-keys.ts';
import type { Messages } from './messages.ts';
import { PagedDataShelf, PagedWaiterShelf } from './paged-shelf.ts';
import type { Waiter } from './items.ts';
import type { LiveTask } from './tasks.ts';
import type { Term } from './terms.ts';

export const META_VERSION = 1;

export class Cutter implements TermPolicy {
  readonly #rows: Rows;
  readonly #channels: Channels;
  readonly #sha256: (bytes: Uint8Array) => Uint8Array;
  readonly #encoder = new Encoder(4096);
  /** Changed since the last cut began. */
  readonly #dirty = new Places<Channel>();
  #taskPuts = new NumberMap<LiveTask>();
  #taskGone: number[] = [];
  #facts = new Facts<Value | undefined>();
  /** Facts that have a row, or will have when the cut under way is written: only they need a deletion. */
  readonly #factRows = new Set<string>();
  #logged: LogRecord[] = [];
  #dropped: LogDrop[] = [];
  // The cut that is being encoded, if any.
  #cutting: Channel[] = [];
  #next = 0;
  #changes: RowChange[] = [];
  #written: Channel[] = [];
  #writtenLogs: readonly LogRecord[] = [];
  #entry = 0;
  #open = false;

  readonly #messages: Messages;
  readonly #logs: Logs;

  constructor(
    rows: Rows,
    channels: Channels,
    messages: Messages,
    logs: Logs,
    sha256: (bytes: Uint8Array) => Uint8Array,
  ) {
    this.#rows = rows;
    this.#logs = logs;
    this.#channels = channels;
    this.#messages = messages;
    this.#sha256 = sha256;
  }

  /** A cut is under way: encoding or being written. */
  get busy(): boolean {
    return this.#open;
  }

  /** Encoding is not finished. */
  get encoding(): boolean {
    return this.#next < this.#cutting.length;
  }

  /** How many channels to encode now so that this cut is done before half as many more have changed. */
  get behind(): number {
    return 2 * this.#dirty.size - this.#next;
  }

  /** The journal entry whose state is being cut. */
  get entry(): number {
    return this.#entry;
  }

  // ------------------------------------------------------------------ what changed

  /** Channels that no written row may know yet. */
  get changed(): readonly Channel[] {
    return [...this.#dirty.all(), ...this.#cutting];
  }

  /** Notes what a flushed commit changed. */
  note(commit: Commit): void {
    for (let index = 0; index < commit.data.length; index++)
      if (!(commit.data[index] as { gone: boolean }).gone) this.noteChannel(commit.dataChannels[index] as Channel);
    for (const channel of commit.dataGoneChannels) this.noteChannel(channel);
    for (const waiter of commit.waiters) this.#noteWaiter(waiter);
    for (const waiter of commit.waitersGone) this.#noteWaiter(waiter);
    for (const task of commit.tasks) if (task.state !== 'done') this.#taskPuts.set(task.number, task);
    for (const number of commit.tasksGone) if (!this.#taskPuts.delete(number)) this.#taskGone.push(number);
    for (const [key, value] of commit.facts) this.noteFact(key, value);
    for (const record of commit.logged) this.#logged.push(record);
    for (const drop of commit.dropped) this.#dropped.push(drop);
  }

  noteChannel(channel: Channel): void {
    // A reply channel whose message has come, most often: no row has ever named it, so none has to be deleted.
    if (channel.key === null && channel.cut === 0 && channel.empty) {
      if (channel.dirty) this.#dirty.leave(channel);
      channel.dirty = false;
      return;
    }
    if (channel.dirty) return;
    channel.dirty = true;
    this.#dirty.enter(channel);
  }

  #noteWaiter(waiter: Waiter): void {
    if (waiter.join === null) this.noteChannel(waiter.channel);
    else for (const channel of waiter.join.channels) this.noteChannel(channel);
  }

  /** For recovery: what an entry of the journal changed is in no row yet. */
  noteTask(task: LiveTask): void {
    this.#taskPuts.set(task.number, task);
  }

  noteTaskGone(number: number): void {
    if (!this.#taskPuts.delete(number)) this.#taskGone.push(number);
  }

  /** What comes and goes between two cuts, as the beginnings of effects do, costs no row. */
  noteFact(key: string, value: Value | undefined): void {
    if (value === undefined && !this.#factRows.has(key)) this.#facts.delete(key);
    else this.#facts.set(key, value);
  }

  /** For recovery: this fact was found in the rows. */
  noteFactRow(key: string): void {
    this.#factRows.add(key);
  }

  noteLogged(record: LogRecord): void {
    this.#logged.push(record);
  }

  noteDropped(drop: LogDrop): void {
    this.#dropped.push(drop);
  }

  // ------------------------------------------------------------------ the cut

  /** Starts a cut of the state right after journal entry `entry`. */
  begin(entry: number, header: EntryHeader, terms: readonly Term[]): void {
    this.#open = true;
    this.#entry = entry;
    this.#cutting = this.#dirty.takeAll();
    this.#next = 0;
    for (const channel of this.#cutting) {
      channel.dirty = false;
      channel.cut = 1;
    }
    const encoder = this.#encoder;
    encoder.reset();
    encoder.uint(META_VERSION);
    encoder.uint(entry);
    encoder.uint(header.lastTurn);
    encoder.uint(header.nextTask);
    encoder.uint(header.nextStamp);
    this.#changes.push({ key: META_KEY, value: encoder.finish() });
    for (const term of terms) this.mustWrite(term);
    for (const task of this.#taskPuts.values()) {
      encoder.reset();
      writeTask(encoder, task, this);
      this.#changes.push({ key: taskRowKey(task.number), value: encoder.finish() });
    }
    for (const number of this.#taskGone) this.#changes.push({ key: taskRowKey(number), value: null });
    for (const [key, value] of this.#facts.entries()) {
      encoder.reset();
      if (value === undefined) this.#factRows.delete(key);
      else {
        this.#factRows.add(key);
        encoder.value(value);
      }
      this.#changes.push({ key: factRowKey(key), value: value === undefined ? null : encoder.finish() });
    }
    for (const change of this.#logs.rows(this.#logged, this.#dropped)) this.#changes.push(change);
    this.#writtenLogs = this.#logged;
    this.#taskPuts = new NumberMap();
    this.#taskGone = [];
    this.#facts = new Facts();
    this.#logged = [];
    this.#dropped = [];
  }

  /** Before a turn changes a channel that the cut has still to encode. */
  touch(channel: Channel): void {
    if (channel.cut === 1) this.#encode(channel);
  }

  /** Encodes up to `count` more channels. */
  advance(count: number): void {
    for (let left = count; left > 0 && this.#next < this.#cutting.length; left--) {
      const channel = this.#cutting[this.#next++] as Channel;
      if (channel.cut === 1) this.#encode(channel);
    }
  }

  /** Writes the batch; only after the cut's entry is durable and everything is encoded. */
  async finish(): Promise<void> {
    const changes = this.#changes;
    const written = this.#written;
    this.#changes = [];
    this.#written = [];
    await this.#rows.write(changes, true);
    for (const channel of written) {
      channel.cut = 0;
      // Reply names, most of them: nothing lies there any more, and hardly anything ever will again.
      if (channel.value instanceof Name && !channel.dirty && !channel.stored && channel.pins === 0 && channel.empty)
        this.#channels.forget(channel);
    }
    this.#logs.stored(this.#writtenLogs);
    this.#writtenLogs = [];
    this.#cutting = [];
    this.#next = 0;
    this.#open = false;
  }

  mustWrite(term: Term): boolean {
    if (!term.stored) {
      term.stored = true;
      const encoder = new Encoder();
      encoder.value(term.term);
      this.#changes.push({ key: termRowKey(term.hash), value: encoder.finish() });
    }
    return false;
  }

  #encode(channel: Channel): void {
    channel.cut = 2;
    this.#written.push(channel);
    // A reply channel, most often: no row has ever named it, so its name needs no bytes for this.
    if (channel.key === null && channel.empty) return;
    if (!channel.complete) this.#channels.load(channel);
    const key = channelRowKey(this.#channels.keyOf(channel), this.#sha256);
    if (channel.empty) {
      this.#flushPaged(channel);
      // Even when no row is known: one may be on its way from an earlier cut.
      if (channel.stored) this.#changes.push({ key, value: null });
      channel.stored = false;
      this.#channels.resize(channel, CHANNEL_BYTES);
      return;
    }
    const encoder = this.#encoder;
    const paged = channel.data instanceof PagedDataShelf || channel.waiters instanceof PagedWaiterShelf;
    this.#flushPaged(channel);
    encoder.reset();
    const large_bytes = this.#messages.large_bytes;
    writeChannel(encoder, channel, this, this.#messages);
    const value = encoder.finish();
    this.#changes.push({ key, value });
    channel.stored = true;
    if (!paged)
      this.#channels.resize(channel, CHANNEL_BYTES + 4 * value.length + this.#messages.large_bytes - large_bytes);
  }

  #flushPaged(channel: Channel): void {
    const { data, waiters } = channel;
    if (data instanceof PagedDataShelf) {
      data.flush(this.#encoder);
      if (data.live === 0) channel.data = null;
    }
    if (waiters instanceof PagedWaiterShelf) {
      waiters.flush(this.#encoder);
      if (waiters.live === 0) channel.waiters = null;
    }
  }

  /** A row of a paged shelf, for the batch of this cut. */
  write(key: Uint8Array, value: Uint8Array | null): void {
    this.#changes.push({ key, value });
  }
}
