/**
 * Directories that were granted. Owns the trees: a root is opened once however many grants speak of it, and
 * closed here.
 */
import { realpath } from 'node:fs/promises';
import { sep } from 'node:path';
import type { FilesGrant } from '../../src/capability/index.ts';
import { PowerboxError } from '../../src/errors.ts';
import type { Native } from '../../src/natives/index.ts';
import { directoryNative } from '../directory.ts';
import { fileNative } from '../file.ts';
import type { Resolver } from '../resolver.ts';
import type { FileGrant, FileGrants } from './grant.ts';
import { FileTree } from './tree.ts';

interface Granted {
  readonly root: string;
  readonly readOnly: boolean;
}

export class FilesResolver implements Resolver<'files'> {
  readonly kind = 'files';
  readonly natives: readonly Native[];
  readonly #granted = new Map<string, Granted>();
  /** Open trees by their real path. */
  readonly #trees = new Map<string, FileTree>();
  readonly #outOfReach: string | null;

  /** `outOfReach`: a directory that no grant may reach, where the space itself is kept, with its keys. */
  constructor(outOfReach: string | null) {
    this.#outOfReach = outOfReach;
    const grants: FileGrants = { get: (id) => this.#find(id), values: () => this.#all() };
    this.natives = [directoryNative(grants), fileNative(grants)];
  }

  /** What changes a crash left begun beneath the root are settled before this resolves. */
  async grant(id: string, grant: FilesGrant): Promise<void> {
    const root = await this.#open(grant);
    this.#granted.set(id, { root, readOnly: grant.readOnly });
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
    return granted === undefined || tree === undefined ? undefined : { tree, readOnly: granted.readOnly };
  }

  /** Also trees of which the grant was taken back: what was done beneath them is still on record. */
  #all(): FileGrant[] {
    return [...this.#trees.values()].map((tree) => ({ tree, readOnly: tree.readOnly }));
  }

  /** Whoever could write there could change what the space remembers, and whoever could read there, its keys. */
  async #requireOutside(root: string): Promise<void> {
    if (this.#outOfReach === null) return;
    const own = this.#outOfReach;
    const space = await realpath(own).catch(() => own);
    if (space !== root && !isWithin(space, root) && !isWithin(root, space)) return;
    throw new PowerboxError('config_invalid', `the granted directory ${root} reaches the space itself, in ${space}`, {
      hint: 'Keep the space in a directory beside what is granted.',
    });
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
      }),
    );
    await open?.close();
    return root;
  }
}

function isWithin(outer: string, inner: string): boolean {
  return inner.startsWith(outer.endsWith(sep) ? outer : outer + sep);
}
