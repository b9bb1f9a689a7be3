/** How a space is opened, and the named points at which a test may stop it. */
import type { Follow } from './span.ts';
import type { Platform } from '../platform/index.ts';
import type { Store } from '../store/index.ts';
import type { Value } from '../values/index.ts';
import type { QuotaSource } from './quotas.ts';
import type { Observer } from './observed.ts';
import type { Recorder } from './recording.ts';
import type { Account } from './types.ts';

export interface EngineOptions {
  readonly platform: Platform;
  /** Where the space is kept; null for a space in memory that nothing survives. */
  readonly store: Store | null;
  /** The 32 bytes that names are derived from, for a space without a store. */
  readonly nameKey?: Uint8Array;
  /** What accounts may store and run; absent: as much as they like. */
  readonly quotas?: QuotaSource;
  readonly cache_bytes?: number;
  readonly journal_tail_bytes_max?: number;
  readonly journal_tail_age_ms_max?: number;
  readonly yield_ms?: number;
  /** How long what nobody waits for is kept from the disk; 0: not at all. */
  readonly commit_delay_ms?: number;
  /** A failure of one branch of a program. */
  readonly onFail?: (account: Account, error: Error) => void;
  /** The space has closed itself because storage failed. */
  readonly onClosed?: (error: Error) => void;
  /** Whether a message from outside is followed, and as what; see `span.ts`. Absent: none is. */
  readonly follow?: Follow;
  /** Called at named points of the path of a message: the crash test kills the process there. */
  readonly failpoint?: (name: Failpoint) => void;
  /** Hears what a replay needs; see `src/trace`. Only a space with a store can be recorded. */
  readonly recorder?: Recorder;
  /** What stood in memory where a replay begins in the middle of a record; see `standing.ts`. */
  readonly standing?: Value;
  /** Turns are not chosen here, and nothing is let out: a replay says whose turn is next. */
  readonly replays?: boolean;
  /** Whose turn is next: the place of a task among all that are ready. For testers, who want to see other orders. */
  readonly choose?: (count: number) => number;
  /** Steps of a turn, where they are to be fewer: a turn of none ends at the next parallel branch. */
  readonly turn_steps_max?: number;
  /** Looks on in a replay. */
  readonly observer?: Observer;
  /** A planted bug, for tests that must find it. */
  readonly plant?: 'acknowledge-before-sync' | 'task-twice' | 'lose-datum' | 'effect-not-begun' | 'rows-ahead';
}

/**
 * Each before and after. `append` is from the closed commit to the engine's own books, `sync` the journal's synced
 * write within it; `acknowledge:after` comes when those who wait have heard.
 */
export const FAILPOINTS = [
  'turn:before',
  'turn:after',
  'append:before',
  'append:after',
  'sync:before',
  'sync:after',
  'acknowledge:before',
  'acknowledge:after',
  'rows:before',
  'rows:after',
  'truncate:before',
  'truncate:after',
] as const;
export type Failpoint = (typeof FAILPOINTS)[number];
