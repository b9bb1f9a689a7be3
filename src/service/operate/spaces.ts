/**
 * The spaces of a running node: each is opened with the node, goes on by itself, and is closed with it. Owns which of
 * them are open, who may enter which, and why one is not there. Must never let the failure of one space touch another.
 */
import type { Console } from '../../../resolvers/index.ts';
import {
  type HealthReport,
  internalsOf,
  type NodePart,
  openToHold,
  type OpenOptions,
  restoreService,
  type Space,
} from '../../embedding/index.ts';
import { isPowerboxError, PowerboxError } from '../../errors.ts';
import type { Identity, SpaceDirectory } from '../types.ts';
import { type Log, logFailure } from './logs.ts';
import type { SpaceState } from './routes.ts';
import {
  createSpace,
  findSpace,
  listSpaces,
  openingOf,
  removeSpace,
  type SpaceEntry,
  type SpaceSettings,
} from './space-files.ts';
import { MAIN_SPACE } from '../space-places.ts';

export interface NodeSpacesOptions {
  /** Data directory of the node, absolute. */
  readonly data: string;
  /** The configuration of `main`, which says what its data directory remembers where this is null. */
  readonly config: string | null;
  readonly durability?: OpenOptions['durability'];
  /** For a host of `main`. */
  readonly hostArguments?: readonly string[];
  /** What the node itself holds beside its spaces, for whoever asks one of them. */
  readonly parts: readonly NodeHolds[];
  readonly console: Console;
  readonly log: Log;
  /** For a space: whether its messages are followed. Absent: none are. */
  readonly follow?: (space: string) => NonNullable<OpenOptions['follow']>;
  /** A space has closed itself because its storage failed. */
  readonly onLost: (name: string, error: Error) => void;
  /** A host of one of them asks for the end of the node, or (`hasEnded`) its own end is the node's. */
  readonly onShutdown: (reason: string, hasEnded: boolean) => void;
}

/** Something that a part of the node may touch. */
export interface NodeHolds {
  readonly part: NodePart;
  readonly name: string;
  readonly limits: Readonly<Record<string, unknown>>;
}

interface Held {
  readonly entry: SpaceEntry;
  space: Space | null;
  failure: string | null;
}

export class NodeSpaces implements SpaceDirectory {
  readonly #options: NodeSpacesOptions;
  readonly #held = new Map<string, Held>();
  #closing = false;

  private constructor(options: NodeSpacesOptions) {
    this.#options = options;
  }

  /** Rejects when `main` cannot be opened; of another space that cannot be, it is told. */
  static async open(options: NodeSpacesOptions): Promise<NodeSpaces> {
    const spaces = new NodeSpaces(options);
    const entries = await listSpaces(options.data);
    const main = entries.find(({ name }) => name === MAIN_SPACE);
    const settings = { owner: null, quotas: null, config: null };
    const first = main ?? { name: MAIN_SPACE, directory: options.data, ...settings };
    try {
      await spaces.#open(first);
      for (const entry of entries) {
        if (entry.name === MAIN_SPACE) continue;
        await spaces.#open(entry).catch((error: unknown) => spaces.#tellNotOpened(entry, error));
      }
    } catch (error) {
      await spaces.close();
      throw error;
    }
    return spaces;
  }

  async #open(entry: SpaceEntry): Promise<void> {
    const { config, durability, console, onLost, follow, hostArguments } = this.#options;
    const log = this.#options.log.of(entry.name);
    const held: Held = { entry, space: null, failure: null };
    this.#held.set(entry.name, held);
    const said = openingOf(entry);
    const own = entry.name === MAIN_SPACE && config !== null ? { ...said, config } : said;
    try {
      held.space = await openToHold({
        data: entry.directory,
        ...own,
        ...(durability === undefined ? {} : { durability }),
        ...(follow === undefined ? {} : { follow: follow(entry.name) }),
        rememberGrants: true,
        unfinished: 'resume',
        console,
        ...(entry.name === MAIN_SPACE && hostArguments !== undefined ? { hostArguments } : {}),
        onFailure: (failure) => logFailure(log, failure),
        onHostLine: ({ native, level, text }) => log[level](text, { native }),
        onShutdown: this.#options.onShutdown,
        onOutOfService: (health) => log.error('out of service', healthFields(health)),
        onClosed: (error) => {
          held.failure = codeOf(error);
          // What it had open is let go; its storage is closed already.
          void held.space?.close().catch(() => undefined);
          held.space = null;
          log.error('the space has closed itself', { reason: error.message });
          onLost(entry.name, error);
        },
      });
    } catch (error) {
      held.failure = codeOf(error);
      throw error;
    }
    const { authority } = internalsOf(held.space);
    for (const { part, name, limits } of this.#options.parts) authority.give(part, name, name, limits);
    const { length } = held.space.deploys();
    log.info('open', { deploys: length });
  }

