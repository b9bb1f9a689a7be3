/** The words of the dispatcher: who may run tasks, what they are handed, and what a person is told. */
import type { Cancellable, Clock, Timers } from '../platform/index.ts';
import type { Account, Mode, Task, Turn } from '../space/index.ts';
import type { Value } from '../values/index.ts';
import type { Audit } from './audit.ts';
import type { Report } from './stderr.ts';

/**
 * How an outside runner answers: at most once, with one message and one turn. The first of `answer` and
 * `refuse` counts; a second, or one after the time limit, resolves false, is counted and changes nothing.
 */
export interface OutsideControl {
  /** Aborted when the time is over or the space closes. */
  readonly signal: AbortSignal;
  /**
   * `message` is what the journal keeps; in the turn in which the task is gone the runner's `apply` does what follows
   * from it. Or this `apply`, of a runner that has none: then no replay can do it again. Resolves once durable.
   */
  answer(message: Value, apply?: (turn: Turn) => void): Promise<boolean>;
  /** The task is gone, and its account has one more failure. */
  refuse(error: unknown): Promise<boolean>;
}

/** Runs tasks of its label after their commit. What it throws, or rejects with, is a refusal. */
export interface OutsideRunner {
  run(task: Task, control: OutsideControl): void | Promise<void>;
  /**
   * What an answer does in its turn: it follows from the task and the message alone, for a replay, which runs nothing
   * outside, does it again. It should not throw: what it did before stays, the rest is a failure of the account.
   */
  apply?(task: Task, message: Value, turn: Turn): void;
}

export interface OutsideOptions {
  /** Milliseconds until a task without answer is refused with `timed_out`; null: it may take for ever. */
  readonly limit_ms?: number | null;
}

/** Something that an account still waits for: the first thing a person needs when a program hangs. */
export type Waiting =
  | {
      readonly kind: 'effect';
      readonly task: number;
      readonly label: string;
      /** `native.method`, or the label again. */
      readonly what: string;
      /** Behind other work, being made durable or running, or being recorded. */
      readonly stage: Stage;
      /** Milliseconds since it was handed over. */
      readonly for_ms: number;
    }
  | {
      /** A channel on which something may still arrive by itself. */
      readonly kind: 'source';
      /** The native behind it. */
      readonly what: string;
      readonly channel: Value;
    }
  | { readonly kind: 'parked'; readonly label: string; readonly tasks: number; readonly reason: string };

export type Stage = 'queued' | 'running' | 'answered';

export interface Settlement {
  readonly quiescent: boolean;
  /** What is parked, when that is all that is left. */
  readonly waiting: readonly Waiting[];
}

/** What went wrong without harm to anybody else, since the start. */
export interface Counts {
  /** Answers after their time limit. */
  late: number;
  /** Second answers of one task. */
  second: number;
  /** Answers that no value could be made of. */
  garbage: number;
  /** Runners that threw. */
  thrown: number;
}

/** The parts of `Platform` that the dispatcher uses. */
export interface DispatcherPlatform {
  readonly clock: Clock;
  readonly timers: Timers;
}

/** Named moments of an effect, at which a crash test kills the process. */
export const DISPATCH_FAILPOINTS = [
  'begun:before',
  'begun:after',
  'effect:before',
  'effect:after',
  'finished:before',
  'finished:after',
] as const;
export type DispatchFailpoint = (typeof DISPATCH_FAILPOINTS)[number];

export interface DispatcherOptions {
  /** Default: `transaction`. The others are those of forks, and say which calls are made there. */
  readonly mode?: Mode;
  readonly platform: DispatcherPlatform;
  readonly report: Report;
  /** Where calls are written down; it is attached to the space before the dispatcher is. */
  readonly audit?: Audit;
  readonly effectsRunningMax?: number;
  readonly nativeCall_ms?: number;
  /** Called at named moments of an effect: the crash test kills the process there. */
  readonly failpoint?: (name: DispatchFailpoint) => void;
  /** A planted bug, for tests that must find it. */
  readonly plant?: 'effect-not-begun';
}

/** Makes the ids by which a native knows an effect again; the same for one task on every run. */
export interface EffectIds {
  effectId(task: number, place: number): Uint8Array;
}

export type { Account, Cancellable, Mode };
