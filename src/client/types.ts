/**
 * Words of the typed client: what a program may say, what it gets, and what it holds. Types only; `generated.ts` says
 * with them what each kind of channel can be asked. Here stands nothing that exists when the program runs.
 */
import type { ObjectValue, Value } from '../values/index.ts';

/** An integer of 64 bits: a number where that is exact, else a bigint. */
export type Int = number | bigint;

/** A quoted process. A program gets them and hands them on. */
export type Process = Value;

/** Marks handles for the type checker: no other object is one. */
declare const HANDLE: unique symbol;

/**
 * A capability of this holder: a channel, or an object behind one. It is good until it is disposed of, the client is
 * closed for good, or the operator takes it back. It can be compared with `sameHandle`, sent in any message and
 * argument, and kept; what it stands for cannot be read from it.
 *
 * Every other property of a handle is a method of the object behind it, whatever its name.
 */
export interface Handle extends AsyncDisposable, Disposable {
  readonly [HANDLE]: true;
  /**
   * Gives the capability back: it is refused from then on, also to whoever kept it elsewhere in this program. Nothing
   * is awaited; `await handle[Symbol.asyncDispose]()` waits until the space has dropped it.
   */
  dispose(): void;
}

/** What a program may send: plain data, values, handles, and answers that have not arrived yet. */
export type Sendable =
  | null
  | boolean
  | Int
  | string
  | Uint8Array
  | ObjectValue
  | Handle
  | Answer<unknown>
  | readonly Sendable[]
  | ReadonlySet<Sendable>
  | ReadonlyMap<Sendable, Sendable>
  | { readonly [key: string]: Sendable };

/**
 * What a program gets: Int is a number or a bigint, lists and tuples are arrays, maps plain objects where all their
 * keys are strings, channels handles. URIs, BigIntegers, bundles of data and processes stay values.
 */
export type Received =
  | null
  | boolean
  | Int
  | string
  | Uint8Array
  | ObjectValue
  | Handle
  | readonly Received[]
  | ReadonlySet<Received>
  | ReadonlyMap<Received, Received>
  | { readonly [key: string]: Received };

/** The values of one message: `x!(1, 2)` in Rholang is `[1, 2]`. */
export type SentMessage = readonly Sendable[];
export type ReceivedMessage = readonly Received[];

/** What was asked for, when it comes. It is asked for at once, whether it is awaited or not. */
export interface Answer<T> extends PromiseLike<T> {
  catch<Other = never>(onRejected: (reason: unknown) => Other | PromiseLike<Other>): Promise<T | Other>;
  finally(onFinally: () => void): Promise<T>;
}

/** An object that may not have arrived yet. What is asked of it meanwhile goes out at once: no round trip between. */
export type Pipelined<T> = Answer<T> & T;

/** As an argument: the thing, or the answer that will be it. */
export type Given<T> = T | Answer<T>;

/** A channel as a program names it: a handle (or the answer that will be one), or a public name by its value. */
export type ChannelName = Handle | Answer<Handle> | string | Int | Value;

type Function = (...args: never[]) => unknown;
type Data = readonly unknown[] | ReadonlySet<unknown> | ReadonlyMap<unknown, unknown> | Uint8Array | ObjectValue;
type HasMethods<T> = T extends object
  ? T extends Data | Function
    ? false
    : { [Key in keyof T]: T[Key] extends Function ? true : never }[keyof T] extends never
      ? false
      : true
  : false;

/** An answer of this type: with the methods that it will have, where it is an object. */
export type Asked<T> = T extends Handle ? Pipelined<T> : HasMethods<T> extends true ? Pipelined<Remote<T>> : Answer<T>;
/** The part of a result to which these steps lead. */
export type PartOf<T, Path extends readonly unknown[]> = Path extends readonly [infer Step, ...infer Rest]
  ? Step extends keyof T
    ? PartOf<T[Step], Rest>
    : unknown
  : T;

type GivenAll<Args extends readonly unknown[]> = {
  [Key in keyof Args]: HasMethods<Args[Key]> extends true ? Handle | Answer<Handle> : Given<Args[Key]>;
};

/**
 * An object whose methods a program declares itself, as a plain interface: a contract of its own, a native of the
 * operator's. `interface Greeter { greet(name: string): string }` makes `Remote<Greeter>`; where a native answers,
 * `Remote<Greeter> & EveryObject` has the methods of every object, too.
 */
export type Remote<T> = Handle & {
  readonly [Key in keyof T as T[Key] extends Function ? Key : never]: T[Key] extends (
    ...args: infer Args
  ) => infer Result
    ? (...args: GivenAll<Args>) => Asked<Awaited<Result>>
    : never;
};
