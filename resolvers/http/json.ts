/**
 * JSON to values and back. Only computes. Integers of any size are integers, a number with a fraction or an exponent
 * is a float; so what a server wrote is what a program gets, which the parser of JavaScript cannot promise. Depth is
 * bounded; what is no JSON, or has no value, is refused whole.
 */
import { limits } from '../../src/limits.ts';
import { BigInteger, Kind, float, isWellFormed, list, mapOf } from '../../src/values/index.ts';
import type { Value } from '../../src/values/index.ts';

const TAB = 0x09;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const ZERO = 0x30;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_ARRAY = 0x5d;
const SMALL_F = 0x66;
const SMALL_N = 0x6e;
const SMALL_T = 0x74;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
/** Behind the last sign. */
const END = -1;
const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
const HEX = /^[0-9A-Fa-f]{4}$/;
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};
const INT_MAX = 2n ** 63n - 1n;
const INT_MIN = -(2n ** 63n);

/** Why a text is not read; thrown and caught in this file only. */
class Malformed extends Error {}

/**
 * The signs of a text, which are looked at one by one: in an array that is half of the work that it is in a string. Of text
 * in ASCII they are its bytes.
 */
type Signs = Uint8Array | Uint16Array;

/** A value, or what is wrong with the text. Of text in ASCII its bytes are at hand; else null. */
export function parseJson(
  text: string,
  ascii: Uint8Array | null,
): { readonly value: Value } | { readonly fault: string } {
  const reader = new Reader(text, ascii ?? signsOf(text));
  try {
    return { value: reader.whole() };
  } catch (error) {
    if (error instanceof Malformed) return { fault: error.message };
    throw error;
  }
}

function signsOf(text: string): Uint16Array {
  const signs = new Uint16Array(text.length);
  for (let at = 0; at < signs.length; at++) signs[at] = text.charCodeAt(at);
  return signs;
}

class Reader {
  readonly #text: string;
  readonly #signs: Signs;
  readonly #end: number;
  #at = 0;

  constructor(text: string, signs: Signs) {
    this.#text = text;
    this.#signs = signs;
    this.#end = signs.length;
  }

  whole(): Value {
    const value = this.#value(0);
    this.#next();
    if (this.#at < this.#end) this.#fail('something follows its end');
    return value;
  }

  #value(depth: number): Value {
    if (depth > limits.json_depth_max) this.#fail(`it is nested deeper than ${limits.json_depth_max}`);
    switch (this.#next()) {
      case QUOTE:
        return this.#string();
      case OPEN_OBJECT:
        return this.#object(depth);
      case OPEN_ARRAY:
        return this.#array(depth);
      case SMALL_T:
        return this.#word('true', true);
      case SMALL_F:
        return this.#word('false', false);
      case SMALL_N:
        return this.#word('null', null);
      default:
        return this.#number();
    }
  }

