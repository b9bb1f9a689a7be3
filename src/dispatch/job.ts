/** What the jobs of the dispatcher share: the engine they answer to, the bounds, and whom they tell. */
import { isPowerboxError } from '../errors.ts';
import type { Clock, Deadlines, Timers } from '../platform/index.ts';
import type { Account, Engine, Task, Turn } from '../space/index.ts';
import { Tuple, type Value } from '../values/index.ts';
import type { Audit } from './audit.ts';
import type { Beginnings } from './beginnings.ts';
import type { Capabilities } from './capabilities.ts';
import type { Job, Lanes } from './lanes.ts';
import type { Sources } from './sources.ts';
import type { Failure, Stderr } from './stderr.ts';
import type { Counts, DispatchFailpoint, EffectIds, Mode, Stage } from './types.ts';

/** Work handed to somebody outside the turn, from its delivery until its answer is durable. */
export interface OutsideWork extends Job {
  /** Its number, or of a call that was counted the one that it came with. */
  readonly asked: number;
  readonly label: string;
  readonly what: string;
  readonly stage: Stage;
  readonly delivered_ms: number;
  /** By what right a native is called; null for work of other labels. */
  readonly cap: string | null;
  /** Answers it with this failure, now or as soon as its turn comes, and cuts off what it has begun. */
  cut(failure: Failure): void;
  /** The process leaves: what only looks at the world, or waits for a person, is cut off and left to recovery. */
  leave(): void;
  /** Whether a clean stop should wait for its end. */
  readonly drained: boolean;
}

/** On whose behalf the turn that runs now was started: what a report of its failures says. */
export interface Acting {
  task: Task | null;
  /** `native.method`, or empty: the label of the task. */
  source: string;
}

export interface JobContext {
  readonly mode: Mode;
  readonly failpoint: ((name: DispatchFailpoint) => void) | null;
  /** The planted bug that a change runs and nothing says that it has begun. */
  readonly unbegun: boolean;
  readonly acting: Acting;
  readonly engine: Engine;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Time limits of calls. */
  readonly deadlines: Deadlines;
  readonly lanes: Lanes;
  readonly beginnings: Beginnings;
  readonly stderr: Stderr;
  readonly counts: Counts;
  readonly ids: EffectIds;
  readonly sources: Sources;
  readonly capabilities: Capabilities;
  /** Null: calls are not written down. */
  readonly audit: Audit | null;
  /** Nothing new starts any more. */
  stopped: boolean;
  /** Nothing new starts any more, and what has started is awaited: the node is out of service. */
  paused: boolean;
  /** Why it is, as long as no turn has it on record. */
  outage: Value | null;
  over(work: OutsideWork): void;
}

/** The key of the fact that a change has begun and not finished. */
export const BEGUN_PREFIX = 'effect/';

/** The fact that the node is out of service: `(ms since 1970, reason, root)`. */
export const SERVICE_FACT = 'service';

export function begunKey(task: number): string {
  return `${BEGUN_PREFIX}${task}`;
}

/** Keys of the facts that a native has prepared a change whose answer is on record, and is to finish it. */
export const PREPARED_PREFIX = 'prepared/';

export function preparedKey(effectId: Uint8Array): string {
  return PREPARED_PREFIX + Array.from(effectId, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** What the journal keeps of a cause: the execution mode first, then what `spec/dispatch.md` says of its kind. */
export function recordOf(parts: readonly Value[]): Tuple {
  return new Tuple(['transaction', ...parts]);
}

/**
 * As `ask`, again and again while the engine has no room for one more cause. Any other refusal is final for
 * the space, and for this work.
 */
export function insist<T>(context: JobContext, ask: () => Promise<T>): Promise<T> {
  // No async function: nearly always the first answer is taken, for each of very many calls.
  return ask().catch(async (error: unknown) => {
    if (!isBusy(error)) throw error;
    await new Promise<void>((resolve) => void context.timers.after(RETRY_MS, resolve));
    return insist(context, ask);
  });
}

/** The engine has no room for one more cause, and will have soon. */
export function isBusy(error: unknown): boolean {
  return isPowerboxError(error) && error.code === 'too_many_tasks';
}

export const RETRY_MS = 5;

/** To the holder's STDERR once the turn is durable; a report of what never happened would be a lie. */
export function reportDurably(
  turn: Turn,
  account: Account,
  stderr: Stderr,
  failure: Failure,
  source: string,
  task: number | null,
): void {
  turn.afterDurable(() => stderr.report(account, failure, source, task));
}
