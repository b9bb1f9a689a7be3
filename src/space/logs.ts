/**
 * Logs: values that the layers above append in turns and read in ranges, kept as rows of their own and never in
 * memory as a whole. What was appended is durable with its turn; the range of a log (`first` to `next`) is a fact. A row
 * holds a *piece* of a log, `LOG_PIECE` entries, so that a long one costs few rows.
 *
 * Owns what is in the journal and in no row yet, the last piece, and who is told of more. Must never show what is not
 * durable.
 */
import { Decoder, Encoder, type Name, Tuple, type Value } from '../values/index.ts';
import type { RowChange, Rows } from '../store/index.ts';
import type { Commit, LogDrop, LogRecord } from './entry.ts';
import { logRowKey } from './row-keys.ts';

const PREFIX = 'log/';
/** Entries of one row. */
export const LOG_PIECE = 64;

/** What a log needs of the engine, in and between turns. */
export interface LogHost {
  fact(key: string): Value | undefined;
  facts(prefix: string): Iterable<readonly [string, Value]>;
  setFact(key: string, value: Value | undefined): void;
  /** As `Turn.afterDurable`, for one who can wait a little. */
  afterDurableLater(run: () => void): void;
  afterDurable(run: () => void): void;
}

export interface LogRange {
  /** Of the oldest entry that is still kept; `next` when there is none. */
  readonly first: number;
  /** Of the entry that comes next. */
  readonly next: number;
}

interface Log {
  first: number;
  next: number;
  /** Past the last durable entry. */
  durable: number;
  /** The commit that writes down the range, and tells of what is durable. */
  noted: Commit | null;
  /** Appended, and in no row yet: the first has this number, each other one that of the one before and one. */
  pending: Uint8Array[];
  pendingFrom: number;
  /** The last piece, of which the row is written again as it grows. */
  last: Piece | null;
  readonly followers: Set<() => void>;
}

interface Piece {
  readonly number: number;
  /** The number of its first entry. */
  readonly from: number;
  readonly entries: Uint8Array[];
}

export class Logs {
  readonly #host: LogHost;
  readonly #rows: Rows | null;
  readonly #readName: (bytes: Uint8Array) => Name;
  readonly #logs = new Map<string, Log>();
  readonly #encoder = new Encoder(4096);
  /** The piece that was read last, whole: most readers go on in it. */
  #read: { readonly log: string; readonly piece: number; readonly values: readonly Value[] } | null = null;

  constructor(host: LogHost, rows: Rows | null, readName: (bytes: Uint8Array) => Name) {
    this.#host = host;
    this.#rows = rows;
    this.#readName = readName;
  }

