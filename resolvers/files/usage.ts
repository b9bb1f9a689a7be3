/**
 * How much of a root is used, and how much may be. The count is durable without a write of its own: every line of
 * the record says what was used before its change and what the change adds, so the last line tells (`record.ts`).
 * Owns the full walk by which a count begins, and the refusal of what is over an allotment.
 *
 * What counts is what a contract can see: bytes are the sizes of files, entries are files, directories and whatever
 * else has a name. What others change beneath the root is not seen until a count begins anew.
 */
import { lstat, opendir } from 'node:fs/promises';
import { PowerboxError } from '../../src/errors.ts';
import { isReserved } from './path.ts';
import { errnoOf, openFolder } from './walk.ts';
import type { Folder, Root } from './walk.ts';

export interface Usage {
  readonly bytes: number;
  readonly entries: number;
}

/** What an operator lets a holder fill; null: no bound but the disk. */
export interface Allotment {
  readonly bytes: number | null;
  readonly entries: number | null;
}

export const NO_ALLOTMENT: Allotment = { bytes: null, entries: null };
export const NOTHING: Usage = { bytes: 0, entries: 0 };

export function isBounded({ bytes, entries }: Allotment): boolean {
  return bytes !== null || entries !== null;
}

/** Never below nothing: a count from which others have removed files is off, and must not refuse or allow for it. */
export function plus(used: Usage, adds: Usage): Usage {
  return { bytes: Math.max(0, used.bytes + adds.bytes), entries: Math.max(0, used.entries + adds.entries) };
}

/** Refuses with `quota_exceeded` what adds beyond the allotment. What makes less is never refused. */
export function requireRoom(used: Usage, adds: Usage, allotted: Allotment): void {
  check('bytes', used.bytes, adds.bytes, allotted.bytes);
  check('entries', used.entries, adds.entries, allotted.entries);
}

function check(what: string, used: number, adds: number, allotted: number | null): void {
  if (allotted === null || adds <= 0 || used + adds <= allotted) return;
  throw new PowerboxError(
    'quota_exceeded',
    `the operator allots ${allotted} ${what} here, of which ${used} are used; this would add ${adds}`,
    { hint: 'Remove what is no longer needed, or ask the operator for more.' },
  );
}

/** Everything beneath the root, counted by a walk that follows no link and enters no other file system. */
export async function countBeneath(root: Root): Promise<Usage> {
  const used = { bytes: 0, entries: 0 };
  await count(root, root.folder, used);
  return used;
}

async function count(root: Root, folder: Folder, used: { bytes: number; entries: number }): Promise<void> {
  for await (const entry of await opendir(folder.at('.'))) {
    if (isReserved(entry.name)) continue;
    used.entries++;
    if (entry.isFile()) used.bytes += Number((await lstat(folder.at(entry.name), { bigint: true })).size);
    if (!entry.isDirectory()) continue;
    const inner = await openInner(root, folder, entry.name);
    if (inner === null) continue;
    try {
      await count(root, inner, used);
    } finally {
      await inner.handle.close();
    }
  }
}

/** Null for what no contract can enter either. */
async function openInner(root: Root, folder: Folder, name: string): Promise<Folder | null> {
  try {
    return await openFolder(root, folder, name, name);
  } catch (error) {
    const code = errnoOf(error);
    if (code === 'path_refused' || code === 'ENOENT' || code === 'EACCES') return null;
    throw error;
  }
}
