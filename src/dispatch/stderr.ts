/**
 * STDERR of an account: one structured record for each failure nobody else hears of. Owns the allowance of each
 * account (a count that refills with time); what exceeds it is dropped and counted, and the count travels with
 * the next record that passes. Must never report on itself: a sink that throws is only counted.
 */
import { isPowerboxError, type ErrorCode } from '../errors.ts';
import { limits } from '../limits.ts';
import type { Clock } from '../platform/index.ts';
import type { Account } from '../space/index.ts';
import type { Mode } from './types.ts';

/** What a runner's thrown thing is called when it is no PowerboxError. */
export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string;
}

export interface StderrRecord extends Failure {
  readonly account: Account;
  /** The execution mode. */
  readonly mode: Mode;
  /** Who failed: a label, or `native.method`. */
  readonly source: string;
  readonly task: number | null;
  /** Records of this account that were dropped since its last one. */
  readonly dropped: number;
}

export type Report = (account: Account, record: StderrRecord) => void;

interface Allowance {
  records: number;
  refilled_ms: number;
  dropped: number;
}

/** Accounts whose allowance is remembered before those that are full again are forgotten. */
const ALLOWANCES_KEPT = 1024;

export class Stderr {
  readonly #clock: Clock;
  readonly #sink: Report;
  readonly #mode: Mode;
  readonly #allowances = new Map<Account, Allowance>();
  /** Records lost because the sink threw. */
  lost = 0;

  constructor(clock: Clock, sink: Report, mode: Mode = 'transaction') {
    this.#clock = clock;
    this.#sink = sink;
    this.#mode = mode;
  }

  report(account: Account, failure: Failure, source: string, task: number | null): void {
    const allowance = this.#refill(account);
    if (allowance.records < 1) {
      allowance.dropped++;
      return;
    }
    allowance.records--;
    const { code, message, hint } = failure;
    const dropped = allowance.dropped;
    allowance.dropped = 0;
    try {
      this.#sink(account, { account, mode: this.#mode, source, task, code, message, hint, dropped });
    } catch {
      this.lost++;
    }
  }

  #refill(account: Account): Allowance {
    const now_ms = this.#clock.monotonic_ms();
    let allowance = this.#allowances.get(account);
    if (allowance === undefined) {
      if (this.#allowances.size >= ALLOWANCES_KEPT) this.#forgetFull(now_ms);
      allowance = { records: limits.stderr_records_burst_max, refilled_ms: now_ms, dropped: 0 };
      this.#allowances.set(account, allowance);
      return allowance;
    }
    refill(allowance, now_ms);
    return allowance;
  }

  #forgetFull(now_ms: number): void {
    for (const [account, allowance] of this.#allowances) {
      refill(allowance, now_ms);
      if (allowance.records >= limits.stderr_records_burst_max && allowance.dropped === 0)
        this.#allowances.delete(account);
    }
  }
}

function refill(allowance: Allowance, now_ms: number): void {
  const gained = ((now_ms - allowance.refilled_ms) * limits.stderr_records_per_second) / 1000;
  allowance.records = Math.min(limits.stderr_records_burst_max, allowance.records + gained);
  allowance.refilled_ms = now_ms;
}

/** Any thrown thing as code, text and hint, each short enough for one line. */
export function failureOf(thrown: unknown, fallback: ErrorCode = 'runner_failed'): Failure {
  if (isPowerboxError(thrown))
    return { code: thrown.code, message: oneLine(thrown.message), hint: oneLine(thrown.hint) };
  let message: string;
  try {
    message = thrown instanceof Error ? thrown.message : String(thrown);
  } catch {
    // A hostile thing can throw even when it is turned into text.
    message = 'something that cannot be shown was thrown';
  }
  return { code: fallback, message: oneLine(message), hint: '' };
}

/** As it goes on record: without what only this process knows, for the next one must write down the same. */
export function recordable(thrown: unknown, failure: Failure): Failure {
  if (!isPowerboxError(thrown) || thrown.where === '' || !thrown.message.endsWith(thrown.where)) return failure;
  return { ...failure, message: oneLine(thrown.message.slice(0, -thrown.where.length)) };
}

/** Short, without control characters and lone surrogates. */
export function oneLine(text: string): string {
  // Control characters could forge lines of the log; lone surrogates could not be stored.
  const flat = String(text)
    .slice(0, limits.failure_text_max)
    .replace(/[\p{Cc}\u2028\u2029]+/gu, ' ');
  return wellFormed(flat);
}

function wellFormed(text: string): string {
  return text.replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, '\ufffd');
}
