/** What a program may say with what it asks of a box, and what it gets of it: words only. */
import type { ErrorCode } from '../errors.ts';
import type { Pattern } from './marshal.ts';
import type { ConnectionState } from './session.ts';
import type { ChannelName, Given, Handle, ReceivedMessage } from './types.ts';

/** Events of a client, and what their listeners are told. */
export interface BoxEvents {
  /** How it stands with the connection. */
  readonly state: ConnectionState;
  /**
   * An answer was an error, and nobody has asked for the answer. Without a listener it becomes an unhandled rejection,
   * like that of any promise.
   */
  readonly unheard: unknown;
}

export interface SignalOptions {
  /** Aborted: what was asked is taken back, and rejects with `cancelled`. */
  readonly signal?: AbortSignal;
}

export interface ProduceOptions extends SignalOptions {
  /** The message stays when it is received. */
  readonly persist?: boolean;
  /** Milliseconds after which the message goes away by itself. */
  readonly lease_ms?: number;
}

export interface TakeOptions extends SignalOptions {
  /** What must stand at each place of the message, `any` where anything may. Default: any message. */
  readonly match?: Pattern;
  /** Milliseconds to wait for one; default 0: what is there now. */
  readonly limit_ms?: number;
}

export interface ReceiveSlot {
  readonly channel: ChannelName;
  readonly match?: Pattern;
  /** The message stays on the channel. */
  readonly peek?: boolean;
}

export interface ConsumeOptions extends SignalOptions {
  /** Milliseconds; then it is taken back and rejects with `timed_out`. Without it: as long as it takes. */
  readonly limit_ms?: number;
}

export interface WatchOptions extends SignalOptions {
  /** How many messages may be on the way to this program before it has read any of them. */
  readonly credit?: number;
}

export interface MessagesOptions extends WatchOptions {
  readonly match?: Pattern;
  /** With a cursor store: the next run of the program that asks by this name goes on where this one was. */
  readonly name?: string;
}

export interface DeployOptions extends SignalOptions {
  /** What reports call it. */
  readonly name?: string;
  /** Channels by the URIs under which the program finds them, beside those that the holder was granted. */
  readonly uris?: Readonly<Record<string, Given<Handle>>>;
  /**
   * Up to its first calls to the world all of it happens in one step, or nothing does: it is refused when a branch of it
   * fails, and with `fork_conflict` when something that it has looked at has changed meanwhile.
   */
  readonly atomic?: boolean;
}

export interface QueryOptions extends SignalOptions, Pick<DeployOptions, 'name' | 'uris'> {
  /** Milliseconds that it may take. */
  readonly limit_ms?: number;
  /** What it may cost, by the price list. */
  readonly cost_max?: number;
}

/** A branch of a program that failed. */
export interface Failed {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string;
}

export interface QueryAnswer {
  /** What the program sent on `rho:answer`, in order. */
  readonly answers: readonly ReceivedMessage[];
  readonly cost: number;
  readonly failures: readonly Failed[];
}

export interface EstimateAnswer {
  readonly cost: number;
  /** No call was left out: run on the same state, it costs exactly this. */
  readonly exact: boolean;
  /** The calls that were not made: what follows from their answers is not in the cost. Arguments in Rholang. */
  readonly calls: readonly {
    readonly what: string;
    readonly effect: 'none' | 'observe' | 'change' | null;
    readonly args: readonly string[];
  }[];
  readonly failures: readonly Failed[];
}

export interface Deployed {
  /** Its number in the space. */
  readonly deploy: number;
  readonly name: string;
}

/** A message that was put on a channel, and how many were before it of which this program was not told: it was too slow. */
export interface Watched {
  readonly message: ReceivedMessage;
  readonly missed: number;
}

/** What is put on a channel, as it comes. */
export type Watch = AsyncIterableIterator<Watched, undefined> & AsyncDisposable;

/** Messages as they come. Leaving the loop takes the receive back. */
export type Messages = AsyncIterableIterator<ReceivedMessage, undefined> & AsyncDisposable;
