/**
 * The records of a trace's turns: causes from outside, hand-overs, and the end of each commit, in the order of their
 * turns. What the turns between them did is not there: it follows. Owns their bytes, both ways.
 *
 *   record := 0 back kind account payload task (0 | 1 values)        a cause, the task that it ends or 0, its message
 *           | 1 back task                                            handed over to somebody outside
 *           | 2 back task                                            put aside: nobody runs its label
 *           | 3 back label                                           those put aside are ready again
 *           | 4 back tasks stamps digest                             the end of a commit
 *           | 5 hash bytes                                           a large message that was there before
 *           | 6 mode back kind account payload task (0 | 1 values)   a cause of another mode than transaction
 *           | 7 back tasks stamps digest marks ended version causes  a whole commit, its causes as its journal entry has them
 *   marks  := count (1 | 2) back task, or 3 back label …              back: turns before the last of the commit
 *   ended  := count index task …                                     of the causes that end a task: which, of those that follow
 *   back   := turns since the record before          kind := text, or the number of one that the block has named
 */
import { limits } from '../limits.ts';
import { Decoder, Encoder, type Name, type Value } from '../values/index.ts';
import {
  type CauseRecord,
  type EntryHeader,
  type Mode,
  modeNumber,
  modeOf,
  readCauses,
  readMessage,
  type WrittenCauses,
} from '../space/index.ts';
import { invalid } from './blocks.ts';

export type TraceRecord =
  | ({ readonly type: 'cause' } & CauseRecord)
  | { readonly type: 'outside' | 'parked'; readonly turn: number; readonly task: number }
  | { readonly type: 'unparked'; readonly turn: number; readonly label: string }
  | { readonly type: 'commit'; readonly turn: number; readonly header: EntryHeader; readonly digest: Uint8Array }
  | { readonly type: 'blob'; readonly turn: number; readonly hash: Uint8Array; readonly bytes: Uint8Array };

/** Hand-overs. */
export type Mark = Extract<TraceRecord, { type: 'outside' | 'parked' | 'unparked' }>;

/** A commit whose causes are copied from its journal entry. */
export interface WholeCommit {
  readonly header: EntryHeader;
  readonly digest: Uint8Array;
  /** In the order of their turns. */
  readonly marks: readonly Mark[];
  /** Index and task of each cause that ends one, which the entry does not say. */
  readonly ended: readonly number[];
  readonly causes: WrittenCauses;
}

const CAUSE = 0;
const OUTSIDE = 1;
const PARKED = 2;
const UNPARKED = 3;
const COMMIT = 4;
const BLOB = 5;
const MODED = 6;
const WHOLE = 7;

/** Bytes of a buffer that is not kept for the next block. */
const KEPT_BYTES_MAX = 4 * limits.trace_block_bytes;

/** Writes the records of blocks, one block after the other. */
export class RecordWriter {
  #encoder = new Encoder(1 << 16);
  readonly #kinds = new Map<string, number>();
  #turn: number;

  constructor(turn: number) {
    this.#turn = turn;
  }

  get length(): number {
    return this.#encoder.length;
  }

  /** The block as it is; the next one begins after the same turn, and must name its kinds itself. */
  finish(): Uint8Array {
    const body = this.#encoder.finish();
    if (body.length > KEPT_BYTES_MAX) this.#encoder = new Encoder(1 << 16);
    else this.#encoder.reset();
    this.#kinds.clear();
    return body;
  }

  write(record: TraceRecord): void {
    const encoder = this.#encoder;
    switch (record.type) {
      case 'cause':
        this.cause(record);
        return;
      case 'outside':
      case 'parked':
        encoder.uint(record.type === 'outside' ? OUTSIDE : PARKED);
        this.#at(record.turn);
        encoder.uint(record.task);
        return;
      case 'unparked':
        encoder.uint(UNPARKED);
        this.#at(record.turn);
        encoder.string(record.label);
        return;
      case 'commit':
        encoder.uint(COMMIT);
        this.#at(record.turn);
        encoder.uint(record.header.nextTask);
        encoder.uint(record.header.nextStamp);
        encoder.bytes(record.digest);
        return;
      default:
        encoder.uint(BLOB);
        encoder.bytes(record.hash);
        encoder.bytes(record.bytes);
    }
  }

  whole({ header, digest, marks, ended, causes }: WholeCommit): void {
    const encoder = this.#encoder;
    const { lastTurn, nextTask, nextStamp } = header;
    encoder.uint(WHOLE);
    this.#at(lastTurn);
    encoder.uint(nextTask);
    encoder.uint(nextStamp);
    encoder.bytes(digest);
    encoder.uint(marks.length);
    for (const mark of marks) {
      encoder.uint(mark.type === 'outside' ? OUTSIDE : mark.type === 'parked' ? PARKED : UNPARKED);
      encoder.uint(lastTurn - mark.turn);
      if (mark.type === 'unparked') encoder.string(mark.label);
      else encoder.uint(mark.task);
    }
    encoder.uint(ended.length / 2);
    for (const number of ended) encoder.uint(number);
    encoder.uint(causes.version);
    encoder.raw(causes.bytes);
  }

  cause(cause: CauseRecord): void {
    const encoder = this.#encoder;
    if (cause.mode === 'transaction') encoder.uint(CAUSE);
    else {
      encoder.uint(MODED);
      encoder.uint(modeNumber(cause.mode));
    }
    this.#at(cause.turn);
    this.#kind(cause.kind);
    encoder.uint(cause.account);
    encoder.value(cause.payload);
    encoder.uint(cause.task);
    this.#message(cause.message);
  }

