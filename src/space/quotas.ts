/**
 * Quotas: which purses an account pays from, and when those that are used up are refilled. Owns the purses and the
 * facts `usage/<key>` that keep them across restarts, written in the entry that holds what was charged.
 *
 * Nothing here looks at a clock inside a turn. A purse that is used up rests by its own count; the refill is an
 * arrival, timed only while somebody waits for it. So the same causes make the same turns in the same order.
 */
import { isPowerboxError, type PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { Cancellable, Platform } from '../platform/index.ts';
import type { Value } from '../values/index.ts';
import { continuationBytes, messageBytes } from './estimate.ts';
import type { Datum, Waiter } from './items.ts';
import { DEPLOY_KEY, Purse, type PurseUsage, type Quota } from './purse.ts';
import type { AccountTasks, Tasks } from './tasks.ts';
import type { Account, Receive } from './types.ts';

/** One purse by its key (of a holder or a deploy, see `purse.ts`), and its bounds. */
export interface KeyedQuota {
  readonly key: string;
  readonly quota: Quota;
}

/** Who is under which quota: what the layer above knows of holders, and the operator has set. */
export interface QuotaSource {
  /** The settings as a text: kept in the journal, since what follows from them is. */
  readonly settings: string;
  /**
   * The purses of an account, that of its deploy before that of its holder; empty when it has no quota. Undefined
   * when nothing is known of the account yet. Must follow from the settings and the facts alone.
   */
  of(account: Account, fact: (key: string) => Value | undefined): readonly KeyedQuota[] | undefined;
  /** Every account that is known. */
  accounts(facts: (prefix: string) => Iterable<readonly [string, Value]>): Iterable<Account>;
}

/** What the quotas need of the engine. */
export interface QuotaHost {
  readonly tasks: Tasks;
  fact(key: string): Value | undefined;
  facts(prefix: string): Iterable<readonly [string, Value]>;
  setFact(key: string, value: Value | undefined): void;
  /** Posts the cause of a refill. */
  refill(periods: number): void;
}

export const SETTINGS_FACT = 'quotas';
export const USAGE_PREFIX = 'usage/';

/** Periods that one refill makes up for. */
const PERIODS_MAX = 1_000_000;

export class Quotas {
  readonly #source: QuotaSource;
  readonly #host: QuotaHost;
  readonly #platform: Platform;
  readonly #purses = new Map<string, Purse>();
  /** Purses whose counts are not in a commit yet. */
  #changed: Purse[] = [];
  /** Purses that are used up, in the order in which that happened. */
  #resting: Purse[] = [];
  #timer: Cancellable | null = null;
  #refilled_ms: number;

  constructor(source: QuotaSource, host: QuotaHost, platform: Platform) {
    this.#source = source;
    this.#host = host;
    this.#platform = platform;
    this.#refilled_ms = platform.clock.monotonic_ms();
  }

  // ------------------------------------------------------------------ opening

  /** Makes the purses of all accounts that are known. Whether all of them were kept: else what lies must be counted. */
  open(): boolean {
    let kept = true;
    for (const account of this.#source.accounts((prefix) => this.#host.facts(prefix))) {
      for (let purse = this.of(account); purse !== null; purse = purse.parent)
        kept &&= this.#host.fact(USAGE_PREFIX + purse.key) !== undefined;
    }
    return kept;
  }

  /** In the middle of a record: makes the purses that were there, and charges nothing. */
  openAgain(): void {
    for (const account of this.#source.accounts((prefix) => this.#host.facts(prefix))) {
      const keyed = this.#source.of(account, (key) => this.#host.fact(key)) ?? [];
      if (keyed.every(({ key }) => this.#host.fact(USAGE_PREFIX + key) !== undefined)) this.of(account);
    }
    this.#resting = [];
  }

  /** Purses that are used up, in their order, each with the accounts that wait for it. */
  resting(): readonly (readonly [key: string, ...accounts: Account[]])[] {
    return this.#resting.map(({ key, waiting }) => [key, ...waiting.map(({ account }) => account)]);
  }

  /** The next of these, of one that was used up when a record began. */
  restAgain(key: string, accounts: readonly Account[]): void {
    const purse = this.#purses.get(key);
    if (purse === undefined) return;
    this.#resting.push(purse);
    for (const account of accounts) {
      const tasks = this.#host.tasks.of(account);
      tasks.active = true;
      purse.waiting.push(tasks);
    }
  }

  /** Before everything that lies and waits is counted anew with `counted`. */
  forget(): void {
    for (const purse of this.#purses.values()) {
      purse.bytes = 0;
      purse.continuations = 0;
      this.#note(purse);
    }
  }

  /** The settings are others than those of the last opening: in a turn of its own, for what follows is durable. */
  settle(): void {
    this.#host.setFact(SETTINGS_FACT, this.#source.settings);
    for (const [key] of [...this.#host.facts(USAGE_PREFIX)])
      if (!this.#purses.has(key.slice(USAGE_PREFIX.length))) this.#host.setFact(key, undefined);
    for (const purse of this.#purses.values()) this.#note(purse);
  }

  get settings(): string {
    return this.#source.settings;
  }

  // ------------------------------------------------------------------ who pays

  /** The purse of an account, or null. Looked up once. */
  of(account: Account): Purse | null {
    const tasks = this.#host.tasks.of(account);
    return tasks.purseKnown ? tasks.purse : this.#find(tasks);
  }

  #find(tasks: AccountTasks): Purse | null {
    const found = this.#source.of(tasks.account, (key) => this.#host.fact(key));
    if (found === undefined) return null;
    tasks.purseKnown = true;
    let purse: Purse | null = null;
    for (const { key, quota } of [...found].reverse()) purse = this.#purse(key, quota, purse);
    tasks.purse = purse;
    return purse;
  }

  #purse(key: string, quota: Quota, parent: Purse | null): Purse {
    const known = this.#purses.get(key);
    if (known !== undefined) return known;
    const purse = new Purse(key, quota, parent);
    this.#purses.set(key, purse);
    const fact = this.#host.fact(USAGE_PREFIX + key);
    if (fact !== undefined) {
      purse.read(fact);
      if (purse.resting) this.#resting.push(purse);
    } else {
      // Written even when nothing is charged: what has no fact at the next opening would be counted anew.
      this.#note(purse);
    }
    return purse;
  }

  /**
   * An account of which nothing is left to run gives up the purse that is its own alone. False, and nothing has changed,
   * as long as that counts something: it would have to be given back there.
   */
  retire(account: Account): boolean {
    const tasks = this.#host.tasks.of(account);
    const own = this.of(account);
    if (own === null || own.key !== `${DEPLOY_KEY}${account}`) return true;
    if (own.bytes !== 0 || own.continuations !== 0 || own.tasks !== 0) return false;
    this.#purses.delete(own.key);
    this.#resting = this.#resting.filter((purse) => purse !== own);
    this.#changed = this.#changed.filter((purse) => purse !== own);
    this.#host.setFact(USAGE_PREFIX + own.key, undefined);
    tasks.purse = null;
    tasks.purseKnown = false;
    return true;
  }

  // ------------------------------------------------------------------ what is stored

  /** Whether the message may be put down now. */
  fits(account: Account, message: readonly Value[]): boolean {
    try {
      this.admitDatum(account, message);
      return true;
    } catch (error) {
      if (isPowerboxError(error)) return false;
      throw error;
    }
  }

  /** Throws `quota_exceeded` when the message may not be put down. */
  admitDatum(account: Account, message: readonly Value[]): void {
    const purse = this.of(account);
    if (purse === null) return;
    const bytes = messageBytes(message);
    purse.admit(bytes, 0);
    purse.parent?.admit(bytes, 0);
  }

  /** Throws `quota_exceeded` when the continuation may not wait. */
  admitWaiter(account: Account, receive: Receive): void {
    const purse = this.of(account);
    if (purse === null) return;
    const bytes = continuationBytes(receive);
    purse.admit(bytes, 1);
    purse.parent?.admit(bytes, 1);
  }

  /** A datum was put down (`sign` 1) or has gone (-1). */
  countDatum({ account, message }: Pick<Datum, 'account' | 'message'>, sign: 1 | -1): void {
    const purse = this.of(account);
    if (purse !== null) this.#count(purse, sign * messageBytes(message), 0);
  }

  /** The same for a continuation, which counts once however many channels it stands on. */
  countWaiter({ account, receive }: Pick<Waiter, 'account' | 'receive'>, sign: 1 | -1): void {
    const purse = this.of(account);
    if (purse !== null) this.#count(purse, sign * continuationBytes(receive), sign);
  }

  #count(first: Purse, bytes: number, continuations: number): void {
    for (let purse: Purse | null = first; purse !== null; purse = purse.parent) {
      purse.bytes += bytes;
      purse.continuations += continuations;
      this.#note(purse);
    }
  }

  // ------------------------------------------------------------------ what runs

  /** Null when the account may have one more task; that is then counted. */
  admitTask(account: Account): Error | null {
    const first = this.of(account);
    for (let purse = first; purse !== null; purse = purse.parent) {
      const refusal = purse.taskRefusal();
      if (refusal !== null) return refusal;
    }
    this.taskMade(account);
    return null;
  }

  taskMade(account: Account): void {
    for (let purse = this.of(account); purse !== null; purse = purse.parent) purse.tasks++;
  }

  taskDone(account: Account): void {
    for (let purse = this.of(account); purse !== null; purse = purse.parent) purse.tasks--;
  }

  /** A task of the account has had its turn. */
  ran(account: Account, steps: number): void {
    let rests = false;
    for (let purse = this.of(account); purse !== null; purse = purse.parent) {
      this.#note(purse);
      if (!purse.spend(steps) || purse.resting) continue;
      purse.resting = true;
      this.#resting.push(purse);
      rests = true;
    }
    if (rests) this.#host.tasks.dropResting();
  }

  /** What a turn of the account has cost, or a meeting that it pays for. */
  pay(account: Account, cost: number): void {
    for (let purse = this.of(account); purse !== null; purse = purse.parent) {
      if (purse.cost_max === Number.POSITIVE_INFINITY) continue;
      purse.cost += cost;
      this.#note(purse);
    }
  }

  /** Why no task of the account runs any more, or null; `where` is asked for the place at which it stops. */
  spent(account: Account, where: () => string): PowerboxError | null {
    for (let purse = this.of(account); purse !== null; purse = purse.parent)
      if (purse.cost >= purse.cost_max) return purse.costRefusal(where());
    return null;
  }

  // ------------------------------------------------------------------ refills

  /** The turn of a refill. */
  refill(periods: number): void {
    const before = this.#resting;
    this.#resting = [];
    for (const purse of before) {
      this.#note(purse);
      if (purse.refill(periods)) purse.resting = false;
      else this.#resting.push(purse);
    }
    // Only now, for an account may have been waiting for two purses.
    for (const purse of before) if (!purse.resting) this.#host.tasks.enterAgain(purse);
  }

  /** Between slices: sees that a refill comes as long as somebody waits for one. */
  arm(): void {
    if (this.#timer !== null || this.#resting.length === 0) return;
    let periods = Number.POSITIVE_INFINITY;
    for (const purse of this.#resting) if (isAwaited(purse)) periods = Math.min(periods, purse.periodsToGo);
    if (periods === Number.POSITIVE_INFINITY) return;
    const { clock, timers } = this.#platform;
    const delay_ms = this.#refilled_ms + periods * limits.refill_ms - clock.monotonic_ms();
    this.#timer = timers.after(Math.max(1, Math.ceil(delay_ms)), () => {
      this.#timer = null;
      const now_ms = clock.monotonic_ms();
      const passed = Math.floor((now_ms - this.#refilled_ms) / limits.refill_ms);
      // A timer that is early by a hair would else lose its period.
      const made = Math.min(PERIODS_MAX, Math.max(1, passed));
      this.#refilled_ms = passed > PERIODS_MAX ? now_ms : this.#refilled_ms + made * limits.refill_ms;
      this.#host.refill(made);
    });
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  // ------------------------------------------------------------------ the record

  #note(purse: Purse): void {
    if (purse.changed) return;
    purse.changed = true;
    this.#changed.push(purse);
  }

  /** Just before a commit is written: what its turns have charged. */
  writeChanged(): void {
    if (this.#changed.length === 0) return;
    for (const purse of this.#changed) {
      purse.changed = false;
      this.#host.setFact(USAGE_PREFIX + purse.key, purse.write());
    }
    this.#changed = [];
  }

  usage(): readonly PurseUsage[] {
    return [...this.#purses.values()].map((purse) => purse.usage());
  }
}

/** Somebody has something ready that waits for this purse. */
function isAwaited(purse: Purse): boolean {
  return purse.waiting.length > 0;
}
