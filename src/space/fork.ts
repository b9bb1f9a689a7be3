/**
 * A fork: an overlay over the space as it was when the fork was made. Turns run in it as in the space, and what they
 * write stays in it, until it is dropped, or applied in one turn of the space (`fork-changes.ts`); that is refused when
 * anything it has looked at has changed. Owns its own tasks, facts and names: no task of the space runs in it, and its
 * names are drawn under a key of its own, so that nobody learns from a fork what the space will draw.
 *
 * It looks to a dispatcher like the engine of a space whose commits are durable at once.
 */
import { PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { Cancellable, Platform } from '../platform/index.ts';
import { type Name, NameMaker, type Value } from '../values/index.ts';
import { Causes } from './causes.ts';
import type { Channel } from './channel.ts';
import type { EntryHeader } from './entry.ts';
import { forkConflict, ForkChannels } from './fork-channels.ts';
import { ForkLedger } from './fork-ledger.ts';
import type { Datum, Waiter } from './items.ts';
import { type QuotaSource, Quotas, SETTINGS_FACT, USAGE_PREFIX } from './quotas.ts';
import { repetitionOf, REPEAT_LABEL } from './repeat.ts';
import type { Span } from './span.ts';
import { type LiveTask, Tasks } from './tasks.ts';
import type { Terms } from './terms.ts';
import { TurnContext, type TurnHost } from './turn.ts';
import { Tuples } from './tuples.ts';
import { concludeTelling, enactTelling } from './poster.ts';
import type { Account, Apply, Body, Cause, Engine, Poster, Task, TaskRouter, Turn } from './types.ts';

/** What a fork sees of its space. */
export interface ForkedSpace {
  readonly terms: Terms;
  place(value: Value): Channel;
  fact(key: string): Value | undefined;
  facts(prefix: string): Iterable<readonly [string, Value]>;
  header(): EntryHeader;
  /** What accounts may store and run, there and in the fork; null: as much as they like. */
  readonly quotaSource: QuotaSource | null;
}

export interface ForkOptions {
  /** Milliseconds after which it ends by itself. */
  readonly limit_ms?: number;
  /** Default: `limits.fork_items_max`. */
  readonly items_max?: number;
  /** What all that runs in it may cost, whoever pays. Default: as much as it likes. */
  readonly cost_max?: number;
  /** Where what it does is followed; whoever gives it ends it. */
  readonly span?: Span | null;
}

/** Turns between two looks at the clock. */
const CLOCK_TURNS = 64;

/** Facts about work that is under way in the space, and not in the fork. */
const UNDER_WAY: readonly string[] = ['effect/', 'prepared/', 'source/'];
/** Facts of which a fork may use every one of a kind: one that came meanwhile counts, too. */
const WHOLE_KINDS: readonly string[] = ['cap/', 'revoked/'];

class ForkNames extends NameMaker {
  /** Set once there are channels to tell. */
  born: (name: Name) => void = () => {};

  override draw(task: number, counter: number): Name {
    const name = super.draw(task, counter);
    this.born(name);
    return name;
  }
}

export class Fork implements Engine, TurnHost {
  readonly channels: ForkChannels;
  readonly names: NameMaker;
  readonly terms: Terms;
  readonly tuples: Tuples;
  readonly tasks = new Tasks();
  readonly ledger: ForkLedger;
  readonly span: Span | null;
  readonly #space: ForkedSpace;
  readonly #platform: Platform;
  readonly #causes = new Causes();
  /** Purses of its own, which begin with what was used when the fork was made. */
  readonly #quotas: Quotas | null;
  readonly #context: TurnContext;
  readonly #arrivals: (() => void)[] = [];
  readonly #idle: ((account: Account) => void)[] = [];
  readonly #resting: { readonly resolve: () => void; readonly reject: (error: Error) => void }[] = [];
  readonly #leave: (fork: Fork) => void;
  readonly #timer: Cancellable;
  readonly #cost_max: number;
  /** What turns of the fork have looked at, with what the space had. */
  readonly #factsRead = new Map<string, Value | undefined>();
  /** As they were when the fork was made, of those that the space has changed since. */
  readonly #factsBefore = new Map<string, Value | undefined>();
  readonly #kindsRead = new Set<string>();
  /** What the turns so far allow to leave; `lost` hears when the fork is over before that. */
  #due: { readonly run: () => void; readonly lost?: (error: PowerboxError) => void }[] = [];
  #router: TaskRouter | null = null;
  #scheduled = false;
  #ended: PowerboxError | null = null;

  constructor(space: ForkedSpace, platform: Platform, leave: (fork: Fork) => void, options: ForkOptions = {}) {
    this.#space = space;
    this.#platform = platform;
    this.#leave = leave;
    this.span = options.span ?? null;
    this.terms = space.terms;
    const header = space.header();
    this.channels = new ForkChannels(space, header, options.items_max ?? limits.fork_items_max);
    const names = new ForkNames(platform.randomness.bytes(32), platform.hashing);
    names.born = (name) => this.channels.born(name);
    this.names = names;
    this.#quotas = space.quotaSource === null ? null : new Quotas(space.quotaSource, this, platform);
    this.ledger = new ForkLedger(this.channels, this.tasks, this.#quotas, header, (account, error) =>
      this.failed(account ?? this.#context.account, error),
    );
    this.tuples = new Tuples(this.ledger);
    this.#context = new TurnContext(this);
    this.#cost_max = options.cost_max ?? Number.POSITIVE_INFINITY;
    const limit_ms = Math.min(options.limit_ms ?? limits.fork_ms_default, limits.fork_ms_max);
    this.#timer = platform.timers.after(limit_ms, () =>
      this.#end(
        new PowerboxError('fork_expired', `the fork has ended: it was open for ${limit_ms} ms`, {
          hint: 'What it did is gone. Ask for less in one fork, or allow it more time.',
        }),
      ),
    );
  }

  // ------------------------------------------------------------------ for who holds it

  start(router: TaskRouter): void {
    this.#router = router;
    this.schedule();
  }

  /** Why it is over; null as long as it goes on. */
  get ended(): PowerboxError | null {
    return this.#ended;
  }

  /** Forgets all that it did. */
  drop(): void {
    this.#end(new PowerboxError('fork_expired', 'the fork was dropped'));
  }

  /** Resolves when none of its tasks is ready or outside; rejects when it ends before that. */
  rest(): Promise<void> {
    if (this.#ended !== null) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      this.#resting.push({ resolve, reject });
      this.schedule();
    });
  }

  /** Why it cannot be applied any more, or null. */
  conflict(): PowerboxError | null {
    if (this.#ended !== null) return this.#ended;
    if (this.channels.stale) return forkConflict('a channel that the fork has looked at');
    for (const key of this.#factsBefore.keys()) {
      if (this.#factsRead.has(key) || this.ledger.commit.facts.has(key))
        return forkConflict('a fact that the fork has looked at');
      for (const kind of this.#kindsRead) if (key.startsWith(kind)) return forkConflict('what capabilities hold');
    }
    return null;
  }

  /** The space is about to change a channel, or a fact. */
  keepChannel(channel: Channel): void {
    if (!this.channels.keep(channel)) this.#end(forkConflict('more than is kept aside for it'));
  }

  /** The space has taken a message away. */
  keepDatum(channel: Channel, datum: Datum): void {
    if (!this.channels.leaveDatum(channel, datum)) this.#end(forkConflict('more than is kept aside for it'));
  }

  /** The space has taken a continuation away, or it has run. */
  keepWaiter(waiter: Waiter): void {
    if (!this.channels.leaveWaiter(waiter)) this.#end(forkConflict('more than is kept aside for it'));
  }

  keepFact(key: string, value: Value | undefined): void {
    if (UNDER_WAY.some((prefix) => key.startsWith(prefix))) return;
    if (!this.#factsBefore.has(key)) this.#factsBefore.set(key, value);
  }

  #end(error: PowerboxError): void {
    if (this.#ended !== null) return;
    this.#ended = error;
    this.#timer.cancel();
    this.#quotas?.stop();
    this.#leave(this);
    for (const { reject } of this.#resting.splice(0)) reject(error);
    // Whoever waits for a turn hears that there will be none.
    for (const run of this.#arrivals.splice(0)) run();
    for (const { lost } of this.#due.splice(0)) lost?.(error);
  }

  // ------------------------------------------------------------------ the loop

  schedule(): void {
    if (this.#scheduled || this.#ended !== null) return;
    this.#scheduled = true;
    this.#platform.timers.soon(this.#slice);
  }

  readonly #slice = (): void => {
    this.#scheduled = false;
    if (this.#ended !== null) return;
    try {
      this.#runTurns();
      this.#letOut();
    } catch (error) {
      this.#end(
        error instanceof PowerboxError
          ? error
          : new PowerboxError('runner_failed', 'a turn of the fork failed', { cause: error }),
      );
      return;
    }
    for (const account of this.tasks.takeSettled()) for (const run of this.#idle) run(account);
    this.#quotas?.arm();
    if (this.#arrivals.length > 0 || this.tasks.anyReady) this.schedule();
    else if (!this.#moves) for (const { resolve } of this.#resting.splice(0)) resolve();
  };

  /** Whether something is still to come by itself: an answer, or a refill. */
  get #moves(): boolean {
    for (const { state } of this.tasks.all()) if (state !== 'parked') return true;
    return false;
  }

  #runTurns(): void {
    const { clock } = this.#platform;
    const deadline_ms = clock.monotonic_ms() + limits.yield_ms;
    for (let turns = 1; ; turns++) {
      const arrival = this.#arrivals.shift();
      if (arrival !== undefined) arrival();
      else {
        const task = this.#router === null ? null : this.tasks.next();
        if (task === null) return;
        this.#runTask(task);
        if (this.ledger.cost > this.#cost_max) throw this.#tooCostly();
      }
      if (turns % CLOCK_TURNS === 0 && clock.monotonic_ms() >= deadline_ms) return;
    }
  }

  /** A task as one step of what is followed, with what it sets in motion beneath it. */
  #followed(span: Span | null, { number, account, body }: LiveTask, run: () => void): void {
    if (span === null) {
      run();
      return;
    }
    const step = span.begin('turn', { task: number, account, label: body.label });
    this.ledger.span = step;
    run();
    this.ledger.span = null;
    step?.end('ok');
  }

  #tooCostly(): PowerboxError {
    return new PowerboxError('quota_exceeded', `the fork has used up the ${this.#cost_max} that it may cost`, {
      hint: 'What it did is gone. Ask for less in one fork, or allow it more.',
    });
  }

  #runTask(task: LiveTask): void {
    const spent = this.#quotas?.spent(task.account, () => this.#router?.where?.(task) ?? '') ?? null;
    if (spent !== null) {
      this.#context.begin(task.account, task.number).fail(spent);
      this.#done(task);
      return;
    }
    if (task.body.label === REPEAT_LABEL) {
      const found = repetitionOf(task, this.channels);
      if (found !== null) this.tuples.meetAgain(found.waiter, found.data);
      this.#done(task);
      this.#quotas?.ran(task.account, 1);
      return;
    }
    const router = this.#router as TaskRouter;
    const handling = router.handling(task);
    if (handling === 'inline') {
      const context = this.#context.begin(task.account, task.number);
      this.#followed(task.span ?? null, task, () => router.run(task, context));
      const steps = limits.turn_steps_max - context.steps;
      this.ledger.spend(task.account, steps);
      this.#done(task);
      this.#quotas?.ran(task.account, 1 + steps);
      return;
    }
    this.tasks.hold(task, handling);
    this.#quotas?.ran(task.account, 1);
    if (handling === 'outside' && router.takesAtOnce?.(task) !== true)
      this.#due.push({ run: () => router.deliver(task) });
  }

  #done(task: LiveTask): void {
    this.tasks.release(task);
    task.state = 'done';
    this.#quotas?.taskDone(task.account);
  }

  /** Of what the turns so far allow, all may leave: nothing has to be written first. */
  #letOut(): void {
    while (this.#due.length > 0 && this.#ended === null) {
      const due = this.#due;
      this.#due = [];
      for (const { run } of due) run();
    }
  }

  // ------------------------------------------------------------------ as the engine of a space

  register(kind: string, apply: Apply): void {
    this.#causes.register(kind, apply);
  }

  enact<T>(cause: Cause, after: ((result: T, turn: Turn) => void) | null = null): Promise<T> {
    return this.#arrive(cause, (turn) => {
      const result = this.#causes.of(cause.kind)(turn, cause, null) as T;
      after?.(result, turn);
      return result;
    });
  }

  conclude(task: Task, cause: Cause, after: ((result: unknown, turn: Turn) => void) | null = null): Promise<boolean> {
    return this.#concluding(task, cause, (turn) => {
      const result = this.#causes.of(cause.kind)(turn, cause, task);
      after?.(result, turn);
    });
  }

  /** Ends a parked task as if somebody had run it outside, with the cause of that end. */
  answer(task: Task, cause: Cause): Promise<boolean> {
    const live = task as LiveTask;
    this.tasks.release(live);
    this.tasks.hold(live, 'outside');
    return this.conclude(task, cause);
  }

  enactFor(poster: Poster, cause: Cause): void {
    enactTelling(this, poster, cause);
  }

  concludeFor(poster: Poster, task: Task, cause: Cause): void {
    concludeTelling(this, poster, task, cause);
  }

  post<T>(cause: Cause, apply: (turn: Turn) => T): Promise<T> {
    return this.#arrive(cause, apply);
  }

  finish(task: Task, cause: Cause, apply: (turn: Turn) => void): Promise<boolean> {
    return this.#concluding(task, cause, apply);
  }

  #concluding(task: Task, cause: Cause, apply: (turn: Turn) => void): Promise<boolean> {
    const conclusion = (turn: Turn): boolean => {
      const live = task as LiveTask;
      if (live.state !== 'outside') return false;
      this.#done(live);
      apply(turn);
      return true;
    };
    return this.#arrive(cause, conclusion, task);
  }

  /** One message from outside as one turn; refused when the fork is over. */
  #arrive<T>(cause: Cause, apply: (turn: Turn) => T, task: Task | null = null): Promise<T> {
    return new Promise((resolve, reject) => {
      const run = (): void => {
        if (this.#ended !== null) {
          reject(this.#ended);
          return;
        }
        try {
          this.ledger.span = cause.span ?? task?.span ?? null;
          const result = apply(this.#context.begin(cause.account, this.ledger.nextTask++));
          this.#due.push({ run: () => resolve(result), lost: reject });
        } catch (error) {
          if (!(error instanceof PowerboxError)) throw error;
          reject(error);
        } finally {
          this.ledger.span = null;
        }
      };
      if (this.#ended !== null) run();
      else this.#arrivals.push(run);
      this.schedule();
    });
  }

  unfinished(): Iterable<Task> {
    return this.tasks.all();
  }

  held(number: number): Task | undefined {
    return this.tasks.held.get(number);
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
    const { facts } = this.ledger.commit;
    if (facts.has(key)) return facts.get(key);
    const value = this.#factsBefore.has(key) ? this.#factsBefore.get(key) : this.#space.fact(key);
    if (!key.startsWith(USAGE_PREFIX)) this.#factsRead.set(key, value);
    return value;
  }

  *facts(prefix: string): Iterable<readonly [string, Value]> {
    const found = new Map<string, Value | undefined>();
    if (!UNDER_WAY.includes(prefix)) for (const [key, value] of this.#space.facts(prefix)) found.set(key, value);
    if (WHOLE_KINDS.includes(prefix)) this.#kindsRead.add(prefix);
    for (const changed of [this.#factsBefore, this.ledger.commit.facts])
      for (const [key, value] of changed) if (key.startsWith(prefix)) found.set(key, value);
    for (const key of [...found.keys()].sort()) {
      const value = found.get(key);
      if (value !== undefined) yield [key, value];
    }
  }

  pending(account: Account): { ready: number; outside: number; parked: number } {
    const { ready, outside, parked } = this.tasks.of(account);
    return { ready, outside, parked };
  }

  durable(): Promise<void> {
    if (this.#ended !== null) return Promise.reject(this.#ended);
    return Promise.resolve();
  }

  /** Nothing arrives by itself in a fork, so nobody has to wait for a reader. */
  whenFewer(): Cancellable {
    return { cancel: () => {} };
  }

  fits(account: Account, message: readonly Value[]): boolean {
    return this.#quotas?.fits(account, message) ?? true;
  }

  refill(periods: number): void {
    const cause = { kind: 'refill', payload: periods, account: 0 };
    this.post(cause, () => this.#quotas?.refill(periods)).catch(() => {});
  }

  onIdle(run: (account: Account) => void): void {
    this.#idle.push(run);
  }

  // ------------------------------------------------------------------ for the turn

  place(value: Value): Channel {
    return this.channels.place(value);
  }

  newTask(account: Account, body: Body, captures: readonly Value[]): void {
    this.ledger.newTask(account, body, captures);
  }

  setFact(key: string, value: Value | undefined): void {
    // What is used of a quota the space counts itself when it takes over what was done.
    if (key.startsWith(USAGE_PREFIX) || key === SETTINGS_FACT) return;
    this.ledger.commit.facts.set(key, value);
  }

  produceAnyway(channel: Value, message: readonly Value[], account: Account): void {
    this.ledger.anyway = true;
    try {
      this.tuples.produce(channel, message, false, account);
    } finally {
      this.ledger.anyway = false;
    }
  }

  /** What is said of a fork is gone with it: logs are of the space. */
  log(): void {}

  logBytes(): void {}

  dropLog(): void {}

  afterDurable(run: () => void): void {
    this.#due.push({ run });
  }

  failed(account: Account, error: Error): void {
    this.#router?.failed?.(account, error, this.#context);
  }
}
