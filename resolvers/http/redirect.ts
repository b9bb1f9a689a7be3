/**
 * Where a redirect leads, and what goes along. Only computes. What says who asks stays with the origin that it was
 * meant for, and nothing that was encrypted goes on in the clear.
 */
import { redirectTarget, shownHttpUrl } from '../../src/capability/index.ts';
import type { HttpUrl } from '../../src/capability/index.ts';
import { PowerboxError } from '../../src/errors.ts';

/** What is asked at one hop. */
export interface Hop {
  readonly method: string;
  readonly url: HttpUrl;
  readonly headers: readonly string[];
  readonly body: Buffer | null;
}

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** What may follow to another origin: it says how to answer, not who asks. */
const INNOCENT: ReadonlySet<string> = new Set([
  'accept',
  'accept-language',
  'cache-control',
  'content-language',
  'content-type',
  'if-modified-since',
  'if-none-match',
  'range',
  'user-agent',
]);
export function isRedirect(status: number): boolean {
  return REDIRECTS.has(status);
}

/** The next hop; refused where it would say to others what was meant for this one. */
export function follow({ method, url, headers, body }: Hop, status: number, location: string): Hop {
  const target = redirectTarget(url, location);
  if (typeof target === 'string') {
    throw new PowerboxError('url_invalid', `${shownHttpUrl(url)} redirects to a URL that is refused: ${target}`);
  }
  if (url.scheme === 'https' && target.scheme === 'http') {
    const message = `${url.origin} redirects to ${target.origin}, which is not encrypted`;
    throw new PowerboxError('address_refused', message);
  }
  const becomesGet = (status === 303 && method !== 'HEAD') || ((status === 301 || status === 302) && method === 'POST');
  const isSame = target.origin === url.origin;
  const kept: string[] = [];
  for (let index = 0; index < headers.length; index += 2) {
    const [name = '', value = ''] = headers.slice(index, index + 2);
    if (!isSame && !INNOCENT.has(name)) continue;
    if (becomesGet && name.startsWith('content-')) continue;
    kept.push(name, value);
  }
  return { method: becomesGet ? 'GET' : method, url: target, headers: kept, body: becomesGet ? null : body };
}