  #at(turn: number): void {
    this.#encoder.uint(turn - this.#turn);
    this.#turn = turn;
  }

  #kind(kind: string): void {
    const known = this.#kinds.get(kind);
    this.#encoder.uint(known ?? this.#kinds.size);
    if (known !== undefined) return;
    this.#kinds.set(kind, this.#kinds.size);
    this.#encoder.string(kind);
  }

  #message(message: readonly Value[] | null): void {
    const encoder = this.#encoder;
    encoder.boolean(message !== null);
    if (message === null) return;
    encoder.uint(message.length);
    for (const value of message) encoder.value(value);
  }
}

/** The records of a block that begins after `turn`. */
export function* readRecords(
  body: Uint8Array,
  turn: number,
  readName: (bytes: Uint8Array) => Name,
): Generator<TraceRecord> {
  const decoder = new Decoder(body, readName, 0, limits.value_depth_max, null, notHere);
  const kinds: string[] = [];
  let at = turn;
  const kind = (): string => {
    const index = decoder.uint();
    if (index === kinds.length) kinds.push(decoder.string());
    const found = kinds[index];
    if (found === undefined) throw invalid(`a kind of cause that the block after turn ${turn} has not named`);
    return found;
  };
  while (!decoder.atEnd) {
    const type = decoder.uint();
    if (type === BLOB) {
      yield { type: 'blob', turn: at, hash: decoder.bytes(), bytes: decoder.bytes() };
      continue;
    }
    const mode = type === MODED ? modeRead(decoder.uint(), at) : 'transaction';
    const before = at;
    at += decoder.uint();
    switch (type) {
      case CAUSE:
      case MODED: {
        const cause = { kind: kind(), account: decoder.uint(), payload: decoder.value(), task: decoder.uint() };
        const message = decoder.boolean() ? values(decoder) : null;
        yield { type: 'cause', turn: at, mode, ...cause, message };
        break;
      }
      case OUTSIDE:
      case PARKED:
        yield { type: type === OUTSIDE ? 'outside' : 'parked', turn: at, task: decoder.uint() };
        break;
      case UNPARKED:
        yield { type: 'unparked', turn: at, label: decoder.string() };
        break;
      case WHOLE:
        yield* readWhole(decoder, before, at);
        break;
      case COMMIT: {
        const header = { lastTurn: at, nextTask: decoder.uint(), nextStamp: decoder.uint() };
        yield { type: 'commit', turn: at, header, digest: decoder.bytes() };
        break;
      }
      default:
        throw invalid(`a record of type ${type} after turn ${at}`);
    }
  }
}

/** A commit of the turns behind one up to another: in the order of their turns, its end last. */
function* readWhole(decoder: Decoder, before: number, lastTurn: number): Generator<TraceRecord> {
  const header = { lastTurn, nextTask: decoder.uint(), nextStamp: decoder.uint() };
  const digest = decoder.bytes();
  const marks: Mark[] = [];
  for (let count = decoder.uint(); count > 0; count--) marks.push(readMark(decoder, lastTurn));
  const ended = new Map<number, number>();
  for (let count = decoder.uint(); count > 0; count--) ended.set(decoder.uint(), decoder.uint());
  let at = before;
  const inOrder = <T extends TraceRecord>(record: T): T => {
    const { turn } = record;
    if (turn < at || turn > lastTurn)
      throw invalid(`turn ${turn} after turn ${at}, in the commit of the turns from ${before} to ${lastTurn}`);
    at = turn;
    return record;
  };
  let next = 0;
  let index = 0;
  for (const cause of readCauses(decoder, decoder.uint(), lastTurn, messageHere)) {
    for (let mark = marks[next]; mark !== undefined && mark.turn <= cause.turn; mark = marks[++next])
      yield inOrder(mark);
    yield inOrder({ type: 'cause', ...cause, task: ended.get(index++) ?? 0 });
  }
  for (let mark = marks[next]; mark !== undefined; mark = marks[++next]) yield inOrder(mark);
  yield { type: 'commit', turn: lastTurn, header, digest };
}

function readMark(decoder: Decoder, lastTurn: number): Mark {
  const type = decoder.uint();
  const turn = lastTurn - decoder.uint();
  if (type === UNPARKED) return { type: 'unparked', turn, label: decoder.string() };
  if (type !== OUTSIDE && type !== PARKED) throw invalid(`a hand-over of type ${type} in turn ${turn}`);
  return { type: type === OUTSIDE ? 'outside' : 'parked', turn, task: decoder.uint() };
}

/** A trace has all that its causes say. */
function notHere(): never {
  throw invalid('bytes that stand elsewhere');
}

const NO_BLOBS = { read: notHere, bytes: notHere };

function messageHere(decoder: Decoder): readonly Value[] {
  return readMessage(decoder, NO_BLOBS);
}

function modeRead(number: number, turn: number): Mode {
  try {
    return modeOf(number);
  } catch {
    throw invalid(`a cause of mode ${number} after turn ${turn}`);
  }
}

function values(decoder: Decoder): Value[] {
  const read: Value[] = [];
  for (let count = decoder.uint(); count > 0; count--) read.push(decoder.value());
  return read;
}
