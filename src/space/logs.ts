/**
 * Logs: values that the layers above append in turns and read in ranges, kept as rows of their own and never in
 * memory as a whole. What was appended is durable with its turn; the range of a log (`first` to `next`) is a fact.
 * Owns what is in the journal and in no row yet, and who is told of more. Must never show what is not durable.
 */
import { Decoder, type Name, Tuple, type Value } from '../values/index.ts';
import type { Rows } from '../store/index.ts';
import type { Commit } from './entry.ts';
import { logRowKey } from './row-keys.ts';

const PREFIX = 'log/';

/** What a log needs of the engine, in and between turns. */
export interface LogHost {
  fact(key: string): Value | undefined;
  setFact(key: string, value: Value | undefined): void;
  afterDurable(run: () => void): void;
}

export interface LogRange {
  /** Of the oldest entry that is still kept; `next` when there is none. */
  readonly first: number;
  /** Of the entry that comes next. */
  readonly next: number;
}

const EMPTY: LogRange = { first: 0, next: 0 };

export class Logs {
  readonly #host: LogHost;
  readonly #rows: Rows | null;
  readonly #readName: (bytes: Uint8Array) => Name;
  /** Appended, and in no row yet, by log and number. */
  readonly #pending = new Map<string, Map<number, Value>>();
  /** Past the last durable entry, by log; absent: as the fact says. */
  readonly #durable = new Map<string, number>();
  readonly #followers = new Map<string, Set<() => void>>();

  constructor(host: LogHost, rows: Rows | null, readName: (bytes: Uint8Array) => Name) {
    this.#host = host;
    this.#rows = rows;
    this.#readName = readName;
  }

  append(commit: Commit, log: string, value: Value): void {
    if (this.#rows === null) return;
    const { first, next } = this.#written(log);
    this.#setRange(log, first, next + 1);
    if (!this.#durable.has(log)) this.#durable.set(log, next);
    this.#hold(log, next, value);
    commit.logged.push({ log, number: next, value });
    this.#host.afterDurable(() => {
      this.#durable.set(log, next + 1);
      for (const run of [...(this.#followers.get(log) ?? [])]) run();
    });
  }

  /** Forgets the entries before a number. */
  drop(commit: Commit, log: string, before: number): void {
    const { first, next } = this.#written(log);
    const end = Math.min(before, next);
    if (this.#rows === null || end <= first) return;
    this.#setRange(log, end, next);
    commit.dropped.push({ log, first, end });
  }

  /** Of what is durable. */
  range(log: string): LogRange {
    const { first, next } = this.#written(log);
    const durable = this.#durable.get(log) ?? next;
    return { first: Math.min(first, durable), next: durable };
  }

  /** The entry of a number, or undefined when it is not there any more, or not yet. Never inside a turn. */
  read(log: string, number: number): Value | undefined {
    const { first, next } = this.range(log);
    if (number < first || number >= next || this.#rows === null) return undefined;
    const pending = this.#pending.get(log)?.get(number);
    if (pending !== undefined) return pending;
    const row = this.#rows.getSync(logRowKey(log, number));
    return row === undefined ? undefined : new Decoder(row, this.#readName).value();
  }

  /** Called each time when more is durable. */
  follow(log: string, run: () => void): { cancel(): void } {
    const followers = this.#followers.get(log) ?? new Set();
    this.#followers.set(log, followers);
    followers.add(run);
    return { cancel: () => void followers.delete(run) };
  }

  // ------------------------------------------------------------------ for recovery and the cut

  /** An entry that recovery found in the journal. */
  found(log: string, number: number, value: Value): void {
    this.#hold(log, number, value);
  }

  /** It is in a row now. */
  stored(log: string, number: number): void {
    const pending = this.#pending.get(log);
    pending?.delete(number);
    if (pending?.size === 0) this.#pending.delete(log);
  }

  #hold(log: string, number: number, value: Value): void {
    const pending = this.#pending.get(log) ?? new Map<number, Value>();
    pending.set(number, value);
    this.#pending.set(log, pending);
  }

  #written(log: string): LogRange {
    const fact = this.#host.fact(PREFIX + log);
    if (!(fact instanceof Tuple)) return EMPTY;
    const [first, next] = fact.items as readonly [number, number];
    return { first, next };
  }

  #setRange(log: string, first: number, next: number): void {
    this.#host.setFact(PREFIX + log, new Tuple([first, next]));
  }
}
