/**
 * One connection of a client: from its hello to its end. Reads frames no faster than the space takes what is in them,
 * and writes no faster than the client reads: what it does not take stays in its session. Owns the socket. Must never
 * tell more of a failure than its code and words, and never keep anything that the session does not have.
 */
import type { RawData, WebSocket } from 'ws';
import { type Asked, type Outlet, type Session, SessionReader, wireError } from '../embedding/index.ts';
import { isPowerboxError, PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { Cancellable, Platform } from '../platform/index.ts';
import { VERSION } from '../version.ts';
import {
  decodeFrame,
  FRAME_BOUNDS,
  frameOf,
  type Hello,
  MessageEncoder,
  readClientMessage,
  type ServerMessage,
  serverParts,
  versionOf,
  WIRE_VERSIONS,
} from '../wire/index.ts';
import type { Entered, SpaceDesk } from './desk.ts';
import type { Feed } from './feed.ts';
import { SentRecording } from './sent-recording.ts';
import type { Arrived } from './server.ts';
import type { ConnectionReport, Identity, ServiceBounds, ServiceObserver } from './types.ts';

/** What a connection needs of the service. */
export interface ConnectionHost {
  readonly platform: Platform;
  readonly observe: ServiceObserver;
  readonly session_ms: number;
  readonly ping_ms: number;
  readonly bounds: ServiceBounds;
  /** Finds out who is there and where they want to go. Rejects with a coded error. */
  admit(hello: Hello, arrived: Arrived): Promise<{ readonly identity: Identity; readonly desk: SpaceDesk }>;
  gone(connection: Connection): void;
}

/** WebSocket close codes. */
const CLOSE = { normal: 1000, goingAway: 1001, protocol: 1002, refused: 1008, tryAgain: 1013 } as const;
const NO_NAMES = new MessageEncoder(() => null);
const HELLO_BOUNDS = { ...FRAME_BOUNDS, bytes_max: limits.wire_hello_bytes_max, messages_max: 1 };
const HELLO_FORM = { extension: () => undefined };

export class Connection implements Outlet {
  readonly #number: number;
  readonly #arrived: Arrived;
  readonly #host: ConnectionHost;
  readonly #socket: WebSocket;
  #state: 'new' | 'opening' | 'open' | 'closed' = 'new';
  /** Came before the welcome was sent. */
  #held: Uint8Array[] = [];
  #identity: Identity | null = null;
  #desk: SpaceDesk | null = null;
  #session: Session | null = null;
  #reader: SessionReader | null = null;
  #feed: Feed | null = null;
  #client = '';
  #recording: SentRecording | null = null;
  /** Of the wire: the newest that both sides speak. */
  #version = 0;
  /** Number of the last delivery that was sent on this connection, and the last id that was said to be applied. */
  #sent = 0;
  #sentApplied = 0;
  #pongs: number[] = [];
  /** Why nothing is read now. */
  readonly #pauses = new Set<'output' | 'feed' | 'rate'>();
  #allowance: number;
  #allowed_ms: number;
  #rateTimer: Cancellable | null = null;
  // Looked at by the service, once in a while.
  readonly #opened_ms: number;
  #heard_ms: number;
  #pinged_ms: number;
  /** Pings since anything was heard. */
  #unanswered = 0;
  #taken_ms: number;

  constructor(number: number, arrived: Arrived, host: ConnectionHost) {
    this.#number = number;
    this.#arrived = arrived;
    this.#host = host;
    this.#socket = arrived.socket;
    this.#allowance = host.bounds.requests_per_second_max;
    const now_ms = host.platform.clock.monotonic_ms();
    this.#opened_ms = this.#heard_ms = this.#pinged_ms = this.#taken_ms = this.#allowed_ms = now_ms;
    const socket = this.#socket;
    socket.binaryType = 'nodebuffer';
    socket.on('message', (data, isBinary) => this.#frame(data, isBinary));
    socket.on('pong', () => this.#hear());
    socket.on('ping', () => this.#hear());
    // What ws refuses (a frame too large, bytes that are no frame) ends the connection by itself.
    socket.on('error', () => {});
    socket.on('close', () => this.#gone('closed'));
    host.observe.opened?.(this.report());
    if (arrived.refusal !== null) this.end(arrived.refusal);
  }

  report(): ConnectionReport {
    return {
      number: this.#number,
      peer: this.#arrived.peer,
      holder: this.#identity?.holder ?? '',
      space: this.#desk?.name ?? '',
      session: this.#session?.number ?? 0,
      client: this.#client,
    };
  }

  /** Requests that are on their way into the space. */
  get underWay(): number {
    return this.#feed?.underWay ?? 0;
  }

  // ------------------------------------------------------------------ what comes

  #frame(data: RawData, isBinary: boolean): void {
    if (this.#state === 'closed') return;
    this.#hear();
    const bytes = data as Buffer;
    this.#host.observe.bytes?.(this.#desk?.name ?? '', 'in', bytes.length);
    try {
      if (!isBinary) throw invalid('a frame is binary, and text came');
      if (this.#state === 'new') this.#hello(bytes);
      else if (this.#state === 'opening') this.#hold(bytes);
      else this.#said(bytes);
    } catch (error) {
      if (!isPowerboxError(error)) throw error;
      this.end(error);
    }
  }

  #hold(bytes: Uint8Array): void {
    // Reading has been stopped; what had been read already is little.
    if (this.#held.length >= limits.wire_frames_held_max) throw invalid('too many frames before the welcome');
    this.#held.push(bytes);
  }

  #hello(bytes: Uint8Array): void {
    const [parts] = decodeFrame(bytes, HELLO_FORM, HELLO_BOUNDS);
    const message = parts === undefined ? null : readClientMessage(parts);
    if (message?.kind !== 'hello') throw invalid('the first message of a connection is hello, alone in its frame');
    this.#version = Math.max(0, ...message.versions.filter((version) => WIRE_VERSIONS.includes(version)));
    if (this.#version === 0)
      throw invalid(
        `this service speaks the versions ${WIRE_VERSIONS.join(' and ')}, and the client ${message.versions.join(', ')}`,
      );
    this.#state = 'opening';
    this.#client = message.client;
    this.#socket.pause();
    this.#open(message).catch((error: unknown) => {
      if (!isPowerboxError(error)) throw error;
      this.end(error);
    });
  }

  async #open(hello: Hello): Promise<void> {
    const { identity, desk } = await this.#host.admit(hello, this.#arrived);
    if (this.#state === 'closed') return;
    const { holder } = identity;
    const { session: key } = hello;
    const entered =
      key === null ? await desk.open(holder, hello.client) : await desk.resume(holder, key.id, key.secret);
    const { session } = entered;
    try {
      await this.#enter(identity, desk, entered, key);
    } finally {
      if (this.#session === null) this.#forsake(desk, session, key === null);
    }
  }

  async #enter(identity: Identity, desk: SpaceDesk, entered: Entered, key: Hello['session']): Promise<void> {
    if (this.#state === 'closed') return;
    const { session } = entered;
    if ((key?.handled ?? 0) >= session.next) throw invalid('what was not sent cannot be acknowledged');
    // One connection at a time: the newest is the one that lives.
    session.outlet?.ended(new PowerboxError('cancelled', 'another connection has gone on with this session'));
    session.outlet = this;
    session.detached_ms = null;
    const feed = desk.feed(session);
    await feed.settle();
    feed.push([], key?.handled ?? 0);
    await feed.settle();
    if (session.ended) throw new PowerboxError('session_unknown', 'the session has ended');
    // Another one may have been faster.
    if ((this.#state as string) === 'closed' || session.outlet !== this) return;
    this.#identity = identity;
    this.#desk = desk;
    this.#session = session;
    this.#feed = feed;
    this.#reader = new SessionReader(session.holder.holdings);
    feed.onProgress = () => this.#progress();
    this.#sent = key?.handled ?? 0;
    this.#sentApplied = session.durableApplied;
    this.#welcome(entered, key !== null);
  }

  /** It ended before its welcome: a session of an earlier connection waits for the next; a new one is known to nobody. */
  #forsake(desk: SpaceDesk, session: Session, isNew: boolean): void {
    if (session.outlet === this) {
      session.outlet = null;
      session.detached_ms = this.#host.platform.clock.monotonic_ms();
    }
    if (isNew) desk.sessions.end(session).catch(() => {});
  }

  #welcome({ session, secret, powerbox }: Entered, resumed: boolean): void {
    const { holdings } = session.holder;
    const encoder = new MessageEncoder(() => holdings.powerbox(powerbox));
    this.#state = 'open';
    const message: ServerMessage = {
      kind: 'welcome',
      version: this.#version,
      session: session.number,
      secret,
      resumed,
      applied: session.durableApplied,
      powerbox,
      holder: session.holder.name,
      space: (this.#desk as SpaceDesk).name,
      server: VERSION,
      limits: {
        frame_bytes: this.#host.bounds.frame_bytes_max,
        frame_messages: limits.wire_frame_messages_max,
        depth: limits.wire_depth_max,
        requests: limits.session_requests_max,
        ping_ms: this.#host.ping_ms,
        session_ms: this.#host.session_ms,
      },
    };
    this.#send([encoder.encode(serverParts(message))]);
    this.#host.observe.opened?.(this.report());
    this.#socket.resume();
    for (const bytes of this.#held.splice(0)) this.#frame(bytes as unknown as RawData, true);
    this.moved();
  }

  #said(bytes: Uint8Array): void {
    const session = this.#session as Session;
    const asked = [];
    let handled = 0;
    for (const said of (this.#reader as SessionReader).read(bytes)) {
      if (said.kind === 'asked') {
        this.#requireVersion(said.asked);
        asked.push(said.asked);
        continue;
      }
      const { message } = said;
      switch (message.kind) {
        case 'ack':
          if (message.number >= session.next) throw invalid('what was not sent cannot be acknowledged');
          handled = Math.max(handled, message.number);
          break;
        case 'ping':
          if (this.#pongs.length >= limits.wire_pongs_max) throw invalid('too many pings');
          this.#pongs.push(message.nonce);
          break;
        case 'trace':
          // The reader has said so with each request that it is about.
          if (this.#version < 2) throw invalid('traces are of version 2, and 1 is spoken');
          break;
        case 'record':
          if (this.#version < 2) throw invalid('recordings are of version 2, and 1 is spoken');
          this.#record(message.credit);
          break;
        case 'record-credit':
          this.#recording?.allow(message.more);
          break;
        case 'record-end':
          this.#recording?.stop();
          break;
        case 'end':
          (this.#desk as SpaceDesk).sessions.end(session).catch(() => {});
          break;
        case 'hello':
          throw invalid('hello is the first message, and was said');
      }
    }
    this.#count(asked);
    (this.#feed as Feed).push(asked, handled);
    this.#spend(asked.length);
    this.#progress();
    if (this.#pongs.length > 0) this.moved();
  }

  /** Beside the session: of what it brings nothing is kept, or it would record itself. */
  #record(credit: number): void {
    if (this.#recording !== null && !this.#recording.isOver)
      throw invalid('one recording at a time goes over a connection');
    const { holder } = this.#identity as Identity;
    this.#recording = new SentRecording({
      credit,
      open: () => (this.#desk as SpaceDesk).record(holder),
      send: (message) => {
        if (this.#state === 'open') this.#send([NO_NAMES.encode(serverParts(message))]);
      },
    });
  }

  #requireVersion({ request }: Asked): void {
    if (request.kind === 'place' || request.kind === 'refused' || versionOf(request) <= this.#version) return;
    throw invalid(
      `${request.kind} as it was asked is of version ${versionOf(request)}, and ${this.#version} is spoken`,
    );
  }

  /** For metrics. */
  #count(asked: readonly { readonly request: { readonly kind: string } }[]): void {
    const { requests } = this.#host.observe;
    if (requests === undefined || asked.length === 0) return;
    const kinds = new Map<string, number>();
    for (const { request } of asked) kinds.set(request.kind, (kinds.get(request.kind) ?? 0) + 1);
    const { holder, space } = this.report();
    for (const [kind, count] of kinds) requests.call(this.#host.observe, space, holder, kind, count);
  }

  // ------------------------------------------------------------------ how fast

  #progress(): void {
    const feed = this.#feed as Feed;
    if (feed.failure !== null) {
      this.end(feed.failure);
      return;
    }
    this.#pause('feed', feed.underWay >= limits.wire_turns_under_way_max);
  }

  /** Requests beyond the rate are read later. */
  #spend(count: number): void {
    const { clock, timers } = this.#host.platform;
    const rate = this.#host.bounds.requests_per_second_max;
    const now_ms = clock.monotonic_ms();
    this.#allowance = Math.min(rate, this.#allowance + ((now_ms - this.#allowed_ms) * rate) / 1000) - count;
    this.#allowed_ms = now_ms;
    if (this.#rateTimer !== null) return;
    this.#pause('rate', this.#allowance < 0);
    if (this.#allowance >= 0) return;
    this.#rateTimer = timers.after(Math.ceil((-this.#allowance * 1000) / rate), () => {
      this.#rateTimer = null;
      // What had been read already when reading stopped is spent, too.
      this.#spend(0);
    });
  }

  #pause(why: 'output' | 'feed' | 'rate', paused: boolean): void {
    if (this.#pauses.has(why) === paused) return;
    if (paused) this.#pauses.add(why);
    else this.#pauses.delete(why);
    if (this.#state !== 'open') return;
    if (this.#pauses.size === 0) this.#socket.resume();
    else this.#socket.pause();
  }

  // ------------------------------------------------------------------ what goes

  /** Sends what is durable, as far as the client takes it. */
  moved(): void {
    const session = this.#session;
    if (this.#state !== 'open' || session === null) return;
    for (;;) {
      const isFull = this.#socket.bufferedAmount >= limits.wire_buffered_bytes_max;
      this.#pause('output', isFull);
      if (isFull) return;
      const deliveries = session.outgoing(this.#sent, limits.wire_batch_bytes_max);
      const messages = deliveries.map(({ bytes }) => bytes);
      const last = deliveries[deliveries.length - 1];
      if (last !== undefined) this.#sent = last.number;
      // After the answers of those that it says are done: what has no answer by then has none.
      if (session.durableApplied > this.#sentApplied && this.#sent + 1 >= session.durableNext) {
        this.#sentApplied = session.durableApplied;
        messages.push(NO_NAMES.encode(['applied', this.#sentApplied]));
      }
      for (const nonce of this.#pongs.splice(0)) messages.push(NO_NAMES.encode(['pong', nonce]));
      if (messages.length === 0) return;
      this.#send(messages);
    }
  }

  ended(why: PowerboxError): void {
    this.end(why);
  }

  readonly #taken = (): void => {
    this.#taken_ms = this.#host.platform.clock.monotonic_ms();
    if (this.#pauses.has('output')) this.moved();
  };

  #send(messages: readonly Uint8Array[]): void {
    const frame = frameOf(messages);
    this.#host.observe.bytes?.(this.#desk?.name ?? '', 'out', frame.length);
    this.#socket.send(frame, SEND_OPTIONS, this.#taken);
  }

  // ------------------------------------------------------------------ the end

  #hear(): void {
    this.#heard_ms = this.#host.platform.clock.monotonic_ms();
    this.#unanswered = 0;
  }

  /** Looked at once in a while: whether somebody is still there, and may be. */
  look(now_ms: number): void {
    if (this.#state === 'closed') return;
    if (this.#state !== 'open') {
      if (now_ms - this.#opened_ms > limits.wire_hello_ms) this.end(new PowerboxError('timed_out', 'no hello came'));
      return;
    }
    const expires_ms = this.#identity?.expires_ms ?? null;
    if (expires_ms !== null && expires_ms <= this.#host.platform.clock.now_ms()) {
      this.end(new PowerboxError('auth_failed', 'the token has expired'));
      return;
    }
    // Counted, too: this process may have stood still just before it would have read an answer.
    const isSilent = this.#unanswered >= 2 && now_ms - this.#heard_ms > 2 * this.#host.ping_ms + limits.wire_look_ms;
    const isStalled = this.#socket.bufferedAmount > 0 && now_ms - this.#taken_ms > limits.wire_stalled_ms;
    if (isSilent || isStalled) {
      this.#gone(isSilent ? 'silent' : 'stalled');
      this.#socket.terminate();
      return;
    }
    if (this.#socket.bufferedAmount === 0) this.#taken_ms = now_ms;
    if (now_ms - this.#pinged_ms >= this.#host.ping_ms) {
      this.#pinged_ms = now_ms;
      this.#unanswered++;
      this.#socket.ping();
    }
  }

  /** Tells the client why, and closes. The session stays. */
  end(why: PowerboxError): void {
    if (this.#state === 'closed') return;
    const { holder, space } = this.report();
    this.#host.observe.refused?.(space, holder, why.code);
    const error = wireError(why);
    this.#socket.send(frameOf([NO_NAMES.encode(serverParts({ kind: 'bye', error }))]), SEND_OPTIONS);
    this.#gone(why.code);
    this.#socket.resume();
    this.#socket.close(closeCodeOf(why), why.code);
  }

  /** Whoever does not close in good time. */
  cut(): void {
    this.#socket.terminate();
  }

  #gone(why: string): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#held = [];
    this.#rateTimer?.cancel();
    this.#recording?.leave();
    const session = this.#session;
    if (session !== null && session.outlet === this) {
      session.outlet = null;
      session.detached_ms = this.#host.platform.clock.monotonic_ms();
      const feed = this.#feed as Feed;
      feed.onProgress = () => {};
    }
    this.#host.observe.closed?.(this.report(), why);
    this.#host.gone(this);
  }
}

const SEND_OPTIONS = { binary: true, compress: false } as const;

function closeCodeOf({ code }: PowerboxError): number {
  switch (code) {
    case 'wire_invalid':
      return CLOSE.protocol;
    case 'not_available':
    case 'out_of_service':
    case 'space_closed':
      return CLOSE.goingAway;
    case 'rate_limited':
      return CLOSE.tryAgain;
    case 'cancelled':
      return CLOSE.normal;
    default:
      return CLOSE.refused;
  }
}

function invalid(why: string): PowerboxError {
  return new PowerboxError('wire_invalid', why);
}
