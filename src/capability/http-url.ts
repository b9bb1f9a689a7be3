/**
 * URLs of HTTP as this project reads them: in one way only. Only computes. RFC 3986 and the URL standard of browsers
 * disagree about backslashes, spaces, numbers as hosts, empty ports and much else, and servers about `..`, `//` and
 * encoded slashes; what two of them could read differently is refused, never guessed. What is read here in its normal
 * form is what is sent.
 */
import { parseAddress } from './address.ts';
import type { Address } from './address.ts';
import { hostName } from './endpoint.ts';

export type HttpScheme = 'http' | 'https';

export interface HttpUrl {
  readonly scheme: HttpScheme;
  /** A name in lower case, or the one spelling of an address, without brackets. */
  readonly host: string;
  readonly address: Address | null;
  readonly port: number;
  /** Scheme, host and (unless it is the usual one) port. */
  readonly origin: string;
  /** Begins with `/`; percent-encoded in one way. */
  readonly path: string;
  /** Without `?`; empty for none. */
  readonly query: string;
}

/** Bytes of a URL: as much as most servers take in one line. */
const URL_BYTES_MAX = 8_192;
const PLAIN = /^[\x21-\x7e]*$/;
const SHAPE = /^([A-Za-z]+):\/\/([^/?#]*)([^?#]*)(\?[^#]*)?$/;
const AUTHORITY = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:@[\]]+))(?::([0-9]+))?$/;
/** What RFC 3986 allows in a path and in a query; brackets, too, which queries are full of. */
const PATH = /^(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*$/;
const QUERY = /^(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?[\]]|%[0-9A-Fa-f]{2})*$/;
const UNRESERVED = /[A-Za-z0-9\-._~]/;
/** How often a server might decode what it has decoded. */
const DECODINGS_MAX = 8;

/** A string says what is wrong with the URL. */
export function parseHttpUrl(text: string): HttpUrl | string {
  if (text.length > URL_BYTES_MAX) return `it is longer than ${URL_BYTES_MAX} bytes`;
  if (!PLAIN.test(text)) {
    return 'it has a space, a control character or a letter beyond ASCII: percent-encode them, and write names in their xn-- form';
  }
  const [, scheme = '', authority = '', path = '', query = ''] = SHAPE.exec(text) ?? [];
  const known = scheme.toLowerCase();
  if (known !== 'http' && known !== 'https') {
    return text.includes('#') && SHAPE.test(text.slice(0, text.indexOf('#')))
      ? 'it has a fragment, which is never sent: leave out # and what follows'
      : 'it must begin with http:// or https://';
  }
  const place = parseAuthority(authority, known);
  if (typeof place === 'string') return place;
  const normalPath = parsePath(path === '' ? '/' : path);
  if (!normalPath.ok) return normalPath.why;
  if (!QUERY.test(query)) return 'its query has a character that must be percent-encoded';
  return { scheme: known, ...place, path: normalPath.path, query: normalise(query.slice(1)) };
}

export function httpUrlText({ origin, path, query }: HttpUrl): string {
  return query === '' ? origin + path : `${origin}${path}?${query}`;
}

/** For messages: without the query, in which secrets travel. */
export function shownHttpUrl({ origin, path }: HttpUrl): string {
  return origin + path;
}

/** Where a `Location` leads from here. Backslashes and the like are refused before anybody joins anything. */
export function redirectTarget(from: HttpUrl, location: string): HttpUrl | string {
  const hash = location.indexOf('#');
  const target = hash < 0 ? location : location.slice(0, hash);
  if (target.length > URL_BYTES_MAX) return `it is longer than ${URL_BYTES_MAX} bytes`;
  if (!PLAIN.test(target) || target.includes('\\')) {
    return 'it has a space, a control character, a backslash or a letter beyond ASCII';
  }
  if (/^[A-Za-z][A-Za-z0-9+.-]*:/.test(target)) return parseHttpUrl(target);
  if (target.startsWith('//')) return parseHttpUrl(`${from.scheme}:${target}`);
  if (target.startsWith('/')) return parseHttpUrl(from.origin + target);
  if (target.startsWith('?')) return parseHttpUrl(from.origin + from.path + target);
  if (target === '') return from;
  const question = target.indexOf('?');
  const [path, query] = question < 0 ? [target, ''] : [target.slice(0, question), target.slice(question)];
  return parseHttpUrl(from.origin + relativePath(from.path, path) + query);
}

