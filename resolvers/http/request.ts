/**
 * What a contract asks: method, headers, query, body and how the answer is wanted, read from the arguments of a call.
 * Only computes. Everything here comes from programs that nobody has to trust; what is wrong is refused with
 * `arguments_invalid`, naming what was expected.
 */
import {
  headerNameFault,
  headerValueFault,
  isProgramHeader,
  isSameHeader,
  parseHttpUrl,
} from '../../src/capability/index.ts';
import type { HttpUrl } from '../../src/capability/index.ts';
import { PowerboxError } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';
import type { NativeCall } from '../../src/natives/index.ts';
import { Kind } from '../../src/values/index.ts';
import type { MapValue, Value } from '../../src/values/index.ts';
import { writeJson } from './json.ts';
import type { BodyForm } from './media.ts';

export interface RequestPlan {
  readonly method: string;
  readonly url: HttpUrl;
  /** The program's own, as name, value, name, value; names in lower case. */
  readonly headers: readonly string[];
  readonly body: Buffer | null;
  readonly form: BodyForm | 'chunks';
  readonly chunk_bytes_max: number;
  /** Null: as many as the operator allows. */
  readonly redirects_max: number | null;
}

type Options = ReadonlyMap<string, Value>;

const OPTIONS: ReadonlySet<string> = new Set(['headers', 'query', 'as', 'chunkBytes', 'redirects', 'encode']);
const FORMS: readonly string[] = ['value', 'text', 'bytes', 'chunks'];
const BODIES: ReadonlySet<string> = new Set(['post', 'put', 'patch']);

export function planOf(url: HttpUrl, { method, args }: NativeCall): RequestPlan {
  const takesBody = BODIES.has(method);
  const options = optionsOf(args[takesBody ? 1 : 0]);
  const headers = headersOf(options.get('headers'));
  const { body, type } = takesBody ? bodyOf(args[0] ?? null, options.get('encode')) : { body: null, type: null };
  if (!takesBody && options.has('encode')) refuse(`a request with ${method} has no body to encode`);
  if (type !== null && !hasHeader(headers, 'content-type')) headers.push('content-type', type);
  return {
    method: method.toUpperCase(),
    url: withQuery(url, options.get('query')),
    headers,
    body,
    form: formOf(options.get('as')),
    chunk_bytes_max:
      integerOf(options, 'chunkBytes', 1, limits.http_chunk_bytes_max) ?? limits.http_chunk_bytes_default,
    redirects_max: integerOf(options, 'redirects', 0, limits.http_redirects_max),
  };
}

function optionsOf(value: Value | undefined): Options {
  if (value === undefined) return new Map();
  const entries = entriesOf(value as MapValue, 'options');
  for (const [key] of entries) {
    if (!OPTIONS.has(key)) refuse(`there is no option ${shown(key)}; there are ${[...OPTIONS].join(', ')}`);
  }
  return new Map(entries);
}

function headersOf(value: Value | undefined): string[] {
  const flat: string[] = [];
  if (value === undefined) return flat;
  if (kindOf(value) !== Kind.Map) refuse('headers must be a map from names to strings or lists of strings');
  const seen: string[] = [];
  let bytes = 0;
  for (const [given, values] of entriesOf(value as MapValue, 'headers')) {
    const fault = headerNameFault(given);
    if (fault !== null) refuse(fault);
    const name = given.toLowerCase();
    if (!isProgramHeader(name)) refuse(`the header ${shown(name)} is written by the node itself, or not at all`);
    if (seen.some((other) => isSameHeader(other, name))) refuse(`the header ${shown(name)} is given twice`);
    seen.push(name);
    for (const each of kindOf(values) === Kind.List ? (values as { items: readonly Value[] }).items : [values]) {
      if (typeof each !== 'string') refuse(`the header ${shown(name)} must be a string or a list of strings`);
      const wrong = headerValueFault(each);
      if (wrong !== null) refuse(`the header ${shown(name)} cannot be sent: ${wrong}`);
      bytes += name.length + each.length + 4;
      flat.push(name, each);
    }
  }
  if (flat.length > 2 * limits.http_headers_max) refuse(`at most ${limits.http_headers_max} headers are sent`);
  if (bytes > limits.http_headers_bytes_max) {
    refuse(`all headers together have at most ${limits.http_headers_bytes_max} bytes, but ${bytes} came`);
  }
  return flat;
}

