/**
 * A trace as it is recorded, for somebody who takes it piece by piece. Owns what was written and not taken, which is bounded:
 * the space does not wait for a reader, so one that is too slow loses the rest, and hears of it.
 */
import { PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { TraceSink } from './writer.ts';

export interface TraceStreamOptions {
  /** Default: `limits.trace_stream_bytes_max`. */
  readonly bytes_max?: number;
  /** Nobody reads any more. */
  readonly left?: () => void;
}

export class TraceStream implements TraceSink, AsyncIterableIterator<Uint8Array, undefined> {
  readonly #bytes_max: number;
  readonly #left: () => void;
  #parts: Uint8Array[] = [];
  #held_bytes = 0;
  #closed = false;
  #error: Error | null = null;
  #wake: (() => void) | null = null;
  #waiting: (() => void)[] = [];

  constructor({ bytes_max = limits.trace_stream_bytes_max, left = () => {} }: TraceStreamOptions = {}) {
    this.#bytes_max = bytes_max;
    this.#left = left;
  }

  /** Throws `rate_limited` when the reader is so far behind that no more is kept for it. */
  write(bytes: Uint8Array): void {
    if (this.#closed) return;
    if (this.#held_bytes > 0 && this.#held_bytes + bytes.length > this.#bytes_max) {
      const why = `the trace is read more slowly than it is written: ${this.#held_bytes} bytes wait to be taken`;
      throw new PowerboxError('rate_limited', why, {
        hint: 'Read it faster, or record into a file of the node.',
      });
    }
    this.#parts.push(bytes);
    this.#held_bytes += bytes.length;
    this.#wake?.();
  }

  /** What was written before is still read. */
  close(): void {
    this.#closed = true;
    this.#wake?.();
    this.#release();
  }

  /** After what was written before, whoever reads hears this. */
  fail(error: Error): void {
    this.#error ??= error;
    this.close();
  }

  ready(): Promise<void> {
    if (this.#closed || this.#held_bytes <= this.#bytes_max / 4) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #release(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    for (;;) {
      const value = this.#parts.shift();
      if (value !== undefined) {
        this.#held_bytes -= value.length;
        if (this.#held_bytes <= this.#bytes_max / 4) this.#release();
        return { done: false, value };
      }
      if (this.#error !== null) throw this.#error;
      if (this.#closed) return { done: true, value: undefined };
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = null;
    }
  }

  return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#parts = [];
    this.#held_bytes = 0;
    this.close();
    this.#left();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
