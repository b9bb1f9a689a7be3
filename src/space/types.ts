/**
 * The words of the space: what is put in, what waits, what becomes ready to run, and what one turn may do.
 * The space knows nothing of Rholang, capabilities, files or sockets: a continuation is a label, a term by
 * hash, a place in it and an environment.
 */
import type { Mode } from './mode.ts';
import type { Span } from './span.ts';
import type { MessagePattern } from '../match/index.ts';
import type { Name, Value } from '../values/index.ts';

/** A holder and one of its deploys: who pays. 0 is the space's own account. */
export type Account = number;

/** Source of code, stored once by its hash. `compiled` is a runner's cache and is never stored. */
export interface TermReference {
  readonly hash: Uint8Array;
  readonly term: Value;
  compiled: unknown;
}

/** What runs when a continuation has met its data. `term` is null for labels that need no code. */
export interface Body {
  readonly label: string;
  readonly term: TermReference | null;
  readonly place: number;
  readonly environment: readonly Value[];
}

/** One slot of a receive. The same channel may stand in several slots. */
export interface Slot {
  readonly channel: Value;
  readonly pattern: MessagePattern;
  readonly peek: boolean;
}

export interface Receive {
  readonly slots: readonly Slot[];
  readonly persist: boolean;
  readonly body: Body;
}

/**
 * A continuation with its data, ready to run and durable until it has run. `captures` are those of the slots
 * in slot order, each slot's by level. `number` is never used again in this space; names are drawn from it.
 */
export interface Task {
  readonly number: number;
  readonly account: Account;
  readonly body: Body;
  readonly captures: readonly Value[];
  /** Where the message that set it in motion is followed; whoever runs it outside puts its own step in that place. */
  span?: Span | null;
}

/**
 * One turn, as an inline runner or an arriving message sees it. Everything is synchronous and takes effect at
 * once, inside the turn; nothing leaves the process before the commit that holds the turn is durable.
 */
export interface Turn {
  readonly account: Account;
  /** Number of the task or arrival whose turn it is; never used again in this space. */
  readonly task: number;
  /** Steps left of `limits.turn_steps_max`. The runner counts down; at or below zero it must `spawn` what remains. */
  steps: number;
  newName(): Name;
  produce(channel: Value, message: readonly Value[], persist: boolean): void;
  /**
   * As `produce`, whatever the account's quota says; for small messages that somebody must not wait for in vain. It is
   * charged all the same.
   */
  produceAnyway(channel: Value, message: readonly Value[]): void;
  /** As `produce`; false, and nothing has changed, when the account's quota has no room for the message. */
  offer(channel: Value, message: readonly Value[]): boolean;
  consume(receive: Receive): void;
  /**
   * Makes `channel` belong to `body`: a persistent receive that nobody else may join or replace except by a
   * later install. Messages that wait there already are met at once. Installing an equal body again is a no-op.
   */
  install(channel: Value, pattern: MessagePattern, body: Body): void;
  uninstall(channel: Value): void;
  /** A new task at the end of this account's queue: how a cut turn goes on. */
  spawn(body: Body, captures: readonly Value[]): void;
  /** Stores code once; equal terms give one reference. */
  term(term: Value): TermReference;
  /** Small durable facts of the layers above (deploys, effects begun, open handles), by key. */
  fact(key: string): Value | undefined;
  setFact(key: string, value: Value | undefined): void;
  /** Appends to a log (a short plain name): rows of their own, read in ranges, durable with this turn. */
  log(log: string, value: Value): void;
  /** As `log`, for who has the canonical bytes of the value; they must not change any more. */
  logBytes(log: string, bytes: Uint8Array): void;
  /** Forgets the entries of a log before a number. */
  dropLog(log: string, before: number): void;
  /** Runs after the commit that holds this turn is durable: every acknowledgement, delivery and effect starts here. */
  afterDurable(run: () => void): void;
  /** A failure of one branch: counted and reported to the holder of the account; other branches go on. */
  fail(error: Error): void;
}

/** Runs tasks of its label inside the turn. Must not throw for what a program did: it calls `turn.fail`. */
export interface InlineRunner {
  run(task: Task, turn: Turn): void;
  /** Where in its text the task goes on, for people: ` (line 3, column 5)`, or empty. */
  where?(task: Task): string;
}

