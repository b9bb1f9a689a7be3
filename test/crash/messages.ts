/**
 * What a child tells its parent, one line of JSON each, written before the child does anything else. What was
 * written is known, whatever becomes of the child: the parent's record is the truth that the space is held to.
 */
import type { DispatchFailpoint } from '../../src/dispatch/index.ts';
import type { EngineOptions, Failpoint } from '../../src/space/index.ts';

export type Plant = NonNullable<EngineOptions['plant']>;
export type Moment = Failpoint | DispatchFailpoint;
export type WorkloadName = 'files' | 'pumps';

/**
 * `live`: does what is left of the workload and reports the end. `ask`: only sees to it that everything is asked
 * for and acknowledged, and kills itself. `look`: reports what is there, and moves nothing.
 */
export type Mode = 'live' | 'ask' | 'look';

/** A process told to kill itself when it passes a moment for the n-th time. */
export interface AtMoment {
  readonly at: Moment;
  readonly pass: number;
}

export interface ChildOptions {
  readonly workload: WorkloadName;
  readonly mode: Mode;
  readonly data: string;
  readonly files: string;
  readonly kill?: AtMoment;
  readonly plant?: Plant;
}

export interface ChannelContent {
  readonly channel: string;
  /** Each message as its values in Rholang. */
  readonly data: readonly (readonly string[])[];
  readonly waiting: readonly string[];
}

export interface Contents {
  readonly channels: readonly ChannelContent[];
  readonly deploys: readonly string[];
  /** Tasks whose effect has begun and not finished. */
  readonly begun: readonly number[];
}

export type Line =
  | { readonly type: 'started' }
  | ({ readonly type: 'found' } & Contents)
  | { readonly type: 'asked' | 'acknowledged'; readonly what: 'deploy' | 'order' | 'token'; readonly number: number }
  /** A take that found nothing; `acknowledged` says that it got the token. */
  | { readonly type: 'absent'; readonly number: number }
  | { readonly type: 'pouring' | 'poured'; readonly number: number }
  | { readonly type: 'failure'; readonly code: string; readonly message: string }
  | { readonly type: 'dies'; readonly at: Moment }
  | ({ readonly type: 'ended'; readonly passed: Readonly<Partial<Record<Moment, number>>> } & Contents)
  /** The child itself gave up: a bug, or a storage that does not open again. */
  | { readonly type: 'broken'; readonly message: string };
