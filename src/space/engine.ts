/**
 * The loop of turns: takes messages from outside and ready tasks, applies each as one turn, writes what they
 * did as commits, and lets out what a commit allows once it is durable.
 *
 * Nothing leaves before it is durable. One append is under way at a time; the next turns run meanwhile, up to
 * a bound. A storage error is final: everybody who waits gets `outcome_unknown` and the space is closed.
 */
import { PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { MessagePattern } from '../match/index.ts';
import type { Platform } from '../platform/index.ts';
import type { Durability, Store } from '../store/index.ts';
import { Encoder, equal, List, type Name, NameMaker, type Value } from '../values/index.ts';
import type { Channel } from './channel.ts';
import { Channels } from './channels.ts';
import { Cutter } from './cut.ts';
import { Commit, type EntryHeader, writeEntry } from './entry.ts';
import type { Datum, Waiter } from './items.ts';
import { type Contents, inspectChannels, type InspectLimits } from './inspect.ts';
import { type Messages, messagesIn } from './messages.ts';
import { recover } from './recover.ts';
import { repetition, repetitionOf, REPEAT_LABEL } from './repeat.ts';
import { ResidentDataShelf, ResidentWaiterShelf } from './shelf.ts';
import { LiveTask, Tasks } from './tasks.ts';
import { type Term, Terms } from './terms.ts';
import { type Ledger, Tuples } from './tuples.ts';
import { channelRowKey, termRowKey } from './row-keys.ts';
import type { Account, Body, Cause, Engine, Receive, Task, TaskRouter, TermReference, Turn } from './types.ts';

export interface EngineOptions {
  readonly platform: Platform;
  /** Where the space is kept; null for a space in memory that nothing survives. */
  readonly store: Store | null;
  /** The 32 bytes that names are derived from, for a space without a store. */
  readonly nameKey?: Uint8Array;
  readonly cache_bytes?: number;
  readonly journal_tail_bytes_max?: number;
  readonly journal_tail_age_ms_max?: number;
  readonly yield_ms?: number;
  /** A failure of one branch of a program. */
  readonly onFail?: (account: Account, error: Error) => void;
  /** The space has closed itself because storage failed. */
  readonly onClosed?: (error: Error) => void;
  /** Called at named points of the path of a message: the crash test kills the process there. */
  readonly failpoint?: (name: Failpoint) => void;
  /** A planted bug, for tests that must find it. */
  readonly plant?: 'acknowledge-before-sync' | 'task-twice' | 'lose-datum' | 'effect-not-begun' | 'rows-ahead';
}

/**
 * Each before and after. `append` is from the closed commit to the engine's own books, `sync` the journal's synced
 * write within it; `acknowledge:after` comes when those who wait have heard.
 */
export const FAILPOINTS = [
  'turn:before',
  'turn:after',
  'append:before',
  'append:after',
  'sync:before',
  'sync:after',
  'acknowledge:before',
  'acknowledge:after',
  'rows:before',
  'rows:after',
  'truncate:before',
  'truncate:after',
] as const;
export type Failpoint = (typeof FAILPOINTS)[number];

/** A message from outside that waits for its turn. */
interface Arrival {
  readonly cause: Cause;
  readonly message: readonly Value[] | null;
  readonly apply: (turn: Turn) => unknown;
  readonly task: LiveTask | null;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

const PARKED_ROUTER: TaskRouter = {
  handling: () => 'parked',
  run: () => {},
  deliver: () => {},
};

/** Turns between two looks at the clock. */
const CLOCK_TURNS = 128;
/** Channels that one slice encodes for a cut. */
const CUT_CHANNELS_A_SLICE = 512;
/** Arrivals applied before tasks get their share again. */
const ARRIVALS_A_ROUND = 1024;
/** Tasks run before arrivals get their share again. */
const TASKS_A_ROUND = 2048;

export class SpaceEngine implements Engine, Ledger {
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
  readonly #messages: Messages;
  readonly #encoder = new Encoder(64 * 1024);
  readonly #facts = new Map<string, Value>();
  readonly #termPolicy = { mustWrite: (term: Term): boolean => this.terms.journal(term) };
  readonly #idle: ((account: Account) => void)[] = [];
  readonly #onClose: ((error: Error) => void)[] = [];
  #router: TaskRouter = PARKED_ROUTER;
  #arrivals: Arrival[] = [];
  #arrivalsHead = 0;
  #commit = new Commit(1);
  #serial = 1;
  #turn = 0;
  #nextTask = 1;
  #nextStamp = 1;
  #last = 0;
  #scheduled = false;
  #appending = false;
  #tail_bytes = 0;
  #cutSince_ms = 0;
  #closed: PowerboxError | null = null;
  #closing: (() => void) | null = null;
  #writing: Promise<void> | null = null;
  #ageTimer: { cancel(): void } | null = null;

  // The turn that is running.
  readonly #context: TurnContext;
  #messageCause = -1;

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
    this.channels = new Channels(
      store === null
        ? null
        : {
            rowKey: (key) => channelRowKey(key, sha256),
            read: (row) => store.rows.getSync(row),
            write: (row, value) => (this.#cutter as Cutter).write(row, value),
            terms: this.terms,
            termPolicy: { mustWrite: (term) => (this.#cutter as Cutter).mustWrite(term) },
            readName,
          },
    );
    this.#cutter = store === null ? null : new Cutter(store.rows, this.channels, sha256);
    this.#messages = messagesIn(store?.blobs ?? null, sha256, readName);
    this.tuples = new Tuples(this);
    this.#context = new TurnContext(this);
    this.#cutSince_ms = platform.clock.monotonic_ms();
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
      messages: this.#messages,
      cutter: this.#cutter as Cutter,
    });
    this.#turn = found.header.lastTurn;
    this.#nextTask = found.header.nextTask;
    this.#nextStamp = found.header.nextStamp;
    this.#last = store.journal.last;
    this.#tail_bytes = found.tail_bytes;
    for (const [key, value] of found.facts) this.#facts.set(key, value);
    for (const task of found.tasks) this.tasks.push(task);
  }

  // ------------------------------------------------------------------ for the dispatcher and the host

  /** Sets who runs tasks; those found by recovery start moving with it. */
  start(router: TaskRouter): void {
    this.#router = router;
    this.#schedule();
  }

  /** Bytes of journal that are in no row yet: what opening after a crash would read. */
  get tail_bytes(): number {
    return this.#tail_bytes;
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
   * caller of this process, who is gone when the process is. Resolves with the captures, or null.
   */
  request(
    receive: Receive,
    deliver: ((captures: readonly Value[]) => void) | null,
    onWait: (waiter: Waiter) => void,
  ): Promise<readonly Value[] | null> {
    const cause: Cause = { kind: 'request', payload: requestValue(receive), account: 0 };
    const apply = (): readonly Value[] | null => {
      const captures = this.tuples.tryOnce(receive);
      if (captures === null && deliver !== null) onWait(this.tuples.wait(receive, deliver));
      return captures;
    };
    return this.#arrive(cause, null, apply, null) as Promise<readonly Value[] | null>;
  }

  /** A message put on a channel from outside. Its entry holds the message once, in the cause. */
  produce(channel: Value, message: readonly Value[], persist: boolean, account: Account): Promise<void> {
    const cause: Cause = { kind: persist ? 'produce!' : 'produce', payload: channel, account };
    return this.#arrive(cause, message, (turn) => turn.produce(channel, message, persist), null) as Promise<void>;
  }

  #arrive(
    cause: Cause,
    message: readonly Value[] | null,
    apply: (turn: Turn) => unknown,
    task: LiveTask | null,
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#closed !== null) {
        reject(this.#closed);
        return;
      }
      if (this.#arrivals.length - this.#arrivalsHead >= limits.causes_waiting_max) {
        reject(new PowerboxError('too_many_tasks', `${limits.causes_waiting_max} messages are waiting for their turn`));
        return;
      }
      this.#arrivals.push({ cause, message, apply, task, resolve, reject });
      if (!this.#scheduled) this.#schedule();
    });
  }

  unpark(label: string): void {
    for (const task of [...this.tasks.held.values()]) {
      if (task.state !== 'parked' || task.body.label !== label) continue;
      this.tasks.release(task);
      this.tasks.push(task);
    }
    this.#schedule();
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

  durable(): Promise<void> {
    if (this.#closed !== null) return Promise.reject(this.#closed);
    if (this.#commit.empty && !this.#appending) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#commit.outbox.push(resolve);
      this.#commit.refused.push(reject);
      this.#schedule();
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
        this.#schedule();
      });
      this.#shut(new PowerboxError('space_closed', 'the space is closed'));
    }
    if (this.#writing !== null) await this.#writing;
    await this.#store?.close();
  }

  // ------------------------------------------------------------------ the loop

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#platform.timers.soon(this.#slice);
  }

  readonly #slice = (): void => {
    this.#scheduled = false;
    if (this.#closed !== null) return;
    try {
      // The journal's tail is bounded: turns wait for a cut that they have left behind.
      if (!this.#rowsBehind) this.#runTurns();
      if (this.#closed !== null) return;
      this.#flush();
      this.#advanceCut();
    } catch (error) {
      // A turn must not throw: what is in memory can no longer be trusted, what is on disk can.
      this.#fail(error);
      return;
    }
    for (const tasks of this.tasks.accounts()) if (tasks.ready === 0 && tasks.wasBusy) this.#settled(tasks);
    const ahead = this.#appending && this.#commit.turns > 0 && this.#commitIsFull();
    // A space that closes starts no task any more: those that are ready are durable, and go on when it opens.
    const more = (this.#closing === null && this.tasks.anyReady) || this.#arrivals.length > this.#arrivalsHead;
    // When rows are behind, the cut that is under way asks for the next slice.
    if (!ahead && more && !this.#rowsBehind) this.#schedule();
    else if (
      this.#closing !== null &&
      !this.#appending &&
      this.#commit.empty &&
      this.#arrivals.length === this.#arrivalsHead
    )
      this.#closing();
  };

  #settled(tasks: { account: Account; wasBusy: boolean }): void {
    tasks.wasBusy = false;
    for (const run of this.#idle) run(tasks.account);
  }

  /** Turns until the time is up, the commit is full or nothing is left. Where it stops never shows in the record. */
  #runTurns(): void {
    const { clock } = this.#platform;
    const deadline_ms = clock.monotonic_ms() + (this.#options.yield_ms ?? limits.yield_ms);
    let untilClock = CLOCK_TURNS;
    for (;;) {
      let moved = false;
      for (let left = ARRIVALS_A_ROUND; left > 0 && this.#arrivalsHead < this.#arrivals.length; left--) {
        moved = true;
        this.#runArrival(this.#takeArrival());
      }
      if (this.#closing === null) {
        for (let left = TASKS_A_ROUND; left > 0; left--) {
          const task = this.tasks.next();
          if (task === null) break;
          moved = true;
          this.#runTask(task);
          if (--untilClock <= 0) {
            untilClock = CLOCK_TURNS;
            if (clock.monotonic_ms() >= deadline_ms || this.#commitIsFull()) return;
          }
        }
      }
      if (!moved || clock.monotonic_ms() >= deadline_ms || this.#commitIsFull()) return;
    }
  }

  #takeArrival(): Arrival {
    const arrival = this.#arrivals[this.#arrivalsHead++] as Arrival;
    if (this.#arrivalsHead === this.#arrivals.length) {
      this.#arrivals = [];
      this.#arrivalsHead = 0;
    } else if (this.#arrivalsHead >= 4096) {
      this.#arrivals = this.#arrivals.slice(this.#arrivalsHead);
      this.#arrivalsHead = 0;
    }
    return arrival;
  }

  #commitIsFull(): boolean {
    const commit = this.#commit;
    return commit.turns >= COMMIT_TURNS_MAX || commit.data.length >= COMMIT_TURNS_MAX;
  }

  #runArrival(arrival: Arrival): void {
    const { cause, task } = arrival;
    if (task !== null && task.state !== 'outside') {
      arrival.resolve(false);
      return;
    }
    this.#options.failpoint?.('turn:before');
    this.#turn++;
    const commit = this.#commit;
    commit.turns++;
    if (this.#store !== null) {
      commit.causes.push({
        turn: this.#turn,
        kind: cause.kind,
        account: cause.account,
        payload: cause.payload,
        message: arrival.message,
      });
      this.#messageCause = arrival.message === null ? -1 : commit.causes.length - 1;
    }
    const context = this.#context.begin(cause.account, this.#nextTask++);
    let result: unknown;
    try {
      if (task !== null) this.#endTask(task);
      result = arrival.apply(context);
    } catch (error) {
      if (!(error instanceof PowerboxError)) throw error;
      // A refusal: what the turn did before it stays, and the caller hears of it like of any answer.
      this.#messageCause = -1;
      commit.outbox.push(() => arrival.reject(error));
      return;
    }
    this.#messageCause = -1;
    commit.outbox.push(() => arrival.resolve(task === null ? result : true));
    commit.refused.push(arrival.reject);
    this.#options.failpoint?.('turn:after');
  }

  #runTask(task: LiveTask): void {
    if (task.body.label === REPEAT_LABEL) {
      this.#startTurn(task);
      this.#meetAgain(task);
      this.#endTask(task);
      return;
    }
    const router = this.#router;
    const handling = router.handling(task);
    if (handling === 'inline') {
      if (this.#failpoint !== null) this.#failpoint('turn:before');
      const context = this.#startTurn(task);
      router.run(task, context);
      if (!this.#plantTaskTwice) this.#endTask(task);
      if (this.#failpoint !== null) this.#failpoint('turn:after');
      return;
    }
    this.tasks.hold(task, handling);
    if (handling === 'outside') this.#commit.outbox.push(() => this.#router.deliver(task));
  }

  #startTurn(task: LiveTask): TurnContext {
    this.#turn++;
    this.#commit.turns++;
    return this.#context.begin(task.account, task.number);
  }

  #endTask(task: LiveTask): void {
    this.tasks.release(task);
    task.state = 'done';
    if (this.#store !== null && task.born !== this.#serial) this.#commit.tasksGone.push(task.number);
  }

  #meetAgain(task: LiveTask): void {
    const found = repetitionOf(task, this.channels);
    if (found !== null) this.tuples.meetAgain(found.waiter, found.data);
  }

  // ------------------------------------------------------------------ commits

  #flush(): void {
    if (this.#appending) return;
    const commit = this.#commit;
    if (commit.empty) return;
    this.#commit = new Commit(++this.#serial);
    const store = this.#store;
    if (store === null) {
      this.#letOut(commit);
      return;
    }
    if (commit.turns === 0) {
      this.#letOut(commit);
      return;
    }
    const encoder = this.#encoder;
    encoder.reset();
    const header: EntryHeader = { lastTurn: this.#turn, nextTask: this.#nextTask, nextStamp: this.#nextStamp };
    writeEntry(encoder, commit, header, this.#termPolicy, this.#messages);
    const entry = encoder.finish();
    const cutter = this.#cutter as Cutter;
    cutter.note(commit);
    // Only now is it known which channels must stay: those that this commit changed are marked.
    this.channels.evict(this.#options.cache_bytes ?? limits.cache_bytes_default);
    this.#tail_bytes += entry.length;
    this.#appending = true;
    this.#options.failpoint?.('append:before');
    if (this.#options.plant === 'acknowledge-before-sync') this.#letOut(commit);
    const blobs =
      this.#options.plant === 'acknowledge-before-sync'
        ? this.#later(this.#messages.takePending())
        : this.#messages.takePending();
    const appended = blobs === null ? this.#append(store, entry) : blobs.then(() => this.#append(store, entry));
    appended.then(
      () => {
        this.#options.failpoint?.('sync:after');
        this.#appending = false;
        this.#last++;
        this.#options.failpoint?.('append:after');
        if (this.#options.plant !== 'acknowledge-before-sync') this.#letOut(commit);
        this.#afterAppend();
      },
      (error) => {
        this.#appending = false;
        for (const refuse of commit.refused) refuse(outcomeUnknown(error));
        this.#fail(error);
      },
    );
    this.#maybeCut(header);
  }

  #append(store: Store, entry: Uint8Array): Promise<void> {
    const appended = store.journal.append(this.#last, entry);
    this.#options.failpoint?.('sync:before');
    return appended;
  }

  /** For a planted bug: those who were told too early have time to say so. */
  #later<T>(pending: Promise<T> | null): Promise<T | null> {
    return new Promise((resolve) => this.#platform.timers.after(PLANTED_DELAY_MS, () => resolve(pending)));
  }

  #letOut(commit: Commit): void {
    const { failpoint } = this.#options;
    failpoint?.('acknowledge:before');
    for (const run of commit.outbox) run();
    if (failpoint !== undefined) this.#platform.timers.soon(() => failpoint('acknowledge:after'));
  }

  #afterAppend(): void {
    if (this.#closed !== null) return;
    this.#schedule();
  }

  /** Starts bringing rows up to date when the journal's tail is long or old. Called right after a flush. */
  #maybeCut(header: EntryHeader): void {
    const cutter = this.#cutter as Cutter;
    const { clock, timers } = this.#platform;
    if (cutter.busy) return;
    const bytes_max = this.#options.journal_tail_bytes_max ?? limits.journal_tail_bytes_max;
    const age_ms_max = this.#options.journal_tail_age_ms_max ?? limits.journal_tail_age_ms_max;
    const now_ms = clock.monotonic_ms();
    if (this.#tail_bytes < bytes_max / 2 && now_ms - this.#cutSince_ms < age_ms_max) {
      this.#ageTimer ??= timers.after(age_ms_max, () => {
        this.#ageTimer = null;
        this.#cutWhenQuiet();
      });
      return;
    }
    this.#beginCut(header);
  }

  #cutWhenQuiet(): void {
    const cutter = this.#cutter as Cutter;
    if (this.#closed !== null || cutter.busy || this.#tail_bytes === 0 || this.#appending || !this.#commit.empty)
      return;
    this.#beginCut({ lastTurn: this.#turn, nextTask: this.#nextTask, nextStamp: this.#nextStamp });
    this.#schedule();
  }

  #beginCut(header: EntryHeader): void {
    const cutter = this.#cutter as Cutter;
    this.#tail_bytes = 0;
    this.#cutSince_ms = this.#platform.clock.monotonic_ms();
    cutter.begin(this.#appending ? this.#last + 1 : this.#last, header, this.terms.takeFresh());
  }

  /** A cut is under way, and as much journal as one cut brings into the rows has been written since it began. */
  get #rowsBehind(): boolean {
    const bytes_max = this.#options.journal_tail_bytes_max ?? limits.journal_tail_bytes_max;
    return this.#tail_bytes >= bytes_max / 2 && (this.#cutter?.busy ?? false);
  }

  #advanceCut(): void {
    const cutter = this.#cutter;
    if (cutter === null || !cutter.busy || this.#writing !== null) return;
    if (cutter.encoding) {
      cutter.advance(this.#rowsBehind ? Number.MAX_SAFE_INTEGER : Math.max(CUT_CHANNELS_A_SLICE, cutter.behind));
      if (cutter.encoding) {
        this.#schedule();
        return;
      }
    }
    // The rows must never run ahead of the journal.
    if (cutter.entry > this.#last && this.#options.plant !== 'rows-ahead') return;
    const store = this.#store as Store;
    this.#options.failpoint?.('rows:before');
    this.#writing = cutter
      .finish()
      .then(async () => {
        this.#options.failpoint?.('rows:after');
        this.#options.failpoint?.('truncate:before');
        await store.journal.drop(cutter.entry);
        this.#options.failpoint?.('truncate:after');
      })
      .then(
        () => {
          this.#writing = null;
          if (this.#closed === null) this.#schedule();
        },
        (error) => {
          this.#writing = null;
          this.#fail(error);
        },
      );
  }

  #fail(error: unknown): void {
    if (this.#closed !== null) return;
    const cause =
      error instanceof PowerboxError
        ? error
        : new PowerboxError('storage_failed', 'a turn of the space failed', { cause: error });
    this.#closed = new PowerboxError('space_closed', `the space has closed itself: ${cause.message}`, {
      hint: 'Open it again: that decides what happened.',
      cause,
    });
    for (const refuse of this.#commit.refused) refuse(outcomeUnknown(cause));
    for (let index = this.#arrivalsHead; index < this.#arrivals.length; index++)
      (this.#arrivals[index] as Arrival).reject(this.#closed);
    this.#arrivals = [];
    this.#arrivalsHead = 0;
    this.#closing?.();
    this.#shut(this.#closed);
    this.#options.onClosed?.(cause);
  }

  #shut(error: PowerboxError): void {
    this.#closed ??= error;
    this.#ageTimer?.cancel();
    for (const run of this.#onClose.splice(0)) run(this.#closed);
  }

  // ------------------------------------------------------------------ the ledger: what `tuples.ts` tells

  place(value: Value): Channel {
    return this.channels.place(value);
  }

  touch(channel: Channel): void {
    if (channel.cut === 1) (this.#cutter as Cutter).touch(channel);
  }

  datumPut(channel: Channel, datum: Datum): void {
    if (this.#store === null) return;
    if (channel.data instanceof ResidentDataShelf && channel.data.live > limits.inline_items_max)
      this.channels.pageData(channel);
    datum.born = this.#serial;
    if (this.#options.plant === 'lose-datum' && datum.number % 7 === 3) return;
    this.#commit.addDatum(channel, datum);
  }

  datumGone(channel: Channel, datum: Datum): void {
    if (this.#store === null || datum.born === this.#serial) return;
    this.#commit.dataGone.push(datum.number);
    this.#commit.dataGoneChannels.push(channel);
  }

  waiterPut(waiter: Waiter): void {
    if (this.#store === null || waiter.deliver !== null) return;
    this.#pageWaiters(waiter);
    waiter.born = this.#serial;
    this.#commit.addWaiter(waiter);
  }

  #pageWaiters(waiter: Waiter): void {
    for (const channel of waiter.join === null ? [waiter.channel] : waiter.join.channels)
      if (channel.waiters instanceof ResidentWaiterShelf && channel.waiters.live > limits.inline_items_max)
        this.channels.pageWaiters(channel);
  }

  waiterGone(waiter: Waiter): void {
    waiter.gone = true;
    if (this.#store === null || waiter.born === this.#serial || waiter.deliver !== null) return;
    this.#commit.waitersGone.push(waiter);
  }

  fire(waiter: Waiter, account: Account, captures: readonly Value[]): void {
    const deliver = waiter.deliver;
    if (deliver !== null) {
      this.#commit.outbox.push(() => deliver(captures));
      return;
    }
    this.newTask(account, waiter.receive.body, captures);
  }

  repeat(waiter: Waiter, account: Account, data: readonly Datum[]): void {
    this.newTask(
      account,
      repetition(waiter),
      data.map((datum) => datum.number),
    );
  }

  newTask(account: Account, body: Body, captures: readonly Value[]): void {
    const tasks = this.tasks.of(account);
    if (tasks.ready >= limits.account_tasks_max) {
      this.failed(
        account,
        new PowerboxError('too_many_tasks', `${limits.account_tasks_max} tasks of this account are waiting to run`),
      );
      return;
    }
    const task = new LiveTask(this.#nextTask++, account, body, captures);
    if (this.#store !== null) {
      task.born = this.#serial;
      this.#commit.addTask(task);
    }
    this.tasks.pushFor(tasks, task);
  }

  tooMuchWork(_channel: Channel): void {
    this.failed(
      this.#context.account,
      new PowerboxError('too_much_work', 'a pattern gave up on a message and counts as not matching it'),
    );
  }

  nextStamp(): number {
    return this.#nextStamp++;
  }

  messageCause(): number {
    return this.#messageCause;
  }

  // ------------------------------------------------------------------ for the turn

  failed(account: Account, error: Error): void {
    this.#router.failed?.(account, error, this.#context);
    this.#options.onFail?.(account, error);
  }

  setFact(key: string, value: Value | undefined): void {
    if (value === undefined) this.#facts.delete(key);
    else this.#facts.set(key, value);
    if (this.#store !== null) this.#commit.facts.set(key, value);
  }

  afterDurable(run: () => void): void {
    this.#commit.outbox.push(run);
  }
}

/** Turns of one commit; past it the next slice waits for the append. Bounds what a crash can undo. */
const COMMIT_TURNS_MAX = 65_536;

/** How late an append is when a planted bug has acknowledged it already. */
const PLANTED_DELAY_MS = 2;

function outcomeUnknown(cause: unknown): PowerboxError {
  return new PowerboxError(
    'outcome_unknown',
    'storage failed while this was being written: it may or may not have happened',
    {
      hint: 'Open the space again and look.',
      cause,
    },
  );
}

/** The one turn object of an engine, used again for every turn. */
class TurnContext implements Turn {
  account: Account = 0;
  steps = 0;
  #task = 0;
  #counter = 0;
  readonly #engine: SpaceEngine;

  constructor(engine: SpaceEngine) {
    this.#engine = engine;
  }

  begin(account: Account, task: number): this {
    this.account = account;
    this.steps = limits.turn_steps_max;
    this.#task = task;
    this.#counter = 0;
    return this;
  }

  newName(): Name {
    return this.#engine.names.draw(this.#task, this.#counter++);
  }

  produce(channel: Value, message: readonly Value[], persist: boolean): void {
    this.#engine.tuples.produce(channel, message, persist, this.account);
  }

  consume(receive: Receive): void {
    try {
      this.#engine.tuples.consume(receive, this.account);
    } catch (error) {
      // Refused before anything changed (a native owns the channel): the end of this branch, not of the turn.
      if (!(error instanceof PowerboxError)) throw error;
      this.fail(error);
    }
  }

  install(channel: Value, pattern: MessagePattern, body: Body): void {
    this.#engine.tuples.install(channel, pattern, body, this.account, sameBody);
  }

  uninstall(channel: Value): void {
    this.#engine.tuples.uninstall(channel);
  }

  spawn(body: Body, captures: readonly Value[]): void {
    this.#engine.newTask(this.account, body, captures);
  }

  term(term: Value): TermReference {
    return this.#engine.terms.of(term);
  }

  fact(key: string): Value | undefined {
    return this.#engine.fact(key);
  }

  setFact(key: string, value: Value | undefined): void {
    this.#engine.setFact(key, value);
  }

  afterDurable(run: () => void): void {
    this.#engine.afterDurable(run);
  }

  fail(error: Error): void {
    this.#engine.failed(this.account, error);
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

function sameBody(left: Body, right: Body): boolean {
  if (left.label !== right.label || left.place !== right.place || left.environment.length !== right.environment.length)
    return false;
  if ((left.term === null) !== (right.term === null)) return false;
  if (left.term !== null && right.term !== null && !equal(left.term.term, right.term.term)) return false;
  return left.environment.every((value, index) => equal(value, right.environment[index] as Value));
}

export type { Durability };
