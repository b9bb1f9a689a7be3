/**
 * One call: a request, with the redirects and repetitions that belong to it, within the time and the rules of its
 * grant. Each hop is judged like a request of its own. Owns its place in the gate and its end; ending it early ends
 * whatever it waits for. Each step calls the next, and only what has to be waited for is a promise: there are very many
 * requests, and most are one hop to an address that is known.
 */
import type { Address, HttpUrl } from '../../src/capability/index.ts';
import { PowerboxError } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';
import { NOWHERE } from '../../src/platform/index.ts';
import type { Deadlines, Platform } from '../../src/platform/index.ts';
import type { Lookup } from '../net/lookup.ts';
import { Exchange } from './exchange.ts';
import type { Asker, Sink } from './exchange.ts';
import { isPassing, reasonOf } from './failure.ts';
import type { Entry, HttpGrant, Running, Stoppable } from './grant.ts';
import type { Headers } from './head.ts';
import { IncomingBody } from './incoming.ts';
import { inflateWhole, tooLarge } from './inflate.ts';
import type { LastAnswer } from './last-answer.ts';
import type { Pools } from './pools.ts';
import { follow, isRedirect } from './redirect.ts';
import type { Hop } from './redirect.ts';
import { hasHeader } from './request.ts';
import type { RequestPlan } from './request.ts';
import type { Route } from './route.ts';
import { Collecting, skipping } from './sinks.ts';
import type { Collector } from './sinks.ts';
import { waitFor } from './waiting.ts';
import type { Awaited } from './waiting.ts';

export interface FetchContext {
  readonly platform: Platform;
  readonly deadlines: Deadlines;
  readonly pools: Pools;
  readonly lookup: Lookup;
  readonly agent: string;
}

export interface Fetched {
  readonly status: number;
  readonly headers: Headers;
  readonly url: HttpUrl;
  /** Null where an answer has none by its nature. */
  readonly body: Buffer | IncomingBody | null;
  /** In both directions, bodies only. */
  readonly bytes: number;
  /** Of what went the same way. */
  readonly last: LastAnswer;
}

/** Who hears of it, once. */
export interface FetchEnd {
  fetched(fetched: Fetched): void;
  /** A `PowerboxError` is a refusal; anything else is a bug. */
  failed(error: unknown): void;
}

const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);
const ADDRESSES_TRIED_MAX = 4;

export class Fetch implements Running, Asker, Collector {
  readonly #context: FetchContext;
  readonly #grant: HttpGrant;
  readonly #plan: RequestPlan;
  /** Of the effect, for the server to tell a repetition; empty for what only reads. */
  readonly #key: string;
  readonly #end: FetchEnd;
  place = NOWHERE;
  #end_ms = 0;
  #redirects_max = 0;
  #redirects = 0;
  #over = false;
  #error: PowerboxError | null = null;
  /** Ends what is waited for now. */
  #cancel: Stoppable | null = null;
  #bytes = 0;

  // The hop that is under way.
  #hop: Hop;
  #route: Route;
  #headers: readonly string[];
  #inside = false;
  #repeats = 0;
  #addresses: readonly Address[] = [];
  #tried = 0;
  #status = 0;
  #answered: Headers | null = null;

  /** `headers` are all of the first hop. */
  constructor(
    context: FetchContext,
    grant: HttpGrant,
    route: Route,
    plan: RequestPlan,
    headers: readonly string[],
    key: string,
    end: FetchEnd,
  ) {
    this.#context = context;
    this.#grant = grant;
    this.#route = route;
    this.#plan = plan;
    this.#hop = plan;
    this.#headers = headers;
    this.#key = key;
    this.#end = end;
  }

  get where(): string {
    return this.#hop.url.origin;
  }

