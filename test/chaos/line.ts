/**
 * A bad line between clients and a server: what goes over it comes late, in other pieces, and up to the byte at which it is
 * cut. Owns its sockets. With `calm` it only passes on.
 */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** Milliseconds that a piece may take. */
const DELAY_MS_MAX = 6;
/** Of so many connections one is cut early: in its handshake, its hello, or its first answers. */
const EARLY = 4;
const EARLY_BYTES_MAX = 1_500;
const LATE_BYTES_MAX = 20_000;

export class BadLine {
  readonly #random: () => number;
  readonly #target: () => number;
  readonly #server: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  calm = false;
  /** Connections that it cut. */
  cuts = 0;

  private constructor(target: () => number, random: () => number) {
    this.#random = random;
    this.#target = target;
    this.#server = createServer((near) => this.#join(near));
  }

  static async open(target: () => number, random: () => number): Promise<BadLine> {
    const line = new BadLine(target, random);
    line.#server.listen(0, '127.0.0.1');
    await once(line.#server, 'listening');
    return line;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  async close(): Promise<void> {
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy();
    this.#server.close();
    if (this.#server.listening) await once(this.#server, 'close');
  }

  #join(near: Socket): void {
    const far = connect(this.#target(), '127.0.0.1');
    const pair = [near, far] as const;
    this.#pairs.add(pair);
    const over = (): void => {
      this.#pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    for (const socket of pair) {
      socket.setNoDelay(true);
      socket.on('error', () => {});
      socket.once('close', over);
    }
    const most = this.#random() * EARLY < 1 ? EARLY_BYTES_MAX : LATE_BYTES_MAX;
    const left = { bytes: Math.ceil(this.#random() * most) };
    for (const [from, to] of [pair, [far, near]] as const) void this.#carry(pair, from, to, left).catch(over);
  }

  async #carry(pair: readonly [Socket, Socket], from: Socket, to: Socket, left: { bytes: number }): Promise<void> {
    for await (const chunk of from as AsyncIterable<Buffer>) {
      for (let at = 0; at < chunk.length; ) {
        const size = this.calm ? chunk.length : 1 + Math.floor(this.#random() * chunk.length);
        const piece = chunk.subarray(at, at + (this.calm ? size : Math.min(size, left.bytes)));
        at += piece.length;
        if (!this.calm) await new Promise((resolve) => setTimeout(resolve, this.#random() * DELAY_MS_MAX));
        // Called when the socket is gone, too.
        await new Promise<void>((resolve) => to.write(piece, () => resolve()));
        left.bytes -= piece.length;
        if (this.calm || left.bytes > 0) continue;
        this.#cut(pair);
        return;
      }
    }
    to.end();
  }

  #cut(pair: readonly [Socket, Socket]): void {
    if (!this.#pairs.delete(pair)) return;
    this.cuts++;
    for (const socket of pair) socket.destroy();
  }
}
