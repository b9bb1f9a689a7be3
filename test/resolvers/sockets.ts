/** TCP and UDP powers for tests, over real sockets on loopback, and the peers that tests put at the other end. */
import assert from 'node:assert/strict';
import { createServer, connect } from 'node:net';
import type { Server, Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { powerHandle, readGrants } from '../../src/capability/index.ts';
import type { PowerOf } from '../../src/capability/index.ts';
import { livedPlatform } from '../lived.ts';
import type { Cancellable, Platform } from '../../src/platform/index.ts';
import { Lookup } from '../../resolvers/net/lookup.ts';
import type { ResolveName } from '../../resolvers/net/lookup.ts';
import { TcpResolver } from '../../resolvers/tcp/resolver.ts';
import { UdpResolver } from '../../resolvers/udp/resolver.ts';
import { Host, textOf } from './host.ts';
import type { TestObject } from './host.ts';

export const GRANT = 'tester/net';

/** The real one, with durations as they were lived, which also tells how many timers are set. */
export function countedPlatform(): { readonly platform: Platform; readonly timers: () => number } {
  const real = livedPlatform();
  const set = new Set<object>();
  const after = (delay_ms: number, run: () => void): Cancellable => {
    const key = {};
    set.add(key);
    const timer = real.timers.after(delay_ms, () => {
      set.delete(key);
      run();
    });
    return {
      cancel: () => {
        set.delete(key);
        timer.cancel();
      },
    };
  };
  return { platform: { ...real, timers: { after, soon: real.timers.soon } }, timers: () => set.size };
}

const resolveNothing: ResolveName = (host) => Promise.reject(new Error(`nobody may look up ${host}`));

export interface Site<R> {
  readonly resolver: R;
  readonly host: Host;
  readonly timers: () => number;
}

/** Closes what a test was granted, of which no timer may be left, and leaves none in the list. */
export function closeSites(sites: Site<TcpResolver>[]): void {
  for (const { resolver, timers } of sites.splice(0)) {
    resolver.close();
    assert.equal(timers(), 0, 'a timer is left');
  }
}

export async function grantTcp(power: object, resolve: ResolveName = resolveNothing): Promise<Site<TcpResolver>> {
  const { platform, timers } = countedPlatform();
  const resolver = new TcpResolver({ platform, lookup: new Lookup({ ...platform, resolve }) });
  await resolver.grant(GRANT, readGrants([{ kind: 'tcp', ...power }])[0] as PowerOf<'tcp'>);
  return { resolver, host: new Host(resolver.natives), timers };
}

export function grantUdp(power: object, resolve: ResolveName = resolveNothing): Site<UdpResolver> {
  const { platform, timers } = countedPlatform();
  const resolver = new UdpResolver({ platform, lookup: new Lookup({ ...platform, resolve }) });
  resolver.grant(GRANT, readGrants([{ kind: 'udp', ...power }])[0] as PowerOf<'udp'>);
  return { resolver, host: new Host(resolver.natives), timers };
}

export function root(site: Site<unknown>, native: string): TestObject {
  return site.host.object(native, powerHandle(GRANT));
}

export function connector(site: Site<TcpResolver>): Promise<TestObject> {
  return root(site, 'tcpClient').resolve('resolve', '0');
}

/** A server on loopback which counts who came, and forgets nobody. */
export class Peer {
  readonly server: Server;
  readonly sockets: Socket[] = [];
  readonly #waiting: ((socket: Socket) => void)[] = [];
  #taken = 0;

  private constructor(onConnection: (socket: Socket) => void) {
    this.server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => {});
      this.sockets.push(socket);
      onConnection(socket);
      this.#waiting.shift()?.(socket);
    });
  }

  static async open(onConnection: (socket: Socket) => void = () => {}, host = '127.0.0.1'): Promise<Peer> {
    const peer = new Peer(onConnection);
    await new Promise<void>((resolve, reject) => {
      peer.server.once('error', reject);
      peer.server.listen(0, host, resolve);
    });
    return peer;
  }

  static echo(): Promise<Peer> {
    return Peer.open((socket) => socket.pipe(socket));
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** The next one who comes, or came and was not taken. */
  async next(): Promise<Socket> {
    const there = this.sockets[this.#taken++];
    return there ?? new Promise((resolve) => this.#waiting.push(resolve));
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise<void>((resolve) => void this.server.close(() => resolve()));
  }
}

/** A client of a listener under test. */
export async function dial(address: string): Promise<Socket> {
  const { hostname, port } = new URL(`tcp://${address}`);
  const socket = connect({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port), allowHalfOpen: true });
  socket.on('error', () => {});
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  return socket;
}

/** Everything that comes until the peer ends. */
export function allOf(socket: Socket): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.once('end', () => resolve(Buffer.concat(chunks)));
    socket.once('error', reject);
    socket.resume();
  });
}

export async function received(socket: TestObject, ...args: (string | number)[]): Promise<string | null> {
  const value = await socket.call('receive', ...args);
  return value === null ? null : textOf(value);
}

/** Waits for what must come to be; its time limit is the test's. */
export async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await what())) await new Promise((resolve) => setTimeout(resolve, 2));
}

/** Sockets and ports that are open in this process: what a test leaves behind is still among them. */
export function openHandles(): number {
  const kinds = new Set(['TCPSocketWrap', 'TCPServerWrap', 'UDPWrap', 'TLSWrap']);
  return process.getActiveResourcesInfo().filter((kind) => kinds.has(kind)).length;
}

export function infoOf(value: unknown): Readonly<Record<string, unknown>> {
  assert(value !== null && typeof value === 'object' && 'keys' in value && 'items' in value);
  const { keys, items } = value as { keys: readonly unknown[]; items: readonly unknown[] };
  return Object.fromEntries(keys.map((key, index) => [String(key), items[index]]));
}
