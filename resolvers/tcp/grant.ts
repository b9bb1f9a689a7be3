/**
 * One TCP power given to one holder: its rules, its rates, and what is open under it. Owns what is being opened and
 * the ports; the connections are in its room.
 */
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { SecureContext, SecureContextOptions } from 'node:tls';
import { endpointRules, hasPort, parsePorts } from '../../src/capability/index.ts';
import type { AddressRules, PortRange, PowerOf } from '../../src/capability/index.ts';
import { PowerboxError } from '../../src/errors.ts';
import type { NativeError } from '../../src/natives/index.ts';
import type { Platform } from '../../src/platform/index.ts';
import { Bucket } from '../net/bucket.ts';
import { SocketRoom } from '../net/room.ts';
import type { Connection } from './connection.ts';
import type { Listener } from './listener.ts';

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
  readonly room: SocketRoom<Connection>;
  readonly #localPorts: readonly PortRange[];
  readonly #removed: (connection: Connection, reason: string) => void;
  readonly #listeners = new Set<Listener>();
  /** Ends what is being opened; a signal would warn when it has more than a few listeners. */
  readonly #opening = new Set<() => void>();

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
    this.room = new SocketRoom(platform, power);
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

  /** `end` is called when the grant is taken back before the opening is over. Returns what says that it is. */
  opening(end: () => void): () => void {
    this.#opening.add(end);
    return () => this.#opening.delete(end);
  }

  hasLocalPort(port: number): boolean {
    return hasPort(this.#localPorts, port);
  }

  // -------------------------------------------------------------- what is open

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
    if (this.#listeners.delete(listener)) this.room.release();
  }

  /** A capability has ended: connections that were opened by it end, and ports that nobody has been told of. */
  ended(isBelow: (cap: string) => boolean, error: NativeError): void {
    for (const listener of [...this.#listeners]) if (isBelow(listener.cap)) listener.stop();
    this.room.ended(isBelow, error);
  }

  /** Everything under it ends now. */
  close(): void {
    for (const listener of [...this.#listeners]) listener.stop();
    this.room.close();
    for (const end of [...this.#opening]) end();
    this.incoming?.close();
    this.outgoing?.close();
  }

  #letGo(connection: Connection): void {
    if (connection.gone && connection.left) this.room.left(connection);
  }
}
