/**
 * The audit: one row for each call of a native that was more than computing, appended in the turn that records the
 * call, so durable with it. Owns the form of a row and how long rows are kept; what was said in a call is in it as a
 * hash alone. Must never hold a raw name, a token or what a call carried.
 */
import { limits } from '../limits.ts';
import { type Clock, type Hashing, lowerBound } from '../platform/index.ts';
import type { Account, Engine, Logs, Turn } from '../space/index.ts';
import { Bytes, Encoder, encodeValue, Tuple, type Value } from '../values/index.ts';
import type { Outcome } from './answers.ts';
import { type Mark, Marks } from './audit-marks.ts';
import { AuditDigests } from './audit-digests.ts';
import { AuditWords, type CallTally } from './audit-words.ts';
import { holderOfAccount } from './deploys.ts';
import { recordOf } from './job.ts';
import type { EffectIds } from './types.ts';

/** Name of the log. */
const LOG = 'audit';

/** How long rows are kept. */
export interface Retention {
  readonly age_ms_max: number;
  readonly bytes_max: number;
}

/** What is known of a call when it has been answered. */
export interface AuditedCall {
  readonly account: Account;
  /** The grant that the capability was derived from; empty for an object of the program around the space. */
  readonly grant: string;
  readonly cap: string;
  readonly native: string;
  readonly method: string;
  /** `ok`, or the code of the error. */
  readonly result: string;
  /** The task of a change, of whose number its effect id is made for who reads the row; null for a call that only looks. */
  readonly change: number | null;
}

/** What of a call no turn can know, so it stands in the cause. */
export interface Measured {
  /** When it was made, since 1970. */
  readonly start_ms: number;
  readonly duration_ms: number;
  readonly bytes: number;
  /** SHA-256 of the canonical bytes of the list of arguments; it follows from the call, and is made beside the turn. */
  readonly digest: Uint8Array;
}

/** One row, as it is read. */
export interface AuditRow extends Measured {
  readonly number: number;
  readonly account: Account;
  /** Whose deploy called; empty for the program around the space. */
  readonly holder: string;
  readonly grant: string;
  readonly cap: string;
  readonly native: string;
  readonly method: string;
  readonly result: string;
  readonly effectId: Uint8Array;
}

/** What the audit needs of the space. */
export type AuditEngine = Pick<Engine, 'enact' | 'register' | 'fact' | 'facts'> & {
  readonly logs: Logs;
  readonly names: EffectIds;
};

export class Audit {
  readonly #clock: Clock;
  readonly #retention: Retention;
  readonly #digests: AuditDigests;
  /** Of its own, for rows are kept as they were written, side by side. */
  readonly #rows = new Encoder(4096);
  readonly #words = new AuditWords();
  #engine: AuditEngine | null = null;
  /** Bytes of all rows so far, as the rows themselves count them. */
  #total_bytes = 0;
  readonly #marks = new Marks();
  /** A row of an earlier process that was read to be a mark. */
  #ahead: Mark | null = null;
  /** When the last call was made. */
  #last_ms = 0;
  /** It has been searched, in what earlier processes wrote, for the first row that stays. */
  #searched = false;
  #untilTrim: number = limits.audit_trim_rows;
  #trimming = false;

