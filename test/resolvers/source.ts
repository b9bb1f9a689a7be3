/** Plays the space's end of a source to natives: keeps what arrived, lets a native wait for a slow reader. */
import assert from 'node:assert/strict';
import type { Made, NativeError, NewSource, Source } from '../../channels/index.ts';
import type { Value } from '../../src/values/index.ts';

let made = 0;

export class TestSource implements Source {
  readonly id = `s${++made}`;
  readonly account = 1;
  readonly handle: Value;
  readonly resumed: boolean;
  readonly #unread_max: number;
  readonly #leaving = new AbortController();
  state: Value | undefined;
  /** Arrived and not taken yet, oldest first. */
  readonly unread: (readonly Made[])[] = [];
  failure: NativeError | null = null;
  readonly reported: NativeError[] = [];
  ended = false;
  readonly #readers: (() => void)[] = [];
  readonly #senders: (() => void)[] = [];

  constructor({ handle, options }: NewSource, resumed = false) {
    this.handle = handle;
    this.resumed = resumed;
    this.state = options.state;
    this.#unread_max = options.unread_max ?? 64;
  }

  get signal(): AbortSignal {
    return this.#leaving.signal;
  }

  async push(
    message: readonly Made[],
    options: { readonly state?: Value; readonly last?: boolean } = {},
  ): Promise<boolean> {
    // As in the space: durable first.
    await new Promise((resolve) => setImmediate(resolve));
    if (this.ended) return false;
    this.unread.push(message);
    if (options.state !== undefined) this.state = options.state;
    if (options.last === true) this.ended = true;
    for (const wake of this.#readers.splice(0)) wake();
    while (!this.ended && this.unread.length >= this.#unread_max)
      await new Promise<void>((resolve) => this.#senders.push(resolve));
    return options.last === true || !this.ended;
  }

  report(error: NativeError): void {
    this.reported.push(error);
  }

  async fail(error: NativeError): Promise<boolean> {
    if (this.ended) return false;
    this.failure = error;
    this.ended = true;
    for (const wake of this.#readers.splice(0)) wake();
    return true;
  }

  /** The next message; fails when the source has ended without one. */
  async take(): Promise<readonly Made[]> {
    for (;;) {
      const message = this.unread.shift();
      if (message !== undefined) {
        for (const wake of this.#senders.splice(0)) wake();
        return message;
      }
      if (this.ended) assert.fail(`the source has ended: ${this.failure?.code ?? 'with its last message'}`);
      await new Promise<void>((resolve) => this.#readers.push(resolve));
    }
  }

  /** Resolves when the native has ended it with an error. */
  async failed(): Promise<NativeError> {
    while (this.failure === null) {
      assert(!this.ended, 'the source has ended without an error');
      await new Promise<void>((resolve) => this.#readers.push(resolve));
    }
    return this.failure;
  }

  /** Nobody may or wants to hear more. */
  leave(): void {
    this.ended = true;
    this.#leaving.abort();
    for (const wake of [...this.#senders.splice(0), ...this.#readers.splice(0)]) wake();
  }
}
