/**
 * A way between two programs that can go silent: the connections through it stay open, and nothing comes through any
 * more, as when a machine has lost its power or a network its cable.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export class SilentProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Those of now; new ones come through. */
  readonly #silent = new Set<Socket>();
  #dead = false;

  private constructor(target: number) {
    this.#server = createServer((near) => {
      const far = connect(target, '127.0.0.1');
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(from);
        from.on('data', (bytes: Buffer) => {
          if (!this.#dead && !this.#silent.has(from)) to.write(bytes);
        });
        from.on('error', () => {});
        from.on('close', () => {
          this.#sockets.delete(from);
          // The other side is not told of what goes on behind a broken cable.
          if (!this.#silent.has(from)) to.destroy();
        });
      }
    });
  }

  /** To a port of this machine. */
  static async to(target: number): Promise<SilentProxy> {
    const proxy = new SilentProxy(target);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Connections that neither side has ended. */
  get open(): number {
    return this.#sockets.size / 2;
  }

  /** What is open now says nothing any more; with `forEver` nothing that comes does, either. */
  hush(forEver = false): void {
    this.#dead = forEver;
    for (const socket of this.#sockets) this.#silent.add(socket);
  }

  /** What is dialled from now on comes through. */
  heal(): void {
    this.#dead = false;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
