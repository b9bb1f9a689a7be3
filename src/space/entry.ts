/**
 * One commit as a journal entry: causes (what came from outside, in which turn) and consequences (the net
 * change of rows). What came and went within the commit is not here. The format is specified in
 * `spec/storage.md`; its version is the first number of an entry.
 *
 *   entry   := version lastTurn nextTask nextStamp
 *              causes data dataGone waiting waitingGone owners tasks tasksGone facts logged dropped
 *   each list is preceded by its count; a channel is an index into the channels named so far, or the next
 *   index and the channel's value
 */
import { limits } from '../limits.ts';
import { Decoder, type Encoder, encodeValue, List, type Name, type Value } from '../values/index.ts';
import type { Channel } from './channel.ts';
import type { Datum, Waiter } from './items.ts';
import { corrupt } from './corrupt.ts';
import { type Mode, modeOf } from './mode.ts';
import { readReceive, readTask } from './records.ts';
import type { LiveTask } from './tasks.ts';
import type { Term, Terms } from './terms.ts';
import type { Account, Receive, Task } from './types.ts';

export const ENTRY_VERSION = 5;
/**
 * From here on a cause says its mode; those before are read as transactions. And what is said again and again is said once:
 * the kind of causes in a row, the log of entries in a row, the hash of code.
 */
const ENTRY_VERSION_MODES = 5;
/** Of entries without logs; the form of those in between is one that is read in any case. */
const ENTRY_VERSION_FIRST = 1;
const MESSAGE_HERE = 0;
export const MESSAGE_OF_CAUSE = 1;
const MESSAGE_IN_BLOB = 2;

/** Items of a commit before the first sweep. */
const SWEEP_MIN = 512;

/** A cause as it is recorded. A produce from outside keeps its message apart, so that a datum can refer to it. */
export interface CauseRecord {
  readonly turn: number;
  readonly kind: string;
  readonly account: Account;
  /** Of the program of which it is told. */
  readonly mode: Mode;
  readonly payload: Value;
  /** The message of a produce, else null; the payload is then the channel. */
  readonly message: readonly Value[] | null;
  /** The number of the outside task that it ends, or 0. Not in the entry, which says that the task is gone. */
  readonly task: number;
}

/** An entry of a log. */
export interface LogRecord {
  readonly log: string;
  readonly number: number;
  /** Its value in canonical form: written here and in its row. */
  readonly bytes: Uint8Array;
}

/** Entries of a log that are forgotten: `first` up to, and without, `end`. */
export interface LogDrop {
  readonly log: string;
  readonly first: number;
  readonly end: number;
}

/** Somebody who waits for a commit. */
export interface Settled {
  durable(): void;
  lost(error: Error): void;
}

/** Everything that the turns since the last flush did, as the engine collects it. */
export class Commit {
  readonly causes: CauseRecord[] = [];
  readonly data: Datum[] = [];
  readonly dataChannels: Channel[] = [];
  readonly dataGone: number[] = [];
  readonly dataGoneChannels: Channel[] = [];
  /** Of those that have gone, where somebody records the space. */
  readonly dataGoneStamps: number[] = [];
  readonly waiters: Waiter[] = [];
  readonly waitersGone: Waiter[] = [];
  readonly tasks: LiveTask[] = [];
  // What comes and goes within the commit is swept as it grows, so that it does not outlive a scavenge.
  #sweepData = SWEEP_MIN;
  #sweepWaiters = SWEEP_MIN;
  #sweepTasks = SWEEP_MIN;
  readonly tasksGone: number[] = [];
  readonly facts = new Map<string, Value | undefined>();
  readonly logged: LogRecord[] = [];
  /** By log, the number after its last entry: what is durable with this commit. */
  readonly logEnds = new Map<string, number>();
  readonly dropped: LogDrop[] = [];
  /** Who is told when this commit is durable, in order. */
  readonly #outbox: Settled[] = [];
  turns = 0;
  /** Somebody waits for it to be durable. */
  awaited = false;
  /** What its messages are worth, in messages of the plainest kind. */
  weight = 0;
  /** A round's worth and more, with all that follows from it: it is written as soon as nothing is being written. */
  isRound = false;
  /** Of answers that nobody waits for, about. */
  held_bytes = 0;

  constructor(
    /** Stamped on what is born in this commit. */
    readonly serial: number,
  ) {}

  addTask(task: LiveTask): void {
    const { tasks } = this;
    if (tasks.length >= this.#sweepTasks) {
      let kept = 0;
      for (const old of tasks) if (old.state !== 'done') tasks[kept++] = old;
      tasks.length = kept;
      this.#sweepTasks = 2 * kept + SWEEP_MIN;
    }
    tasks.push(task);
  }