  #object(depth: number): Value {
    const keys: Value[] = [];
    const items: Value[] = [];
    this.#at++;
    if (!this.#takes(CLOSE_OBJECT)) {
      do {
        if (this.#next() !== QUOTE) this.#fail('a key is expected');
        keys.push(this.#string());
        if (!this.#takes(COLON)) this.#fail('a colon is expected');
        items.push(this.#value(depth + 1));
      } while (this.#takes(COMMA));
      if (!this.#takes(CLOSE_OBJECT)) this.#fail('a comma or } is expected');
    }
    // Of two equal keys some readers take the first, some the last: whoever wrote them means to be misread.
    return mapOf(keys, items) ?? this.#fail('a key comes twice');
  }

  #array(depth: number): Value {
    const items: Value[] = [];
    this.#at++;
    if (this.#takes(CLOSE_ARRAY)) return list(items);
    do items.push(this.#value(depth + 1));
    while (this.#takes(COMMA));
    if (!this.#takes(CLOSE_ARRAY)) this.#fail('a comma or ] is expected');
    return list(items);
  }

  #string(): string {
    const text = this.#text;
    const signs = this.#signs;
    const end = this.#end;
    let start = ++this.#at;
    let before = '';
    let isPlain = true;
    let at = start;
    for (; at < end; at++) {
      const sign = signs[at] as number;
      // Most are letters, which lie beyond what is looked for.
      if (sign > BACKSLASH && sign < 0xd800) continue;
      if (sign === QUOTE) {
        this.#at = at + 1;
        if (isPlain) return text.slice(start, at);
        const whole = before + text.slice(start, at);
        if (!isWellFormed(whole)) this.#fail('a string has half of a surrogate pair');
        return whole;
      }
      if (sign === BACKSLASH) {
        this.#at = at + 1;
        before += text.slice(start, at) + this.#escape();
        isPlain = false;
        start = this.#at;
        at = start - 1;
      } else if (sign >= 0xd800) isPlain = false;
      else if (sign < SPACE) break;
    }
    this.#at = at;
    return this.#fail('a string has no end, or a control character');
  }

  #escape(): string {
    const sign = this.#text[this.#at++] ?? '';
    const plain = ESCAPES[sign];
    if (plain !== undefined) return plain;
    const hex = this.#text.slice(this.#at, this.#at + 4);
    if (sign !== 'u' || !HEX.test(hex)) this.#fail('an escape is unknown');
    this.#at += 4;
    return String.fromCharCode(Number.parseInt(hex, 16));
  }

  #number(): Value {
    // Nearly all are short and whole.
    const signs = this.#signs;
    let at = this.#at;
    const last = Math.min(at + 15, this.#end - 1);
    let value = 0;
    for (; at < last; at++) {
      const digit = (signs[at] as number) - ZERO;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    // Not where there is none, nor one that begins with a zero, nor at the end: these are looked at more closely.
    if (value > 0 && signs[this.#at] !== ZERO) {
      const next = signs[at];
      if (next === COMMA || next === CLOSE_OBJECT || next === CLOSE_ARRAY) {
        this.#at = at;
        return value;
      }
    }
    return this.#anyNumber();
  }

  #anyNumber(): Value {
    NUMBER.lastIndex = this.#at;
    const found = NUMBER.exec(this.#text);
    if (found === null) this.#fail('a value is expected');
    const [digits, fraction, exponent] = found;
    this.#at += digits.length;
    if (fraction === undefined && exponent === undefined)
      return integer(digits, () => this.#fail('a number is too long'));
    const value = Number(digits);
    if (!Number.isFinite(value)) this.#fail('a number is beyond what a float can be');
    return float(value);
  }

  #word<T extends boolean | null>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) this.#fail('a value is expected');
    this.#at += word.length;
    return value;
  }

  #takes(sign: number): boolean {
    if (this.#next() !== sign) return false;
    this.#at++;
    return true;
  }

  /** The next sign that is no space, or `END`. */
  #next(): number {
    const signs = this.#signs;
    const end = this.#end;
    let at = this.#at;
    let sign = END;
    for (; at < end; at++) {
      sign = signs[at] as number;
      if (sign > SPACE || (sign !== SPACE && sign !== LINE_FEED && sign !== CARRIAGE_RETURN && sign !== TAB)) break;
    }
    this.#at = at;
    return at < end ? sign : END;
  }

  #fail(why: string): never {
    throw new Malformed(`at character ${this.#at}: ${why}`);
  }
}

function integer(digits: string, tooLong: () => never): Value {
  if (digits.length <= 15) {
    const value = Number(digits);
    return value === 0 ? 0 : value;
  }
  if (digits.length > limits.literal_digits_max) tooLong();
  const value = BigInt(digits);
  if (value > INT_MAX || value < INT_MIN) return new BigInteger(value);
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

/** The text of a value, or what of it has no form in JSON. Tuples and sets become arrays, URIs strings. */
export function writeJson(value: Value): { readonly text: string } | { readonly fault: string } {
  try {
    return { text: textOf(value, 0) };
  } catch (error) {
    if (error instanceof Malformed) return { fault: error.message };
    throw error;
  }
}

function textOf(value: Value, depth: number): string {
  if (depth > limits.json_depth_max) throw new Malformed(`it is nested deeper than ${limits.json_depth_max}`);
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  if (typeof value === 'string') return JSON.stringify(value);
  switch (value.kind) {
    case Kind.BigInt:
      return String(value.value);
    case Kind.Float:
      return floatText(value.value);
    case Kind.Uri:
      return JSON.stringify(value.text);
    case Kind.List:
    case Kind.Tuple:
    case Kind.Set:
      return `[${value.items.map((item) => textOf(item, depth + 1)).join(',')}]`;
    case Kind.Map:
      return `{${value.keys.map((key, index) => `${keyText(key)}:${textOf(value.items[index] as Value, depth + 1)}`).join(',')}}`;
    case Kind.Bytes:
      throw new Malformed('a byte array has no form in JSON: send it alone, or write it as a string');
    default:
      throw new Malformed('a name or a process has no form in JSON');
  }
}

function keyText(key: Value): string {
  if (typeof key !== 'string') throw new Malformed('a key of a map is no string');
  return JSON.stringify(key);
}

/** With a fraction or an exponent, so that it is read as a float again. */
function floatText(value: number): string {
  if (!Number.isFinite(value)) throw new Malformed('a float that is no number has no form in JSON');
  const text = String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}
