/**
 * TCP powers: who may connect where and listen where. Owns every connection and every port that is open in this
 * process; what is called by a handle acts under the grant of that handle and no other.
 */
import type { Socket } from 'node:net';
import { socket, tcpClient, tcpConnector, tcpListener } from '../../channels/index.ts';
import { parseAddress, powerHandle, readPowerHandle } from '../../src/capability/index.ts';
import type { PowerOf } from '../../src/capability/index.ts';
import { isPowerboxError, PowerboxError } from '../../src/errors.ts';
import { NewMap, NewObject, NewSource } from '../../src/natives/index.ts';
import type { Native, NativeAnswer, NativeCall, Source } from '../../src/natives/index.ts';
import type { Platform } from '../../src/platform/index.ts';
import type { Value } from '../../src/values/index.ts';
import { bytesOf } from '../answer.ts';
import { answering, refusalOf } from '../net/answering.ts';
import { placeToListen, readPort, requirePlace, shownPlace } from '../net/listen.ts';
import type { Place } from '../net/listen.ts';
import type { Lookup } from '../net/lookup.ts';
import { netFailure } from '../net/reason.ts';
import { notGranted, SocketTable } from '../net/table.ts';
import type { Resolver } from '../resolver.ts';
import { connect, entriesOf, optionRefused, readConnectOptions } from './connect.ts';
import { type Answer, Connection } from './connection.ts';
import { readTls, TcpGrant } from './grant.ts';
import { FRAME_HEAD_BYTES } from './inbox.ts';
import type { Wanted } from './inbox.ts';
import { Listener } from './listener.ts';

export interface TcpOptions {
  readonly platform: Platform;
  readonly lookup: Lookup;
}

const SOME: Wanted = { kind: 'some' };
const FRAME: Wanted = { kind: 'frame' };

export class TcpResolver implements Resolver<'tcp'> {
  readonly kind = 'tcp';
  readonly natives: readonly Native[];
  readonly #options: TcpOptions;
  readonly #grants = new Map<string, TcpGrant>();
  readonly #connections: SocketTable<Connection>;
  /** Open ports whose source is not durable yet, by the number in its handle. */
  readonly #unclaimed = new Map<number, Listener>();

