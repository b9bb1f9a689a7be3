/**
 * The listener of the service: one port for WebSockets and for what is asked over HTTP. Owns the port, the rule that
 * what leaves this machine is encrypted, the check of a browser's origin, and the table of routes. Knows nothing of
 * sessions: whoever gets through is handed to `connected`.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { isPowerboxError, PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import { WIRE_PROTOCOL } from '../wire/index.ts';
import { isLoopback, isOwnHost, mayAsk, ownOrigins, requireListen } from './places.ts';
import type { ListenOptions, Route, RouteAnswer, RouteRequest, ServiceAddress } from './types.ts';

/** A WebSocket that may talk, and how it came. */
export interface Arrived {
  readonly socket: WebSocket;
  readonly peer: string;
  readonly loopback: boolean;
  /** That of `Authorization: Bearer …`, or null. */
  readonly token: string | null;
  /** Set for a connection that is one too many: it is told so, and ends. */
  readonly refusal: PowerboxError | null;
}

export interface ListenerOptions {
  readonly listen: ListenOptions;
  readonly routes: readonly Route[];
  readonly origins: readonly string[];
  readonly frame_bytes_max: number;
  readonly connected: (arrived: Arrived) => void;
  /** Whether one more connection may be had. */
  readonly admits: () => PowerboxError | null;
}

export class Listener {
  readonly #options: ListenerOptions;
  readonly #server: Server;
  readonly #sockets: WebSocketServer;
  readonly #routes: ReadonlyMap<string, readonly Route[]>;
  readonly #scheme: 'http' | 'https';
  #loopback = true;
  #own: readonly string[] = [];
  #address: ServiceAddress | null = null;

