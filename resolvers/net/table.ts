/**
 * Sockets by the number in their handle. A handle also says which process its socket belonged to, so that one of an
 * earlier process is known for what it is, whatever number it had. Owns the numbers, and remembers for a while why
 * a socket ended.
 */
import { powerHandle, readPowerHandle } from '../../src/capability/index.ts';
import { limits } from '../../src/limits.ts';
import type { NativeError } from '../../src/natives/index.ts';
import type { Randomness } from '../../src/platform/index.ts';
import type { Value } from '../../src/values/index.ts';

const PROCESS_BYTES = 8;

export class SocketTable<T extends { readonly grant: { readonly id: string } }> {
  /** Of this process and no other. */
  readonly #process: string;
  readonly #sockets = new Map<number, T>();
  /** Why sockets ended, oldest first. */
  readonly #ends = new Map<number, string>();
  #last = 0;

  constructor(randomness: Randomness) {
    this.#process = Buffer.from(randomness.bytes(PROCESS_BYTES)).toString('hex');
  }

  nextNumber(): number {
    return ++this.#last;
  }

  /** `more`: what tells the object besides the number. */
  handle(grant: string, number: number, ...more: readonly Value[]): Value {
    return powerHandle(grant, this.#process, number, ...more);
  }

  add(number: number, socket: T): void {
    this.#sockets.set(number, socket);
  }

  remove(number: number, reason: string): void {
    if (!this.#sockets.delete(number)) return;
    this.#ends.set(number, reason);
    const [oldest] = this.#ends.keys();
    if (this.#ends.size > limits.socket_ends_kept_max && oldest !== undefined) this.#ends.delete(oldest);
  }

  /** Whether a handle was made by this process. */
  isOwn(handle: Value): boolean {
    return readPowerHandle(handle).rest[0] === this.#process;
  }

  numberOf(handle: Value): number {
    return readPowerHandle(handle).rest[1] as number;
  }

  find(handle: Value): T | NativeError {
    const { grant, rest } = readPowerHandle(handle);
    if (rest[0] !== this.#process) {
      return {
        code: 'handle_closed',
        message: 'this socket belonged to a process of the space that has ended, and was closed with it',
      };
    }
    const number = rest[1] as number;
    const found = this.#sockets.get(number);
    if (found !== undefined && found.grant.id === grant) return found;
    return { code: 'handle_closed', message: `this socket is closed: ${this.#ends.get(number) ?? 'it has ended'}` };
  }
}

/** Of a handle whose grant was taken back, or never given to this process. */
export function notGranted(): NativeError {
  return {
    code: 'not_available',
    message: 'the grant of the network that this channel came from is not there any more',
  };
}