  stop(error: PowerboxError): void {
    if (this.#error !== null || this.#over) return;
    this.#error = error;
    this.#cancel?.stop(error);
  }

  start(): void {
    const { settings, kept } = this.#route.entry;
    const now_ms = this.#context.deadlines.now_ms();
    this.#end_ms = now_ms + settings.whole_ms_max;
    this.#redirects_max = Math.min(settings.redirects_max, this.#plan.redirects_max ?? limits.http_redirects_max);
    try {
      requireRoom(this.#hop, this.#route.entry);
      for (const name of kept) {
        if (hasHeader(this.#plan.headers, name)) {
          const message = `the header ${JSON.stringify(name)} is not a program's to set here`;
          throw new PowerboxError('arguments_invalid', message);
        }
      }
      this.#admit(now_ms);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Counted and in its turn. A body in chunks keeps its place until it has ended. */
  #admit(now_ms: number): void {
    const { gate, settings } = this.#route.entry;
    const wait_ms = gate.take(now_ms);
    if (wait_ms > 0) {
      const rate = `${this.where} takes ${settings.requests_per_second} requests a second from this grant`;
      throw new PowerboxError('rate_limited', `${rate}; the next may come in ${wait_ms} ms`);
    }
    if (gate.tryEnter()) {
      this.#entered();
      return;
    }
    if (gate.isFull) {
      const message = `${this.where} has ${settings.requests_open_max} requests of this grant under way, and too many wait`;
      throw new PowerboxError('rate_limited', message);
    }
    const late = `${this.where} had ${settings.requests_open_max} other requests of this grant under way all the time`;
    this.#wait({ limit_ms: this.#left_ms(), late, begin: (enter) => gate.wait(enter) }, () => this.#entered());
  }

  #entered(): void {
    this.#inside = true;
    this.#repeats = 0;
    this.#find();
  }

  #leave(): void {
    if (!this.#inside) return;
    this.#inside = false;
    this.#route.entry.gate.leave();
  }

  // ------------------------------------------------------------ to an address

  #find(): void {
    const known = this.#route.addresses(this.#context.lookup);
    if (known !== null) this.#ask(known);
    else void this.#lookUp();
  }

  async #lookUp(): Promise<void> {
    const { url, entry } = this.#route;
    const abort = new AbortController();
    try {
      if (this.#error !== null) throw this.#error;
      this.#cancel = { stop: () => abort.abort() };
      const limit_ms = Math.min(entry.settings.connect_ms_max, this.#left_ms());
      const options = { signal: abort.signal, limit_ms };
      this.#ask(await this.#context.lookup.checked(url.host, url.port, entry.addresses, options));
    } catch (error) {
      this.#fail(this.#error ?? error);
    }
  }

  #ask(addresses: readonly Address[]): void {
    this.#addresses = addresses;
    this.#tried = 0;
    this.#exchange();
  }

  #exchange(): void {
    this.#cancel = null;
    if (this.#error !== null) throw this.#error;
    const route = this.#route;
    const address = this.#addresses[this.#tried++];
    if (address === undefined) throw new Error('a lookup gave no address');
    const pool = route.pool(this.#context.pools, address);
    const { deadlines } = this.#context;
    const { settings } = route.entry;
    const isStream = this.#plan.form === 'chunks';
    const end_ms = isStream ? deadlines.now_ms() + settings.stream_ms_max : this.#end_ms;
    const exchange = new Exchange(this, deadlines, route.heads, settings, this.#end_ms, end_ms);
    this.#cancel = exchange;
    const { method, body } = this.#hop;
    if (body !== null) this.#bytes += body.length;
    try {
      pool.send({ path: route.path, method, headers: this.#keyed(), body, blocking: false }, exchange);
    } catch (error) {
      exchange.stop(new PowerboxError('native_failed', `the request could not be made`, { cause: error }));
    }
  }

  #keyed(): string[] {
    const { idempotencyHeader } = this.#route.entry.settings;
    if (idempotencyHeader === undefined || this.#key === '') return this.#headers as string[];
    return [...this.#headers, idempotencyHeader, this.#key];
  }

  // ------------------------------------------------------------ what came

  /** There is no head. Another address is tried only while nothing was sent to this one. */
  failed(error: PowerboxError, sent: boolean): void {
    this.#cancel = null;
    const reason = reasonOf(error.cause);
    const { entry } = this.#route;
    try {
      if (this.#error !== null || !isPassing(reason)) throw error;
      if (!sent && this.#tried < Math.min(this.#addresses.length, ADDRESSES_TRIED_MAX)) {
        this.#exchange();
        return;
      }
      const isKeyed = entry.settings.idempotencyHeader !== undefined && this.#key !== '';
      const mayRepeat = !sent || isKeyed || IDEMPOTENT.has(this.#hop.method);
      if (!mayRepeat || this.#repeats >= limits.http_repeats_max) throw error;
      const pause_ms = limits.http_repeat_ms * 4 ** this.#repeats++;
      if (this.#left_ms() <= pause_ms) throw error;
      this.#wait({ limit_ms: pause_ms, late: null, begin: () => NOTHING_TO_LEAVE }, () => this.#find());
    } catch (thrown) {
      this.#fail(thrown);
    }
  }

  /** The head is there: where the body goes. */
  headed(status: number, headers: Headers, exchange: Exchange): Sink | PowerboxError {
    const { method } = this.#hop;
    const { settings, gate } = this.#route.entry;
    if (this.#redirects_max > 0 && isRedirect(status) && headers.location !== null) {
      this.#cancel = null;
      this.#redirect(status, headers.location);
      return skipping(exchange);
    }
    const { where } = this;
    const isEmpty = method === 'HEAD' || status === 204 || status === 304;
    const coding = isEmpty ? null : headers.coding;
    if (coding !== null && typeof coding === 'object') {
      const message = `${where} answered in the coding ${JSON.stringify(coding.unknown)}, which is not read: encoding`;
      return new PowerboxError('net_failed', message);
    }
    const isStream = this.#plan.form === 'chunks' && !isEmpty;
    const bytes_max = isStream ? settings.stream_bytes_max : settings.response_bytes_max;
    if (!isEmpty && headers.contentLength > bytes_max) return tooLarge(where, bytes_max);
    this.#status = status;
    this.#answered = headers;
    if (!isStream) return new Collecting(exchange, bytes_max, this);
    const grant = this.#grant;
    const { chunk_bytes_max } = this.#plan;
    const ended = (): void => {
      gate.leave();
      grant.delete(body);
    };
    const body: IncomingBody = new IncomingBody({ exchange, coding, bytes_max, chunk_bytes_max, where, ended });
    // Its place in the gate is the body's now.
    this.#inside = false;
    grant.add(body);
    this.#finish(body);
    return body;
  }

  collected(whole: Buffer): void {
    const { method, url } = this.#hop;
    const status = this.#status;
    const isEmpty = method === 'HEAD' || status === 204 || status === 304;
    this.#bytes += whole.length;
    if (isEmpty) {
      this.#finish(null);
      return;
    }
    const coding = this.#answered?.coding ?? null;
    if (coding === null || typeof coding === 'object' || whole.length === 0) {
      this.#finish(whole);
      return;
    }
    // It has come whole: what follows keeps nobody else from asking.
    this.#leave();
    const { response_bytes_max } = this.#route.entry.settings;
    inflateWhole(whole, coding, response_bytes_max, url.origin).then(
      (body) => this.#finish(body),
      (error: unknown) => this.#fail(error),
    );
  }

  uncollected(error: PowerboxError): void {
    this.failed(error, true);
  }

  #redirect(status: number, location: string): void {
    try {
      if (this.#redirects >= this.#redirects_max) {
        const message = `${this.where} redirects more than ${this.#redirects_max} times: redirects`;
        throw new PowerboxError('net_failed', message);
      }
      this.#redirects++;
      const hop = follow(this.#hop, status, location);
      const route = this.#grant.route(hop.url, hop.method);
      requireRoom(hop, route.entry);
      this.#leave();
      this.#hop = hop;
      this.#route = route;
      this.#headers = route.headers(hop.headers, this.#context.agent);
      this.#admit(this.#context.deadlines.now_ms());
    } catch (error) {
      this.#fail(error);
    }
  }

  // ------------------------------------------------------------ waiting, and the end

  /** Goes on with `go` once it has come. */
  #wait(awaited: Awaited, go: () => void): void {
    if (this.#error !== null) throw this.#error;
    this.#cancel = waitFor(this.#context.platform.timers, awaited, (error) => {
      this.#cancel = null;
      try {
        if (error !== null) throw error;
        go();
      } catch (thrown) {
        this.#fail(thrown);
      }
    });
  }

  #finish(body: Fetched['body']): void {
    if (this.#over) {
      if (body instanceof IncomingBody)
        body.stop(new PowerboxError('cancelled', 'nobody waits for this body any more'));
      return;
    }
    const headers = this.#answered;
    if (headers === null) throw new Error('an answer without a head');
    this.#close();
    const { last } = this.#route;
    this.#end.fetched({ status: this.#status, headers, url: this.#hop.url, body, bytes: this.#bytes, last });
  }

  #fail(error: unknown): void {
    if (this.#over) return;
    this.#close();
    this.#end.failed(error);
  }

  #close(): void {
    this.#over = true;
    this.#cancel = null;
    this.#leave();
  }

  #left_ms(): number {
    return Math.max(0, Math.ceil(this.#end_ms - this.#context.deadlines.now_ms()));
  }
}

const NOTHING_TO_LEAVE = (): void => {};

/** For the body of a request. */
function requireRoom({ url, body }: Hop, { settings: { request_bytes_max } }: Entry): void {
  if (body === null || body.length <= request_bytes_max) return;
  const message = `a body sent to ${url.origin} has at most ${request_bytes_max} bytes, but this one has ${body.length}`;
  throw new PowerboxError('value_too_large', message);
}