/** What came from outside, for the record: a replay applies the same causes in the same turns. */
export interface Cause {
  readonly kind: string;
  readonly payload: Value;
  readonly account: Account;
  /** Of the program of which it is told. Default: `transaction`. */
  readonly mode?: Mode;
  /**
   * Nobody waits for its commit, so that it may be written a little later, with what follows; and about so many bytes it
   * holds. Absent: somebody waits. Never in the record.
   */
  readonly unhurried_bytes?: number | undefined;
  /** How many messages of the plainest kind it is worth, when its turn does the work of many. Never shows in the record. */
  readonly weight?: number;
  /** Where it is followed. Never in the record. */
  readonly span?: Span | null;
}

/**
 * What a kind of cause does in its turn. It must follow from the cause, the task that it ends and the space alone: a
 * replay, which has these and nothing of the process around them, does the same.
 */
export type Apply = (turn: Turn, cause: Cause, task: Task | null) => unknown;

/** How a task of some label is run: in the turn, after the commit, or not yet (nobody runs that label). */
export type Handling = 'inline' | 'outside' | 'parked';

/** What the engine asks of the dispatcher. */
export interface TaskRouter {
  handling(task: Task): Handling;
  /** Called for `inline` tasks, inside their turn. */
  run(task: Task, turn: Turn): void;
  /** As `InlineRunner.where`, of any task. */
  where?(task: Task): string;
  /** Called for each failure of a branch, inside the turn, so that what it counts is durable with the turn. */
  failed?(account: Account, error: Error, turn: Turn): void;
  /**
   * Whether this `outside` task is taken over at once, before it is durable: by whoever lets nothing out before a
   * cause of his own is, which stands behind this task. It is then not delivered in this process.
   */
  takesAtOnce?(task: Task): boolean;
  /** Called for `outside` tasks once the commit that made them is durable, and again after a restart. */
  deliver(task: Task): void;
}

/** Whoever posted a cause, told once: with what its turn answered when that is durable, or why there was none. */
export interface Poster {
  done(result: unknown): void;
  refused(error: Error): void;
  /** Hears in the same turn what that answered, in this process only: it must change nothing of the space. */
  inTurn?(result: unknown, turn: Turn): void;
}

/** The engine as the dispatcher and the host see it: turns in, acknowledgements out. */
export interface Engine {
  /** Says once what causes of a kind do; before the first of them. See `spec/traces.md`. */
  register(kind: string, apply: Apply): void;
  /**
   * One message from outside as one turn, in which what its kind is registered for is done. `after` hears in the same
   * turn what that answered, in this process only: it must change nothing of the space. Resolves once that is durable.
   */
  enact<T>(cause: Cause, after?: (result: T, turn: Turn) => void): Promise<T>;
  /** As `enact`, and in the same turn the outside task `task` is gone. Refused (false) when it is gone already. */
  conclude(task: Task, cause: Cause, after?: (result: unknown, turn: Turn) => void): Promise<boolean>;
  /** As `enact`, for who posts so many that a promise for each would be felt. */
  enactFor(poster: Poster, cause: Cause): void;
  /** As `conclude`; `done` hears whether the task was still there. */
  concludeFor(poster: Poster, task: Task, cause: Cause): void;
  /** A cause of no registered kind: `apply` says what it does, so no replay can do it again. For tests. */
  post<T>(cause: Cause, apply: (turn: Turn) => T): Promise<T>;
  /** As `post`, and in the same turn the outside task `task` is gone. Refused (false) when it is gone already. */
  finish(task: Task, cause: Cause, apply: (turn: Turn) => void): Promise<boolean>;
  /** All tasks that are made and not done, in no order; between turns. */
  unfinished(): Iterable<Task>;
  /** The task of this number, while it is outside or parked. */
  held(number: number): Task | undefined;
  /** Asks the router again about every parked task of this label. */
  unpark(label: string): void;
  fact(key: string): Value | undefined;
  /** Facts whose key starts with `prefix`, in key order. */
  facts(prefix: string): Iterable<readonly [string, Value]>;
  /** Tasks of an account that are ready, outside or parked. */
  pending(account: Account): { readonly ready: number; readonly outside: number; readonly parked: number };
  /** Resolves once every turn so far is durable; rejects when the space closes before that. */
  durable(): Promise<void>;
  /**
   * Calls `run` once, soon, when fewer than `count` data lie on the channel: how whoever sends there waits for a
   * reader who is behind. Nothing that a turn sees hangs on it.
   */
  whenFewer(channel: Value, count: number, run: () => void): { cancel(): void };
  /** Whether the account's quota has room for the message now: how whoever sends by itself waits for that. */
  fits(account: Account, message: readonly Value[]): boolean;
  /** Called when an account has no ready task left at the end of a slice. */
  onIdle(run: (account: Account) => void): void;
}
