/**
 * Capabilities that the program has let go of, on their way back. Puts those of one turn of the program together. Must
 * never give back one to which there is a handle again, however late the word of it leaves: over a bad line the same
 * capability may have come again before.
 */
import type { Capability } from '../wire/index.ts';
import type { Capabilities } from './marshal.ts';
import type { Sink } from './outbox.ts';

/** What one request gives back, as it is when that is written down. */
export interface Release {
  capabilities(): readonly Capability[];
}

export class Releases {
  readonly #capabilities: Capabilities;
  readonly #send: (release: Release, sink: Sink) => void;
  #gone: Capability[] = [];
  #sent: Promise<void> = Promise.resolve();
  /** On their way, and not known to be applied. */
  readonly #underWay = new Set<Capability[]>();

  constructor(capabilities: Capabilities, send: (release: Release, sink: Sink) => void) {
    this.#capabilities = capabilities;
    this.#send = send;
  }

  /** One handle less. Resolves when the service knows, if it was the last one. */
  letGo(capability: Capability): Promise<void> {
    if (!this.#capabilities.letGo(capability)) return Promise.resolve();
    // It had come again since it was let go of, so it is given back once more: what is said first of the two is the later.
    for (const earlier of this.#underWay) {
      const index = earlier.findIndex((one) => isSame(one, capability));
      if (index >= 0) earlier.splice(index, 1);
    }
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
    const gone = this.#stillGone(this.#gone);
    this.#gone = [];
    if (gone.length === 0) {
      sink.applied();
      return;
    }
    this.#underWay.add(gone);
    const over = (): void => void this.#underWay.delete(gone);
    this.#send(
      { capabilities: () => this.#stillGone(gone) },
      {
        ...sink,
        fail: (error) => {
          over();
          sink.fail(error);
        },
        applied: () => {
          over();
          sink.applied();
        },
      },
    );
  }

  /** Without those that have come again meanwhile. */
  #stillGone(gone: readonly Capability[]): Capability[] {
    return gone.filter((capability) => !this.#capabilities.holds(capability));
  }
}

function isSame({ token: left }: Capability, { token: right }: Capability): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}
