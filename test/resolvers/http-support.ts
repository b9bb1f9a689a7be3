/** What tests of HTTP share: a grant over a real server on loopback, and a count of what is open in the process. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Server as NetServer, Socket } from 'node:net';
import { inspect } from 'node:util';
import { powerHandle } from '../../src/capability/index.ts';
import { httpPower } from '../../src/capability/powers/http.ts';
import { livedPlatform } from '../lived.ts';
import { HttpResolver } from '../../resolvers/http/resolver.ts';
import { Lookup } from '../../resolvers/net/lookup.ts';
import type { ResolveName } from '../../resolvers/net/lookup.ts';
import { Kind, equal } from '../../src/values/index.ts';
import type { Value } from '../../src/values/index.ts';
import { Host } from './host.ts';
import type { TestObject } from './host.ts';

export const GRANT = 'op/http';

/** A server that says what it got: every request is counted, every socket is known. */
export interface Listening {
  readonly port: number;
  readonly origin: string;
  /** Requests whose head has come, by `METHOD /path`. */
  readonly requests: string[];
  connections(): number;
  close(): Promise<void>;
}

export async function listen(server: NetServer, scheme = 'http', requests: string[] = []): Promise<Listening> {
  const sockets = new Set<Socket>();
  let connections = 0;
  server.on('connection', (socket: Socket) => {
    connections++;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    origin: `${scheme}://127.0.0.1:${port}`,
    requests,
    connections: () => connections,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A plain HTTP server; what it got is on record before it answers. */
export async function serve(answer: RequestListener): Promise<Listening> {
  const requests: string[] = [];
  const server: Server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    answer(request, response);
  });
  // A connection is kept for as long as its client wants it: what was asked, and over how many of them, is counted.
  server.keepAliveTimeout = 0;
  return listen(server, 'http', requests);
}

export async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Answers everything with this. */
export function saying(
  status: number,
  headers: Readonly<Record<string, string | readonly string[]>>,
  body: string | Uint8Array = '',
): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    request.resume();
    response.writeHead(status, headers as Record<string, string>).end(body);
  };
}

export interface Granted {
  readonly resolver: HttpResolver;
  readonly host: Host;
  readonly client: TestObject;
  /** The channel of a URL. */
  at(url: string): Promise<TestObject>;
  close(): Promise<void>;
}

export type OriginSource = Readonly<Record<string, unknown>>;

/** Everything that one origin needs to be reached on loopback. */
export function onLoopback(origin: string, rest: OriginSource = {}): OriginSource {
  return {
    origin,
    methods: ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE'],
    addresses: ['127.0.0.1'],
    ...rest,
  };
}

export function grantHttp(origins: readonly OriginSource[], resolve?: ResolveName): Granted {
  const platform = livedPlatform();
  const lookup = new Lookup({ ...platform, ...(resolve === undefined ? {} : { resolve }) });
  const resolver = new HttpResolver({ platform, lookup });
  resolver.grant(GRANT, httpPower.parse({ kind: 'http', origins }));
  const host = new Host(resolver.natives);
  const client = host.object('httpClient', powerHandle(GRANT));
  return { resolver, host, client, at: (url) => client.resolve('resolve', url), close: () => resolver.close() };
}

/** One entry of a map that was answered. */
export function field(answer: Value, key: string): Value {
  assert(answer !== null && typeof answer === 'object' && answer.kind === Kind.Map);
  const index = answer.keys.indexOf(key);
  assert(index >= 0, `there is no ${key}`);
  return answer.items[index] as Value;
}

export function assertValue(actual: Value, expected: Value): void {
  assert(equal(actual, expected), `${inspect(actual, { depth: 9 })} is not ${inspect(expected, { depth: 9 })}`);
}

/** Sockets and timers of this process. */
export function openThings(): string[] {
  return process.getActiveResourcesInfo().filter((name) => /TCP|TLS|Timeout|Pipe|UDP|GetAddrInfo/.test(name));
}

/** Waits until as much is open as before: what ends needs a few turns of the loop to be gone. */
export async function settled(before: readonly string[]): Promise<void> {
  const started = Date.now();
  while (openThings().length > before.length) {
    if (Date.now() - started > 250_000)
      assert.fail(`left open: ${openThings().join(', ')}, before: ${before.join(', ')}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
