/**
 * Compressed bodies, with a bound on what they may become: in bytes, and as a multiple of what came. Only computes,
 * in the threads of the library.
 */
import {
  brotliDecompress,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  gunzip,
  inflate,
  inflateRaw,
} from 'node:zlib';
import type { BrotliDecompress, Gunzip, Inflate, InflateRaw } from 'node:zlib';
import { PowerboxError } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';

export type Coding = 'gzip' | 'deflate' | 'br';
export type Inflater = BrotliDecompress | Gunzip | Inflate | InflateRaw;

/** What is asked of servers. */
export const ACCEPTED_CODINGS = 'gzip, deflate, br';

/** Null for none; a string that is no coding names what cannot be read. */
export function codingOf(header = ''): Coding | null | { readonly unknown: string } {
  const text = header.trim().toLowerCase();
  switch (text) {
    case '':
    case 'identity':
      return null;
    case 'gzip':
    case 'x-gzip':
      return 'gzip';
    case 'deflate':
    case 'br':
      return text;
    default:
      return { unknown: text.slice(0, 40) };
  }
}

/** How large a body of so many bytes may become. */
export function inflatedMax(bytes: number, bytes_max: number): number {
  return Math.min(bytes_max, Math.max(limits.http_inflated_bytes_free, bytes * limits.http_inflated_ratio_max));
}

/** Refused with `value_too_large` past the bound, with `net_failed` when it is not what it claims to be. */
export function inflateWhole(body: Buffer, coding: Coding, bytes_max: number, where: string): Promise<Buffer> {
  const max = inflatedMax(body.length, bytes_max);
  // The library wants at least one byte.
  const options = { maxOutputLength: Math.max(1, max) };
  return new Promise((resolve, reject) => {
    const done = (error: Error | null, result: Buffer): void => {
      if (error !== null) reject(inflateFailure(error, where, max));
      else if (result.length > max) reject(tooLarge(where, max));
      else resolve(result);
    };
    if (coding === 'gzip') gunzip(body, options, done);
    else if (coding === 'br') brotliDecompress(body, options, done);
    // Some servers send the bare form, without the two bytes that say so.
    else if (isZlib(body)) inflate(body, options, done);
    else inflateRaw(body, options, done);
  });
}

/** For a body in chunks, of which the first is there. */
export function inflater(coding: Coding, first: Buffer): Inflater {
  if (coding === 'gzip') return createGunzip();
  if (coding === 'br') return createBrotliDecompress();
  return isZlib(first) ? createInflate() : createInflateRaw();
}

export function inflateFailure(error: Error, where: string, max: number): PowerboxError {
  if ('code' in error && error.code === 'ERR_BUFFER_TOO_LARGE') return tooLarge(where, max);
  return new PowerboxError('net_failed', `the body that ${where} answered cannot be decompressed: encoding`, {
    cause: error,
  });
}

export function tooLarge(where: string, bytes_max: number): PowerboxError {
  return new PowerboxError('value_too_large', `the body that ${where} answered has more than ${bytes_max} bytes`);
}

function isZlib(body: Buffer): boolean {
  const [first = 0, second] = body;
  return (first & 0x0f) === 8 && (second === undefined || ((first << 8) | second) % 31 === 0);
}
