/**
 * Directories that were granted. Owns the trees: a root is opened once however many grants speak of it, and
 * closed here.
 */
import { realpath, stat } from 'node:fs/promises';
import { sep } from 'node:path';
import type { FilesGrant } from '../../src/capability/index.ts';
import { isPowerboxError, PowerboxError } from '../../src/errors.ts';
import type { Native } from '../../src/natives/index.ts';
import { limits } from '../../src/limits.ts';
import { directoryNative } from '../directory.ts';
import { fileNative } from '../file.ts';
import type { Resolver } from '../resolver.ts';
import type { Timers } from '../../src/platform/index.ts';
import type { FileGrant, FileGrants } from './grant.ts';
import { parsePath } from './path.ts';
import { FileTree } from './tree.ts';
import type { Outage } from './tree.ts';
import { NO_ALLOTMENT } from './usage.ts';
import { errnoOf, within } from './walk.ts';

interface Granted extends Omit<FileGrant, 'tree'> {
  readonly root: string;
}

export interface FilesResolverOptions {
  readonly timers: Timers;
  /** A directory that no grant may reach, where the space itself is kept, with its keys. */
  readonly outOfReach: string | null;
  /** Whether anything may be begun. */
  readonly inService: () => boolean;
  /** The machine has failed a change; what it answers is waited for. */
  readonly onOutage: (outage: Outage) => Promise<void>;
}

export class FilesResolver implements Resolver<'files'> {
  readonly kind = 'files';
  readonly natives: readonly Native[];
  readonly #granted = new Map<string, Granted>();
  /** Open trees by their real path. */
  readonly #trees = new Map<string, FileTree>();
  readonly #options: FilesResolverOptions;

  constructor(options: FilesResolverOptions) {
    this.#options = options;
    const grants: FileGrants = { get: (id) => this.#find(id), values: () => this.#all() };
    this.natives = [directoryNative(grants), fileNative(grants)];
  }

  /** What changes a crash left begun beneath the root are settled before this resolves. */
  async grant(id: string, grant: FilesGrant): Promise<void> {
    const root = await this.#open(grant);
    const below = await this.#requireBelow(this.#trees.get(root) as FileTree, grant);
    const allotted = { bytes: grant.bytes ?? null, entries: grant.entries ?? null };
    this.#granted.set(id, { root, readOnly: grant.readOnly, below, allotted });
  }

  /** A narrowed grant begins at a directory that is there, and no link leads to it. */
  async #requireBelow(tree: FileTree, { root, below }: FilesGrant): Promise<readonly string[]> {
    if (below === '') return [];
    try {
      const parts = parsePath([], below);
      await tree.read((top) => within(top, parts, async () => {}));
      return parts;
    } catch (cause) {
      const why = isPowerboxError(cause) ? cause.message : errnoOf(cause);
      throw new PowerboxError(
        'config_invalid',
        `the directory ${JSON.stringify(below)} below ${root} cannot be granted: ${why}`,
        { hint: 'A narrowed grant begins at a directory that is there, and no link leads to it.', cause },
      );
    }
  }

  revoke(id: string): void {
    this.#granted.delete(id);
  }

  /** Ends when the changes under way have ended. */
  async close(): Promise<void> {
    this.#granted.clear();
    const trees = [...this.#trees.values()];
    this.#trees.clear();
    await Promise.all(trees.map((tree) => tree.close()));
  }

  #find(id: string): FileGrant | undefined {
    const granted = this.#granted.get(id);
    const tree = granted === undefined ? undefined : this.#trees.get(granted.root);
    return granted === undefined || tree === undefined ? undefined : { ...granted, tree };
  }

  /** Also trees of which the grant was taken back: what was done beneath them is still on record. */
  #all(): FileGrant[] {
    return [...this.#trees.values()].map((tree) => ({
      tree,
      readOnly: tree.readOnly,
      below: [],
      allotted: NO_ALLOTMENT,
    }));
  }

  /** Whoever could write there could change what the space remembers, and whoever could read there, its keys. */
  async #requireOutside(root: string): Promise<void> {
    if (this.#options.outOfReach === null) return;
    const own = this.#options.outOfReach;
    const space = await realpath(own).catch(() => own);
    if (space !== root && !isWithin(space, root) && !isWithin(root, space)) return;
    throw new PowerboxError('config_invalid', `the granted directory ${root} reaches the space itself, in ${space}`, {
      hint: 'Keep the space in a directory beside what is granted.',
    });
  }

  /** Whether what fills this root also fills the disk of the space. */
  async #sharesDisk(root: string): Promise<boolean> {
    const { outOfReach } = this.#options;
    if (outOfReach === null) return false;
    const deviceOf = async (path: string): Promise<bigint | null> =>
      (await stat(path, { bigint: true }).catch(() => null))?.dev ?? null;
    return (await deviceOf(outOfReach)) === (await deviceOf(root));
  }

  async #open(grant: FilesGrant): Promise<string> {
    const root = await realpath(grant.root).catch(() => grant.root);
    await this.#requireOutside(root);
    for (const other of this.#trees.keys()) {
      if (other !== root && (isWithin(other, root) || isWithin(root, other))) {
        throw new PowerboxError(
          'config_invalid',
          `the granted directories ${root} and ${other} lie within each other`,
          {
            hint: 'A change is put in order with the others beneath its root only. Grant the outer one alone, or two apart.',
          },
        );
      }
    }
    const open = this.#trees.get(root);
    if (open !== undefined && (grant.readOnly || !open.readOnly)) return root;
    this.#trees.set(
      root,
      await FileTree.open({
        root,
        readOnly: grant.readOnly,
        acceptWeakConfinement: grant.acceptWeakConfinement,
        timers: this.#options.timers,
        kept_bytes: (await this.#sharesDisk(root)) ? limits.journal_room_bytes : 0,
        inService: this.#options.inService,
        onOutage: this.#options.onOutage,
      }),
    );
    await open?.close();
    return root;
  }
}

function isWithin(outer: string, inner: string): boolean {
  return inner.startsWith(outer.endsWith(sep) ? outer : outer + sep);
}
