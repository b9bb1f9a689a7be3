/**
 * What a program holds: handles and answers, as objects that turn every method into a call. Owns the correspondence
 * between these objects and what stands behind them. Must never ask the service anything by itself: it passes calls
 * on to its caller, and says when the last holder of a capability has let go.
 */
import { PowerboxError } from '../errors.ts';
import type { Capability, PathStep } from '../wire/index.ts';
import type { Answer, Asked, Handle, PartOf } from './types.ts';

/** How a call is made, besides what it says. */
export interface CallOptions {
  /** Aborted: the call is taken back, and the answer rejects with `cancelled`. */
  readonly signal?: AbortSignal;
  /** Milliseconds; then the answer is the error `timed_out`. */
  readonly limit_ms?: number;
}

/** Who makes the calls of stubs. */
export interface Caller {
  call(target: Target, method: string, args: readonly unknown[], options: CallOptions): Pending;
  /** One handle less stands for this capability; resolves when the service knows it. */
  letGo(capability: Capability): Promise<void>;
}

/** Something that was asked for. It may be the target and an argument of further calls before it has come. */
export class Pending {
  readonly promise: Promise<unknown>;
  /** By which the service knows the request; null until it is sent. */
  id: number | null = null;
  /** What came: undefined until then. A value or an error. */
  outcome: { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: unknown } | undefined;
  /** Whether the program has asked what came of it, or goes on with it; else an error of it would go unheard. */
  heard = false;
  #settle!: { resolve(value: unknown): void; reject(error: unknown): void };
  #users = 0;
  #whenUnused: (() => void) | null = null;
  #whenSettled: (() => void)[] = [];

  constructor(readonly caller: Caller) {
    this.promise = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    // Whoever asks hears it; the client tells of those that nobody asks about.
    this.promise.catch(() => {});
  }

  resolve(value: unknown): void {
    if (this.outcome !== undefined) return;
    this.outcome = { ok: true, value };
    this.#settle.resolve(value);
    this.#settled();
  }

  reject(error: unknown): void {
    if (this.outcome !== undefined) return;
    this.outcome = { ok: false, error };
    this.#settle.reject(error);
    this.#settled();
  }

  /** Runs it when something has come: what, is in `outcome`. */
  whenSettled(run: () => void): void {
    this.#whenSettled.push(run);
  }

  #settled(): void {
    for (const run of this.#whenSettled.splice(0)) run();
  }

  /** A request refers to what will come of this one: the service has to keep it until that request was applied. */
  use(): void {
    this.#users++;
  }

