/**
 * One native call outside the turn: begun, done, finished. Owns its time limit and its place in the lanes. What
 * a native throws, forgets or garbles becomes the error answer of this call and touches no other. Must never
 * call a native for a change before `begun` is durable, nor answer one task twice.
 */
import type { Call, Native, NativeCall, NativeReference } from '../../channels/index.ts';
import type { Timed } from '../platform/index.ts';
import type { Account, Cause, Span, Task, Turn } from '../space/index.ts';
import { Bytes, List, Tuple, type Value } from '../values/index.ts';
import { errorOutcome, outcomeOf, type Outcome } from './answers.ts';
import type { Measured } from './audit.ts';
import { type OutsideCall, laneOf, stateOf } from './call-causes.ts';
import { insist, isBusy, recordOf, reportDurably, RETRY_MS, type JobContext, type OutsideWork } from './job.ts';
import type { Lanes } from './lanes.ts';
import { failureOf, type Failure } from './stderr.ts';
import type { Stage } from './types.ts';

const NO_ID = new Uint8Array(0);
const NO_STATE = new List([]);
const NOT_MEASURED: Measured = { start_ms: 0, duration_ms: 0, bytes: 0, digest: NO_ID };

/** To make the call, or to say what became of it when it had begun. */
type Question = 'call' | 'ask';

/** What is known of a call before it is made. */
export interface Prospect {
  /** Its number, or that of the call that was counted. */
  readonly asked: number;
  /** It had begun before this process, and this lane is kept for it. */
  readonly reserved: string | null;
  /** Null: its method takes as long as a person takes. */
  readonly limit_ms: number | null;
  /** A capability refuses it: it is answered so, in no order, and no native hears of it. */
  readonly refused: Failure | null;
  /** Whoever handed its channel on cancelled it before it was made. */
  readonly cancelled: Failure | null;
}

const NOTHING = (): void => {};

/** What a native is handed. A signal is made for whoever asks for it. */
class Asked implements NativeCall {
  readonly method: string;
  readonly form: number;
  readonly args: readonly Value[];
  readonly effectId: Uint8Array;
  readonly account: Account;
  readonly handle: Value;
  readonly cap: string;
  readonly again: boolean;
  readonly #job: NativeJob;

  constructor(
    job: NativeJob,
    readonly state: Value | undefined,
    readonly limit_ms: number | null,
    again: boolean,
  ) {
    const { call, reference } = job;
    this.method = call.method.name;
    this.form = call.form;
    this.args = call.args;
    this.effectId = job.effectId;
    this.account = job.account;
    this.handle = reference.handle;
    this.cap = reference.cap;
    this.again = again;
    this.#job = job;
  }

  get signal(): AbortSignal {
    return this.#job.signal;
  }

  get traceparent(): string | undefined {
    return this.#job.traceparent;
  }

  whenLeft(run: () => void): () => void {
    return this.#job.whenLeft(run);
  }
}

export class NativeJob implements OutsideWork, OutsideCall, Timed {
  readonly number: number;
  readonly asked: number;
  readonly lane: string | null;
  readonly account: Account;
  readonly label: string;
  readonly what: string;
  readonly delivered_ms: number;
  readonly changing: boolean;
  readonly drained: boolean;
  readonly patient: boolean;
  readonly postsFirst: boolean;
  readonly task: Task;
  readonly reference: NativeReference;
  readonly call: Call;
  readonly effectId: Uint8Array;
  digest: Uint8Array | null = null;
  stage: Stage = 'queued';
  readonly #context: JobContext;
  readonly #native: Native;
  /** Said by whoever took the right away, or cancelled; the call is answered so when its turn comes. */
  #cutBy: Failure | null;
  /** What the native has been asked and has not answered. */
  #question: Question | null = null;
  /** The state of the object as the question found it. */
  #state: Value | undefined = undefined;
  /** That it had begun before this process: recovery decides. */
  readonly #interrupted: boolean;
  /** Null: its method takes as long as a person takes. */
  readonly #limit_ms: number | null;
  /** Made when the native asks for it: most never do. */
  #abort: AbortController | null = null;
  /** Who wants to hear when nobody waits any more. */
  readonly #leaving: (() => void)[] = [];
  #aborted = false;
  due_ms = Number.POSITIVE_INFINITY;
  #start_ms = 0;
  #released = false;
  /** Where the message that this call is for is followed. */
  #span: Span | null = null;

