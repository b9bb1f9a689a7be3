/**
 * Connections, kept for whoever may reach the same origin at the same address with the same trust. Owns every socket
 * of this kind of power: each goes to an address that was judged, never to a name, and none outlives `close`.
 */
import type { Socket } from 'node:net';
import { Client, Pool, buildConnector } from 'undici';
import type { Dispatcher } from 'undici';
import type { HttpUrl, Address } from '../../src/capability/index.ts';
import { PowerboxError } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';
import { SocketLine } from './line.ts';
import type { LineRequest } from './line.ts';

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

/** A pool that stands, for whoever was given it: to be asked for again when it is closed. */
export class Pooled {
  readonly pool: Pool;
  /** When it was asked for last, by the count of all askings. */
  used = 0;
  isClosed = false;

  constructor(pool: Pool) {
    this.pool = pool;
  }
}

export class Pools {
  /** By origin, address and settings. */
  readonly #pools = new Map<string, Pooled>();
  readonly #sockets = new Set<Socket>();
  #asked = 0;

  /** Refused with `rate_limited` when there are too many in use. */
  to(target: Target): Pooled {
    const { url, address, trust, connect_ms_max } = target;
    const key = `${url.origin} ${address.text} ${connect_ms_max} ${trust.key}`;
    let pooled = this.#pools.get(key);
    if (pooled === undefined) {
      if (this.#pools.size >= limits.http_pools_max) this.#makeRoom();
      pooled = new Pooled(this.#open(target));
      this.#pools.set(key, pooled);
    }
    pooled.used = ++this.#asked;
    return pooled;
  }

  /** Whether it can be used again, as it is now. */
  isOpen(pooled: Pooled): boolean {
    pooled.used = ++this.#asked;
    return !pooled.isClosed;
  }

  async close(): Promise<void> {
    const pools = [...this.#pools.values()];
    this.#pools.clear();
    const gone = new PowerboxError('space_closed', 'the space closes');
    await Promise.all(
      pools.map((pooled) => {
        pooled.isClosed = true;
        return pooled.pool.destroy(gone);
      }),
    );
    // Those that are still connecting belong to no client yet.
    for (const socket of this.#sockets) socket.destroy();
  }

  /** The one longest unused goes. */
  #makeRoom(): void {
    let oldest: readonly [key: string, pooled: Pooled] | null = null;
    for (const entry of this.#pools) {
      if ((oldest === null || entry[1].used < oldest[1].used) && entry[1].pool.stats.size === 0) oldest = entry;
    }
    if (oldest === null)
      throw new PowerboxError('rate_limited', `${limits.http_pools_max} origins are in use at once already`);
    const [key, pooled] = oldest;
    this.#pools.delete(key);
    pooled.isClosed = true;
    // Nothing is under way: it only closes its idle connections.
    void pooled.pool.close();
  }

  #open({ url, address, trust, connect_ms_max }: Target): Pool {
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
    const connect =
      (line: SocketLine): buildConnector.connector =>
      (options, callback) => {
        const { servername: _, ...rest } = options;
        const place = { ...rest, hostname: address.text, ...(servername === undefined ? {} : { servername }) };
        // The connector gives the socket back, as its types do not say.
        const socket = connector(place, callback) as unknown as Socket;
        line.attach(socket);
        this.#sockets.add(socket);
        socket.once('close', () => this.#sockets.delete(socket));
      };
    return new Pool(url.origin, {
      connections: limits.http_connections_max,
      pipelining: 1,
      keepAliveMaxTimeout: limits.http_keep_alive_ms_max,
      maxHeaderSize: limits.http_headers_bytes_max,
      // The time of each exchange is watched by the exchange itself.
      headersTimeout: 0,
      bodyTimeout: 0,
      factory: (origin, options: Client.Options) => {
        const line = new SocketLine();
        return new LineClient(line, origin, { ...options, connect: connect(line) });
      },
    });
  }
}

/** One connection after the other, and one request at a time on each, which is told its line. */
class LineClient extends Client {
  readonly #line: SocketLine;

  constructor(line: SocketLine, origin: URL, options: Client.Options) {
    super(origin, options);
    this.#line = line;
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    (options as LineRequest).exchange.line = this.#line;
    return super.dispatch(options, handler);
  }
}
