/**
 * One call: a request, with the redirects and repetitions that belong to it, within the time and the rules of its
 * grant. Each hop is judged like a request of its own. Owns its place in the gate and its end; ending it early ends
 * whatever it waits for.
 */
import type { Address, HttpUrl } from '../../src/capability/index.ts';
import { PowerboxError } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';
import type { Platform } from '../../src/platform/index.ts';
import type { Lookup } from '../net/lookup.ts';
import { Exchange } from './exchange.ts';
import type { AnswerHeaders, ExchangeTimes, Head, Sink } from './exchange.ts';
import { isPassing, reasonOf } from './failure.ts';
import type { Entry, HttpGrant, Stoppable } from './grant.ts';
import { IncomingBody } from './incoming.ts';
import { ACCEPTED_CODINGS, codingOf, inflateWhole, tooLarge } from './inflate.ts';
import type { Coding } from './inflate.ts';
import type { LineRequest, Pools } from './pools.ts';
import { follow, isRedirect } from './redirect.ts';
import type { Hop } from './redirect.ts';
import { hasHeader } from './request.ts';
import type { RequestPlan } from './request.ts';
import { collecting, skipping } from './sinks.ts';

export interface FetchContext {
  readonly platform: Platform;
  readonly pools: Pools;
  readonly lookup: Lookup;
  readonly agent: string;
}

export interface Fetched {
  readonly status: number;
  readonly headers: AnswerHeaders;
  readonly url: HttpUrl;
  /** Null where an answer has none by its nature. */
  readonly body: Buffer | IncomingBody | null;
  /** In both directions, bodies only. */
  readonly bytes: number;
}

/** Whole, in chunks, or on to somewhere else. */
type Outcome =
  | { readonly kind: 'whole'; readonly head: Head; readonly body: Buffer | null; readonly coding: Coding | null }
  | { readonly kind: 'chunks'; readonly head: Head; readonly body: IncomingBody }
  | { readonly kind: 'redirect'; readonly head: Head; readonly location: string }
  | { readonly kind: 'failed'; readonly error: PowerboxError; readonly sent: boolean };

const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);
const ADDRESSES_TRIED_MAX = 4;

export class Fetch implements Stoppable {
  readonly #context: FetchContext;
  readonly #grant: HttpGrant;
  readonly #plan: RequestPlan;
  /** Of the effect, for the server to tell a repetition; empty for what only reads. */
  readonly #key: string;
  #end_ms = 0;
  #error: PowerboxError | null = null;
  /** Ends what is waited for now. */
  #cancel: ((error: PowerboxError) => void) | null = null;
  #bytes = 0;

  constructor(context: FetchContext, grant: HttpGrant, plan: RequestPlan, key: string) {
    this.#context = context;
    this.#grant = grant;
    this.#plan = plan;
    this.#key = key;
  }

  stop(error: PowerboxError): void {
    if (this.#error !== null) return;
    this.#error = error;
    this.#cancel?.(error);
  }

  async run(): Promise<Fetched> {
    const { method, url, headers, body } = this.#plan;
    let hop: Hop = { method, url, headers, body };
    const first = this.#entry(hop);
    for (const name of first.kept) {
      if (hasHeader(headers, name)) {
        throw new PowerboxError(
          'arguments_invalid',
          `the header ${JSON.stringify(name)} is not a program's to set here`,
        );
      }
    }
    this.#end_ms = this.#now_ms() + first.settings.whole_ms_max;
    const redirects_max = Math.min(first.settings.redirects_max, this.#plan.redirects_max ?? limits.http_redirects_max);
    for (let redirects = 0; ; redirects++) {
      const entry = redirects === 0 ? first : this.#entry(hop);
      const outcome = await this.#admitted(entry, hop, redirects_max > 0);
      if (outcome.kind === 'failed') throw outcome.error;
      if (outcome.kind !== 'redirect') return this.#fetched(outcome, hop.url, entry);
      if (redirects >= redirects_max) {
        throw new PowerboxError(
          'net_failed',
          `${hop.url.origin} redirects more than ${redirects_max} times: redirects`,
        );
      }
      hop = follow(hop, outcome.head.status, outcome.location);
    }
  }

  /** The entry that covers the hop. */
  #entry({ url, method, body }: Hop): Entry {
    const entry = this.#grant.find(url, method);
    if (entry instanceof PowerboxError) throw entry;
    const { request_bytes_max } = entry.settings;
    if (body !== null && body.length > request_bytes_max) {
      const message = `a body sent to ${url.origin} has at most ${request_bytes_max} bytes, but this one has ${body.length}`;
      throw new PowerboxError('value_too_large', message);
    }
    return entry;
  }

  /** Counted and in its turn. A body in chunks keeps its place until it has ended. */
  async #admitted(entry: Entry, hop: Hop, follows: boolean): Promise<Outcome> {
    const { gate, settings } = entry;
    const wait_ms = gate.take();
    if (wait_ms > 0) {
      const rate = `${hop.url.origin} takes ${settings.requests_per_second} requests a second from this grant`;
      throw new PowerboxError('rate_limited', `${rate}; the next may come in ${wait_ms} ms`);
    }
    if (!gate.tryEnter()) await this.#enter(entry, hop.url);
    let outcome: Outcome | null = null;
    try {
      outcome = await this.#answered(entry, hop, follows);
      return outcome;
    } finally {
      if (outcome?.kind !== 'chunks') gate.leave();
    }
  }