  constructor(
    context: JobContext,
    native: Native,
    task: Task,
    reference: NativeReference,
    call: Call,
    { asked, reserved, limit_ms, refused, cancelled }: Prospect,
  ) {
    const { lane } = call.method;
    this.lane = reserved ?? (lane === null || refused !== null ? null : laneOf(reference, lane));
    this.number = task.number;
    this.asked = asked;
    this.account = task.account;
    this.label = task.body.label;
    this.what = `${reference.native}.${call.method.name}`;
    this.delivered_ms = context.clock.monotonic_ms();
    this.changing = call.method.effect === 'change';
    this.patient = call.method.patient || refused !== null;
    this.drained = this.changing && !this.patient;
    this.postsFirst = this.changing && reserved === null && refused === null;
    this.#context = context;
    this.#native = native;
    this.task = task;
    this.reference = reference;
    this.call = call;
    this.#interrupted = reserved !== null;
    this.#limit_ms = limit_ms;
    this.#cutBy = refused ?? cancelled;
    this.effectId = this.changing ? context.ids.effectId(task.number, 0) : NO_ID;
  }

  start(): void {
    // A process that leaves starts nothing, nor does a node that is out of service; the task is durable and comes again.
    if (this.#context.stopped || this.#context.paused) return;
    this.stage = 'running';
    const { span } = this.task;
    if (span) this.#span = span.begin(this.what, { account: this.account, task: this.number });
    this.#start_ms = this.#context.clock.now_ms();
    // Each step calls the next, and only what has to be waited for is a promise: there are very many calls.
    if (this.#cutBy !== null) this.#finish(errorOutcome(this.#cutBy));
    else if (!this.changing) this.#make(stateOf(this.reference, this.#context.engine));
    else if (this.#interrupted) this.#recover();
    else this.#begin();
  }

  get cap(): string {
    return this.reference.cap;
  }

  cut(failure: Failure): void {
    if (this.stage === 'answered' || this.#cutBy !== null) return;
    this.#cutBy = failure;
    if (this.#question === null) return;
    this.#settle(errorOutcome(failure));
    this.#cutOff();
  }

  leave(): void {
    if (this.drained) return;
    this.#context.deadlines.forget(this);
    this.#cutOff();
  }

  /** It had begun before this process, and nobody knows how far it got. */
  #recover(): void {
    const state = stateOf(this.reference, this.#context.engine);
    switch (this.call.method.recovery) {
      case 'repeat':
        this.#make(state);
        return;
      case 'ask':
        this.#ask('ask', state);
        return;
      default:
        this.#finish(
          errorOutcome({
            code: 'interrupted',
            message: `${this.what} was under way when the process ended; whether it was done is not known`,
            hint: '',
          }),
        );
    }
  }

  /** Makes it durable that the change begins; the state is read in that turn, so after the predecessor's answer. */
  #begin(): void {
    const { number } = this;
    const { engine, failpoint } = this.#context;
    if (this.#context.unbegun) {
      // Not at once: this may be a turn.
      queueMicrotask(() => this.#make(stateOf(this.reference, engine)));
      return;
    }
    const payload = recordOf([number, this.reference.native, this.call.method.name, new Bytes(this.effectId)]);
    const cause = { kind: 'begun', payload, account: this.account };
    failpoint?.('begun:before');
    const posted = insist(this.#context, () => engine.enact<Value | undefined>(cause));
    posted.then(
      (state) => {
        failpoint?.('begun:after');
        // Nothing is done, so recovery finds it begun, and the native asked says so.
        if (this.#context.paused) this.stage = 'queued';
        else this.#make(state);
      },
      () => this.#over(),
    );
  }

  #make(state: Value | undefined): void {
    this.#ask('call', state);
  }

  /** One question to the native within the time limit; its answer is heard once, whatever the native does. */
  #ask(question: Question, state: Value | undefined): void {
    const { clock, deadlines } = this.#context;
    if (this.#cutBy !== null) {
      this.#finish(errorOutcome(this.#cutBy));
      return;
    }
    this.#question = question;
    this.#state = state;
    const limit_ms = this.#limit_ms;
    if (limit_ms !== null) {
      const now_ms = clock.monotonic_ms();
      this.due_ms = now_ms + limit_ms;
      deadlines.watch(this, now_ms);
    }
    this.#put(question, state).then(
      (answer) => this.#heard(question, answer),
      (thrown: unknown) => this.#threw(question, thrown),
    );
  }

  /** What the native hands back, a throw included, as one promise. */
  #put(question: Question, state: Value | undefined): Promise<unknown> {
    const call = new Asked(this, state, this.#limit_ms, this.#interrupted);
    const native = this.#native;
    this.#context.failpoint?.('effect:before');
    try {
      return Promise.resolve(question === 'call' ? native.call?.(call) : native.ask?.(call));
    } catch (thrown) {
      return Promise.reject(thrown);
    }
  }

  #heard(question: Question, answer: unknown): void {
    if (this.#question !== question) this.#late();
    else if (question === 'ask' && answer === 'not_applied') {
      this.#settled();
      this.#make(this.#state);
    } else this.#settle(outcomeOf(this.call, answer, this.#context.counts));
  }

  #threw(question: Question, thrown: unknown): void {
    this.#context.counts.thrown++;
    if (this.#question !== question) this.#late();
    else this.#settle(errorOutcome(failureOf(thrown, 'native_failed')));
  }

  /** Its time is over. */
  expired(): void {
    const message = `${this.what} has not answered within ${this.#limit_ms} ms`;
    this.#settle(errorOutcome({ code: 'timed_out', message, hint: '' }));
    this.#cutOff();
  }

  #settle(outcome: Outcome): void {
    this.#settled();
    this.#finish(outcome);
  }

  #late(): void {
    this.#context.counts.late++;
    this.#forget();
  }

  /** Nothing is asked any more. */
  #settled(): void {
    this.#question = null;
    if (this.#limit_ms !== null) this.#context.deadlines.forget(this);
  }

  get traceparent(): string | undefined {
    return this.#span?.traceparent;
  }

  /** Aborted when nobody waits for the answer any more. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#aborted) this.#abort.abort();
    return this.#abort.signal;
  }

  whenLeft(run: () => void): () => void {
    if (this.#aborted) {
      run();
      return NOTHING;
    }
    this.#leaving.push(run);
    return () => {
      const index = this.#leaving.indexOf(run);
      if (index >= 0) this.#leaving.splice(index, 1);
    };
  }

  #cutOff(): void {
    this.#aborted = true;
    this.#abort?.abort();
    for (const run of this.#leaving.splice(0)) {
      try {
        run();
      } catch {
        // A native's own trouble, and of this call only.
        this.#context.counts.thrown++;
      }
    }
  }

  /** Task gone, fact gone, objects made, reply sent: one turn. */
  #finish(answer: Outcome): void {
    // What only looks at the world is left to the next process when this one goes.
    if (this.#aborted && this.#context.stopped && !this.drained) {
      this.#over();
      return;
    }
    this.stage = 'answered';
    if (this.#span !== null) {
      const [first, code] = answer.outcome.items;
      this.#span.end(first === 'error' ? (code as string) : 'ok');
      // What follows from the answer is a step beneath the call.
      this.task.span = this.#span;
    }
    const state = answer.state === undefined ? NO_STATE : new List([answer.state]);
    const { audit, failpoint } = this.#context;
    const outage = this.changing ? this.#takeOutage() : null;
    const measured = audit?.measured(this.#start_ms, this.call.args, answer) ?? NOT_MEASURED;
    const { start_ms, duration_ms, bytes } = measured;
    this.digest = measured.digest;
    const seen = new Tuple([start_ms, duration_ms, bytes]);
    const cause = {
      kind: this.changing ? 'finished' : 'result',
      payload: recordOf([this.number, answer.outcome, state, seen, ...(outage === null ? [] : [outage])]),
      account: this.account,
      // Who called goes on in the same turn; and whoever else waits for that to be durable says so.
      ...(outage === null ? { unhurried_bytes: bytes } : undefined),
    };
    failpoint?.('effect:after');
    failpoint?.('finished:before');
    this.#conclude(cause, answer);
  }

  /** As `insist` does, without its promise: this is said of each of very many calls. */
  #conclude(cause: Cause, answer: Outcome): void {
    const { engine, failpoint, timers } = this.#context;
    engine
      .conclude(this.task, cause, (_result, turn) => this.#applied(turn, answer))
      .then(
        () => {
          failpoint?.('finished:after');
          if (this.call.method.recovery === 'ask') this.#forget();
          this.#over();
        },
        (error: unknown) => {
          if (isBusy(error)) timers.after(RETRY_MS, () => this.#conclude(cause, answer));
          // Any other rejection is final for the space: whoever owns it has been told.
          else this.#over();
        },
      );
  }

  /** What this change is to put on record, if no other has. */
  #takeOutage(): Value | null {
    const { outage } = this.#context;
    this.#context.outage = null;
    return outage;
  }

  /** In the turn of its answer: what happens in this process only. */
  #applied(turn: Turn, { notes }: Outcome): void {
    const { stderr } = this.#context;
    for (const note of notes) reportDurably(turn, this.account, stderr, note, this.what, this.number);
    // The next call of this object may begin now: its `begun` comes after this turn in the journal, so that
    // one commit holds both, and a crash takes both or none.
    this.#release((lanes) => lanes.inTurn(() => lanes.done(this)));
  }

  #forget(): void {
    const { forget } = this.#native;
    if (forget === undefined || !this.changing) return;
    // It may be said twice or never, so nothing hangs on how it ends.
    try {
      forget.call(this.#native, [this.effectId]).catch(() => this.#context.counts.thrown++);
    } catch {
      this.#context.counts.thrown++;
    }
  }

  #over(): void {
    this.#span?.end('interrupted');
    this.#release((lanes) => lanes.done(this));
    this.#context.over(this);
  }

  #release(done: (lanes: Lanes) => void): void {
    if (this.#released) return;
    this.#released = true;
    done(this.#context.lanes);
  }
}
