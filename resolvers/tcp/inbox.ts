/**
 * Bytes that have come and nobody has received. Owns one buffer that grows, so that a peer who sends byte by byte
 * costs no more than one who sends all at once; whoever adds to it sees to its bound.
 */
import type { NativeError } from '../../src/natives/index.ts';

/** What a call wants to receive. */
export type Wanted =
  | { readonly kind: 'some' }
  | { readonly kind: 'exactly'; readonly count: number }
  | { readonly kind: 'until'; readonly delimiter: Uint8Array }
  | { readonly kind: 'frame' };

/** Bytes that say how long a frame is. */
export const FRAME_HEAD_BYTES = 4;
const FIRST_BYTES = 4 * 1024;
const COPIED_BY_HAND = 128;
/** A larger buffer is given back when it is empty: most connections are idle most of the time. */
const KEPT_BYTES = 8 * 1024;

export class Inbox {
  #buffer = Buffer.alloc(0);
  #start = 0;
  #end = 0;
  /** Up to where this delimiter was looked for already, from `#start`. */
  #searched = 0;
  #sought: Uint8Array | null = null;
  readonly #bytes_max: number;

  constructor(bytes_max: number) {
    this.#bytes_max = bytes_max;
  }

  get length(): number {
    return this.#end - this.#start;
  }

  add(chunk: Uint8Array): void {
    if (this.#end + chunk.length > this.#buffer.length) this.#makeRoom(chunk.length);
    this.#buffer.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  /** Null: it is not there yet. An error: what is there can never be what is wanted. Only what is answered is taken. */
  take(wanted: Wanted): Uint8Array | NativeError | null {
    const { length } = this;
    switch (wanted.kind) {
      case 'some':
        return length === 0 ? null : this.#cut(length, 0, 0);
      case 'exactly':
        if (wanted.count > this.#bytes_max) return this.#tooLarge(`${wanted.count} bytes are asked for`);
        return length < wanted.count ? null : this.#cut(wanted.count, 0, 0);
      case 'until':
        return this.#takeUntil(wanted.delimiter);
      case 'frame': {
        if (length < FRAME_HEAD_BYTES) return null;
        const size = this.#buffer.readUInt32BE(this.#start);
        if (size > this.#bytes_max - FRAME_HEAD_BYTES) return this.#tooLarge(`the next frame has ${size} bytes`);
        return length < FRAME_HEAD_BYTES + size ? null : this.#cut(size, FRAME_HEAD_BYTES, 0);
      }
      default: {
        const never: never = wanted;
        throw new Error(`nothing is received by ${String(never)}`);
      }
    }
  }

  clear(): void {
    this.#buffer = Buffer.alloc(0);
    this.#start = this.#end = this.#searched = 0;
  }

  #empty(): void {
    if (this.#buffer.length > KEPT_BYTES) this.clear();
    else this.#start = this.#end = 0;
  }

  #takeUntil(delimiter: Uint8Array): Uint8Array | NativeError | null {
    const { length } = this;
    if (this.#sought !== delimiter) this.#searched = 0;
    this.#sought = delimiter;
    const from = Math.max(0, this.#searched - delimiter.length + 1);
    const found = this.#buffer.subarray(this.#start, this.#end).indexOf(delimiter, from);
    if (found >= 0) return this.#cut(found, 0, delimiter.length);
    this.#searched = length;
    return length < this.#bytes_max ? null : this.#tooLarge(`${length} bytes have come without the delimiter`);
  }

  /** A copy: what is handed out never changes. */
  #cut(count: number, before: number, after: number): Uint8Array {
    const start = this.#start + before;
    const bytes = new Uint8Array(count);
    // By hand, a few take less time than the view that a copy by the platform needs.
    if (count > COPIED_BY_HAND) bytes.set(this.#buffer.subarray(start, start + count));
    else for (let index = 0; index < count; index++) bytes[index] = this.#buffer[start + index] as number;
    this.#start = start + count + after;
    this.#searched = 0;
    if (this.#start === this.#end) this.#empty();
    return bytes;
  }

  #makeRoom(more: number): void {
    const { length } = this;
    const needed = length + more;
    const buffer = needed * 2 <= this.#buffer.length ? this.#buffer : Buffer.alloc(Math.max(FIRST_BYTES, needed * 2));
    this.#buffer.copy(buffer, 0, this.#start, this.#end);
    this.#buffer = buffer;
    this.#start = 0;
    this.#end = length;
  }

  #tooLarge(what: string): NativeError {
    return {
      code: 'value_too_large',
      message: `${what}, and this grant has room for ${this.#bytes_max} at once; receive them in parts`,
    };
  }
}
