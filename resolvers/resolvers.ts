/** Every resolver of this folder, over one console and one platform. A new kind of power is added here. */
import { grantId, powerNameOf } from '../src/capability/index.ts';
import type { MachineShare, PeersConfig, Power } from '../src/capability/index.ts';
import type { Hosts, Native, NativeError } from '../src/natives/index.ts';
import type { Platform } from '../src/platform/index.ts';
import type { Value } from '../src/values/index.ts';
import { ConfigResolver, type NamedDocuments } from './config.ts';
import type { Console } from './console.ts';
import { CryptoResolver } from './crypto.ts';
import { FilesResolver } from './files/resolver.ts';
import { Machine } from './hardware/machine.ts';
import { machineProbes } from './hardware/probes.ts';
import { HardwareResolver } from './hardware/resolver.ts';
import type { Outage } from './files/tree.ts';
import { HostResolver } from './host.ts';
import { HttpResolver } from './http/resolver.ts';
import { LoadResolver } from './load.ts';
import { PeersResolver } from './peers/resolver.ts';
import { RandomResolver } from './random.ts';
import { Lookup } from './net/lookup.ts';
import type { AnyResolver, Resolver } from './resolver.ts';
import { StdioResolver } from './stdio.ts';
import { systemNative } from './system.ts';
import { textNative } from './text.ts';
import { TcpResolver } from './tcp/resolver.ts';
import { TimerResolver } from './timer/resolver.ts';
import { UdpResolver } from './udp/resolver.ts';

export interface ResolversOptions {
  readonly console: Console;
  readonly platform: Platform;
  /** A value in Rholang syntax, strings quoted. */
  readonly show: (value: Value) => string;
  /** What the operator gives contracts to read; default: nothing. */
  readonly documents?: NamedDocuments;
  /** A directory that no grant may reach: where the space itself is kept, with its keys. */
  readonly outOfReach?: string;
  /** How much of the machine the node may use. Default: all that its control group has. */
  readonly share?: MachineShare;
  /** The other nodes; without them no power over peers can be granted. */
  readonly peers?: PeersConfig | null;
  /** Natives that hosts run; without them none can be granted. It closes them. */
  readonly hosts?: Hosts | null;
  /** Whether the node may begin anything. Default: it may. */
  readonly inService?: () => boolean;
  /** The machine has failed a change: the node goes out of service. What it answers is waited for. */
  readonly onOutage?: (outage: Outage) => Promise<void>;
  /** Something for the operator that belongs to no call: who was refused, and why. */
  readonly report?: (error: NativeError) => void;
}

export class Resolvers {
  /** One for each declaration; to be registered with the dispatcher before the space is opened. */
  readonly natives: readonly Native[];
  readonly #resolvers: readonly AnyResolver[];
  /** Grants that stand, in the order of their granting. */
  readonly #granted = new Map<string, Power>();

  constructor({ console, platform, show, outOfReach, ...node }: ResolversOptions) {
    const stdio = new StdioResolver({ console, show });
    // One for all: what one kind of power has asked, another need not ask again.
    const lookup = new Lookup(platform);
    this.#resolvers = [
      stdio,
      new FilesResolver({
        timers: platform.timers,
        outOfReach: outOfReach ?? null,
        inService: node.inService ?? (() => true),
        onOutage: node.onOutage ?? (async () => {}),
      }),
      new TimerResolver(platform),
      new RandomResolver(platform.randomness),
      new CryptoResolver(),
      new LoadResolver(),
      new HardwareResolver(
        new Machine(machineProbes(platform.clock), platform.clock, node.share ?? {}, outOfReach ?? null),
      ),
      new ConfigResolver(node.documents ?? new Map()),
      new PeersResolver({
        config: node.peers ?? null,
        platform,
        inService: node.inService ?? (() => true),
        report: node.report ?? (() => {}),
      }),
      new HostResolver(node.hosts ?? null),
      new HttpResolver({ platform, lookup }),
      new TcpResolver({ platform, lookup }),
      new UdpResolver({ platform, lookup }),
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
