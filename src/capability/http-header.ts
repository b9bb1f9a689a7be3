/**
 * Headers of HTTP: which names and values may be sent, and which of them are the node's own. Only computes. What
 * frames a message, names its host, belongs to one connection, or talks a server into another method or path than
 * was judged is never a program's to write.
 */
import { limits } from '../limits.ts';

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Visible ASCII, with spaces and tabs between. */
const VALUE = /^(?:[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?)?$/;

const NODE_HEADERS: ReadonlySet<string> = new Set([
  'accept-encoding',
  'connection',
  'content-length',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'via',
]);

/** Some servers take the method or the path of a request from these. */
const OVERRIDES: ReadonlySet<string> = new Set([
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
  'x-original-method',
  'x-original-uri',
  'x-original-url',
  'x-override-url',
  'x-rewrite-url',
  'x-forwarded-prefix',
  'x-forwarded-uri',
]);

/** Null, or what is wrong with the name. It may be in any case. */
export function headerNameFault(name: string): string | null {
  if (name.length > limits.http_header_name_bytes_max || !TOKEN.test(name)) {
    return `${JSON.stringify(name.slice(0, 80))} is no name of a header: letters, digits, - and a few signs, at most ${limits.http_header_name_bytes_max}`;
  }
  return null;
}

/** Null, or what is wrong with the value; it is not shown, for it may be a secret. */
export function headerValueFault(value: string): string | null {
  if (value.length > limits.http_header_value_bytes_max) {
    return `a value of a header has at most ${limits.http_header_value_bytes_max} bytes, but ${value.length} came`;
  }
  return VALUE.test(value) ? null : 'a value of a header is visible ASCII, with spaces and tabs only inside';
}

/** Whether the node writes this header itself. The name is in lower case. */
export function isNodeHeader(name: string): boolean {
  return NODE_HEADERS.has(name);
}

/** Whether a program may set it, as far as no operator says more. The name is in lower case. */
export function isProgramHeader(name: string): boolean {
  // Underscores become dashes in many gateways, and one header another.
  const plain = name.replaceAll('_', '-');
  return !NODE_HEADERS.has(plain) && !OVERRIDES.has(plain);
}

/** Whether two names are one header to a server that takes _ for -. Both are in lower case. */
export function isSameHeader(left: string, right: string): boolean {
  return left.replaceAll('_', '-') === right.replaceAll('_', '-');
}
