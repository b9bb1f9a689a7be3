/**
 * Calls of natives: from the message on an object's channel to the call in its turn, or to the job that makes it outside.
 * Owns the table of natives, and which changes had begun when the last process ended. Must never call a native for more
 * than computing; that is the job's, after its commit.
 */
import { Call, NATIVE_LABEL, parseCall, readNativeEnvironment, revoker, stateKey } from '../../channels/index.ts';
import type { CallRefusal, Effect, Method, Native, NativeCall, NativeReference } from '../../channels/index.ts';
import { PowerboxError } from '../errors.ts';
import type { Account, Engine, Handling, Task, Turn } from '../space/index.ts';
import type { List, Value } from '../values/index.ts';
import { outcomeOf } from './answers.ts';
import { attenuatorOf, isUniversal } from './attenuator.ts';
import { cancelled, isFailure, revoked, type Admission, type Capabilities } from './capabilities.ts';
import { BEGUN_PREFIX, begunKey, reportDurably, type Acting, type JobContext, type OutsideWork } from './job.ts';
import type { Lanes } from './lanes.ts';
import { laneOfBegun, type OutsideCall } from './call-causes.ts';
import { NativeJob, type Prospect } from './native-job.ts';
import type { Parked } from './parked.ts';
import { applyOutcome, applyRefusal, replyError, type Holding } from './replies.ts';
import type { Sources } from './sources.ts';
import { failureOf, type Failure, type Stderr } from './stderr.ts';
import type { TakingBack } from './taking-back.ts';
import type { Counts, DispatcherOptions, EffectIds, Mode } from './types.ts';

/** The parts of the dispatcher that calls work with. */
export interface CallParts {
  readonly mode: Mode;
  readonly platform: DispatcherOptions['platform'];
  readonly call_ms: number;
  readonly acting: Acting;
  readonly capabilities: Capabilities;
  readonly counts: Counts;
  readonly lanes: Lanes;
  readonly parked: Parked;
  readonly sources: Sources;
  readonly stderr: Stderr;
  readonly takingBack: TakingBack;
}

/** A call that is not made where its task is: what is asked of whom. */
export interface ParkedCall {
  readonly native: string;
  readonly method: string;
  /** Of the object that is asked. */
  readonly handle: Value;
  readonly effect: Effect;
  readonly args: readonly Value[];
}

export class NativeCalls implements Holding {
  readonly #mode: Mode;
  readonly capabilities: Capabilities;
  readonly sources: Sources;
  readonly #platform: CallParts['platform'];
  readonly #call_ms: number;
  readonly #acting: Acting;
  readonly #counts: Counts;
  readonly #lanes: Lanes;
  readonly #parked: Parked;
  readonly #stderr: Stderr;
  readonly #takingBack: TakingBack;
  readonly #natives = new Map<string, Native>();
  readonly #references = new WeakMap<readonly Value[], NativeReference>();
  /** Tasks whose change had begun when the process ended, with their lanes; each leaves when it comes again. */
  readonly #interrupted = new Map<number, string>();
  /** The call that `handling` has just read; the same task's turn follows at once, most often. */
  #readTask: Task | null = null;
  #read: Call | CallRefusal | null = null;
  /** A capability refuses that call. */
  #isRefused = false;

  constructor(parts: CallParts) {
    this.#mode = parts.mode;
    this.capabilities = parts.capabilities;
    this.sources = parts.sources;
    this.#platform = parts.platform;
    this.#call_ms = parts.call_ms;
    this.#acting = parts.acting;
    this.#counts = parts.counts;
    this.#lanes = parts.lanes;
    this.#parked = parts.parked;
    this.#stderr = parts.stderr;
    this.#takingBack = parts.takingBack;
    this.#natives.set(revoker.name, { declaration: revoker, inline: () => ({ ok: null }) });
  }

  native(name: string): Native | undefined {
    return this.#natives.get(name);
  }

  natives(): Iterable<Native> {
    return this.#natives.values();
  }

