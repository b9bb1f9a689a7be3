/** Every resolver of this folder, over one console and one platform. A new kind of power is added here. */
import { grantId, powerNameOf } from '../src/capability/index.ts';
import type { Power } from '../src/capability/index.ts';
import type { Native } from '../src/natives/index.ts';
import type { Platform } from '../src/platform/index.ts';
import type { Value } from '../src/values/index.ts';
import type { Console } from './console.ts';
import { CryptoResolver } from './crypto.ts';
import { FilesResolver } from './files/resolver.ts';
import { LoadResolver } from './load.ts';
import { RandomResolver } from './random.ts';
import type { AnyResolver, Resolver } from './resolver.ts';
import { StdioResolver } from './stdio.ts';
import { systemNative } from './system.ts';
import { textNative } from './text.ts';
import { TimerResolver } from './timer/resolver.ts';

export interface ResolversOptions {
  readonly console: Console;
  readonly platform: Platform;
  /** A value in Rholang syntax, strings quoted. */
  readonly show: (value: Value) => string;
  /** A directory that no grant may reach: where the space itself is kept, with its keys. */
  readonly outOfReach?: string;
}

export class Resolvers {
  /** One for each declaration; to be registered with the dispatcher before the space is opened. */
  readonly natives: readonly Native[];
  readonly #resolvers: readonly AnyResolver[];
  /** Grants that stand, in the order of their granting. */
  readonly #granted = new Map<string, Power>();

  constructor({ console, platform, show, outOfReach }: ResolversOptions) {
    const stdio = new StdioResolver({ console, show });
    this.#resolvers = [
      stdio,
      new FilesResolver(outOfReach ?? null),
      new TimerResolver(platform),
      new RandomResolver(platform.randomness),
      new CryptoResolver(),
      new LoadResolver(),
    ];
    this.natives = [
      systemNative({ console, granted: (id) => stdio.has(id) }),
      textNative,
      ...this.#resolvers.flatMap(({ natives }) => natives),
    ];
  }

  /**
   * Lets a holder's channels reach what was granted. Refused with `config_invalid` or `storage_locked`; then
   * nothing of it is granted.
   */
  async grant(holder: string, powers: readonly Power[]): Promise<void> {
    const done: [string, Power][] = [];
    try {
      for (const power of powers) {
        const id = grantId(holder, powerNameOf(power));
        await this.#resolverOf(power).grant(id, power);
        done.push([id, power]);
      }
    } catch (error) {
      for (const [id, power] of done) if (!this.#granted.has(id)) this.#resolverOf(power).revoke(id);
      throw error;
    }
    for (const [id, power] of done) this.#granted.set(id, power);
  }

  /** Takes one grant back, or every grant of a holder. Its channels stay, and are answered `not_available`. */
  revoke(holder: string, name: string | null = null): void {
    for (const [id, power] of [...this.#granted]) {
      if (name === null ? !id.startsWith(`${holder}/`) : id !== grantId(holder, name)) continue;
      this.#granted.delete(id);
      this.#resolverOf(power).revoke(id);
    }
  }

  /** Ends when what is under way has ended. */
  async close(): Promise<void> {
    this.#granted.clear();
    await Promise.all(this.#resolvers.map((resolver) => resolver.close()));
  }

  /** The one of the power's own kind, so that it takes it. */
  #resolverOf(power: Power): Resolver<Power['kind']> {
    const found = this.#resolvers.find(({ kind }) => kind === power.kind);
    if (found === undefined) throw new Error(`no resolver for powers of kind ${power.kind}`);
    return found as Resolver<Power['kind']>;
  }
}