export function hasHeader(headers: readonly string[], name: string): boolean {
  return headers.some((each, index) => index % 2 === 0 && isSameHeader(each, name));
}

/** Strings and bytes as they are, Nil for none, everything else as JSON; or as a form, when that is asked for. */
function bodyOf(
  value: Value,
  encode: Value | undefined,
): { readonly body: Buffer | null; readonly type: string | null } {
  if (encode !== undefined && encode !== 'json' && encode !== 'form') refuse('encode must be "json" or "form"');
  if (encode === 'form') {
    if (kindOf(value) !== Kind.Map)
      refuse('a form must be a map from names to strings, numbers or booleans, or lists of them');
    return { body: Buffer.from(pairsOf(value as MapValue, 'the form')), type: 'application/x-www-form-urlencoded' };
  }
  if (encode === undefined) {
    if (value === null) return { body: null, type: null };
    if (typeof value === 'string') return { body: Buffer.from(value), type: 'text/plain; charset=utf-8' };
    if (typeof value === 'object' && value.kind === Kind.Bytes) {
      return { body: Buffer.from(value.bytes), type: 'application/octet-stream' };
    }
  }
  const written = writeJson(value);
  if ('fault' in written) refuse(`the body cannot be written as JSON: ${written.fault}`);
  return { body: Buffer.from(written.text), type: 'application/json' };
}

function withQuery(url: HttpUrl, value: Value | undefined): HttpUrl {
  if (value === undefined) return url;
  if (kindOf(value) !== Kind.Map)
    refuse('query must be a map from names to strings, numbers, booleans or lists of them');
  const added = pairsOf(value as MapValue, 'the query');
  const query = url.query === '' || added === '' ? url.query + added : `${url.query}&${added}`;
  const read = parseHttpUrl(`${url.origin}${url.path}${query === '' ? '' : `?${query}`}`);
  if (typeof read === 'string') throw new PowerboxError('url_invalid', `the URL with its query is refused: ${read}`);
  return read;
}

/** `a=1&b=2`, percent-encoded. */
function pairsOf(value: MapValue, what: string): string {
  return entriesOf(value, what)
    .flatMap(([key, item]) => {
      const items = kindOf(item) === Kind.List ? (item as { items: readonly Value[] }).items : [item];
      return items.map((each) => `${encoded(key)}=${encoded(textOf(each, what))}`);
    })
    .join('&');
}

function textOf(value: Value, what: string): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return String(value);
  if (value !== null && (value.kind === Kind.Float || value.kind === Kind.BigInt)) return String(value.value);
  return refuse(`each item of ${what} must be a string, a number or a boolean, or a list of them`);
}

/** As forms and queries are read everywhere; the four signs are kept plain by the library, and not by all servers. */
function encoded(text: string): string {
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
}

function formOf(value: Value | undefined): RequestPlan['form'] {
  if (value === undefined) return 'value';
  if (typeof value === 'string' && FORMS.includes(value)) return value as RequestPlan['form'];
  return refuse(`as must be ${FORMS.map((form) => JSON.stringify(form)).join(', ')}`);
}

function integerOf(options: Options, name: string, min: number, max: number): number | null {
  const value = options.get(name);
  if (value === undefined) return null;
  if (typeof value === 'number' && value >= min && value <= max) return value;
  return refuse(`${name} must be an integer from ${min} to ${max}`);
}

function entriesOf(value: MapValue, what: string): [string, Value][] {
  return value.keys.map((key, index) => {
    if (typeof key !== 'string') return refuse(`each key of ${what} must be a string`);
    return [key, value.items[index] as Value];
  });
}

function kindOf(value: Value): Kind | null {
  return value !== null && typeof value === 'object' ? value.kind : null;
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 80));
}

function refuse(why: string): never {
  throw new PowerboxError('arguments_invalid', why);
}
