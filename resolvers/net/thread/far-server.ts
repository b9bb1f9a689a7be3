/** A port that the network's thread has open. Owns its end here: who hears of it, and of whom comes to it. */
import type { BatchWriter } from './batch.ts';
import type { FarSocket } from './far-socket.ts';
import type { News, Order } from './words.ts';

export interface ServerEvents {
  listening(port: number): void;
  /** Before it listens: it cannot. Later: it can no more. */
  failed(error: Error): void;
  /** Of a port with TLS before the handshake. */
  come(socket: FarSocket): void;
}

export class FarServer {
  readonly #number: number;
  readonly #orders: BatchWriter<Order>;
  /** Of each socket that comes to it. */
  readonly window_bytes: number;
  readonly #events: ServerEvents;
  readonly #left: () => void;

  constructor(
    number: number,
    orders: BatchWriter<Order>,
    window_bytes: number,
    events: ServerEvents,
    left: () => void,
  ) {
    this.#number = number;
    this.window_bytes = window_bytes;
    this.#orders = orders;
    this.#events = events;
    this.#left = left;
  }

  /** Nobody comes any more; who has come stays. */
  close(): void {
    this.#orders.word(this.#number, { kind: 'destroy' });
    this.#left();
  }

  come(socket: FarSocket): void {
    this.#events.come(socket);
  }

  hear(news: News): void {
    if (news.kind === 'listening') this.#events.listening(news.port);
    else if (news.kind === 'failed') {
      this.#left();
      this.#events.failed(Object.assign(new Error(news.code), { code: news.code }));
    }
  }
}
