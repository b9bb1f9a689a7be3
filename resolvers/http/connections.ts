/**
 * Connections to one origin at one address, each with one request at a time; who comes when all are taken waits in the
 * order of coming. Owns their sockets: each goes to an address that was judged, never to a name, and none outlives
 * `close`. What was used last is used first, so that those which a quiet time needs no more are closed in it.
 *
 * The library's own pool looks through its connections for each request, and takes one for free a turn of the event loop
 * after its answer: with 64 in flight that is a twentieth of what a request costs.
 */
import type { Socket } from 'node:net';
import { Client, buildConnector } from 'undici';
import type { Address, HttpUrl } from '../../src/capability/index.ts';
import type { PowerboxError } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';
import type { Exchange } from './exchange.ts';
import { SocketLine } from './line.ts';

/** Whom to trust, and what to show. */
export interface TrustSettings {
  /** Equal for equal settings. */
  readonly key: string;
  readonly ca?: string;
  readonly cert?: string;
  readonly privateKey?: string;
}

export interface Target {
  readonly url: HttpUrl;
  readonly address: Address;
  readonly trust: TrustSettings;
  readonly connect_ms_max: number;
}

/** What is sent. Nothing in it is ever changed: requests that are the same share it. */
interface LineRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: string[];
  readonly body: Buffer | null;
  /** Nothing is ever behind it on its connection; told that there might be, the library looks once more at each head. */
  readonly blocking: false;
}

interface Waiting {
  readonly request: LineRequest;
  readonly exchange: Exchange;
}

interface Connection {
  readonly client: Client;
  readonly line: SocketLine;
}

export class Connections {
  readonly #origin: URL;
  readonly #connect: (line: SocketLine) => buildConnector.connector;
  readonly #all: Connection[] = [];
  readonly #idle: Connection[] = [];
  readonly #waiting = new Set<Waiting>();
  readonly #sockets = new Set<Socket>();
  #isClosed = false;
  /** When it was asked for last, by the count of all askings. */
  used = 0;

  constructor(target: Target) {
    this.#origin = originOf(target.url);
    this.#connect = connectorOf(target, this.#sockets);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Something is under way, or waits. */
  get isUsed(): boolean {
    return this.#waiting.size > 0 || this.#idle.length < this.#all.length;
  }

  /** How it ends the exchange is told, whatever becomes of it. */
  send(request: LineRequest, exchange: Exchange): void {
    const connection = this.#idle.pop() ?? this.#more();
    if (connection === null) this.#waiting.add({ request, exchange });
    else begin(connection, request, exchange);
  }

  /** What is under way or waits ends with this error. */
  async close(error: PowerboxError): Promise<void> {
    this.#isClosed = true;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const { exchange } of waiting) exchange.onError(error);
    await Promise.all(this.#all.map(({ client }) => client.destroy(error)));
    // Those that are still connecting belong to no client yet.
    for (const socket of this.#sockets) socket.destroy();
  }

  #more(): Connection | null {
    if (this.#all.length >= limits.http_connections_max) return null;
    const line = new SocketLine(() => this.#free(connection));
    const client = new Client(this.#origin, {
      pipelining: 1,
      keepAliveMaxTimeout: limits.http_keep_alive_ms_max,
      maxHeaderSize: limits.http_headers_bytes_max,
      // The time of each exchange is watched by the exchange itself.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: this.#connect(line),
    });
    const connection: Connection = { client, line };
    this.#all.push(connection);
    return connection;
  }

  #free(connection: Connection): void {
    // Later: until the library has closed the books on an answer, it takes what follows for a part of the same
    // conversation, and does not look whether something unasked has come meanwhile.
    if (this.#waiting.size > 0) queueMicrotask(() => this.#next(connection));
    else this.#idle.push(connection);
  }

  /** For the first one that waits and has not been given up meanwhile. */
  #next(connection: Connection): void {
    for (const waiting of this.#waiting) {
      this.#waiting.delete(waiting);
      if (waiting.exchange.isOver) continue;
      begin(connection, waiting.request, waiting.exchange);
      return;
    }
    this.#idle.push(connection);
  }
}

function begin({ client, line }: Connection, request: LineRequest, exchange: Exchange): void {
  exchange.line = line;
  client.dispatch(request, exchange);
}

/** Its parts are there as they are: the library reads them for each request, and the platform makes them each time. */
function originOf({ origin }: HttpUrl): URL {
  const url = new URL(origin);
  const { protocol } = url;
  return Object.defineProperties(url, { origin: { value: origin }, protocol: { value: protocol } });
}

function connectorOf(
  { url, address, trust, connect_ms_max }: Target,
  sockets: Set<Socket>,
): (line: SocketLine) => buildConnector.connector {
  const connector = buildConnector({
    timeout: connect_ms_max,
    allowH2: false,
    // Whatever the environment of the process says.
    rejectUnauthorized: true,
    ...(trust.ca === undefined ? {} : { ca: trust.ca }),
    ...(trust.cert === undefined ? {} : { cert: trust.cert }),
    ...(trust.privateKey === undefined ? {} : { key: trust.privateKey }),
  });
  const servername = url.address === null ? url.host : undefined;
  return (line) => (options, callback) => {
    const { servername: _, ...rest } = options;
    const place = { ...rest, hostname: address.text, ...(servername === undefined ? {} : { servername }) };
    // The connector gives the socket back, as its types do not say.
    const socket = connector(place, callback) as unknown as Socket;
    line.attach(socket);
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  };
}
