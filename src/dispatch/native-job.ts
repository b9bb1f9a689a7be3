/**
 * One native call outside the turn: begun, done, finished. Owns its time limit and its place in the lanes. What
 * a native throws, forgets or garbles becomes the error answer of this call and touches no other. Must never
 * call a native for a change before `begun` is durable, nor answer one task twice.
 */
import type { Call, Native, NativeAnswer, NativeCall, NativeReference } from '../../channels/index.ts';
import { NOWHERE, type Timed } from '../platform/index.ts';
import type { Account, Cause, Poster, Span, Task, Turn } from '../space/index.ts';
import { List, Tuple, type Value } from '../values/index.ts';
import { errorOutcome, outcomeOf, type Outcome } from './answers.ts';
import type { Measured } from './audit.ts';
import type { Beginning } from './beginnings.ts';
import { type OutsideCall, laneOf, stateOf } from './call-causes.ts';
import { begunKey, isBusy, recordOf, reportDurably, RETRY_MS, type JobContext, type OutsideWork } from './job.ts';
import type { Lane } from './lanes.ts';
import { failureOf, type Failure } from './stderr.ts';
import type { Stage } from './types.ts';

const NO_ID = new Uint8Array(0);
const NOT_MEASURED: Measured = { start_ms: 0, duration_ms: 0, bytes: 0, digest: NO_ID };

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
const NOBODY_LEAVES: readonly (() => void)[] = [];
const NO_STATE = new List([]);

