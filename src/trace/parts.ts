/** Byte arrays one after the other, in blocks of some size: rows, entries and large messages of a trace. */
import { limits } from '../limits.ts';
import { Encoder } from '../values/index.ts';

export class PartWriter {
  readonly #flush: (body: Uint8Array) => void;
  #encoder = new Encoder(4096);

  constructor(flush: (body: Uint8Array) => void) {
    this.#flush = flush;
  }

  add(...parts: readonly Uint8Array[]): void {
    for (const part of parts) this.#encoder.bytes(part);
    if (this.#encoder.length >= limits.trace_block_bytes) this.end();
  }

  end(): void {
    if (this.#encoder.length === 0) return;
    this.#flush(this.#encoder.finish());
    this.#encoder = new Encoder(4096);
  }
}
