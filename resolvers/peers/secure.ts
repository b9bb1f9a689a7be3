/**
 * Encrypted connections between nodes: TLS 1.2 with a key that both have already, so that each proves to the other
 * who it is and nobody needs a certificate. Owns the listening socket and connections until their handshake is
 * over. Must never hand over a connection whose other end has not proved its name.
 */
import { constants } from 'node:crypto';
import type { Socket } from 'node:net';
import { connect, createServer, type Server, type TLSSocket } from 'node:tls';
import type { Endpoint } from '../../src/capability/index.ts';
import { PowerboxError } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';
import { type Cancellable, patiently, type Timers } from '../../src/platform/index.ts';

/** With forward secrecy: a secret that leaks later opens nothing that was recorded. TLS 1.3 has no such handshake in Node. */
const PROTOCOL = {
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.2',
  ciphers: 'ECDHE-PSK-CHACHA20-POLY1305',
  // A resumed session would prove nothing of who speaks; a second handshake would only cost.
  secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
} as const;

/** The library's own limit counts from when it last looked, so that a standstill would be the stranger's. The longest there is. */
const NEVER_MS = 2 ** 31 - 1;

export interface ListenOptions {
  readonly endpoint: Endpoint;
  readonly timers: Timers;
  /** The key of an identity, or null for one that is not known. */
  readonly keyOf: (identity: string) => Uint8Array | null;
  /** A connection whose other end has proved that it has the key of this identity; who takes it closes it. */
  readonly onConnection: (socket: TLSSocket, identity: string) => void;
  /** Somebody was not let in; the identity as it was claimed. */
  readonly onRefused: (claimed: string | null, reason: string) => void;
}

export interface Listener {
  close(): Promise<void>;
}

/** Rejects with `config_invalid` when this machine does not give the address. */
export async function listen({ endpoint, timers, keyOf, onConnection, onRefused }: ListenOptions): Promise<Listener> {
  const claims = new WeakMap<TLSSocket, string>();
  /** Handshakes under way, by their other end. */
  const underWay = new Map<string, Handshake>();
  const raw = new Set<Socket>();
  /** Of them, with the handshake behind them. */
  let secured = 0;
  const server: Server = createServer({
    ...PROTOCOL,
    handshakeTimeout: NEVER_MS,
    pskCallback: (socket, identity) => {
      claims.set(socket, identity);
      const handshake = underWay.get(endOf(socket));
      if (handshake !== undefined) handshake.claimed = identity;
      return keyOf(identity);
    },
  });
  server.on('connection', (socket: Socket) => {
    raw.add(socket);
    const end = endOf(socket);
    const handshake: Handshake = {
      claimed: null,
      timer: patiently(timers, limits.peer_handshake_ms, () => {
        onRefused(handshake.claimed, 'the handshake was not ended in time');
        socket.destroy();
      }),
    };
    underWay.set(end, handshake);
    socket.on('close', () => {
      raw.delete(socket);
      handshake.timer.cancel();
      if (underWay.get(end) === handshake) underWay.delete(end);
    });
    // Whoever opens connections and says nothing shuts out new strangers, not who is connected.
    if (raw.size - secured > limits.peer_handshakes_max) socket.destroy();
  });
  server.on('secureConnection', (socket) => {
    secured++;
    socket.on('close', () => secured--);
    underWay.get(endOf(socket))?.timer.cancel();
    const identity = claims.get(socket);
    if (identity === undefined || socket.isSessionReused()) {
      socket.destroy();
      return;
    }
    // Words are short and each is waited for.
    socket.setNoDelay(true);
    onConnection(socket, identity);
  });
  server.on('tlsClientError', (error, socket) => {
    if (!hasLeft(error)) onRefused(claims.get(socket) ?? null, reasonOf(error));
    socket.destroy();
  });
  await new Promise<void>((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void =>
      reject(
        new PowerboxError(
          'config_invalid',
          `peers.listen: ${endpoint.host}:${endpoint.port} cannot be listened at (${error.code ?? 'unknown'})`,
          { hint: 'Another program may listen there, or the address is not of this machine.', cause: error },
        ),
      );
    server.once('error', failed);
    server.listen(endpoint.port, endpoint.host, () => {
      server.off('error', failed);
      // Running out of descriptors is told by who cannot connect; nothing here may throw.
      server.on('error', () => {});
      resolve();
    });
  });
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of raw) socket.destroy();
      }),
  };
}

