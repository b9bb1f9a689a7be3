/**
 * JSON to values and back. Only computes. Integers of any size are integers, a number with a fraction or an exponent
 * is a float; so what a server wrote is what a program gets, which the parser of JavaScript cannot promise. Depth is
 * bounded; what is no JSON, or has no value, is refused whole.
 */
import { limits } from '../../src/limits.ts';
import { BigInteger, Kind, float, isWellFormed, list, mapOf } from '../../src/values/index.ts';
import type { Value } from '../../src/values/index.ts';

const SPACE = /[ \t\n\r]*/y;
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

/** A value, or what is wrong with the text. */
export function parseJson(text: string): { readonly value: Value } | { readonly fault: string } {
  const reader = new Reader(text);
  try {
    return { value: reader.whole() };
  } catch (error) {
    if (error instanceof Malformed) return { fault: error.message };
    throw error;
  }
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  whole(): Value {
    const value = this.#value(0);
    this.#next();
    if (this.#at < this.#text.length) this.#fail('something follows its end');
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
    let start = ++this.#at;
    let before = '';
    let isPlain = true;
    for (let at = start; ; at++) {
      const sign = text.charCodeAt(at);
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
      // Past the end there is no number, so no comparison holds.
      else if (!(sign >= 0x20)) {
        this.#at = at;
        this.#fail('a string has no end, or a control character');
      }
    }
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
    const text = this.#text;
    let at = this.#at;
    const first = text.charCodeAt(at) - ZERO;
    if (first >= 1 && first <= 9) {
      let value = first;
      for (at++; at - this.#at < 15; at++) {
        const digit = text.charCodeAt(at) - ZERO;
        if (!(digit >= 0 && digit <= 9)) break;
        value = value * 10 + digit;
      }
      const next = text.charCodeAt(at);
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

  /** The next sign that is no space; no number at the end. */
  #next(): number {
    const sign = this.#text.charCodeAt(this.#at);
    if (sign > 0x20) return sign;
    SPACE.lastIndex = this.#at;
    this.#at += SPACE.exec(this.#text)?.[0].length ?? 0;
    return this.#text.charCodeAt(this.#at);
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
