/**
 * One task at a runner outside the turn: handed over once, answered at most once. Owns the time limit and the
 * decision which answer counts. Must never let a runner's second or late answer into the space.
 */
import { type ErrorCode, PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { Cancellable } from '../platform/index.ts';
import type { Account, Task, Turn } from '../space/index.ts';
import { Tuple, type Value } from '../values/index.ts';
import { insist, recordOf, type JobContext, type OutsideWork } from './job.ts';
import { failureOf } from './stderr.ts';
import type { OutsideControl, OutsideRunner, Stage } from './types.ts';
import { valueFault } from './value-check.ts';

export class OutsideJob implements OutsideWork, OutsideControl {
  readonly number: number;
  readonly asked: number;
  readonly account: Account;
  readonly lane = null;
  readonly standsIn = null;
  readonly cap = null;
  readonly label: string;
  readonly what: string;
  readonly delivered_ms: number;
  readonly drained = false;
  readonly postsFirst = false;
  readonly patient = false;
  stage: Stage = 'queued';
  /** What its answer does in the turn, where its runner does not say that of every answer. */
  applies: ((turn: Turn) => void) | null = null;
  readonly #context: JobContext;
  readonly #task: Task;
  readonly #runner: OutsideRunner;
  readonly #limit_ms: number | null;
  /** Made when the runner asks for it: most never do. */
  #abort: AbortController | null = null;
  #aborted = false;
  #timer: Cancellable | null = null;
  #timedOut = false;

  constructor(context: JobContext, task: Task, runner: OutsideRunner, limit_ms: number | null) {
    this.number = task.number;
    this.asked = task.number;
    this.account = task.account;
    this.label = task.body.label;
    this.what = this.label;
    this.delivered_ms = context.clock.monotonic_ms();
    this.#context = context;
    this.#task = task;
    this.#runner = runner;
    this.#limit_ms = limit_ms;
  }

  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#aborted) this.#abort.abort();
    return this.#abort.signal;
  }

  start(): void {
    if (this.#context.stopped || this.#context.paused) return;
    this.stage = 'running';
    const limit_ms = this.#limit_ms;
    if (limit_ms !== null) this.#timer = this.#context.timers.after(limit_ms, () => this.#timeOut(limit_ms));
    try {
      this.#runner.run(this.#task, this)?.then(undefined, (thrown: unknown) => this.#thrown(thrown));
    } catch (thrown) {
      this.#thrown(thrown);
    }
  }

  /** No capability stands over it. */
  cut(): void {}

  leave(): void {
    this.#timer?.cancel();
    this.#cutOff();
  }

  #cutOff(): void {
    this.#aborted = true;
    this.#abort?.abort();
  }

  answer(message: Value, apply: ((turn: Turn) => void) | null = null): Promise<boolean> {
    const fault = valueFault(message, { bytes: limits.answer_bytes_max });
    if (fault === null) return this.#settle(new Tuple(['ok', message]), apply);
    if (this.stage === 'running') this.#context.counts.garbage++;
    return this.#refuse(
      new PowerboxError('runner_failed', `the answer of ${this.label} cannot be taken: its message ${fault}`),
    );
  }

  refuse(error: unknown): Promise<boolean> {
    return this.#refuse(error);
  }

  #thrown(thrown: unknown): void {
    this.#context.counts.thrown++;
    // After an answer this is only a second one.
    this.#refuse(thrown).catch(ignore);
  }

  #timeOut(limit_ms: number): void {
    this.#refuse(new PowerboxError('timed_out', `${this.label} has not answered within ${limit_ms} ms`)).catch(ignore);
    this.#timedOut = true;
    this.#cutOff();
  }

  #refuse(error: unknown): Promise<boolean> {
    const { code, message, hint } = failureOf(error);
    return this.#settle(new Tuple(['error', code, message, hint]), null);
  }

  #settle(outcome: Tuple, apply: ((turn: Turn) => void) | null): Promise<boolean> {
    if (this.stage !== 'running') {
      if (this.#timedOut) this.#context.counts.late++;
      else this.#context.counts.second++;
      return Promise.resolve(false);
    }
    this.stage = 'answered';
    this.#timer?.cancel();
    const cause = { kind: 'answer', payload: recordOf([this.number, outcome]), account: this.account };
    this.applies = apply;
    const finished = insist(this.#context, () => this.#context.engine.conclude(this.#task, cause));
    return finished.finally(() => this.#over());
  }

  #over(): void {
    this.#context.lanes.done(this);
    this.#context.over(this);
  }
}

/** Only the engine rejects, once for all: whoever owns the space has been told. */
function ignore(): void {}

/** `find` gives what an answer to a task with this message does, where anybody here knows. */
export function registerAnswers(
  context: JobContext,
  find: (task: Task, message: Value) => ((turn: Turn) => void) | undefined,
): void {
  const { acting, counts, engine } = context;
  engine.register('answer', (turn, { payload }, task) => {
    const [, , outcome] = (payload as Tuple).items as readonly [string, number, Tuple];
    const [kind, first, message, hint] = outcome.items;
    acting.task = task;
    try {
      if (kind === 'error')
        turn.fail(new PowerboxError(first as ErrorCode, message as string, { hint: (hint as string) ?? '' }));
      else {
        const apply = task === null ? undefined : find(task, first as Value);
        if (apply === undefined)
          throw new PowerboxError('label_unknown', `nobody here knows what an answer of ${task?.body.label} does`);
        apply(turn);
      }
    } catch (thrown) {
      counts.thrown++;
      const failure = failureOf(thrown);
      turn.fail(new PowerboxError(failure.code, failure.message, { hint: failure.hint }));
    }
    acting.task = null;
  });
}
