/**
 * The dispatcher: finds by label who runs a task; calls of natives are in `calls.ts`.
 * Owns the table of runners, the work that is outside, and what is parked for want of a runner.
 * It receives its runners; it must never name one, nor let a failing one reach another.
 */
import { NATIVE_LABEL, type Native, revoker } from '../../channels/index.ts';
import { PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import { Deadlines, NumberMap } from '../platform/index.ts';
import type { Account, Engine, FactChange, Handling, InlineRunner, Task, TaskRouter, Turn } from '../space/index.ts';
import type { Value } from '../values/index.ts';
import { Beginnings } from './beginnings.ts';
import { registerCallCauses } from './call-causes.ts';
import { NativeCalls, type ParkedCall } from './calls.ts';
import { Capabilities, type Ended } from './capabilities.ts';
import { countFailure, readFailures, type Failures } from './failures.ts';
import { reportDurably, type Acting, type JobContext, type OutsideWork } from './job.ts';
import { Lanes } from './lanes.ts';
import { NativeJob } from './native-job.ts';
import { OutsideJob, registerAnswers } from './outside-job.ts';
import { Parked } from './parked.ts';
import { Quiescence } from './quiescence.ts';
import { Sources } from './sources.ts';
import { failureOf, recordable, type Report, Stderr } from './stderr.ts';
import { TakingBack } from './taking-back.ts';
import type {
  Counts,
  DispatcherOptions,
  EffectIds,
  Mode,
  OutsideOptions,
  OutsideRunner,
  Settlement,
  Waiting,
} from './types.ts';

type Entry =
  | { readonly kind: 'inline'; readonly runner: InlineRunner; readonly inForks: boolean }
  | { readonly kind: 'outside'; readonly runner: OutsideRunner; readonly limit_ms: number | null };

export class Dispatcher implements TaskRouter {
  readonly mode: Mode;
  readonly counts: Counts = { late: 0, second: 0, garbage: 0, thrown: 0 };
  readonly #options: DispatcherOptions;
  readonly #nativeCall_ms: number;
  readonly #calls: NativeCalls;
  readonly #stderr: Stderr;
  readonly #entries = new Map<string, Entry>();
  readonly #lanes: Lanes;
  readonly #parked = new Parked();
  readonly #work = new NumberMap<OutsideWork>();
  /** Delivered before the engine was there to answer to. */
  readonly #early: Task[] = [];
  #context: JobContext | null = null;
  #quiescence: Quiescence | null = null;
  /** Nearly all tasks have one label: its runner, without a look into the table. */
  #hotLabel: string | null = null;
  #hotRunner: InlineRunner = NO_RUNNER;
  readonly #acting: Acting = { task: null, source: '' };
  readonly capabilities = new Capabilities((turn, made) => turn.afterDurable(() => this.#takingBack.expect(made)));
  readonly #takingBack: TakingBack;
  readonly sources = new Sources(
    (name) => this.#calls.native(name),
    (account) => this.#quiescence?.check(account),
  );

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#nativeCall_ms = options.nativeCall_ms ?? limits.native_call_ms_default;
    this.mode = options.mode ?? 'transaction';
    this.#stderr = new Stderr(options.platform.clock, options.report, this.mode);
    this.#takingBack = new TakingBack(options.platform, this.capabilities, this.sources, this.#work, () =>
      this.#calls.natives(),
    );
    this.#lanes = new Lanes(options.effectsRunningMax ?? limits.effects_running_max);
    this.#calls = new NativeCalls({
      mode: this.mode,
      platform: options.platform,
      call_ms: this.#nativeCall_ms,
      acting: this.#acting,
      capabilities: this.capabilities,
      counts: this.counts,
      lanes: this.#lanes,
      parked: this.#parked,
      sources: this.sources,
      stderr: this.#stderr,
      takingBack: this.#takingBack,
    });
  }

  // -------------------------------------------------------------- who runs what

  /**
   * `inForks`: whether it runs tasks of a fork as well. Not one that keeps something in mind beside the space: there its
   * tasks are put aside, and run when the fork is applied.
   */
  registerInline(label: string, runner: InlineRunner, { inForks = true }: { readonly inForks?: boolean } = {}): void {
    this.#register(label, { kind: 'inline', runner, inForks });
    if (this.#hotLabel === null) {
      this.#hotLabel = label;
      this.#hotRunner = runner;
    }
  }

  registerOutside(label: string, runner: OutsideRunner, options: OutsideOptions = {}): void {
    const limit_ms = options.limit_ms === undefined ? this.#nativeCall_ms : options.limit_ms;
    this.#register(label, { kind: 'outside', runner, limit_ms });
  }

  /** Refused with `declaration_invalid` when the native has no code for what its declaration promises. */
  registerNative(native: Native): void {
    this.#calls.register(native);
    this.sources.appeared(native.declaration.name);
    this.#appeared(NATIVE_LABEL);
  }

  #register(label: string, entry: Entry): void {
    if (label === NATIVE_LABEL || this.#entries.has(label)) {
      throw new PowerboxError('bad_request', `the label ${JSON.stringify(label)} has a runner already`);
    }
    this.#entries.set(label, entry);
    this.#appeared(label);
  }

  #appeared(label: string): void {
    this.#parked.forget(label);
    this.#context?.engine.unpark(label);
  }

  // -------------------------------------------------------------- the engine

  /** The engine this router was given to. Finds what was under way when the last process ended. */
  attach(engine: Engine, ids: EffectIds): void {
    if (this.#context !== null)
      throw new PowerboxError('bad_request', 'a dispatcher serves one space, and has one already');
    const { clock, timers } = this.#options.platform;
    const quiescence = new Quiescence(engine, this.#parked, this.sources);
    this.#quiescence = quiescence;
    this.#context = {
      mode: this.mode,
      acting: this.#acting,
      engine,
      clock,
      timers,
      deadlines: new Deadlines({ clock, timers }),
      ids,
      lanes: this.#lanes,
      beginnings: new Beginnings(engine, timers),
      stderr: this.#stderr,
      sources: this.sources,
      capabilities: this.capabilities,
      audit: this.#options.audit ?? null,
      counts: this.counts,
      stopped: false,
      paused: false,
      outage: null,
      failpoint: this.#options.failpoint ?? null,
      unbegun: this.#options.plant === 'effect-not-begun',
      over: (work) => this.#over(work),
    };
    this.#calls.attach(engine);
    registerCallCauses(this.#context, (task) => {
      const work = this.#work.get(task.number);
      return work instanceof NativeJob ? work : this.#calls.outside(ids, task);
    });
    registerAnswers(this.#context, (task, message) => {
      const work = this.#work.get(task.number);
      if (work instanceof OutsideJob && work.applies !== null) return work.applies;
      const entry = this.#entries.get(task.body.label);
      const runner = entry?.kind === 'outside' ? entry.runner : null;
      return runner?.apply === undefined ? undefined : (turn) => runner.apply?.(task, message, turn);
    });
    this.capabilities.attach(engine);
    this.#takingBack.attach(this.#context);
    this.sources.attach(this.#context);
    for (const task of this.#early.splice(0)) this.deliver(task);
  }

  /** Opens the sources of earlier processes, and lets time go on: said once the engine has been started with this router. */
  openSources(): void {
    this.sources.start();
    this.#takingBack.start();
  }

  handling(task: Task): Handling {
    const { label } = task.body;
    if (label === this.#hotLabel) return 'inline';
    if (label === NATIVE_LABEL) return this.#calls.handling(task);
    const entry = this.#entries.get(label);
    if (entry !== undefined) return entry.kind;
    this.#parked.add(task, label, `nobody here runs the label ${JSON.stringify(label)}`);
    return 'parked';
  }

  run(task: Task, turn: Turn): void {
    const acting = this.#acting;
    acting.task = task;
    try {
      if (task.body.label === this.#hotLabel) this.#hotRunner.run(task, turn);
      else this.#runCold(task, turn);
    } catch (thrown) {
      this.counts.thrown++;
      turn.fail(thrown instanceof Error ? thrown : new PowerboxError('runner_failed', failureOf(thrown).message));
      acting.source = '';
    }
    acting.task = null;
  }

  where(task: Task): string {
    const entry = this.#entries.get(task.body.label);
    return entry?.kind === 'inline' ? (entry.runner.where?.(task) ?? '') : '';
  }

  #runCold(task: Task, turn: Turn): void {
    if (task.body.label === NATIVE_LABEL) {
      this.#calls.run(task, turn);
      return;
    }
    const entry = this.#entries.get(task.body.label);
    if (entry?.kind !== 'inline')
      throw new PowerboxError('label_unknown', `nobody runs the label ${JSON.stringify(task.body.label)} in a turn`);
    entry.runner.run(task, turn);
  }

  /**
   * A change is handed over at once: its first act is a cause of its own, `begun`, which stands behind this task in
   * the journal. So nothing of it leaves before both are durable, and most often one commit holds them. So is what
   * looks at the world unseen: nothing leaves at all, and its answer stands behind this task in the journal.
   */
  takesAtOnce(task: Task): boolean {
    if (this.#context === null || !this.#calls.beginsUnseen(task)) return false;
    this.#lanes.inTurn(() => this.deliver(task));
    return true;
  }

  deliver(task: Task): void {
    const context = this.#context;
    if (context === null) {
      this.#early.push(task);
      return;
    }
    if (context.stopped || this.#work.has(task.number)) return;
    const work = task.body.label === NATIVE_LABEL ? this.#calls.job(context, task) : this.#outsideJob(context, task);
    this.#work.set(task.number, work);
    this.#lanes.add(work);
  }

  #outsideJob(context: JobContext, task: Task): OutsideWork {
    const entry = this.#entries.get(task.body.label);
    if (entry?.kind !== 'outside')
      throw new PowerboxError('label_unknown', `nobody runs the label ${JSON.stringify(task.body.label)} outside`);
    return new OutsideJob(context, task, entry.runner, entry.limit_ms);
  }

  #over(work: OutsideWork): void {
    this.#work.delete(work.number);
    this.#quiescence?.check(work.account);
  }

  // -------------------------------------------------------------- forks

  /** One for a fork of its space: the same inline runners and natives, and none of the work that is under way here. */
  forked(mode: Exclude<Mode, 'transaction'>, report: Report): Dispatcher {
    const { platform } = this.#options;
    const forked = new Dispatcher({ platform, mode, report, nativeCall_ms: this.#nativeCall_ms });
    for (const [label, entry] of this.#entries)
      if (entry.kind === 'inline' && entry.inForks) forked.registerInline(label, entry.runner);
    for (const native of this.#calls.natives()) if (native.declaration !== revoker) forked.registerNative(native);
    return forked;
  }

  /** A fork has been applied in this turn: what it changed of what is kept in mind here, too. */
  adopt(facts: readonly FactChange[]): void {
    for (const [key, value] of facts) this.capabilities.adopt(key, value);
  }

  /** What a parked call asks for; null for other tasks. */
  callOf(task: Task): ParkedCall | null {
    return task.body.label === NATIVE_LABEL ? this.#calls.parkedCall(task) : null;
  }

  // -------------------------------------------------------------- capabilities

  /** Ends a capability, or a grant, and all that were derived from it. False: it had ended before. */
  endCapability(turn: Turn, cap: string, ended: Ended): boolean {
    return this.#takingBack.end(turn, cap, ended);
  }

  // -------------------------------------------------------------- failures

  failed(account: Account, error: Error, turn: Turn): void {
    const failure = failureOf(error);
    // What is of a fork goes into no journal, so it may say where in its text it failed.
    countFailure(turn, account, this.mode === 'transaction' ? recordable(error, failure) : failure);
    const { task, source } = this.#acting;
    const where = task === null || source !== '' ? source : task.body.label;
    reportDurably(turn, account, this.#stderr, failure, where, task === null ? null : task.number);
  }

  failures(account: Account): Failures {
    return readFailures(this.#engine(), account);
  }

  // -------------------------------------------------------------- what still waits

  /** Resolves when none of the account's tasks is ready, parked or in an effect, and that is durable. */
  quiescent(account: Account): Promise<void> {
    return this.#waiters().quiescent(account);
  }

  /** Resolves when nothing of the account will move by itself: quiescent, or only parked for want of a runner. */
  settled(account: Account, silent = false): Promise<Settlement> {
    return this.#waiters().settled(account, silent);
  }

  /** For each effect and parked label of the account, what it waits for; and its sources, which may still speak. */
  report(account: Account): readonly Waiting[] {
    const now_ms = this.#options.platform.clock.monotonic_ms();
    const waiting: Waiting[] = [];
    for (const { account: owner, number, label, what, stage, delivered_ms } of this.#work.values()) {
      if (owner === account)
        waiting.push({ kind: 'effect', task: number, label, what, stage, for_ms: now_ms - delivered_ms });
    }
    for (const { account: owner, native, channel } of this.sources.records()) {
      if (owner === account) waiting.push({ kind: 'source', what: native, channel });
    }
    return [...waiting, ...this.#parked.report(account)];
  }

  /** `native.method`, or the label, of each task that is outside. */
  *underWay(): Iterable<string> {
    for (const { what } of this.#work.values()) yield what;
  }

  /**
   * Starts nothing more; resolves when every change under way has been answered, at the latest after
   * `limits.effects_drain_ms`. What only looks at the world is cut off: its task is durable and comes again.
   */
  stop(): Promise<void> {
    const context = this.#context;
    if (context === null) return Promise.resolve();
    context.stopped = true;
    this.sources.stop();
    this.#takingBack.stop();
    for (const work of this.#work.values()) work.leave();
    return this.#waiters().drained(this.#work, context.timers);
  }

  /**
   * The node is out of service: nothing more starts, in this process. What has started is awaited, and its answer made
   * durable; `outage`, when there is one, becomes a fact in the first turn that ends a change.
   */
  pause(outage: Value | null): void {
    const context = this.#context;
    if (context === null) throw new PowerboxError('bad_request', 'this dispatcher has no space yet');
    context.paused = true;
    context.outage = outage;
  }

  #engine(): Engine {
    if (this.#context === null) throw new PowerboxError('bad_request', 'this dispatcher has no space yet');
    return this.#context.engine;
  }

  #waiters(): Quiescence {
    if (this.#quiescence === null) throw new PowerboxError('bad_request', 'this dispatcher has no space yet');
    return this.#quiescence;
  }
}

const NO_RUNNER: InlineRunner = { run: () => {} };