  async #enter({ gate, settings }: Entry, url: HttpUrl): Promise<void> {
    if (gate.isFull) {
      const message = `${url.origin} has ${settings.requests_open_max} requests of this grant under way, and too many wait`;
      throw new PowerboxError('rate_limited', message);
    }
    let giveUp = (): void => {};
    await this.#waiting(
      (enter) => {
        giveUp = gate.wait(enter);
      },
      () => giveUp(),
      `${url.origin} had ${settings.requests_open_max} other requests of this grant under way all the time`,
    );
  }

  /** Answered, or failed for good. */
  async #answered(entry: Entry, hop: Hop, follows: boolean): Promise<Outcome> {
    const key = entry.settings.idempotencyHeader === undefined ? '' : this.#key;
    for (let repeats = 0; ; repeats++) {
      const { host, address, port } = hop.url;
      const known = this.#context.lookup.checkedNow(host, address, port, entry.addresses);
      const addresses = known ?? (await this.#addresses(entry, hop.url));
      let outcome: Outcome | null = null;
      for (const each of addresses.slice(0, ADDRESSES_TRIED_MAX)) {
        outcome = await this.#exchanged(entry, hop, each, follows, key);
        // Another address is tried only while nothing was sent to this one.
        if (outcome.kind !== 'failed' || outcome.sent || !isPassing(reasonOf(outcome.error.cause))) break;
      }
      if (outcome === null) throw new Error('a lookup gave no address');
      if (outcome.kind !== 'failed') return outcome;
      const { error, sent } = outcome;
      const mayRepeat = !sent || key !== '' || IDEMPOTENT.has(hop.method);
      if (!mayRepeat || repeats >= limits.http_repeats_max || !isPassing(reasonOf(error.cause))) return outcome;
      await this.#pause(limits.http_repeat_ms * 4 ** repeats, error);
    }
  }

  async #addresses(entry: Entry, url: HttpUrl): Promise<readonly Address[]> {
    const abort = new AbortController();
    if (this.#error !== null) throw this.#error;
    this.#cancel = () => abort.abort();
    const limit_ms = Math.min(entry.settings.connect_ms_max, this.#left_ms());
    try {
      return await this.#context.lookup.checked(url.host, url.port, entry.addresses, {
        signal: abort.signal,
        limit_ms,
      });
    } catch (error) {
      throw this.#error ?? error;
    } finally {
      this.#cancel = null;
    }
  }

  #exchanged(entry: Entry, hop: Hop, address: Address, follows: boolean, key: string): Promise<Outcome> {
    const { settings, trust } = entry;
    if (this.#error !== null) throw this.#error;
    const { connect_ms_max } = settings;
    const pool = this.#context.pools.to({ url: hop.url, address, trust, connect_ms_max });
    return new Promise((resolve) => {
      const exchange = new Exchange({
        platform: this.#context.platform,
        where: hop.url.origin,
        times: this.#times(entry),
        head: (head, running) => this.#headed(head, running, entry, hop, follows, resolve),
        failed: (error, sent) => resolve({ kind: 'failed', error, sent }),
      });
      this.#cancel = (error) => exchange.stop(error);
      this.#bytes += hop.body?.length ?? 0;
      const path = hop.url.query === '' ? hop.url.path : `${hop.url.path}?${hop.url.query}`;
      const headers = this.#headers(entry, hop, key);
      const { method, body } = hop;
      const request: LineRequest = { path, method, headers, body, exchange };
      try {
        pool.dispatch(request, exchange);
      } catch (error) {
        exchange.stop(new PowerboxError('native_failed', `the request could not be made`, { cause: error }));
      }
    });
  }

  #times({ settings }: Entry): ExchangeTimes {
    const left_ms = this.#left_ms();
    const isStream = this.#plan.form === 'chunks';
    return {
      connect_ms_max: Math.min(settings.connect_ms_max, left_ms),
      headers_ms_max: Math.min(settings.headers_ms_max, left_ms),
      idle_ms_max: settings.idle_ms_max,
      end_ms: isStream ? this.#now_ms() + settings.stream_ms_max : this.#end_ms,
    };
  }

  #headers(entry: Entry, { headers }: Hop, key: string): string[] {
    const own = ['accept-encoding', ACCEPTED_CODINGS];
    if (!hasHeader(headers, 'user-agent')) own.push('user-agent', this.#context.agent);
    if (!hasHeader(headers, 'accept')) own.push('accept', '*/*');
    for (let index = 0; index < headers.length; index += 2) {
      const [name = '', value = ''] = headers.slice(index, index + 2);
      // Where a redirect leads, other headers may be the operator's.
      if (!hasHeader(entry.headers, name) && !entry.kept.includes(name)) own.push(name, value);
    }
    own.push(...entry.headers);
    const { idempotencyHeader } = entry.settings;
    if (idempotencyHeader !== undefined && key !== '') own.push(idempotencyHeader, key);
    return own;
  }

  /** The head is there: where the body goes, and what became of the request. */
  #headed(
    head: Head,
    exchange: Exchange,
    { settings, gate }: Entry,
    { method, url }: Hop,
    follows: boolean,
    resolve: (outcome: Outcome) => void,
  ): Sink | PowerboxError {
    const { status, headers } = head;
    const location = headers['location'];
    if (follows && isRedirect(status) && typeof location === 'string') {
      resolve({ kind: 'redirect', head, location });
      return skipping(exchange);
    }
    const where = url.origin;
    const isEmpty = method === 'HEAD' || status === 204 || status === 304;
    const coding = isEmpty ? null : codingOf(headers['content-encoding']);
    if (coding !== null && typeof coding === 'object') {
      const message = `${where} answered in the coding ${JSON.stringify(coding.unknown)}, which is not read: encoding`;
      return new PowerboxError('net_failed', message);
    }
    const isStream = this.#plan.form === 'chunks' && !isEmpty;
    const bytes_max = isStream ? settings.stream_bytes_max : settings.response_bytes_max;
    if (!isEmpty && Number(headers['content-length'] ?? 0) > bytes_max) return tooLarge(where, bytes_max);
    if (!isStream) {
      return collecting(exchange, bytes_max, where, (body) => {
        if (body instanceof PowerboxError) resolve({ kind: 'failed', error: body, sent: true });
        else resolve({ kind: 'whole', head, body: isEmpty ? null : body, coding });
      });
    }
    const { chunk_bytes_max } = this.#plan;
    const body: IncomingBody = new IncomingBody({
      exchange,
      coding,
      bytes_max,
      chunk_bytes_max,
      where,
      ended: () => {
        gate.leave();
        this.#grant.delete(body);
      },
    });
    resolve({ kind: 'chunks', head, body });
    this.#grant.add(body);
    return body;
  }

  async #fetched(
    outcome: Exclude<Outcome, { kind: 'failed' | 'redirect' }>,
    url: HttpUrl,
    { settings }: Entry,
  ): Promise<Fetched> {
    const { status, headers } = outcome.head;
    let body: Fetched['body'] = outcome.body;
    if (outcome.kind === 'whole' && outcome.body !== null) {
      this.#bytes += outcome.body.length;
      if (outcome.coding !== null && outcome.body.length > 0) {
        body = await inflateWhole(outcome.body, outcome.coding, settings.response_bytes_max, url.origin);
      }
    }
    return { status, headers, url, body, bytes: this.#bytes };
  }

  /** Before the next repetition. */
  #pause(pause_ms: number, error: PowerboxError): Promise<void> {
    if (this.#left_ms() <= pause_ms) throw error;
    let timer = { cancel: (): void => {} };
    return this.#waiting(
      (enter) => {
        timer = this.#context.platform.timers.after(pause_ms, enter);
      },
      () => timer.cancel(),
      '',
    );
  }

  /** Waits until `begin` says so, at most as long as the call has left; `giveUp` when it is not waited for any more. */
  #waiting(begin: (enter: () => void) => void, giveUp: () => void, late: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = this.#context.platform.timers.after(this.#left_ms(), () =>
        over(new PowerboxError('timed_out', late)),
      );
      const over = (error: PowerboxError | null): void => {
        timer.cancel();
        this.#cancel = null;
        if (error === null) {
          resolve();
          return;
        }
        giveUp();
        reject(error);
      };
      this.#cancel = over;
      if (this.#error !== null) over(this.#error);
      else begin(() => over(null));
    });
  }

  #now_ms(): number {
    return this.#context.platform.clock.monotonic_ms();
  }

  #left_ms(): number {
    return Math.max(0, Math.ceil(this.#end_ms - this.#now_ms()));
  }
}
