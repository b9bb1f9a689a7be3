/**
 * The dispatcher: finds by label who runs a task, and sees each call of a native from its message to its reply.
 * Owns the tables of runners and natives, the work that is outside, and what is parked for want of a runner.
 * It receives its runners; it must never name one, nor let a failing one reach another.
 */
import { Call, NATIVE_LABEL, parseCall, readNativeEnvironment, revoker, stateKey } from '../../channels/index.ts';
import type { CallRefusal, Method, Native, NativeReference } from '../../channels/index.ts';
import { PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { Account, Engine, Handling, InlineRunner, Task, TaskRouter, Turn } from '../space/index.ts';
import type { List, Value } from '../values/index.ts';
import { outcomeOf } from './answers.ts';
import { attenuatorOf, isUniversal } from './attenuator.ts';
import { Capabilities, isFailure, type Admission, type Ended } from './capabilities.ts';
import { countFailure, readFailures, type Failures } from './failures.ts';
import { BEGUN_PREFIX, begunKey, reportDurably, type Acting, type JobContext, type OutsideWork } from './job.ts';
import { Lanes } from './lanes.ts';
import { laneOfBegun, NativeJob } from './native-job.ts';
import { OutsideJob } from './outside-job.ts';
import { Parked } from './parked.ts';
import { Quiescence } from './quiescence.ts';
import { applyOutcome, applyRefusal, replyError } from './replies.ts';
import { Sources } from './sources.ts';
import { failureOf, Stderr, type Failure } from './stderr.ts';
import { TakingBack } from './taking-back.ts';
import type {
  Counts,
  DispatcherOptions,
  EffectIds,
  OutsideOptions,
  OutsideRunner,
  Settlement,
  Waiting,
} from './types.ts';

type Entry =
  | { readonly kind: 'inline'; readonly runner: InlineRunner }
  | { readonly kind: 'outside'; readonly runner: OutsideRunner; readonly limit_ms: number | null };

export class Dispatcher implements TaskRouter {
  readonly counts: Counts = { late: 0, second: 0, garbage: 0, thrown: 0 };
  readonly #options: DispatcherOptions;
  readonly #nativeCall_ms: number;
  readonly #stderr: Stderr;
  readonly #entries = new Map<string, Entry>();
  readonly #natives = new Map<string, Native>();
  readonly #lanes: Lanes;
  readonly #parked = new Parked();
  readonly #work = new Map<number, OutsideWork>();
  /** Tasks whose change had begun when the process ended, with their lanes; each leaves when it comes again. */
  readonly #interrupted = new Map<number, string>();
  /** Delivered before the engine was there to answer to. */
  readonly #early: Task[] = [];
  #context: JobContext | null = null;
  #quiescence: Quiescence | null = null;
  /** Nearly all tasks have one label: its runner, without a look into the table. */
  #hotLabel: string | null = null;
  #hotRunner: InlineRunner = NO_RUNNER;
  /** The call that `handling` has just read; the same task's turn follows at once, most often. */
  #readTask: Task | null = null;
  #read: Call | CallRefusal | null = null;
  readonly #acting: Acting = { task: null, source: '' };
  readonly capabilities = new Capabilities((turn, made) => turn.afterDurable(() => this.#takingBack.expect(made)));
  readonly #takingBack: TakingBack;
  readonly sources = new Sources(
    (name) => this.#natives.get(name),
    (account) => this.#quiescence?.check(account),
  );

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#nativeCall_ms = options.nativeCall_ms ?? limits.native_call_ms_default;
    this.#stderr = new Stderr(options.platform.clock, options.report);
    this.#takingBack = new TakingBack(options.platform, this.capabilities, this.sources, this.#work);
    this.#natives.set(revoker.name, { declaration: revoker, inline: () => ({ ok: null }) });
    this.#lanes = new Lanes(options.effectsRunningMax ?? limits.effects_running_max);
  }

  // -------------------------------------------------------------- who runs what

  registerInline(label: string, runner: InlineRunner): void {
    this.#register(label, { kind: 'inline', runner });
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
    const { name, methods } = native.declaration;
    if (this.#natives.has(name))
      throw new PowerboxError('bad_request', `a native ${JSON.stringify(name)} stands already`);
    for (const method of methods.values()) requireCode(native, method);
    this.#natives.set(name, native);
    this.sources.appeared(name);
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
      acting: this.#acting,
      engine,
      clock,
      timers,
      ids,
      lanes: this.#lanes,
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
    for (const [key, value] of engine.facts(BEGUN_PREFIX)) {
      const number = Number(key.slice(BEGUN_PREFIX.length));
      const lane = laneOfBegun(number, value);
      this.#interrupted.set(number, lane);
      this.#lanes.reserve(lane, number);
    }
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
    if (label === NATIVE_LABEL) return this.#nativeHandling(task);
    const entry = this.#entries.get(label);
    if (entry !== undefined) return entry.kind;
    this.#parked.add(task, label, `nobody here runs the label ${JSON.stringify(label)}`);
    return 'parked';
  }

  #nativeHandling(task: Task): Handling {
    const { environment } = task.body;
    const native = this.#natives.get(environment[0] as string);
    if (native === undefined) {
      this.#parked.add(task, NATIVE_LABEL, `no native ${JSON.stringify(environment[0])} is registered here`);
      return 'parked';
    }
    const call = parseCall(native.declaration, messageOf(task));
    this.#readTask = task;
    this.#read = call;
    if (!call.ok || call.method.effect === 'none') return 'inline';
    const admitted = this.#admit(task, native, call);
    // What is refused is answered in a turn, and what is counted is counted in one.
    return isFailure(admitted) || admitted.counted ? 'inline' : 'outside';
  }

  #admits(cap: string, native: Native, method: Method): Admission | Failure {
    return this.capabilities.admit(cap, native.declaration.name, method, isUniversal(method), true);
  }

  #admit(task: Task, native: Native, call: Call): Admission | Failure {
    const [, , , cap, isCounted] = task.body.environment;
    const { capabilities } = this;
    const { name } = native.declaration;
    return capabilities.admit(cap as string, name, call.method, isUniversal(call.method), isCounted === COUNTED);
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

  #runCold(task: Task, turn: Turn): void {
    if (task.body.label === NATIVE_LABEL) {
      this.#runNative(task, turn);
      return;
    }
    const entry = this.#entries.get(task.body.label);
    if (entry?.kind !== 'inline')
      throw new PowerboxError('label_unknown', `nobody runs the label ${JSON.stringify(task.body.label)} in a turn`);
    entry.runner.run(task, turn);
  }

  /** A call that needs nothing from outside: refused, or of effect `none`. */
  #runNative(task: Task, turn: Turn): void {
    const reference = readNativeEnvironment(task.body.environment);
    const native = this.#natives.get(reference.native) as Native;
    const call = this.#callOf(native, task);
    this.#readTask = null;
    this.#read = null;
    this.#acting.source = sourceOf(reference, call);
    if (this.#interrupted.size > 0) this.#dropInterrupted(task, turn);
    const failure = call.ok
      ? this.#answerAdmitted(task, turn, native, reference, call)
      : applyRefusal(turn, reference.native, call);
    if (failure !== null) reportDurably(turn, task.account, this.#stderr, failure, this.#acting.source, task.number);
    this.#acting.source = '';
  }

  #answerAdmitted(task: Task, turn: Turn, native: Native, reference: NativeReference, call: Call): Failure | null {
    const { capabilities } = this;
    const admitted = this.#admit(task, native, call);
    const refused = isFailure(admitted) ? admitted : admitted.counted ? capabilities.take(turn, reference.cap) : null;
    capabilities.used(turn, reference.cap, task.account);
    if (refused !== null) return replyError(turn, call, refused, reference.native, call.method.name);
    if (call.method.effect === 'none') return this.#answerInline(task, turn, native, reference, call);
    // It has been counted, and goes outside from here on.
    turn.spawn({ ...task.body, environment: [...task.body.environment.slice(0, 4), COUNTED] }, task.captures);
    return null;
  }

  #answerInline(task: Task, turn: Turn, native: Native, reference: NativeReference, call: Call): Failure | null {
    const state = reference.id === '' ? undefined : turn.fact(stateKey(reference.id));
    const { method, form, args } = call;
    let answer: unknown;
    try {
      if (native.declaration === revoker) this.#takingBack.command(turn, method.name, reference.handle as string);
      answer = this.#answering(native, call).inline?.({
        method: method.name,
        form,
        args,
        effectId: NO_ID,
        account: task.account,
        handle: reference.handle,
        state,
        cap: reference.cap,
        may: {
          call: (name) => {
            const asked = native.declaration.methods.get(name);
            return asked !== undefined && !isFailure(this.#admits(reference.cap, native, asked));
          },
          use: (grant) => this.capabilities.endedBy(grant) === null,
        },
      });
    } catch (thrown) {
      this.counts.thrown++;
      answer = { error: failureOf(thrown, 'native_failed') };
    }
    const outcome = outcomeOf(call, answer, this.counts);
    for (const note of outcome.notes)
      reportDurably(turn, task.account, this.#stderr, note, this.#acting.source, task.number);
    return applyOutcome(turn, task.account, this, reference, call, outcome);
  }

  /** The declaration has changed since the change began: it is answered in the turn now, and nothing waits for it. */
  #dropInterrupted(task: Task, turn: Turn): void {
    const lane = this.#interrupted.get(task.number);
    if (lane === undefined) return;
    this.#interrupted.delete(task.number);
    this.#lanes.release(lane);
    turn.setFact(begunKey(task.number), undefined);
  }

  /**
   * A change is handed over at once: its first act is a cause of its own, `begun`, which stands behind this task in
   * the journal. So nothing of it leaves before both are durable, and most often one commit holds them.
   */
  takesAtOnce(task: Task): boolean {
    if (this.#readTask !== task || this.#context === null || this.#interrupted.has(task.number)) return false;
    const call = this.#read;
    if (!(call instanceof Call) || call.method.effect !== 'change') return false;
    this.deliver(task);
    return true;
  }

  deliver(task: Task): void {
    const context = this.#context;
    if (context === null) {
      this.#early.push(task);
      return;
    }
    if (context.stopped || this.#work.has(task.number)) return;
    const work = task.body.label === NATIVE_LABEL ? this.#nativeJob(context, task) : this.#outsideJob(context, task);
    this.#work.set(task.number, work);
    this.#lanes.add(work);
  }

  #outsideJob(context: JobContext, task: Task): OutsideWork {
    const entry = this.#entries.get(task.body.label);
    if (entry?.kind !== 'outside')
      throw new PowerboxError('label_unknown', `nobody runs the label ${JSON.stringify(task.body.label)} outside`);
    return new OutsideJob(context, task, entry.runner, entry.limit_ms);
  }

  #nativeJob(context: JobContext, task: Task): OutsideWork {
    const reference = readNativeEnvironment(task.body.environment);
    const native = this.#natives.get(reference.native);
    const call = native === undefined ? null : this.#callOf(native, task);
    if (native === undefined || !(call instanceof Call)) {
      throw new PowerboxError('label_unknown', `the task ${task.number} is no call that goes outside`);
    }
    const reserved = this.#interrupted.get(task.number) ?? null;
    this.#interrupted.delete(task.number);
    const usual_ms = call.method.patient ? null : this.#nativeCall_ms;
    return new NativeJob(
      context,
      this.#answering(native, call),
      task,
      reference,
      call,
      reserved !== null,
      this.#limitOf(reference.cap, usual_ms),
      reserved,
    );
  }

  /** The native, or who answers in its place what every object can be asked. */
  #answering(native: Native, { method }: Call): Native {
    return isUniversal(method) ? attenuatorOf(native.declaration, this.#options.platform.clock) : native;
  }

  /** The least of what the method has and what those who handed the channel on allow. */
  #limitOf(cap: string, usual_ms: number | null): number | null {
    const limit_ms = this.capabilities.limitOf(cap);
    if (limit_ms === null) return usual_ms;
    return usual_ms === null ? limit_ms : Math.min(usual_ms, limit_ms);
  }

  /** As `handling` has just read it, most often. */
  #callOf(native: Native, task: Task): Call | CallRefusal {
    return this.#readTask === task && this.#read !== null ? this.#read : parseCall(native.declaration, messageOf(task));
  }

  #over(work: OutsideWork): void {
    this.#work.delete(work.number);
    this.#quiescence?.check(work.account);
  }

  // -------------------------------------------------------------- capabilities

  /** Ends a capability, or a grant, and all that were derived from it. False: it had ended before. */
  endCapability(turn: Turn, cap: string, ended: Ended): boolean {
    return this.#takingBack.end(turn, cap, ended);
  }

  // -------------------------------------------------------------- failures

  failed(account: Account, error: Error, turn: Turn): void {
    const failure = failureOf(error);
    countFailure(turn, account, failure);
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

/** Fifth in the environment of a call that has been counted. */
const COUNTED = 'counted';

const NO_RUNNER: InlineRunner = { run: () => {} };
const NO_ID = new Uint8Array(0);

function messageOf(task: Task): readonly Value[] {
  return (task.captures[0] as List).items;
}

function requireCode(native: Native, method: Method): void {
  const needed = method.effect === 'none' ? 'inline' : 'call';
  const missing =
    native[needed] === undefined ? needed : method.recovery === 'ask' && native.ask === undefined ? 'ask' : null;
  if (missing === null) return;
  throw new PowerboxError(
    'declaration_invalid',
    `the native ${native.declaration.name} declares ${method.name} but has no ${missing}`,
  );
}

function sourceOf(reference: NativeReference, call: Call | CallRefusal): string {
  const method = call.ok ? call.method.name : call.method;
  return method === null ? reference.native : `${reference.native}.${method}`;
}
