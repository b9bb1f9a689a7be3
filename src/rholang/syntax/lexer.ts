/**
 * Text to tokens: one pass, no regular expression that could go back. Agrees with the `@tokens` of
 * rholang.grammar, which an editor uses; a test holds the two together. Owns the tokens' spelling and the
 * decoding of literals; a wrong token is reported and reading goes on behind it.
 */
import { END_TERM, keywords, termOf } from './grammar.ts';

/** Tokens of a text, as columns; the last one is the end of the text. */
export interface Tokens {
  readonly terms: readonly number[];
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  readonly problems: readonly LexicalProblem[];
}

export interface LexicalProblem {
  readonly message: string;
  readonly from: number;
  readonly to: number;
  /** Up to where text was lost, or -1: what is wrong right behind that is no error of its own. */
  readonly lost: number;
}

const IDENTIFIER = termOf('Identifier');
const WILDCARD = termOf('Wildcard');
const INTEGER = termOf('Integer');
const BIG_INTEGER = termOf('BigInteger');
const FLOAT = termOf('Float');
const STRING = termOf('String');
const URI = termOf('Uri');
const BUNDLE_SIGN = termOf('bundleSign');

/** Punctuation by first character, longest first. */
const PUNCTUATION: ReadonlyMap<number, readonly (readonly [string, number])[]> = punctuation([
  '(',
  ')',
  '[',
  ']',
  '{',
  '}',
  ',',
  ';',
  ':',
  '.',
  '...',
  '@',
  '=',
  '=>',
  '==',
  '<-',
  '<<-',
  '<=',
  '<',
  '>',
  '>=',
  '!=',
  '!',
  '!!',
  '!?',
  '?!',
  '|',
  '||',
  '&',
  '&&',
  '+',
  '++',
  '-',
  '--',
  '*',
  '/',
  '%',
  '%%',
  '~',
  '/\\',
  '\\/',
]);

function punctuation(texts: readonly string[]): Map<number, (readonly [string, number])[]> {
  const found = new Map<number, (readonly [string, number])[]>();
  for (const text of [...texts].sort((left, right) => right.length - left.length)) {
    const first = text.charCodeAt(0);
    const entry = [text, termOf(JSON.stringify(text))] as const;
    const same = found.get(first);
    if (same === undefined) found.set(first, [entry]);
    else same.push(entry);
  }
  return found;
}

const isDigit = (unit: number): boolean => unit >= 48 && unit <= 57;
const isLetter = (unit: number): boolean => (unit >= 65 && unit <= 90) || (unit >= 97 && unit <= 122) || unit === 39;
const isWordPart = (unit: number): boolean => isLetter(unit) || isDigit(unit) || unit === 95;

export function tokenise(source: string): Tokens {
  const terms: number[] = [];
  const starts: number[] = [];
  const ends: number[] = [];
  const problems: LexicalProblem[] = [];
  const complain: Complain = (message, from, to, lost = -1) => void problems.push({ message, from, to, lost });
  let at = 0;
  while (at < source.length) {
    const unit = source.charCodeAt(at);
    const start = at;
    let term = -1;
    if (unit === 32 || unit === 10 || unit === 13 || unit === 9 || unit === 0xfeff) {
      at++;
      continue;
    }
    if (isLetter(unit) || (unit === 95 && isWordPart(source.charCodeAt(at + 1)))) {
      at++;
      while (isWordPart(source.charCodeAt(at))) at++;
      [term, at] = word(source, start, at);
    } else if (unit === 95) {
      at++;
      term = WILDCARD;
    } else if (isDigit(unit)) {
      [term, at] = number(source, at);
    } else if (unit === 34) {
      at = quotedEnd(source, at, 34);
      term = STRING;
      if (at < 0) {
        complain('this string is never closed: a `"` is missing', start, start + 1, source.length);
        at = source.length;
        break;
      }
      checkString(source, start, at, complain);
    } else if (unit === 96) {
      at = quotedEnd(source, at, 96);
      term = URI;
      if (at < 0) {
        complain('this URI is never closed: a backtick is missing', start, start + 1, source.length);
        at = source.length;
        break;
      }
      checkUri(source, start, at, complain);
    } else if (unit === 47 && source.charCodeAt(at + 1) === 47) {
      const end = source.indexOf('\n', at);
      at = end < 0 ? source.length : end;
      continue;
    } else if (unit === 47 && source.charCodeAt(at + 1) === 42) {
      const end = source.indexOf('*/', at + 2);
      if (end < 0) complain('this comment is never closed: `*/` is missing', start, start + 2, source.length);
      at = end < 0 ? source.length : end + 2;
      continue;
    } else {
      for (const [text, candidate] of PUNCTUATION.get(unit) ?? []) {
        if (!source.startsWith(text, at)) continue;
        term = candidate;
        at += text.length;
        break;
      }
      if (term < 0) {
        const character = String.fromCodePoint(source.codePointAt(at) as number);
        at += character.length;
        complain(`the character ${nameCharacter(character)} has no meaning here`, start, at, at);
        continue;
      }
    }
    terms.push(term);
    starts.push(start);
    ends.push(at);
  }
  terms.push(END_TERM);
  starts.push(source.length);
  ends.push(source.length);
  return { terms, starts, ends, problems };
}