  addDatum(channel: Channel, datum: Datum): void {
    const { data, dataChannels } = this;
    if (data.length >= this.#sweepData) {
      let kept = 0;
      for (let index = 0; index < data.length; index++) {
        if ((data[index] as Datum).gone) continue;
        data[kept] = data[index] as Datum;
        dataChannels[kept++] = dataChannels[index] as Channel;
      }
      data.length = kept;
      dataChannels.length = kept;
      this.#sweepData = 2 * kept + SWEEP_MIN;
    }
    data.push(datum);
    dataChannels.push(channel);
  }

  addWaiter(waiter: Waiter): void {
    const { waiters } = this;
    if (waiters.length >= this.#sweepWaiters) {
      let kept = 0;
      for (const old of waiters) if (!old.gone) waiters[kept++] = old;
      waiters.length = kept;
      this.#sweepWaiters = 2 * kept + SWEEP_MIN;
    }
    waiters.push(waiter);
  }

  /** `settled` hears once: that this commit is durable, or that nobody can know. */
  settle(settled: Settled): void {
    this.awaited = true;
    this.#outbox.push(settled);
  }

  /** As `settle`, for one who can wait a little; with the bytes that the turn brings. */
  settleLater(settled: Settled, bytes: number): void {
    this.held_bytes += bytes;
    this.#outbox.push(settled);
  }