/** RFC 3986, 5.2: the last part of the base goes, dots are walked, and never above the root. */
function relativePath(base: string, path: string): string {
  const parts = base.slice(0, base.lastIndexOf('/')).split('/').slice(1);
  const steps = path.split('/');
  steps.forEach((step, index) => {
    const isLast = index === steps.length - 1;
    if (step === '..') parts.pop();
    else if (step !== '.') parts.push(step);
    if (isLast && (step === '..' || step === '.')) parts.push('');
  });
  return `/${parts.join('/')}`;
}

function parseAuthority(
  authority: string,
  scheme: HttpScheme,
): Pick<HttpUrl, 'host' | 'address' | 'port' | 'origin'> | string {
  if (authority.includes('@')) return 'it has a user or a password: send them in a header';
  const [, six, name = '', digits] = AUTHORITY.exec(authority) ?? [];
  const address = parseAddress(six ?? name);
  const host = address?.text ?? (six === undefined ? hostName(name) : null);
  if (host === null) return 'its host is no plain name and no address in its usual spelling';
  // What is in brackets is IPv6, even where it only stands for an IPv4 address.
  if (digits !== undefined && !/^[1-9][0-9]{0,4}$/.test(digits)) return 'its port is no number from 1 to 65535';
  const usual = scheme === 'http' ? 80 : 443;
  const port = digits === undefined ? usual : Number(digits);
  if (port > 65_535) return 'its port is no number from 1 to 65535';
  const shown = address?.family === 6 ? `[${host}]` : host;
  return { host, address, port, origin: `${scheme}://${shown}${port === usual ? '' : `:${port}`}` };
}

export type ParsedPath = { readonly ok: true; readonly path: string } | { readonly ok: false; readonly why: string };

/** The normal form of an absolute path. What could climb out of it, however it is encoded, is refused. */
export function parsePath(text: string): ParsedPath {
  if (!text.startsWith('/')) return { ok: false, why: 'its path must begin with /' };
  if (!PATH.test(text)) return { ok: false, why: 'its path has a character that must be percent-encoded' };
  const path = normalise(text);
  let round = path;
  for (let times = 0; times < DECODINGS_MAX; times++) {
    const why = pathFault(round);
    if (why !== null) return { ok: false, why };
    const next = decodeOnce(round);
    if (next === round) return { ok: true, path };
    round = next;
  }
  return { ok: false, why: `its path is encoded more than ${DECODINGS_MAX} times over` };
}

function pathFault(path: string): string | null {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for.
  if (/[\x00-\x1f\x7f]/.test(path)) return 'its path has an encoded control character';
  for (const part of path.split(/[/\\]/)) {
    const name = part.split(';')[0] ?? '';
    if (name === '.' || name === '..') return 'its path has a part . or .., plain or encoded';
  }
  return null;
}

/**
 * Why a path that may be sent cannot be judged by its prefix: servers differ over empty parts, parameters after `;`,
 * and encoded slashes. Null when it can. Where a whole origin is granted, nobody needs to know.
 */
export function prefixDoubt(path: string): string | null {
  let round = path;
  for (let times = 0; times <= DECODINGS_MAX; times++) {
    if (round.includes('//')) return 'an empty part';
    if (round.includes(';')) return 'a parameter after ;';
    if (round.includes('\\')) return 'an encoded backslash';
    const next = decodeOnce(round);
    if (next.split('/').length !== round.split('/').length) return 'an encoded slash';
    if (next === round) return null;
    round = next;
  }
  return 'more encoding than can be undone';
}

/** `/api` has itself and `/api/…` below it, `/api/` only what is below. */
export function hasPrefix(path: string, prefix: string): boolean {
  if (!path.startsWith(prefix)) return false;
  return prefix.endsWith('/') || path.length === prefix.length || path[prefix.length] === '/';
}

/** Letters that need no encoding are not encoded, and hexadecimal digits are upper case. */
function normalise(text: string): string {
  if (!text.includes('%')) return text;
  return text.replaceAll(/%([0-9A-Fa-f]{2})/g, (encoded, hex: string) => {
    const letter = String.fromCharCode(Number.parseInt(hex, 16));
    return UNRESERVED.test(letter) ? letter : encoded.toUpperCase();
  });
}

/** Byte by byte: what matters here is ASCII. */
function decodeOnce(text: string): string {
  if (!text.includes('%')) return text;
  return text.replaceAll(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
