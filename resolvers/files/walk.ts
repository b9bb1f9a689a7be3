/**
 * The way from a root to what a path names, without a way out.
 *
 * On Linux each part is opened relative to the descriptor of the directory before it, as
 * `/proc/self/fd/<fd>/<part>` with O_NOFOLLOW: a part that is swapped for a link between check and use is not
 * followed, because check and use are one open. A file is pinned with O_PATH, judged by its descriptor, and
 * opened for use through that same descriptor. Elsewhere parts are judged by name before they are opened, and
 * a racing process can win: that is `weak` confinement, which the operator must accept by word.
 *
 * Owns the root's descriptor. A `Folder` is released by who opened it, on every path.
 */
import { closeSync, constants, fstat, open as openByCallback } from 'node:fs';
import { lstat, open, realpath } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import type { BigIntStats } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { PowerboxError } from '../../src/errors.ts';
import { refusePath } from './path.ts';

export type Confinement = 'descriptor' | 'weak';

/** Opens a descriptor that denotes a file without opening it; Linux only, and not among Node's constants. */
const O_PATH = 0o10000000;
const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = constants;

/** Plain numbers, for a descriptor that is not used and is closed in the same breath. */
const openDescriptor = promisify(openByCallback);
const statDescriptor = promisify(fstat);

/** An open directory. `at` names an entry of it for calls that do not follow a link in the last part. */
export interface Folder {
  readonly handle: FileHandle;
  readonly directory: string;
  at(part: string): string;
}

export interface Root {
  readonly folder: Folder;
  readonly device: bigint;
  readonly confinement: Confinement;
}

export function confinementHere(): Confinement {
  return process.platform === 'linux' ? 'descriptor' : 'weak';
}

export async function openRoot(directory: string, confinement: Confinement): Promise<Root> {
  let real: string;
  try {
    // Links above the root are the operator's own choice; beneath it none is followed.
    real = await realpath(directory);
    const handle = await open(real, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    const device = (await handle.stat({ bigint: true })).dev;
    return { folder: folder(handle, real, confinement), device, confinement };
  } catch (cause) {
    throw new PowerboxError('config_invalid', `the directory ${directory} cannot be granted: ${errnoOf(cause)}`, {
      hint: 'Grant a directory that exists and that this user may read.',
      cause,
    });
  }
}

function folder(handle: FileHandle, directory: string, confinement: Confinement): Folder {
  const fd = handle.fd;
  return {
    handle,
    directory,
    at: confinement === 'descriptor' ? (part) => `/proc/self/fd/${fd}/${part}` : (part) => join(directory, part),
  };
}

/** Opens the directory that `parts` name, runs `use` on it, and releases it. The root itself stays open. */
export async function within<T>(root: Root, parts: readonly string[], use: (folder: Folder) => Promise<T>): Promise<T> {
  let current = root.folder;
  try {
    for (const part of parts) {
      const next = await openFolder(root, current, part, parts.join('/'));
      if (current !== root.folder) await current.handle.close();
      current = next;
    }
    return await use(current);
  } finally {
    if (current !== root.folder) await current.handle.close();
  }
}

/** Opens one directory in another. `path` is for the message only. */
export async function openFolder(root: Root, parent: Folder, part: string, path: string): Promise<Folder> {
  if (root.confinement === 'weak') await judge(root, await lstat(parent.at(part), { bigint: true }), path);
  let handle: FileHandle;
  try {
    handle = await open(parent.at(part), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  } catch (error) {
    const code = errnoOf(error);
    // Linux says ENOTDIR for a link as well as for a file: which of both is for the message only.
    if (code === 'ELOOP' || (code === 'ENOTDIR' && (await isLink(parent.at(part))))) throw refusePath('link', path);
    throw error;
  }
  try {
    if ((await handle.stat({ bigint: true })).dev !== root.device) throw refusePath('mount', path);
    return folder(handle, join(parent.directory, part), root.confinement);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function isLink(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isSymbolicLink();
  } catch {
    return false;
  }
}

export type EntryKind = 'file' | 'directory';

/** What may be touched: a directory or a file with one link, on the root's own file system. */
export function judge(root: Root, stat: BigIntStats, path: string): EntryKind {
  if (stat.isSymbolicLink()) throw refusePath('link', path);
  if (!stat.isFile() && !stat.isDirectory()) throw refusePath('device', path);
  if (stat.isFile() && stat.nlink > 1n) throw refusePath('hard_link', path);
  if (stat.dev !== root.device) throw refusePath('mount', path);
  return stat.isFile() ? 'file' : 'directory';
}

export interface Entry {
  readonly kind: EntryKind;
  readonly stat: BigIntStats;
}

/** What stands in a folder under a name, or null. A look only: who uses a file opens it with `openFile`. */
export async function look(root: Root, parent: Folder, part: string, path: string): Promise<Entry | null> {
  let stat: BigIntStats;
  try {
    stat = await lstat(parent.at(part), { bigint: true });
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
  return { kind: judge(root, stat, path), stat };
}

export interface OpenFile {
  readonly handle: FileHandle;
  readonly stat: BigIntStats;
}

/** Opens a regular file for use. `flags` are an access mode; it never creates. The caller closes the handle. */
export async function openFile(
  root: Root,
  parent: Folder,
  part: string,
  flags: number,
  path: string,
): Promise<OpenFile> {
  if (root.confinement === 'weak') {
    // Without O_PATH the judgement by name keeps devices from being opened at all, races apart.
    requireFile(judge(root, await lstat(parent.at(part), { bigint: true }), path), path);
    return pinned(root, await open(parent.at(part), flags | O_NOFOLLOW | O_NONBLOCK), path);
  }
  const pin = await openDescriptor(parent.at(part), O_PATH | O_NOFOLLOW);
  try {
    const stat = await statDescriptor(pin, { bigint: true });
    requireFile(judge(root, stat, path), path);
    // The same file, whatever its name is now, so it is not judged again.
    return { handle: await open(`/proc/self/fd/${pin}`, flags | O_NONBLOCK), stat };
  } finally {
    // Nothing was opened by it, so there is nothing to wait for, on any file system.
    closeSync(pin);
  }
}

async function pinned(root: Root, handle: FileHandle, path: string): Promise<OpenFile> {
  try {
    const stat = await handle.stat({ bigint: true });
    requireFile(judge(root, stat, path), path);
    return { handle, stat };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function requireFile(kind: EntryKind, path: string): void {
  if (kind !== 'file') throw new PowerboxError('file_failed', `${JSON.stringify(path)} is a directory, not a file`);
}

/** Of Linux, without a name in Node: `error.code` only says that it is unknown. */
const UNNAMED: Readonly<Record<number, string>> = {
  [-74]: 'EBADMSG',
  [-116]: 'ESTALE',
  [-117]: 'EUCLEAN',
  [-122]: 'EDQUOT',
};

export function errnoOf(error: unknown): string {
  const unnamed = error instanceof Error && 'errno' in error ? UNNAMED[Number(error.errno)] : undefined;
  if (unnamed !== undefined) return unnamed;
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return error instanceof Error ? error.message : String(error);
}
