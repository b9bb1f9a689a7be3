/**
 * What a body is by its media type, and its text by its charset. Only computes. What cannot be read as what it claims
 * to be stays bytes, with the reason beside it: a server's mistake must not cost the caller its answer.
 */
import { isAscii, isUtf8 } from 'node:buffer';
import { parseJson } from './json.ts';
import { bytes as bytesValue, isWellFormed } from '../../src/values/index.ts';
import type { Value } from '../../src/values/index.ts';

/** How the caller wants the body: by its media type, as text, or as it is. */
export type BodyForm = 'value' | 'text' | 'bytes';

export interface ReadBody {
  readonly value: Value;
  /** Why it is bytes although it claims to be more; null when it is what it claims to be. */
  readonly fault: string | null;
}

export interface MediaType {
  readonly reads: 'json' | 'text' | 'bytes';
  readonly charset: string | null;
}

const TYPE = /^[ \t]*([!#$%&'*+\-.^_`|~0-9A-Za-z]+\/[!#$%&'*+\-.^_`|~0-9A-Za-z]+)[ \t]*(?:;|$)/;
const CHARSET = /;[ \t]*charset=(?:"([^"\\]*)"|([!#$%&'*+\-.^_`|~0-9A-Za-z]+))[ \t]*(?=;|$)/i;
const TEXT =
  /^(?:text\/.*|.*\+xml|application\/(?:xml|xml-dtd|javascript|ecmascript|x-www-form-urlencoded|yaml|x-yaml|toml|graphql|sql|x-ndjson|ndjson|jsonl|json-seq))$/;
const JSON_TYPE = /^(?:application\/json|text\/json|.*\+json)$/;
const UTF8_MARK: readonly number[] = [0xef, 0xbb, 0xbf];
/** The first bytes that say more about the encoding than any header. */
const MARKS: readonly (readonly [label: string, mark: readonly number[]])[] = [
  ['utf-8', UTF8_MARK],
  ['utf-16be', [0xfe, 0xff]],
  ['utf-16le', [0xff, 0xfe]],
];

export function readBody(bytes: Buffer, type: MediaType | null, form: BodyForm): ReadBody {
  if (form === 'bytes') return { value: asBytes(bytes), fault: null };
  const reads = type?.reads ?? 'bytes';
  if (form === 'value' && reads === 'json') return readJson(bytes);
  if (form === 'text' || reads === 'text') return readText(bytes, type?.charset ?? null);
  return { value: asBytes(bytes), fault: null };
}

/** A copy: what came may be a small part of something large. */
function asBytes(bytes: Uint8Array): Value {
  return bytesValue(new Uint8Array(bytes));
}

export function mediaTypeOf(contentType: string): MediaType | null {
  const [, given] = TYPE.exec(contentType) ?? [];
  if (given === undefined) return null;
  const name = given.toLowerCase();
  const [, quoted, plain] = CHARSET.exec(contentType) ?? [];
  const reads = JSON_TYPE.test(name) ? 'json' : TEXT.test(name) ? 'text' : 'bytes';
  return { reads, charset: quoted ?? plain ?? null };
}

/** JSON is UTF-8, whatever a charset beside it says. */
function readJson(bytes: Buffer): ReadBody {
  if (bytes.length === 0) return { value: null, fault: null };
  const ascii = isAscii(bytes) ? bytes : null;
  const text = ascii === null ? decode(bytes, 'utf-8') : ascii.toString('latin1');
  if (text === null) return { value: asBytes(bytes), fault: 'it is JSON by its media type, but no UTF-8' };
  const read = parseJson(text, ascii);
  if ('value' in read) return { value: read.value, fault: null };
  return { value: asBytes(bytes), fault: `it is JSON by its media type, but cannot be read: ${read.fault}` };
}

function readText(bytes: Buffer, charset: string | null): ReadBody {
  const marked = MARKS.find(([, mark]) => mark.every((byte, index) => bytes[index] === byte));
  const label = marked?.[0] ?? charset ?? 'utf-8';
  const text = decode(bytes, label);
  if (text !== null) return { value: text, fault: null };
  return {
    value: asBytes(bytes),
    fault: `it is text by its media type, but not in the charset ${JSON.stringify(label.slice(0, 40))}`,
  };
}

/** Null for an unknown label or bytes that are not of it. A mark at the beginning is taken off. */
function decode(bytes: Buffer, label: string): string | null {
  // Nearly all text is this, and making a decoder costs more than reading most bodies.
  if (label === 'utf-8') {
    if (isAscii(bytes)) return bytes.toString('latin1');
    if (!isUtf8(bytes)) return null;
    return bytes.toString('utf8', isMarked(bytes) ? UTF8_MARK.length : 0);
  }
  try {
    const text = new TextDecoder(label, { fatal: true }).decode(bytes);
    return isWellFormed(text) ? text : null;
  } catch {
    return null;
  }
}

function isMarked(bytes: Buffer): boolean {
  return UTF8_MARK.every((byte, index) => bytes[index] === byte);
}
