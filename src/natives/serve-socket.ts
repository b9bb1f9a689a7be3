/**
 * Serves a host at a port: each node that comes with a token which was signed with the key of this host has a session
 * of its own. An adapter of sockets. Must never answer anything to who has no such token.
 */
import { createServer as createPlain } from 'node:http';
import { createServer as createSecure } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { jwtVerify } from 'jose';
import { WebSocketServer } from 'ws';
import { PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import { type HostDefinition, HostSession } from './serve.ts';
import { HOST_AUDIENCE, HOST_SUBPROTOCOL } from './socket-launcher.ts';

export interface HostListenOptions {
  /** Default: of this machine alone. */
  readonly host?: string;
  /** Default: any that is free. */
  readonly port?: number;
  /** Known to this host and to the nodes that may call it: 32 bytes or more. */
  readonly key: string;
  /** PEM texts; without them only this machine is served. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

export interface HostListening {
  readonly url: string;
  close(): Promise<void>;
}

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|::1)$/;
const KEY_BYTES_MIN = 32;

export async function listenHost(definition: HostDefinition, options: HostListenOptions): Promise<HostListening> {
  const { host = '127.0.0.1', port = 0, key, tls } = options;
  const secret = new TextEncoder().encode(key);
  if (secret.length < KEY_BYTES_MIN)
    throw new PowerboxError(
      'config_invalid',
      `the key of a host has ${KEY_BYTES_MIN} bytes or more, this one has ${secret.length}`,
    );
  if (tls === undefined && !LOOPBACK.test(host))
    throw new PowerboxError('config_invalid', `${host} is not this machine, so a certificate is needed: give tls`);
  const sessions = new Set<HostSession>();
  const broadcast = {
    log: (...said: Parameters<HostSession['control']['log']>) => {
      for (const session of sessions) session.control.log(...said);
    },
    requestShutdown: (reason: string) => {
      for (const session of sessions) session.control.requestShutdown(reason);
    },
  };
  await definition.start?.(broadcast);
  const server = tls === undefined ? createPlain(refuse) : createSecure({ ...tls, minVersion: 'TLSv1.2' }, refuse);
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: limits.host_message_bytes_max,
    perMessageDeflate: false,
    handleProtocols: (offered) => (offered.has(HOST_SUBPROTOCOL) ? HOST_SUBPROTOCOL : false),
  });
  /** Those whose token is being looked at. */
  const judged = new Set<Duplex>();
  let isClosing = false;
  server.on('upgrade', (request, socket, head) => {
    // Who goes away meanwhile has asked for nothing; nobody else hears of it now.
    const gone = (): void => void socket.destroy();
    socket.on('error', gone);
    judged.add(socket);
    socket.once('close', () => judged.delete(socket));
    const [scheme, token] = (request.headers.authorization ?? '').split(' ');
    const verified =
      scheme === 'Bearer' && token !== undefined && sessions.size < limits.host_sessions_max
        ? jwtVerify(token, secret, { algorithms: ['HS256'], audience: HOST_AUDIENCE, clockTolerance: 5 })
        : Promise.reject(new Error('no token'));
    verified.then(
      ({ payload }) => {
        judged.delete(socket);
        if (isClosing || socket.destroyed) {
          socket.destroy();
          return;
        }
        sockets.handleUpgrade(request, socket, head, (accepted) => {
          socket.off('error', gone);
          const session = new HostSession(definition, {
            send: (bytes) => accepted.send(bytes),
            dropped: () => 0,
            memory_bytes: () => process.memoryUsage.rss(),
            // It goes on for the others; this node has left.
            onStop: () => accepted.close(1000),
            onRefused: () => accepted.close(1008),
            native: payload.sub ?? null,
          });
          sessions.add(session);
          accepted.on('message', (data, isBinary) => {
            if (isBinary) session.arrived({ kind: 'frame', bytes: data as Buffer });
          });
          accepted.on('error', () => {});
          accepted.on('close', () => {
            sessions.delete(session);
            session.end();
          });
        });
      },
      () => socket.end('HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 0\r\n\r\n'),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const { port: bound } = server.address() as AddressInfo;
  const name = host.includes(':') ? `[${host}]` : host;
  return {
    url: `${tls === undefined ? 'ws' : 'wss'}://${name}:${bound}/`,
    async close() {
      isClosing = true;
      for (const client of sockets.clients) client.terminate();
      for (const socket of judged) socket.destroy();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
      await definition.close?.();
    },
  };
}

/** There is nothing here for who does not upgrade. */
function refuse(_: unknown, response: { writeHead(status: number): { end(): unknown } }): void {
  response.writeHead(404).end();
}
