/**
 * A trace of the space as it comes over the connection. Owns what has come and was not taken, which is bounded by what this
 * side lets come. Must never end without an error unless the trace is whole.
 */
import type { PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { ClientMessage } from '../wire/index.ts';

export class RecordedTrace implements AsyncIterableIterator<Uint8Array, undefined> {
  readonly #say: (message: ClientMessage) => void;
  #parts: Uint8Array[] = [];
  /** Taken since more was allowed. */
  #taken_bytes = 0;
  #ending: { readonly error: PowerboxError | null } | null = null;
  #left = false;
  #wake: (() => void)[] = [];

  /** Said with the next frame: that it begins. */
  constructor(say: (message: ClientMessage) => void) {
    this.#say = say;
    say({ kind: 'record', credit: limits.client_record_credit_bytes });
  }

  /** Nothing more comes of it. */
  get isOver(): boolean {
    return this.#ending !== null;
  }

  came(bytes: Uint8Array): void {
    if (this.isOver) return;
    if (this.#left) this.#took(bytes.length);
    else this.#parts.push(bytes);
    this.#look();
  }

  over(error: PowerboxError | null): void {
    this.#ending ??= { error };
    this.#look();
  }

  #look(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }

  #took(count: number): void {
    this.#taken_bytes += count;
    if (this.isOver || this.#taken_bytes < limits.client_record_credit_bytes / 2) return;
    this.#say({ kind: 'record-credit', more: this.#taken_bytes });
    this.#taken_bytes = 0;
  }

  /** Ends it: what is still to be taken makes the trace whole. Resolves when all of it has come. */
  async stop(): Promise<void> {
    if (!this.isOver) this.#say({ kind: 'record-end' });
    while (this.#ending === null) await this.#change();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#wake.push(resolve));
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    for (;;) {
      const value = this.#parts.shift();
      if (value !== undefined) {
        this.#took(value.length);
        return { done: false, value };
      }
      if (this.#left) return { done: true, value: undefined };
      if (this.#ending !== null) {
        if (this.#ending.error !== null) throw this.#ending.error;
        return { done: true, value: undefined };
      }
      await this.#change();
    }
  }

  /** The loop was left: what still comes is dropped. */
  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (!this.#left) {
      this.#left = true;
      const unread = this.#parts.splice(0).reduce((sum, { length }) => sum + length, 0);
      this.#took(unread);
      await this.stop();
    }
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