  constructor(hashing: Hashing, clock: Clock, retention: Partial<Retention> = {}) {
    this.#digests = new AuditDigests(hashing);
    this.#clock = clock;
    this.#retention = {
      age_ms_max: retention.age_ms_max ?? limits.audit_age_ms_default,
      bytes_max: retention.bytes_max ?? limits.audit_bytes_default,
    };
  }

  /** The space as it was found. */
  attach(engine: AuditEngine): void {
    this.#engine = engine;
    engine.register('retention', (turn, { payload }) => {
      const [, log, before] = (payload as Tuple).items;
      turn.dropLog(log as string, before as number);
    });
    this.#words.attach(engine);
    const { first, next } = engine.logs.range(LOG);
    const last = next > first ? engine.logs.read(LOG, next - 1) : undefined;
    this.#total_bytes = last === undefined ? 0 : totalOf(last);
  }

  /** Outside of any turn. Where the native does not say how many bytes went in or out, those of what was said count. */
  measured(start_ms: number, args: readonly Value[], { outcome, bytes }: Pick<Outcome, 'outcome' | 'bytes'>): Measured {
    const duration_ms = Math.max(0, Math.round(this.#clock.now_ms() - start_ms));
    const said = this.#digests.of(args);
    return {
      start_ms: Math.floor(start_ms),
      duration_ms,
      bytes: bytes ?? said.size_bytes + this.#lengthOf(outcome),
      digest: said.digest,
    };
  }

  /** SHA-256 of the canonical bytes of the list of arguments. */
  digest(args: readonly Value[]): Uint8Array {
    return this.#digests.of(args).digest;
  }

  /** Of what came back; large text and bytes are not written out only to be measured. */
  #lengthOf(outcome: Tuple): number {
    const result = outcome.items[1];
    if (typeof result === 'string') return result.length;
    if (result === null && outcome.items.length === 2 && outcome.items[0] === 'ok') return NIL_OUTCOME_BYTES;
    if (result instanceof Bytes) return result.bytes.length;
    return this.#digests.lengthOf(outcome);
  }

  /** Natives, methods and codes are words of declarations, so there are not many. */
  tallies(): Iterable<Readonly<CallTally>> {
    return this.#words.tallies();
  }

  /** In the turn that records the answer. */
  record(turn: Turn, call: AuditedCall, { start_ms, duration_ms, bytes, digest }: Measured): void {
    const holder = holderOfAccount(call.account, (key) => turn.fact(key)) ?? '';
    const words = this.#words.of(turn, holder, call);
    const { tally } = words;
    tally.count++;
    tally.sum_ms += duration_ms;
    tally.bytes += bytes;
    this.#total_bytes += words.row_bytes;
    this.#last_ms = start_ms;
    // The canonical bytes of the tuple that `#rowOf` reads.
    const encoder = this.#rows;
    encoder.reset();
    encoder.raw(ROW_HEAD);
    encoder.uint(this.#total_bytes);
    encoder.uint(start_ms);
    encoder.uint(duration_ms);
    encoder.uint(bytes);
    encoder.uint(call.account);
    encoder.raw(words.encoded);
    encoder.bytes(digest);
    if (call.change === null) encoder.value(null);
    else encoder.uint(call.change);
    turn.logBytes(LOG, encoder.finish());
    if (--this.#untilTrim > 0) return;
    this.#untilTrim = limits.audit_trim_rows;
    turn.afterDurable(() => void this.trim());
  }

  // ------------------------------------------------------------------ reading

  range(): { readonly first: number; readonly next: number } {
    return this.#required.logs.range(LOG);
  }

  /** Undefined when it is not kept any more, or not there yet. */
  read(number: number): AuditRow | undefined {
    const value = this.#required.logs.read(LOG, number);
    return value === undefined ? undefined : this.#rowOf(number, value);
  }

  #rowOf(number: number, row: Value): AuditRow {
    const { items } = row as Tuple;
    const isWhole = items.length === PARTS_WHOLE;
    const [, start_ms, duration_ms, bytes, account] = items as readonly number[];
    const [holder, grant, cap, native, method, result] = isWhole ? items.slice(5, 11) : this.#words.read(items[5]);
    const [digest, change] = items.slice(isWhole ? 11 : 6);
    return {
      number,
      start_ms: start_ms as number,
      duration_ms: duration_ms as number,
      bytes: bytes as number,
      account: account as number,
      holder: holder as string,
      grant: grant as string,
      cap: cap as string,
      native: native as string,
      method: method as string,
      result: result as string,
      digest: (digest as Bytes).bytes,
      effectId: this.#effectIdOf(change),
    };
  }

  /** Rows of earlier versions have it as it is. */
  #effectIdOf(change: Value | undefined): Uint8Array {
    if (change instanceof Bytes) return change.bytes;
    return typeof change === 'number' ? this.#required.names.effectId(change, 0) : NO_EFFECT;
  }

  follow(run: () => void): { cancel(): void } {
    return this.#required.logs.follow(LOG, run);
  }

  // ------------------------------------------------------------------ retention

  /** Drops what is too old or too much; that is a cause, for no turn has a clock. */
  async trim(): Promise<void> {
    const engine = this.#engine;
    if (engine === null || this.#trimming) return;
    const before = this.#keptFrom();
    if (before <= engine.logs.range(LOG).first) return;
    this.#trimming = true;
    try {
      const cause = { kind: 'retention', payload: recordOf([LOG, before]), account: 0 };
      await engine.enact(cause);
    } catch {
      // A space that closes, or is busy: the next time does it.
    } finally {
      this.#trimming = false;
    }
  }

  /**
   * The first row that stays. When the space opens it is searched by halves, which is exact: rows are in the order of
   * their turns, so by time nearly. From then on rows go from one mark to the next.
   */
  #keptFrom(): number {
    const { first, next } = this.#required.logs.range(LOG);
    if (first === next) return first;
    const { age_ms_max, bytes_max } = this.#retention;
    const oldest_ms = this.#clock.now_ms() - age_ms_max;
    const stays = (mark: Mark | null): boolean =>
      mark !== null && this.#total_bytes - mark.total_bytes < bytes_max && mark.start_ms >= oldest_ms;
    if (!this.#searched) {
      this.#searched = true;
      const goes = (number: number): boolean => !stays(this.#lookAt(number));
      // Nearly always there is nothing to drop, and one look says so.
      return goes(first) ? lowerBound(first, next, goes) : first;
    }
    this.#marks.add({ number: next - 1, total_bytes: this.#total_bytes, start_ms: this.#last_ms });
    let kept = first;
    for (let looks = 0; looks < LOOKS_MAX && kept < next; looks++) {
      const mark = this.#markFrom(kept);
      if (mark === null || mark.number >= next || stays(mark)) break;
      kept = mark.number + 1;
    }
    return kept;
  }

  /** Some way behind a row: one that is known, or for rows of an earlier process one that is read for it, once. */
  #markFrom(number: number): Mark | null {
    const known = this.#marks.from(number);
    const read = this.#ahead;
    if (read !== null && read.number >= number) return read;
    const ahead = number + limits.audit_trim_rows - 1;
    // All of this process, or fewer than a look is worth.
    if (known === undefined || known.number < ahead + limits.audit_trim_rows * this.#marks.every) return known ?? null;
    this.#ahead = this.#lookAt(ahead);
    return this.#ahead;
  }

  #lookAt(number: number): Mark | null {
    const row = this.#required.logs.read(LOG, number);
    return row === undefined ? null : { number, total_bytes: totalOf(row), start_ms: startOf(row) };
  }

  get #required(): AuditEngine {
    if (this.#engine === null) throw new Error('the audit has no space yet');
    return this.#engine;
  }
}

/** Marks that are passed in one go: of rows that all became too old at once the others go when it is looked again. */
const LOOKS_MAX = 64;

const NO_EFFECT = new Uint8Array(0);

/** Values of a row, and of one that an earlier version wrote, with its words and its effect id as they are. */
const ROW_PARTS = 8;
const PARTS_WHOLE = 13;
/** What the canonical bytes of every row begin with: it is a tuple of so many values. */
const ROW_HEAD = encodeValue(new Tuple(new Array<null>(ROW_PARTS).fill(null))).slice(0, -ROW_PARTS);
/** Of `("ok", nil)`, by far the most common outcome of a change. */
const NIL_OUTCOME_BYTES = encodeValue(new Tuple(['ok', null])).length;

function totalOf(row: Value): number {
  return (row as Tuple).items[0] as number;
}

function startOf(row: Value): number {
  return (row as Tuple).items[1] as number;
}
