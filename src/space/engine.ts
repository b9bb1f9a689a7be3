/**
 * The engine of a space: puts its parts together, finds what earlier processes left, takes what comes from outside, and
 * says when the space is closed. Turns run in `loop.ts`, commits are written in `committer.ts`.
 *
 * Nothing leaves before it is durable. A storage error is final: everybody who waits gets `outcome_unknown` and the
 * space is closed.
 */
import { PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { Store } from '../store/index.ts';
import { type Name, NameMaker, Tuple, type Value } from '../values/index.ts';
import { Arrival } from './arrivals.ts';
import { Books } from './books.ts';
import type { Channel } from './channel.ts';
import { Causes } from './causes.ts';
import { takeCensus } from './census.ts';
import { Channels } from './channels.ts';
import { type CommitHost, Committer, outcomeUnknown } from './committer.ts';
import type { SpaceFigures } from './counters.ts';
import type { Span, SpanFields } from './span.ts';
import { Cutter } from './cut.ts';
import type { CauseRecord, EntryHeader } from './entry.ts';
import { Fork, type ForkOptions } from './fork.ts';
import { Facts } from './facts.ts';
import { applyChanges, changesOf, type FactChange } from './fork-changes.ts';
import type { Waiter } from './items.ts';
import { type Contents, inspectChannels, type InspectLimits } from './inspect.ts';
import { whenFewer } from './room.ts';
import { Logs } from './logs.ts';
import { PRODUCE_PERSISTENT, TurnLoop } from './loop.ts';
import { type Messages, messagesIn } from './messages.ts';
import type { EngineOptions } from './options.ts';
import { ObservedTuples } from './observed.ts';
import { RECORDED, type OwnCauses, registerOwnCauses, type Requested, requestValue } from './own-causes.ts';
import { type PurseUsage, restingPurse } from './purse.ts';
import { Quotas, type QuotaSource, SETTINGS_FACT } from './quotas.ts';
import { type JoiningRecorder, Recorders } from './recorders.ts';
import { recover } from './recover.ts';
import { channelRowKey, termRowKey } from './row-keys.ts';
import { type LiveTask, Tasks } from './tasks.ts';
import { standAgain, standingOf } from './standing.ts';
import { digestOfState } from './state-digest.ts';
import { Terms } from './terms.ts';
import { TurnContext, type TurnHost } from './turn.ts';
import { Tuples } from './tuples.ts';
import type {
  Account,
  Apply,
  Body,
  Cause,
  Engine,
  Handling,
  Poster,
  Receive,
  Task,
  TaskRouter,
  Turn,
} from './types.ts';

const NOBODY_TO_TELL = (): void => {};
/** Accounts in memory before anybody looks whether some are not needed. */
const ACCOUNTS_MIN = 1_024;

export class SpaceEngine implements Engine, TurnHost, CommitHost {
  readonly tuples: Tuples;
  readonly tasks = new Tasks();
  readonly names: NameMaker;
  readonly channels: Channels;
  readonly terms: Terms;
  readonly #options: EngineOptions;
  readonly #store: Store | null;
  readonly #cutter: Cutter | null;
  readonly messages: Messages;
  readonly logs: Logs;
  readonly #commits: Committer;
  readonly #books: Books;
  readonly #quotas: Quotas | null;
  readonly #facts = new Facts<Value>();
  readonly #idle: ((account: Account) => void)[] = [];
  readonly #onClose: ((error: Error) => void)[] = [];
  readonly #beforeWrite: (() => void)[] = [];
  readonly #loop: TurnLoop;
  readonly #causes = new Causes();
  readonly #recorders: Recorders;
  readonly #own: OwnCauses;
  readonly #forks = new Set<Fork>();
  #closed: PowerboxError | null = null;
  #accounts_max = ACCOUNTS_MIN;

  // The turn that is running.
  readonly #context: TurnContext;

  private constructor(options: EngineOptions) {
    const { platform, store } = options;
    this.#options = options;
    this.#store = store;
    const nameKey = store === null ? (options.nameKey ?? platform.randomness.bytes(32)) : store.keys.nameKey;
    const readName = (bytes: Uint8Array): Name => this.names.read(bytes);
    this.names = new NameMaker(nameKey, platform.hashing, (name, bytes) => this.channels.derived(name, bytes));
    const sha256 = (bytes: Uint8Array): Uint8Array => platform.hashing.sha256(bytes);
    this.terms = new Terms(sha256, readName, (hash) => store?.rows.getSync(termRowKey(hash)));
    const { recorder, observer } = options;
    this.#recorders = new Recorders(store === null ? null : (recorder ?? null));
    const onRead = this.#recorders.blob.bind(this.#recorders);
    this.messages = messagesIn(store?.blobs ?? null, sha256, readName, onRead);
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
    this.#commits = new Committer(options, this, this.#cutter, this.#recorders);
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
    this.tuples =
      observer === undefined
        ? new Tuples(this.#books)
        : new ObservedTuples(this.#books, observer, () => this.#books.nextTask);
    this.#context = new TurnContext(this, options.turn_steps_max ?? limits.turn_steps_max);
    this.#loop = new TurnLoop(this, {
      options,
      channels: this.channels,
      tasks: this.tasks,
      tuples: this.tuples,
      books: this.#books,
      commits: this.#commits,
      quotas: this.#quotas,
      causes: this.#causes,
      context: this.#context,
      recorders: this.#recorders,
    });
    this.#own = registerOwnCauses(this, this.#quotas);
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
      readsAll: this.#recorders.any || this.#options.replays === true,
    });
    this.#loop.turn = found.header.lastTurn;
    this.#books.nextTask = found.header.nextTask;
    this.#books.nextStamp = found.header.nextStamp;
    this.#commits.last = store.journal.last;
    this.#commits.tail_bytes = found.tail_bytes;
    for (const [key, value] of found.facts) this.#facts.set(key, value);
    this.logs.open();
    const { standing } = this.#options;
    if (standing !== undefined) {
      this.#quotas?.openAgain();
      standAgain(standing, found.tasks, { tasks: this.tasks, quotas: this.#quotas, callers: this.#own });
      return;
    }
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
    this.#loop.router = router;
    if (this.#options.replays === true) return;
    this.#settleQuotas();
    this.schedule();
  }

  /**
   * From now on, until the space is opened again, no task runs; what arrives is still applied and made durable. Said of
   * a machine on which nothing new should be begun.
   */
  pause(): void {
    this.#loop.pause();
  }

  /** What quotas say is on record, for turns follow from it: a cause of its own when they are others than before. */
  #settleQuotas(): void {
    const quotas = this.#quotas;
    const settings = quotas?.settings;
    if (this.#facts.get(SETTINGS_FACT) === settings) return;
    const settled = this.enact({ kind: 'quotas', payload: settings ?? null, account: 0 });
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
    const refilled = this.enact({ kind: 'refill', payload: periods, account: 0 });
    // Refused by a space that closes, or one with so many arrivals that this one is tried again.
    refilled.catch(NOBODY_TO_TELL);
  }

  beforeWrite(): void {
    for (const run of this.#beforeWrite) run();
    this.logs.writeRanges(this.#commits.current);
    this.#quotas?.writeChanged();
  }

  /** Bytes of journal that are in no row yet: what opening after a crash would read. */
  get tail_bytes(): number {
    return this.#commits.tail_bytes;
  }

  header(): EntryHeader {
    return { lastTurn: this.#loop.turn, nextTask: this.#books.nextTask, nextStamp: this.#books.nextStamp };
  }

  /** The first step of a message from outside, when somebody follows it. */
  follow(name: string, fields: SpanFields, parent: string | null = null): Span | null {
    return this.#options.follow?.(name, fields, parent) ?? null;
  }

  /** In a turn: what `run` sets in motion is followed as steps beneath `span`. */
  followed(span: Span | null, run: () => void): void {
    const before = this.#books.span;
    this.#books.span = span;
    try {
      run();
    } finally {
      this.#books.span = before;
    }
  }

  /** What is counted and what there is, for who watches; never inside a turn. */
  figures(): SpaceFigures {
    return {
      counters: this.#commits.counters,
      turns: this.#loop.turn,
      tasks: this.#books.nextTask - 1,
      data: this.#books.nextStamp - 1,
      entries: this.#commits.last,
      ...this.tasks.totals(),
      channels: this.channels.count,
      cache_bytes: this.channels.size_bytes,
      tail_bytes: this.tail_bytes,
      facts: this.#facts.size,
    };
  }

  get turn(): number {
    return this.#loop.turn;
  }

  /** The number of the task that is made next. */
  get nextTask(): number {
    return this.#books.nextTask;
  }

  get closed(): PowerboxError | null {
    return this.#closed;
  }

  register(kind: string, apply: Apply): void {
    this.#causes.register(kind, apply);
  }

  enact<T>(cause: Cause, after: ((result: T, turn: Turn) => void) | null = null): Promise<T> {
    return this.#arrive(cause, null, null, after as Arrival['after'], null) as Promise<T>;
  }

  conclude(task: Task, cause: Cause, after: ((result: unknown, turn: Turn) => void) | null = null): Promise<boolean> {
    return this.#arrive(cause, null, null, after, task as LiveTask) as Promise<boolean>;
  }

  enactFor(poster: Poster, cause: Cause): void {
    this.#arriveFor(poster, cause, null, null, null, null);
  }

  concludeFor(poster: Poster, task: Task, cause: Cause): void {
    this.#arriveFor(poster, cause, null, null, null, task as LiveTask);
  }

  post<T>(cause: Cause, apply: (turn: Turn) => T): Promise<T> {
    return this.#arrive(cause, null, apply, null, null) as Promise<T>;
  }

  finish(task: Task, cause: Cause, apply: (turn: Turn) => void): Promise<boolean> {
    return this.#arrive(cause, null, apply, null, task as LiveTask) as Promise<boolean>;
  }

  unfinished(): Iterable<Task> {
    return this.tasks.all();
  }

  held(number: number): Task | undefined {
    return this.tasks.held.get(number);
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
    const cause: Cause = { kind: deliver === null ? 'request' : 'wait', payload: requestValue(receive), account: 0 };
    const requested = this.enact<Requested>(cause, ({ waiter }) => {
      if (waiter === null) return;
      waiter.deliver = deliver;
      waiter.refuse = refuse;
      onWait(waiter, this.#loop.turn);
    });
    return requested.then(({ captures }) => captures);
  }

  /** A message put on a channel from outside. Its entry holds the message once, in the cause. */
  produce(
    channel: Value,
    message: readonly Value[],
    persist: boolean,
    account: Account,
    span: Span | null = null,
  ): Promise<void> {
    const kind = persist ? PRODUCE_PERSISTENT : 'produce';
    const cause: Cause = { kind, payload: channel, account, ...(span === null ? undefined : { span }) };
    return this.#arrive(cause, message, null, null, null) as Promise<void>;
  }

  #arrive(
    cause: Cause,
    message: readonly Value[] | null,
    apply: ((turn: Turn) => unknown) | null,
    after: Arrival['after'],
    task: LiveTask | null,
    guard: Arrival['guard'] = null,
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#arriveFor({ done: resolve, refused: reject }, cause, message, apply, after, task, guard);
    });
  }

  #arriveFor(
    poster: Poster,
    cause: Cause,
    message: readonly Value[] | null,
    apply: ((turn: Turn) => unknown) | null,
    after: Arrival['after'],
    task: LiveTask | null,
    guard: Arrival['guard'] = null,
  ): void {
    if (this.#closed !== null || this.isReplay) {
      poster.refused(
        this.#closed ?? new PowerboxError('not_available', 'this space is a replay: it takes nothing from outside'),
      );
      return;
    }
    const arrival = new Arrival(cause, message, apply, after, task, poster);
    arrival.guard = guard;
    this.#loop.arrive(arrival);
  }

  unpark(label: string): void {
    this.#loop.unpark(label);
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
    const found = [...this.#facts.entries()].filter(([key]) => key.startsWith(prefix));
    yield* found.sort(([one], [other]) => (one < other ? -1 : 1));
  }

  pending(account: Account): { ready: number; outside: number; parked: number } {
    const { ready, outside, parked } = this.tasks.of(account);
    return { ready, outside, parked };
  }

  /** Gives up what is kept of an account of its own. False, and nothing has changed, where something of it is to run, or is counted. */
  retire(account: Account): boolean {
    return this.tasks.isIdle(account) && (this.#quotas?.retire(account) ?? true);
  }

  /** Of accounts that have an heir nothing is kept in memory; for a caller who comes often, most of whose calls do nothing. */
  sweepAccounts(heir: (account: Account) => Account | null): void {
    if (this.tasks.count < this.#accounts_max) return;
    this.tasks.sweep(heir);
    this.#accounts_max = Math.max(ACCOUNTS_MIN, 2 * this.tasks.count);
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

  /** A number of the commit that the turn now running is part of, in this process. */
  get commit(): number {
    return this.#commits.serial;
  }

  /**
   * Called each time before the turns since the last commit are written: what changes in many of them can be made a
   * fact once. It may set facts, and do nothing else.
   */
  onBeforeWrite(run: () => void): void {
    this.#beforeWrite.push(run);
  }

  /** Called once, when the space has closed, for whatever reason. */
  onClose(run: (error: Error) => void): void {
    this.#onClose.push(run);
  }

  /** Finishes the commit under way and what was asked before, then closes the store. */
  async close(): Promise<void> {
    if (this.#closed === null) {
      await this.#loop.drain();
      this.#shut(new PowerboxError('space_closed', 'the space is closed'));
    }
    await this.#commits.stop();
    await this.#store?.close();
  }

  // ------------------------------------------------------------------ recordings

  /**
   * Records from now on: it begins behind a commit of its own, which follows at once. Resolves when it has begun. Refused
   * with `rate_limited` when there are too many.
   */
  async record(recorder: JoiningRecorder): Promise<void> {
    this.#recorders.join(recorder);
    try {
      await this.enact({ kind: RECORDED, payload: null, account: 0 });
    } catch (error) {
      this.#recorders.leave(recorder);
      throw error;
    }
  }

  /** It hears of nothing more. */
  unrecord(recorder: JoiningRecorder): void {
    this.#recorders.leave(recorder);
  }

  // ------------------------------------------------------------------ forks

  get quotaSource(): QuotaSource | null {
    return this.#options.quotas ?? null;
  }

  /** An overlay over the space as it is now. Nothing is paid for it but what the space changes while it is open. */
  fork(options: ForkOptions = {}): Fork {
    if (this.#closed !== null) throw this.#closed;
    if (this.#forks.size >= limits.forks_max)
      throw new PowerboxError('too_many_tasks', `${limits.forks_max} forks of this space are open`);
    const fork = new Fork(this, this.#options.platform, (ended) => this.#left(ended), options);
    this.#forks.add(fork);
    this.#books.forks = this.#forks;
    return fork;
  }

  #left(fork: Fork): void {
    this.#forks.delete(fork);
    if (this.#forks.size === 0) this.#books.forks = null;
  }

  /**
   * What a fork did, in one turn of the space, unless something that it has looked at has changed. It is over then,
   * whatever comes of it. Resolves when the turn is durable.
   */
  applyFork(fork: Fork, account: Account): Promise<void> {
    return this.applyForkWith(fork, account, (changes) => ({ kind: 'fork', payload: new Tuple(['atomic', changes]) }));
  }

  /** As `applyFork`, with a cause of another kind that does more in that turn; `refuse` may say why it must not be. */
  applyForkWith(
    fork: Fork,
    account: Account,
    causeOf: (changes: Value) => { readonly kind: string; readonly payload: Value },
    refuse: () => PowerboxError | null = () => null,
  ): Promise<void> {
    const applied = this.#arrive(
      { ...causeOf(changesOf(fork)), account, mode: 'atomic', span: fork.span },
      null,
      null,
      () => fork.drop(),
      null,
      () => fork.conflict() ?? refuse(),
    );
    return (applied as Promise<void>).finally(() => fork.drop());
  }

  /** In the turn of such a cause, with `(mode, changes, …)`; for whoever has registered its kind, and keeps facts in mind. */
  takeOver(turn: Turn, payload: Value): readonly FactChange[] {
    const [, changes] = (payload as Tuple).items;
    // Quotas were asked in the fork: here it is all or nothing.
    this.#books.anyway = true;
    try {
      return applyChanges(this, turn, changes as Value);
    } finally {
      this.#books.anyway = false;
    }
  }

  // ------------------------------------------------------------------ for a replay, which says whose turn is next

  /** What stands in memory only, between two turns; see `standing.ts`. */
  standing(): Value {
    return standingOf({ tasks: this.tasks, quotas: this.#quotas, callers: this.#own });
  }

  /** All that there is, as one hash; between two turns of a replay. See `state-digest.ts`. */
  stateDigest(): Promise<Uint8Array> {
    return digestOfState({
      header: this.header(),
      facts: this.facts(''),
      tasks: [...this.tasks.all()].sort((one, other) => one.number - other.number),
      standing: this.standing(),
      channels: this.channels,
      changed: this.#cutter?.changed ?? [],
      rows: (this.#store as Store).rows,
      readName: (bytes) => this.names.read(bytes),
      sha256: (bytes) => this.#options.platform.hashing.sha256(bytes),
      cache_bytes: this.#options.cache_bytes ?? limits.cache_bytes_default,
    });
  }

  get isReplay(): boolean {
    return this.#options.replays === true;
  }

  /** Does a recorded cause in the next turn; how it was refused, or null. Its kind is one that is registered. */
  redoCause(record: CauseRecord): PowerboxError | null {
    return this.#loop.redoCause(record);
  }

  knows(kind: string): boolean {
    return kind === 'produce' || kind === PRODUCE_PERSISTENT || this.#causes.has(kind);
  }

  /** See `TurnLoop.redoTask`. */
  redoTask(expected: Handling): { readonly task: Task; readonly handling: Handling } | null {
    return this.#loop.redoTask(expected);
  }

  /** Ends the commit under way: the digest of what followed from its turns, as a recorder was told. */
  redoCommit(): Promise<Uint8Array> {
    return this.#commits.redo();
  }

  // ------------------------------------------------------------------ for its parts

  /** Asks for another slice of turns. */
  schedule(): void {
    this.#loop.schedule();
  }

  idle(account: Account): void {
    for (const run of this.#idle) run(account);
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
    this.#loop.end(this.#closed);
    this.#shut(this.#closed);
    this.#options.onClosed?.(cause);
  }

  #shut(error: PowerboxError): void {
    this.#closed ??= error;
    this.#quotas?.stop();
    for (const fork of [...this.#forks]) fork.drop();
    void this.#commits.stop();
    for (const run of this.#onClose.splice(0)) run(this.#closed);
  }

  // ------------------------------------------------------------------ for the turn

  /** The channel of a value, in memory and complete. */
  place(value: Value): Channel {
    return this.channels.place(value);
  }

  spend(account: Account, cost: number): void {
    this.#books.spend(account, cost);
  }

  newTask(account: Account, body: Body, captures: readonly Value[]): void {
    this.#books.newTask(account, body, captures);
  }

  failed(account: Account, error: Error): void {
    this.#loop.router.failed?.(account, error, this.#context);
    this.#options.onFail?.(account, error);
  }

  setFact(key: string, value: Value | undefined): void {
    for (const fork of this.#forks) fork.keepFact(key, this.#facts.get(key));
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

  logBytes(log: string, bytes: Uint8Array): void {
    this.logs.appendBytes(this.#commits.current, log, bytes);
  }

  dropLog(log: string, before: number): void {
    this.logs.drop(this.#commits.current, log, before);
  }

  afterDurable(run: () => void): void {
    if (this.#options.replays === true) return;
    this.#commits.current.settle({ durable: run, lost: NOBODY_TO_TELL });
  }

  afterDurableLater(run: () => void): void {
    if (this.#options.replays === true) return;
    this.#commits.current.settleLater({ durable: run, lost: NOBODY_TO_TELL }, 0);
  }
}
