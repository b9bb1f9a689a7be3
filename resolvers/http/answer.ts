/** What a program gets of an answer: a map of status, headers, where it came from, and body. Only computes. */
import { httpUrlText, shownHttpUrl } from '../../src/capability/index.ts';
import { NewChannel, NewMap, NewSource } from '../../src/natives/index.ts';
import type { Made, NativeAnswer, NativeError } from '../../src/natives/index.ts';
import { MapValue } from '../../src/values/index.ts';
import type { Value } from '../../src/values/index.ts';
import type { Fetched } from './fetch.ts';
import { IncomingBody } from './incoming.ts';
import { readBody } from './media.ts';
import type { ReadBody } from './media.ts';
import type { RequestPlan } from './request.ts';

/** In the order of maps, so nothing has to be sorted. */
const KEYS: readonly string[] = ['body', 'headers', 'status', 'url'];

/** Makes a channel of a body that comes in chunks. */
export interface ChunkSources {
  sourceOf(body: IncomingBody): NewSource;
}

export function answerOf(fetched: Fetched, plan: RequestPlan, sources: ChunkSources): NativeAnswer {
  const { status, headers, bytes, last } = fetched;
  const came = fetched.body instanceof Buffer ? fetched.body : null;
  const again = came === null ? null : last.again(status, headers, came, plan.form);
  if (again !== null) return { ok: again, bytes };
  const body = bodyOf(fetched, plan, sources);
  const made = 'value' in body ? body.value : body;
  const items: readonly Made[] = [made, headers.value, status, httpUrlText(fetched.url)];
  const ok =
    made instanceof NewSource || made instanceof NewChannel
      ? new NewMap(KEYS.map((key, index) => [key, items[index] as Made] as const))
      : new MapValue(KEYS, items as readonly Value[]);
  const notes: NativeError[] = [];
  if (status >= 400) notes.push({ code: 'http_status', message: `${shown(plan)} answered ${status}` });
  if ('fault' in body && body.fault !== null)
    notes.push({ code: 'net_failed', message: `the body of ${shown(plan)} stays bytes: ${body.fault}` });
  if (notes.length > 0) return { ok, bytes, notes };
  if (came !== null && ok instanceof MapValue) last.remember(status, headers, came, plan.form, ok);
  return { ok, bytes };
}

function bodyOf(
  { body, headers }: Fetched,
  { form }: RequestPlan,
  sources: ChunkSources,
): ReadBody | NewChannel | NewSource {
  // Who asks for chunks reads a channel, also where there are none.
  if (body === null) return form === 'chunks' ? new NewChannel([[null]]) : { value: null, fault: null };
  if (body instanceof IncomingBody) return sources.sourceOf(body);
  return readBody(body, headers.mediaType, form === 'chunks' ? 'bytes' : form);
}

function shown({ method, url }: RequestPlan): string {
  return `${method} ${shownHttpUrl(url)}`;
}
