/**
 * The first module of the network's thread: opens, reads and writes the sockets that the thread of the space asks for.
 * An adapter of sockets. Owns them, and judges nothing: addresses, rates and rights are settled before it is asked.
 */
import { connect as connectPlain, createServer as createPlainServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import {
  connect as connectSecure,
  createSecureContext,
  createServer as createSecureServer,
  type TLSSocket,
} from 'node:tls';
import type { SecureContext } from 'node:tls';
import { parentPort } from 'node:worker_threads';
import { type Batch, BatchWriter, Op, readBatch } from './batch.ts';
import {
  type DialWord,
  type Ends,
  type ListenWord,
  type News,
  type Order,
  type Secured,
  secureOptions,
} from './words.ts';

/** What is behind everything that was written before, so who hears of it knows that all of that has gone. */
const NOTHING = new Uint8Array(0);
/** As much as the system hands over at once. */
const READ_BYTES = 64 * 1024;
/** One piece of memory that all plain sockets of ours are read into: what is read is copied at once. */
const memory = new Uint8Array(READ_BYTES);

const port = parentPort;
if (port === null) throw new Error('this module is for a thread');

const news = new BatchWriter<News>(
  (batch, transferred) => port.postMessage(batch, transferred),
  // Behind everything that one look at the sockets has brought.
  setImmediate,
);
const sockets = new Map<number, Held>();
const servers = new Map<number, Server>();
const contexts = new Map<number, SecureContext>();
/** Numbers of sockets that have come, odd; those that are dialled are even. */
let lastCome = -1;

/** A socket, and how much of what it said has not been taken yet. */
class Held {
  readonly number: number;
  socket: Socket;
  readonly #window_bytes: number;
  #untaken_bytes = 0;

  constructor(number: number, socket: Socket, { window_bytes }: DialWord | ListenWord) {
    this.number = number;
    this.socket = socket;
    this.#window_bytes = window_bytes;
    sockets.set(number, this);
    socket.on('error', (error) => this.#failed(error));
    socket.once('close', () => this.#closed(socket));
  }

  /** The same connection, and what it says from now on is encrypted. */
  secured(socket: TLSSocket): void {
    this.socket = socket;
    socket.on('error', (error) => this.#failed(error));
    socket.once('close', () => this.#closed(socket));
    this.read();
  }

  read(): void {
    this.socket.on('data', (chunk: Uint8Array) => this.come(chunk));
    this.heed();
  }

  heed(): void {
    this.socket.once('end', () => news.word(this.number, { kind: 'ended' }));
  }

  come(chunk: Uint8Array): void {
    news.bytes(this.number, chunk);
    this.#untaken_bytes += chunk.length;
    if (this.#untaken_bytes >= this.#window_bytes) this.socket.pause();
  }

  credit(bytes: number): void {
    const full = this.#untaken_bytes >= this.#window_bytes;
    this.#untaken_bytes -= bytes;
    if (full && this.#untaken_bytes < this.#window_bytes) this.socket.resume();
  }

  write(bytes: Uint8Array): void {
    const { socket } = this;
    // Nearly always the system takes it at once. That is seen without a callback, for each of which the stream waits a tick.
    socket.write(bytes);
    if (socket.writableLength === 0 && !socket.destroyed && socket.errored === null) {
      news.put(Op.Taken, this.number, 0);
      return;
    }
    socket.write(NOTHING, (error) => {
      if (error === undefined || error === null) news.put(Op.Taken, this.number, 0);
      else this.#failed(error);
    });
  }

  end(): void {
    this.socket.end((error?: Error | null) => {
      if (error === undefined || error === null) news.word(this.number, { kind: 'finished' });
      else this.#failed(error);
    });
  }

  closeSoon(): void {
    if (this.socket.writableLength > 0) this.socket.destroySoon();
    else this.socket.destroy();
  }

  #failed(error: unknown): void {
    news.word(this.number, { kind: 'failed', code: codeOf(error) });
  }

  #closed(socket: Socket): void {
    if (socket !== this.socket || !sockets.delete(this.number)) return;
    news.word(this.number, { kind: 'closed' });
  }
}

port.on('message', (batch: Batch<Order>) => {
  readBatch(batch, {
    bytes: (number, bytes) => sockets.get(number)?.write(bytes),
    credit: (number, count) => sockets.get(number)?.credit(count),
    taken: () => {},
    word: obey,
  });
});

function obey(number: number, order: Order): void {
  switch (order.kind) {
    case 'dial':
      dial(number, order);
      return;
    case 'listen':
      listen(number, order);
      return;
    case 'files':
      contexts.set(number, createSecureContext(secureOptions(order.files)));
      return;
    case 'forget':
      contexts.delete(number);
      return;
    case 'end':
      sockets.get(number)?.end();
      return;
    case 'closeSoon':
      sockets.get(number)?.closeSoon();
      return;
    case 'destroy':
      sockets.get(number)?.socket.destroy();
      servers.get(number)?.close();
      return;
    default: {
      const never: never = order;
      throw new Error(`nobody obeys ${JSON.stringify(never)}`);
    }
  }
}

function dial(number: number, order: DialWord): void {
  const { host, localPort, tls } = order;
  const where = {
    host,
    port: order.port,
    family: order.family,
    allowHalfOpen: true,
    ...(localPort === 0 ? {} : { localPort }),
  };
  if (tls === null) {
    const socket = connectPlain({
      ...where,
      onread: {
        buffer: memory,
        callback: (length) => {
          held.come(memory.subarray(0, length));
          return true;
        },
      },
    });
    const held = new Held(number, socket, order);
    socket.once('connect', () => {
      open(held, order.keepAlive_ms, null);
      held.heed();
    });
    return;
  }
  const context = contexts.get(tls.files);
  if (context === undefined) throw new Error('the files of a dial must be known');
  const socket = connectSecure({
    ...where,
    secureContext: context,
    rejectUnauthorized: true,
    ...(tls.servername === null ? {} : { servername: tls.servername }),
  });
  const held = new Held(number, socket, order);
  socket.once('secureConnect', () => {
    open(held, order.keepAlive_ms, securedOf(socket));
    held.read();
  });
}

function open(held: Held, keepAlive_ms: number, secured: Secured | null): void {
  prepare(held.socket, keepAlive_ms);
  news.word(held.number, { kind: 'open', ends: endsOf(held.socket), secured });
}

function prepare(socket: Socket, keepAlive_ms: number): void {
  socket.setNoDelay(true);
  if (keepAlive_ms > 0) socket.setKeepAlive(true, keepAlive_ms);
}

function listen(number: number, order: ListenWord): void {
  const server = order.tls === null ? plainServer(number, order) : secureServer(number, order, order.tls);
  servers.set(number, server);
  // A last bound for what is not counted: sockets that are being sent away, and closed.
  server.maxConnections = order.connections_max;
  server.on('error', (error) => news.word(number, { kind: 'failed', code: codeOf(error) }));
  server.once('close', () => servers.delete(number));
  server.listen({ host: order.host, port: order.port, ipv6Only: order.ipv6Only }, () => {
    const bound = server.address();
    const at = bound === null || typeof bound === 'string' ? order.port : bound.port;
    news.word(number, { kind: 'listening', port: at });
  });
}

function plainServer(number: number, order: ListenWord): Server {
  return createPlainServer({ allowHalfOpen: true }, (socket) => {
    const held = come(number, socket, order);
    prepare(socket, order.keepAlive_ms);
    held.read();
  });
}

function secureServer(number: number, order: ListenWord, tls: NonNullable<ListenWord['tls']>): Server {
  /** Handshakes under way, by their remote end. */
  const handshakes = new Map<string, Held>();
  const server = createSecureServer({
    ...secureOptions(tls.files),
    allowHalfOpen: true,
    handshakeTimeout: tls.handshake_ms_max,
    ...(tls.asksClients ? { requestCert: true, rejectUnauthorized: true } : {}),
  });
  server.on('connection', (raw: Socket) => {
    const end = remoteOf(raw);
    if (handshakes.has(end)) {
      raw.on('error', () => {});
      raw.destroy();
      return;
    }
    handshakes.set(end, come(number, raw, order));
    raw.once('close', () => handshakes.delete(end));
  });
  server.on('secureConnection', (socket) => {
    const held = handshakes.get(remoteOf(socket));
    if (held === undefined) {
      socket.on('error', () => {});
      socket.destroy();
      return;
    }
    handshakes.delete(remoteOf(socket));
    held.secured(socket);
    open(held, order.keepAlive_ms, securedOf(socket));
  });
  server.on('tlsClientError', (_error, socket) => void socket.destroy());
  return server;
}

function come(server: number, socket: Socket, order: ListenWord): Held {
  lastCome += 2;
  const held = new Held(lastCome, socket, order);
  news.word(server, { kind: 'come', socket: held.number, ends: endsOf(socket) });
  return held;
}

function endsOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): Ends {
  return { remoteAddress, remotePort, localAddress, localPort };
}

function remoteOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

function securedOf(socket: TLSSocket): Secured {
  const { servername } = socket as { servername?: string | false };
  return {
    protocol: socket.getProtocol() ?? '',
    cipher: socket.getCipher()?.name ?? '',
    servername: typeof servername === 'string' ? servername : '',
  };
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