  #tellNotOpened({ name }: SpaceEntry, error: unknown): void {
    const code = codeOf(error);
    const message = error instanceof Error ? error.message : String(error);
    this.#options.log.of(name).error(`the space is not open: ${message}`, { code });
  }

  /** A space that has an owner is there for nobody else: who asks for it cannot tell that it is. */
  get(name: string, identity?: Identity): Space | undefined {
    const held = this.#held.get(name);
    if (held === undefined || held.space === null) return undefined;
    const { owner } = held.entry;
    if (owner !== null && identity !== undefined && identity.holder !== owner) return undefined;
    return held.space;
  }

  states(): readonly SpaceState[] {
    return [...this.#held.values()].map(({ entry: { name }, space, failure }) => ({ name, space, failure }));
  }

  *opened(): Iterable<readonly [name: string, space: Space]> {
    for (const [name, { space }] of this.#held) if (space !== null) yield [name, space];
  }

  /** Made, and open from then on. */
  async create(name: string, settings: SpaceSettings): Promise<SpaceEntry> {
    this.#requireOpen();
    if (this.#held.has(name))
      throw new PowerboxError('config_invalid', `there is a space ${name} in ${this.#options.data} already`);
    const entry = await createSpace(this.#options.data, name, settings);
    await this.#open(entry);
    return entry;
  }

  /** Closed, and removed with all that is in it. Where it has to stay it is open again. */
  async remove(name: string, force: boolean): Promise<void> {
    this.#requireOpen();
    const entry = await findSpace(this.#options.data, name);
    const held = this.#held.get(name);
    if (name !== MAIN_SPACE) {
      this.#held.delete(name);
      await held?.space?.close();
    }
    try {
      await removeSpace(this.#options.data, name, force);
    } catch (error) {
      if (name !== MAIN_SPACE) await this.#open(entry);
      throw error;
    }
    this.#options.log.of(name).info('removed');
  }

  /**
   * Closes a space that is out of service, puts it back where both of its directories take a probe, and opens it again,
   * in or out: what waited goes on.
   */
  async restoreService(name: string): Promise<HealthReport> {
    this.#requireOpen();
    const entry = await findSpace(this.#options.data, name);
    await this.#held.get(name)?.space?.close();
    try {
      return await restoreService({ data: entry.directory });
    } finally {
      await this.#open(entry);
    }
  }

  #requireOpen(): void {
    if (this.#closing) throw new PowerboxError('space_closed', 'the node is closing');
  }

  /** Each finishes what is under way; what is left goes on at the next start. */
  async close(): Promise<void> {
    this.#closing = true;
    await Promise.all(
      [...this.#held.values()].map(async ({ entry, space }) => {
        await space?.close().catch((error: unknown) => {
          const message = error instanceof Error ? error.message : String(error);
          this.#options.log.of(entry.name).error(`the space did not close well: ${message}`);
        });
      }),
    );
  }
}

/** What is told of it to whoever may not see paths of this machine; the log has its words. */
function codeOf(error: unknown): string {
  return isPowerboxError(error) ? error.code : 'storage_failed';
}

function healthFields({ since, reason, root }: HealthReport): { since: string; reason: string; root: string } {
  return { since: since ?? '', reason: reason ?? '', root: root ?? '' };
}
