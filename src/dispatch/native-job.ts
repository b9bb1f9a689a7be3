/**
 * One native call outside the turn: begun, done, finished. Owns its time limit and its place in the lanes. What
 * a native throws, forgets or garbles becomes the error answer of this call and touches no other. Must never
 * call a native for a change before `begun` is durable, nor answer one task twice.
 */
import type { Call, Native, NativeCall, NativeReference } from '../../channels/index.ts';
import { stateKey } from '../../channels/index.ts';
import { PowerboxError } from '../errors.ts';
import type { Cancellable } from '../platform/index.ts';
import type { Account, Task, Turn } from '../space/index.ts';
import { Bytes, channelKey, List, Tuple, type Value } from '../values/index.ts';
import { errorOutcome, outcomeOf, type Outcome } from './answers.ts';
import type { Measured } from './audit.ts';
import { begunKey, insist, SERVICE_FACT, recordOf, reportDurably, type JobContext, type OutsideWork } from './job.ts';
import type { Lanes } from './lanes.ts';
import { applyOutcome } from './replies.ts';
import { failureOf, type Failure } from './stderr.ts';
import type { Stage } from './types.ts';

/** The fact of a change that has begun: which object it is at, with what method, in which lane. */
function writeBegun(reference: NativeReference, { method }: Call): Value {
  const { native, handle, id, cap } = reference;
  return new Tuple([native, handle, id, cap, method.name, method.lane]);
}

/** The lane of a change that had begun. It is written down, for a later declaration may say another one. */
export function laneOfBegun(number: number, fact: Value): string {
  const [native, handle, id, cap, , lane] = (fact as Tuple).items;
  // In no order, so in one of its own: recovery keeps a place for each change that had begun.
  if (lane === null) return `task/${number}`;
  const reference = { native: native as string, handle: handle as Value, id: id as string, cap: cap as string };
  return laneOf(reference, lane as string);
}

/** The object that a call works on and the lane of its method, as a key: calls of one key run one after the other. */
export function laneOf(reference: NativeReference, lane: string): string {
  const object = objectKey(reference);
  return lane === '' ? object : `${lane} ${object}`;
}

function objectKey(reference: NativeReference): string {
  if (reference.id !== '') return `id/${reference.id}`;
  if (typeof reference.handle === 'string') return `text/${reference.native}/${reference.handle}`;
  const { handle } = reference;
  let key = typeof handle === 'object' && handle !== null ? handleKeys.get(handle) : undefined;
  if (key === undefined) {
    key = channelKey(handle);
    if (typeof handle === 'object' && handle !== null) handleKeys.set(handle, key);
  }
  return `value/${reference.native}/${key}`;
}

/** Of handles in memory: the one of an object is the same for all its calls, most often. */
const handleKeys = new WeakMap<object, string>();

const NO_ID = new Uint8Array(0);
const NOT_MEASURED: Measured = { start_ms: 0, duration_ms: 0, bytes: 0 };

export class NativeJob implements OutsideWork {
  readonly number: number;
  readonly lane: string | null;
  readonly account: Account;
  readonly label: string;
  readonly what: string;
  readonly delivered_ms: number;
  readonly changing: boolean;
  readonly drained: boolean;
  readonly patient: boolean;
  readonly postsFirst: boolean;
  stage: Stage = 'queued';
  readonly #context: JobContext;
  readonly #native: Native;
  readonly #task: Task;
  readonly #reference: NativeReference;
  /** Said by whoever took the right away, or cancelled; the call is answered so when its turn comes. */
  #cutBy: Failure | null = null;
  /** Answers the question that the native has been asked. */
  #settle: ((outcome: Outcome) => void) | null = null;
  readonly #call: Call;
  /** That it had begun before this process: recovery decides. */
  readonly #interrupted: boolean;
  /** Null: its method takes as long as a person takes. */
  readonly #limit_ms: number | null;
  readonly #effectId: Uint8Array;
  /** Made when the native asks for it: most never do. */
  #abort: AbortController | null = null;
  #aborted = false;
  #timer: Cancellable | null = null;
  #start_ms = 0;
  #released = false;

  constructor(
    context: JobContext,
    native: Native,
    task: Task,
    reference: NativeReference,
    call: Call,
    interrupted: boolean,
    limit_ms: number | null,
    /** The lane that is kept for it, when it had begun before this process. */
    lane: string | null,
  ) {
    this.lane = lane ?? (call.method.lane === null ? null : laneOf(reference, call.method.lane));
    this.number = task.number;
    this.account = task.account;
    this.label = task.body.label;
    this.what = `${reference.native}.${call.method.name}`;
    this.delivered_ms = context.clock.monotonic_ms();
    this.changing = call.method.effect === 'change';
    this.patient = call.method.patient;
    this.drained = this.changing && !this.patient;
    this.postsFirst = this.changing && !interrupted;
    this.#context = context;
    this.#native = native;
    this.#task = task;
    this.#reference = reference;
    this.#call = call;
    this.#interrupted = interrupted;
    this.#limit_ms = limit_ms;
    this.#effectId = this.changing ? context.ids.effectId(task.number, 0) : NO_ID;
  }

