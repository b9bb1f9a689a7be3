/**
 * One connection of a pool, as an exchange knows it: held up at its socket, and counted while a head is waited for. Owns
 * what it has counted; the socket is its pool's.
 */
import type { Socket } from 'node:net';
import { limits } from '../../src/limits.ts';
import type { Line } from './exchange.ts';

/**
 * Holds a connection up at its socket. The library's own way to pause ends the whole process when the other side
 * closes meanwhile (nodejs/undici issue 5360, mended in a major that needs a newer Node).
 */
export class SocketLine implements Line {
  readonly over: () => void;
  #socket: Socket | null = null;
  #held = false;
  /** While a head is waited for: what has come, and whom to tell when it is too much. */
  #head_bytes = 0;
  #head_pieces = 0;
  #waiting: { headTooLarge(): void } | null = null;

  constructor(over: () => void) {
    this.over = over;
  }

  attach(socket: Socket): void {
    this.#socket = socket;
    this.#held = false;
    const read = socket.read.bind(socket);
    // What is not read waits, first in the socket, then with the sender.
    socket.read = (size?: number) => {
      if (this.#held && this.#socket === socket && size !== 0) return null;
      const chunk = read(size) as Buffer | null;
      return chunk === null || this.#waiting === null || this.#isFitting(chunk) ? chunk : null;
    };
  }

  headBegins(waiting: { headTooLarge(): void }): void {
    this.#head_bytes = 0;
    this.#head_pieces = 0;
    this.#waiting = waiting;
  }

  headCame(): boolean {
    this.#waiting = null;
    return this.#head_pieces === 1;
  }

  /** The library counts headers alone: a reason, or interim answers, may have no end. */
  #isFitting(chunk: Buffer): boolean {
    this.#head_bytes += chunk.length;
    this.#head_pieces++;
    if (this.#head_bytes <= limits.http_head_bytes_max) return true;
    const waiting = this.#waiting;
    this.#waiting = null;
    // Later, for it is the parser itself that reads.
    if (waiting !== null) queueMicrotask(() => waiting.headTooLarge());
    return false;
  }

  hold(): void {
    this.#held = true;
  }

  release(): void {
    if (!this.#held) return;
    this.#held = false;
    const socket = this.#socket;
    // Later, for it may be the parser itself that says so, and it cannot be entered twice.
    queueMicrotask(() => socket?.emit('readable'));
  }
}
