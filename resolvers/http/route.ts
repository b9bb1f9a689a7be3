/**
 * The way of requests of one method to one URL under one entry of a grant: what the grant says of it, found once, and the
 * connections that were used last. Owns nothing; it is forgotten with its grant, so a grant that has changed is looked at
 * anew. A name is looked up, and what it leads to judged, for each request; an address is judged once.
 */
import type { Address, HttpUrl } from '../../src/capability/index.ts';
import type { Lookup } from '../net/lookup.ts';
import type { Connections } from './connections.ts';
import type { Entry } from './grant.ts';
import { HeadReader } from './head.ts';
import { ACCEPTED_CODINGS } from './inflate.ts';
import { LastAnswer } from './last-answer.ts';
import type { Pools } from './pools.ts';
import { hasHeader } from './request.ts';

export class Route {
  readonly entry: Entry;
  readonly url: HttpUrl;
  /** Path and query, as they are sent. */
  readonly path: string;
  readonly heads = new HeadReader();
  readonly last = new LastAnswer();
  #literal: readonly Address[] | null = null;
  #address: Address | null = null;
  #pool: Connections | null = null;

  constructor(entry: Entry, url: HttpUrl) {
    this.entry = entry;
    this.url = url;
    this.path = url.query === '' ? url.path : `${url.path}?${url.query}`;
  }

  /** The addresses that the grant allows; null where they have to be waited for. Refused as by `Lookup`. */
  addresses(lookup: Lookup): readonly Address[] | null {
    if (this.#literal !== null) return this.#literal;
    const { host, address, port } = this.url;
    const known = lookup.checkedNow(host, address, port, this.entry.addresses);
    if (address !== null) this.#literal = known;
    return known;
  }

  /** Connections to one of them. */
  pool(pools: Pools, address: Address): Connections {
    const last = this.#pool;
    if (last !== null && this.#address === address && pools.isOpen(last)) return last;
    const { trust, settings } = this.entry;
    const pool = pools.to({ url: this.url, address, trust, connect_ms_max: settings.connect_ms_max });
    this.#address = address;
    this.#pool = pool;
    return pool;
  }

  /** All headers of a request but the key of its effect: a program's own, the node's, and the operator's for this origin. */
  headers(given: readonly string[], agent: string): string[] {
    const { headers, kept } = this.entry;
    const own = ['accept-encoding', ACCEPTED_CODINGS];
    if (!hasHeader(given, 'user-agent')) own.push('user-agent', agent);
    if (!hasHeader(given, 'accept')) own.push('accept', '*/*');
    for (let index = 0; index < given.length; index += 2) {
      const name = given[index] ?? '';
      // Where a redirect leads, other headers may be the operator's.
      if (!hasHeader(headers, name) && !kept.includes(name)) own.push(name, given[index + 1] ?? '');
    }
    own.push(...headers);
    return own;
  }
}
