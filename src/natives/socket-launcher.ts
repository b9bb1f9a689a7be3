/**
 * A host behind a URL: one WebSocket, one message a frame, authenticated by a signed token. An adapter of sockets; its
 * tests have real ones. Must never speak in the clear beyond this machine.
 */
import { readFileSync } from 'node:fs';
import { SignJWT } from 'jose';
import { WebSocket } from 'ws';
import type { Clock, Timers } from '../platform/index.ts';
import type { Launcher, Link, LinkEvents } from './link.ts';

/** What a token of a node says that it is for. */
export const HOST_AUDIENCE = 'powerbox-host';
export const HOST_SUBPROTOCOL = 'powerbox-host.1';

export interface SocketOptions {
  readonly url: string;
  readonly native: string;
  /** Signs a token for each connection, or is one. */
  readonly secret: { readonly key: () => string } | { readonly token: () => string };
  /** File of the certificates that are trusted; null: those of the system. */
  readonly ca: string | null;
  readonly message_bytes_max: number;
  /** Milliseconds after which a connection that is not open yet is given up. */
  readonly start_ms_max: number;
  readonly clock: Clock;
  readonly timers: Timers;
}

export class SocketLauncher implements Launcher {
  readonly form = 'url';
  readonly #options: SocketOptions;
  #socket: WebSocket | null = null;
  #closed: Promise<void> = Promise.resolve();

  constructor(options: SocketOptions) {
    this.#options = options;
  }

  async launch(events: LinkEvents): Promise<Link> {
    await this.#closed;
    const { url, ca, message_bytes_max, start_ms_max } = this.#options;
    const token = await this.#token();
    const socket = new WebSocket(url, [HOST_SUBPROTOCOL], {
      headers: { authorization: `Bearer ${token}` },
      // What is too large is answered for, as far as its size can be borne; beyond, the connection ends.
      maxPayload: message_bytes_max * 2 + OVERSIZE_BYTES,
      perMessageDeflate: false,
      handshakeTimeout: start_ms_max,
      followRedirects: false,
      ...(ca === null ? {} : { ca: readFileSync(ca) }),
    });
    this.#socket = socket;
    let reason = '';
    this.#closed = new Promise((resolve) => {
      socket.on('close', (code, text) => {
        if (this.#socket === socket) this.#socket = null;
        events.ended(
          reason === ''
            ? `the connection was closed with ${code} ${text.toString('utf8').slice(0, 100)}`.trim()
            : reason,
        );
        resolve();
      });
    });
    socket.on('error', (error) => {
      reason = reasonOf(error);
    });
    socket.on('message', (data, isBinary) => {
      const bytes = data as Buffer;
      if (!isBinary) return;
      if (bytes.length <= message_bytes_max) events.arrived({ kind: 'frame', bytes });
      else events.arrived({ kind: 'oversized', start: bytes.subarray(0, 1_024), bytes: bytes.length });
    });
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('close', () => reject(new Error(reason === '' ? 'the connection was refused' : reason)));
    });
    return {
      where: url,
      dropped: 0,
      send: (bytes) => {
        if (socket.readyState === WebSocket.OPEN) socket.send(bytes);
      },
      destroy: () => socket.terminate(),
    };
  }

  async close(grace_ms: number): Promise<void> {
    const socket = this.#socket;
    if (socket === null) return;
    const late = this.#options.timers.after(grace_ms, () => socket.terminate());
    socket.close(1000);
    await this.#closed;
    late.cancel();
  }

  async #token(): Promise<string> {
    const { secret, native, clock } = this.#options;
    if ('token' in secret) return secret.token();
    const now_s = Math.floor(clock.now_ms() / 1_000);
    return new SignJWT({})
      .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
      .setSubject(native)
      .setAudience(HOST_AUDIENCE)
      .setIssuedAt(now_s)
      .setExpirationTime(now_s + TOKEN_S)
      .sign(new TextEncoder().encode(secret.key()));
  }
}

/** Seconds for which a token opens a connection: it is made for one. */
const TOKEN_S = 60;
const OVERSIZE_BYTES = 1024 * 1024;

function reasonOf(error: Error): string {
  const { code } = error as NodeJS.ErrnoException;
  const status = /Unexpected server response: (\d{3})/.exec(error.message)?.[1];
  if (status === '401' || status === '403') return `it refuses the token (${status})`;
  if (status !== undefined) return `it answers with status ${status}`;
  const fault = CERTIFICATE_FAULTS[code ?? ''];
  return fault === undefined ? `the connection failed: ${code ?? error.message}` : `its certificate ${fault} (${code})`;
}

/** What an operator can do something about, in words. */
const CERTIFICATE_FAULTS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'has expired',
  CERT_NOT_YET_VALID: 'does not hold yet',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'is signed by itself: name it as `ca` if that is meant',
  ERR_TLS_CERT_ALTNAME_INVALID: 'is for another name than that of the URL',
  SELF_SIGNED_CERT_IN_CHAIN: 'comes from an authority that is not trusted: name that as `ca` if it is meant',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'comes from an authority that is not trusted: name that as `ca` if it is meant',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'comes from an authority that is not trusted: name that as `ca` if it is meant',
};
