/**
 * One bound port: datagrams that have come and nobody took, who waits for one, and where they are announced. Owns
 * its system socket. What does not fit is dropped and counted: the system cannot be told to wait.
 */
import { createSocket } from 'node:dgram';
import type { RemoteInfo, Socket } from 'node:dgram';
import type { Address } from '../../src/capability/index.ts';
import { PowerboxError } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';
import type { NativeAnswer, NativeError, Source } from '../../src/natives/index.ts';
import type { Cancellable } from '../../src/platform/index.ts';
import { bytes as bytesValue, list, map } from '../../src/values/index.ts';
import type { Value } from '../../src/values/index.ts';
import { shownPlace } from '../net/listen.ts';
import type { Place } from '../net/listen.ts';
import { netFailure } from '../net/reason.ts';
import { takenBack } from '../net/room.ts';
import type { Occupant } from '../net/room.ts';
import type { UdpGrant } from './grant.ts';
import { Senders } from './senders.ts';

interface Datagram {
  readonly data: Uint8Array;
  readonly sender: string;
}

const DONE: NativeAnswer = { ok: null };

export class UdpSocket implements Occupant {
  readonly number: number;
  readonly grant: UdpGrant;
  readonly cap: string;
  readonly idleReason = 'nobody has called this socket, nor waited at it,';
  readonly family: 4 | 6;
  readonly #place: Place;
  readonly #socket: Socket;
  readonly #senders: Senders | null;
  readonly #removed: (socket: UdpSocket, reason: string) => void;
  #port = 0;
  readonly #unread: Datagram[] = [];
  #unread_bytes = 0;
  readonly #waiters: ((answer: NativeAnswer) => void)[] = [];
  #source: Source | null = null;
  #announcing = false;
  #failure: NativeError | null = null;
  /** When its program last called it. What strangers send keeps no port open. */
  #called_ms: number;
  /** Sends that wait for the rate of the grant. */
  readonly #waiting = new Set<() => void>();
  #received = 0;
  #sent = 0;
  #dropped = 0;

  /** The grant holds a place for it. Rejects with what the system said; then the place is still held. */
  static async open(
    number: number,
    grant: UdpGrant,
    cap: string,
    place: Place,
    removed: (socket: UdpSocket, reason: string) => void,
  ): Promise<UdpSocket> {
    const socket = new UdpSocket(number, grant, cap, place, removed);
    await socket.#bind();
    if (grant.room.isClosed) {
      socket.#socket.close();
      const { code, message } = takenBack();
      throw new PowerboxError(code, message);
    }
    grant.room.opened(socket);
    return socket;
  }

