/**
 * One connection: what has come and was not received, who waits to receive, what is on its way out. Owns its
 * system socket from the moment it is made, and ends it on every path. Must never hold more than its bound: what
 * nobody receives is left with the system, and so with the peer.
 */
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { whenLeft } from '../../channels/index.ts';
import { parseAddress } from '../../src/capability/index.ts';
import type { Cancellable } from '../../src/platform/index.ts';
import type { NativeAnswer, NativeCall, NativeError } from '../../src/natives/index.ts';
import { bytes as bytesValue, map } from '../../src/values/index.ts';
import type { Value } from '../../src/values/index.ts';
import { netFailure } from '../net/reason.ts';
import type { Occupant } from '../net/room.ts';
import type { TcpGrant } from './grant.ts';
import { Inbox } from './inbox.ts';
import type { Wanted } from './inbox.ts';
import { onBytes } from './reading.ts';

/** Who called, and may not wait any more. */
type Caller = Pick<NativeCall, 'signal' | 'whenLeft'>;

/** Hears once how a call has ended, at once or later. */
export type Answer = (answer: NativeAnswer) => void;

interface Waiter {
  readonly wanted: Wanted;
  readonly resolve: Answer;
}

const DONE: NativeAnswer = { ok: null };
/**
 * Bytes handed to the system at once. What a peer takes slowly is then seen to go, piece by piece, and its connection
 * is not taken for idle.
 */
const PIECE_BYTES = 256 * 1024;
/** What is behind everything that was written before, so who hears of it knows that all of that has gone. */
const NOTHING = new Uint8Array(0);

export class Connection implements Occupant {
  readonly number: number;
  readonly grant: TcpGrant;
  readonly cap: string;
  readonly idleReason = 'nothing came or went on this connection';
  readonly remote: string;
  readonly local: string;
  /** When something last came or went. */
  active_ms: number;
  readonly #socket: Socket;
  readonly #tls: boolean;
  readonly #inbox: Inbox;
  readonly #waiters: Waiter[] = [];
  /** The peer has said that it sends no more. */
  #ended = false;
  /** What has ended the connection otherwise; the first one. */
  #failure: NativeError | null = null;
  /** A write that the system has not taken yet; the next ones wait in line, so that at most one is held in memory. */
  #writing = false;
  readonly #line: (() => void)[] = [];
  /** The send that waits for the rate of the grant, and whether anything of it has gone. */
  #waiting: { readonly begun: boolean; giveUp(): void } | null = null;
  #ending = false;
  /** Reading rests: there is enough, or the rate of the grant is used up. */
  #paused = false;
  #held: Cancellable | null = null;
  #received_bytes = 0;
  #sent_bytes = 0;
  /** The system has let go of the socket. */
  #gone = false;
  /** No call finds it any more. */
  #left = false;

  constructor(number: number, grant: TcpGrant, cap: string, socket: Socket, tls: boolean) {
    this.number = number;
    this.grant = grant;
    this.cap = cap;
    this.remote = shownEndpoint(socket.remoteAddress, socket.remotePort);
    this.local = shownEndpoint(socket.localAddress, socket.localPort);
    this.active_ms = grant.room.now_ms();
    this.#socket = socket;
    this.#tls = tls;
    this.#inbox = new Inbox(grant.power.receive_bytes_max);
    socket.setNoDelay(true);
    if (grant.power.keepAlive_ms > 0) socket.setKeepAlive(true, grant.power.keepAlive_ms);
    onBytes(socket, (chunk) => this.#come(chunk));
    socket.once('end', () => {
      this.#ended = true;
      this.#serve();
    });
    socket.on('error', (error) => this.#fail(netFailure(this.#shown(), error)));
    socket.once('close', () => this.#closed());
  }

  // -------------------------------------------------------------- receiving

  receive(wanted: Wanted, caller: Caller, resolve: Answer): void {
    const answer = this.#waiters.length === 0 ? this.#answerTo(wanted) : null;
    if (answer !== null) {
      resolve(answer);
      return;
    }
    this.#wait(wanted, caller, resolve);
  }

  #wait(wanted: Wanted, caller: Caller, resolve: Answer): void {
    const waiter: Waiter = { wanted, resolve };
    this.#waiters.push(waiter);
    // What comes is kept for the next call when this one's caller has gone.
    whenLeft(caller, () => this.#leaveLine(waiter));
  }

  #leaveLine(waiter: Waiter): void {
    const index = this.#waiters.indexOf(waiter);
    if (index < 0) return;
    this.#waiters.splice(index, 1);
    waiter.resolve({ error: { code: 'cancelled', message: 'the call ended before anything came' } });
    this.#serve();
  }

  #come(chunk: Uint8Array): void {
    // Closed by its program, and still sending: what comes now is for nobody.
    if (this.#left) return;
    this.active_ms = this.grant.room.now_ms();
    this.#received_bytes += chunk.length;
    const first = this.#waiters[0];
    if (first?.wanted.kind === 'some' && this.#inbox.length === 0) {
      // The usual case: somebody waits for just this.
      this.#waiters.shift();
      first.resolve({ ok: bytesValue(new Uint8Array(chunk)) });
    } else {
      this.#inbox.add(chunk);
      if (first !== undefined) this.#serve();
    }
    const { incoming } = this.grant;
    if (incoming !== null && !incoming.spend(chunk.length)) {
      this.#held ??= incoming.take(0, () => {
        this.#held = null;
        this.#pace();
      });
    }
    this.#pace();
  }

