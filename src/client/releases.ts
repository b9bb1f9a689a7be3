/**
 * Capabilities that the program has let go of, on their way back. Puts those of one turn of the program together. Must
 * never give back one to which there is a handle again.
 */
import type { Capability } from '../wire/index.ts';
import type { Capabilities } from './marshal.ts';
import type { Sink } from './outbox.ts';

export class Releases {
  readonly #capabilities: Capabilities;
  readonly #send: (capabilities: readonly Capability[], sink: Sink) => void;
  #gone: Capability[] = [];
  #sent: Promise<void> = Promise.resolve();

  constructor(capabilities: Capabilities, send: (capabilities: readonly Capability[], sink: Sink) => void) {
    this.#capabilities = capabilities;
    this.#send = send;
  }

  /** One handle less. Resolves when the service knows, if it was the last one. */
  letGo(capability: Capability): Promise<void> {
    if (!this.#capabilities.letGo(capability)) return Promise.resolve();
    this.#gone.push(capability);
    if (this.#gone.length === 1) {
      this.#sent = new Promise((resolve, reject) => {
        queueMicrotask(() => this.#release({ deliver: () => resolve(), fail: reject, applied: resolve }));
      });
      // A handle that is dropped in silence has nobody who would hear of it.
      this.#sent.catch(() => {});
    }
    return this.#sent;
  }

  #release(sink: Sink): void {
    // One that has come again meanwhile is held.
    const gone = this.#gone.filter((capability) => !this.#capabilities.holds(capability));
    this.#gone = [];
    if (gone.length === 0) sink.applied();
    else this.#send(gone, sink);
  }
}