  private constructor(
    number: number,
    grant: UdpGrant,
    cap: string,
    place: Place,
    removed: (socket: UdpSocket, reason: string) => void,
  ) {
    this.number = number;
    this.grant = grant;
    this.cap = cap;
    this.#called_ms = grant.room.now_ms();
    this.family = place.address.family;
    this.#place = place;
    this.#removed = removed;
    const { reply_only, replyRatio_max } = grant.power;
    this.#senders = reply_only ? new Senders(replyRatio_max, limits.reply_senders_max) : null;
    this.#socket = createSocket({
      type: this.family === 4 ? 'udp4' : 'udp6',
      ipv6Only: this.family === 6,
      // Only addresses come here; this keeps the library from asking anybody about one.
      lookup: (address, _options, done) => done(null, address, this.family),
    });
    this.#socket.on('message', (data, from) => this.#come(data, from));
  }

  get active_ms(): number {
    const awaited = this.#source !== null || this.#waiters.length > 0 || this.#waiting.size > 0;
    return awaited ? Number.POSITIVE_INFINITY : this.#called_ms;
  }

  /** Its program calls it. */
  called(): void {
    this.#called_ms = this.grant.room.now_ms();
  }

  get local(): string {
    return shownPlace(this.#place.address.text, this.#port);
  }

  #bind(): Promise<void> {
    return new Promise((resolve, reject) => {
      const refused = (error: Error): void => {
        this.#socket.close();
        reject(error);
      };
      this.#socket.once('error', refused);
      this.#socket.bind({ address: this.#place.address.text, port: this.#place.port, exclusive: true }, () => {
        this.#socket.off('error', refused);
        this.#socket.on('error', (error) => this.kill(netFailure('the socket failed', error)));
        this.#port = this.#socket.address().port;
        resolve();
      });
    });
  }

  // -------------------------------------------------------------- receiving

  receive(signal: () => AbortSignal | undefined): Promise<NativeAnswer> {
    if (this.#source !== null) return Promise.resolve({ error: announced() });
    const first = this.#waiters.length === 0 ? this.#take() : null;
    if (first !== null) return Promise.resolve(answerOf(first));
    return new Promise((resolve) => {
      this.#waiters.push(resolve);
      signal()?.addEventListener(
        'abort',
        () => {
          const index = this.#waiters.indexOf(resolve);
          if (index < 0) return;
          this.#waiters.splice(index, 1);
          this.called();
          resolve({ error: { code: 'cancelled', message: 'the call ended before a datagram came' } });
        },
        { once: true },
      );
    });
  }

  #come(data: Buffer, from: RemoteInfo): void {
    if (this.#failure !== null) return;
    this.#received++;
    const sender = shownPlace(from.address, from.port);
    this.#senders?.came(sender, data.length);
    const datagram = { data, sender };
    const waiter = this.#waiters.shift();
    if (waiter !== undefined) {
      this.called();
      waiter(answerOf(datagram));
      return;
    }
    const { unread_max, unread_bytes_max } = this.grant.power;
    if (this.#unread.length >= unread_max || this.#unread_bytes + data.length > unread_bytes_max) {
      this.#dropped++;
      return;
    }
    this.#unread.push(datagram);
    this.#unread_bytes += data.length;
    void this.#announce();
  }

  #take(): Datagram | null {
    const first = this.#unread.shift();
    if (first === undefined) return null;
    this.#unread_bytes -= first.data.length;
    return first;
  }

  /** Null when datagrams may be announced on a channel of their own. */
  announcing(): NativeError | null {
    return this.#source === null ? null : announced();
  }

  attach(source: Source): void {
    if (this.#source !== null) {
      void source.fail(announced());
      return;
    }
    if (source.signal.aborted) return;
    this.#source = source;
    source.signal.addEventListener(
      'abort',
      () => {
        this.#source = null;
        this.called();
      },
      { once: true },
    );
    void this.#announce();
  }

  async #announce(): Promise<void> {
    const source = this.#source;
    if (source === null || this.#announcing) return;
    this.#announcing = true;
    for (let next = this.#take(); next !== null; next = this.#take()) {
      if (!(await source.push([bytesValue(next.data), next.sender]))) break;
    }
    this.#announcing = false;
  }

  // -------------------------------------------------------------- sending

  /** To an address that the rules allow. */
  send(address: Address, port: number, data: Uint8Array, signal: () => AbortSignal | undefined): Promise<NativeAnswer> {
    const target = shownPlace(address.text, port);
    const refused = this.#senders?.spend(target, data.length) ?? null;
    if (refused !== null) return Promise.resolve({ error: { code: 'address_refused', message: refused } });
    return new Promise((resolve) => {
      let waiting: Cancellable | null = null;
      const giveUp = (): void => {
        if (!this.#waiting.delete(giveUp)) return;
        waiting?.cancel();
        resolve({ error: this.#failure ?? { code: 'cancelled', message: 'the call ended before it was sent' } });
      };
      const go = (): void => {
        this.#waiting.delete(giveUp);
        this.called();
        this.#socket.send(data, port, address.text, (error) => {
          if (error === null || error === undefined) this.#sent++;
          resolve(error ? { error: netFailure(`the datagram to ${target} was not sent`, error) } : DONE);
        });
      };
      const { datagrams, bytes } = this.grant;
      this.#waiting.add(giveUp);
      waiting = datagrams.take(1, () => {
        waiting = bytes === null ? null : bytes.take(data.length, go);
        if (bytes === null) go();
      });
      if (this.#waiting.has(giveUp)) signal()?.addEventListener('abort', giveUp, { once: true });
    });
  }

  // -------------------------------------------------------------- groups

  /** Whether it is bound there: at this address, or at every one of the machine. */
  isAt({ text, family }: Address): boolean {
    const { address } = this.#place;
    return family === this.family && (address.kind === 'unspecified' || address.text === text);
  }

  /** `at`: the address of the machine at whose network the group is; null for the one the system takes. */
  join(group: Address, at: Address | null): NativeAnswer {
    return this.#onGroup(
      group,
      (own) => {
        this.#socket.addMembership(group.text, own);
        if (own !== undefined) this.#socket.setMulticastInterface(own);
      },
      at,
    );
  }

  leave(group: Address, at: Address | null): NativeAnswer {
    return this.#onGroup(group, (own) => this.#socket.dropMembership(group.text, own), at);
  }

  #onGroup(group: Address, act: (own: string | undefined) => void, at: Address | null): NativeAnswer {
    const { address } = this.#place;
    try {
      act(at?.text ?? (address.kind === 'unspecified' ? undefined : address.text));
      return DONE;
    } catch (error) {
      return { error: netFailure(`the group ${group.text}`, error) };
    }
  }

  // -------------------------------------------------------------- the end

  /** By its program. */
  close(): void {
    this.#end({ code: 'handle_closed', message: 'this socket was closed' });
    void this.#source?.push([null], { last: true });
  }

  kill(error: NativeError): void {
    if (this.#failure !== null) return;
    this.#end(error);
    void this.#source?.fail(error);
  }

  #end(error: NativeError): void {
    this.#failure = error;
    this.#unread.length = 0;
    this.#unread_bytes = 0;
    this.#socket.close();
    for (const waiter of this.#waiters.splice(0)) waiter({ error });
    for (const giveUp of [...this.#waiting]) giveUp();
    this.#removed(this, error.message);
    this.grant.room.left(this);
  }

  info(): Value {
    return map([
      ['local', this.local],
      ['received', this.#received],
      ['sent', this.#sent],
      ['unread', this.#unread.length],
      ['dropped', this.#dropped],
    ]);
  }
}

function announced(): NativeError {
  return {
    code: 'not_available',
    message: 'the datagrams of this socket arrive on the channel that `messages` answered',
  };
}

function answerOf({ data, sender }: Datagram): NativeAnswer {
  return { ok: list([bytesValue(data), sender]) };
}