  letOut(): void {
    for (const settled of this.#outbox) settled.durable();
  }

  lose(error: Error): void {
    for (const settled of this.#outbox) settled.lost(error);
  }

  /** Whether there is anything to write or to run. */
  get empty(): boolean {
    return this.turns === 0 && this.#outbox.length === 0;
  }
}

/** Where large messages go; returns the hash under which the blob will be durable before the entry is. */
export interface BlobWriter {
  /** The blob for a message, or null when it is small enough to be written where it stands. */
  offer(message: readonly Value[]): Uint8Array | null;
  /** Bytes of all that entries have named by hash so far, known or new. */
  readonly outside_bytes: number;
}

export interface BlobReader {
  read(hash: Uint8Array): readonly Value[];
  /** A long byte array that an entry names by its hash. */
  bytes(hash: Uint8Array): Uint8Array;
}

/** Whether it stands here, and not in a blob. */
export function writeMessage(encoder: Encoder, message: readonly Value[], blobs: BlobWriter): boolean {
  const hash = blobs.offer(message);
  if (hash === null) {
    encoder.uint(MESSAGE_HERE);
    encoder.value(new List(message));
    return true;
  }
  encoder.uint(MESSAGE_IN_BLOB);
  encoder.bytes(hash);
  return false;
}

export function readMessage(
  decoder: Decoder,
  blobs: BlobReader,
  causes: readonly (readonly Value[] | null)[],
): readonly Value[] {
  const form = decoder.uint();
  if (form === MESSAGE_IN_BLOB) return blobs.read(decoder.bytes());
  if (form === MESSAGE_OF_CAUSE) {
    const message = causes[decoder.uint()];
    if (message === undefined || message === null) throw corrupt('a datum of a cause that has no message');
    return message;
  }
  if (form !== MESSAGE_HERE) throw corrupt(`a message of form ${form}`);
  const list = decoder.value();
  if (!(list instanceof List)) throw corrupt('a message that is not a list');
  return list.items;
}

export interface EntryHeader {
  readonly lastTurn: number;
  readonly nextTask: number;
  readonly nextStamp: number;
}

const NO_BYTES = new Uint8Array(0);

/** What recovery does with each consequence. Channels come as values: nothing is read for them. */
export interface EntryReader {
  header(header: EntryHeader): void;
  datum(
    channel: Value,
    number: number,
    persist: boolean,
    account: Account,
    stamp: number,
    message: readonly Value[],
  ): void;
  datumGone(channel: Value, number: number): void;
  waiting(
    channels: readonly Value[],
    numbers: readonly number[],
    account: Account,
    receive: Receive,
    installed: boolean,
  ): void;
  waitingGone(channels: readonly Value[], numbers: readonly number[], installed: boolean): void;
  task(task: Task): void;
  taskGone(number: number): void;
  fact(key: string, value: Value | undefined): void;
  logged(record: LogRecord): void;
  dropped(drop: LogDrop): void;
}

/** A text, or null for the one before. */
function readWord(decoder: Decoder, version: number): string | null {
  if (version < ENTRY_VERSION_MODES) return decoder.string();
  const word = decoder.value();
  if (word !== null && typeof word !== 'string') throw corrupt('a kind or a log that is no text');
  return word;
}

function knownVersion(version: number): number {
  if (version <= ENTRY_VERSION && version >= ENTRY_VERSION_FIRST) return version;
  throw corrupt(`a journal entry of version ${version}; this program reads ${ENTRY_VERSION}`);
}

/**
 * The causes of an entry, from their count on. Nothing that stands before them is needed but the version and the last turn:
 * a trace has them as they are.
 */
export function* readCauses(
  decoder: Decoder,
  version: number,
  lastTurn: number,
  messageOf: (decoder: Decoder) => readonly Value[],
): Generator<CauseRecord> {
  knownVersion(version);
  let before: string | undefined;
  for (let count = decoder.uint(); count > 0; count--) {
    const turn = lastTurn - decoder.uint();
    const kind = readWord(decoder, version) ?? before;
    if (kind === undefined) throw corrupt('a cause of the kind of the one before, and there is none');
    before = kind;
    const account = decoder.uint();
    const payload = decoder.value();
    const form = version < ENTRY_VERSION_MODES ? Number(decoder.boolean()) : decoder.uint();
    const mode = modeOf(Math.floor(form / 2));
    const message = form % 2 === 1 ? messageOf(decoder) : null;
    yield { turn, kind, account, mode, payload, message, task: 0 };
  }
}

/** `payloads`: whether long bytes in causes are wanted; else they are read as empty, for recovery looks at no cause. */
export function readEntry(
  bytes: Uint8Array,
  terms: Terms,
  readName: (bytes: Uint8Array) => Name,
  blobs: BlobReader,
  reader: EntryReader,
  payloads = true,
): readonly CauseRecord[] {
  let wanted = payloads;
  const decoder = new Decoder(bytes, readName, 0, limits.value_depth_max, null, (hash) =>
    wanted ? blobs.bytes(hash) : NO_BYTES,
  );
  const version = knownVersion(decoder.uint());
  const header = { lastTurn: decoder.uint(), nextTask: decoder.uint(), nextStamp: decoder.uint() };
  reader.header(header);
  const channels: Value[] = [];
  const channel = (): Value => {
    const index = decoder.uint();
    if (index > channels.length) throw corrupt('a channel that the entry has not named');
    if (index === channels.length) channels.push(decoder.value());
    return channels[index] as Value;
  };
  // A message may be a datum's as well.
  const messageOf = (): readonly Value[] => {
    wanted = true;
    const message = readMessage(decoder, blobs, []);
    wanted = payloads;
    return message;
  };
  const causes = [...readCauses(decoder, version, header.lastTurn, messageOf)];
  wanted = true;
  const messages = causes.map((cause) => cause.message);
  for (let count = decoder.uint(); count > 0; count--) {
    const value = channel();
    const number = decoder.uint();
    const persist = decoder.uint() === 1;
    const account = decoder.uint();
    const stamp = decoder.uint();
    reader.datum(value, number, persist, account, stamp, readMessage(decoder, blobs, messages));
  }
  for (let count = decoder.uint(); count > 0; count--) {
    const value = channel();
    reader.datumGone(value, decoder.uint());
  }
  const places = (): { values: Value[]; numbers: number[] } => {
    const values: Value[] = [];
    const numbers: number[] = [];
    for (let count = decoder.uint(); count > 0; count--) {
      values.push(channel());
      numbers.push(decoder.uint());
    }
    return { values, numbers };
  };
  const code: Term[] = [];
  for (let count = decoder.uint(); count > 0; count--) {
    const installed = decoder.boolean();
    const account = decoder.uint();
    const { values, numbers } = places();
    const receive = readReceive(decoder, terms, () => values[decoder.uint()] as Value, code);
    reader.waiting(values, numbers, account, receive, installed);
  }
  for (let count = decoder.uint(); count > 0; count--) {
    const installed = decoder.boolean();
    const { values, numbers } = places();
    reader.waitingGone(values, numbers, installed);
  }
  for (let count = decoder.uint(); count > 0; count--) reader.task(readTask(decoder, terms, code));
  for (let count = decoder.uint(); count > 0; count--) reader.taskGone(decoder.uint());
  for (let count = decoder.uint(); count > 0; count--) {
    const key = decoder.string();
    reader.fact(key, decoder.boolean() ? decoder.value() : undefined);
  }
  if (version !== ENTRY_VERSION_FIRST) {
    let log: string | undefined;
    let number = 0;
    for (let count = decoder.uint(); count > 0; count--) {
      const named = readWord(decoder, version);
      log = named ?? log;
      if (log === undefined) throw corrupt('an entry of the log of the one before, and there is none');
      number = named === null ? number + 1 : decoder.uint();
      reader.logged({ log, number, bytes: encodeValue(decoder.value()) });
    }
    for (let count = decoder.uint(); count > 0; count--)
      reader.dropped({ log: decoder.string(), first: decoder.uint(), end: decoder.uint() });
  }
  decoder.end();
  return causes;
}
