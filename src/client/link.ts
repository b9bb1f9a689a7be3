/**
 * Keeps one connection to the service: dials, notices that it broke, dials again. Owns the connection, the timers of
 * dialling, silence and delay, and nothing that was said. Must never dial while it is closed, never keep two
 * connections, and never wait for a dial, or for an answer to a ping, without a deadline.
 */
import type { Connection, Surroundings } from './surroundings.ts';

export interface LinkTimes {
  /** From the dial to the server's welcome. */
  readonly dial_ms: number;
  /** Between two pings; a connection that says nothing to two of them is dropped. */
  readonly heartbeat_ms: number;
  /** Before the second dial; each further delay is twice the one before, up to the greatest, and cut at random by half. */
  readonly backoff_ms: number;
  readonly backoff_ms_max: number;
}

export interface LinkOwner {
  /** A connection is there; say hello. The link is `up` when the owner calls `welcomed`. */
  opened(): void;
  frame(bytes: Uint8Array): void;
  /** It is gone, and will be dialled again after so many milliseconds. */
  lost(reason: string, attempt: number, delay_ms: number): void;
  /** Say something that will be answered. */
  ping(): void;
}

export class Link {
  readonly #url: string;
  readonly #surroundings: Surroundings;
  readonly #times: LinkTimes;
  readonly #owner: LinkOwner;
  #connection: Connection | null = null;
  #up = false;
  #closed = false;
  #attempt = 0;
  /** Pings since anything was heard. */
  #unanswered = 0;
  #cancelTimer: (() => void) | null = null;

  constructor(url: string, surroundings: Surroundings, times: LinkTimes, owner: LinkOwner) {
    this.#url = url;
    this.#surroundings = surroundings;
    this.#times = times;
    this.#owner = owner;
  }

  /** Whether the server has welcomed this connection. */
  get up(): boolean {
    return this.#up;
  }

  buffered_bytes(): number {
    return this.#connection?.buffered_bytes() ?? 0;
  }

  dial(): void {
    if (this.#closed || this.#connection !== null) return;
    this.#timer(this.#times.dial_ms, () => this.#lose(`no welcome within ${this.#times.dial_ms} ms`));
    let connection: Connection;
    // Only the newest connection may speak: events of one that was dropped are nobody's.
    const current = (): boolean => this.#connection === connection;
    try {
      connection = this.#surroundings.dial(this.#url, {
        opened: () => {
          if (current()) this.#owner.opened();
        },
        frame: (bytes) => {
          if (!current()) return;
          this.#unanswered = 0;
          this.#owner.frame(bytes);
        },
        closed: (reason) => {
          if (!current()) return;
          this.#connection = null;
          this.#lose(reason);
        },
      });
    } catch (error) {
      this.#lose(error instanceof Error ? error.message : String(error));
      return;
    }
    this.#connection = connection;
  }

  /** The server has said that it takes this client: from now on silence is what ends the connection. */
  welcomed(): void {
    this.#up = true;
    this.#attempt = 0;
    this.#unanswered = 0;
    this.#beat();
  }

  send(frame: Uint8Array): void {
    this.#connection?.send(frame);
  }

  /** Drops the connection, as if it had broken, and dials again after a delay. */
  drop(reason: string): void {
    if (this.#connection !== null) this.#lose(reason);
  }

  /** For good. */
  close(): void {
    this.#closed = true;
    this.#up = false;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    const connection = this.#connection;
    this.#connection = null;
    connection?.drop();
  }

  #lose(reason: string): void {
    const connection = this.#connection;
    this.#connection = null;
    this.#up = false;
    connection?.drop();
    if (this.#closed) return;
    const { backoff_ms, backoff_ms_max } = this.#times;
    const full = Math.min(backoff_ms_max, backoff_ms * 2 ** Math.min(this.#attempt, 30));
    // Clients that lost one server must not all come back at one moment.
    const delay_ms = Math.ceil(full * (0.5 + this.#surroundings.random() / 2));
    this.#attempt++;
    this.#timer(delay_ms, () => this.dial());
    this.#owner.lost(reason, this.#attempt, delay_ms);
  }

  #beat(): void {
    this.#timer(this.#times.heartbeat_ms, () => {
      // Two, for this program may itself have stood still, and not yet have read what came meanwhile.
      if (this.#unanswered >= 2) {
        this.#lose(`nothing came for ${2 * this.#times.heartbeat_ms} ms`);
        return;
      }
      this.#unanswered++;
      this.#owner.ping();
      this.#beat();
    });
  }

  #timer(delay_ms: number, run: () => void): void {
    this.#cancelTimer?.();
    this.#cancelTimer = this.#surroundings.after(delay_ms, () => {
      this.#cancelTimer = null;
      run();
    });
  }
}
