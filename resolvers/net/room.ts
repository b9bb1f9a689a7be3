/**
 * What is open under one grant of the network: how many sockets there may be, and which ones nothing goes on at. Owns the
 * count, and the sweep that ends idle ones; one timer for all of them, and none while nothing is open.
 */
import type { NativeError } from '../../src/natives/index.ts';
import type { Cancellable, Platform } from '../../src/platform/index.ts';

/** A socket in its room. */
export interface Occupant {
  /** When something last went on at it, by the monotonic clock; Infinity while it is in use however silent it is. */
  readonly active_ms: number;
  /** What is told to whoever calls it, once it has been ended for being idle. */
  readonly idleReason: string;
  /** The capability by which it was opened. */
  readonly cap: string;
  /** Ends it now; each of its calls that waits hears why. */
  kill(error: NativeError): void;
}

export interface RoomBounds {
  readonly sockets_max: number;
  readonly idle_ms_max: number;
}

/** Sweeps in an idle time: how much later than granted an idle socket may end. */
const SWEEPS = 4;

export class SocketRoom<T extends Occupant> {
  readonly #platform: Platform;
  readonly #bounds: RoomBounds;
  readonly #open = new Set<T>();
  /** Sockets that are open, being opened, or not yet left by their program. */
  #held = 0;
  #sweep: Cancellable | null = null;
  #closed = false;

  constructor(platform: Platform, bounds: RoomBounds) {
    this.#platform = platform;
    this.#bounds = bounds;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  now_ms(): number {
    return this.#platform.clock.monotonic_ms();
  }

  /** Room for one more socket; whoever gets it gives it back with `release`, or lends it to a socket with `opened`. */
  hold(): NativeError | null {
    if (this.#closed) return takenBack();
    const { sockets_max } = this.#bounds;
    if (this.#held >= sockets_max) {
      const message = `${this.#held} sockets are open under this grant, and it has room for ${sockets_max}`;
      return { code: 'quota_exceeded', message };
    }
    this.#held++;
    return null;
  }

  release(): void {
    this.#held--;
  }

  /** Takes over what was held for it. */
  opened(socket: T): void {
    this.#open.add(socket);
    this.#arm();
  }

  /** It is over with this socket, and its place is free. To say so again changes nothing. */
  left(socket: T): void {
    if (!this.#open.delete(socket)) return;
    this.release();
    if (this.#open.size === 0) this.#disarm();
  }

  /** A capability has ended: what was opened by it, or by one that was derived from it, ends now. */
  ended(isBelow: (cap: string) => boolean, error: NativeError): void {
    for (const socket of [...this.#open]) if (isBelow(socket.cap)) socket.kill(error);
  }

  /** The grant is taken back: every socket ends now. */
  close(): void {
    this.#closed = true;
    const error = takenBack();
    for (const socket of [...this.#open]) socket.kill(error);
    this.#disarm();
  }

  #arm(): void {
    if (this.#closed) return;
    const period_ms = Math.ceil(this.#bounds.idle_ms_max / SWEEPS);
    this.#sweep ??= this.#platform.timers.after(period_ms, () => {
      this.#sweep = null;
      this.#endIdle();
      if (this.#open.size > 0) this.#arm();
    });
  }

  #disarm(): void {
    this.#sweep?.cancel();
    this.#sweep = null;
  }

  #endIdle(): void {
    const { idle_ms_max } = this.#bounds;
    const before_ms = this.now_ms() - idle_ms_max;
    for (const socket of [...this.#open]) {
      if (socket.active_ms > before_ms) continue;
      const message = `${socket.idleReason} for ${idle_ms_max} ms, and its grant ends it then`;
      socket.kill({ code: 'handle_closed', message });
    }
  }
}

/** What was opened under a grant, or is being opened, when it is taken back. */
export function takenBack(): NativeError {
  return { code: 'not_available', message: 'the grant of this socket was taken back' };
}