interface Handshake {
  /** The identity, as it was claimed. */
  claimed: string | null;
  readonly timer: Cancellable;
}

/** One connection of a listener has it, and no other as long as that stands. */
function endOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

export interface DialOptions {
  readonly endpoint: Endpoint;
  readonly identity: string;
  readonly key: Uint8Array;
  readonly timers: Timers;
  readonly signal: AbortSignal;
}

/** How a try to connect ended, when it did not: nobody there, or somebody who does not let this node in. */
export interface DialFailure {
  readonly kind: 'unreachable' | 'refused';
  readonly reason: string;
}

/** A connection whose other end has proved that it has the key; who gets it closes it. Never rejects. */
export function dial({ endpoint, identity, key, timers, signal }: DialOptions): Promise<TLSSocket | DialFailure> {
  return new Promise((resolve) => {
    const socket = connect({
      ...PROTOCOL,
      host: endpoint.host,
      port: endpoint.port,
      // The key proves who it is; there is no certificate whose name could be looked at.
      checkServerIdentity: () => undefined,
      pskCallback: () => ({ psk: key, identity }),
    });
    let timer: Cancellable | null = null;
    const settle = (result: TLSSocket | DialFailure): void => {
      timer?.cancel();
      signal.removeEventListener('abort', cancel);
      socket.off('secureConnect', connected);
      socket.off('error', failed);
      socket.off('close', closed);
      if (result !== socket) {
        socket.on('error', () => {});
        socket.destroy();
      }
      resolve(result);
    };
    const connected = (): void => {
      socket.setNoDelay(true);
      settle(socket);
    };
    const failed = (error: NodeJS.ErrnoException): void => {
      const isTls = (error.code ?? '').startsWith('ERR_SSL') || (error.code ?? '').startsWith('ERR_TLS');
      settle({ kind: isTls ? 'refused' : 'unreachable', reason: reasonOf(error) });
    };
    const closed = (): void => settle({ kind: 'unreachable', reason: 'connection closed' });
    const cancel = (): void => settle({ kind: 'unreachable', reason: 'cancelled' });
    timer = patiently(timers, limits.peer_handshake_ms, () =>
      settle({ kind: 'unreachable', reason: `no handshake within ${limits.peer_handshake_ms} ms` }),
    );
    socket.on('secureConnect', connected);
    socket.on('error', failed);
    socket.on('close', closed);
    if (signal.aborted) cancel();
    else signal.addEventListener('abort', cancel, { once: true });
  });
}

/** Nobody was refused: the other end went away before its handshake was over, as a process does that is killed. */
function hasLeft(error: NodeJS.ErrnoException): boolean {
  return error.code === 'ECONNRESET' || error.code === 'EPIPE';
}

/** Words for people; the library's own texts hold addresses in memory and paths of its source. */
function reasonOf(error: Error): string {
  const code = 'code' in error ? String(error.code) : '';
  const words = REASONS.find(([part]) => code.includes(part));
  return words === undefined ? code.toLowerCase().replaceAll('_', ' ') || 'failed' : words[1];
}

const REASONS: readonly (readonly [string, string])[] = [
  ['BAD_RECORD_MAC', 'the secrets of the two nodes differ'],
  ['DECRYPT', 'the secrets of the two nodes differ'],
  ['PSK_IDENTITY', 'the node is not known there'],
  ['WRONG_VERSION', 'what came is no handshake'],
  ['NO_SHARED_CIPHER', 'no way of encryption in common'],
  ['HANDSHAKE_FAILURE', 'no way of encryption in common'],
];
