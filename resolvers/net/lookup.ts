/**
 * Names to addresses that may be connected to. Every answer is judged by the rules of the grant that asks; the
 * connection is then made to the address that was judged, and no name is looked up a second time. Answers are kept
 * for a few seconds, unjudged, so that a program that makes many calls does not make many questions.
 */
import { promises as dns } from 'node:dns';
import { allows, mayName, parseAddress } from '../../src/capability/index.ts';
import type { Address, AddressKind, AddressRules } from '../../src/capability/index.ts';
import { PowerboxError } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';
import type { Cancellable, Clock, Timers } from '../../src/platform/index.ts';

/** Every address of a name, or a rejection with the system's word in `code`. */
export type ResolveName = (host: string) => Promise<readonly string[]>;

export interface LookupOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  /** Default: as this machine resolves names, its hosts file included. */
  readonly resolve?: ResolveName;
}

export interface LookupLimits {
  readonly signal?: AbortSignal | undefined;
  readonly limit_ms: number;
}

interface Known {
  readonly addresses: Promise<readonly Address[]>;
  readonly until_ms: number;
  /** Null until the answer is there. */
  found: readonly Address[] | null;
}

export class Lookup {
  readonly #options: LookupOptions;
  readonly #resolve: ResolveName;
  /** By name, oldest first. */
  readonly #known = new Map<string, Known>();

  constructor(options: LookupOptions) {
    this.#options = options;
    this.#resolve = options.resolve ?? resolveBySystem;
  }

  /**
   * The addresses of a host that the rules allow, in the order of the answer: never none. `host` is a name in lower
   * case or the one spelling of an address. Refused with `address_refused`; `net_failed` when there is no answer,
   * `timed_out` when none comes in time, `cancelled` when nobody waits any more.
   */
  async checked(
    host: string,
    port: number,
    rules: AddressRules,
    { signal, limit_ms }: LookupLimits,
  ): Promise<readonly Address[]> {
    const now = this.checkedNow(host, parseAddress(host), port, rules);
    if (now !== null) return now;
    // What no rule names is refused unasked: a question, too, tells something to whoever answers it.
    if (!mayName(rules, host, port)) {
      throw new PowerboxError('address_refused', `${host}:${port} is not among what was granted`);
    }
    return allowed(await this.#within(this.#addresses(host), host, signal, limit_ms), host, port, rules);
  }

  /** The same at once, for an address or a name of which the answer is there already; null where there is a wait. */
  checkedNow(host: string, literal: Address | null, port: number, rules: AddressRules): readonly Address[] | null {
    if (literal !== null) {
      if (allows(rules, { host, address: literal, port })) return [literal];
      throw refused(host, port, [literal.kind]);
    }
    const known = this.#known.get(host);
    if (known === undefined || known.found === null || known.until_ms <= this.#options.clock.monotonic_ms())
      return null;
    return mayName(rules, host, port) ? allowed(known.found, host, port, rules) : null;
  }

  #addresses(host: string): Promise<readonly Address[]> {
    const now_ms = this.#options.clock.monotonic_ms();
    const known = this.#known.get(host);
    if (known !== undefined && known.until_ms > now_ms) return known.addresses;
    this.#known.delete(host);
    const addresses = this.#ask(host);
    const asked: Known = { addresses, until_ms: now_ms + limits.lookup_kept_ms, found: null };
    this.#known.set(host, asked);
    addresses.then(
      (found) => {
        asked.found = found;
      },
      // A failure is not kept: whoever asks next asks again.
      () => {
        if (this.#known.get(host) === asked) this.#known.delete(host);
      },
    );
    const [oldest] = this.#known.keys();
    if (this.#known.size > limits.lookups_kept_max && oldest !== undefined) this.#known.delete(oldest);
    return addresses;
  }

  async #ask(host: string): Promise<readonly Address[]> {
    let texts: readonly string[];
    try {
      texts = await this.#resolve(host);
    } catch (error) {
      throw new PowerboxError('net_failed', `${host} cannot be looked up: ${reasonOf(error)}`, { cause: error });
    }
    const addresses = texts.slice(0, limits.lookup_addresses_max).flatMap((text) => parseAddress(text) ?? []);
    if (addresses.length === 0) throw new PowerboxError('net_failed', `${host} cannot be looked up: no_address`);
    return addresses;
  }

  /** The question itself cannot be taken back; its answer then comes for nobody. */
  #within<T>(work: Promise<T>, host: string, signal: AbortSignal | undefined, limit_ms: number): Promise<T> {
    return new Promise((resolve, reject) => {
      let timer: Cancellable | null = null;
      const over = (settle: () => void): void => {
        timer?.cancel();
        signal?.removeEventListener('abort', cancel);
        settle();
      };
      const cancel = (): void =>
        over(() => reject(new PowerboxError('cancelled', `nobody waits for the address of ${host} any more`)));
      timer = this.#options.timers.after(limit_ms, () =>
        over(() => reject(new PowerboxError('timed_out', `${host} was not looked up within ${limit_ms} ms`))),
      );
      work.then(
        (value) => over(() => resolve(value)),
        (error: unknown) => over(() => reject(error)),
      );
      if (signal?.aborted === true) cancel();
      else signal?.addEventListener('abort', cancel);
    });
  }
}

async function resolveBySystem(host: string): Promise<readonly string[]> {
  return (await dns.lookup(host, { all: true, verbatim: true })).map(({ address }) => address);
}

/** Those that may be connected to; refused when there are none. */
function allowed(found: readonly Address[], host: string, port: number, rules: AddressRules): readonly Address[] {
  const open = found.filter((address) => allows(rules, { host, address, port }));
  if (open.length > 0) return open;
  throw refused(
    host,
    port,
    found.map(({ kind }) => kind),
  );
}

/** The kinds of what came, not the addresses: those of a network are nobody's business who was not let in. */
function refused(host: string, port: number, kinds: readonly AddressKind[]): PowerboxError {
  const words = [...new Set(kinds)].map((kind) => kind.replaceAll('_', ' ')).join(', ');
  return new PowerboxError('address_refused', `${host}:${port} leads to an address that was not granted (${words})`, {
    hint: 'A grant by name opens public addresses; every other one has to be granted by address.',
  });
}

const REASONS: Readonly<Record<string, string>> = {
  ENOTFOUND: 'name_unknown',
  EAI_AGAIN: 'lookup_unavailable',
  ENODATA: 'no_address',
};

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return REASONS[code] ?? 'lookup_failed';
}
