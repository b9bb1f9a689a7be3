/**
 * Every native of this folder, over one console and the directories that were granted. Owns the trees: a root
 * is opened once however many grants speak of it, and closed here.
 */
import { realpath } from 'node:fs/promises';
import { sep } from 'node:path';
import { grantId } from '../src/capability/index.ts';
import type { FilesGrant, Grant } from '../src/capability/index.ts';
import { PowerboxError } from '../src/errors.ts';
import type { Native } from '../src/natives/index.ts';
import type { Value } from '../src/values/index.ts';
import type { Console } from './console.ts';
import { directoryNative } from './directory.ts';
import { fileNative } from './file.ts';
import type { FileGrant, FileGrants } from './files/grant.ts';
import { FileTree } from './files/tree.ts';
import { stdioNatives } from './stdio.ts';
import { systemNative } from './system.ts';
import { textNative } from './text.ts';

export interface ResolversOptions {
  readonly console: Console;
  /** A value in Rholang syntax, strings quoted. */
  readonly show: (value: Value) => string;
  /** A directory that no grant may reach: where the space itself is kept, with its keys. */
  readonly outOfReach?: string;
}

interface Granted {
  readonly root: string;
  readonly readOnly: boolean;
}

export class Resolvers {
  /** One for each declaration; to be registered with the dispatcher before the space is opened. */
  readonly natives: readonly Native[];
  readonly #files = new Map<string, Granted>();
  readonly #stdio = new Set<string>();
  /** Open trees by their real path. */
  readonly #trees = new Map<string, FileTree>();
  readonly #outOfReach: string | null;

  constructor({ console, show, outOfReach }: ResolversOptions) {
    this.#outOfReach = outOfReach ?? null;
    const grants: FileGrants = { get: (id) => this.#find(id), values: () => this.#all() };
    const granted = (id: string): boolean => this.#stdio.has(id);
    this.natives = [
      ...stdioNatives({ console, show, granted }),
      systemNative({ console, granted }),
      directoryNative(grants),
      fileNative(grants),
      textNative,
    ];
  }

  /**
   * Lets a holder's channels reach what was granted. What changes a crash left begun beneath a root are settled
   * before this resolves. Refused with `config_invalid` or `storage_locked`; then nothing of it is granted.
   */
  async grant(holder: string, grants: readonly Grant[]): Promise<void> {
    const files: [string, Granted][] = [];
    for (const grant of grants) {
      if (grant.kind !== 'files') continue;
      const root = await this.#open(grant);
      files.push([grantId(holder, grant.name), { root, readOnly: grant.readOnly }]);
    }
    for (const [id, granted] of files) this.#files.set(id, granted);
    if (grants.some(({ kind }) => kind === 'stdio')) this.#stdio.add(grantId(holder, 'stdio'));
  }

  /** Takes every grant of a holder back. Its channels stay, and are answered `not_available`. */
  revoke(holder: string): void {
    for (const id of [...this.#files.keys()]) if (id.startsWith(`${holder}/`)) this.#files.delete(id);
    this.#stdio.delete(grantId(holder, 'stdio'));
  }

  /** Ends when the changes under way have ended. */
  async close(): Promise<void> {
    this.#files.clear();
    this.#stdio.clear();
    const trees = [...this.#trees.values()];
    this.#trees.clear();
    await Promise.all(trees.map((tree) => tree.close()));
  }

  #find(id: string): FileGrant | undefined {
    const granted = this.#files.get(id);
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
