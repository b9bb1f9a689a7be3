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
const BACKSLASH = 0x5c;
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
    this.#skip();
    if (this.#at < this.#text.length) this.#fail('something follows its end');
    return value;
  }

  #value(depth: number): Value {
    if (depth > limits.json_depth_max) this.#fail(`it is nested deeper than ${limits.json_depth_max}`);
    this.#skip();
    switch (this.#text[this.#at]) {
      case '{':
        return this.#object(depth);
      case '[':
        return this.#array(depth);
      case '"':
        return this.#string();
      case 't':
        return this.#word('true', true);
      case 'f':
        return this.#word('false', false);
      case 'n':
        return this.#word('null', null);
      default:
        return this.#number();
    }
  }

  #object(depth: number): Value {
    const keys: Value[] = [];
    const items: Value[] = [];
    this.#at++;
    if (!this.#takes('}')) {
      do {
        this.#skip();
        if (this.#text.charCodeAt(this.#at) !== QUOTE) this.#fail('a key is expected');
        keys.push(this.#string());
        if (!this.#takes(':')) this.#fail('a colon is expected');
        items.push(this.#value(depth + 1));
      } while (this.#takes(','));
      if (!this.#takes('}')) this.#fail('a comma or } is expected');
    }
    // Of two equal keys some readers take the first, some the last: whoever wrote them means to be misread.
    return mapOf(keys, items) ?? this.#fail('a key comes twice');
  }

  #array(depth: number): Value {
    const items: Value[] = [];
    this.#at++;
    if (this.#takes(']')) return list(items);
    do items.push(this.#value(depth + 1));
    while (this.#takes(','));
    if (!this.#takes(']')) this.#fail('a comma or ] is expected');
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
        const whole = before === '' ? text.slice(start, at) : before + text.slice(start, at);
        if (!isPlain && !isWellFormed(whole)) this.#fail('a string has half of a surrogate pair');
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
    const first = text.charCodeAt(at);
    if (first >= 0x31 && first <= 0x39) {
      let value = first - 0x30;
      for (at++; at - this.#at < 15; at++) {
        const digit = text.charCodeAt(at) - 0x30;
        if (!(digit >= 0 && digit <= 9)) break;
        value = value * 10 + digit;
      }
      const next = text[at];
      if (next === ',' || next === '}' || next === ']') {
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

  #takes(sign: string): boolean {
    this.#skip();
    if (this.#text[this.#at] !== sign) return false;
    this.#at++;
    return true;
  }

  #skip(): void {
    const sign = this.#text.charCodeAt(this.#at);
    if (sign > 0x20) return;
    SPACE.lastIndex = this.#at;
    this.#at += SPACE.exec(this.#text)?.[0].length ?? 0;
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
