/**
 * The loop of turns: takes messages from outside and ready tasks in their order, applies each as one turn, asks for
 * commits to be written, and yields to the event loop by time. Owns whose turn comes next and the number of the last
 * turn. Where a slice ends must never show in the record.
 */
import { PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import { Arrival, Arrivals } from './arrivals.ts';
import type { Books } from './books.ts';
import type { Channels } from './channels.ts';
import type { Committer } from './committer.ts';
import type { EngineOptions, Failpoint } from './options.ts';
import type { Quotas } from './quotas.ts';
import { repetitionOf, REPEAT_LABEL } from './repeat.ts';
import type { LiveTask, Tasks } from './tasks.ts';
import type { Span } from './span.ts';
import type { TurnContext } from './turn.ts';
import type { Tuples } from './tuples.ts';
import type { Causes } from './causes.ts';
import type { CauseRecord } from './entry.ts';
import type { Recorders } from './recorders.ts';
import type { Account, Handling, Poster, TaskRouter } from './types.ts';

/** The kind of cause of a message that stays. */
export const PRODUCE_PERSISTENT = 'produce!';

const NOBODY_TO_TELL = (): void => {};
const NOBODY: Poster = { done: NOBODY_TO_TELL, refused: NOBODY_TO_TELL };

const PARKED_ROUTER: TaskRouter = {
  handling: () => 'parked',
  run: () => {},
  deliver: () => {},
};

/** Turns between two looks at the clock. */
const CLOCK_TURNS = 128;
/** Weight of the arrivals that are applied before tasks get their share again, and the disk its own. */
const ARRIVALS_A_ROUND = 256;
/** Tasks run before arrivals get their share again. */
const TASKS_A_ROUND = 2048;

/** The parts of the space that turns work on. */
export interface LoopParts {
  readonly options: EngineOptions;
  readonly channels: Channels;
  readonly tasks: Tasks;
  readonly tuples: Tuples;
  readonly books: Books;
  readonly commits: Committer;
  readonly quotas: Quotas | null;
  readonly causes: Causes;
  readonly context: TurnContext;
  readonly recorders: Recorders;
}

/** What the loop needs of its engine. */
export interface LoopHost {
  readonly closed: PowerboxError | null;
  /** Storage has failed, or a turn has: final. */
  fail(error: unknown): void;
  /** An account has no ready task left at the end of a slice. */
  idle(account: Account): void;
}

export class TurnLoop {
  /** Number of the last turn. */
  turn = 0;
  router: TaskRouter = PARKED_ROUTER;
  readonly arrivals = new Arrivals();
  readonly #host: LoopHost;
  readonly #options: EngineOptions;
  readonly #channels: Channels;
  readonly #tasks: Tasks;
  readonly #tuples: Tuples;
  readonly #books: Books;
  readonly #commits: Committer;
  readonly #quotas: Quotas | null;
  readonly #causes: Causes;
  readonly #recorders: Recorders;
  readonly #choose: ((count: number) => number) | null;
  /** Whether somebody else says whose turn is next. */
  readonly #replays: boolean;
  readonly #context: TurnContext;
  // Looked at in every turn, so taken out of the options.
  readonly #noted: boolean;
  readonly #failpoint: ((name: Failpoint) => void) | null;
  readonly #plantTaskTwice: boolean;
  /** Tasks that the round under way may still run before arrivals have their share; 0 between two rounds. */
  #tasksLeft = 0;
  /** More had arrived than the round under way took. */
  #isBurst = false;
  #scheduled = false;
  #closing: (() => void) | null = null;
  #paused = false;

  constructor(host: LoopHost, parts: LoopParts) {
    this.#host = host;
    this.#options = parts.options;
    this.#channels = parts.channels;
    this.#tasks = parts.tasks;
    this.#tuples = parts.tuples;
    this.#books = parts.books;
    this.#commits = parts.commits;
    this.#quotas = parts.quotas;
    this.#causes = parts.causes;
    this.#recorders = parts.recorders;
    this.#choose = parts.options.choose ?? null;
    this.#replays = parts.options.replays ?? false;
    this.#context = parts.context;
    this.#noted = parts.options.store !== null;
    this.#failpoint = parts.options.failpoint ?? null;
    this.#plantTaskTwice = parts.options.plant === 'task-twice';
  }

  /**
   * From now on no task runs; what arrives is still applied and made durable. Said of a machine on which nothing new
   * should be begun.
   */
  pause(): void {
    this.#paused = true;
  }

  /** Resolves when what was asked before is durable, or the space has closed itself. */
  drain(): Promise<void> {
    return new Promise<void>((resolve) => {
      this.#closing = resolve;
      this.schedule();
    });
  }

  /** Refuses what waits for its turn, and lets whoever drains go on. */
  end(error: PowerboxError): void {
    this.arrivals.refuse(error);
    this.#closing?.();
  }

  arrive(arrival: Arrival): void {
    this.arrivals.push(arrival);
    if (!this.#scheduled) this.schedule();
  }

  /** Whether tasks are run: not when the space closes, for those that are ready are durable, and go on when it opens. */
  get #runsTasks(): boolean {
    return this.#closing === null && !this.#paused;
  }

  /** Asks for another slice of turns. */
  schedule(): void {
    if (this.#scheduled || this.#replays) return;
    this.#scheduled = true;
    this.#options.platform.timers.soon(this.#slice);
  }

  readonly #slice = (): void => {
    this.#scheduled = false;
    if (this.#host.closed !== null) return;
    try {
      // The journal's tail is bounded: turns wait for a cut that they have left behind.
      if (!this.#commits.rowsBehind) this.#runTurns();
      if (this.#host.closed !== null) return;
      const { current } = this.#commits;
      current.isRound = current.awaited && current.weight >= ARRIVALS_A_ROUND && !this.#tasks.anyReady;
      if (this.#closing === null) this.#commits.flushDue();
      else this.#commits.flush();
      this.#commits.advanceCut();
    } catch (error) {
      // A turn must not throw: what is in memory can no longer be trusted, what is on disk can.
      this.#host.fail(error);
      return;
    }
    for (const account of this.#tasks.takeSettled()) this.#host.idle(account);
    if (this.#runsTasks) this.#quotas?.arm();
    const ahead = this.#commits.appending && this.#commits.full;
    // When rows are behind, the cut that is under way asks for the next slice.
    if (!ahead && this.#moreTurns && !this.#commits.rowsBehind) this.schedule();
    else if (this.#closing !== null && this.#commits.idle && this.arrivals.length === 0) this.#closing();
  };

  /** Turns until the time is up, the commit is full or nothing is left. Where it stops never shows in the record. */
  #runTurns(): void {
    const { clock } = this.#options.platform;
    const deadline_ms = clock.monotonic_ms() + (this.#options.yield_ms ?? limits.yield_ms);
    let untilClock = CLOCK_TURNS;
    for (;;) {
      // A round that was interrupted goes on where it was, so that time decides nothing about the order of turns.
      if (this.#tasksLeft === 0) {
        for (let left = ARRIVALS_A_ROUND; left > 0 && this.arrivals.length > 0; ) {
          const arrival = this.arrivals.shift();
          left -= arrival.cause.weight ?? 1;
          this.#runArrival(arrival);
        }
        this.#isBurst = this.arrivals.length > 0;
        this.#tasksLeft = TASKS_A_ROUND;
      }
      if (this.#runsTasks) {
        for (let left = this.#tasksLeft; left > 0; left--) {
          const task = this.#choose === null ? this.#tasks.next() : this.#tasks.chosen(this.#choose);
          if (task === null) break;
          this.#runTask(task);
          if (--untilClock <= 0) {
            untilClock = CLOCK_TURNS;
            if (clock.monotonic_ms() >= deadline_ms || this.#commits.full) {
              this.#tasksLeft = left - 1;
              return;
            }
          }
        }
      }
      this.#tasksLeft = 0;
      if (!this.#moreTurns || clock.monotonic_ms() >= deadline_ms || this.#commits.full) return;
      // In a burst the disk begins with this round while the turns of the next run, and those who hear of it first ask
      // again before the others are done. What follows from a round is written with it: a call, its reply and all names
      // in between come and go within one commit, and what comes alone begins in the commit of the last answer.
      if (this.#isBurst && this.#commits.current.awaited && !this.#tasks.anyReady) this.#commits.flush();
    }
  }

  get #moreTurns(): boolean {
    return this.arrivals.length > 0 || (this.#runsTasks && this.#tasks.anyReady);
  }

  #runArrival(arrival: Arrival): void {
    const { cause, task } = arrival;
    if (task !== null && task.state !== 'outside') {
      arrival.poster.done(false);
      return;
    }
    const conflict = arrival.guard === null ? null : arrival.guard();
    if (conflict !== null) {
      arrival.poster.refused(conflict);
      return;
    }
    if (this.#failpoint !== null) this.#failpoint('turn:before');
    this.turn++;
    const commit = this.#commits.current;
    commit.turns++;
    commit.weight += cause.weight ?? 1;
    // A replay has them in its record, and no journal: large ones must not stay until the commit ends.
    if (this.#noted && !this.#replays) {
      commit.causes.push({
        turn: this.turn,
        kind: cause.kind,
        account: cause.account,
        mode: cause.mode ?? 'transaction',
        payload: cause.payload,
        message: arrival.message,
        task: task === null ? 0 : task.number,
      });
      this.#books.messageCause = arrival.message === null ? -1 : commit.causes.length - 1;
    }
    const context = this.#context.begin(cause.account, this.#books.nextTask++);
    const span = cause.span ?? task?.span ?? null;
    if (span !== null) this.#books.span = span;
    try {
      if (task !== null) this.#endTask(task);
      if (arrival.message !== null)
        this.#tuples.produce(cause.payload, arrival.message, cause.kind === PRODUCE_PERSISTENT, cause.account);
      else {
        const apply = arrival.apply ?? this.#causes.of(cause.kind);
        arrival.result = apply(context, cause, task);
        if (arrival.after !== null) arrival.after(arrival.result, context);
        else arrival.poster.inTurn?.(arrival.result, context);
      }
      if (task !== null) arrival.result = true;
    } catch (error) {
      if (!(error instanceof PowerboxError)) {
        // A bug in the caller's code: the turn is half done, so the space cannot go on from memory.
        arrival.poster.refused(error instanceof Error ? error : new PowerboxError('bad_request', String(error)));
        throw error;
      }
      // A refusal: what the turn did before it stays, and the caller hears of it like of any answer.
      arrival.refusal = error;
    }
    this.#books.messageCause = -1;
    if (span !== null) this.#books.span = null;
    if (cause.unhurried_bytes === undefined) commit.settle(arrival);
    else commit.settleLater(arrival, cause.unhurried_bytes);
    if (this.#failpoint !== null) this.#failpoint('turn:after');
  }

  #runTask(task: LiveTask): void {
    const spent = this.#quotas === null ? null : this.#spent(task);
    if (spent !== null) {
      // Each ends with a word about where it stopped; what others have waiting there goes on for whoever pays.
      this.#startTurn(task).fail(spent);
      this.#endTask(task);
      return;
    }
    if (task.body.label === REPEAT_LABEL) {
      this.#meetAgain(task);
      return;
    }
    const handling = this.router.handling(task);
    if (handling !== 'inline') {
      this.#handOn(task, handling);
      return;
    }
    this.#runInline(task);
  }

  #runInline(task: LiveTask): void {
    const router = this.router;
    if (this.#failpoint !== null) this.#failpoint('turn:before');
    const context = this.#startTurn(task);
    if (task.span === null) router.run(task, context);
    else this.#runFollowed(task.span, task, context);
    this.#books.spend(task.account, context.used);
    if (!this.#plantTaskTwice) this.#endTask(task);
    if (this.#quotas !== null) this.#quotas.ran(task.account, 1 + context.used);
    if (this.#failpoint !== null) this.#failpoint('turn:after');
  }

  #handOn(task: LiveTask, handling: 'outside' | 'parked'): void {
    this.#hold(task, handling);
    if (handling === 'outside' && this.router.takesAtOnce?.(task) !== true)
      this.#commits.current.settle({ durable: () => this.router.deliver(task), lost: NOBODY_TO_TELL });
  }

  #spent(task: LiveTask): PowerboxError | null {
    return this.#quotas?.spent(task.account, () => this.router.where?.(task) ?? '') ?? null;
  }

  /** As one step of the message that is followed. */
  #runFollowed(span: Span, task: LiveTask, context: TurnContext): void {
    const step = span.begin('turn', { turn: this.turn, account: task.account, label: task.body.label });
    this.#books.span = step;
    this.router.run(task, context);
    this.#books.span = null;
    step?.end('ok');
  }

  /** A turn in which nothing happens but that: so that every choice of whose turn it is has its number. */
  #hold(task: LiveTask, handling: 'outside' | 'parked'): void {
    this.turn++;
    if (this.#recorders.any) this.#recorders.held(this.turn, task, handling);
    this.#tasks.hold(task, handling);
    if (this.#quotas !== null) this.#quotas.ran(task.account, 1);
  }

  /** Parked tasks of a label are ready again: a turn, too, when there are any. */
  unpark(label: string): void {
    const parked = [...this.#tasks.held.values()].filter(
      (task) => task.state === 'parked' && task.body.label === label,
    );
    if (parked.length === 0) return;
    this.turn++;
    if (this.#recorders.any) this.#recorders.unparked(this.turn, label);
    for (const task of parked) {
      this.#tasks.release(task);
      this.#tasks.push(task);
    }
    this.schedule();
  }

  // ------------------------------------------------------------------ for a replay, which says whose turn is next

  /** Does a recorded cause in the next turn; how it was refused, or null. */
  redoCause(record: CauseRecord): PowerboxError | null {
    const { kind, payload, account, mode, message } = record;
    const task = record.task === 0 ? null : (this.#tasks.held.get(record.task) ?? null);
    const arrival = new Arrival({ kind, payload, account, mode }, message, null, null, task, NOBODY);
    this.#runArrival(arrival);
    return arrival.refusal;
  }

  /**
   * Gives the next turn to the task that is next, which was handled so when it was recorded. Null: no task is ready.
   * One that is now handled otherwise is given back untouched, with how.
   */
  redoTask(expected: Handling): { readonly task: LiveTask; readonly handling: Handling } | null {
    const task = this.#tasks.next();
    if (task === null) return null;
    if (expected === 'parked') {
      this.#hold(task, expected);
      return { task, handling: expected };
    }
    if (task.body.label === REPEAT_LABEL || (this.#quotas !== null && this.#spent(task) !== null)) {
      if (expected === 'inline') this.#runTask(task);
      return { task, handling: 'inline' };
    }
    const handling = this.router.handling(task);
    if (handling !== expected) return { task, handling };
    if (expected === 'outside') this.#hold(task, expected);
    else this.#runInline(task);
    return { task, handling };
  }

  #startTurn(task: LiveTask): TurnContext {
    this.turn++;
    this.#commits.current.turns++;
    return this.#context.begin(task.account, task.number);
  }

  #endTask(task: LiveTask): void {
    if (task.state !== 'ready') this.#tasks.release(task);
    task.state = 'done';
    if (this.#quotas !== null) this.#quotas.taskDone(task.account);
    if (this.#noted && task.born !== this.#commits.serial) this.#commits.current.tasksGone.push(task.number);
  }

  #meetAgain(task: LiveTask): void {
    this.#startTurn(task);
    const found = repetitionOf(task, this.#channels);
    if (found !== null) this.#tuples.meetAgain(found.waiter, found.data);
    this.#endTask(task);
    if (this.#quotas !== null) this.#quotas.ran(task.account, 1);
  }
}
