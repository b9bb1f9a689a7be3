/**
 * A program with a cursor that is killed now and then and started again: what it had in memory is gone, and nothing of it
 * speaks any more. Owns what its store holds.
 */
import { WebSocket } from 'ws';
import { type Box, connect, type CursorStore, type SocketMaker } from '../../src/client/index.ts';
import { pause } from './actor.ts';
import type { Ledger } from './ledger.ts';

export class Mortal {
  readonly name: string;
  readonly #url: string;
  readonly #holder: string;
  readonly #ledger: Ledger;
  readonly #random: () => number;
  #text: string | null = null;
  #life: { box: Box; loop: Promise<void>; die(): void } | null = null;
  kills = 0;
  /** It is not started again, also where that is under way. */
  readonly #ending = new AbortController();

  constructor(name: string, url: string, holder: string, ledger: Ledger, random: () => number) {
    this.name = name;
    this.#url = url;
    this.#holder = holder;
    this.#ledger = ledger;
    this.#random = random;
  }

  get box(): Box | undefined {
    return this.#life?.box;
  }

  async start(): Promise<void> {
    const sockets = new Set<WebSocket>();
    let isDead = false;
    class Line extends WebSocket {
      constructor(url: string, protocol: string) {
        super(url, protocol, { perMessageDeflate: false });
        sockets.add(this);
      }
      override send(data: Uint8Array): void {
        if (!isDead) super.send(data);
      }
    }
    const cursor: CursorStore = {
      load: () => this.#text,
      save: (text) => {
        if (!isDead) this.#text = text;
      },
    };
    const box = await connect(this.#url, {
      token: this.#holder,
      webSocket: Line as unknown as SocketMaker,
      cursor,
      signal: this.#ending.signal,
      ...HASTE,
    });
    const loop = (async () => {
      for await (const [sender, number] of box.messages(this.name, { name: 'posts', credit: 4 })) {
        if (isDead) return;
        this.#ledger.read(this.name, sender as number, number as number);
        if (this.#random() < 0.3) await pause(this.#random() * 10);
        if (isDead) return;
      }
    })().catch((error: unknown) => {
      if (!isDead) this.#ledger.broken(this.name, error);
    });
    const die = (): void => {
      isDead = true;
      for (const socket of sockets) socket.terminate();
      // Nothing of this gets out: it is how what is left of this life ends.
      void box.close({ keepSession: true });
    };
    this.#life = { box, loop, die };
  }

  async kill(): Promise<void> {
    this.#life?.die();
    await this.#life?.loop;
    this.#life = null;
    this.kills++;
    try {
      await this.start();
    } catch (error) {
      if (!this.#ending.signal.aborted) throw error;
    }
  }

  async close(): Promise<void> {
    this.#ending.abort();
    await this.#life?.box.close();
    await this.#life?.loop;
  }
}

/** Delays and heartbeats of a test. */
export const HASTE = { backoff_ms: 10, backoff_ms_max: 100, dial_ms: 10_000, connect_ms: 110_000 } as const;
