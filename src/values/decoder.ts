/**
 * Canonical bytes to values and plain fields. Owns the reading half of the format in spec/values.md, and is
 * the one checker of it: whatever it accepts, the encoder writes again byte for byte. Must never trust a
 * length, repair anything, or use the JavaScript stack in proportion to the input's depth.
 */
import { PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import { assembled, type ForeignForm, mapOfParts, partCount, PLAIN_LIST, PLAIN_MAP, Refusal } from './assembly.ts';
import { float } from './build.ts';
import { DRAWN_BYTES, DRAWN_EXTENSION, Extension, OUTSIDE_EXTENSION, RECURSION_MAX } from './format.ts';
import { endOfValue } from './skip.ts';
import { BigInteger, Bytes, List, Uri } from './value.ts';
import type { Name, Value } from './value.ts';

/** Text up to this many bytes is read by hand; beyond, the platform's decoder is faster. */
const SHORT_TEXT = 64;

const textDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** An array or map whose parts are being read. */
interface Open {
  readonly shape: number;
  readonly count: number;
  readonly parts: Value[];
}

export class Decoder {
  readonly #bytes: Uint8Array;
  readonly #readName: (bytes: Uint8Array) => Name;
  readonly #depth_max: number;
  readonly #foreign: ForeignForm | null;
  readonly #outside: ((payload: Uint8Array) => Uint8Array) | null;
  #view: DataView | null = null;
  #at: number;

  /**
   * `readName` gets a copy of 32 bytes that it may keep. The decoder does not keep parts of `bytes`. Nesting of less
   * than 200 levels is always read; `depth_max` bounds what costs more. `outside` finds the bytes that an encoder has
   * kept elsewhere; where it is given, `readName` also gets the 8 bytes that say how a name was drawn.
   */
  constructor(
    bytes: Uint8Array,
    readName: (bytes: Uint8Array) => Name,
    offset = 0,
    depth_max: number = limits.value_depth_max,
    foreign: ForeignForm | null = null,
    outside: ((payload: Uint8Array) => Uint8Array) | null = null,
  ) {
    this.#outside = outside;
    this.#bytes = bytes;
    this.#readName = readName;
    this.#at = offset;
    this.#depth_max = depth_max;
    this.#foreign = foreign;
  }

  get offset(): number {
    return this.#at;
  }

  get atEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** Throws unless everything was read. */
  end(): void {
    if (this.#at !== this.#bytes.length) {
      throw this.#refuse(`${this.#bytes.length - this.#at} trailing bytes after the value`);
    }
  }

  value(): Value {
    return this.#value(0);
  }

  /** Passes over one value by its heads: whoever reads it later learns what is wrong with it. */
  skip(): void {
    const end = endOfValue(this.#bytes, this.#at);
    if (end < 0) throw this.#refuse('expected a value, and there is none, or a part of one');
    this.#at = end;
  }

  /** The count of a list whose items are read next, each by a call of its own. */
  listHead(): number {
    const inner = this.#openHead(this.#peek());
    if (inner === null || inner.shape !== PLAIN_LIST) throw this.#refuse('expected a list');
    return inner.count;
  }

  uint(): number {
    const start = this.#at;
    const value = this.#isInt(this.#peek()) ? this.#value(0) : null;
    if (typeof value === 'number' && value >= 0) return value;
    this.#at = start;
    throw this.#refuse('expected an integer from 0 to 2^53-1');
  }

  boolean(): boolean {
    const head = this.#peek();
    if (head !== 0xc2 && head !== 0xc3) throw this.#refuse('expected a boolean');
    this.#at++;
    return head === 0xc3;
  }

  string(): string {
    const head = this.#peek();
    if ((head & 0xe0) !== 0xa0 && (head < 0xd9 || head > 0xdb)) throw this.#refuse('expected a string');
    return this.#value(0) as string;
  }

  /** A copy. */
  bytes(): Uint8Array {
    const head = this.#peek();
    if (head < 0xc4 || head > 0xc6) throw this.#refuse('expected a byte array');
    return (this.#value(0) as Bytes).bytes;
  }

  #value(depth: number): Value {
    const bytes = this.#bytes;
    if (this.#at >= bytes.length) throw this.#truncated();
    const head = bytes[this.#at++] as number;
    if (head < 0x80) return head;
    if (head < 0x90) return this.#container(PLAIN_MAP, head & 0x0f, depth);
    if (head < 0xa0) return this.#array(head & 0x0f, depth);
    if (head < 0xc0) return this.#text(head & 0x1f);
    return head >= 0xe0 ? head - 0x100 : this.#wide(head, depth);
  }

  /** What begins with a byte that holds no more than its form. */
  #wide(head: number, depth: number): Value {
    switch (head) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return new Bytes(this.#take(this.#size(head - 0xc4, 0)));
      case 0xca:
        return this.#float32();
      case 0xcb:
        return this.#float();
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.#text(this.#size(head - 0xd9, 32));
      case 0xdc:
      case 0xdd:
        return this.#array(this.#count(head - 0xdc), depth);
      case 0xde:
      case 0xdf:
        return this.#container(PLAIN_MAP, this.#count(head - 0xde), depth);
      default:
        return this.#isInt(head) ? this.#wideInt(head) : this.#extension(head);
    }
  }

  /** A list, or a node when the first element is a marker. */
  #array(count: number, depth: number): Value {
    return this.#container(this.#marker(count), count, depth);
  }

  /** Reads the marker of a node and returns its tag, or says that this array is a plain list. */
  #marker(count: number): number {
    const bytes = this.#bytes;
    if (count === 0 || bytes[this.#at] !== 0xd4 || bytes[this.#at + 1] !== Extension.Node) return PLAIN_LIST;
    this.#need(3);
    this.#at += 3;
    return bytes[this.#at - 1] as number;
  }

  #container(shape: number, count: number, depth: number): Value {
    if (depth >= RECURSION_MAX) return this.#deep(shape, count, depth);
    const parts = partCount(shape, count);
    this.#need(parts);
    if (shape === PLAIN_MAP) return this.#map(count, depth);
    const items = room(parts);
    for (let index = 0; index < parts; index++) items[index] = this.#value(depth + 1);
    return shape === PLAIN_LIST ? new List(items) : this.#build(shape, items);
  }

  #map(count: number, depth: number): Value {
    const keys = room(count);
    const items = room(count);
    for (let index = 0; index < count; index++) {
      keys[index] = this.#value(depth + 1);
      items[index] = this.#value(depth + 1);
    }
    return this.#mapOf(keys, items);
  }

  /** The walk with its own stack. */
  #deep(shape: number, count: number, depth: number): Value {
    const open: Open[] = [{ shape, count: this.#checked(shape, count), parts: [] }];
    for (;;) {
      const top = open[open.length - 1] as Open;
      let value: Value;
      if (top.parts.length === top.count) {
        value = this.#build(top.shape, top.parts);
        open.pop();
        const outer = open[open.length - 1];
        if (outer === undefined) return value;
        outer.parts.push(value);
        continue;
      }
      const head = this.#peek();
      const inner = this.#openHead(head);
      if (inner === null) top.parts.push(this.#value(0));
      else {
        if (depth + open.length >= this.#depth_max) {
          throw this.#refuse(`nested deeper than ${this.#depth_max} levels`);
        }
        open.push(inner);
      }
    }
  }

  /** Reads the head of an array or map; null, and nothing read, for everything else. */
  #openHead(head: number): Open | null {
    const isMap = (head & 0xf0) === 0x80 || head === 0xde || head === 0xdf;
    const isArray = (head & 0xf0) === 0x90 || head === 0xdc || head === 0xdd;
    if (!isMap && !isArray) return null;
    this.#at++;
    const count = head < 0xa0 ? head & 0x0f : this.#count(head & 1);
    const shape = isMap ? PLAIN_MAP : this.#marker(count);
    return { shape, count: this.#checked(shape, count), parts: [] };
  }

  #checked(shape: number, count: number): number {
    const parts = partCount(shape, count);
    this.#need(parts);
    return parts;
  }

  #build(shape: number, parts: readonly Value[]): Value {
    return this.#accepted(assembled(shape, parts, this.#foreign));
  }

  #mapOf(keys: readonly Value[], items: readonly Value[]): Value {
    return this.#accepted(mapOfParts(keys, items, this.#foreign));
  }

  #accepted(made: Value | Refusal): Value {
    if (made instanceof Refusal) throw this.#refuse(made.reason);
    return made;
  }

  #isInt(head: number): boolean {
    return head < 0x80 || head >= 0xe0 || (head >= 0xcc && head <= 0xcf) || (head >= 0xd0 && head <= 0xd3);
  }

  /** The forms of more than one byte; each is refused for what a shorter form can say. */
  #wideInt(head: number): number | bigint {
    switch (head) {
      case 0xcc:
        return this.#shortest(this.#unsigned(1), 0x80);
      case 0xcd:
        return this.#shortest(this.#unsigned(2), 0x100);
      case 0xce:
        return this.#shortest(this.#unsigned(4), 0x10000);
      case 0xd0:
        return this.#shortestNegative((this.#unsigned(1) << 24) >> 24, -0x20);
      case 0xd1:
        return this.#shortestNegative((this.#unsigned(2) << 16) >> 16, -0x80);
      case 0xd2:
        return this.#shortestNegative(this.#unsigned(4) | 0, -0x8000);
      default:
        return this.#int64(head);
    }
  }

  #int64(head: number): number | bigint {
    const high = this.#unsigned(4);
    const low = this.#unsigned(4);
    if (head === 0xcf) {
      if (high >= 0x80000000) throw this.#refuse('an Int beyond 64 bits');
      if (high === 0 && this.#foreign === null) throw this.#refuse('an Int not in its shortest form');
      if (high < 0x200000) return high * 0x100000000 + low;
    } else {
      if ((high < 0x80000000 || (high === 0xffffffff && low >= 0x80000000)) && this.#foreign === null) {
        throw this.#refuse('an Int not in its shortest form');
      }
      if (high < 0x200000) return high * 0x100000000 + low;
      // -2^53 itself is no safe integer
      if (high > 0xffe00000 || (high === 0xffe00000 && low > 0)) return (high | 0) * 0x100000000 + low;
    }
    return BigInt.asIntN(64, (BigInt(high) << 32n) | BigInt(low));
  }

  #shortest(n: number, least: number): number {
    if (n < least && this.#foreign === null) throw this.#refuse('an Int not in its shortest form');
    return n;
  }

  #shortestNegative(n: number, least: number): number {
    if (n >= least && this.#foreign === null) throw this.#refuse('an Int not in its shortest form');
    return n;
  }

  #float(): Value {
    this.#need(8);
    const view = this.#dataView();
    const n = view.getFloat64(this.#at);
    if (this.#foreign !== null) {
      // `float` makes the one NaN and the one zero of what comes.
    } else if (Number.isNaN(n)) {
      if (view.getUint32(this.#at) !== 0x7ff80000 || view.getUint32(this.#at + 4) !== 0) {
        throw this.#refuse('a Float that is another NaN');
      }
    } else if (Object.is(n, -0)) throw this.#refuse('a Float that is -0');
    this.#at += 8;
    return float(n);
  }

  /** Half as long, and never canonical. */
  #float32(): Value {
    if (this.#foreign === null) throw this.#refuse('byte 0xca starts no value');
    this.#need(4);
    this.#at += 4;
    return float(this.#dataView().getFloat32(this.#at - 4));
  }

  #extension(head: number): Value {
    let length: number;
    if (head >= 0xd4 && head <= 0xd8) length = 1 << (head - 0xd4);
    else if (head >= 0xc7 && head <= 0xc9) {
      length = this.#size(head - 0xc7, 0);
      if (this.#foreign === null && length <= 16 && (length & (length - 1)) === 0 && length !== 0) {
        throw this.#refuse('an extension not in its shortest form');
      }
    } else throw this.#refuse(`byte 0x${head.toString(16)} starts no value`);
    this.#need(1);
    const type = this.#bytes[this.#at++];
    switch (type) {
      case Extension.BigInt:
        return this.#bigInteger(length);
      case Extension.Uri:
        return new Uri(this.#text(length));
      case Extension.Name:
        if (this.#foreign !== null) throw this.#refuse('a raw name is no authority here');
        if (length !== 32) throw this.#refuse(`a name of ${length} bytes; it has 32`);
        return this.#readName(this.#take(32));
      case Extension.Node:
        throw this.#refuse('a node marker that is not the first element of an array');
      default:
        return this.#foreignExtension(type as number, length);
    }
  }

  #foreignExtension(type: number, length: number): Value {
    if (type === DRAWN_EXTENSION && this.#outside !== null) {
      if (length !== DRAWN_BYTES) throw this.#refuse(`a drawn name of ${length} bytes; it has ${DRAWN_BYTES}`);
      return this.#readName(this.#take(DRAWN_BYTES));
    }
    if (type === OUTSIDE_EXTENSION && this.#outside !== null) return new Bytes(this.#outside(this.#take(length)));
    const value = this.#foreign?.extension(type, this.#take(length));
    if (value === undefined) throw this.#refuse(`unknown extension type ${type}`);
    return value;
  }

  #bigInteger(length: number): Value {
    if (length === 0) throw this.#refuse('a BigInt without bytes');
    if (length > limits.value_bytes_max) throw this.#refuse(`a BigInt of more than ${limits.value_bytes_max} bytes`);
    const bytes = this.#take(length);
    const first = bytes[0] as number;
    const negative = first >= 0x80;
    if (
      this.#foreign === null &&
      length > 1 &&
      first === (negative ? 0xff : 0) &&
      (bytes[1] as number) >= 0x80 === negative
    ) {
      throw this.#refuse('a BigInt not in its shortest form');
    }
    const flip = negative ? 0xff : 0;
    let digits = '0x';
    for (const byte of bytes) digits += HEX[byte ^ flip];
    const magnitude = BigInt(digits);
    return new BigInteger(negative ? ~magnitude : magnitude);
  }

  #text(length: number): string {
    this.#need(length);
    const bytes = this.#bytes;
    const start = this.#at;
    const end = start + length;
    if (length <= SHORT_TEXT) {
      let text = '';
      let at = start;
      for (; at + 4 <= end; at += 4) {
        const a = bytes[at] as number;
        const b = bytes[at + 1] as number;
        const c = bytes[at + 2] as number;
        const d = bytes[at + 3] as number;
        if ((a | b | c | d) > 0x7f) return this.#longText(start, end);
        text += String.fromCharCode(a, b, c, d);
      }
      for (; at < end; at++) {
        const a = bytes[at] as number;
        if (a > 0x7f) return this.#longText(start, end);
        text += String.fromCharCode(a);
      }
      this.#at = end;
      return text;
    }
    return this.#longText(start, end);
  }

  #longText(start: number, end: number): string {
    let text: string;
    try {
      text = textDecoder.decode(this.#bytes.subarray(start, end));
    } catch {
      throw this.#refuse('text that is not valid UTF-8');
    }
    this.#at = end;
    return text;
  }

  /** A length of 1, 2 or 4 bytes as `width` is 0, 1 or 2, refused when below `least` or when it fits in fewer. */
  #size(width: number, least: number): number {
    const size = this.#unsigned(1 << width);
    if (this.#foreign === null && (size < least || (width === 1 && size < 0x100) || (width === 2 && size < 0x10000))) {
      throw this.#refuse('a length not in its shortest form');
    }
    return size;
  }

  /** A count of 2 or 4 bytes as `width` is 0 or 1. */
  #count(width: number): number {
    const count = this.#unsigned(2 << width);
    if (this.#foreign === null && count < (width === 0 ? 16 : 0x10000))
      throw this.#refuse('a length not in its shortest form');
    return count;
  }

  #unsigned(width: number): number {
    this.#need(width);
    const bytes = this.#bytes;
    const at = this.#at;
    this.#at = at + width;
    let n = bytes[at] as number;
    for (let index = 1; index < width; index++) n = n * 256 + (bytes[at + index] as number);
    return n;
  }

  #take(length: number): Uint8Array {
    this.#need(length);
    this.#at += length;
    return Uint8Array.prototype.slice.call(this.#bytes, this.#at - length, this.#at);
  }

  #peek(): number {
    if (this.#at >= this.#bytes.length) throw this.#truncated();
    return this.#bytes[this.#at] as number;
  }

  #need(count: number): void {
    if (count > this.#bytes.length - this.#at) throw this.#truncated();
  }

  #dataView(): DataView {
    this.#view ??= new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.byteLength);
    return this.#view;
  }

  #truncated(): PowerboxError {
    return this.#refuse('truncated: the bytes end within a value');
  }

  #refuse(reason: string): PowerboxError {
    return new PowerboxError('value_not_canonical', `bytes that are not canonical: ${reason} (at byte ${this.#at})`);
  }
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** Large counts are only a claim until their parts were read: nested claims must not reserve memory each. */
function room(count: number): Value[] {
  return count <= 64 ? new Array<Value>(count) : [];
}
