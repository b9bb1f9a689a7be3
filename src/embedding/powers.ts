/**
 * Grants to channels, holder by holder: which holders there are, what the URIs of their programs are bound to, and
 * what stands behind the channels. Holders of a configuration have the names that it gives them; programs that are
 * granted something without one are the operator's, whose holder is named by what is granted. So what one of them
 * was given means the same after a restart, and no later opening can widen or narrow it.
 *
 * Owns the facts `grants/<holder>`: what a holder was granted, secrets as placeholders.
 */
import { basename, dirname, resolve } from 'node:path';
import { type Native, system } from '../../channels/index.ts';
import { type Console, Resolvers } from '../../resolvers/index.ts';
import {
  type Configuration,
  fillSecrets,
  grantedUris,
  grantId,
  type Grant,
  type PeersConfig,
  type Power,
  OPERATOR_PREFIX,
  POWERBOX_URI,
  PUBLIC_SYSTEM,
  powerNameOf,
  readGrants,
} from '../capability/index.ts';
import { GRANTS_PREFIX, holdingValue, PUBLIC_FACT } from './causes.ts';
import { type Dispatcher, isRevoked } from '../dispatch/index.ts';
import { isPowerboxError, PowerboxError } from '../errors.ts';
import type { Platform } from '../platform/index.ts';
import { print } from '../rholang/index.ts';
import type { Hosts } from '../natives/index.ts';
import type { Engine, SpaceEngine } from '../space/index.ts';
import type { Value } from '../values/index.ts';
import type { Granted } from './grants.ts';
import type { Documents } from './documents.ts';
import type { NodeAuthority } from './node-authority.ts';
import { secretLookup } from './config-surroundings.ts';
import type { Service } from './service.ts';
import type { FailureReport, Grants, OpenOptions } from './types.ts';

/** Where a node keeps its spaces but the first. */
export const SPACES_DIRECTORY = 'spaces';

export interface PowersOptions {
  readonly engine: SpaceEngine;
  readonly dispatcher: Dispatcher;
  readonly platform: Platform;
  readonly console: Console;
  readonly options: OpenOptions;
  readonly configuration: Configuration | null;
  readonly documents: Documents;
  readonly tell: (failure: FailureReport) => void;
  readonly authority: NodeAuthority;
  readonly service: Service;
  readonly hosts: Hosts;
}

interface Holder {
  readonly name: string;
  readonly granted: readonly Power[];
  bound: Promise<ReadonlyMap<string, Value>> | null;
}

export class Powers {
  /** Of programs for which no other holder is named. */
  readonly holder: string;
  readonly #engine: SpaceEngine;
  readonly #dispatcher: Dispatcher;
  readonly #platform: Platform;
  readonly #resolvers: Resolvers;
  /** Those for whom programs can be deployed. */
  readonly #holders = new Map<string, Holder>();
  readonly #natives: Grant[] = [];
  readonly #withheld: readonly string[];
  readonly #publicSystem: string | null;
  /** Not where a space is only looked at. */
  readonly #opens: boolean;
  readonly #tell: (failure: FailureReport) => void;

