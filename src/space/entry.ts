/**
 * One commit as a journal entry: causes (what came from outside, in which turn) and consequences (the net
 * change of rows). What came and went within the commit is not here. The format is specified in
 * `spec/storage.md`; its version is the first number of an entry.
 *
 *   entry   := version lastTurn nextTask nextStamp
 *              causes data dataGone waiting waitingGone owners tasks tasksGone facts logged dropped
 *   each list is preceded by its count; a channel is an index into the channels named so far, or the next
 *   index and the channel's value; what waiting continuations and tasks have in common is named likewise
 */
import { limits } from '../limits.ts';
import { Decoder, type Name, type Value } from '../values/index.ts';
import type { Channel } from './channel.ts';
import type { Datum, Waiter } from './items.ts';
import { corrupt } from './corrupt.ts';
import { readOlderParts } from './entry-older.ts';
import { type BlobReader, readMessage, skipMessage } from './entry-messages.ts';
import { readParts } from './entry-parts.ts';
import { type Mode, modeOf } from './mode.ts';
import type { LiveTask } from './tasks.ts';
import type { Terms } from './terms.ts';
import type { Account, Receive, Task } from './types.ts';

export const ENTRY_VERSION = 5;
/**
 * From here on a cause says its mode; those before are read as transactions. And what is said again and again is said once:
 * of causes in a row what is as in the one before, code and patterns of continuations, the log of entries in a row; numbers
 * of turns, tasks and stamps are told backwards.
 */
const ENTRY_VERSION_MODES = 5;
/** The shape of a cause: whether a message follows, kind, account and mode do; the rest is by how many turns it is later. */
export const CAUSE_MESSAGE = 1;
export const CAUSE_OTHER = 2;
export const CAUSE_TURNS = 4;
const ENTRY_VERSION_FIRST = 1;

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
  /** It waited once already for what might still come to it. */
  isPutOff = false;
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

  /** How many are told of it. */
  get company(): number {
    return this.#outbox.length;
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

export interface EntryHeader {
  readonly lastTurn: number;
  readonly nextTask: number;
  readonly nextStamp: number;
}

const NO_BYTES = new Uint8Array(0);
const NO_VALUES: readonly Value[] = [];

/** An entry behind its causes, with what is known by then. */
export interface EntryParts {
  readonly bytes: Uint8Array;
  readonly decoder: Decoder;
  readonly version: number;
  readonly header: EntryHeader;
  readonly causes: readonly CauseRecord[];
  /** Of causes with a message, where it stands: messages are passed over. Null: they are read. */
  readonly skipped: readonly number[] | null;
  readonly terms: Terms;
  readonly blobs: BlobReader;
}

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
  /** As `datum`, of a message that was passed over: for who may never need it. Who has not this, has all messages read. */
  skipped?(
    channel: Value,
    number: number,
    persist: boolean,
    account: Account,
    stamp: number,
    entry: Uint8Array,
    at: number,
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
  if (knownVersion(version) < ENTRY_VERSION_MODES) {
    for (let count = decoder.uint(); count > 0; count--) {
      const turn = lastTurn - decoder.uint();
      const kind = decoder.string();
      const head = { turn, kind, account: decoder.uint(), mode: modeOf(0), payload: decoder.value(), task: 0 };
      yield { ...head, message: decoder.boolean() ? messageOf(decoder) : null };
    }
    return;
  }
  let before: CauseRecord | null = null;
  for (let count = decoder.uint(); count > 0; count--) {
    const shape = decoder.uint();
    const advance = Math.floor(shape / CAUSE_TURNS);
    const isOther = (shape & CAUSE_OTHER) !== 0;
    if (!isOther && before === null) throw corrupt('a cause like the one before, and there is none');
    const turn: number = before === null ? lastTurn - advance : before.turn + advance;
    const kind: string = isOther ? decoder.string() : (before as CauseRecord).kind;
    const account: Account = isOther ? decoder.uint() : (before as CauseRecord).account;
    const mode: Mode = isOther ? modeOf(decoder.uint()) : (before as CauseRecord).mode;
    const payload = decoder.value();
    const message = (shape & CAUSE_MESSAGE) !== 0 ? messageOf(decoder) : null;
    before = { turn, kind, account, mode, payload, message, task: 0 };
    yield before;
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
  const skipped: number[] | null = reader.skipped === undefined || version < ENTRY_VERSION_MODES ? null : [];
  let at = 0;
  // A message may be a datum's as well.
  const messageOf = (): readonly Value[] => {
    if (skipped !== null) {
      at = decoder.offset;
      skipMessage(decoder);
      return NO_VALUES;
    }
    wanted = true;
    const message = readMessage(decoder, blobs);
    wanted = payloads;
    return message;
  };
  const causes: CauseRecord[] = [];
  for (const cause of readCauses(decoder, version, header.lastTurn, messageOf)) {
    causes.push(cause);
    skipped?.push(at);
  }
  wanted = true;
  const parts = { bytes, decoder, version, header, causes, skipped, terms, blobs };
  if (version < ENTRY_VERSION_MODES) readOlderParts(parts, reader);
  else readParts(parts, reader);
  decoder.end();
  return causes;
}