  #serve(): void {
    for (let first = this.#waiters[0]; first !== undefined; first = this.#waiters[0]) {
      const answer = this.#answerTo(first.wanted);
      if (answer === null) return;
      this.#waiters.shift();
      first.resolve(answer);
    }
  }

  #answerTo(wanted: Wanted): NativeAnswer | null {
    const taken = this.#inbox.take(wanted);
    if (taken !== null && !(taken instanceof Uint8Array)) return { error: taken };
    if (taken !== null) {
      this.#pace();
      return { ok: bytesValue(taken) };
    }
    if (!this.#ended && this.#failure === null) return null;
    if (this.#inbox.length > 0) {
      const message = `${this.#shown()} with ${this.#inbox.length} bytes that are not what is waited for: truncated`;
      return { error: { code: 'net_failed', message } };
    }
    this.#told();
    return this.#ended || this.#failure === null ? DONE : { error: this.#failure };
  }

  /** Whoever hears of a failure, or of the end when both sides have ended, has heard all there is to hear. */
  #told(): void {
    if (this.#gone || this.#failure !== null) this.#leaveTable(this.#failure?.message ?? 'both sides had ended it');
  }

  /** Reads on while there is room, and rests otherwise. */
  #pace(): void {
    const full = this.#inbox.length >= this.grant.power.receive_bytes_max;
    const rest = full || this.#held !== null;
    if (rest === this.#paused || this.#gone) return;
    this.#paused = rest;
    if (rest) this.#socket.pause();
    else this.#socket.resume();
  }

  // -------------------------------------------------------------- sending

  send(bytes: Uint8Array, caller: Caller, resolve: Answer): void {
    const refusal = this.#refusal();
    if (refusal !== null) {
      resolve(refusal);
      return;
    }
    if (!this.#writing) {
      this.#write(bytes, resolve, caller);
      return;
    }
    // An earlier call was cut off while the peer did not read: its bytes go first.
    const waiting = (): void => {
      const later = this.#refusal();
      if (later === null && caller.signal?.aborted !== true) this.#write(bytes, resolve, caller);
      else {
        resolve(later ?? cancelledSend());
        this.#next();
      }
    };
    this.#line.push(waiting);
  }

  /** Sends, and receives in the place that it has when the system has taken all of it. */
  exchange(bytes: Uint8Array, wanted: Wanted, caller: Caller, resolve: Answer): void {
    // For an answer that there is never room for nothing is asked.
    const isTooMuch = wanted.kind === 'exactly' && wanted.count > this.grant.power.receive_bytes_max;
    const refusal = isTooMuch ? this.#answerTo(wanted) : null;
    if (refusal !== null) {
      resolve(refusal);
      return;
    }
    this.send(bytes, caller, (sent) => {
      if (sent !== DONE) {
        resolve(sent);
        return;
      }
      // In line first: whose caller has gone meanwhile takes nothing of what is there.
      this.#wait(wanted, caller, resolve);
      this.#serve();
    });
  }

  #refusal(): NativeAnswer | null {
    if (this.#failure !== null) {
      if (this.#inbox.length === 0) this.#told();
      return { error: this.#failure };
    }
    if (!this.#ending && !this.#gone) return null;
    const message = this.#gone ? 'the connection has ended' : 'nothing can be sent on this socket after end';
    return { error: { code: 'handle_closed', message } };
  }

  #write(bytes: Uint8Array, resolve: (answer: NativeAnswer) => void, caller: Caller): void {
    this.#writing = true;
    this.#piece(bytes, 0, resolve);
    const waiting = this.#waiting;
    if (waiting !== null) {
      const leave = (): void => {
        if (this.#waiting === waiting) waiting.giveUp();
      };
      whenLeft(caller, leave);
    }
  }

  /** When the rate of the grant has room for it. */
  #piece(bytes: Uint8Array, start: number, resolve: Answer): void {
    const end = Math.min(bytes.length, start + PIECE_BYTES);
    const { outgoing } = this.grant;
    if (outgoing === null) {
      this.#hand(bytes, start, end, resolve);
      return;
    }
    const turn = outgoing.take(end - start, () => {
      this.#waiting = null;
      this.#hand(bytes, start, end, resolve);
    });
    if (turn === null) return;
    const giveUp = (): void => {
      this.#waiting = null;
      turn.cancel();
      resolve(this.#refusal() ?? cancelledSend());
      this.#next();
    };
    this.#waiting = { begun: start > 0, giveUp };
  }

  #hand(bytes: Uint8Array, start: number, end: number, resolve: Answer): void {
    if (end === start) {
      this.#taken(0, null, resolve);
      return;
    }
    const socket = this.#socket;
    // Nearly always the system takes it at once. That is seen without a callback, for each of which the stream waits a tick.
    socket.write(end - start === bytes.length ? bytes : bytes.subarray(start, end));
    if (socket.writableLength === 0 && !socket.destroyed && socket.errored === null) {
      this.#handed(bytes, end, null, resolve);
      return;
    }
    socket.write(NOTHING, (error) => this.#handed(bytes, end, error, resolve));
  }

  #handed(bytes: Uint8Array, end: number, error: Error | null | undefined, resolve: Answer): void {
    this.active_ms = this.grant.room.now_ms();
    const { length } = bytes;
    if (end === length || (error !== undefined && error !== null)) this.#taken(length, error, resolve);
    else this.#piece(bytes, end, resolve);
  }

  #taken(size: number, error: Error | null | undefined, resolve: Answer): void {
    if (error === undefined || error === null) this.#sent_bytes += size;
    else this.#fail(netFailure(this.#shown(), error));
    resolve(this.#failure === null ? DONE : { error: this.#failure });
    this.#next();
  }

  #next(): void {
    this.#writing = false;
    this.#line.shift()?.();
  }

  /** Half-close: after what was sent before. */
  end(resolve: Answer): void {
    if (this.#ending && this.#socket.writableFinished) {
      resolve(DONE);
      return;
    }
    const refusal = this.#ending ? null : this.#refusal();
    if (refusal !== null) {
      resolve(refusal);
      return;
    }
    this.#ending = true;
    const finish = (): void => {
      this.#socket.end((error?: Error | null) => {
        if (error !== undefined && error !== null) this.#fail(netFailure(this.#shown(), error));
        resolve(this.#failure === null ? DONE : { error: this.#failure });
      });
      this.#next();
    };
    if (this.#writing) this.#line.push(finish);
    else finish();
  }

  // -------------------------------------------------------------- the end

  /** What was sent still goes out; the sweep of the grant ends a peer who does not take it. */
  close(): void {
    this.#leave({ code: 'handle_closed', message: 'this socket was closed' });
    if (this.#waiting?.begun === false) this.#waiting.giveUp();
    if (this.#writing) this.#line.push(() => this.#socket.destroySoon());
    else if (this.#socket.writableLength > 0) this.#socket.destroySoon();
    else this.#socket.destroy();
  }

  /** Ends at once; every call that waits hears why. */
  kill(error: NativeError): void {
    this.#leave(error);
    this.#socket.destroy();
  }

  #leave(error: NativeError): void {
    this.#inbox.clear();
    this.#fail(error);
    this.#leaveTable(error.message);
  }

  info(): Value {
    const entries: [string, Value][] = [
      ['remote', this.remote],
      ['local', this.local],
      ['tls', this.#tls],
      ['received_bytes', this.#received_bytes],
      ['sent_bytes', this.#sent_bytes],
      ['unread_bytes', this.#inbox.length],
      ['ended', this.#ended],
    ];
    if (this.#tls) {
      const secure = this.#socket as TLSSocket;
      entries.push(['protocol', secure.getProtocol() ?? ''], ['cipher', secure.getCipher()?.name ?? '']);
      const { servername } = secure as { servername?: string | false };
      entries.push(['servername', typeof servername === 'string' ? servername : '']);
    }
    return map(entries);
  }

  #fail(error: NativeError): void {
    this.#failure ??= error;
    this.#serve();
  }

  #closed(): void {
    this.#gone = true;
    this.#held?.cancel();
    this.#held = null;
    if (!this.#ended) this.#fail({ code: 'net_failed', message: `${this.#shown()}: closed` });
    this.#waiting?.giveUp();
    for (const waiting of this.#line.splice(0)) waiting();
    this.grant.closed(this);
  }

  #leaveTable(reason: string): void {
    if (this.#left) return;
    this.#left = true;
    this.grant.left(this, reason);
  }

  get gone(): boolean {
    return this.#gone;
  }

  get left(): boolean {
    return this.#left;
  }

  #shown(): string {
    return `the connection to ${this.remote} ended`;
  }
}

function cancelledSend(): NativeAnswer {
  return { error: { code: 'cancelled', message: 'the call ended before anything of it was sent' } };
}

/** `address:port`, IPv6 in brackets; an address is shown in its one spelling. */
export function shownEndpoint(address: string | undefined, port: number | undefined): string {
  if (address === undefined || port === undefined) return 'unknown';
  const text = parseAddress(address)?.text ?? address;
  return text.includes(':') ? `[${text}]:${port}` : `${text}:${port}`;
}
