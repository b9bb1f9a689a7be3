/**
 * The loop of turns: takes messages from outside and ready tasks, applies each as one turn, writes what they
 * did as commits, and lets out what a commit allows once it is durable.
 *
 * Nothing leaves before it is durable. One append is under way at a time; the next turns run meanwhile, up to
 * a bound. A storage error is final: everybody who waits gets `outcome_unknown` and the space is closed.
 */
import { PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { Platform } from '../platform/index.ts';
import type { Store } from '../store/index.ts';
import { List, type Name, NameMaker, type Value } from '../values/index.ts';
import { Arrival, Arrivals } from './arrivals.ts';
import { Books } from './books.ts';
import type { Channel } from './channel.ts';
import { takeCensus } from './census.ts';
import { Channels } from './channels.ts';
import { type CommitHost, Committer, outcomeUnknown } from './committer.ts';
import { Cutter } from './cut.ts';
import type { EntryHeader } from './entry.ts';
import type { Waiter } from './items.ts';
import { type Contents, inspectChannels, type InspectLimits } from './inspect.ts';
import { whenFewer } from './room.ts';
import { Logs } from './logs.ts';
import { type Messages, messagesIn } from './messages.ts';
import type { EngineOptions, Failpoint } from './options.ts';
import { type PurseUsage, restingPurse } from './purse.ts';
import { Quotas, SETTINGS_FACT, USAGE_PREFIX } from './quotas.ts';
import { recover } from './recover.ts';
import { repetitionOf, REPEAT_LABEL } from './repeat.ts';
import { channelRowKey, termRowKey } from './row-keys.ts';
import { type LiveTask, Tasks } from './tasks.ts';
import { Terms } from './terms.ts';
import { TurnContext, type TurnHost } from './turn.ts';
import { Tuples } from './tuples.ts';
import type { Account, Body, Cause, Engine, Receive, Task, TaskRouter, Turn } from './types.ts';

/** The kind of cause of a message that stays. */
const PRODUCE_PERSISTENT = 'produce!';

const NOBODY_TO_TELL = (): void => {};

const PARKED_ROUTER: TaskRouter = {
  handling: () => 'parked',
  run: () => {},
  deliver: () => {},
};

/** Turns between two looks at the clock. */
const CLOCK_TURNS = 128;
/** Arrivals applied before tasks get their share again. */
const ARRIVALS_A_ROUND = 1024;
/** Arrivals after which a commit is written although more wait, when nothing is being written. */
const ARRIVALS_A_FLUSH = 256;
/** Tasks run before arrivals get their share again. */
const TASKS_A_ROUND = 2048;

export class SpaceEngine implements Engine, TurnHost, CommitHost {
  readonly tuples: Tuples;
  readonly tasks = new Tasks();
  readonly names: NameMaker;
  readonly channels: Channels;
  readonly terms: Terms;
  readonly #options: EngineOptions;
  // Looked at in every turn, so taken out of the options.
  readonly #failpoint: ((name: Failpoint) => void) | null;
  readonly #plantTaskTwice: boolean;
  readonly #platform: Platform;
  readonly #store: Store | null;
  readonly #cutter: Cutter | null;
  readonly messages: Messages;
  readonly logs: Logs;
  readonly #commits: Committer;
  readonly #books: Books;
  readonly #quotas: Quotas | null;
  readonly #facts = new Map<string, Value>();
  readonly #idle: ((account: Account) => void)[] = [];
  readonly #onClose: ((error: Error) => void)[] = [];
  #router: TaskRouter = PARKED_ROUTER;
  readonly #arrivals = new Arrivals();
  /** Tasks that the round under way may still run before arrivals have their share; 0 between two rounds. */
  #tasksLeft = 0;
  #turn = 0;
  #scheduled = false;
  #closed: PowerboxError | null = null;
  #closing: (() => void) | null = null;
  #paused = false;

  // The turn that is running.
  readonly #context: TurnContext;

  private constructor(options: EngineOptions) {
    const { platform, store } = options;
    this.#options = options;
    this.#failpoint = options.failpoint ?? null;
    this.#plantTaskTwice = options.plant === 'task-twice';
    this.#platform = platform;
    this.#store = store;
    const nameKey = store === null ? (options.nameKey ?? platform.randomness.bytes(32)) : store.keys.nameKey;
    const readName = (bytes: Uint8Array): Name => this.names.read(bytes);
    this.names = new NameMaker(nameKey, platform.hashing, (name, bytes) => this.channels.derived(name, bytes));
    const sha256 = (bytes: Uint8Array): Uint8Array => platform.hashing.sha256(bytes);
    this.terms = new Terms(sha256, readName, (hash) => store?.rows.getSync(termRowKey(hash)));
    this.messages = messagesIn(store?.blobs ?? null, sha256, readName);
    this.channels = new Channels(
      store === null
        ? null
        : {
            rowKey: (key) => channelRowKey(key, sha256),
            read: (row) => store.rows.getSync(row),
            write: (row, value) => (this.#cutter as Cutter).write(row, value),
            terms: this.terms,
            termPolicy: { mustWrite: (term) => (this.#cutter as Cutter).mustWrite(term) },
            messages: this.messages,
            readName,
          },
    );
    this.logs = new Logs(this, store?.rows ?? null, readName);
    this.#cutter = store === null ? null : new Cutter(store.rows, this.channels, this.messages, this.logs, sha256);
    this.#commits = new Committer(options, this, this.#cutter);
    this.#quotas = options.quotas === undefined ? null : new Quotas(options.quotas, this, platform);
    this.#books = new Books({
      channels: this.channels,
      tasks: this.tasks,
      commits: this.#commits,
      cutter: this.#cutter,
      quotas: this.#quotas,
      plant: options.plant,
      failed: (account, error) => this.failed(account ?? this.#context.account, error),
    });
    this.tuples = new Tuples(this.#books);
    this.#context = new TurnContext(this);
  }

  static async open(options: EngineOptions): Promise<SpaceEngine> {
    const engine = new SpaceEngine(options);
    if (options.store !== null) await engine.#recover(options.store);
    return engine;
  }

  async #recover(store: Store): Promise<void> {
    const found = await recover({
      store,
      terms: this.terms,
      channels: this.channels,
      readName: (bytes) => this.names.read(bytes),
      messages: this.messages,
      logs: this.logs,
      cutter: this.#cutter as Cutter,
    });
    this.#turn = found.header.lastTurn;
    this.#books.nextTask = found.header.nextTask;
    this.#books.nextStamp = found.header.nextStamp;
    this.#commits.last = store.journal.last;
    this.#commits.tail_bytes = found.tail_bytes;
    for (const [key, value] of found.facts) this.#facts.set(key, value);
    this.logs.open();
    await this.#openQuotas(store);
    // Without regard to the account's bound: what was outside or parked is ready once more, to be routed again.
    for (const task of found.tasks) {
      this.#quotas?.taskMade(task.account);
      this.tasks.push(task);
    }
  }

  /** Who got a quota since the space was last open has what it stored before counted now. */
  async #openQuotas(store: Store): Promise<void> {
    const quotas = this.#quotas;
    if (quotas === null || quotas.open()) return;
    const cache_bytes = this.#options.cache_bytes ?? limits.cache_bytes_default;
    const readName = (bytes: Uint8Array): Name => this.names.read(bytes);
    await takeCensus(quotas, this.channels, this.#cutter?.changed ?? [], store.rows, readName, cache_bytes);
  }

  // ------------------------------------------------------------------ for the dispatcher and the host

  /** Sets who runs tasks; those found by recovery start moving with it. */
  start(router: TaskRouter): void {
    this.#router = router;
    this.#settleQuotas();
    this.schedule();
  }

  /**
   * From now on, until the space is opened again, no task runs; what arrives is still applied and made durable. Said of
   * a machine on which nothing new should be begun.
   */
  pause(): void {
    this.#paused = true;
  }

  /** Whether tasks are run: not when the space closes, for those that are ready are durable, and go on when it opens. */
  get #runsTasks(): boolean {
    return this.#closing === null && !this.#paused;
  }

  /** What quotas say is on record, for turns follow from it: a cause of its own when they are others than before. */
  #settleQuotas(): void {
    const quotas = this.#quotas;
    const settings = quotas?.settings;
    if (this.#facts.get(SETTINGS_FACT) === settings) return;
    const settled = this.post({ kind: 'quotas', payload: settings ?? null, account: 0 }, (turn) => {
      if (quotas !== null) {
        quotas.settle();
        return;
      }
      for (const [key] of [...this.facts(USAGE_PREFIX)]) turn.setFact(key, undefined);
      turn.setFact(SETTINGS_FACT, undefined);
    });
    // A space that closes before that finds it undone when it opens.
    settled.catch(NOBODY_TO_TELL);
  }

  /** What each quota's purse holds and has left, in the order in which they came. */
  usage(): readonly PurseUsage[] {
    return this.#quotas?.usage() ?? [];
  }

  /** The key of the used-up purse for whose refill an account's tasks wait, or null. */
  restingPurse(account: Account): string | null {
    const purse = this.#quotas?.of(account) ?? null;
    return purse === null ? null : (restingPurse(purse)?.key ?? null);
  }

  /** So many periods' worth of tasks and steps for those who have used theirs up: an arrival like any other. */
  refill(periods: number): void {
    const refilled = this.post({ kind: 'refill', payload: periods, account: 0 }, () => this.#quotas?.refill(periods));
    // Refused by a space that closes, or one with so many arrivals that this one is tried again.
    refilled.catch(NOBODY_TO_TELL);
  }

  beforeWrite(): void {
    this.logs.writeRanges(this.#commits.current);
    this.#quotas?.writeChanged();
  }

  /** Bytes of journal that are in no row yet: what opening after a crash would read. */
  get tail_bytes(): number {
    return this.#commits.tail_bytes;
  }

  header(): EntryHeader {
    return { lastTurn: this.#turn, nextTask: this.#books.nextTask, nextStamp: this.#books.nextStamp };
  }

  get turn(): number {
    return this.#turn;
  }

  get closed(): PowerboxError | null {
    return this.#closed;
  }

  post<T>(cause: Cause, apply: (turn: Turn) => T): Promise<T> {
    return this.#arrive(cause, null, apply, null) as Promise<T>;
  }

  finish(task: Task, cause: Cause, apply: (turn: Turn) => void): Promise<boolean> {
    return this.#arrive(cause, null, apply, task as LiveTask) as Promise<boolean>;
  }

  /**
   * A take or read from outside. With `deliver`, one that finds nothing waits, in memory only: it belongs to a
   * caller of this process, who is gone when the process is. Resolves with the captures, or null. `refuse` hears
   * when the commit of a match that `deliver` was to hear of is lost to a storage error.
   */
  request(
    receive: Receive,
    deliver: ((captures: readonly Value[]) => void) | null,
    onWait: (waiter: Waiter, turn: number) => void,
    refuse: ((error: Error) => void) | null = null,
  ): Promise<readonly Value[] | null> {
    const cause: Cause = { kind: 'request', payload: requestValue(receive), account: 0 };
    const apply = (): readonly Value[] | null => {
      const captures = this.tuples.tryOnce(receive);
      if (captures === null && deliver !== null) onWait(this.tuples.wait(receive, deliver, refuse), this.#turn);
      return captures;
    };
    return this.#arrive(cause, null, apply, null) as Promise<readonly Value[] | null>;
  }

  /** A message put on a channel from outside. Its entry holds the message once, in the cause. */
  produce(channel: Value, message: readonly Value[], persist: boolean, account: Account): Promise<void> {
    const cause: Cause = { kind: persist ? PRODUCE_PERSISTENT : 'produce', payload: channel, account };
    return this.#arrive(cause, message, null, null) as Promise<void>;
  }

  #arrive(
    cause: Cause,
    message: readonly Value[] | null,
    apply: ((turn: Turn) => unknown) | null,
    task: LiveTask | null,
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#closed !== null) {
        reject(this.#closed);
        return;
      }
      this.#arrivals.push(new Arrival(cause, message, apply, task, resolve, reject));
      if (!this.#scheduled) this.schedule();
    });
  }

  unpark(label: string): void {
    for (const task of [...this.tasks.held.values()]) {
      if (task.state !== 'parked' || task.body.label !== label) continue;
      this.tasks.release(task);
      this.tasks.push(task);
    }
    this.schedule();
  }

  fact(key: string): Value | undefined {
    return this.#facts.get(key);
  }

  /** What lies and waits, for people; never inside a turn. In a space without a store only public names are known. */
  inspect(options: InspectLimits): Promise<Contents> {
    return inspectChannels(
      this.channels,
      this.#cutter?.changed ?? [],
      this.#store?.rows ?? null,
      (bytes) => this.names.read(bytes),
      options,
    );
  }

  *facts(prefix: string): Iterable<readonly [string, Value]> {
    const keys = [...this.#facts.keys()].filter((key) => key.startsWith(prefix)).sort();
    for (const key of keys) yield [key, this.#facts.get(key) as Value];
  }

  pending(account: Account): { ready: number; outside: number; parked: number } {
    const { ready, outside, parked } = this.tasks.of(account);
    return { ready, outside, parked };
  }

  onIdle(run: (account: Account) => void): void {
    this.#idle.push(run);
  }

  whenFewer(channel: Value, count: number, run: () => void): { cancel(): void } {
    return whenFewer(this.channels.place(channel), count, run);
  }

  fits(account: Account, message: readonly Value[]): boolean {
    return this.#quotas?.fits(account, message) ?? true;
  }

  durable(): Promise<void> {
    if (this.#closed !== null) return Promise.reject(this.#closed);
    if (this.#commits.idle) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#commits.current.settle({ durable: resolve, lost: reject });
      this.schedule();
    });
  }

  /** Called once, when the space has closed, for whatever reason. */
  onClose(run: (error: Error) => void): void {
    this.#onClose.push(run);
  }

  /** Finishes the commit under way and what was asked before, then closes the store. */
  async close(): Promise<void> {
    if (this.#closed === null) {
      await new Promise<void>((resolve) => {
        this.#closing = resolve;
        this.schedule();
      });
      this.#shut(new PowerboxError('space_closed', 'the space is closed'));
    }
    await this.#commits.stop();
    await this.#store?.close();
  }

  // ------------------------------------------------------------------ the loop

  /** Asks for another slice of turns. */
  schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#platform.timers.soon(this.#slice);
  }

  readonly #slice = (): void => {
    this.#scheduled = false;
    if (this.#closed !== null) return;
    try {
      // The journal's tail is bounded: turns wait for a cut that they have left behind.
      if (!this.#commits.rowsBehind) this.#runTurns();
      if (this.#closed !== null) return;
      this.#commits.flush();
      this.#commits.advanceCut();
    } catch (error) {
      // A turn must not throw: what is in memory can no longer be trusted, what is on disk can.
      this.fail(error);
      return;
    }
    for (const account of this.tasks.takeSettled()) for (const run of this.#idle) run(account);
    if (this.#runsTasks) this.#quotas?.arm();
    const ahead = this.#commits.appending && this.#commits.full;
    // When rows are behind, the cut that is under way asks for the next slice.
    if (!ahead && this.#moreTurns && !this.#commits.rowsBehind) this.schedule();
    else if (this.#closing !== null && this.#commits.idle && this.#arrivals.length === 0) this.#closing();
  };

  /** Turns until the time is up, the commit is full or nothing is left. Where it stops never shows in the record. */
  #runTurns(): void {
    const { clock } = this.#platform;
    const deadline_ms = clock.monotonic_ms() + (this.#options.yield_ms ?? limits.yield_ms);
    let untilClock = CLOCK_TURNS;
    for (;;) {
      // A round that was interrupted goes on where it was, so that time decides nothing about the order of turns.
      if (this.#tasksLeft === 0) {
        for (let left = ARRIVALS_A_ROUND; left > 0 && this.#arrivals.length > 0; left--) {
          this.#runArrival(this.#arrivals.shift());
          // In a burst the disk begins with these while the turns of the others run. What comes alone is written
          // together with what follows from it: the next call of a program begins in the commit of the last answer.
          if (left % ARRIVALS_A_FLUSH === 0 && this.#arrivals.length >= ARRIVALS_A_FLUSH) this.#commits.flush();
        }
        this.#tasksLeft = TASKS_A_ROUND;
      }
      if (this.#runsTasks) {
        for (let left = this.#tasksLeft; left > 0; left--) {
          const task = this.tasks.next();
          if (task === null) break;
          this.#runTask(task);
          if (--untilClock <= 0) {
            untilClock = CLOCK_TURNS;
            if (clock.monotonic_ms() >= deadline_ms || this.#commits.full) {
              this.#tasksLeft = left - 1;
              return;
            }
          }
        }
      }
      this.#tasksLeft = 0;
      if (!this.#moreTurns || clock.monotonic_ms() >= deadline_ms || this.#commits.full) return;
    }
  }

  get #moreTurns(): boolean {
    return this.#arrivals.length > 0 || (this.#runsTasks && this.tasks.anyReady);
  }

  #runArrival(arrival: Arrival): void {
    const { cause, task } = arrival;
    if (task !== null && task.state !== 'outside') {
      arrival.resolve(false);
      return;
    }
    if (this.#failpoint !== null) this.#failpoint('turn:before');
    this.#turn++;
    const commit = this.#commits.current;
    commit.turns++;
    if (this.#store !== null) {
      commit.causes.push({
        turn: this.#turn,
        kind: cause.kind,
        account: cause.account,
        payload: cause.payload,
        message: arrival.message,
      });
      this.#books.messageCause = arrival.message === null ? -1 : commit.causes.length - 1;
    }
    const context = this.#context.begin(cause.account, this.#books.nextTask++);
    try {
      if (task !== null) this.#endTask(task);
      if (arrival.apply === null)
        this.tuples.produce(
          cause.payload,
          arrival.message as readonly Value[],
          cause.kind === PRODUCE_PERSISTENT,
          cause.account,
        );
      else arrival.result = arrival.apply(context);
      if (task !== null) arrival.result = true;
    } catch (error) {
      if (!(error instanceof PowerboxError)) {
        // A bug in the caller's code: the turn is half done, so the space cannot go on from memory.
        arrival.reject(error instanceof Error ? error : new PowerboxError('bad_request', String(error)));
        throw error;
      }
      // A refusal: what the turn did before it stays, and the caller hears of it like of any answer.
      arrival.refusal = error;
    }
    this.#books.messageCause = -1;
    commit.settle(arrival);
    if (this.#failpoint !== null) this.#failpoint('turn:after');
  }

  #runTask(task: LiveTask): void {
    if (task.body.label === REPEAT_LABEL) {
      this.#startTurn(task);
      this.#meetAgain(task);
      this.#endTask(task);
      if (this.#quotas !== null) this.#quotas.ran(task.account, 1);
      return;
    }
    const router = this.#router;
    const handling = router.handling(task);
    if (handling === 'inline') {
      if (this.#failpoint !== null) this.#failpoint('turn:before');
      const context = this.#startTurn(task);
      router.run(task, context);
      if (!this.#plantTaskTwice) this.#endTask(task);
      if (this.#quotas !== null) this.#quotas.ran(task.account, 1 + limits.turn_steps_max - context.steps);
      if (this.#failpoint !== null) this.#failpoint('turn:after');
      return;
    }
    this.tasks.hold(task, handling);
    if (this.#quotas !== null) this.#quotas.ran(task.account, 1);
    if (handling === 'outside' && router.takesAtOnce?.(task) !== true)
      this.afterDurable(() => this.#router.deliver(task));
  }

  #startTurn(task: LiveTask): TurnContext {
    this.#turn++;
    this.#commits.current.turns++;
    return this.#context.begin(task.account, task.number);
  }

  #endTask(task: LiveTask): void {
    this.tasks.release(task);
    task.state = 'done';
    if (this.#quotas !== null) this.#quotas.taskDone(task.account);
    if (this.#store !== null && task.born !== this.#commits.serial) this.#commits.current.tasksGone.push(task.number);
  }

  #meetAgain(task: LiveTask): void {
    const found = repetitionOf(task, this.channels);
    if (found !== null) this.tuples.meetAgain(found.waiter, found.data);
  }

  /** Storage has failed, or a turn has: final. */
  fail(error: unknown): void {
    if (this.#closed !== null) return;
    const cause =
      error instanceof PowerboxError
        ? error
        : new PowerboxError('storage_failed', 'a turn of the space failed', { cause: error });
    this.#closed = new PowerboxError('space_closed', `the space has closed itself: ${cause.message}`, {
      hint: 'Open it again: that decides what happened.',
      cause,
    });
    this.#commits.current.lose(outcomeUnknown(cause));
    this.#arrivals.refuse(this.#closed);
    this.#closing?.();
    this.#shut(this.#closed);
    this.#options.onClosed?.(cause);
  }

  #shut(error: PowerboxError): void {
    this.#closed ??= error;
    this.#quotas?.stop();
    void this.#commits.stop();
    for (const run of this.#onClose.splice(0)) run(this.#closed);
  }

  // ------------------------------------------------------------------ for the turn

  /** The channel of a value, in memory and complete. */
  place(value: Value): Channel {
    return this.channels.place(value);
  }

  newTask(account: Account, body: Body, captures: readonly Value[]): void {
    this.#books.newTask(account, body, captures);
  }

  failed(account: Account, error: Error): void {
    this.#router.failed?.(account, error, this.#context);
    this.#options.onFail?.(account, error);
  }

  setFact(key: string, value: Value | undefined): void {
    if (value === undefined) this.#facts.delete(key);
    else this.#facts.set(key, value);
    if (this.#store !== null) this.#commits.current.facts.set(key, value);
  }

  produceAnyway(channel: Value, message: readonly Value[], account: Account): void {
    this.#books.anyway = true;
    try {
      this.tuples.produce(channel, message, false, account);
    } finally {
      this.#books.anyway = false;
    }
  }

  log(log: string, value: Value): void {
    this.logs.append(this.#commits.current, log, value);
  }

  dropLog(log: string, before: number): void {
    this.logs.drop(this.#commits.current, log, before);
  }

  afterDurable(run: () => void): void {
    this.#commits.current.settle({ durable: run, lost: NOBODY_TO_TELL });
  }
}

/** A request for the record: `[[channel, peek, patterns, remainder], …]`. */
function requestValue(receive: Receive): Value {
  return new List(
    receive.slots.map(
      (slot) => new List([slot.channel, slot.peek, new List(slot.pattern.patterns), slot.pattern.remainder]),
    ),
  );
}
