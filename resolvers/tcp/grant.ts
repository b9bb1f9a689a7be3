/**
 * One TCP power given to one holder: its rules, its rates, and what is open under it. Owns the count of sockets and
 * the sweep that ends idle ones; one timer for all of them, and none while nothing is open.
 */
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { SecureContext, SecureContextOptions } from 'node:tls';
import { endpointRules, hasPort, parsePorts } from '../../src/capability/index.ts';
import type { AddressRules, PortRange, PowerOf } from '../../src/capability/index.ts';
import { PowerboxError } from '../../src/errors.ts';
import type { NativeError } from '../../src/natives/index.ts';
import type { Cancellable, Platform } from '../../src/platform/index.ts';
import { Bucket } from '../net/bucket.ts';
import type { Connection } from './connection.ts';
import type { Listener } from './listener.ts';

/** Sweeps in an idle time: how much later than granted an idle connection may end. */
const SWEEPS = 4;

/** What of TLS the operator's files say; read once. */
export interface TlsContexts {
  readonly client: SecureContext;
  readonly server: SecureContextOptions | null;
  /** Clients must show a certificate. */
  readonly asksClients: boolean;
}

/** Refused with `config_invalid`, naming the file. */
export async function readTls({ tls, serverTls, name }: PowerOf<'tcp'>): Promise<TlsContexts> {
  const read = (file: string | undefined): Promise<Buffer | undefined> => readOf(name, file);
  const [ca, cert, key] = await Promise.all([read(tls.ca), read(tls.cert), read(tls.key)]);
  const [serverCert, serverKey, clientCa] = await Promise.all([
    read(serverTls?.cert),
    read(serverTls?.key),
    read(serverTls?.clientCa),
  ]);
  const server = given({ ca: clientCa, cert: serverCert, key: serverKey });
  if (serverTls !== undefined) contextOf(name, 'serverTls', server);
  return {
    client: contextOf(name, 'tls', given({ ca, cert, key })),
    server: serverTls === undefined ? null : server,
    asksClients: clientCa !== undefined,
  };
}

async function readOf(name: string, file: string | undefined): Promise<Buffer | undefined> {
  if (file === undefined) return undefined;
  try {
    return await readFile(file);
  } catch (cause) {
    throw new PowerboxError('config_invalid', `the power ${name} names the file ${file}, which cannot be read`, {
      cause,
    });
  }
}

function given(files: Record<'ca' | 'cert' | 'key', Buffer | undefined>): SecureContextOptions {
  return Object.fromEntries(Object.entries(files).filter(([, file]) => file !== undefined));
}

function contextOf(name: string, part: string, files: SecureContextOptions): SecureContext {
  try {
    return createSecureContext(files);
  } catch (cause) {
    throw new PowerboxError(
      'config_invalid',
      `the files of ${part} of the power ${name} are no certificate and key in PEM that belong together`,
      { cause },
    );
  }
}

export class TcpGrant {
  readonly id: string;
  readonly power: PowerOf<'tcp'>;
  readonly tls: TlsContexts;
  readonly connectRules: AddressRules;
  readonly listenRules: AddressRules;
  readonly incoming: Bucket | null;
  readonly outgoing: Bucket | null;
  readonly #platform: Platform;
  readonly #localPorts: readonly PortRange[];
  readonly #removed: (connection: Connection, reason: string) => void;
  readonly #connections = new Set<Connection>();
  readonly #listeners = new Set<Listener>();
  /** Sockets that are open, being opened, or not yet left by their program. */
  #held = 0;
  #sweep: Cancellable | null = null;
  /** Ends what is being opened; a signal would warn when it has more than a few listeners. */
  readonly #opening = new Set<() => void>();
  #closed = false;

  constructor(
    id: string,
    power: PowerOf<'tcp'>,
    tls: TlsContexts,
    platform: Platform,
    removed: (connection: Connection, reason: string) => void,
  ) {
    this.id = id;
    this.power = power;
    this.tls = tls;
    this.#platform = platform;
    this.#removed = removed;
    this.connectRules = endpointRules(power.connect);
    this.listenRules = endpointRules(power.listen);
    const ports = parsePorts(power.localPorts);
    if (typeof ports === 'string') throw new Error(ports);
    this.#localPorts = ports;
    const { in_bytes_per_second, out_bytes_per_second } = power;
    this.incoming = in_bytes_per_second === undefined ? null : new Bucket(platform, in_bytes_per_second);
    this.outgoing = out_bytes_per_second === undefined ? null : new Bucket(platform, out_bytes_per_second);
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** `end` is called when the grant is taken back before the opening is over. Returns what says that it is. */
  opening(end: () => void): () => void {
    this.#opening.add(end);
    return () => this.#opening.delete(end);
  }

  now_ms(): number {
    return this.#platform.clock.monotonic_ms();
  }

  hasLocalPort(port: number): boolean {
    return hasPort(this.#localPorts, port);
  }

  /** Room for one more socket; whoever gets it gives it back with `release`, or lends it to a connection. */
  hold(): NativeError | null {
    if (this.#closed) return takenBack();
    if (this.#held >= this.power.sockets_max) {
      const message = `${this.#held} sockets are open under this grant, and it has room for ${this.power.sockets_max}`;
      return { code: 'quota_exceeded', message };
    }
    this.#held++;
    return null;
  }

  release(): void {
    this.#held--;
  }

  // -------------------------------------------------------------- what is open

  /** Takes over what was held for it. */
  opened(connection: Connection): void {
    this.#connections.add(connection);
    this.#arm();
  }

  closed(connection: Connection): void {
    this.#letGo(connection);
  }

  left(connection: Connection, reason: string): void {
    this.#removed(connection, reason);
    this.#letGo(connection);
  }

  listening(listener: Listener): void {
    this.#listeners.add(listener);
  }

  stopped(listener: Listener): void {
    if (this.#listeners.delete(listener)) this.release();
  }

  /** Everything under it ends now. */
  close(): void {
    this.#closed = true;
    for (const end of [...this.#opening]) end();
    const error = takenBack();
    for (const listener of [...this.#listeners]) listener.stop();
    for (const connection of [...this.#connections]) connection.kill(error);
    this.incoming?.close();
    this.outgoing?.close();
    this.#disarm();
  }

  #letGo(connection: Connection): void {
    if (!connection.gone || !connection.left || !this.#connections.delete(connection)) return;
    this.release();
    if (this.#connections.size === 0) this.#disarm();
  }

  // -------------------------------------------------------------- idle ones

  #arm(): void {
    if (this.#closed) return;
    const period_ms = Math.ceil(this.power.idle_ms_max / SWEEPS);
    this.#sweep ??= this.#platform.timers.after(period_ms, () => {
      this.#sweep = null;
      this.#endIdle();
      if (this.#connections.size > 0) this.#arm();
    });
  }

  #disarm(): void {
    this.#sweep?.cancel();
    this.#sweep = null;
  }

  #endIdle(): void {
    const { idle_ms_max } = this.power;
    const before_ms = this.now_ms() - idle_ms_max;
    for (const connection of [...this.#connections]) {
      if (connection.active_ms > before_ms) continue;
      connection.kill({
        code: 'handle_closed',
        message: `nothing came or went on this connection for ${idle_ms_max} ms, and its grant ends it then`,
      });
    }
  }
}

/** What was opened under a grant, or is being opened, when it is taken back. */
export function takenBack(): NativeError {
  return { code: 'not_available', message: 'the grant of this connection was taken back' };
}
