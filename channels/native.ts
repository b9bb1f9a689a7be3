/**
 * The other half of a declaration: what a native is asked, what it may answer, and how an object of it stands
 * in the space. It stands here, beneath the dispatcher, because dispatcher and natives both speak it.
 *
 * An object behind a channel is a value: native, handle, and (for objects that change) an id under which its
 * state is a durable fact. Nothing of it lives in memory only, so it is the same after a restart. A handle
 * carries the grant it came from; natives act under that grant and no other.
 *
 * Things that happen by themselves (a connection, a datagram, a line, a timer) reach programs through a *source*:
 * a channel with a native behind its other end. It is a durable fact, so it is found again after a restart.
 */
import type { Value } from '../src/values/index.ts';
import type { ErrorCode } from '../src/errors.ts';
import type { ChannelDeclaration } from './declare.ts';

/** The label of the installed continuation behind every native channel. */
export const NATIVE_LABEL = 'native';

/** One call, checked against the declaration. */
export interface NativeCall {
  readonly method: string;
  /** Which form of the method: its index in the declaration. */
  readonly form: number;
  readonly args: readonly Value[];
  /** 32 bytes, the same when the call is made again after a crash. Empty for calls of effect `none`. */
  readonly effectId: Uint8Array;
  readonly account: number;
  /** Which object of this native is called, and under which grant. */
  readonly handle: Value;
  /** The object's durable state as its last finished call left it; undefined for objects without state. */
  readonly state: Value | undefined;
  /** The capability by which the object is called: its grant, or one derived from it. */
  readonly cap?: string;
  /** What the caller may do, for an object that tells what it can be asked. */
  readonly may?: {
    /** This method of the object. */
    call(method: string): boolean;
    /** What stands under this grant. */
    use(grant: string): boolean;
  };
  /** Milliseconds that its caller waits; null: as long as a person takes. */
  readonly limit_ms?: number | null;
  /** It may have been made before, by an earlier process: a change of recovery `repeat` or `ask` that a crash cut off. */
  readonly again?: boolean;
  /** Of a call that is followed, its step: what the native does elsewhere comes beneath it. A W3C `traceparent`. */
  readonly traceparent?: string | undefined;
  /** Aborted when the caller's time is over or the space closes. A change that has begun is not cut off by it. */
  readonly signal?: AbortSignal;
  /** As `whenLeft` below, which is how it is asked for. */
  whenLeft?(run: () => void): () => void;
}

/**
 * Calls `run` once when `signal` of the call is aborted, at once when it is already. What it returns is called by whoever
 * wants to hear no more. For natives that answer very many calls: a signal costs more than most of them, and outlives them.
 */
export function whenLeft(call: Pick<NativeCall, 'signal' | 'whenLeft'>, run: () => void): () => void {
  if (call.whenLeft !== undefined) return call.whenLeft(run);
  const { signal } = call;
  if (signal === undefined) return () => {};
  if (signal.aborted) {
    run();
    return () => {};
  }
  signal.addEventListener('abort', run, { once: true });
  return () => signal.removeEventListener('abort', run);
}

/**
 * Stands in an answer for an object that does not exist yet. In the turn of the answer the dispatcher draws a
 * name, installs the native on it (`nativeEnvironment`), sets `state` as its fact when there is one, and puts a
 * write-only bundle of the name in its place.
 */
export class NewObject {
  constructor(
    /** Name of the native that answers on the new channel. */
    readonly native: string,
    readonly handle: Value,
    /** First state; undefined for an object that never changes. */
    readonly state: Value | undefined = undefined,
    /** The grant that it stands under besides the capability of the call that made it; absent: that one alone. */
    readonly grant: string | null = null,
  ) {}
}

/**
 * Stands in an answer for a fresh channel that holds messages, oldest first. The dispatcher draws a name,
 * produces them on it in the turn of the answer, and puts a read-only bundle of the name in its place.
 */
export class NewChannel {
  constructor(readonly messages: readonly (readonly Value[])[]) {}
}

/**
 * Stands in an answer for a fresh channel on which messages arrive by themselves. In the turn of the answer the
 * dispatcher draws a name, writes the source down as a fact, and puts a read-only bundle of the name in its place;
 * once that is durable, `Native.open` of the native named here is given the source.
 */
export class NewSource {
  constructor(
    readonly native: string,
    readonly handle: Value,
    readonly options: {
      /** Messages that may lie unread before `push` makes its caller wait. Default `limits.source_unread_default`. */
      readonly unread_max?: number;
      readonly state?: Value;
    } = {},
  ) {}
}

/** Stands in an answer for a map of which some values are new. */
export class NewMap {
  constructor(readonly entries: readonly (readonly [key: string, value: Made])[]) {}
}

/** What a value of an answer can be. */
export type Made = Value | NewObject | NewChannel | NewSource;

/**
 * Stands in an answer whose reply comes later: what the source pushes goes where the reply would have gone. A call
 * that asks for no reply is refused. In an expression it is a call that takes its time.
 */
export class Later {
  constructor(readonly source: NewSource) {}
}

export type NativeResult = Made | NewMap | Later;

