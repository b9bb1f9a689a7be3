/**
 * A port that is open for connections. Owns its server and the connections that no program has been told of yet; they
 * count like all others, so whoever floods the port finds it closed sooner than memory full. Must never keep a
 * connection whose program cannot hear of it.
 */
import { createServer as createPlainServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { createServer as createSecureServer } from 'node:tls';
import { NewObject } from '../../src/natives/index.ts';
import type { Source } from '../../src/natives/index.ts';
import type { Cancellable, Timers } from '../../src/platform/index.ts';
import { PowerboxError } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';
import { map } from '../../src/values/index.ts';
import type { Value } from '../../src/values/index.ts';
import { shownPlace } from '../net/listen.ts';
import type { Place } from '../net/listen.ts';
import { netFailure } from '../net/reason.ts';
import { takenBack } from '../net/room.ts';
import { shownEndpoint } from './connection.ts';
import type { Connection } from './connection.ts';
import type { TcpGrant } from './grant.ts';

export interface ListenerOptions {
  readonly grant: TcpGrant;
  /** The capability by which it was opened. */
  readonly cap: string;
  readonly place: Place;
  readonly tls: boolean;
  readonly timers: Timers;
  /** Makes a connection of an open socket, for which a place is held, by the capability of the port. */
  readonly accept: (socket: Socket, tls: boolean) => Connection;
  readonly handleOf: (connection: Connection) => Value;
  /** Said once, when the port is closed. */
  readonly stopped: () => void;
}

export class Listener {
  readonly #options: ListenerOptions;
  readonly #server: Server;
  /** Handshakes under way, by their remote end; each holds a place. */
  readonly #handshakes = new Map<string, Socket>();
  /** Connections of which nobody has been told, oldest first. */
  readonly #unannounced: Connection[] = [];
  #source: Source | null = null;
  #claim: Cancellable | null = null;
  #announcing = false;
  #stopped = false;
  #port = 0;
  /** Connections that were sent away since the last one that there was room for. */
  #sentAway = 0;

  /** The grant holds a place for it. Rejects with what the system said; then the place is still held. */
  static async open(options: ListenerOptions): Promise<Listener> {
    const listener = new Listener(options);
    await listener.#listen();
    if (options.grant.room.isClosed) {
      listener.#server.close();
      listener.#claim?.cancel();
      const { code, message } = takenBack();
      throw new PowerboxError(code, message);
    }
    options.grant.listening(listener);
    return listener;
  }

  private constructor(options: ListenerOptions) {
    this.#options = options;
    const { grant, tls } = options;
    this.#server = tls ? this.#secureServer() : createPlainServer({ allowHalfOpen: true });
    if (!tls) this.#server.on('connection', (socket) => this.#come(socket, false));
    // A last bound for what is not counted here: sockets that are being closed.
    this.#server.maxConnections = grant.power.sockets_max;
  }

  get cap(): string {
    return this.#options.cap;
  }

  get port(): number {
    return this.#port;
  }

  get local(): string {
    return shownPlace(this.#options.place.address.text, this.#port);
  }

  #secureServer(): Server {
    const { grant } = this.#options;
    const server = createSecureServer({
      ...grant.tls.server,
      allowHalfOpen: true,
      handshakeTimeout: grant.power.connect_ms_max,
      ...(grant.tls.asksClients ? { requestCert: true, rejectUnauthorized: true } : {}),
    });
    server.on('connection', (raw: Socket) => {
      raw.on('error', () => {});
      const end = shownEndpoint(raw.remoteAddress, raw.remotePort);
      if (this.#stopped || this.#handshakes.has(end) || !this.#hold()) {
        raw.destroy();
        return;
      }
      this.#handshakes.set(end, raw);
      raw.once('close', () => {
        if (this.#handshakes.delete(end)) grant.room.release();
      });
    });
    server.on('secureConnection', (socket) => {
      const end = shownEndpoint(socket.remoteAddress, socket.remotePort);
      // The place that was held for the handshake is the connection's now.
      if (!this.#stopped && this.#handshakes.delete(end)) this.#take(socket, true);
      else socket.destroy();
    });
    server.on('tlsClientError', (_error, socket) => void socket.destroy());
    return server;
  }

  #listen(): Promise<void> {
    const { address, port } = this.#options.place;
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host: address.text, port, ipv6Only: address.family === 6 }, () => {
        this.#server.off('error', reject);
        this.#server.on('error', (error) => this.#fail(error));
        const bound = this.#server.address();
        this.#port = bound === null || typeof bound === 'string' ? port : bound.port;
        // Whoever asked may never have heard of it: the answer is not durable yet.
        this.#claim = this.#options.timers.after(limits.port_claim_ms, () => this.stop());
        resolve();
      });
    });
  }

  /** From now on connections are announced there. */
  attach(source: Source): void {
    this.#claim?.cancel();
    this.#claim = null;
    this.#source = source;
    source.signal.addEventListener('abort', () => this.stop(), { once: true });
    if (source.signal.aborted) this.stop();
    else void this.#announce();
  }

  /** Gives the port back. Connections of which a program has been told go on. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#claim?.cancel();
    this.#server.close();
    for (const raw of this.#handshakes.values()) raw.destroy();
    for (const connection of this.#unannounced.splice(0)) dismiss(connection);
    this.#options.grant.stopped(this);
    this.#options.stopped();
  }

  #come(socket: Socket, tls: boolean): void {
    if (this.#stopped || !this.#hold()) {
      socket.on('error', () => {});
      socket.destroy();
      return;
    }
    this.#take(socket, tls);
  }

  /** Room for one who has come; the first one for whom there is none is told of, and how many they were at their end. */
  #hold(): boolean {
    const full = this.#options.grant.room.hold();
    const { local } = this;
    if (full !== null) {
      if (this.#sentAway++ === 0)
        this.#source?.report?.({ code: full.code, message: `${local} sends connections away: ${full.message}` });
      return false;
    }
    if (this.#sentAway > 1) {
      const message = `${local} has sent ${this.#sentAway} connections away, and takes them again`;
      this.#source?.report?.({ code: 'quota_exceeded', message });
    }
    this.#sentAway = 0;
    return true;
  }

  #take(socket: Socket, tls: boolean): void {
    const connection = this.#options.accept(socket, tls);
    this.#unannounced.push(connection);
    void this.#announce();
  }

  /** One after the other: while the program is behind, the next ones wait here, and then with the system. */
  async #announce(): Promise<void> {
    const source = this.#source;
    if (source === null || this.#announcing) return;
    this.#announcing = true;
    for (let next = this.#unannounced.shift(); next !== undefined; next = this.#unannounced.shift()) {
      const { remote, local } = next;
      const about = map([
        ['remote', remote],
        ['local', local],
      ]);
      const more = await source.push([new NewObject('socket', this.#options.handleOf(next)), about]);
      // It may have been told of this one and ended after that: an idle connection ends by itself.
      if (!more) break;
    }
    this.#announcing = false;
  }

  #fail(error: unknown): void {
    const source = this.#source;
    this.stop();
    void source?.fail(netFailure(`${this.local} cannot be listened at any more`, error));
  }
}

function dismiss(connection: Connection): void {
  connection.kill({ code: 'handle_closed', message: 'the port was closed before anybody was told of this connection' });
}
