/**
 * What a program asks, as requests: each with what waits for its answer, and how it is taken back. Owns what is on its
 * way and the capabilities that this client holds. Must never tell a program that something was not done when it may
 * have been.
 */
import type { PowerboxError } from '../errors.ts';
import type { Value } from '../values/index.ts';
import type { Capability, Request } from '../wire/index.ts';
import { onAbort } from './abort.ts';
import type { CursorKeeper } from './cursor.ts';
import { cancelled, closed } from './errors.ts';
import { Capabilities, Outgoing } from './marshal.ts';
import { type Entry, Outbox, type Sink } from './outbox.ts';
import { Releases } from './releases.ts';
import { type Caller, type CallOptions, Pending, type Target } from './stubs.ts';
import { milliseconds } from './times.ts';

interface RequestOptions {
  readonly pending?: Pending;
  /** Nothing is answered to it. */
  readonly silent?: boolean;
  /** It goes before what waits. */
  readonly urgent?: boolean;
  readonly before?: Entry['before'];
}

/** What requests need of the session that they belong to. */
export interface RequestOwner {
  /** There is something to send. */
  asked(): void;
  /** The step of the program's own trace in which it asks; null: it tells of none. */
  parent(): string | null;
  /** The highest number of a delivery that came. */
  seen(): number;
  /** Up to this id the service has applied everything that was asked in this session. */
  applied(): number;
  /** Whether the service speaks this version of the wire. */
  speaks(version: number): boolean;
  /** Runs it when the program has gone on. */
  later(run: () => void): void;
  /** An answer was an error, and nobody has asked for the answer. */
  unheard(error: unknown): void;
}

/** Makes the request of an id, once what is said in it was converted. */
export type Make = (outgoing: Outgoing) => (id: number) => Request;

const QUIET: Sink = { deliver: () => {}, fail: () => {}, applied: () => {} };
/** The version of the wire in which credit could be given anew. */
const CREDIT_ANEW_VERSION = 2;
const SILENT_URGENT = { silent: true, urgent: true } as const;

export class Requests implements Caller {
  readonly outbox = new Outbox();
  readonly capabilities = new Capabilities(this);
  readonly #owner: RequestOwner;
  readonly #cursors: CursorKeeper;
  readonly #releases: Releases;
  #closed: { readonly error: PowerboxError | null } | null = null;

