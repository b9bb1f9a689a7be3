/**
 * Grants of HTTP, and the natives that act under them. Owns the pools of connections, the lookups, and the bodies
 * that wait for their channels.
 */
import { httpClient, httpResource, whenLeft } from '../../channels/index.ts';
import { httpUrlText, parseHttpUrl, powerHandle, readPowerHandle, shownHttpUrl } from '../../src/capability/index.ts';
import type { HttpUrl, PowerOf } from '../../src/capability/index.ts';
import { PowerboxError, isPowerboxError } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';
import { NewChannel, NewMap, NewObject, NewSource } from '../../src/natives/index.ts';
import type { Made, Native, NativeAnswer, NativeCall, NativeError, Source } from '../../src/natives/index.ts';
import type { Cancellable, Platform } from '../../src/platform/index.ts';
import { list, map, Kind } from '../../src/values/index.ts';
import type { Value } from '../../src/values/index.ts';
import { VERSION } from '../../src/version.ts';
import type { Lookup } from '../net/lookup.ts';
import type { Resolver } from '../resolver.ts';
import type { AnswerHeaders } from './exchange.ts';
import { Fetch } from './fetch.ts';
import type { FetchContext, Fetched } from './fetch.ts';
import { HttpGrant, gone } from './grant.ts';
import { IncomingBody } from './incoming.ts';
import { readBody } from './media.ts';
import { Pools } from './pools.ts';
import { planOf } from './request.ts';
import type { RequestPlan } from './request.ts';

export interface HttpResolverOptions {
  readonly platform: Platform;
  readonly lookup: Lookup;
}

interface Unclaimed {
  readonly body: IncomingBody;
  readonly timer: Cancellable;
}

export class HttpResolver implements Resolver<'http'> {
  readonly kind = 'http';
  readonly natives: readonly Native[];
  readonly #platform: Platform;
  readonly #grants = new Map<string, HttpGrant>();
  readonly #pools = new Pools();
  readonly #context: FetchContext;
  /** As they stand in handles. */
  readonly #urls = new Map<string, HttpUrl>();
  /** Bodies whose channels are not durable yet, by the key in the handle of their source. */
  readonly #unclaimed = new Map<string, Unclaimed>();