/** What a native is handed. A signal is made for whoever asks for it. */
class Asked implements NativeCall {
  readonly method: string;
  readonly form: number;
  readonly args: readonly Value[];
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
    this.account = job.account;
    this.handle = reference.handle;
    this.cap = reference.cap;
    this.again = again;
    this.#job = job;
  }

  get effectId(): Uint8Array {
    return this.#job.effectId;
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

export class NativeJob implements OutsideWork, OutsideCall, Beginning, Cause, Poster, Timed {
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
  standsIn: Lane | null = null;
  readonly task: Task;
  readonly reference: NativeReference;
  readonly call: Call;
  digest: Uint8Array | null = null;
  stage: Stage = 'queued';
  readonly #context: JobContext;
  readonly #native: Native;
  /** Said by whoever took the right away, or cancelled; the call is answered so when its turn comes. */
  #cutBy: Failure | null;
  /** What the native has been asked and has not answered, and how often it has been asked. */
  #asking: 'call' | 'ask' | null = null;
  #asked = 0;
  #effectId: Uint8Array | null = null;
  #begunKey: string | null = null;
  /** Of its answer, as it is posted, which brings these notes. */
  payload: Value = null;
  unhurried_bytes: number | undefined = undefined;
  #notes: Outcome['notes'] = [];
  /** That it had begun before this process: recovery decides. */
  readonly #interrupted: boolean;
  /** Null: its method takes as long as a person takes. */
  readonly #limit_ms: number | null;
  /** Made when the native asks for it: most never do. */
  #abort: AbortController | null = null;
  /** Who wants to hear when nobody waits any more. */
  #leaving: readonly (() => void)[] = NOBODY_LEAVES;
  #aborted = false;
  due_ms = Number.POSITIVE_INFINITY;
  place = NOWHERE;
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
  }

  /** A hash, so it is made for those who ask. */
  get effectId(): Uint8Array {
    this.#effectId ??= this.changing ? this.#context.ids.effectId(this.number, 0) : NO_ID;
    return this.#effectId;
  }

  get begunKey(): string {
    this.#begunKey ??= begunKey(this.number);
    return this.#begunKey;
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

  /** Of the cause that its answer is. */
  get kind(): string {
    return this.changing ? 'finished' : 'result';
  }

  get native(): string {
    return this.reference.native;
  }

  get method(): string {
    return this.call.method.name;
  }

  cut(failure: Failure): void {
    if (this.stage === 'answered' || this.#cutBy !== null) return;
    this.#cutBy = failure;
    if (this.#asking === null) return;
    this.#answered(errorOutcome(failure));
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
    const { beginnings, engine, failpoint } = this.#context;
    if (this.#context.unbegun) {
      // Not at once: this may be a turn.
      queueMicrotask(() => this.#make(stateOf(this.reference, engine)));
      return;
    }
    failpoint?.('begun:before');
    beginnings.add(this);
  }

  begun(state: Value | undefined): void {
    this.#context.failpoint?.('begun:after');
    // Nothing is done, so recovery finds it begun, and the native asked says so.
    if (this.#context.paused) this.stage = 'queued';
    else this.#make(state);
  }

  notBegun(): void {
    this.#over();
  }

  #post(): void {
    this.#context.engine.concludeFor(this, this.task, this);
  }

  /** Its answer is durable. */
  done(): void {
    this.#context.failpoint?.('finished:after');
    if (this.call.method.recovery === 'ask') this.#forget();
    this.#over();
  }

  /** Again and again while the engine has no room for one more cause; any other refusal is final for the space. */
  refused(error: Error): void {
    if (isBusy(error)) this.#context.timers.after(RETRY_MS, () => this.#post());
    else this.#over();
  }

  #make(state: Value | undefined): void {
    this.#ask('call', state);
  }

  /** One question to the native within the time limit; it is answered once, whatever the native does. */
  #ask(verb: 'call' | 'ask', state: Value | undefined): void {
    if (this.#cutBy !== null) {
      this.#finish(errorOutcome(this.#cutBy));
      return;
    }
    this.#asking = verb;
    const question = ++this.#asked;
    const call = new Asked(this, state, this.#limit_ms, this.#interrupted);
    const native = this.#native;
    this.#context.failpoint?.('effect:before');
    try {
      if (verb === 'call' && native.begin !== undefined) {
        native.begin(call, (answer) => this.#told(question, answer));
        // What is answered at once has no time to run out: it would start a timer and end it.
        if (this.#asking !== null && question === this.#asked) this.#watch();
        return;
      }
      this.#watch();
      const told = Promise.resolve(verb === 'call' ? native.call?.(call) : native.ask?.(call));
      told.then(
        (answer) => this.#told(question, answer),
        (thrown: unknown) => this.#threw(question, thrown),
      );
    } catch (thrown) {
      this.#threw(question, thrown);
    }
  }

  #watch(): void {
    if (this.#limit_ms === null) return;
    const now_ms = this.#context.clock.monotonic_ms();
    this.due_ms = now_ms + this.#limit_ms;
    this.#context.deadlines.watch(this, now_ms);
  }

  /** Its time is over. */
  expired(): void {
    const message = `${this.what} has not answered within ${this.#limit_ms} ms`;
    this.#answered(errorOutcome({ code: 'timed_out', message, hint: '' }));
    this.#cutOff();
  }

  #told(question: number, answer: NativeAnswer | 'not_applied' | undefined): void {
    if (this.#asking === null || question !== this.#asked) this.#late();
    else if (this.#asking === 'ask' && answer === 'not_applied') this.#answered(answer);
    else this.#answered(outcomeOf(this.call, answer, this.#context.counts));
  }

  #threw(question: number, thrown: unknown): void {
    this.#context.counts.thrown++;
    if (this.#asking === null || question !== this.#asked) this.#late();
    else this.#answered(errorOutcome(failureOf(thrown, 'native_failed')));
  }

  #late(): void {
    this.#context.counts.late++;
    this.#forget();
  }

  #answered(outcome: Outcome | 'not_applied'): void {
    this.#asking = null;
    if (this.#limit_ms !== null) this.#context.deadlines.forget(this);
    if (outcome === 'not_applied') this.#make(stateOf(this.reference, this.#context.engine));
    else this.#finish(outcome);
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
    this.#leaving = [...this.#leaving, run];
    return () => {
      this.#leaving = this.#leaving.filter((other) => other !== run);
    };
  }

  #cutOff(): void {
    this.#aborted = true;
    this.#abort?.abort();
    const leaving = this.#leaving;
    this.#leaving = NOBODY_LEAVES;
    for (const run of leaving) {
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
    this.#notes = answer.notes;
    const seen = new Tuple([start_ms, duration_ms, bytes]);
    // Who called goes on in the same turn; and whoever else waits for that to be durable says so.
    if (outage === null) {
      // As `recordOf` makes it, in one piece: there are very many.
      this.payload = new Tuple(['transaction', this.number, answer.outcome, state, seen]);
      this.unhurried_bytes = bytes;
    } else this.payload = recordOf([this.number, answer.outcome, state, seen, outage]);
    failpoint?.('effect:after');
    failpoint?.('finished:before');
    this.#post();
  }

  /** What this change is to put on record, if no other has. */
  #takeOutage(): Value | null {
    const { outage } = this.#context;
    this.#context.outage = null;
    return outage;
  }

  /** In the turn of its answer: what happens in this process only. */
  inTurn(_result: unknown, turn: Turn): void {
    const { stderr } = this.#context;
    for (const note of this.#notes) reportDurably(turn, this.account, stderr, note, this.what, this.number);
    // The next call of this object may begin now: its `begun` comes after this turn in the journal, so that
    // one commit holds both, and a crash takes both or none.
    if (this.#released) return;
    this.#released = true;
    this.#context.lanes.doneInTurn(this);
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
    if (!this.#released) {
      this.#released = true;
      this.#context.lanes.done(this);
    }
    this.#context.over(this);
  }
}
