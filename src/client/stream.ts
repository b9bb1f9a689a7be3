/**
 * What comes one after the other of one request, as an async iterator. Owns the queue between the service and the loop
 * that reads it, and its bound: the credit that the service was given. Must never hold more than that, never give one
 * delivery twice, and never count one as handled that the loop has not seen.
 */
import type { PowerboxError } from '../errors.ts';
import type { Value } from '../values/index.ts';
import { onAbort } from './abort.ts';
import { cancelled } from './errors.ts';
import type { Entry, Sink } from './outbox.ts';

/** Who asked, and can take it back. */
export interface StreamOwner {
  cancel(entry: Entry): void;
  credit(entry: Entry, more: number): void;
  done(entry: Entry): void;
}

export interface StreamOptions<T> {
  readonly owner: StreamOwner;
  readonly convert: (value: Value) => T;
  readonly credit: number;
  /** A delivery counts as handled when the loop asks for the next one, not when it gets it. */
  readonly whenDone: boolean;
  readonly signal: AbortSignal | undefined;
  readonly asked: string;
  /** The loop was left with these unread. */
  readonly unread: (items: readonly T[]) => Promise<void>;
  readonly ended: () => void;
}

interface Item<T> {
  readonly value: T;
  readonly handled: () => void;
}

type Waiter<T> = { resolve(result: IteratorResult<T, undefined>): void; reject(error: unknown): void };

const END = { done: true, value: undefined } as const;

export class Stream<T> implements AsyncIterableIterator<T, undefined>, AsyncDisposable {
  readonly #options: StreamOptions<T>;
  #entry: Entry | null = null;
  #items: Item<T>[] = [];
  readonly #waiters: Waiter<T>[] = [];
  /** Of the delivery that the loop has and has not done with. */
  #current: (() => void) | null = null;
  /** Handed to the loop since credit was last given. */
  #used = 0;
  #end: { readonly error: unknown } | null = null;
  #left = false;
  readonly #unlisten: () => void;

  constructor(options: StreamOptions<T>) {
    this.#options = options;
    const { signal } = options;
    const leave = (): void => void this.#leave(cancelled(options.asked, signal as AbortSignal)).catch(() => {});
    this.#unlisten = signal === undefined ? () => {} : onAbort(signal, leave);
    if (signal?.aborted === true) leave();
  }

  /** The request whose deliveries these are. */
  begin(entry: Entry): void {
    this.#entry = entry;
    if (this.#left) this.#options.owner.cancel(entry);
  }

  readonly sink: Sink = {
    deliver: (value, last, handled) => {
      // What comes after the loop was left goes the way of what was unread then.
      if (this.#left) void this.#options.unread([this.#options.convert(value)]).then(handled, handled);
      else this.#add({ value: this.#options.convert(value), handled });
      if (!last) return;
      if (this.#entry !== null) this.#options.owner.done(this.#entry);
      this.#finish({ error: null });
    },
    fail: (error) => this.#finish({ error }),
    closed: () => {
      // What was not read was not handled: it is for the next run, or went with the session.
      this.#items = [];
      this.#finish({ error: null });
    },
    applied: () => {},
  };

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<T, undefined>> {
    this.#current?.();
    this.#current = null;
    const item = this.#items.shift();
    if (item !== undefined) return Promise.resolve(this.#give(item));
    if (this.#end === null) return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
    const { error } = this.#end;
    // An error is said once; after it the stream is at its end.
    this.#end = { error: null };
    return error === null ? Promise.resolve(END) : Promise.reject(error as PowerboxError);
  }

  async return(): Promise<IteratorResult<T, undefined>> {
    this.#current?.();
    this.#current = null;
    await this.#leave(null);
    return END;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  #add(item: Item<T>): void {
    const waiter = this.#waiters.shift();
    if (waiter === undefined) this.#items.push(item);
    else waiter.resolve(this.#give(item));
  }

  #give({ value, handled }: Item<T>): IteratorResult<T, undefined> {
    if (this.#options.whenDone) this.#current = handled;
    else handled();
    this.#used++;
    const { credit, owner } = this.#options;
    if (this.#used * 2 >= credit && this.#entry !== null) {
      owner.credit(this.#entry, this.#used);
      this.#used = 0;
    }
    return { done: false, value };
  }

  #finish(end: { readonly error: unknown }): void {
    if (this.#end !== null) return;
    this.#end = end;
    this.#unlisten();
    this.#options.ended();
    const [first, ...others] = this.#waiters.splice(0);
    if (first === undefined) return;
    this.#end = { error: null };
    if (end.error === null) first.resolve(END);
    else first.reject(end.error);
    for (const waiter of others) waiter.resolve(END);
  }

  /** The loop reads no more. */
  async #leave(error: unknown): Promise<void> {
    if (this.#left) return;
    this.#left = true;
    const unread = this.#items;
    this.#items = [];
    if (this.#entry !== null && this.#end === null) this.#options.owner.cancel(this.#entry);
    this.#finish({ error });
    if (unread.length === 0) return;
    await this.#options.unread(unread.map(({ value }) => value));
    for (const { handled } of unread) handled();
  }
}
