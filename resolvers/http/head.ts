/**
 * Heads of answers: what a server said of its body, read once for each block of headers and kept for the next answer that
 * begins with the same bytes, as most answers of one resource do. Only computes.
 */
import { limits } from '../../src/limits.ts';
import { keepBytes, list, map } from '../../src/values/index.ts';
import type { Value } from '../../src/values/index.ts';
import { codingOf } from './inflate.ts';
import { mediaTypeOf } from './media.ts';
import type { MediaType } from './media.ts';

/** What the headers of an answer say. Nothing in it is ever changed: answers share it. */
export class Headers {
  /** Names to strings; what came several times is one string, except for cookies, which hold commas of their own. */
  readonly value: Value;
  /** Null for none; a string that is no coding names what cannot be read. */
  readonly coding: ReturnType<typeof codingOf>;
  readonly mediaType: MediaType | null;
  /** Where a redirect leads, if it says so, once. */
  readonly location: string | null;
  /** 0 where nothing is said; no number where nonsense is. */
  readonly contentLength: number;

  constructor(raw: readonly Buffer[]) {
    const fields = fieldsOf(raw);
    const entries: [string, Value][] = [];
    for (const [name, values] of fields) entries.push([name, name === 'set-cookie' ? list(values) : values.join(', ')]);
    const value = map(entries);
    keepBytes(value);
    this.value = value;
    this.coding = codingOf(fields.get('content-encoding')?.join(','));
    const type = once(fields, 'content-type');
    this.mediaType = type === null ? null : mediaTypeOf(type);
    this.location = once(fields, 'location');
    this.contentLength = Number(fields.get('content-length')?.join(',') ?? 0);
  }
}

/** Values by name, in lower case. */
function fieldsOf(raw: readonly Buffer[]): ReadonlyMap<string, string[]> {
  const fields = new Map<string, string[]>();
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = (raw[index] as Buffer).toString('latin1').toLowerCase();
    const value = (raw[index + 1] as Buffer).toString('latin1');
    const values = fields.get(name);
    if (values === undefined) fields.set(name, [value]);
    else values.push(value);
  }
  return fields;
}

function once(fields: ReadonlyMap<string, readonly string[]>, name: string): string | null {
  const values = fields.get(name);
  return values?.length === 1 ? (values[0] as string) : null;
}

/** Remembers the last headers that it read. */
export class HeadReader {
  #block: Buffer | null = null;
  #pieces = 0;
  #headers: Headers | null = null;

  /** Names and values in turn, as they came; in one piece of memory, if the whole head `isOnePiece`. */
  read(raw: readonly Buffer[], isOnePiece: boolean): Headers {
    const block = isOnePiece ? blockOf(raw) : null;
    // The same bytes in as many pieces: the parser can have cut them in one way only.
    if (this.#headers !== null && block !== null && this.#pieces === raw.length && this.#block?.equals(block) === true)
      return this.#headers;
    const headers = new Headers(raw);
    const isKept = block !== null && block.length <= limits.http_head_kept_bytes_max;
    this.#block = isKept ? Buffer.from(block) : null;
    this.#pieces = raw.length;
    this.#headers = headers;
    return headers;
  }
}

/** From the first name to the last value. */
function blockOf(raw: readonly Buffer[]): Uint8Array | null {
  const first = raw[0];
  const last = raw[raw.length - 1];
  if (first === undefined || last === undefined) return null;
  // Only compared and copied, so it need not be a `Buffer`, which takes twice as long to make.
  return new Uint8Array(first.buffer, first.byteOffset, last.byteOffset + last.length - first.byteOffset);
}
