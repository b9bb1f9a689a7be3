/** The audit as a program or an operator reads it: rows that fit, in their order, and live ones as they come. */
import type { Audit, AuditRow } from '../dispatch/index.ts';
import { PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { AuditOptions, AuditRecord } from './types.ts';

/** What following needs to know of the space. */
export interface AuditSpace {
  /** Lets everything else have its turn. */
  readonly yielding: () => Promise<void>;
  /** Why it has closed; null as long as it is open. */
  readonly closed: () => Error | null;
  /** Who is to be woken when it closes. */
  readonly readers: Set<() => void>;
}

/** Refused with `bad_request` at once, not at the first row. */
export function readAudit(audit: Audit, space: AuditSpace, options: AuditOptions): AsyncIterable<AuditRecord> {
  const { limit, since_ms } = options;
  if (limit !== undefined && !(Number.isSafeInteger(limit) && limit >= 0))
    throw new PowerboxError('bad_request', `limit is a whole number from 0 on, but ${limit} came`);
  if (since_ms !== undefined && !Number.isFinite(since_ms))
    throw new PowerboxError('bad_request', `since_ms is milliseconds since 1970, but ${since_ms} came`);
  return { [Symbol.asyncIterator]: () => rows(audit, space, options) };
}

async function* rows(audit: Audit, space: AuditSpace, options: AuditOptions): AsyncGenerator<AuditRecord, void> {
  const fits = predicateOf(options);
  let next = await beginning(audit, space, options, fits);
  let end = audit.range().next;
  const more = options.follow === true ? new More(audit, space) : null;
  try {
    for (;;) {
      for (; next < end; next++) {
        const row = readOpen(audit, space, next);
        if (row !== undefined && fits(row)) yield recordOfRow(row);
        if (next % ROWS_AT_ONCE === 0) await space.yielding();
      }
      if (more === null || !(await more.after(next))) return;
      // What was dropped meanwhile is passed over.
      ({ first: next, next: end } = later(audit.range(), next));
    }
  } finally {
    more?.cancel();
  }
}

function readOpen(audit: Audit, { closed }: AuditSpace, number: number): AuditRow | undefined {
  const why = closed();
  if (why !== null) throw why;
  return audit.read(number);
}

/** Rows that are read before everything else has its turn again. */
const ROWS_AT_ONCE = 512;

/** With a limit, the row from which on so many fit; they are looked for from the end. */
async function beginning(
  audit: Audit,
  space: AuditSpace,
  { limit }: AuditOptions,
  fits: (row: AuditRow) => boolean,
): Promise<number> {
  const { first, next } = audit.range();
  if (limit === undefined) return first;
  let left = limit;
  let number = next;
  while (number > first && left > 0) {
    const row = readOpen(audit, space, --number);
    if (row !== undefined && fits(row)) left--;
    if (number % ROWS_AT_ONCE === 0) await space.yielding();
  }
  return number;
}

function later(
  { first, next }: { readonly first: number; readonly next: number },
  from: number,
): { readonly first: number; readonly next: number } {
  return { first: Math.max(first, from), next };
}

function predicateOf({ holder, grant, method, since_ms }: AuditOptions): (row: AuditRow) => boolean {
  return (row) =>
    (holder === undefined || row.holder === holder) &&
    (grant === undefined || row.grant === grant) &&
    (method === undefined || row.method === method || `${row.native}.${row.method}` === method) &&
    (since_ms === undefined || row.start_ms >= since_ms);
}

/** Wakes one reader when there is more. A space that closes wakes it for the last time. */
class More {
  readonly #audit: Audit;
  readonly #space: AuditSpace;
  readonly #following: { cancel(): void };
  #wake: (() => void) | null = null;

  constructor(audit: Audit, space: AuditSpace) {
    this.#audit = audit;
    this.#space = space;
    this.#following = audit.follow(this.#more);
    space.readers.add(this.#more);
  }

  /** False: the space has closed, and no row of this number or a later one will be read any more. */
  async after(number: number): Promise<boolean> {
    while (this.#space.closed() === null && this.#audit.range().next <= number)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    this.#wake = null;
    return this.#space.closed() === null;
  }

  cancel(): void {
    this.#following.cancel();
    this.#space.readers.delete(this.#more);
  }

  readonly #more = (): void => this.#wake?.();
}

function recordOfRow(row: AuditRow): AuditRecord {
  const { start_ms, duration_ms, bytes, account, holder, grant, cap, native, method, result, digest, effectId } = row;
  return {
    number: row.number,
    time: new Date(start_ms).toISOString(),
    duration_ms,
    mode: 'transaction',
    holder,
    deploy: account,
    grant,
    capability: cap,
    native,
    method,
    digest: hex(digest),
    result,
    bytes,
    effect: effectId.length === 0 ? null : hex(effectId),
  };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** Refused with `config_invalid`: what would keep nothing, or for ever. */
export function requireRetention({ age_ms_max, bytes_max }: { age_ms_max?: number; bytes_max?: number }): void {
  for (const [name, value, max] of [
    ['age_ms_max', age_ms_max, limits.audit_age_ms_max],
    ['bytes_max', bytes_max, limits.audit_bytes_max],
  ] as const) {
    if (value === undefined || (Number.isSafeInteger(value) && value >= 1 && value <= max)) continue;
    throw new PowerboxError('config_invalid', `audit.${name} is a whole number from 1 to ${max}, but ${value} came`);
  }
}
