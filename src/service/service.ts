/**
 * The service as a whole: its listener, its connections and the desks of its spaces. Owns the order in which they open
 * and close, and the one clock by which connections and sessions are looked after.
 */
import { internalsOf, type Space } from '../embedding/index.ts';
import { PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import { type Cancellable, type Platform, realPlatform } from '../platform/index.ts';
import type { Hello } from '../wire/index.ts';
import { Connection, type ConnectionHost } from './connection.ts';
import { SpaceDesk } from './desk.ts';
import { jsonRpcRoute } from './json-rpc.ts';
import type { Operations } from './operations.ts';
import { type Arrived, Listener } from './server.ts';
import type {
  Identity,
  RouteRequest,
  RunningService,
  ServiceAddress,
  ServiceBounds,
  ServiceCounts,
  ServiceOptions,
} from './types.ts';

const SPACE_DEFAULT = 'default';

/** Rejects with a coded error, and leaves nothing open. */
export async function createService(options: ServiceOptions): Promise<RunningService> {
  const service = new Service(options);
  await service.open();
  return service;
}

class Service implements RunningService {
  readonly #options: ServiceOptions;
  readonly #platform: Platform = realPlatform();
  readonly #host: ConnectionHost;
  readonly #connections = new Set<Connection>();
  readonly #desks = new Map<Space, SpaceDesk>();
  readonly #session_ms: number;
  readonly #bounds: ServiceBounds;
  #listener: Listener | null = null;
  #numbers = 0;
  #look: Cancellable | null = null;
  #closing = false;
  #emptied: (() => void) | null = null;

  constructor(options: ServiceOptions) {
    this.#options = options;
    this.#session_ms = options.session_ms ?? limits.session_kept_ms_default;
    const { bounds } = options;
    this.#bounds = {
      connections_max: bounds?.connections_max ?? limits.wire_connections_max,
      requests_per_second_max: bounds?.requests_per_second_max ?? limits.wire_requests_per_second_max,
      frame_bytes_max: bounds?.frame_bytes_max ?? limits.wire_frame_bytes_max,
    };
    this.#host = {
      bounds: this.#bounds,
      platform: this.#platform,
      observe: options.observe ?? {},
      session_ms: this.#session_ms,
      ping_ms: options.ping_ms ?? limits.wire_ping_ms_default,
      admit: (hello, arrived) => this.#admit(hello, arrived),
      gone: (connection) => this.#gone(connection),
    };
  }

  async open(): Promise<void> {
    const { listen, routes: others = [], origins = [] } = this.#options;
    const routes = [jsonRpcRoute((request) => this.#answering(request)), ...others];
    this.#listener = await Listener.open({
      listen,
      routes,
      origins,
      frame_bytes_max: this.#bounds.frame_bytes_max,
      connected: (arrived) => this.#connected(arrived),
      admits: () => this.#admits(),
    });
    this.#lookLater();
  }

  get address(): ServiceAddress {
    return (this.#listener as Listener).address;
  }

  counts(): ServiceCounts {
    let sessions = 0;
    let waiting = 0;
    let undelivered = 0;
    for (const desk of this.#desks.values()) {
      sessions += desk.sessions.count;
      for (const session of desk.sessions.all()) {
        waiting += session.waiting;
        undelivered += session.undelivered;
      }
    }
    return { connections: this.#connections.size, sessions, waiting, undelivered };
  }

  async close(grace_ms = 0): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    this.#look?.cancel();
    this.#listener?.stop();
    await this.#settled(grace_ms);
    const why = new PowerboxError('not_available', 'the service stops', { hint: 'Connect again in a while.' });
    for (const connection of [...this.#connections]) connection.end(why);
    await this.#listener?.close();
  }

  /** Waits until what clients have asked is durable. */
  async #settled(grace_ms: number): Promise<void> {
    const { clock, timers } = this.#platform;
    const deadline_ms = clock.monotonic_ms() + grace_ms;
    for (;;) {
      const isBusy = [...this.#connections].some(({ underWay }) => underWay > 0);
      if (!isBusy || clock.monotonic_ms() >= deadline_ms) return;
      await new Promise<void>((resolve) => void timers.after(SETTLE_LOOK_MS, resolve));
    }
  }

  // ------------------------------------------------------------------ connections

  #admits(): PowerboxError | null {
    if (this.#closing) return new PowerboxError('not_available', 'the service stops');
    const { connections_max } = this.#bounds;
    if (this.#connections.size < connections_max) return null;
    return new PowerboxError('rate_limited', `there are ${connections_max} connections already`);
  }

  #connected(arrived: Arrived): void {
    const connection = new Connection(++this.#numbers, arrived, this.#host);
    if (arrived.refusal === null) this.#connections.add(connection);
  }

  #gone(connection: Connection): void {
    this.#connections.delete(connection);
    if (this.#connections.size === 0) this.#emptied?.();
  }

  async #admit(hello: Hello, arrived: Arrived): Promise<{ identity: Identity; desk: SpaceDesk }> {
    const { auth } = this.#options;
    const identity = await auth.authenticate({ token: hello.token ?? arrived.token, loopback: arrived.loopback });
    return { identity, desk: await this.#deskOf(identity, hello.space) };
  }

  /** Who asks over HTTP, and where: the space is named in the query. */
  async #answering({ token, loopback, query }: RouteRequest): Promise<Operations> {
    const identity = await this.#options.auth.authenticate({ token, loopback });
    const desk = await this.#deskOf(identity, query.get('space'));
    return desk.operations(identity.holder);
  }

  async #deskOf(identity: Identity, wanted: string | null): Promise<SpaceDesk> {
    const { spaces } = identity;
    const { defaultSpace = SPACE_DEFAULT, publicNames = false } = this.#options;
    const name = wanted ?? defaultSpace;
    const space = spaces === null || spaces.includes(name) ? await this.#options.spaces.get(name, identity) : undefined;
    if (space === undefined) throw new PowerboxError('auth_failed', 'the token is good for no space of this name');
    const known = this.#desks.get(space);
    if (known !== undefined) return known;
    const desk = new SpaceDesk(name, space, publicNames);
    this.#desks.set(space, desk);
    const { engine } = internalsOf(space);
    engine.onClose(() => this.#desks.delete(space));
    return desk;
  }

  // ------------------------------------------------------------------ once in a while

  #lookLater(): void {
    const due_ms = this.#platform.clock.monotonic_ms() + limits.wire_look_ms;
    this.#look = this.#platform.timers.after(limits.wire_look_ms, () => {
      const now_ms = this.#platform.clock.monotonic_ms();
      // Whoever was busy itself has not yet read what came meanwhile, and takes nobody for silent.
      if (now_ms - due_ms > limits.wire_look_ms) {
        this.#lookLater();
        return;
      }
      for (const connection of this.#connections) connection.look(now_ms);
      for (const desk of this.#desks.values()) this.#endAbandoned(desk, now_ms);
      this.#lookLater();
    });
  }

  /** Sessions that nobody came back to. */
  #endAbandoned(desk: SpaceDesk, now_ms: number): void {
    for (const session of desk.sessions.all()) {
      if (session.outlet !== null) continue;
      session.detached_ms ??= now_ms;
      if (now_ms - session.detached_ms < this.#session_ms) continue;
      // It is asked once: the next look is far enough away.
      session.detached_ms = now_ms;
      desk.sessions.end(session).catch(() => {});
    }
  }
}

const SETTLE_LOOK_MS = 5;