/** The end of a source that its native holds, in this process. */
export interface Source {
  /** Unique in the space, the same after a restart. */
  readonly id: string;
  readonly handle: Value;
  readonly account: number;
  /** The capability that it is held by, and so is what it hands out. */
  readonly cap?: string;
  /** Its state as the last `push` left it. */
  readonly state: Value | undefined;
  /** It was made by an earlier process: what belonged to that one (a socket) is gone, what is durable (a time) goes on. */
  readonly resumed: boolean;
  /** Aborted when nobody may or wants to hear more: closed, cancelled, revoked, or the space closes. */
  readonly signal: AbortSignal;
  /**
   * One arrival: one cause in the journal, one turn, one message on the channel. Resolves once it is durable *and*
   * there is room for another one; so a slow reader slows the sender. False: the source has ended, and takes no more;
   * this message may have been the last that it took.
   * With `last` the source ends in the same turn. Pushes are made in the order in which they are asked for.
   */
  push(message: readonly Made[], options?: { readonly state?: Value; readonly last?: boolean }): Promise<boolean>;
  /**
   * Ends the source with an error, which its reader receives as `("error", {…})`, and the holder's STDERR. It comes after
   * the message that is arriving and waits for no reader: what waits behind that one does not arrive any more.
   */
  fail(error: NativeError): Promise<boolean>;
  /** To the holder's STDERR, beside what arrives: what was turned away. The source goes on. */
  report?(error: NativeError): void;
}

export interface NativeError {
  readonly code: ErrorCode;
  readonly message: string;
}

/** What goes to the holder's STDERR beside the answer. */
interface WithNotes {
  readonly notes?: readonly NativeError[];
  /** Bytes that went in or out, for the audit; default: those of arguments and result. */
  readonly bytes?: number;
}

export type NativeAnswer = WithNotes &
  (
    | {
        readonly ok: NativeResult;
        /** The called object's state from now on; absent when this call did not change it. */
        readonly state?: Value;
        /** The channel of a source of this native that ends with this answer; the call fails with `handle_closed` when it has ended. */
        readonly closes?: Value;
        /**
         * The change is prepared and not made: it is, once this answer is durable. With the answer the fact
         * `prepared/<effect id>` is set, and `forget` says that it may be looked for.
         */
        readonly prepared?: boolean;
      }
    | { readonly error: NativeError }
  );

/**
 * Who answers on the channels of one declaration. Laws:
 * - an expected failure is an `error` answer; a rejection is a bug, reported as `native_failed`;
 * - calls to one object that has state are made one at a time, each with the state its predecessor left;
 *   everything else may run at once, so a native guards what it shares;
 * - `inline` answers the methods of effect `none`: synchronous, short, the same answer for the same call;
 * - `call` answers all others, and is made only after the begun effect is durable;
 * - `begin` is asked instead of `call` where there is one, by natives that answer very many: it answers through its
 *   second argument, once, at once or later;
 * - `ask` answers for methods of recovery `ask` what became of a call that was begun: its answer when it was
 *   applied, `not_applied` when the world is as before it (the dispatcher then calls again, same effect id);
 * - `forget` says that these effects are finished for good; what was kept to answer `ask` may go. It may be
 *   said twice, of effects never heard of, or never;
 * - `ended` hears of each capability that has ended: what this process opened by it, or by one derived from it (which
 *   `isBelow` says), is closed;
 * - `open` is given each source of this native, new ones and (when the space opens) those of earlier processes; it
 *   must not throw, and whatever it starts ends with the source's signal.
 */
export interface Native {
  readonly declaration: ChannelDeclaration;
  inline?(call: NativeCall): NativeAnswer;
  call?(call: NativeCall): Promise<NativeAnswer>;
  begin?(call: NativeCall, answer: (answer: NativeAnswer) => void): void;
  ask?(call: NativeCall): Promise<NativeAnswer | 'not_applied'>;
  forget?(effectIds: readonly Uint8Array[]): Promise<void>;
  open?(source: Source): void;
  ended?(isBelow: (cap: string) => boolean, why: NativeError): void;
  close?(): Promise<void>;
}

/** An object as it stands in the environment of its installed continuation. */
export interface NativeReference {
  readonly native: string;
  readonly handle: Value;
  /** Key of the object's state; empty for an object that never changes. Unique in the space. */
  readonly id: string;
  /** The capability it is called by: a grant (`holder/name`) or one derived from it. Empty: the space's own. */
  readonly cap: string;
}

/** The environment of the body to install: label `native`, no term, place 0. */
export function nativeEnvironment(reference: NativeReference): readonly Value[] {
  return [reference.native, reference.handle, reference.id, reference.cap];
}

/** Reads what `nativeEnvironment` wrote. */
export function readNativeEnvironment(environment: readonly Value[]): NativeReference {
  const [native, handle, id, cap] = environment;
  if (typeof native !== 'string' || handle === undefined || typeof id !== 'string' || typeof cap !== 'string') {
    throw new Error('the environment of a native body must be [native, handle, id, cap]');
  }
  return { native, handle, id, cap };
}

/** Key of the fact that holds the state of the object `id`. */
export function stateKey(id: string): string {
  return `native/${id}`;
}
