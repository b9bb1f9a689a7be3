/**
 * Grants of HTTP, and the natives that act under them. Owns the pools of connections, the lookups, and the bodies
 * that wait for their channels.
 */
import { httpClient, httpResource } from '../../channels/index.ts';
import { httpUrlText, parseHttpUrl, powerHandle, readPowerHandle, shownHttpUrl } from '../../src/capability/index.ts';
import type { HttpUrl, PowerOf } from '../../src/capability/index.ts';
import { PowerboxError, isPowerboxError } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';
import { NewObject, NewSource } from '../../src/natives/index.ts';
import type { Native, NativeAnswer, NativeCall, Source } from '../../src/natives/index.ts';
import { Deadlines } from '../../src/platform/index.ts';
import type { Cancellable, Platform } from '../../src/platform/index.ts';
import { Kind } from '../../src/values/index.ts';
import type { Value } from '../../src/values/index.ts';
import { VERSION } from '../../src/version.ts';
import type { Lookup } from '../net/lookup.ts';
import type { Resolver } from '../resolver.ts';
import { Asking, refusal } from './asking.ts';
import { Fetch } from './fetch.ts';
import type { FetchContext } from './fetch.ts';
import { HttpGrant, gone } from './grant.ts';
import type { IncomingBody } from './incoming.ts';
import { Pools } from './pools.ts';
import { planOf } from './request.ts';
import type { RequestPlan } from './request.ts';
import type { Route } from './route.ts';

export interface HttpResolverOptions {
  readonly platform: Platform;
  readonly lookup: Lookup;
}

/** Where a resource is, and the way that its last call without arguments went. */
interface Place {
  readonly grant: string;
  readonly url: HttpUrl;
  plain: PlainWay | null;
}

/** Of calls without arguments, which are the same each time. */
interface PlainWay {
  readonly grant: HttpGrant;
  /** As it is declared. */
  readonly method: string;
  readonly route: Route;
  readonly plan: RequestPlan;
  readonly headers: readonly string[];
}

type Answer = (answer: NativeAnswer) => void;

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
  /** What stands in handles. */
  #places = new WeakMap<object, Place>();
  /** Bodies whose channels are not durable yet, by the key in the handle of their source. */
  readonly #unclaimed = new Map<string, Unclaimed>();

  constructor({ platform, lookup }: HttpResolverOptions) {
    this.#platform = platform;
    this.#context = {
      platform,
      deadlines: new Deadlines(platform),
      pools: this.#pools,
      lookup,
      agent: `powerbox/${VERSION}`,
    };
    this.natives = [
      { declaration: httpClient, call: (call) => answering(() => this.#resolved(call)) },
      {
        declaration: httpResource,
        begin: (call, answer) => this.#asked(call, answer),
        ask: (call) => answering(() => this.#recovered(call)),
        open: (source) => this.#open(source),
      },
    ];
  }

  grant(id: string, power: PowerOf<'http'>): void {
    this.revoke(id);
    this.#grants.set(id, new HttpGrant(id, power, this.#platform));
  }

  revoke(id: string): void {
    const grant = this.#grants.get(id);
    this.#grants.delete(id);
    // Nothing of it stays.
    this.#places = new WeakMap();
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

  #asked(call: NativeCall, answer: Answer): void {
    try {
      const place = this.#place(call.handle);
      const grant = this.#find(place.grant);
      const { effectId } = call;
      const key = effectId.length === 0 ? '' : Buffer.from(effectId).toString('hex');
      const asking = new Asking(grant, this.#source, answer);
      const { route, plan, headers } = this.#planned(grant, place, call);
      asking.begin(call, plan, new Fetch(this.#context, grant, route, plan, headers, key, asking));
    } catch (error) {
      answer(refusal(error));
    }
  }

  #planned(grant: HttpGrant, place: Place, call: NativeCall): Omit<PlainWay, 'grant' | 'method'> {
    const isPlain = call.args.length === 0;
    const { plain } = place;
    // A grant that was given anew is another one.
    if (isPlain && plain !== null && plain.grant === grant && plain.method === call.method) return plain;
    const plan = planOf(place.url, call);
    const route = grant.route(plan.url, plan.method);
    const headers = route.headers(plan.headers, this.#context.agent);
    if (isPlain) place.plain = { grant, method: call.method, route, plan, headers };
    return { route, plan, headers };
  }

  /** A `post` or `patch` that was cut off: with a key the server can tell a repetition, without one nobody can. */
  async #recovered(call: NativeCall): Promise<NativeAnswer | 'not_applied'> {
    const { grant: id, url } = this.#place(call.handle);
    const entry = this.#find(id).find(url, call.method.toUpperCase());
    if (entry instanceof PowerboxError) throw entry;
    if (entry.settings.idempotencyHeader !== undefined) return 'not_applied';
    throw new PowerboxError(
      'interrupted',
      `${call.method.toUpperCase()} ${shownHttpUrl(url)} was under way when the process ended; whether it was done is not known`,
    );
  }

  #place(handle: Value): Place {
    let place = this.#places.get(handle as object);
    if (place === undefined) {
      place = placeOf(handle);
      this.#places.set(handle as object, place);
    }
    return place;
  }

  /** Its channel is durable soon, or never: then the body is let go. */
  readonly #source = (body: IncomingBody, grant: HttpGrant): NewSource => {
    const key = Buffer.from(this.#platform.randomness.bytes(16)).toString('hex');
    const timer = this.#platform.timers.after(limits.http_claim_ms, () => this.#drop(key));
    this.#unclaimed.set(key, { body, timer });
    return new NewSource('httpResource', powerHandle(grant.id, key), { unread_max: limits.http_chunks_unread_max });
  };

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

/** Read before, when the handle was made. */
function placeOf(handle: Value): Place {
  const { grant, rest } = readPowerHandle(handle);
  const [text] = rest;
  if (typeof text !== 'string') throw new Error('the handle of a resource has no URL');
  const url = parseHttpUrl(text);
  if (typeof url === 'string') throw new Error(`the handle of a resource has no URL: ${url}`);
  return { grant, url, plain: null };
}