  constructor(options: TcpOptions) {
    this.#options = options;
    this.#connections = new SocketTable(options.platform.randomness);
    this.natives = [
      { declaration: tcpClient, inline: resolveLocalPort },
      { declaration: tcpConnector, call: (call) => answering(() => this.#connect(call)) },
      {
        declaration: tcpListener,
        // One native hears for all four: they stand under the same grants.
        ended: (isBelow, why) => {
          for (const grant of this.#grants.values()) grant.ended(isBelow, why);
        },
        call: (call) => answering(() => this.#listen(call)),
        open: (source) => void this.#open(source),
      },
      {
        declaration: socket,
        call: (call) => new Promise((resolve) => this.#onSocket(call, resolve)),
        begin: (call, answer) => this.#onSocket(call, answer),
      },
    ];
  }

  async grant(id: string, power: PowerOf<'tcp'>): Promise<void> {
    const tls = await readTls(power);
    this.revoke(id);
    const removed = (connection: Connection, reason: string): void =>
      this.#connections.remove(connection.number, reason);
    this.#grants.set(id, new TcpGrant(id, power, tls, this.#options.platform, removed));
  }

  revoke(id: string): void {
    const grant = this.#grants.get(id);
    this.#grants.delete(id);
    grant?.close();
  }

  close(): void {
    for (const id of [...this.#grants.keys()]) this.revoke(id);
  }

  #grantOf(handle: Value): TcpGrant {
    const found = this.#grants.get(readPowerHandle(handle).grant);
    if (found !== undefined) return found;
    const { code, message } = notGranted();
    throw new PowerboxError(code, message);
  }

  // -------------------------------------------------------------- connections

  async #connect(call: NativeCall): Promise<NativeAnswer> {
    const grant = this.#grantOf(call.handle);
    const localPort = readPowerHandle(call.handle).rest[0] as number;
    const options = readConnectOptions(call.args[1]);
    const full = grant.room.hold();
    if (full !== null) return { error: full };
    try {
      const { platform, lookup } = this.#options;
      const take = (opened: Socket): Connection => this.#adopt(grant, call.cap ?? grant.id, opened, options.tls);
      const caller = { platform, lookup, signal: call.signal, take };
      const connection = await connect(grant, localPort, call.args[0] as string, options, caller);
      return { ok: new NewObject('socket', this.#handleOf(connection)) };
    } catch (error) {
      grant.room.release();
      throw error;
    }
  }

  #adopt(grant: TcpGrant, cap: string, opened: Socket, tls: boolean): Connection {
    const connection = new Connection(this.#connections.nextNumber(), grant, cap, opened, tls);
    this.#connections.add(connection.number, connection);
    grant.room.opened(connection);
    return connection;
  }

  #handleOf({ grant, number }: Connection): Value {
    return this.#connections.handle(grant.id, number);
  }

  #onSocket(call: NativeCall, answer: Answer): void {
    const found = this.#connections.find(call.handle);
    if (found instanceof Connection) {
      onConnection(found, call, answer);
      return;
    }
    const granted = this.#grants.has(readPowerHandle(call.handle).grant);
    answer({ error: granted ? found : notGranted() });
  }

  // -------------------------------------------------------------- ports

  async #listen(call: NativeCall): Promise<NativeAnswer> {
    if (call.method === 'close') return { ok: null, closes: call.args[0] as Value };
    const grant = this.#grantOf(call.handle);
    const [where, options] = call.args;
    const tls = readListenOptions(options, grant);
    const place = placeToListen(grant.listenRules, where);
    if (place.port === 0 && call.method === 'listen') {
      throw new PowerboxError('arguments_invalid', 'listen at port 0 would not say which port it is: use bind');
    }
    const number = this.#connections.nextNumber();
    const cap = call.cap ?? grant.id;
    const listener = await this.#openPort(grant, cap, place, tls, () => this.#unclaimed.delete(number));
    if (call.signal?.aborted === true) {
      listener.stop();
      throw new PowerboxError('cancelled', 'the call ended before the port was open');
    }
    this.#unclaimed.set(number, listener);
    const { text } = place.address;
    const handle = this.#connections.handle(grant.id, number, text, listener.port, place.port, tls);
    const source = new NewSource('tcpListener', handle);
    if (call.method === 'listen') return { ok: source };
    return {
      ok: new NewMap([
        ['connections', source],
        ['local', listener.local],
      ]),
    };
  }

  async #openPort(grant: TcpGrant, cap: string, place: Place, tls: boolean, stopped = () => {}): Promise<Listener> {
    const full = grant.room.hold();
    if (full !== null) throw new PowerboxError(full.code, full.message);
    try {
      return await Listener.open({
        grant,
        cap,
        place,
        tls,
        timers: this.#options.platform.timers,
        accept: (opened, secure) => this.#adopt(grant, cap, opened, secure),
        handleOf: (connection) => this.#handleOf(connection),
        stopped,
      });
    } catch (error) {
      grant.room.release();
      const { code, message } = netFailure(
        `${shownPlace(place.address.text, place.port)} cannot be listened at`,
        error,
      );
      throw new PowerboxError(code, message);
    }
  }

  async #open(source: Source): Promise<void> {
    try {
      (await this.#portOf(source)).attach(source);
    } catch (error) {
      // Nothing that `open` starts may throw; a bug is said to the reader too.
      const message = 'the port could not be opened';
      await source.fail(isPowerboxError(error) ? refusalOf(error) : { code: 'native_failed', message });
    }
  }

  /** The port that was opened for this source; of one of an earlier process, the same port opened again. */
  async #portOf(source: Source): Promise<Listener> {
    const number = this.#connections.numberOf(source.handle);
    const waiting = this.#connections.isOwn(source.handle) ? this.#unclaimed.get(number) : undefined;
    this.#unclaimed.delete(number);
    if (waiting !== undefined) return waiting;
    const grant = this.#grantOf(source.handle);
    const [, , text, port, asked, tls] = readPowerHandle(source.handle).rest as [
      string,
      number,
      string,
      number,
      number,
      boolean,
    ];
    const address = parseAddress(text);
    if (address === null) throw new Error('the handle of a port must hold an address');
    // The configuration may be another one than when it was opened.
    requirePlace(grant.listenRules, { address, port: asked });
    if (tls) requireServerTls(grant);
    return this.#openPort(grant, source.cap ?? grant.id, { address, port }, tls);
  }
}

function resolveLocalPort({ args, handle }: NativeCall): NativeAnswer {
  const port = readPort(args[0]);
  if (port === null) {
    const message = `${JSON.stringify(args[0])} is no port: decimal digits up to 65535, or "0" for any that is free`;
    return { error: { code: 'arguments_invalid', message } };
  }
  return { ok: new NewObject('tcpConnector', powerHandle(readPowerHandle(handle).grant, port)) };
}

function readListenOptions(value: Value | undefined, grant: TcpGrant): boolean {
  let tls = false;
  for (const [key, item] of entriesOf(value)) {
    if (key !== 'tls' || typeof item !== 'boolean') throw optionRefused(key, '"tls" (a boolean)');
    tls = item;
  }
  if (tls) requireServerTls(grant);
  return tls;
}

function requireServerTls(grant: TcpGrant): void {
  if (grant.tls.server !== null) return;
  throw new PowerboxError('not_available', 'this grant has no certificate for connections from outside (serverTls)');
}

function onConnection(connection: Connection, call: NativeCall, answer: Answer): void {
  const { method, args } = call;
  switch (method) {
    case 'send':
      connection.send(bytesOf(args[0]), call, answer);
      return;
    case 'sendFrame':
      connection.send(framed(bytesOf(args[0])), call, answer);
      return;
    case 'receive':
      connection.receive(call.form === 0 ? SOME : exactly(args[0]), call, answer);
      return;
    case 'receiveUntil':
      connection.receive(until(args[0]), call, answer);
      return;
    case 'receiveFrame':
      connection.receive(FRAME, call, answer);
      return;
    case 'exchange':
      connection.exchange(bytesOf(args[0]), call.form === 0 ? SOME : exactly(args[1]), call, answer);
      return;
    case 'exchangeUntil':
      connection.exchange(bytesOf(args[0]), until(args[1]), call, answer);
      return;
    case 'exchangeFrame':
      connection.exchange(framed(bytesOf(args[0])), FRAME, call, answer);
      return;
    case 'end':
      connection.end(answer);
      return;
    case 'close':
      connection.close();
      answer({ ok: null });
      return;
    case 'info':
      answer({ ok: connection.info() });
      return;
    default:
      throw new Error(`socket has no method ${method}`);
  }
}

function exactly(count: Value | undefined): Wanted {
  return { kind: 'exactly', count: count as number };
}

function until(delimiter: Value | undefined): Wanted {
  return { kind: 'until', delimiter: bytesOf(delimiter) };
}

function framed(data: Uint8Array): Uint8Array {
  const frame = Buffer.allocUnsafe(FRAME_HEAD_BYTES + data.length);
  frame.writeUInt32BE(data.length);
  frame.set(data, FRAME_HEAD_BYTES);
  return frame;
}
