/**
 * Every host of a node: made of the configuration, started before the programs that need them, stopped after these.
 * Owns which grants of them stand, and what the space remembers of each (`host/<native>`: what it announced last), so
 * that a node without a host still answers for it.
 */
import type { Native } from '../../channels/index.ts';
import { PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { Timers } from '../platform/index.ts';
import type { Engine } from '../space/index.ts';
import { tuple, type Tuple } from '../values/index.ts';
import { type DeclarationSource, declarationSource } from './declaration.ts';
import { Host, type HostReport, type HostSettings, type HostSurroundings } from './host.ts';
import { HostedNative } from './hosted-native.ts';
import { InlineNative } from './inline-native.ts';
import { registerPreparedCauses } from './prepared.ts';
import { HostSources } from './sources.ts';
import { HostTokens, type NamesOfSpace } from './tokens.ts';

const FACT_PREFIX = 'host/';

/** What causes of hosts do in their turns, also in a space that is only replayed. */
export function registerHostCauses(engine: Pick<Engine, 'register'>): void {
  registerPreparedCauses(engine);
  engine.register('host', (turn, { payload }) => {
    const [, name, announced] = (payload as Tuple).items;
    turn.setFact(FACT_PREFIX + (name as string), announced);
  });
}

/** One entry of a configuration, ready to be started. */
export type ConfiguredHost =
  | { readonly kind: 'host'; readonly settings: Omit<HostSettings, 'remembered' | 'client'> }
  | { readonly kind: 'inline'; readonly name: string; readonly natives: () => Promise<readonly Native[]> };

export interface HostsOptions extends HostSurroundings {
  readonly names: NamesOfSpace;
  /** 32 or 64 bytes for this use and no other, the same whenever the space is opened. */
  readonly keyOf: (use: string, length: number) => Uint8Array;
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
  readonly #entries = new Map<string, Entry>();
  readonly #inline: Extract<ConfiguredHost, { kind: 'inline' }>[] = [];
  readonly #granted = new Set<string>();
  #isOpen = true;

  constructor(configured: readonly ConfiguredHost[], options: HostsOptions) {
    this.#options = options;
    const remembered = new Map<string, readonly DeclarationSource[]>();
    for (const [key, text] of options.engine.facts(FACT_PREFIX)) {
      const known = rememberedIn(text);
      if (known !== null) remembered.set(key.slice(FACT_PREFIX.length), known);
    }
    for (const given of configured) {
      if (given.kind === 'inline') this.#inline.push(given);
      else this.#add(given.settings, remembered.get(given.settings.name) ?? null);
    }
    // Hosts of earlier openings that no configuration names any more: what programs keep of them is answered for.
    const names = new Set([...this.#entries.keys(), ...this.#inline.map(({ name }) => name)]);
    for (const [name, known] of remembered) if (!names.has(name)) this.#add(absent(name), known);
  }

  #add(settings: Omit<HostSettings, 'remembered' | 'client'>, remembered: readonly DeclarationSource[] | null): void {
    const { keyOf, names } = this.#options;
    const { name } = settings;
    const client = keyOf(`host-client/${name}`, 32);
    const host = new Host({ ...settings, client, remembered }, this.#options);
    const tokens = new HostTokens(keyOf(`host-token/${name}`, 64), names);
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
            this.#remember(entry);
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
      if (entry.host.connection !== null) this.#remember(entry);
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
    this.#take(name, new InlineNative(native, (grant) => this.#granted.has(grant)));
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

  /** What it announces is known in later openings, also where it is not there. */
  #remember({ host }: Entry): void {
    const { engine } = this.#options;
    const { name } = host.settings;
    const { announced } = host;
    const key = FACT_PREFIX + name;
    if (!this.#isSettled || announced === null || engine.fact(key) === announced) return;
    const cause = { kind: 'host', payload: tuple(['transaction', name, announced]), account: 0 };
    // A space that has closed remembers what it did.
    engine.enact(cause).catch(() => {});
  }

  // -------------------------------------------------------------- grants

  /** Whether a configuration has a host for it. */
  has(native: string): boolean {
    const form = this.#entries.get(native)?.host.settings.launcher.form;
    return (form !== undefined && form !== 'none') || this.#inline.some(({ name }) => name === native);
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
    await Promise.all([...this.#entries.values()].map(({ host }) => host.close(grace_ms)));
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

function rememberedIn(text: unknown): readonly DeclarationSource[] | null {
  if (typeof text !== 'string') return null;
  try {
    const read = declarationSource.array().safeParse(JSON.parse(text));
    return read.success ? read.data : null;
  } catch {
    return null;
  }
}
