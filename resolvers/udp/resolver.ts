/**
 * UDP powers: who may bind where, and send where. Owns every socket that is bound in this process; what is called by
 * a handle acts under the grant of that handle and no other.
 */
import { udp, udpSocket } from '../../channels/index.ts';
import { parseAddress, parseEndpoint, readPowerHandle } from '../../src/capability/index.ts';
import type { Address, PowerOf } from '../../src/capability/index.ts';
import { PowerboxError } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';
import { NewObject, NewSource } from '../../src/natives/index.ts';
import type { Native, NativeAnswer, NativeCall, NativeError, Source } from '../../src/natives/index.ts';
import type { Platform } from '../../src/platform/index.ts';
import type { Value } from '../../src/values/index.ts';
import { bytesOf } from '../answer.ts';
import { answering } from '../net/answering.ts';
import { placeToListen, shownPlace } from '../net/listen.ts';
import type { Lookup } from '../net/lookup.ts';
import { netFailure } from '../net/reason.ts';
import { notGranted, SocketTable } from '../net/table.ts';
import type { Resolver } from '../resolver.ts';
import { UdpGrant } from './grant.ts';
import { UdpSocket } from './socket.ts';

export interface UdpOptions {
  readonly platform: Platform;
  readonly lookup: Lookup;
}

export class UdpResolver implements Resolver<'udp'> {
  readonly kind = 'udp';
  readonly natives: readonly Native[];
  readonly #options: UdpOptions;
  readonly #grants = new Map<string, UdpGrant>();
  readonly #sockets: SocketTable<UdpSocket>;

  constructor(options: UdpOptions) {
    this.#options = options;
    this.#sockets = new SocketTable(options.platform.randomness);
    this.natives = [
      { declaration: udp, call: (call) => answering(() => this.#bind(call)) },
      {
        declaration: udpSocket,
        call: (call) => answering(() => this.#onSocket(call)),
        open: (source) => this.#open(source),
        ended: (isBelow, why) => {
          for (const grant of this.#grants.values()) grant.room.ended(isBelow, why);
        },
      },
    ];
  }

  grant(id: string, power: PowerOf<'udp'>): void {
    this.revoke(id);
    this.#grants.set(id, new UdpGrant(id, power, this.#options.platform));
  }

  revoke(id: string): void {
    const grant = this.#grants.get(id);
    this.#grants.delete(id);
    grant?.close();
  }

  close(): void {
    for (const id of [...this.#grants.keys()]) this.revoke(id);
  }

  async #bind(call: NativeCall): Promise<NativeAnswer> {
    const grant = this.#grants.get(readPowerHandle(call.handle).grant);
    if (grant === undefined) return { error: notGranted() };
    const place = placeToListen(grant.bindRules, call.args[0]);
    const full = grant.room.hold();
    if (full !== null) return { error: full };
    const number = this.#sockets.nextNumber();
    try {
      const socket = await UdpSocket.open(number, grant, call.cap ?? grant.id, place, (one, reason) =>
        this.#sockets.remove(one.number, reason),
      );
      this.#sockets.add(number, socket);
      if (call.signal?.aborted === true) {
        const error: NativeError = { code: 'cancelled', message: 'the call ended before the port was bound' };
        socket.kill(error);
        return { error };
      }
      return { ok: new NewObject('udpSocket', this.#sockets.handle(grant.id, number)) };
    } catch (error) {
      grant.room.release();
      return { error: netFailure(`${shownPlace(place.address.text, place.port)} cannot be bound`, error) };
    }
  }

  async #onSocket(call: NativeCall): Promise<NativeAnswer> {
    const socket = this.#sockets.find(call.handle);
    if (!(socket instanceof UdpSocket)) {
      const granted = this.#grants.has(readPowerHandle(call.handle).grant);
      return { error: granted ? socket : notGranted() };
    }
    socket.called();
    const signal = (): AbortSignal | undefined => call.signal;
    switch (call.method) {
      case 'send':
        return this.#send(socket, call);
      case 'receive':
        return socket.receive(signal);
      case 'messages':
        return this.#messages(socket);
      case 'join':
        return onGroup(socket, call, (group, at) => socket.join(group, at));
      case 'leave':
        return onGroup(socket, call, (group, at) => socket.leave(group, at));
      case 'close':
        socket.close();
        return { ok: null };
      case 'info':
        return { ok: socket.info() };
      default:
        throw new Error(`udpSocket has no method ${call.method}`);
    }
  }

  async #send(socket: UdpSocket, call: NativeCall): Promise<NativeAnswer> {
    const data = bytesOf(call.args[1]);
    if (data.length > limits.datagram_bytes_max) {
      const message = `a datagram holds at most ${limits.datagram_bytes_max} bytes; this one would have ${data.length}`;
      return { error: { code: 'value_too_large', message } };
    }
    const endpoint = parseEndpoint(call.args[0] as string);
    if (typeof endpoint === 'string') throw new PowerboxError('arguments_invalid', endpoint);
    const { host, port } = endpoint;
    if (port === 0) throw new PowerboxError('arguments_invalid', 'port 0 is no port that can be sent to');
    const signal = (): AbortSignal | undefined => call.signal;
    // An address needs no question and no signal.
    const addresses = await this.#options.lookup.checked(host, port, socket.grant.sendRules, {
      signal: endpoint.address === null ? call.signal : undefined,
      limit_ms: limits.connect_ms_default,
    });
    const address = addresses.find(({ family }) => family === socket.family);
    if (address === undefined) {
      const message = `${host} has no IPv${socket.family} address, and the socket is bound to one`;
      return { error: { code: 'net_failed', message: `${message}: no_address` } };
    }
    return socket.send(address, port, data, signal);
  }

  #messages(socket: UdpSocket): NativeAnswer {
    const error = socket.announcing();
    if (error !== null) return { error };
    const handle = this.#sockets.handle(socket.grant.id, socket.number, 'messages');
    return { ok: new NewSource('udpSocket', handle, { unread_max: socket.grant.power.unread_max }) };
  }

  #open(source: Source): void {
    const socket = this.#sockets.find(source.handle);
    if (socket instanceof UdpSocket) socket.attach(source);
    else void source.fail(socket);
  }
}

function onGroup(
  socket: UdpSocket,
  { args }: NativeCall,
  act: (group: Address, at: Address | null) => NativeAnswer,
): NativeAnswer {
  const group = addressOf(args[0]);
  if (group.kind !== 'multicast')
    throw new PowerboxError('arguments_invalid', `${group.text} is no address of a group (224.0.0.0/4 or ff00::/8)`);
  if (!socket.grant.mayJoin(group))
    throw new PowerboxError('address_refused', `the group ${group.text} is not among what was granted`);
  const at = args[1] === undefined ? null : addressOf(args[1]);
  if (at !== null && !socket.isAt(at))
    throw new PowerboxError(
      'address_refused',
      `the socket is not bound at ${at.text}, so it cannot join a group there`,
    );
  return act(group, at);
}

function addressOf(value: Value | undefined): Address {
  const address = parseAddress(String(value));
  if (address !== null) return address;
  throw new PowerboxError('arguments_invalid', `${JSON.stringify(value)} is no address: four decimal numbers, or IPv6`);
}