  constructor({ platform, lookup }: HttpResolverOptions) {
    this.#platform = platform;
    this.#context = {
      platform,
      pools: this.#pools,
      lookup,
      agent: `powerbox/${VERSION}`,
    };
    this.natives = [
      { declaration: httpClient, call: (call) => answering(() => this.#resolved(call)) },
      {
        declaration: httpResource,
        call: (call) => answering(() => this.#asked(call)),
        ask: (call) => answering(() => this.#recovered(call)),
        open: (source) => this.#open(source),
      },
    ];
  }

  grant(id: string, power: PowerOf<'http'>): void {
    this.#grants.get(id)?.revoke();
    this.#grants.set(id, new HttpGrant(id, power, this.#platform));
  }

  revoke(id: string): void {
    const grant = this.#grants.get(id);
    this.#grants.delete(id);
    grant?.revoke();
  }

  async close(): Promise<void> {
    for (const id of [...this.#grants.keys()]) this.revoke(id);
    for (const key of [...this.#unclaimed.keys()]) this.#drop(key);
    await this.#pools.close();
  }

  #find(id: string): HttpGrant {
    const grant = this.#grants.get(id);
    if (grant === undefined) throw gone(id);
    return grant;
  }

  async #resolved({ handle, args }: NativeCall): Promise<NativeAnswer> {
    const grant = this.#find(readPowerHandle(handle).grant);
    const [given] = args;
    const text = typeof given === 'string' ? given : uriText(given);
    const url = parseHttpUrl(text);
    if (typeof url === 'string') {
      throw new PowerboxError('url_invalid', `the URL ${JSON.stringify(text.slice(0, 200))} is refused: ${url}`);
    }
    const entry = grant.find(url, null);
    if (entry instanceof PowerboxError) throw entry;
    return { ok: new NewObject('httpResource', powerHandle(grant.id, httpUrlText(url))) };
  }

  async #asked(call: NativeCall): Promise<NativeAnswer> {
    const { grant, url } = this.#place(call.handle);
    const plan = planOf(url, call);
    const { effectId } = call;
    const key = effectId.length === 0 ? '' : Buffer.from(effectId).toString('hex');
    const cancel = (): void => fetch.stop(new PowerboxError('cancelled', 'nobody waits for this answer any more'));
    const fetch = new Fetch(this.#context, grant, plan, key);
    const heard = whenLeft(call, cancel);
    grant.add(fetch);
    try {
      return this.#answer(await fetch.run(), plan, grant);
    } finally {
      grant.delete(fetch);
      heard();
    }
  }

  /** A `post` or `patch` that was cut off: with a key the server can tell a repetition, without one nobody can. */
  async #recovered(call: NativeCall): Promise<NativeAnswer | 'not_applied'> {
    const { grant, url } = this.#place(call.handle);
    const entry = grant.find(url, call.method.toUpperCase());
    if (entry instanceof PowerboxError) throw entry;
    if (entry.settings.idempotencyHeader !== undefined) return 'not_applied';
    throw new PowerboxError(
      'interrupted',
      `${call.method.toUpperCase()} ${shownHttpUrl(url)} was under way when the process ended; whether it was done is not known`,
    );
  }

  #place(handle: Value): { readonly grant: HttpGrant; readonly url: HttpUrl } {
    const { grant, rest } = readPowerHandle(handle);
    const [text] = rest;
    return { grant: this.#find(grant), url: this.#url(text) };
  }

  /** Of a handle, so it has been read before; the last ones are remembered. */
  #url(text: Value | undefined): HttpUrl {
    if (typeof text !== 'string') throw new Error('the handle of a resource has no URL');
    const known = this.#urls.get(text);
    if (known !== undefined) return known;
    const url = parseHttpUrl(text);
    if (typeof url === 'string') throw new Error(`the handle of a resource has no URL: ${url}`);
    const [oldest] = this.#urls.keys();
    if (this.#urls.size >= limits.http_urls_kept_max && oldest !== undefined) this.#urls.delete(oldest);
    this.#urls.set(text, url);
    return url;
  }

  #answer(fetched: Fetched, plan: RequestPlan, grant: HttpGrant): NativeAnswer {
    const { status, url, bytes } = fetched;
    const notes: NativeError[] = [];
    const what = `${plan.method} ${shownHttpUrl(plan.url)}`;
    if (status >= 400) notes.push({ code: 'http_status', message: `${what} answered ${status}` });
    const body = this.#body(fetched, plan, grant, what, notes);
    const entries: [string, Made][] = [
      ['status', status],
      ['headers', headersValue(fetched.headers)],
      ['url', httpUrlText(url)],
      ['body', body],
    ];
    const isNew = body instanceof NewSource || body instanceof NewChannel;
    const ok = isNew ? new NewMap(entries) : map(entries as [string, Value][]);
    return notes.length === 0 ? { ok, bytes } : { ok, bytes, notes };
  }

  #body({ body, headers }: Fetched, plan: RequestPlan, grant: HttpGrant, what: string, notes: NativeError[]): Made {
    const { form } = plan;
    // Who asks for chunks reads a channel, also where there are none.
    if (body === null) return form === 'chunks' ? new NewChannel([[null]]) : null;
    if (body instanceof IncomingBody) return this.#source(body, grant);
    const contentType = headers['content-type'];
    const read = readBody(
      body,
      typeof contentType === 'string' ? contentType : null,
      form === 'chunks' ? 'bytes' : form,
    );
    if (read.fault !== null)
      notes.push({ code: 'net_failed', message: `the body of ${what} stays bytes: ${read.fault}` });
    return read.value;
  }

  /** Its channel is durable soon, or never: then the body is let go. */
  #source(body: IncomingBody, grant: HttpGrant): NewSource {
    const key = Buffer.from(this.#platform.randomness.bytes(16)).toString('hex');
    const timer = this.#platform.timers.after(limits.http_claim_ms, () => this.#drop(key));
    this.#unclaimed.set(key, { body, timer });
    return new NewSource('httpResource', powerHandle(grant.id, key), { unread_max: limits.http_chunks_unread_max });
  }

  #open(source: Source): void {
    const [key] = readPowerHandle(source.handle).rest;
    const unclaimed = typeof key === 'string' ? this.#claim(key) : null;
    if (unclaimed !== null) {
      void unclaimed.pump(source);
      return;
    }
    const message = source.resumed
      ? 'the process ended while this body was arriving'
      : 'this body was not asked for in time';
    void source.fail({ code: 'interrupted', message });
  }

  #claim(key: string): IncomingBody | null {
    const unclaimed = this.#unclaimed.get(key);
    this.#unclaimed.delete(key);
    unclaimed?.timer.cancel();
    return unclaimed?.body ?? null;
  }

  #drop(key: string): void {
    this.#claim(key)?.stop(new PowerboxError('cancelled', 'nobody asked for this body'));
  }
}

async function answering<T extends NativeAnswer | 'not_applied'>(answer: () => Promise<T>): Promise<T | NativeAnswer> {
  try {
    return await answer();
  } catch (error) {
    if (!isPowerboxError(error)) throw error;
    return { error: { code: error.code, message: error.message } };
  }
}

function uriText(value: Value | undefined): string {
  return value !== null && typeof value === 'object' && value.kind === Kind.Uri ? value.text : '';
}

/** Names to strings; what came several times is one string, except for cookies, which hold commas of their own. */
function headersValue(headers: AnswerHeaders): Value {
  const entries: [string, Value][] = [];
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined) continue;
    if (name === 'set-cookie') entries.push([name, list(typeof value === 'string' ? [value] : value)]);
    else entries.push([name, typeof value === 'string' ? value : value.join(', ')]);
  }
  return map(entries);
}
