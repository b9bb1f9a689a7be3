/**
 * Opens a connection to outside: the name is looked up and judged, and one of the addresses that were judged is
 * connected to. Owns the system socket until it is open; then it belongs to whom it was opened for. Must never
 * leave one behind, on whatever path it ends.
 */
import { connect as connectPlain } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectSecure } from 'node:tls';
import { parseEndpoint } from '../../src/capability/index.ts';
import type { Address } from '../../src/capability/index.ts';
import { PowerboxError } from '../../src/errors.ts';
import type { Platform } from '../../src/platform/index.ts';
import { Kind } from '../../src/values/index.ts';
import type { Value } from '../../src/values/index.ts';
import type { Lookup } from '../net/lookup.ts';
import { netFailure } from '../net/reason.ts';
import { takenBack } from '../net/room.ts';
import type { TcpGrant } from './grant.ts';
import { sharingMemory } from './reading.ts';

export interface ConnectOptions {
  readonly tls: boolean;
  readonly servername: string | null;
}

const CONNECT_OPTIONS = '"tls" (a boolean) and "servername" (a string)';

/** Refused with `arguments_invalid`, naming what was expected. */
export function readConnectOptions(value: Value | undefined): ConnectOptions {
  const entries = entriesOf(value);
  let tls = false;
  let servername: string | null = null;
  for (const [key, item] of entries) {
    if (key === 'tls' && typeof item === 'boolean') tls = item;
    else if (key === 'servername' && typeof item === 'string' && item !== '') servername = item;
    else throw optionRefused(key, CONNECT_OPTIONS);
  }
  if (servername !== null && !tls) {
    throw new PowerboxError('arguments_invalid', 'a servername is for encrypted connections: add "tls": true');
  }
  return { tls, servername };
}

export function optionRefused(key: Value, known: string): PowerboxError {
  const shown = typeof key === 'string' ? JSON.stringify(key.slice(0, 40)) : 'one of them';
  return new PowerboxError('arguments_invalid', `the options are ${known}; ${shown} is not, or has another type`);
}

export function entriesOf(value: Value | undefined): readonly (readonly [Value, Value])[] {
  if (value === undefined || value === null || typeof value !== 'object' || value.kind !== Kind.Map) return [];
  return value.keys.map((key, index) => [key, value.items[index] as Value]);
}

export interface Caller<T> {
  readonly platform: Platform;
  readonly lookup: Lookup;
  readonly signal: AbortSignal | undefined;
  /** Takes the open socket in the same moment, so that nothing it says is missed. */
  readonly take: (socket: Socket) => T;
}

/** Refused with a coded error. The caller holds a place among the sockets of the grant. */
export async function connect<T>(
  grant: TcpGrant,
  localPort: number,
  address: string,
  options: ConnectOptions,
  caller: Caller<T>,
): Promise<T> {
  const endpoint = parseEndpoint(address);
  if (typeof endpoint === 'string') throw new PowerboxError('arguments_invalid', endpoint);
  const { host, port } = endpoint;
  if (port === 0) throw new PowerboxError('arguments_invalid', 'port 0 is no port that can be connected to');
  if (!grant.hasLocalPort(localPort))
    throw new PowerboxError('address_refused', `the local port ${localPort} is not among what was granted`);
  const { clock, timers } = caller.platform;
  const until_ms = clock.monotonic_ms() + grant.power.connect_ms_max;
  const left_ms = (): number => Math.max(1, Math.ceil(until_ms - clock.monotonic_ms()));
  const { signal } = caller;
  const addresses = await caller.lookup.checked(host, port, grant.connectRules, { signal, limit_ms: left_ms() });
  requireGranted(grant);
  let failure: unknown = null;
  for (const [index, one] of addresses.entries()) {
    // A silent address leaves time for those after it.
    const limit_ms = Math.ceil(left_ms() / (addresses.length - index));
    try {
      return await dial(grant, one, { host, port, localPort, options, limit_ms, timers }, caller);
    } catch (error) {
      failure = error;
      requireGranted(grant);
      if (signal?.aborted === true || clock.monotonic_ms() >= until_ms) break;
    }
  }
  const { code, message } = netFailure(`${address} cannot be reached`, failure);
  throw new PowerboxError(code, message);
}

function requireGranted({ room }: TcpGrant): void {
  if (!room.isClosed) return;
  const { code, message } = takenBack();
  throw new PowerboxError(code, message);
}

interface Dialled {
  readonly host: string;
  readonly port: number;
  readonly localPort: number;
  readonly options: ConnectOptions;
  readonly limit_ms: number;
  readonly timers: Platform['timers'];
}

function dial<T>(grant: TcpGrant, address: Address, dialled: Dialled, { signal, take }: Caller<T>): Promise<T> {
  const { options, limit_ms, timers } = dialled;
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(new PowerboxError('cancelled', 'the call ended before the connection was open'));
      return;
    }
    const socket = openSocket(grant, address, dialled);
    const settled = (): void => {
      timer.cancel();
      signal?.removeEventListener('abort', cancel);
      opened();
      socket.off('error', failed);
      socket.off('close', closed);
    };
    const failed = (error: unknown): void => {
      settled();
      // What it still says on its way out is heard by nobody, and must not be uncaught.
      socket.on('error', () => {});
      socket.destroy();
      reject(error);
    };
    const closed = (): void => failed(new PowerboxError('net_failed', `${dialled.host} cannot be reached: closed`));
    const cancel = (): void => failed(new PowerboxError('cancelled', 'the call ended before the connection was open'));
    const timer = timers.after(limit_ms, () =>
      failed(new PowerboxError('timed_out', `no connection to ${dialled.host}:${dialled.port} within ${limit_ms} ms`)),
    );
    signal?.addEventListener('abort', cancel, { once: true });
    const opened = grant.opening(cancel);
    socket.once('error', failed);
    socket.once('close', closed);
    socket.once(options.tls ? 'secureConnect' : 'connect', () => {
      settled();
      resolve(take(socket));
    });
  });
}

function openSocket(grant: TcpGrant, address: Address, { host, port, localPort, options }: Dialled): Socket {
  const where = {
    host: address.text,
    port,
    family: address.family,
    allowHalfOpen: true,
    ...(localPort === 0 ? {} : { localPort }),
  };
  if (!options.tls) return sharingMemory((onread) => connectPlain({ ...where, onread }));
  const name = grant.power.tls.servername ?? options.servername ?? (host === address.text ? null : host);
  return connectSecure({
    ...where,
    secureContext: grant.tls.client,
    rejectUnauthorized: true,
    ...(name === null ? {} : { servername: name }),
  });
}
