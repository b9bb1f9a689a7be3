/**
 * Plain fields, numbers, text and heads in their shortest form, appended to one growing buffer that is reused. Owns the
 * buffer. Must never know what a value is made of, nor write again where it has handed out what it wrote.
 *
 * What the walk over values needs is `protected` instead of being an object of its own: each byte would go through it.
 */
import { PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import { illFormed, isWellFormed } from './build.ts';
import { Extension } from './format.ts';
import type { BigInteger } from './value.ts';

/** Text up to this many UTF-16 units is written by hand; beyond, the platform's encoder is faster. */
const SHORT_TEXT = 96;

/** Size of the buffer that small results share. */
const SHARED_BYTES = 8 * 1024;

const textEncoder = new TextEncoder();

export class Writer {
  protected buffer: Uint8Array;
  protected at = 0;
  #view: DataView;
  /** Where the current encoding starts; what lies before belongs to whom it was handed out. */
  #start = 0;
  #handedOut = false;

  constructor(capacity: number) {
    this.buffer = new Uint8Array(Math.max(capacity, 16));
    this.#view = new DataView(this.buffer.buffer);
  }

  get length(): number {
    return this.at - this.#start;
  }

  /**
   * Everything written since the last reset. The caller's for good: the encoder never writes there again. Small
   * results share one buffer, for making a buffer costs more than encoding a call; so their `buffer` must not
   * be transferred. Large ones are copies, so that a few small ones never keep a large buffer alive.
   */
  finish(): Uint8Array {
    if (this.buffer.length > SHARED_BYTES) return this.buffer.slice(this.#start, this.at);
    this.#handedOut = true;
    return this.buffer.subarray(this.#start, this.at);
  }

  /** As `finish`, without a copy: the bytes are there until the next reset, and nobody may hold them for longer. */
  view(): Uint8Array {
    return this.buffer.subarray(this.#start, this.at);
  }

  /** Forgets what was written; also the way to use an encoder again after it has thrown. */
  reset(): void {
    if (this.#handedOut) {
      this.#handedOut = false;
      this.#start = this.at;
    } else this.at = this.#start;
  }

  boolean(flag: boolean): void {
    if (this.at === this.buffer.length) this.#grow(1);
    this.buffer[this.at++] = flag ? 0xc3 : 0xc2;
  }

  /** A count, number or length: a safe integer of at least 0, in the form of an Int. */
  uint(n: number): void {
    if (!Number.isSafeInteger(n) || n < 0) throw notAnInt(n);
    this.int(n);
  }

  bytes(bytes: Uint8Array): void {
    this.reserve(bytes.length + 5);
    this.sizeHead(bytes.length, 0xc4);
    this.buffer.set(bytes, this.at);
    this.at += bytes.length;
  }

  string(text: string): void {
    const length = text.length;
    if (length > SHORT_TEXT) {
      this.longText(text, false);
      return;
    }
    this.reserve(length + 2);
    const buffer = this.buffer;
    let at = this.at;
    if (length < 32) buffer[at++] = 0xa0 | length;
    else {
      buffer[at++] = 0xd9;
      buffer[at++] = length;
    }
    for (let index = 0; index < length; index++) {
      const unit = text.charCodeAt(index);
      if (unit > 0x7f) {
        // `at` has not moved, so the attempt leaves no trace
        this.longText(text, false);
        return;
      }
      buffer[at++] = unit;
    }
    this.at = at;
  }

  /** Bytes as they are, without a head: for parts that are canonical bytes already. */
  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.at);
    this.at += bytes.length;
  }

  /** The head of a list whose items are written next, each by a call of its own. */
  listHead(count: number): void {
    this.arrayHead(count);
  }

  protected int(n: number): void {
    if (n >= 0 && n < 0x80 && (n | 0) === n) this.byte(n);
    else this.#wideInt(n);
  }

  #wideInt(n: number): void {
    if ((n | 0) !== n) {
      if (!Number.isSafeInteger(n)) throw notAnInt(n);
      if (n > 0xffffffff || n < -0x80000000) {
        this.reserve(9);
        this.buffer[this.at++] = n < 0 ? 0xd3 : 0xcf;
        this.uint32(Math.floor(n / 0x100000000));
        this.uint32(n);
        return;
      }
    }
    this.reserve(5);
    const buffer = this.buffer;
    if (n >= 0) {
      if (n < 0x100) {
        buffer[this.at++] = 0xcc;
        buffer[this.at++] = n;
      } else if (n < 0x10000) {
        buffer[this.at++] = 0xcd;
        buffer[this.at++] = n >> 8;
        buffer[this.at++] = n;
      } else {
        buffer[this.at++] = 0xce;
        this.uint32(n);
      }
    } else if (n >= -0x20) buffer[this.at++] = n;
    else if (n >= -0x80) {
      buffer[this.at++] = 0xd0;
      buffer[this.at++] = n;
    } else if (n >= -0x8000) {
      buffer[this.at++] = 0xd1;
      buffer[this.at++] = n >> 8;
      buffer[this.at++] = n;
    } else {
      buffer[this.at++] = 0xd2;
      this.uint32(n);
    }
  }

  protected bigInt64(n: bigint): void {
    if (BigInt.asIntN(64, n) !== n) throw notAnInt(n);
    if (n >= INT32_MIN && n <= UINT32_MAX) {
      this.int(Number(n));
      return;
    }
    this.reserve(9);
    this.buffer[this.at] = n < 0n ? 0xd3 : 0xcf;
    this.#view.setBigInt64(this.at + 1, n);
    this.at += 9;
  }

  protected float(n: number): void {
    this.reserve(9);
    this.buffer[this.at] = 0xcb;
    // assigning NaN through a view may keep foreign payload bits; the one NaN has none
    if (Number.isNaN(n)) {
      this.#view.setUint32(this.at + 1, 0x7ff80000);
      this.#view.setUint32(this.at + 5, 0);
    } else this.#view.setFloat64(this.at + 1, n === 0 ? 0 : n);
    this.at += 9;
  }

  /** Shortest two's complement, most significant byte first. */
  protected bigInteger(value: BigInteger): void {
    const n = value.value;
    const magnitude = n < 0n ? ~n : n;
    let digits = magnitude.toString(16);
    if (digits.length % 2 === 1) digits = `0${digits}`;
    // the top bit is the sign
    if (digits.charCodeAt(0) >= 0x38) digits = `00${digits}`;
    const length = digits.length / 2;
    if (length > limits.value_bytes_max) {
      throw new PowerboxError('value_too_large', `a BigInt needs more than ${limits.value_bytes_max} bytes`);
    }
    const flip = n < 0n ? 0xff : 0;
    this.extensionHead(length, Extension.BigInt);
    for (let index = 0; index < length; index++) {
      this.buffer[this.at++] = Number.parseInt(digits.slice(2 * index, 2 * index + 2), 16) ^ flip;
    }
  }

  /** Any text in UTF-8, as a string or as a URI. */
  protected longText(text: string, isUri: boolean): void {
    // the head depends on the length in bytes: write behind room for the longest head, then close the gap
    this.reserve(3 * text.length + 6);
    const start = this.at;
    const { written } = textEncoder.encodeInto(text, this.buffer.subarray(start + 6));
    // an ASCII text has no surrogates
    if (written !== text.length && !isWellFormed(text)) throw illFormed(isUri ? 'a URI' : 'a string');
    if (isUri) this.extensionHead(written, Extension.Uri);
    else this.#textHead(written);
    this.buffer.copyWithin(this.at, start + 6, start + 6 + written);
    this.at += written;
  }

  #textHead(length: number): void {
    if (length < 32) this.byte(0xa0 | length);
    else this.sizeHead(length, 0xd9);
  }

  /** `first`, `first + 1` or `first + 2` as the length needs one, two or four bytes. */
  protected sizeHead(length: number, first: number): void {
    this.reserve(5);
    if (length < 0x100) {
      this.buffer[this.at++] = first;
      this.buffer[this.at++] = length;
    } else if (length < 0x10000) {
      this.buffer[this.at++] = first + 1;
      this.buffer[this.at++] = length >> 8;
      this.buffer[this.at++] = length;
    } else {
      this.buffer[this.at++] = first + 2;
      this.uint32(length);
    }
  }

  protected extensionHead(length: number, type: number): void {
    this.reserve(length + 6);
    const fixed = FIXED_EXTENSIONS.indexOf(length);
    if (fixed >= 0) this.buffer[this.at++] = 0xd4 + fixed;
    else this.sizeHead(length, 0xc7);
    this.buffer[this.at++] = type;
  }

  protected arrayHead(count: number): void {
    if (count < 16) this.byte(0x90 | count);
    else this.#countHead(count, 0xdc);
  }

  protected mapHead(count: number): void {
    if (count < 16) this.byte(0x80 | count);
    else this.#countHead(count, 0xde);
  }

  #countHead(count: number, first: number): void {
    this.reserve(5);
    if (count < 0x10000) {
      this.buffer[this.at++] = first;
      this.buffer[this.at++] = count >> 8;
      this.buffer[this.at++] = count;
    } else {
      this.buffer[this.at++] = first + 1;
      this.uint32(count);
    }
  }

  protected uint32(n: number): void {
    const buffer = this.buffer;
    const at = this.at;
    buffer[at] = n >>> 24;
    buffer[at + 1] = n >>> 16;
    buffer[at + 2] = n >>> 8;
    buffer[at + 3] = n;
    this.at = at + 4;
  }

  protected byte(byte: number): void {
    if (this.at === this.buffer.length) this.#grow(1);
    this.buffer[this.at++] = byte;
  }

  protected reserve(count: number): void {
    if (this.at + count > this.buffer.length) this.#grow(count);
  }

  /** Moves the current encoding to a new buffer; the old one stays as it is for those who hold parts of it. */
  #grow(count: number): void {
    const length = this.at - this.#start;
    const needed = length + count;
    if (needed > limits.encoded_bytes_max) {
      throw new PowerboxError('value_too_large', `an encoding needs more than ${limits.encoded_bytes_max} bytes`);
    }
    const doubled = 2 * this.buffer.length;
    const grown = new Uint8Array(
      Math.max(needed, needed <= SHARED_BYTES / 2 ? Math.min(doubled, SHARED_BYTES) : doubled),
    );
    grown.set(this.buffer.subarray(this.#start, this.at));
    this.buffer = grown;
    this.#view = new DataView(grown.buffer);
    this.#start = 0;
    this.at = length;
    this.#handedOut = false;
  }
}

const INT32_MIN = -0x80000000n;
const UINT32_MAX = 0xffffffffn;
const FIXED_EXTENSIONS = [1, 2, 4, 8, 16];

function notAnInt(n: number | bigint): PowerboxError {
  return new PowerboxError('value_unsupported', `an Int is an integer in 64 bits; this is ${n}`, {
    hint: 'use a Float for fractions and a BigInteger for larger integers',
  });
}