  unuse(): void {
    this.#users--;
    if (this.#users > 0) return;
    this.#whenUnused?.();
    this.#whenUnused = null;
  }

  /** Runs it as soon as no request refers to this one any more: now, or later. */
  whenUnused(run: () => void): void {
    if (this.#users === 0) run();
    else this.#whenUnused = run;
  }
}

/** What will come of a request, or a part of that. */
export interface Source {
  readonly pending: Pending;
  /** From the result to the part: places in lists, keys of maps. */
  readonly path: readonly PathStep[];
}

/** What stands behind one handle. */
export class HandleState {
  /** Set when it was disposed of. */
  disposed = false;
  constructor(
    readonly caller: Caller,
    readonly capability: Capability,
  ) {}

  dispose(): Promise<void> {
    if (this.disposed) return Promise.resolve();
    this.disposed = true;
    abandoned.unregister(this);
    return this.caller.letGo(this.capability);
  }
}

/** Where a call goes: an object by its handle or a public name, or the answer that will be one. */
export type Target = HandleState | Source | { readonly name: unknown };

const states = new WeakMap<object, HandleState>();
const sources = new WeakMap<object, Source>();
/** Objects by their public names. */
const named = new WeakMap<object, { readonly caller: Caller; readonly target: Target }>();

/** The last resort for handles that nobody disposed of: when the program can reach none of a state any more. */
const abandoned = new FinalizationRegistry<{ readonly caller: Caller; readonly capability: Capability }>(
  ({ caller, capability }) => {
    caller.letGo(capability).catch(() => {});
  },
);

export function stateOf(thing: unknown): HandleState | undefined {
  return isObject(thing) ? states.get(thing) : undefined;
}

export function sourceOf(thing: unknown): Source | undefined {
  return isObject(thing) ? sources.get(thing) : undefined;
}

function isObject(thing: unknown): thing is object {
  return (typeof thing === 'object' && thing !== null) || typeof thing === 'function';
}

/** Properties that JavaScript itself asks of every object: methods of these names are reached by `box.call` alone. */
const OF_EVERY_OBJECT: ReadonlySet<string> = new Set([...Object.getOwnPropertyNames(Object.prototype), 'toJSON']);

/** A handle to a capability. The state is let go when it is disposed of, or when no handle to it can be reached. */
export function newHandle(caller: Caller, capability: Capability): Handle {
  const state = new HandleState(caller, capability);
  const handle = handleTo(state, {});
  abandoned.register(state, { caller, capability }, state);
  return handle;
}

function handleTo(state: HandleState, options: CallOptions): Handle {
  const whenDisposed = (): Promise<void> => state.dispose();
  const proxy = new Proxy(Object.create(null) as object, {
    get(_target, key) {
      if (key === Symbol.asyncDispose) return whenDisposed;
      if (key === 'dispose' || key === Symbol.dispose) return quiet(whenDisposed);
      if (key === Symbol.toStringTag) return 'Handle';
      // Whatever has a `then` is awaited, and a handle is what one gets.
      if (typeof key !== 'string' || key === 'then' || OF_EVERY_OBJECT.has(key)) return undefined;
      return (...args: readonly unknown[]) => answerTo(state.caller.call(state, key, args, options), options);
    },
    ...NOTHING_ELSE,
  });
  states.set(proxy, state);
  return proxy as Handle;
}

/** An object by the public name of its channel. There is nothing to let go of. */
export function objectAt(caller: Caller, target: Target, options: CallOptions = {}): object {
  const proxy = new Proxy(Object.create(null) as object, {
    get(_target, key) {
      if (key === Symbol.asyncDispose) return () => Promise.resolve();
      if (key === 'dispose' || key === Symbol.dispose) return () => {};
      if (typeof key !== 'string' || key === 'then' || OF_EVERY_OBJECT.has(key)) return undefined;
      return (...args: readonly unknown[]) => answerTo(caller.call(target, key, args, options), options);
    },
    ...NOTHING_ELSE,
  });
  named.set(proxy, { caller, target });
  return proxy;
}

/** The answer to a request, or a part of it, and what can be asked of it before it has come. */
export function answerTo(pending: Pending, options: CallOptions = {}, path: readonly PathStep[] = []): Answer<unknown> {
  const source: Source = { pending, path };
  const promise = (): Promise<unknown> => {
    pending.heard = true;
    return path.length === 0 ? pending.promise : pending.promise.then((value) => partOf(value, path));
  };
  const whenDisposed = async (): Promise<void> => {
    // Let go of what came of it; a failure has nothing to let go of.
    const value = await promise().catch(() => undefined);
    await stateOf(value)?.dispose();
  };
  const proxy = new Proxy(Object.create(null) as object, {
    get(_target, key) {
      switch (key) {
        case 'then':
          return (...handlers: Parameters<Promise<unknown>['then']>) => promise().then(...handlers);
        case 'catch':
          return (handler: Parameters<Promise<unknown>['catch']>[0]) => promise().catch(handler);
        case 'finally':
          return (handler: () => void) => promise().finally(handler);
        case Symbol.asyncDispose:
          return whenDisposed;
        case 'dispose':
        case Symbol.dispose:
          return quiet(whenDisposed);
        case Symbol.toStringTag:
          return 'Answer';
        default:
          if (typeof key !== 'string' || OF_EVERY_OBJECT.has(key)) return undefined;
          return (...args: readonly unknown[]) => {
            pending.heard = true;
            return answerTo(pending.caller.call(source, key, args, options), options);
          };
      }
    },
    ...NOTHING_ELSE,
  });
  sources.set(proxy, source);
  return proxy as Answer<unknown>;
}

/** The part of a result that a path leads to; refused where it leads nowhere. */
export function partOf(value: unknown, path: readonly PathStep[]): unknown {
  let part = value;
  for (const step of path) {
    const inside: unknown =
      Array.isArray(part) && typeof step === 'number'
        ? (part as readonly unknown[])[step]
        : part instanceof Map
          ? (part as ReadonlyMap<unknown, unknown>).get(step)
          : isObject(part) && stateOf(part) === undefined && Object.hasOwn(part, step)
            ? (part as Readonly<Record<string, unknown>>)[step]
            : undefined;
    if (inside === undefined)
      throw new PowerboxError('arguments_invalid', `the answer has no part ${JSON.stringify(step)}`);
    part = inside;
  }
  return part;
}

/**
 * A part of an answer that has not arrived: an item of a list, an entry of a map. It can be asked and sent on like the
 * answer itself, without a round trip.
 */
export function part<T, const Path extends readonly PathStep[]>(
  answer: Answer<T>,
  ...path: Path
): Asked<PartOf<T, Path>> {
  const source = sourceOf(answer);
  if (source === undefined) throw new PowerboxError('arguments_invalid', 'part takes an answer of this client');
  return answerTo(source.pending, {}, [...source.path, ...path]) as Asked<PartOf<T, Path>>;
}

function quiet(dispose: () => Promise<void>): () => void {
  return () => {
    dispose().catch(() => {});
  };
}

/** A stub has methods and nothing else: nothing can be put on it, taken off it or seen in it. */
const NOTHING_ELSE: ProxyHandler<object> = {
  set: () => false,
  defineProperty: () => false,
  deleteProperty: () => false,
  has: () => false,
  ownKeys: () => [],
  getOwnPropertyDescriptor: () => undefined,
};

/**
 * The same handle, or answer that will be one, whose calls are made with these options: taken back by a signal,
 * bounded in time. What comes of a call inherits them as long as it has not arrived.
 */
export function withOptions<T extends Handle | Answer<unknown>>(stub: T, options: CallOptions): T {
  const state = stateOf(stub);
  if (state !== undefined) return handleTo(state, options) as T;
  const source = sourceOf(stub);
  if (source !== undefined) return answerTo(source.pending, options, source.path) as T;
  const object = named.get(stub);
  if (object !== undefined) return objectAt(object.caller, object.target, options) as T;
  throw new PowerboxError('arguments_invalid', 'withOptions takes a handle, an object, or an answer of a client');
}

/** Whether two handles are of one capability: of one object, with the same rights. */
export function sameHandle(left: Handle, right: Handle): boolean {
  const a = stateOf(left)?.capability.token;
  const b = stateOf(right)?.capability.token;
  return a !== undefined && b !== undefined && a.length === b.length && a.every((byte, index) => byte === b[index]);
}
