/**
 * Grants to channels: which holder programs are deployed for, what its URIs are bound to, and what stands behind
 * the channels. Programs with the same grants have one holder, so what one of them was given means the same
 * after a restart and no later opening can widen or narrow it. Owns the facts `grants/<holder>`.
 */
import { resolve } from 'node:path';
import type { Native } from '../../channels/index.ts';
import { type Console, Resolvers } from '../../resolvers/index.ts';
import {
  grantedUris,
  type Grant,
  type Power,
  openPublicSystem,
  POWERBOX_URI,
  PUBLIC_SYSTEM,
  powerboxChannel,
  readGrants,
  uris,
} from '../capability/index.ts';
import type { Dispatcher } from '../dispatch/index.ts';
import { isPowerboxError, PowerboxError } from '../errors.ts';
import type { Platform } from '../platform/index.ts';
import { print } from '../rholang/index.ts';
import type { SpaceEngine } from '../space/index.ts';
import type { Value } from '../values/index.ts';
import type { Grants, OpenOptions } from './types.ts';

const GRANTS_PREFIX = 'grants/';
const PUBLIC_FACT = 'public-system';

export interface PowersOptions {
  readonly engine: SpaceEngine;
  readonly dispatcher: Dispatcher;
  readonly platform: Platform;
  readonly console: Console;
  readonly options: OpenOptions;
}

export class Powers {
  readonly holder: string;
  readonly #engine: SpaceEngine;
  readonly #dispatcher: Dispatcher;
  readonly #resolvers: Resolvers;
  readonly #granted: readonly Power[];
  readonly #natives: Grant[] = [];
  readonly #withheld: readonly string[];
  #bound: Promise<ReadonlyMap<string, Value>> | null = null;

  private constructor({ engine, dispatcher, platform, console, options }: PowersOptions) {
    this.#engine = engine;
    this.#dispatcher = dispatcher;
    this.#granted = readGrants(configurationOf(options.grants ?? {}));
    this.#withheld = options.grants?.powerbox === false ? [POWERBOX_URI] : [];
    this.holder = holderOf(this.#granted, platform);
    this.#resolvers = new Resolvers({
      console,
      platform,
      show: (value) => print(value),
      ...(options.data === undefined ? {} : { outOfReach: resolve(options.data) }),
    });
  }

  /** Registers the resolvers and opens what was granted; nothing stays open when it rejects. */
  static async open(options: PowersOptions): Promise<Powers> {
    const powers = new Powers(options);
    for (const native of powers.#resolvers.natives) options.dispatcher.registerNative(native);
    // What only looks at a space opens nothing: no directory is locked, no change settled.
    if (options.options.unfinished === 'hold') return powers;
    try {
      await powers.#resolvers.grant(powers.holder, powers.#granted);
      if (options.options.rememberGrants === true) await powers.#grantRemembered();
    } catch (error) {
      await powers.close();
      throw error;
    }
    return powers;
  }

  async #grantRemembered(): Promise<void> {
    for (const [key, value] of this.#engine.facts(GRANTS_PREFIX)) {
      const holder = key.slice(GRANTS_PREFIX.length);
      if (holder !== this.holder) await this.#resolvers.grant(holder, readGrants(JSON.parse(String(value))));
    }
  }

  /** Makes a native answer, and binds `uri` to it for programs deployed from now on. */
  async addNative(native: Native, uri: string, isRegistered: boolean): Promise<Value> {
    if (grantedUris(this.#grants()).includes(uri)) {
      throw new PowerboxError('config_invalid', `the URI ${uri} stands for something else already`);
    }
    if (!isRegistered) this.#dispatcher.registerNative(native);
    this.#natives.push({ kind: 'native', uri, native: native.declaration.name, handle: null });
    this.#bound = null;
    return (await this.bound()).get(uri) as Value;
  }

  #grants(): readonly Grant[] {
    return [...this.#granted, ...this.#natives];
  }

  granted(): readonly string[] {
    return grantedUris(this.#grants()).filter((uri) => !this.#withheld.includes(uri));
  }

  /** What the URIs of a program that is deployed now are bound to. */
  bound(): Promise<ReadonlyMap<string, Value>> {
    const grants = this.#grants();
    this.#bound ??= this.#engine.post({ kind: 'grant', payload: this.holder, account: 0 }, (turn) => {
      turn.setFact(`${GRANTS_PREFIX}${this.holder}`, JSON.stringify(this.#granted));
      const bound = uris(turn, this.holder, grants);
      for (const uri of this.#withheld) bound.delete(uri);
      return bound;
    });
    return this.#bound;
  }

  /** The first argument of a system contract. */
  powerbox(): Promise<Value> {
    const grants = this.#grants();
    return this.#engine.post({ kind: 'grant', payload: this.holder, account: 0 }, (turn) =>
      powerboxChannel(turn, this.holder, grants),
    );
  }

  /** Whether the public `@"system"` answers. It is turned off again where an earlier opening had turned it on. */
  async setPublicSystem(on: boolean): Promise<void> {
    const known = this.#engine.fact(PUBLIC_FACT) ?? null;
    if (on ? known === this.holder : known === null) return;
    const grants = this.#grants();
    const switching = this.#engine.post(
      { kind: 'public-system', payload: on ? this.holder : null, account: 0 },
      (turn) => {
        if (on) openPublicSystem(turn, this.holder, grants);
        else turn.uninstall(PUBLIC_SYSTEM);
        turn.setFact(PUBLIC_FACT, on ? this.holder : undefined);
      },
    );
    await switching.catch((error: unknown) => {
      if (!isPowerboxError(error) || error.code !== 'channel_owned') throw error;
      throw new PowerboxError(
        'config_invalid',
        `@"${PUBLIC_SYSTEM}" cannot be made public: a program of this space receives on it`,
        {
          hint: `see which with powerbox inspect '@"${PUBLIC_SYSTEM}"', or leave --public-system out`,
          cause: error,
        },
      );
    });
  }

  close(): Promise<void> {
    return this.#resolvers.close();
  }
}

/** What a configuration file would say. Roots are absolute, so that they mean the same wherever the space is opened. */
function configurationOf({ files = {}, stdio = true, powers = [] }: Grants): object[] {
  const directories = typeof files === 'string' ? { files } : files;
  const grants: object[] = Object.entries(directories).map(([name, given]) => {
    const options = typeof given === 'string' ? { root: given } : given;
    return { kind: 'files', name, ...options, root: resolve(options.root) };
  });
  return [...(stdio ? [{ kind: 'stdio' }] : []), ...grants, ...powers];
}

/** A name that follows from the grants alone. */
function holderOf(grants: readonly Grant[], platform: Platform): string {
  const canonical = JSON.stringify(
    grants.map((grant) => Object.entries(grant).sort(([left], [right]) => (left < right ? -1 : 1))),
  );
  const hash = platform.hashing.sha256(new TextEncoder().encode(canonical));
  return `operator-${Buffer.from(hash).toString('hex').slice(0, 16)}`;
}