  constructor(owner: RequestOwner, cursors: CursorKeeper) {
    this.#owner = owner;
    this.#cursors = cursors;
    this.#releases = new Releases(this.capabilities, (release, sink) => {
      if (this.#closed !== null) {
        sink.applied();
        return;
      }
      const handled = owner.seen();
      const write = (id: number): Request => ({ kind: 'release', id, capabilities: release.capabilities(), handled });
      this.request('dispose', new Outgoing(this), write, sink, SILENT_URGENT);
    });
  }

  /** Nothing more is asked. */
  close(error: PowerboxError | null): void {
    this.#closed = { error };
  }

  /**
   * Sends a request, in the order of the asking, over this connection or a later one. `write` makes it of the values
   * that `outgoing` has converted.
   */
  request(
    asked: string,
    outgoing: Outgoing,
    write: (id: number) => Request,
    sink: Sink,
    options: RequestOptions = {},
  ): Entry {
    if (this.#closed !== null) throw this.whyClosed(asked);
    const { pending = null, silent = false, urgent = false, before } = options;
    const entry: Entry = {
      id: null,
      asked,
      write,
      pending,
      references: outgoing.references,
      silent,
      sink,
      before,
      parent: this.#owner.parent(),
      withdrawn: false,
    };
    this.outbox.add(entry, urgent);
    for (const reference of outgoing.references) {
      reference.heard = true;
      reference.use();
    }
    this.#owner.asked();
    return entry;
  }

  /** A request that is answered once. What went wrong before it could be sent is its answer, too. */
  ask(
    asked: string,
    make: Make,
    convert: (value: Value) => unknown,
    options: { readonly signal?: AbortSignal | undefined; readonly patient?: boolean; readonly silent?: boolean } = {},
  ): Pending {
    const pending = new Pending(this);
    const { signal, patient = false, silent = false } = options;
    if (signal?.aborted === true) {
      pending.reject(cancelled(asked, signal));
      return pending;
    }
    try {
      const outgoing = new Outgoing(this);
      const write = make(outgoing);
      let unlisten = (): void => {};
      const fail = (error: unknown): void => {
        unlisten();
        pending.reject(error);
        this.#unheard(pending);
      };
      const entry = this.request(
        asked,
        outgoing,
        write,
        {
          deliver: (value, _last, handled) => {
            unlisten();
            this.outbox.done(entry);
            // What was taken back gets nothing, and nobody has what was given with it.
            if (pending.outcome === undefined) pending.resolve(convert(value));
            else this.capabilities.refuse(value);
            // As long as another request refers to it, the service has to keep it.
            pending.whenUnused(handled);
          },
          fail,
          applied: () => {
            unlisten();
            pending.resolve(undefined);
          },
        },
        { pending, silent },
      );
      if (signal !== undefined) unlisten = this.#onAbort(entry, signal, patient, fail);
    } catch (error) {
      pending.reject(error);
      this.#unheard(pending);
    }
    return pending;
  }

  call(target: Target, method: string | null, args: readonly unknown[], options: CallOptions): Pending {
    const { signal, limit_ms = null } = options;
    return this.ask(
      method ?? 'a call',
      (outgoing) => {
        milliseconds(method ?? 'a call', 'limit_ms', limit_ms);
        const to = outgoing.target(target);
        const values = outgoing.values(args);
        return (id) => ({ kind: 'call', id, target: to, method, args: values, limit_ms });
      },
      (value) => this.capabilities.receive(value),
      { signal },
    );
  }

  /** Takes a request back: at once what was not sent, by a message what was. */
  cancel(entry: Entry): void {
    if (entry.id === null) {
      entry.withdrawn = true;
      return;
    }
    if (this.#closed !== null || this.outbox.find(entry.id) !== entry) return;
    const of = entry.id;
    this.request('cancel', new Outgoing(this), (id) => ({ kind: 'cancel', id, of }), QUIET, SILENT_URGENT);
  }

  /** So many more deliveries may be sent of this request. */
  credit(entry: Entry, more: number): void {
    if (this.#closed !== null || entry.id === null || this.outbox.find(entry.id) !== entry) return;
    const of = entry.id;
    this.request('credit', new Outgoing(this), (id) => ({ kind: 'credit', id, of, more }), QUIET, SILENT_URGENT);
  }

  /**
   * Of one that an earlier run has asked for: so many deliveries may be on the way in all. What that run had given, and
   * what of it was used up, is known to the service alone.
   */
  creditAnew(entry: Entry, more: number): void {
    if (entry.id === null || !this.#owner.speaks(CREDIT_ANEW_VERSION)) return;
    const of = entry.id;
    const write = (id: number): Request => ({ kind: 'credit', id, of, more, anew: true });
    this.request('credit', new Outgoing(this), write, QUIET, SILENT_URGENT);
  }

  done(entry: Entry): void {
    this.outbox.done(entry);
  }

  /** A request of which many deliveries come. With a name, the next run of the program can go on with it. */
  standing(asked: string, make: Make, sink: Sink, name?: string): Entry {
    const outgoing = new Outgoing(this);
    const write = make(outgoing);
    // Written down first: else a message that comes after a crash would be nobody's.
    const before = name === undefined ? undefined : (id: number) => this.#cursors.remember(name, id);
    return this.request(asked, outgoing, write, sink, { before });
  }

  /** Goes on with what an earlier run of the program has asked; null: the service does not know of it. */
  adopt(asked: string, sink: Sink, id: number): Entry | null {
    if (id > this.#owner.applied() || this.outbox.find(id) !== undefined) return null;
    const entry: Entry = {
      id,
      asked,
      sink,
      write: () => {
        throw new Error('a request that was applied is not sent again');
      },
      pending: null,
      references: [],
      silent: false,
      parent: null,
      withdrawn: false,
    };
    this.outbox.adopt(entry, id);
    return entry;
  }

  /** That nobody has asked for an answer which is an error is told, so that no error is silent. */
  #unheard(pending: Pending): void {
    const { outcome } = pending;
    // A program that closes its client hears no more of what it has not asked about.
    if (outcome?.ok !== false || this.#closed?.error === null) return;
    // An `await` asks a moment after the call.
    this.#owner.later(() => {
      if (!pending.heard) this.#owner.unheard(outcome.error);
    });
  }

  #onAbort(entry: Entry, signal: AbortSignal, patient: boolean, fail: (error: unknown) => void): () => void {
    const take = (): void => {
      const unsent = entry.id === null;
      this.cancel(entry);
      // What was sent may have been done: of a receive the service says so, for a message must not get lost.
      if (unsent || !patient) fail(cancelled(entry.asked, signal));
    };
    return onAbort(signal, take);
  }

  letGo(capability: Capability): Promise<void> {
    return this.#closed === null ? this.#releases.letGo(capability) : Promise.resolve();
  }

  /** Takes back a request of an earlier run of the program. */
  cancelEarlier(of: number): void {
    this.request('cancel', new Outgoing(this), (id) => ({ kind: 'cancel', id, of }), QUIET, SILENT_URGENT);
  }

  whyClosed(asked: string): PowerboxError {
    return this.#closed?.error ?? closed(asked);
  }
}