  start(): void {
    // A process that leaves starts nothing, nor does a node that is out of service; the task is durable and comes again.
    if (this.#context.stopped || this.#context.paused) return;
    this.stage = 'running';
    this.#start_ms = this.#context.clock.now_ms();
    this.#perform().then(
      () => this.#over(),
      // Only the engine rejects here, and that is final for the space: whoever owns it has been told.
      () => this.#over(),
    );
  }

  get cap(): string {
    return this.#reference.cap;
  }

  cut(failure: Failure): void {
    if (this.stage === 'answered' || this.#cutBy !== null) return;
    this.#cutBy = failure;
    const settle = this.#settle;
    if (settle === null) return;
    settle(errorOutcome(failure));
    this.#cutOff();
  }

  leave(): void {
    if (this.drained) return;
    this.#timer?.cancel();
    this.#cutOff();
  }

  async #perform(): Promise<void> {
    const outcome = await this.#outcome();
    if (this.#aborted && this.#context.stopped && !this.drained) return;
    this.stage = 'answered';
    await this.#finish(outcome);
  }

  async #outcome(): Promise<Outcome> {
    const { engine } = this.#context;
    // Nothing of it was done; of one that had begun before this process, recovery has the word.
    if (this.#cutBy !== null && !this.#interrupted) return errorOutcome(this.#cutBy);
    if (!this.changing) return this.#make(this.#stateIn(engine));
    if (!this.#interrupted) return this.#make(await this.#begin());
    const state = this.#stateIn(engine);
    switch (this.#call.method.recovery) {
      case 'repeat':
        return this.#make(state);
      case 'ask': {
        const told = await this.#answer('ask', state);
        return told === 'not_applied' ? this.#make(state) : (told as Outcome);
      }
      default:
        return errorOutcome({
          code: 'interrupted',
          message: `${this.what} was under way when the process ended; whether it was done is not known`,
          hint: '',
        });
    }
  }

  /** The state of the object, if it is one that has any. */
  #stateIn(facts: Pick<Turn, 'fact'>): Value | undefined {
    const { id } = this.#reference;
    return id === '' ? undefined : facts.fact(stateKey(id));
  }

  /** Makes it durable that the change begins; the state is read in that turn, so after the predecessor's answer. */
  async #begin(): Promise<Value | undefined> {
    const { number } = this;
    const payload = recordOf([number, this.#reference.native, this.#call.method.name, new Bytes(this.#effectId)]);
    const begun = writeBegun(this.#reference, this.#call);
    const cause = { kind: 'begun', payload, account: this.account };
    if (this.#context.unbegun) return this.#stateIn(this.#context.engine);
    this.#context.failpoint?.('begun:before');
    const { engine } = this.#context;
    const state = await insist(this.#context, () =>
      engine.post(cause, (turn) => {
        turn.setFact(begunKey(number), begun);
        return this.#stateIn(turn);
      }),
    );
    this.#context.failpoint?.('begun:after');
    // Nothing is done, so recovery finds it begun, and the native asked says so.
    if (this.#context.paused) return this.#neverStarted();
    return state;
  }

  #neverStarted(): Promise<never> {
    this.stage = 'queued';
    return new Promise(() => {});
  }

  async #make(state: Value | undefined): Promise<Outcome> {
    return (await this.#answer('call', state)) as Outcome;
  }

  /** One question to the native within the time limit. Never rejects. */
  #answer(verb: 'call' | 'ask', state: Value | undefined): Promise<Outcome | 'not_applied'> {
    const { counts, timers } = this.#context;
    return new Promise((resolve) => {
      let over = false;
      const settle = (outcome: Outcome | 'not_applied'): void => {
        if (over) {
          counts.late++;
          this.#forget();
          return;
        }
        over = true;
        this.#settle = null;
        this.#timer?.cancel();
        resolve(outcome);
      };
      if (this.#cutBy !== null) {
        over = true;
        resolve(errorOutcome(this.#cutBy));
        return;
      }
      this.#settle = settle;
      const limit_ms = this.#limit_ms;
      if (limit_ms !== null) {
        this.#timer = timers.after(limit_ms, () => {
          const message = `${this.what} has not answered within ${limit_ms} ms`;
          settle(errorOutcome({ code: 'timed_out', message, hint: '' }));
          this.#cutOff();
        });
      }
      this.#ask(verb, state).then(
        (answer) =>
          settle(verb === 'ask' && answer === 'not_applied' ? 'not_applied' : outcomeOf(this.#call, answer, counts)),
        (thrown: unknown) => {
          counts.thrown++;
          settle(errorOutcome(failureOf(thrown, 'native_failed')));
        },
      );
    });
  }

  async #ask(verb: 'call' | 'ask', state: Value | undefined): Promise<unknown> {
    const signal = (): AbortSignal => this.#signal();
    const call: NativeCall = {
      method: this.#call.method.name,
      form: this.#call.form,
      args: this.#call.args,
      effectId: this.#effectId,
      account: this.account,
      handle: this.#reference.handle,
      state,
      cap: this.#reference.cap,
      get signal() {
        return signal();
      },
    };
    const native = this.#native;
    this.#context.failpoint?.('effect:before');
    return verb === 'call' ? native.call?.(call) : native.ask?.(call);
  }

  #signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#aborted) this.#abort.abort();
    return this.#abort.signal;
  }

  #cutOff(): void {
    this.#aborted = true;
    this.#abort?.abort();
  }

  /** Task gone, fact gone, objects made, reply sent: one turn. */
  async #finish(answer: Outcome): Promise<void> {
    const state = new List(answer.state === undefined ? [] : [answer.state]);
    const { audit, engine, failpoint } = this.#context;
    const outage = this.changing ? this.#takeOutage() : null;
    const measured = audit?.measured(this.#start_ms, this.#call.args, answer) ?? NOT_MEASURED;
    const { start_ms, duration_ms, bytes } = measured;
    const seen = new Tuple([start_ms, duration_ms, bytes]);
    const cause = {
      kind: this.changing ? 'finished' : 'result',
      payload: recordOf([this.number, answer.outcome, state, seen, ...(outage === null ? [] : [outage])]),
      account: this.account,
    };
    failpoint?.('effect:after');
    failpoint?.('finished:before');
    await insist(this.#context, () =>
      engine.finish(this.#task, cause, (turn) => this.#apply(turn, answer, outage, measured)),
    );
    failpoint?.('finished:after');
    if (this.#call.method.recovery === 'ask') this.#forget();
  }

  /** What this change is to put on record, if no other has. */
  #takeOutage(): Value | null {
    const { outage } = this.#context;
    this.#context.outage = null;
    return outage;
  }

  #apply(turn: Turn, answer: Outcome, outage: Value | null, measured: Measured): void {
    if (outage !== null) turn.setFact(SERVICE_FACT, outage);
    const { acting, capabilities, counts, stderr } = this.#context;
    if (this.changing) turn.setFact(begunKey(this.number), undefined);
    acting.task = this.#task;
    acting.source = this.what;
    try {
      capabilities.used(turn, this.#reference.cap, this.account);
      const failure = applyOutcome(turn, this.account, this.#context, this.#reference, this.#call, answer);
      if (failure !== null) reportDurably(turn, this.account, stderr, failure, this.what, this.number);
      for (const note of answer.notes) reportDurably(turn, this.account, stderr, note, this.what, this.number);
    } catch (thrown) {
      // A channel refused the reply: this branch ends here, the task is gone all the same.
      counts.thrown++;
      const { code, message, hint } = failureOf(thrown);
      turn.fail(new PowerboxError(code, message, { hint }));
    }
    this.#writeDown(turn, answer, measured);
    acting.task = null;
    acting.source = '';
    // The next call of this object may begin now: its `begun` comes after this turn in the journal, so that
    // one commit holds both, and a crash takes both or none.
    this.#release((lanes) => lanes.doneInTurn(this));
  }

  #writeDown(turn: Turn, { outcome }: Outcome, measured: Measured): void {
    const { audit, capabilities } = this.#context;
    const { native, cap } = this.#reference;
    audit?.record(
      turn,
      {
        account: this.account,
        grant: capabilities.rootOf(cap),
        cap,
        native,
        method: this.#call.method.name,
        args: this.#call.args,
        result: outcome.items[0] === 'error' ? (outcome.items[1] as string) : 'ok',
        effectId: this.#effectId,
      },
      measured,
    );
  }

  #forget(): void {
    const { forget } = this.#native;
    if (forget === undefined || !this.changing) return;
    // It may be said twice or never, so nothing hangs on how it ends.
    try {
      forget.call(this.#native, [this.#effectId]).catch(() => this.#context.counts.thrown++);
    } catch {
      this.#context.counts.thrown++;
    }
  }

  #over(): void {
    this.#release((lanes) => lanes.done(this));
    this.#context.over(this);
  }

  #release(done: (lanes: Lanes) => void): void {
    if (this.#released) return;
    this.#released = true;
    done(this.#context.lanes);
  }
}