  private constructor({
    engine,
    dispatcher,
    platform,
    console,
    options,
    configuration,
    documents,
    service,
    ...node
  }: PowersOptions) {
    this.#engine = engine;
    this.#dispatcher = dispatcher;
    this.#platform = platform;
    this.#tell = node.tell;
    this.#opens = options.unfinished !== 'hold' && service.isIn;
    const granted = readGrants(configurationOf(options.grants ?? {}));
    this.holder = holderOf(granted, platform);
    this.#add(this.holder, granted);
    for (const { name, powers } of configuration?.holders.values() ?? []) this.#add(name, powers);
    this.#withheld = options.grants?.powerbox === false ? [POWERBOX_URI] : [];
    this.#publicSystem = options.grants?.publicSystem === true ? this.holder : (configuration?.publicSystem ?? null);
    this.#resolvers = new Resolvers({
      console,
      platform,
      show: (value) => print(value),
      documents: documents.values,
      inService: () => service.isIn,
      onOutage: (outage) => service.leave(outage),
      hosts: node.hosts,
      peers: peersOf(configuration, node.authority),
      report: ({ code, message }) => this.#tell({ deploy: 0, code, message, hint: '', source: 'peers', dropped: 0 }),
      share: configuration?.machine?.share ?? {},
      ...(options.data === undefined ? {} : { outOfReach: nodeDirectoryOf(resolve(options.data)) }),
    });
  }

  #add(name: string, granted: readonly Power[]): void {
    this.#holders.set(name, { name, granted, bound: null });
  }

  /** Registers the resolvers and opens what was granted; nothing stays open when it rejects. */
  static async open(options: PowersOptions): Promise<Powers> {
    const powers = new Powers(options);
    for (const native of powers.#resolvers.natives) options.dispatcher.registerNative(native);
    options.hosts.register();
    // What only looks at a space opens nothing: no directory is locked, no change settled.
    if (!powers.#opens) return powers;
    try {
      for (const { name, granted } of powers.#holders.values()) {
        fillSecrets(granted, secretLookup());
        await powers.#resolvers.grant(name, powers.#standing(name, granted));
      }
      if (options.options.rememberGrants === true) await powers.#grantRemembered(options.configuration !== null);
      await options.hosts.start();
    } catch (error) {
      await powers.close();
      throw error;
    }
    return powers;
  }

  /** Who is in no configuration that there is has been taken out of it. The operator's own grants are in none. */
  async #grantRemembered(isConfigured: boolean): Promise<void> {
    for (const [key, value] of this.#engine.facts(GRANTS_PREFIX)) {
      const holder = key.slice(GRANTS_PREFIX.length);
      if (this.#holders.has(holder) || (isConfigured && !holder.startsWith(OPERATOR_PREFIX))) continue;
      const remembered = readGrants(JSON.parse(String(value)));
      const whole: Power[] = [];
      for (const power of remembered) {
        try {
          fillSecrets([power], secretLookup());
          whole.push(power);
        } catch (error) {
          if (!isPowerboxError(error)) throw error;
          const message = `the power ${powerNameOf(power)} of ${holder} is not granted again: ${error.message}`;
          this.#tell({ deploy: 0, code: error.code, message, hint: error.hint, source: 'grants', dropped: 0 });
        }
      }
      await this.#resolvers.grant(holder, this.#standing(holder, whole));
    }
  }

  /** Those that were not revoked. */
  #standing(holder: string, granted: readonly Power[]): Power[] {
    return granted.filter((power) => !isRevoked(this.#engine, grantId(holder, powerNameOf(power))));
  }

  // -------------------------------------------------------------- who there is

  /** The holder of this name; the operator's without one. Refused with `config_invalid` where there is none. */
  #holder(name: string = this.holder): Holder {
    const found = this.#holders.get(name);
    if (found !== undefined) return found;
    const names = [...this.#holders.keys()].filter((known) => known !== this.holder);
    throw new PowerboxError('config_invalid', `there is no holder ${JSON.stringify(name)}`, {
      hint: names.length === 0 ? 'give a configuration that has holders' : `there are ${names.join(', ')}`,
    });
  }

  /** Everybody who holds something here, with what it is, and what of it is not taken back; secrets as placeholders. */
  holders(): readonly {
    readonly name: string;
    readonly granted: readonly Power[];
    readonly standing: readonly Power[];
  }[] {
    return [...this.#holders.values()].map(({ name, granted }) => ({
      name,
      granted,
      standing: this.#standing(name, granted),
    }));
  }

  /**
   * Makes the channels of every configured holder, and what its powerbox says that it holds: of what was taken out of
   * the configuration nothing is handed out any more. Nothing is posted for whom nothing has changed.
   */
  async settle(): Promise<void> {
    for (const holder of this.#holders.values()) {
      if (holder.name === this.holder) continue;
      if (this.#engine.fact(`${GRANTS_PREFIX}${holder.name}`) !== JSON.stringify(holder.granted))
        await this.bound(holder.name);
    }
  }

  /** Makes a native answer, and binds `uri` to it for programs deployed from now on. */
  async addNative(native: Native, uri: string, isRegistered: boolean): Promise<Value> {
    for (const { granted } of this.#holders.values()) {
      if (grantedUris([...granted, ...this.#natives]).includes(uri)) {
        throw new PowerboxError('config_invalid', `the URI ${uri} stands for something else already`);
      }
    }
    if (!isRegistered) this.#dispatcher.registerNative(native);
    this.#natives.push({ kind: 'native', uri, native: native.declaration.name, handle: null });
    for (const holder of this.#holders.values()) holder.bound = null;
    return (await this.bound()).get(uri) as Value;
  }

  /** The holder of what an operator grants to a program that is started beside others. */
  async granting(grants: Grants): Promise<string> {
    const granted = readGrants(configurationOf(grants));
    const name = holderOf(granted, this.#platform);
    if (this.#holders.has(name)) return name;
    fillSecrets(granted, secretLookup());
    await this.#resolvers.grant(name, this.#standing(name, granted));
    this.#add(name, granted);
    return name;
  }

  #grants({ granted }: Holder): readonly Grant[] {
    return [...granted, ...this.#natives];
  }

  granted(name?: string): readonly string[] {
    return grantedUris(this.#grants(this.#holder(name))).filter((uri) => !this.#withheld.includes(uri));
  }

  /** What the URIs of a program that is deployed now are bound to. */
  async bound(name?: string): Promise<ReadonlyMap<string, Value>> {
    const holder = this.#holder(name);
    holder.bound ??= this.#bind(this.#engine, holder);
    return holder.bound;
  }

  /** The same for a program that runs in a fork: what was not bound before is bound there alone. Null: in the space. */
  boundIn(fork: Pick<Engine, 'enact'> | null, name?: string): Promise<ReadonlyMap<string, Value>> {
    const holder = this.#holder(name);
    return fork === null ? this.bound(name) : (holder.bound ?? this.#bind(fork, holder));
  }

  async #bind(engine: Pick<Engine, 'enact'>, holder: Holder): Promise<ReadonlyMap<string, Value>> {
    const cause = { kind: 'grant', payload: this.#holding(holder), account: 0 };
    const bound = new Map(await engine.enact<ReadonlyMap<string, Value>>(cause));
    for (const uri of this.#withheld) bound.delete(uri);
    return bound;
  }

  #holding({ name, granted }: Holder): Value {
    return holdingValue({ holder: name, granted, natives: this.#natives });
  }

  /** The first argument of a system contract. */
  async powerbox(name?: string): Promise<Value> {
    return this.#engine.enact({ kind: 'powerbox', payload: this.#holding(this.#holder(name)), account: 0 });
  }

  // -------------------------------------------------------------- taking back

  /** Every grant that there is: of those for whom programs can be deployed, and of earlier openings. */
  everyGrant(): readonly Granted[] {
    const all = new Map<string, readonly Power[]>();
    for (const [key, value] of this.#engine.facts(GRANTS_PREFIX))
      all.set(key.slice(GRANTS_PREFIX.length), readGrants(JSON.parse(String(value))));
    for (const { name, granted } of this.#holders.values()) all.set(name, granted);
    return [...all].flatMap(([holder, powers]): Granted[] => [
      { holder, power: system.name, kind: 'powerbox', grant: grantId(holder, system.name) },
      ...powers.map((power): Granted => {
        const name = powerNameOf(power);
        return { holder, power: name, kind: power.kind, grant: grantId(holder, name) };
      }),
      ...this.#natives.flatMap((given): Granted[] =>
        given.kind === 'native'
          ? [{ holder, power: given.uri, kind: 'native', grant: grantId(holder, given.uri) }]
          : [],
      ),
    ]);
  }

  async revoke(power: string, holder?: string): Promise<boolean> {
    const found = this.#grantOf(power, holder);
    const cause = { kind: 'revoke', payload: found.grant, account: 0 };
    const done = await this.#engine.enact<boolean>(cause);
    this.#resolvers.revoke(found.holder, found.power);
    return done;
  }

  async regrant(power: string, holder?: string): Promise<boolean> {
    const { grant, ...found } = this.#grantOf(power, holder);
    if (!isRevoked(this.#engine, grant)) return false;
    // What it stands for is opened first: where that is refused, it stays revoked.
    const given = this.#holders.get(found.holder)?.granted.filter((one) => powerNameOf(one) === found.power) ?? [];
    if (this.#opens && given.length > 0) {
      fillSecrets(given, secretLookup());
      await this.#resolvers.grant(found.holder, given);
    }
    return this.#engine.enact({ kind: 'regrant', payload: grant, account: 0 });
  }

  /** Refused with `config_invalid` where nobody has it, or where it is not said whose it is. */
  #grantOf(power: string, holder: string | undefined): Granted {
    const all = this.everyGrant();
    const named = all.filter((one) => one.power === power && (holder === undefined || one.holder === holder));
    const [found, another] = named;
    if (found !== undefined && another === undefined) return found;
    if (found !== undefined) {
      throw new PowerboxError('config_invalid', `${JSON.stringify(power)} was granted to several holders`, {
        hint: `say to which: ${named.map((one) => one.holder).join(', ')}`,
      });
    }
    const known = all.filter((one) => holder === undefined || one.holder === holder).map((one) => one.grant);
    throw new PowerboxError(
      'config_invalid',
      `${holder === undefined ? 'nobody' : JSON.stringify(holder)} has ${holder === undefined ? 'a' : 'no'} power ${JSON.stringify(power)}`,
      { hint: known.length === 0 ? 'nothing was granted' : `there are ${known.slice(0, 20).join(', ')}` },
    );
  }

  // -------------------------------------------------------------- the public name

  get isPublic(): boolean {
    return this.#publicSystem !== null;
  }

  /** Whether the public `@"system"` answers. It is turned off again where an earlier opening had turned it on. */
  async settlePublicSystem(): Promise<void> {
    const known = this.#engine.fact(PUBLIC_FACT) ?? null;
    const wanted = this.#publicSystem;
    if (known === wanted) return;
    const payload = wanted === null ? null : this.#holding(this.#holder(wanted));
    const switching = this.#engine.enact({ kind: 'public-system', payload, account: 0 });
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

/** The network among the configured nodes: who is handed it, is written down. */
function peersOf(configuration: Configuration | null, authority: NodeAuthority): PeersConfig | null {
  const peers = configuration?.peers ?? null;
  if (peers === null) return null;
  const { listen, nodes } = peers;
  return authority.give('node/peers', 'network', peers, { listen, connect: nodes.map(({ address }) => address) });
}

/** What a configuration file would say. Roots are absolute, so that they mean the same wherever the space is opened. */
function configurationOf({ files = {}, stdio = true, powers = [] }: Grants): object[] {
  const directories = typeof files === 'string' ? { files } : files;
  const grants: object[] = Object.entries(directories).map(([name, given]) => {
    const options = typeof given === 'string' ? { root: given } : given;
    return { kind: 'files', name, ...options, root: resolve(options.root) };
  });
  const others = powers.map((power) => (power.kind === 'files' ? { ...power, root: resolve(power.root) } : power));
  return [...(stdio ? [{ kind: 'stdio' }] : []), ...grants, ...others];
}

/** A name that follows from the grants alone. */
function holderOf(grants: readonly Grant[], platform: Platform): string {
  const canonical = JSON.stringify(
    grants.map((grant) => Object.entries(grant).sort(([left], [right]) => (left < right ? -1 : 1))),
  );
  const hash = platform.hashing.sha256(new TextEncoder().encode(canonical));
  return `${OPERATOR_PREFIX}${Buffer.from(hash).toString('hex').slice(0, 16)}`;
}

/** Of a space that stands beside others, `DIR/spaces/NAME`, all of `DIR` is out of reach: the others' keys are there. */
function nodeDirectoryOf(directory: string): string {
  const above = dirname(directory);
  return basename(above) === SPACES_DIRECTORY ? dirname(above) : directory;
}