  append(commit: Commit, name: string, value: Value): void {
    if (this.#rows !== null) this.appendBytes(commit, name, this.#encoded(value));
  }

  /** The canonical bytes of a value. */
  appendBytes(commit: Commit, name: string, bytes: Uint8Array): void {
    if (this.#rows === null) return;
    const log = this.#log(name);
    const number = log.next++;
    keep(log, number, bytes);
    commit.logged.push({ log: name, number, bytes });
    this.#note(commit, name, log);
  }

  /** Forgets the entries before a number. */
  drop(commit: Commit, name: string, before: number): void {
    const log = this.#log(name);
    const end = Math.min(before, log.next);
    if (this.#rows === null || end <= log.first) return;
    commit.dropped.push({ log: name, first: log.first, end });
    log.first = end;
    this.#note(commit, name, log);
  }

  /** Once a commit: what all its turns did is one range, and one message to those who follow. */
  #note(commit: Commit, name: string, log: Log): void {
    if (log.noted === commit) return;
    log.noted = commit;
    const told = (): void => {
      log.durable = commit.logEnds.get(name) ?? log.durable;
      for (const run of [...log.followers]) run();
    };
    if (log.followers.size > 0) this.#host.afterDurable(told);
    else this.#host.afterDurableLater(told);
  }

  /** Called just before a commit is written: the ranges that it leaves are facts of it. */
  writeRanges(commit: Commit): void {
    for (const [name, log] of this.#logs) {
      if (log.noted !== commit) continue;
      commit.logEnds.set(name, log.next);
      this.#host.setFact(PREFIX + name, new Tuple([log.first, log.next]));
    }
  }

  /** Of what is durable. */
  range(name: string): LogRange {
    const { first, durable } = this.#log(name);
    return { first: Math.min(first, durable), next: durable };
  }

  /** The entry of a number, or undefined when it is not there any more, or not yet. Never inside a turn. */
  read(name: string, number: number): Value | undefined {
    const { first, next } = this.range(name);
    if (number < first || number >= next || this.#rows === null) return undefined;
    const log = this.#log(name);
    const pending = log.pending[number - log.pendingFrom];
    if (pending !== undefined) return new Decoder(pending, this.#readName).value();
    const piece = Math.floor(number / LOG_PIECE);
    const known = this.#read;
    if (known?.log === name && known.piece === piece) return known.values[number - piece * LOG_PIECE];
    const row = this.#rows.getSync(logRowKey(name, piece));
    if (row === undefined) return undefined;
    const { from, values } = this.#readRow(row);
    // Only a piece that is whole stays as it is.
    if (from === piece * LOG_PIECE && values.length === LOG_PIECE) this.#read = { log: name, piece, values };
    return values[number - from];
  }

  /** Called each time when more is durable. */
  follow(name: string, run: () => void): { cancel(): void } {
    const { followers } = this.#log(name);
    followers.add(run);
    return { cancel: () => void followers.delete(run) };
  }

  // ------------------------------------------------------------------ for recovery and the cut

  /** An entry that recovery found in the journal. */
  found({ log, number, bytes }: LogRecord): void {
    keep(this.#log(log), number, bytes);
  }

  /** The facts are there: what they say of the logs, and of each the piece that goes on. A cut reads nothing. */
  open(): void {
    for (const [key] of this.#host.facts(PREFIX)) {
      const name = key.slice(PREFIX.length);
      const log = this.#log(name);
      const { first, next } = this.#written(name);
      log.first = first;
      log.next = next;
      log.durable = next;
      // What was found in the journal comes after what is in rows.
      const inRows = log.pending.length === 0 ? next : log.pendingFrom;
      const piece = Math.floor(inRows / LOG_PIECE);
      const row = inRows % LOG_PIECE === 0 ? undefined : this.#rows?.getSync(logRowKey(name, piece));
      if (row !== undefined) log.last = this.#readPiece(piece, row);
    }
  }

  /** The rows of a cut: pieces that grew, and (after them, for they may be the same) those that are forgotten whole. */
  rows(logged: readonly LogRecord[], dropped: readonly LogDrop[]): RowChange[] {
    const grown = new Map<Piece, string>();
    for (const { log: name, number, bytes } of logged) {
      const log = this.#log(name);
      const piece = this.#pieceOf(log, number);
      piece.entries.push(bytes);
      grown.set(piece, name);
    }
    const changes: RowChange[] = [];
    for (const [piece, name] of grown) changes.push({ key: logRowKey(name, piece.number), value: this.#rowOf(piece) });
    for (const { log, first, end } of dropped) {
      for (let number = Math.floor(first / LOG_PIECE); number < Math.floor(end / LOG_PIECE); number++)
        changes.push({ key: logRowKey(log, number), value: null });
    }
    return changes;
  }

  /** They are in rows now. */
  stored(records: readonly LogRecord[]): void {
    const stored = new Map<Log, number>();
    for (const { log, number } of records) stored.set(this.#log(log), number + 1);
    for (const [log, end] of stored) {
      // What is appended meanwhile stays, in an array of its own.
      log.pending = log.pending.slice(Math.max(0, end - log.pendingFrom));
      log.pendingFrom = Math.max(end, log.pendingFrom);
    }
  }

  #rowOf({ from, entries }: Piece): Uint8Array {
    const encoder = new Encoder(64 + entries.reduce((sum, { length }) => sum + length, 0));
    encoder.uint(from);
    encoder.uint(entries.length);
    for (const bytes of entries) encoder.raw(bytes);
    return encoder.finish();
  }

  /** The piece that an entry belongs to, with those before it: the last one, or the one that it begins. */
  #pieceOf(log: Log, number: number): Piece {
    const piece = Math.floor(number / LOG_PIECE);
    if (log.last?.number !== piece) log.last = { number: piece, from: number, entries: [] };
    return log.last;
  }

  #readPiece(number: number, row: Uint8Array): Piece {
    const { from, values } = this.#readRow(row);
    return { number, from, entries: values.map((value) => this.#encoded(value)) };
  }

  #readRow(row: Uint8Array): { readonly from: number; readonly values: readonly Value[] } {
    const decoder = new Decoder(row, this.#readName);
    const from = decoder.uint();
    return { from, values: Array.from({ length: decoder.uint() }, () => decoder.value()) };
  }

  #encoded(value: Value): Uint8Array {
    this.#encoder.reset();
    this.#encoder.value(value);
    return this.#encoder.finish();
  }

  #written(name: string): LogRange {
    const fact = this.#host.fact(PREFIX + name);
    const [first, next] = (fact instanceof Tuple ? fact.items : [0, 0]) as readonly [number, number];
    return { first, next };
  }

  #log(name: string): Log {
    const known = this.#logs.get(name);
    if (known !== undefined) return known;
    const { first, next } = this.#written(name);
    const ends = { first, next, durable: next };
    const log: Log = { ...ends, noted: null, pending: [], pendingFrom: next, last: null, followers: new Set() };
    this.#logs.set(name, log);
    return log;
  }
}

/** Numbers follow each other, in the turns as in the journal. */
function keep(log: Log, number: number, bytes: Uint8Array): void {
  if (log.pending.length === 0) log.pendingFrom = number;
  log.pending.push(bytes);
}
