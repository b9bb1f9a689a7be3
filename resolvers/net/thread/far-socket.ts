/**
 * A socket that the network's thread reads and writes. Owns its end here: who hears of it, the one write that is under
 * way, and how much of what came is done with. Everything said to it after its end is for nobody.
 */
import { Op } from './batch.ts';
import type { BatchWriter } from './batch.ts';
import type { Ends, News, Order, Secured } from './words.ts';

/** Hears how a dial has ended; one of them, once. */
export interface DialEvents {
  opened(): void;
  failed(error: Error): void;
}

export interface SocketEvents {
  /** Good until the call returns. */
  come(bytes: Uint8Array): void;
  /** The peer sends no more. */
  ended(): void;
  failed(error: Error): void;
  /** The last one. */
  closed(): void;
}

type Done = (error: Error | null) => void;

export class FarSocket {
  readonly #number: number;
  readonly #orders: BatchWriter<Order>;
  readonly #window_bytes: number;
  readonly #left: () => void;
  #ends: Ends | null;
  #secured: Secured | null = null;
  #dial: DialEvents | null;
  #events: SocketEvents | null = null;
  #securing: (() => void) | null = null;
  #taken: Done | null = null;
  #finished: Done | null = null;
  #failure: Error | null = null;
  #resting = false;
  #untold_bytes = 0;
  #closed = false;

  constructor(
    number: number,
    orders: BatchWriter<Order>,
    window_bytes: number,
    dial: DialEvents | null,
    left: () => void,
    ends: Ends | null = null,
  ) {
    this.#number = number;
    this.#orders = orders;
    this.#window_bytes = window_bytes;
    this.#dial = dial;
    this.#left = left;
    this.#ends = ends;
  }

  /** Both ends; once it is open. */
  get ends(): Ends {
    if (this.#ends === null) throw new Error('the ends of a connection are known when it is open');
    return this.#ends;
  }

  get secured(): Secured | null {
    return this.#secured;
  }

  /** Whoever owns it from now on; to be said in the moment that it is open, so that nothing is missed. */
  attach(events: SocketEvents): void {
    this.#events = events;
  }

  /** Of one that has come to a port with TLS: called when its handshake is done. */
  whenSecured(secured: () => void): void {
    this.#securing = secured;
  }

  // -------------------------------------------------------------- orders

  /** One at a time: `taken` hears that the system has all of it, or why not. The bytes may be changed after the call. */
  write(bytes: Uint8Array, taken: Done): void {
    if (this.#closed) {
      taken(this.#endedBy());
      return;
    }
    this.#taken = taken;
    this.#orders.bytes(this.#number, bytes);
  }

  /** Half-close, behind what was written. */
  end(finished: Done): void {
    if (this.#closed) {
      finished(this.#endedBy());
      return;
    }
    this.#finished = finished;
    this.#order('end');
  }

  /** Nothing comes any more, beyond what is on its way. */
  rest(): void {
    this.#resting = true;
  }

  resume(): void {
    this.#resting = false;
    this.#tell(1);
  }

  /** When what the system has not taken is written. */
  closeSoon(): void {
    this.#order('closeSoon');
  }

  destroy(): void {
    this.#order('destroy');
  }

  #order(kind: 'end' | 'closeSoon' | 'destroy'): void {
    if (!this.#closed) this.#orders.word(this.#number, { kind });
  }

  // -------------------------------------------------------------- news

  come(bytes: Uint8Array): void {
    this.#untold_bytes += bytes.length;
    this.#events?.come(bytes);
    if (!this.#resting) this.#tell(this.#window_bytes / 2);
  }

  taken(): void {
    this.#settle(null);
  }

  hear(news: News): void {
    switch (news.kind) {
      case 'open':
        this.#open(news.ends, news.secured);
        return;
      case 'ended':
        this.#events?.ended();
        return;
      case 'finished':
        this.#finish(null);
        return;
      case 'failed':
        this.#fail(Object.assign(new Error(news.code), { code: news.code }));
        return;
      case 'closed':
        this.#close();
        return;
      default:
        throw new Error(`a socket does not hear of ${news.kind}`);
    }
  }

  #open(ends: Ends, secured: Secured | null): void {
    this.#ends = ends;
    this.#secured = secured;
    const dial = this.#dial;
    this.#dial = null;
    if (dial !== null) dial.opened();
    else this.#securing?.();
    this.#securing = null;
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    const dial = this.#dial;
    this.#dial = null;
    dial?.failed(error);
    this.#events?.failed(error);
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#left();
    const error = this.#endedBy();
    const dial = this.#dial;
    this.#dial = null;
    dial?.failed(error);
    this.#settle(error);
    this.#finish(error);
    this.#events?.closed();
  }

  #settle(error: Error | null): void {
    const taken = this.#taken;
    this.#taken = null;
    taken?.(error);
  }

  #finish(error: Error | null): void {
    const finished = this.#finished;
    this.#finished = null;
    finished?.(error);
  }

  #endedBy(): Error {
    return this.#failure ?? new Error('the socket was closed');
  }

  /** Bytes that are done with, when there are at least so many: a message for each would cost more than it is worth. */
  #tell(least_bytes: number): void {
    const bytes = this.#untold_bytes;
    if (bytes < least_bytes || this.#closed) return;
    this.#untold_bytes = 0;
    this.#orders.put(Op.Credit, this.#number, bytes);
  }
}