  /** Refused with `declaration_invalid` when the native has no code for what its declaration promises. */
  register(native: Native): void {
    const { name, methods } = native.declaration;
    if (this.#natives.has(name))
      throw new PowerboxError('bad_request', `a native ${JSON.stringify(name)} stands already`);
    for (const method of methods.values()) requireCode(native, method);
    this.#natives.set(name, native);
  }

  /** Finds what was under way when the last process ended. */
  attach(engine: Pick<Engine, 'facts' | 'unfinished'>): void {
    const begun = new Map<number, Value>();
    for (const [key, value] of engine.facts(BEGUN_PREFIX)) begun.set(Number(key.slice(BEGUN_PREFIX.length)), value);
    if (begun.size === 0) return;
    for (const task of engine.unfinished()) {
      const { number } = task;
      const fact = begun.get(number);
      if (fact === undefined) continue;
      const lane = laneOfBegun(number, fact, this.#referenceOf(task));
      this.#interrupted.set(number, lane);
      this.#lanes.reserve(lane, number);
    }
  }

  handling(task: Task): Handling {
    const { environment } = task.body;
    const native = this.#natives.get(environment[0] as string);
    if (native === undefined) {
      this.#parked.add(task, NATIVE_LABEL, `no native ${JSON.stringify(environment[0])} is registered here`);
      return 'parked';
    }
    const call = parseCall(native.declaration, messageOf(task));
    this.#readTask = task;
    this.#read = call;
    this.#isRefused = false;
    if (!call.ok) return 'inline';
    const admitted = this.#admit(task, native, call);
    this.#isRefused = isFailure(admitted);
    if (this.#mode !== 'transaction') return this.#inFork(this.#mode, task, native, call.method, admitted);
    // What is refused goes into the audit, which says when; no turn knows that, but the cause of an answer does.
    if (isFailure(admitted)) return 'outside';
    // What is counted is counted in a turn.
    return admitted.counted || call.method.effect === 'none' ? 'inline' : 'outside';
  }

  /** In a fork nothing is called that changes the world, and outside of a query nothing that looks at it. */
  #inFork(
    mode: Exclude<Mode, 'transaction'>,
    task: Task,
    native: Native,
    method: Method,
    admitted: Admission | Failure,
  ): Handling {
    const effect = effectOf(native, method);
    if (isFailure(admitted) ? mode !== 'atomic' : admitted.counted || effect === 'none') return 'inline';
    if (mode === 'query') return effect === 'observe' ? 'outside' : 'inline';
    this.#parked.add(task, NATIVE_LABEL, `${native.declaration.name}.${method.name} is not called in a fork`);
    return 'parked';
  }

  /** One for all calls of an object, which have one environment: what is known by it is known again. */
  #referenceOf({ body: { environment } }: Task): NativeReference {
    let reference = this.#references.get(environment);
    if (reference === undefined) {
      reference = readNativeEnvironment(environment);
      this.#references.set(environment, reference);
    }
    return reference;
  }

  parkedCall(task: Task): ParkedCall | null {
    const { native: name, handle } = this.#referenceOf(task);
    const native = this.#natives.get(name);
    const call = native === undefined ? null : parseCall(native.declaration, messageOf(task));
    if (native === undefined || !(call instanceof Call)) return null;
    const { method, args } = call;
    return { native: name, method: method.name, handle, effect: effectOf(native, method), args };
  }

  #admits(cap: string, native: Native, method: Method): Admission | Failure {
    return this.capabilities.admit(cap, native.declaration.name, method, isUniversal(method), true);
  }