function nameCharacter(character: string): string {
  const code = character.codePointAt(0) as number;
  const hex = `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
  return code < 33 || (code >= 0xd800 && code <= 0xdfff) ? hex : `\`${character}\` (${hex})`;
}

/** A word is a keyword, `bundle` with its sign, or an identifier. */
function word(source: string, start: number, end: number): [number, number] {
  const text = source.slice(start, end);
  if (text === 'bundle') {
    const sign = source.charCodeAt(end);
    if (sign === 43 || sign === 45) return [BUNDLE_SIGN, end + 1];
  }
  return [keywords.get(text) ?? IDENTIFIER, end];
}

function number(source: string, start: number): [number, number] {
  let at = start;
  while (isDigit(source.charCodeAt(at))) at++;
  if (source.charCodeAt(at) === 110) return [BIG_INTEGER, at + 1];
  let term = INTEGER;
  if (source.charCodeAt(at) === 46 && isDigit(source.charCodeAt(at + 1))) {
    term = FLOAT;
    at += 2;
    while (isDigit(source.charCodeAt(at))) at++;
  }
  const exponent = source.charCodeAt(at);
  if (exponent === 101 || exponent === 69) {
    const sign = source.charCodeAt(at + 1);
    const digits = at + (sign === 43 || sign === 45 ? 2 : 1);
    if (isDigit(source.charCodeAt(digits))) {
      term = FLOAT;
      at = digits + 1;
      while (isDigit(source.charCodeAt(at))) at++;
    }
  }
  return [term, at];
}

/** Behind the closing quote, or -1. */
function quotedEnd(source: string, start: number, quote: number): number {
  for (let at = start + 1; at < source.length; at++) {
    const unit = source.charCodeAt(at);
    if (unit === 92) at++;
    else if (unit === quote) return at + 1;
  }
  return -1;
}

type Complain = (message: string, from: number, to: number, lost?: number) => void;

/** One escape: what it stands for (null if it stands for nothing), and where it ends. */
function readEscape(source: string, at: number): readonly [string | null, number] {
  const letter = source[at + 1];
  if (letter !== undefined && letter >= '0' && letter <= '9') {
    const digits = source.slice(at + 1, at + 4);
    if (/^[0-9]{3}$/.test(digits)) {
      const code = Number(digits);
      return [code <= 255 ? String.fromCharCode(code) : null, at + 4];
    }
    return [letter === '0' ? '\0' : null, at + 2];
  }
  switch (letter) {
    case 'n':
      return ['\n', at + 2];
    case 'r':
      return ['\r', at + 2];
    case 't':
      return ['\t', at + 2];
    case '\\':
      return ['\\', at + 2];
    case '"':
      return ['"', at + 2];
    default:
      return [null, at + 2];
  }
}

function checkString(source: string, start: number, end: number, complain: Complain): void {
  for (let at = start + 1; at < end - 1; at++) {
    const unit = source.charCodeAt(at);
    if (unit === 92) {
      const [decoded, next] = readEscape(source, at);
      if (decoded === null) {
        complain(
          `\`${source.slice(at, next)}\` is no escape: there are \\n \\r \\t \\0 \\\\ \\" and \\ with three decimal digits up to 255`,
          at,
          next,
        );
      }
      at = next - 1;
    }
  }
  const lone = LONE_SURROGATE.exec(source.slice(start, end));
  if (lone !== null)
    complain('half of a surrogate pair: text must be well-formed', start + lone.index, start + lone.index + 1);
}

/** With the flag u, a surrogate that has its other half is not seen as one. */
const LONE_SURROGATE = /[\ud800-\udfff]/u;

function checkUri(source: string, start: number, end: number, complain: Complain): void {
  if (end - start === 2) complain('a URI must not be empty', start, end);
  for (let at = start + 1; at < end - 1; at++) {
    if (source.charCodeAt(at) !== 92) continue;
    const next = source[at + 1];
    if (next !== '`' && next !== '\\') complain('in a URI only a backtick and a backslash can be escaped', at, at + 2);
    at++;
  }
  const lone = LONE_SURROGATE.exec(source.slice(start, end));
  if (lone !== null)
    complain('half of a surrogate pair: text must be well-formed', start + lone.index, start + lone.index + 1);
}

/** What a string literal, with its quotes, stands for. The lexer has checked it. */
export function decodeString(literal: string): string {
  if (!literal.includes('\\')) return literal.slice(1, -1);
  const parts: string[] = [];
  let from = 1;
  for (let at = 1; at < literal.length - 1; ) {
    if (literal.charCodeAt(at) !== 92) {
      at++;
      continue;
    }
    const [decoded, next] = readEscape(literal, at);
    parts.push(literal.slice(from, at), decoded ?? '');
    at = next;
    from = next;
  }
  parts.push(literal.slice(from, -1));
  return parts.join('');
}

/** What a URI literal, with its backticks, stands for. */
export function decodeUri(literal: string): string {
  return literal.slice(1, -1).replaceAll(/\\([`\\])/g, '$1');
}
