/**
 * A source as a native of a host sees it: its pushes go to the node, one frame each, and resolve with what the node says.
 * Owns the pushes that are not answered yet.
 */
import type { NativeError, Source } from '../../channels/index.ts';
import type { Value } from '../values/index.ts';
import { writeMade } from './made.ts';
import type { ToHost } from './protocol.ts';

/** Sends a frame, and says its number. */
export interface Pushing {
  push(message: readonly Value[], state: Value | undefined, last: boolean): number;
  fail(error: NativeError): number;
}

export class ServedSource implements Source {
  readonly id: string;
  readonly handle: Value;
  readonly account: number;
  readonly resumed: boolean;
  state: Value | undefined;
  readonly #pushing: Pushing;
  readonly #abort = new AbortController();
  readonly #waiting = new Map<number, (taken: boolean) => void>();

  constructor({ source, handle, account, state, resumed }: ToHost<'open'>, pushing: Pushing) {
    this.id = source;
    this.handle = handle;
    this.account = account;
    this.state = state;
    this.resumed = resumed;
    this.#pushing = pushing;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  push(...[message, { state, last = false } = {}]: Parameters<Source['push']>): Promise<boolean> {
    if (this.signal.aborted) return Promise.resolve(false);
    const id = this.#pushing.push(message.map(writeMade), state, last);
    if (state !== undefined) this.state = state;
    return new Promise((resolve) => void this.#waiting.set(id, resolve));
  }

  fail(error: NativeError): Promise<boolean> {
    if (this.signal.aborted) return Promise.resolve(false);
    const id = this.#pushing.fail(error);
    return new Promise((resolve) => void this.#waiting.set(id, resolve));
  }

  pushed(id: number, taken: boolean): void {
    this.#waiting.get(id)?.(taken);
    this.#waiting.delete(id);
  }

  end(): void {
    this.#abort.abort();
    for (const resolve of this.#waiting.values()) resolve(false);
    this.#waiting.clear();
  }
}
