/**
 * Every host of a node: made of the configuration, started before the programs that need them, stopped after these.
 * Owns which grants of them stand, and what the space remembers of each (`host/<native>`: what it announced last), so
 * that a node without a host still answers for it.
 */
import type { Native } from '../../channels/index.ts';
import { Tokens } from '../capability/index.ts';
import { PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { Timers } from '../platform/index.ts';
import { Declared } from './declared.ts';
import { Host, type HostReport, type HostSettings, type HostSurroundings } from './host.ts';
import { HostedNative } from './hosted-native.ts';
import { InlineNative } from './inline-native.ts';
import { HostSources } from './sources.ts';
import { HostTokens, type NamesOfSpace } from './tokens.ts';

/** One entry of a configuration, ready to be started. */
export type ConfiguredHost =
  | { readonly kind: 'host'; readonly settings: Omit<HostSettings, 'remembered' | 'client'> }
  | { readonly kind: 'inline'; readonly name: string; readonly natives: () => Promise<readonly Native[]> };

export interface HostsOptions extends HostSurroundings {
  readonly names: NamesOfSpace;
  /** Of the space; what goes to a host is sealed under keys from it. */
  readonly sealKey: Uint8Array;
  /** 32 bytes for this use and no other, the same whenever the space is opened. */
  readonly keyOf: (use: string) => Uint8Array;
  readonly register: (native: Native) => void;
  readonly timers: Timers;
}

interface Entry {
  readonly host: Host;
  readonly tokens: HostTokens;
  readonly sources: HostSources;
  readonly registered: Set<string>;
}

export class Hosts {
  readonly #options: HostsOptions;
  readonly #declared: Declared;
  readonly #entries = new Map<string, Entry>();
  readonly #inline: Extract<ConfiguredHost, { kind: 'inline' }>[] = [];
  /** What answers in the turn. */
  readonly #computing: InlineNative[] = [];
  readonly #granted = new Set<string>();
  #isOpen = true;

  constructor(configured: readonly ConfiguredHost[], options: HostsOptions) {
    this.#options = options;
    this.#declared = new Declared(options.engine, () => {});
    for (const given of configured) {
      if (given.kind === 'inline') this.#inline.push(given);
      else this.#add(given.settings);
    }
    // Hosts of earlier openings that no configuration names any more: what programs keep of them is answered for.
    const names = new Set([...this.#entries.keys(), ...this.#inline.map(({ name }) => name)]);
    for (const name of this.#declared.hosts()) if (!names.has(name)) this.#add(absent(name));
  }

  #add(settings: Omit<HostSettings, 'remembered' | 'client'>): void {
    const { keyOf, names, sealKey } = this.#options;
    const { name } = settings;
    const client = keyOf(`host-client/${name}`);
    const remembered = this.#declared.announced(name);
    const host = new Host({ ...settings, client, remembered }, this.#options);
    // No holder has a name with a space in it.
    const tokens = new HostTokens(new Tokens(sealKey, `host ${name}`, 0), names);
    this.#entries.set(name, { host, tokens, sources: new HostSources(host, tokens), registered: new Set() });
  }

  /** Registers what is known, so that calls are read while their host is not there. */
  register(): void {
    for (const entry of this.#entries.values()) this.#register(entry);
  }

  /** Starts all at once. Rejects when one that is required cannot be had; then none is left running. */
  async start(): Promise<void> {
    try {
      for (const { name, natives } of this.#inline) {
        for (const native of await natives()) this.#registerInline(name, native);
      }
      const starts = [...this.#entries.values()].map(async (entry) => {
        if (entry.host.settings.launcher.form === 'none') return;
        entry.host.listen({
          connected: () => {
            this.#register(entry);
            if (this.#isSettled) this.#declared.announce(entry.host.settings.name, entry.host.announced);
          },
          disconnected: () => {},
          push: () => {},
          fail: () => {},
        });
        await entry.host.start();
      });
      const failed = (await Promise.allSettled(starts)).find(({ status }) => status === 'rejected');
      if (failed?.status === 'rejected') throw failed.reason;
    } catch (error) {
      await this.close(0);
      throw error;
    }
  }

  /** The space takes causes from now on. */
  settle(): void {
    this.#isSettled = true;
    for (const entry of this.#entries.values()) {
      entry.host.prepared.start();
      const { settings, connection, announced } = entry.host;
      const isKnown = connection !== null || settings.pinned !== null;
      this.#declared.announce(settings.name, isKnown ? announced : null);
    }
  }
  #isSettled = false;

  #register(entry: Entry): void {
    const { host, tokens, sources, registered } = entry;
    for (const name of new Set([host.settings.name, ...host.declarations.keys()])) {
      if (registered.has(name)) continue;
      registered.add(name);
      const native = new HostedNative({
        host,
        name,
        declared: () => this.#declared.of(host.settings.name, name),
        tokens,
        sources,
        stands: (grant) => this.#granted.has(grant),
        timers: this.#options.timers,
      });
      this.#take(host.settings.name, native);
    }
  }

  #registerInline(name: string, native: Native): void {
    for (const { name: method, effect } of native.declaration.methods.values()) {
      if (effect === 'none') continue;
      throw new PowerboxError(
        'config_invalid',
        `natives.${name} is inline, and its method ${method} has effect ${effect}`,
        {
          hint: 'Only what computes and nothing else runs in the turn: leave inline out.',
        },
      );
    }
    const computing = new InlineNative(native, (grant) => this.#granted.has(grant));
    this.#take(name, computing);
    this.#computing.push(computing);
  }

  #take(name: string, native: Native): void {
    try {
      this.#options.register(native);
    } catch (error) {
      if (!(error instanceof PowerboxError) || error.code !== 'bad_request') throw error;
      throw new PowerboxError(
        'host_mismatch',
        `the host of ${name} announces ${native.declaration.name}, and a native of that name is there already`,
        {
          hint: 'Call it otherwise.',
          cause: error,
        },
      );
    }
  }

  // -------------------------------------------------------------- grants

  /** Whether a configuration has a host for it, or an earlier opening had one. */
  has(native: string): boolean {
    return this.#entries.has(native) || this.#inline.some(({ name }) => name === native);
  }

  grant(id: string): void {
    this.#granted.add(id);
  }

  revoke(id: string): void {
    this.#granted.delete(id);
  }

  reports(): readonly HostReport[] {
    return [...this.#entries.values()]
      .filter(({ host }) => host.settings.launcher.form !== 'none')
      .map(({ host }) => host.report());
  }

  async close(grace_ms: number = limits.host_stop_ms): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#granted.clear();
    await Promise.all([
      ...[...this.#entries.values()].map(({ host }) => host.close(grace_ms)),
      ...this.#computing.map((native) => native.close()),
    ]);
  }
}

/** Of a host that no configuration names. */
function absent(name: string): Omit<HostSettings, 'remembered' | 'client'> {
  return {
    name,
    launcher: {
      form: 'none',
      launch: () => Promise.reject(new PowerboxError('not_available', `no host is configured for ${name}`)),
      close: async () => {},
    },
    required: false,
    onExit: 'fail',
    restarts_max: 0,
    mayShutDown: false,
    calls_max: 1,
    queue_max: 0,
    call_ms_max: null,
    message_bytes_max: 0,
    start_ms_max: 0,
    silent_ms_max: null,
    pinned: null,
  };
}