  private constructor(options: ListenerOptions) {
    const { listen, routes, frame_bytes_max } = options;
    this.#options = options;
    this.#scheme = listen.tls === undefined ? 'http' : 'https';
    const limitsOfHttp = { requestTimeout: limits.service_request_ms, headersTimeout: limits.service_headers_ms };
    this.#server =
      listen.tls === undefined
        ? createServer(limitsOfHttp)
        : createSecureServer({ ...limitsOfHttp, ...tlsOptions(listen.tls), minVersion: 'TLSv1.2' });
    this.#sockets = new WebSocketServer({
      noServer: true,
      maxPayload: frame_bytes_max,
      perMessageDeflate: false,
      clientTracking: false,
      handleProtocols: (offered) => (offered.has(WIRE_PROTOCOL) ? WIRE_PROTOCOL : false),
    });
    const table = new Map<string, Route[]>();
    for (const route of routes) table.set(route.path, [...(table.get(route.path) ?? []), route]);
    this.#routes = table;
  }

  /** Rejects with `config_invalid` or `net_failed`, and then nothing is open. */
  static async open(options: ListenerOptions): Promise<Listener> {
    const host = requireListen(options.listen);
    const listener = new Listener(options);
    await listener.#listen(host, options.listen.port);
    return listener;
  }

  async #listen(host: string, port: number): Promise<void> {
    const server = this.#server;
    await new Promise<void>((resolve, reject) => {
      const failed = (error: NodeJS.ErrnoException): void =>
        reject(
          new PowerboxError(
            'net_failed',
            `nothing can listen on ${host} port ${port}: ${error.code ?? error.message}`,
            {
              hint: error.code === 'EADDRINUSE' ? 'another program is there; choose another port, or 0 for any' : '',
              cause: error,
            },
          ),
        );
      server.once('error', failed);
      server.listen({ host, port }, () => {
        server.off('error', failed);
        resolve();
      });
    });
    const bound = server.address() as AddressInfo;
    this.#loopback = isLoopback(bound.address);
    this.#own = ownOrigins(this.#scheme, bound.port);
    const shown = bound.family === 'IPv6' ? `[${bound.address}]` : bound.address;
    const scheme = this.#scheme === 'http' ? 'ws' : 'wss';
    this.#address = { host: bound.address, port: bound.port, url: `${scheme}://${shown}:${bound.port}` };
    server.on('request', (request, response) => void this.#request(request, response));
    server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
    // A port that fails later fails connections one by one; each of them is told by itself.
    server.on('error', () => {});
  }

  get address(): ServiceAddress {
    return this.#address as ServiceAddress;
  }

  /** No new connections and requests; those that are there go on until they end or are cut off. */
  stop(): void {
    this.#server.close();
    this.#server.closeIdleConnections();
  }

  /** Resolves when nothing is open any more. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      if (!this.#server.listening) resolve();
      this.#server.close(() => resolve());
    });
    this.#server.closeAllConnections();
    await closed;
  }

  // ------------------------------------------------------------------ WebSockets

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    const refused = this.#refusal(request);
    if (refused !== null) {
      socket.end(`HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\n${refused}\n`);
      return;
    }
    const refusal = this.#options.admits();
    this.#sockets.handleUpgrade(request, socket, head, (upgraded) => {
      const peer = request.socket.remoteAddress ?? '';
      const token = bearer(request.headers.authorization);
      this.#options.connected({ socket: upgraded, peer, loopback: isLoopback(peer), token, refusal });
    });
  }

  /** Why nothing is answered to whoever asks; null: it may be. */
  #refusal({ headers }: IncomingMessage): string | null {
    if (!isOwnHost(headers.host, this.#loopback)) return 'this service answers under the name of this machine only';
    if (!mayAsk(headers.origin, this.#options.origins, this.#own)) return 'pages of this origin may not connect';
    return null;
  }

  // ------------------------------------------------------------------ HTTP

  async #request(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => {});
    try {
      answer(response, await this.#routed(request, response), this.#allowed(request.headers.origin));
    } catch (error) {
      const { status, text } = failureOf(error);
      answer(response, { status, body: `${text}\n` }, null);
    }
  }

  async #routed(request: IncomingMessage, response: ServerResponse): Promise<RouteAnswer> {
    const refused = this.#refusal(request);
    if (refused !== null) return { status: 403, body: `${refused}\n` };
    const url = new URL(request.url ?? '/', 'http://service');
    const routes = this.#routes.get(url.pathname);
    if (routes === undefined) return { status: 404, body: 'there is nothing here\n' };
    if (request.method === 'OPTIONS') return preflight(routes);
    const method = request.method === 'HEAD' ? 'GET' : request.method;
    const route = routes.find((one) => one.method === method);
    if (route === undefined) {
      return { status: 405, headers: { allow: methodsOf(routes) }, body: 'this is not asked in this way\n' };
    }
    return route.handle(requestOf(request, response, url));
  }

  /** The origin that may read the answer. */
  #allowed(origin: string | undefined): string | null {
    return origin !== undefined && mayAsk(origin, this.#options.origins, this.#own) ? origin : null;
  }
}

function tlsOptions({ cert, key }: NonNullable<ListenOptions['tls']>): { cert: string | Buffer; key: string | Buffer } {
  const whole = (part: string | Uint8Array): string | Buffer => (typeof part === 'string' ? part : Buffer.from(part));
  return { cert: whole(cert), key: whole(key) };
}

function requestOf(request: IncomingMessage, response: ServerResponse, url: URL): RouteRequest {
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  const peer = request.socket.remoteAddress ?? '';
  return {
    method: request.method ?? 'GET',
    path: url.pathname,
    query: url.searchParams,
    headers: request.headers,
    token: bearer(request.headers.authorization),
    loopback: isLoopback(peer),
    peer,
    signal: gone.signal,
    body: (bytes_max) => bodyOf(request, bytes_max),
  };
}

async function bodyOf(request: IncomingMessage, bytes_max: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Uint8Array>) {
    size += part.length;
    if (size > bytes_max)
      throw new PowerboxError('wire_invalid', `a body of more than ${bytes_max} bytes; so many are taken`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function bearer(authorization: string | undefined): string | null {
  const found = /^Bearer +([^\s]+)$/i.exec(authorization ?? '');
  return found?.[1] ?? null;
}

function methodsOf(routes: readonly Route[]): string {
  return routes.map(({ method }) => method).join(', ');
}

function preflight(routes: readonly Route[]): RouteAnswer {
  const headers = {
    'access-control-allow-methods': methodsOf(routes),
    'access-control-allow-headers': 'authorization, content-type',
    'access-control-max-age': '600',
  };
  return { status: 204, headers };
}

function answer(
  response: ServerResponse,
  { status, headers = {}, body = '' }: RouteAnswer,
  origin: string | null,
): void {
  if (response.headersSent || response.destroyed) return;
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  const cors = origin === null ? {} : { 'access-control-allow-origin': origin, vary: 'origin' };
  response.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': bytes.length,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...cors,
    ...headers,
  });
  response.end(response.req.method === 'HEAD' ? undefined : bytes);
}

/** What is told of a failure: of one that is not ours, nothing. */
function failureOf(error: unknown): { readonly status: number; readonly text: string } {
  if (!isPowerboxError(error)) return { status: 500, text: 'the service has failed at this' };
  const status = error.code === 'auth_failed' ? 401 : error.code === 'wire_invalid' ? 413 : 400;
  return { status, text: `${error.code}: ${error.message}` };
}
