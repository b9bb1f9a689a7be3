/**
 * One session with the service, over as many connections as it takes. Owns what was asked and not answered, what came
 * and was not handled, and the capabilities that this client holds. Must never apply one delivery twice, never lose
 * one that the service has acknowledged sending, and never tell a program that something was not done when it may
 * have been.
 */
import { PowerboxError, type ErrorCode } from '../errors.ts';
import { limits } from '../limits.ts';
import type { Value } from '../values/index.ts';
import {
  Capability,
  type ClientMessage,
  clientForm,
  clientParts,
  decodeFrame,
  frameOf,
  MessageEncoder,
  readServerMessage,
  type ServerMessage,
  WIRE_VERSIONS,
  type Welcome,
} from '../wire/index.ts';
import type { CursorKeeper, Orphan } from './cursor.ts';
import { RemoteError, sessionLost } from './errors.ts';
import { Handling } from './handling.ts';
import type { SystemChannel } from './generated.ts';
import { Link, type LinkTimes } from './link.ts';
import { sealing } from './marshal.ts';
import { RecordedTrace } from './recording.ts';
import { Requests } from './requests.ts';
import type { Surroundings } from './surroundings.ts';
import type { Handle } from './types.ts';

/** A signed token that names the holder, or where to get one: it is asked before each connection. */
export type TokenSource = string | null | (() => string | Promise<string>);

export interface SessionOptions {
  readonly url: string;
  readonly token: TokenSource;
  readonly space: string | null;
  /** What the client calls itself, in the logs of the service. */
  readonly client: string;
  readonly times: LinkTimes;
  /** The step of the program's own trace in which it asks now. */
  readonly traceparent: () => string | null | undefined;
}

/** How it stands with the connection. */
export type ConnectionState =
  | { readonly state: 'connected'; readonly resumed: boolean; readonly holder: string; readonly space: string }
  | { readonly state: 'reconnecting'; readonly reason: string; readonly attempt: number; readonly delay_ms: number }
  /** For good; the error is null when the program closed it. */
  | { readonly state: 'closed'; readonly error: PowerboxError | null };

/** What the session tells whoever owns it. */
export interface SessionListener {
  changed(state: ConnectionState): void;
  /** An answer was an error, and nobody has asked for the answer. */
  unheard(error: unknown): void;
}

/** Errors of a connection after which dialling again may help: the others are the same the next time. */
const PASSING: ReadonlySet<ErrorCode> = new Set([
  'interrupted',
  'not_available',
  'out_of_service',
  'rate_limited',
  'space_closed',
  'storage_locked',
  'timed_out',
  'too_many_tasks',
]);

export class Session {
  readonly #options: SessionOptions;
  readonly #listener: SessionListener;
  readonly #surroundings: Surroundings;
  readonly #cursors: CursorKeeper;
  readonly #link: Link;
  readonly #hello = new MessageEncoder(sealing);
  readonly requests: Requests;
  #handling: Handling;
  #welcome: Welcome | null = null;
  #powerbox: Handle | null = null;
  #key: { readonly id: number; readonly secret: Uint8Array } | null = null;
  #closed = false;
  #flushing = false;
  #cancelFlush: (() => void) | null = null;
  /** Pings, and what is said of a recording: of this connection alone. */
  #pings: ClientMessage[] = [];
  #recording: RecordedTrace | null = null;
  #nonce = 0;
  /** Connections that there have been. */
  #openings = 0;
  /** The token was refused once: it may have been one that was just replaced. */
  #refused = false;

  constructor(options: SessionOptions, surroundings: Surroundings, cursors: CursorKeeper, listener: SessionListener) {
    this.#options = options;
    this.#listener = listener;
    this.#surroundings = surroundings;
    this.#cursors = cursors;
    this.requests = new Requests(
      {
        asked: () => this.#flushSoon(),
        parent: () => parentOf(options.traceparent),
        seen: () => this.#handling.seen,
        applied: () => this.#welcome?.applied ?? 0,
        speaks: (version) => (this.#welcome?.version ?? 0) >= version,
        later: (run) => void surroundings.after(0, run),
        unheard: (error) => listener.unheard(error),
      },
      cursors,
    );
    const { cursor } = cursors;
    this.#key = cursor === null ? null : { id: cursor.session, secret: cursor.secret };
    this.#handling = new Handling(cursor?.handled ?? 0);
    this.#link = new Link(options.url, surroundings, options.times, {
      opened: () => void this.#sayHello(),
      frame: (bytes) => this.#receive(bytes),
      lost: (reason, attempt, delay_ms) => {
        // What was said without an id is nobody's on the next connection.
        this.#pings = [];
        this.#recording?.over(new PowerboxError('interrupted', `record: the connection is lost: ${reason}`));
        if (!this.#closed) listener.changed({ state: 'reconnecting', reason, attempt, delay_ms });
      },
      ping: () => {
        this.#pings.push({ kind: 'ping', nonce: ++this.#nonce });
        this.#flush();
      },
    });
  }

