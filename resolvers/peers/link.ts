/**
 * One connection to a node that has proved its name: frames out, frames in, signs of life. Owns the socket from
 * its handshake to its end. What comes is hostile: the first frame that breaks a rule ends the connection. What
 * goes out waits in bounded room: who sends asks `hasRoom` first.
 */
import type { Duplex } from 'node:stream';
import { isPowerboxError } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';
import { type Cancellable, type Clock, patiently, type Timers } from '../../src/platform/index.ts';
import { decodeFrame, encodeFrame, FrameReader } from './frames.ts';
import type { Frame } from './frames.ts';

export interface LinkOptions {
  readonly socket: Duplex;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly inService: () => boolean;
  /** A frame has come, in order; throws `peer_refused` when it may not come now. */
  readonly onFrame: (frame: Frame, bytes: number) => void;
  /** There is room again. */
  readonly onRoom: () => void;
  /** The connection has ended, once; the rule that the other node broke, or null. */
  readonly onEnd: (broken: string | null) => void;
}

export class Link {
  readonly #options: LinkOptions;
  readonly #reader = new FrameReader();
  #timer: Cancellable | null = null;
  #heard_ms: number;
  /** Bytes that came and wait for their inbox. */
  #waiting_bytes = 0;
  #held = false;
  #greeted = false;
  #ended = false;
  #leaving = false;

  constructor(options: LinkOptions) {
    this.#options = options;
    const { socket, clock } = options;
    this.#heard_ms = clock.monotonic_ms();
    socket.on('data', (chunk: Uint8Array) => this.#read(chunk));
    socket.on('drain', () => options.onRoom());
    // Half a connection is none: nothing can be answered on it.
    socket.on('end', () => this.end(null));
    socket.on('error', () => this.end(null));
    socket.on('close', () => this.end(null));
    this.#timer = patiently(options.timers, limits.peer_handshake_ms, () =>
      this.end(`no greeting within ${limits.peer_handshake_ms} ms`),
    );
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Messages wait in their outbox while this is false; what is said about messages is small and always goes. */
  get hasRoom(): boolean {
    return !this.#ended && this.#options.socket.writableLength < limits.peer_write_bytes_max;
  }

  send(frame: Frame): void {
    if (this.#ended) return;
    const { socket } = this.#options;
    socket.write(encodeFrame(frame));
    // It asks and asks, and does not read what it is told.
    if (socket.writableLength > 2 * limits.peer_write_bytes_max + limits.peer_message_bytes_max)
      this.end('it does not read what it is told');
  }

  /** Both have said who they are and agree on a version: signs of life from now on. */
  greeted(): void {
    this.#greeted = true;
    this.#watch();
  }

  /** What came waits for its inbox: past a bound nothing more is read, so that a slow inbox slows its sender. */
  took(bytes: number): void {
    this.#waiting_bytes += bytes;
    if (this.#held || this.#waiting_bytes <= limits.peer_inbox_bytes_max) return;
    this.#held = true;
    this.#options.socket.pause();
  }

  /** It waits no more. */
  gave(bytes: number): void {
    this.#waiting_bytes -= bytes;
    if (!this.#held || this.#ended || this.#waiting_bytes > limits.peer_inbox_bytes_max / 2) return;
    this.#held = false;
    this.#heard_ms = this.#options.clock.monotonic_ms();
    this.#options.socket.resume();
  }

  end(broken: string | null): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#timer?.cancel();
    const { socket, onEnd } = this.#options;
    socket.destroy();
    onEnd(broken);
  }

  /** Says one last thing, before the greeting is over; the time for greetings ends it when nobody reads it. */
  leave(frame: Frame): void {
    this.send(frame);
    this.#leaving = true;
    this.#options.socket.end();
  }

  #watch(): void {
    this.#timer?.cancel();
    if (this.#ended) return;
    const { clock, timers, inService } = this.#options;
    this.send({ type: 'alive', inService: inService() });
    const due_ms = clock.monotonic_ms() + limits.peer_alive_ms;
    this.#timer = timers.after(limits.peer_alive_ms, () => {
      const now_ms = clock.monotonic_ms();
      // Nothing is read while it is held, so nothing can be heard. Whoever stood still itself has not read what came.
      const listened = !this.#held && now_ms - due_ms <= limits.peer_alive_ms;
      if (listened && now_ms - this.#heard_ms > limits.peer_silence_ms) this.end(null);
      else this.#watch();
    });
  }

  #read(chunk: Uint8Array): void {
    if (this.#ended || this.#leaving) return;
    this.#heard_ms = this.#options.clock.monotonic_ms();
    try {
      for (const body of this.#reader.push(chunk, () => this.#frameBytesMax())) {
        this.#options.onFrame(decodeFrame(body), body.length);
        if (this.#ended || this.#leaving) return;
      }
    } catch (error) {
      // A bug of this node's, most likely; yet what another node can set off must not end this process.
      this.end(isPowerboxError(error) ? error.message : `what it said could not be handled (${String(error)})`);
    }
  }

  #frameBytesMax(): number {
    return this.#greeted ? limits.peer_message_bytes_max + limits.peer_frame_room_bytes : limits.peer_hello_bytes_max;
  }
}