  #admit(task: Task, native: Native, call: Call): Admission | Failure {
    const { environment } = task.body;
    const { capabilities } = this;
    const { name } = native.declaration;
    const isCounted = environment.length > REFERENCE_PARTS;
    return capabilities.admit(environment[3] as string, name, call.method, isUniversal(call.method), isCounted);
  }

  /** A call that needs nothing from outside: one that no form fits, one that is to be counted, or of effect `none`. */
  run(task: Task, turn: Turn): void {
    const reference = this.#referenceOf(task);
    const native = this.#natives.get(reference.native) as Native;
    const call = this.#callOf(native, task);
    this.#readTask = null;
    this.#read = null;
    this.#acting.source = sourceOf(reference, call);
    if (this.#interrupted.size > 0) this.#dropInterrupted(task, turn);
    const failure = call.ok
      ? this.#runAdmitted(task, turn, native, reference, call)
      : applyRefusal(turn, reference.native, call);
    if (failure !== null) reportDurably(turn, task.account, this.#stderr, failure, this.#acting.source, task.number);
    this.#acting.source = '';
  }

  #runAdmitted(task: Task, turn: Turn, native: Native, reference: NativeReference, call: Call): Failure | null {
    const { capabilities } = this;
    const admitted = this.#admit(task, native, call);
    if (isFailure(admitted) && this.#mode !== 'transaction')
      return replyError(turn, call, admitted, reference.native, call.method.name);
    if (isFailure(admitted) || (admitted.counted && capabilities.take(turn, reference.cap) !== null)) {
      // Not any more, since it was looked at: it goes the way of what is refused.
      turn.spawn(task.body, task.captures);
      return null;
    }
    capabilities.used(turn, reference.cap, task.account);
    if (this.#mode === 'query' && effectOf(native, call.method) === 'change')
      return replyError(turn, call, CHANGES_NOTHING, reference.native, call.method.name);
    if (call.method.effect === 'none') return this.#answerInline(task, turn, native, reference, call);
    // It has been counted, and goes outside from here on, under the number that it came with.
    const environment = [...task.body.environment.slice(0, REFERENCE_PARTS), task.number];
    turn.spawn({ ...task.body, environment }, task.captures);
    return null;
  }

  #answerInline(task: Task, turn: Turn, native: Native, reference: NativeReference, call: Call): Failure | null {
    const state = reference.id === '' ? undefined : turn.fact(stateKey(reference.id));
    const { method } = call;
    let answer: unknown;
    try {
      if (native.declaration === revoker)
        this.#takingBack.command(turn, method.name, reference.handle as string, task.number);
      answer = this.#answering(native, call).inline?.(
        new InlineCall(reference, call, task.account, state, () => this.#may(reference.cap, native)),
      );
    } catch (thrown) {
      this.#counts.thrown++;
      answer = { error: failureOf(thrown, 'native_failed') };
    }
    const outcome = outcomeOf(call, answer, this.#counts);
    for (const note of outcome.notes)
      reportDurably(turn, task.account, this.#stderr, note, this.#acting.source, task.number);
    return applyOutcome(turn, task.account, this, reference, call, outcome);
  }

  #may(cap: string, native: Native): NonNullable<NativeCall['may']> {
    return {
      call: (name) => {
        const asked = native.declaration.methods.get(name);
        return asked !== undefined && !isFailure(this.#admits(cap, native, asked));
      },
      use: (grant) => this.capabilities.endedBy(grant) === null,
    };
  }

  /** The declaration has changed since the change began: it is answered in the turn now, and nothing waits for it. */
  #dropInterrupted(task: Task, turn: Turn): void {
    const lane = this.#interrupted.get(task.number);
    if (lane === undefined) return;
    this.#interrupted.delete(task.number);
    this.#lanes.release(lane);
    turn.setFact(begunKey(task.number), undefined);
  }

  /** Whether the call that `handling` has just read begins with a cause of its own, or with what nobody can see. */
  beginsUnseen(task: Task): boolean {
    if (this.#readTask !== task || this.#isRefused || this.#interrupted.has(task.number)) return false;
    const call = this.#read;
    return call instanceof Call && (call.method.effect === 'change' || call.method.unseen);
  }

  /** The call of a task that is outside, where no job has it in hand. */
  outside(ids: EffectIds, task: Task): OutsideCall | undefined {
    if (task.body.label !== NATIVE_LABEL) return undefined;
    const reference = this.#referenceOf(task);
    const native = this.#natives.get(reference.native);
    const call = native === undefined ? null : parseCall(native.declaration, messageOf(task));
    if (!(call instanceof Call)) return undefined;
    return {
      task,
      reference,
      call,
      what: `${reference.native}.${call.method.name}`,
      digest: null,
      // A hash, which hardly anybody asks for.
      get effectId() {
        return call.method.effect === 'change' ? ids.effectId(task.number, 0) : NO_ID;
      },
      get begunKey() {
        return begunKey(task.number);
      },
    };
  }

  job(context: JobContext, task: Task): OutsideWork {
    const reference = this.#referenceOf(task);
    const native = this.#natives.get(reference.native);
    const call = native === undefined ? null : this.#callOf(native, task);
    if (native === undefined || !(call instanceof Call)) {
      throw new PowerboxError('label_unknown', `the task ${task.number} is no call that goes outside`);
    }
    const reserved = this.#interrupted.get(task.number) ?? null;
    this.#interrupted.delete(task.number);
    const asked = numberAsked(task);
    const prospect: Prospect = {
      asked,
      reserved,
      limit_ms: this.#limitOf(reference.cap, call.method.patient ? null : this.#call_ms),
      refused: this.#refusal(task, native, call),
      cancelled: this.capabilities.isCancelled(reference.cap, asked) ? cancelled() : null,
    };
    return new NativeJob(context, this.#answering(native, call), task, reference, call, prospect);
  }

  #refusal(task: Task, native: Native, call: Call): Failure | null {
    const admitted = this.#admit(task, native, call);
    if (isFailure(admitted)) return admitted;
    // What only computes is outside because it was refused, and stays so whatever was granted again since.
    return call.method.effect === 'none' ? revoked() : null;
  }

  /** The native, or who answers in its place what every object can be asked. */
  #answering(native: Native, { method }: Call): Native {
    return isUniversal(method) ? attenuatorOf(native.declaration, this.#platform.clock) : native;
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
}

const NO_ID = new Uint8Array(0);

/** What a native is handed that answers in the turn. */
class InlineCall implements NativeCall {
  readonly method: string;
  readonly form: number;
  readonly args: readonly Value[];
  readonly effectId = NO_ID;
  readonly handle: Value;
  readonly cap: string;
  readonly #may: () => NonNullable<NativeCall['may']>;

  constructor(
    reference: NativeReference,
    call: Call,
    readonly account: Account,
    readonly state: Value | undefined,
    may: () => NonNullable<NativeCall['may']>,
  ) {
    this.method = call.method.name;
    this.form = call.form;
    this.args = call.args;
    this.handle = reference.handle;
    this.cap = reference.cap;
    this.#may = may;
  }

  /** Only who tells what it can be asked asks for it. */
  get may(): NonNullable<NativeCall['may']> {
    return this.#may();
  }
}

/**
 * Native, handle, id and capability. A call that has been counted has its first number behind them; earlier versions
 * wrote a word there.
 */
const REFERENCE_PARTS = 4;

function numberAsked({ number, body }: Task): number {
  const first = body.environment[REFERENCE_PARTS];
  return typeof first === 'number' ? first : number;
}
/** A revoker ends what is under way in the space, so in a fork it is no mere computing. */
function effectOf(native: Native, { effect }: Method): Effect {
  return native.declaration === revoker ? 'change' : effect;
}

const CHANGES_NOTHING: Failure = {
  code: 'not_permitted',
  message: 'a query changes nothing, and this would',
  hint: 'run the program as a transaction',
};

function messageOf(task: Task): readonly Value[] {
  return (task.captures[0] as List).items;
}

function requireCode(native: Native, method: Method): void {
  const needed = method.effect === 'none' ? 'inline' : 'call';
  const isThere = native[needed] !== undefined || (needed === 'call' && native.begin !== undefined);
  const missing = !isThere ? needed : method.recovery === 'ask' && native.ask === undefined ? 'ask' : null;
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