  /** What the service said last about itself; null before the first welcome. */
  get welcome(): Welcome | null {
    return this.#welcome;
  }

  /** The holder's powerbox, as the last welcome gave it. */
  get powerbox(): SystemChannel {
    if (this.#powerbox === null) throw this.requests.whyClosed('the powerbox');
    return this.#powerbox as unknown as SystemChannel;
  }

  /** Requests that are not done. */
  get unanswered(): number {
    return this.requests.outbox.underWay + this.requests.outbox.waiting;
  }

  open(): void {
    this.#link.dial();
  }

  // ---------------------------------------------------------------- sending

  #flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    // A chain of calls in one turn of the program is one frame.
    queueMicrotask(() => this.#flush());
  }

  #flushLater(delay_ms: number): void {
    this.#cancelFlush ??= this.#surroundings.after(delay_ms, () => {
      this.#cancelFlush = null;
      this.#flush();
    });
  }

  #flush(): void {
    this.#flushing = false;
    if (!this.#link.up) return;
    for (;;) {
      if (this.#link.buffered_bytes() > limits.client_buffered_bytes_max) {
        this.#flushLater(limits.client_drain_ms);
        return;
      }
      const frame = this.requests.outbox.frame(this.#spoken(), () => this.#flushSoon());
      if (frame === null) return;
      this.#link.send(frame);
    }
  }

  /** Records the space over this connection; one at a time, and it ends with the connection. */
  record(): RecordedTrace {
    const version = this.#welcome?.version ?? 0;
    if (this.#closed) throw this.requests.whyClosed('record');
    if (!this.#link.up || version < RECORD_VERSION)
      throw new PowerboxError(
        'not_available',
        'record: there is no connection, or one to a service that cannot do that',
      );
    if (this.#recording?.isOver === false)
      throw new PowerboxError('rate_limited', 'record: this client records already', {
        hint: 'End that recording first.',
      });
    this.#recording = new RecordedTrace((message) => {
      this.#pings.push(message);
      this.#flushSoon();
    });
    return this.#recording;
  }

  /** What goes before requests: it is said again when it is lost. */
  #spoken(): ClientMessage[] {
    const spoken = this.#pings;
    this.#pings = [];
    const number = this.#handling.acknowledge();
    if (number !== null) {
      spoken.push({ kind: 'ack', number });
      this.#cursors.handled(number);
    }
    return spoken;
  }

  // ---------------------------------------------------------------- connections

  async #sayHello(): Promise<void> {
    const { token, space, client } = this.#options;
    const opening = ++this.#openings;
    let signed: string | null;
    try {
      signed = typeof token === 'function' ? await token() : token;
      // Getting a token may have taken longer than the connection lasted.
      if (opening !== this.#openings || this.#closed) return;
    } catch (error) {
      if (opening === this.#openings)
        this.#link.drop(`no token: ${error instanceof Error ? error.message : String(error)}`);
      return;
    }
    const session = this.#key === null ? null : { ...this.#key, handled: this.#handling.handled };
    const hello = clientParts({ kind: 'hello', versions: WIRE_VERSIONS, token: signed, space, client, session });
    this.#link.send(frameOf([this.#hello.encode(hello)]));
  }

  #receive(bytes: Uint8Array): void {
    if (this.#closed) return;
    let messages: readonly ServerMessage[];
    try {
      messages = decodeFrame(bytes, clientForm).map(readServerMessage);
    } catch (error) {
      this.#link.drop(error instanceof Error ? error.message : String(error));
      return;
    }
    for (const message of messages) this.#take(message);
    // Answers make room, and are acknowledged with the next request or a little later.
    if (this.requests.outbox.waiting > 0 || this.#handling.waiting >= limits.client_ack_deliveries_max)
      this.#flushSoon();
    else if (this.#handling.waiting > 0) this.#flushLater(limits.client_ack_ms);
  }

  #take(message: ServerMessage): void {
    if (this.#closed) return;
    const { kind } = message;
    // Nothing but these two can be said before a welcome.
    if (kind !== 'welcome' && kind !== 'bye' && !this.#link.up) {
      this.#link.drop('the service spoke before its welcome');
      return;
    }
    switch (kind) {
      case 'welcome':
        this.#welcomed(message);
        break;
      case 'bye':
        this.#dismissed(new RemoteError(message.error, 'connect'));
        break;
      case 'applied':
        this.requests.outbox.applied(message.id);
        break;
      case 'deliver':
        this.#deliver(message.number, message.id, message.value, message.last);
        break;
      case 'error':
        this.#failed(message.number, message.id, message.error);
        break;
      case 'recorded':
        this.#recording?.came(message.bytes);
        break;
      case 'record-over':
        this.#recording?.over(message.error === null ? null : new RemoteError(message.error, 'record'));
        break;
      case 'pong':
        break;
      default: {
        const never: never = kind;
        throw new Error(`no such message: ${String(never)}`);
      }
    }
  }

  #deliver(number: number, id: number, value: Value, last: boolean): void {
    if (!this.#handling.came(number)) return;
    const entry = this.requests.outbox.find(id);
    const handling = this.#handling;
    const handled = (): void => {
      handling.done(number);
      if (handling === this.#handling && handling.waiting > 0) this.#flushLater(limits.client_ack_ms);
    };
    if (entry !== undefined) entry.sink.deliver(value, last, handled);
    else this.#orphan(id, { value, last, handled });
  }

  #failed(number: number, id: number, error: ConstructorParameters<typeof RemoteError>[0]): void {
    if (!this.#handling.came(number)) return;
    this.#handling.done(number);
    const entry = this.requests.outbox.find(id);
    if (entry === undefined) return;
    this.requests.outbox.done(entry);
    entry.sink.fail(new RemoteError(error, entry.asked));
  }

  /** Something comes of a request of an earlier run of the program, for which nobody waits any more. */
  #orphan(id: number, orphan: Orphan): void {
    if (this.#cursors.keeps(id)) {
      this.#cursors.orphan(id, orphan);
      return;
    }
    orphan.handled();
    if (!orphan.last) {
      this.requests.cancelEarlier(id);
    }
  }

  #welcomed(welcome: Welcome): void {
    const { powerbox } = welcome;
    if (this.#link.up || !(powerbox instanceof Capability)) {
      this.#link.drop(this.#link.up ? 'the service welcomed twice' : 'the service gave no powerbox');
      return;
    }
    const key = this.#key;
    const resumed = welcome.resumed && key?.id === welcome.session;
    const first = this.#welcome === null;
    this.#welcome = welcome;
    this.#powerbox = this.requests.capabilities.handle(powerbox);
    this.#refused = false;
    this.#link.welcomed();
    this.requests.outbox.traces = welcome.version >= TRACE_VERSION;
    if (resumed) {
      this.requests.outbox.resume(welcome.applied, welcome.limits);
    } else {
      const lost = this.requests.outbox.restart(welcome.limits);
      this.#key = { id: welcome.session, secret: welcome.secret };
      this.#handling = new Handling();
      for (const entry of lost) entry.sink.fail(sessionLost(entry.asked));
    }
    if (this.#key !== null) this.#cursors.connected(this.#key.id, this.#key.secret, this.#handling.handled);
    this.#listener.changed({
      state: 'connected',
      resumed: resumed || first,
      holder: welcome.holder,
      space: welcome.space,
    });
    this.#flush();
  }

  #dismissed(error: RemoteError): void {
    const { code } = error;
    if (code === 'session_unknown' && this.#key !== null) {
      this.#key = null;
      this.#link.drop(error.message);
      return;
    }
    const mayHelp =
      PASSING.has(code) || (code === 'auth_failed' && typeof this.#options.token === 'function' && !this.#refused);
    if (code === 'auth_failed') this.#refused = true;
    if (mayHelp) this.#link.drop(error.message);
    else this.#end(error);
  }

  // ---------------------------------------------------------------- the end

  /**
   * Closes this end for good. With `keep` the session stays at the service as long as that keeps it, for another run
   * that has its cursor; else it is over there, too.
   */
  close(keep: boolean): void {
    if (this.#closed) return;
    if (this.#link.up) {
      const frame = this.requests.outbox.frame(this.#spoken(), () => {});
      if (frame !== null) this.#link.send(frame);
      if (!keep) this.#link.send(frameOf([this.#hello.encode(clientParts({ kind: 'end' }))]));
    }
    if (!keep) this.#cursors.forget();
    this.#end(null);
  }

  #end(error: PowerboxError | null): void {
    this.#closed = true;
    this.#recording?.over(error ?? new PowerboxError('interrupted', 'record: the client was closed'));
    this.#cursors.freeze();
    this.requests.close(error);
    this.#cancelFlush?.();
    this.#link.close();
    for (const { asked, id, sink } of this.requests.outbox.all()) {
      // What was never sent was not done; of the rest nobody here can tell.
      if (error === null && sink.closed !== undefined) sink.closed();
      else if (id === null) sink.fail(this.requests.whyClosed(asked));
      else sink.fail(sessionLost(asked));
    }
    this.#listener.changed({ state: 'closed', error });
  }
}

/** Following must never be why something is not asked: what cannot be told, or is no `traceparent`, is left out. */
function parentOf(traceparent: SessionOptions['traceparent']): string | null {
  try {
    const parent = traceparent();
    return typeof parent === 'string' && TRACEPARENT.test(parent) ? parent : null;
  } catch {
    return null;
  }
}

/** The version of the wire in which recordings were first spoken of. */
const RECORD_VERSION = 2;
/** The version of the wire in which traces were first spoken of. */
const TRACE_VERSION = 2;
const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;
