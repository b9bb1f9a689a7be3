/**
 * Writing a file so that after a crash it is there wholly or not at all: a temporary file beside it, synced, put
 * in place, and the directory synced. It owns the names that start with `TEMPORARY_PREFIX`; it must never leave
 * a file half written under its real name.
 */
import { type FileHandle, link, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Whatever starts so is left over from a crash, and may be removed by whoever holds the lock. */
export const TEMPORARY_PREFIX = '.powerbox-new-';

export type PlaceOptions = {
  readonly bytes: Uint8Array;
  /** Distinguishes temporary files of processes that do the same at one time. */
  readonly tag: string;
  readonly mode: number;
  readonly sync: boolean;
  /** `replace` takes the place of a file of that name, `create` leaves one that is there as it is. */
  readonly kind: 'replace' | 'create';
};

/** True when the file is now the one given; false when `create` found one there. */
export async function placeFile(path: string, options: PlaceOptions): Promise<boolean> {
  const directory = dirname(path);
  const temporary = join(directory, `${TEMPORARY_PREFIX}${options.tag}`);
  let placed = true;
  try {
    await writeWhole(temporary, options);
    if (options.kind === 'replace') await rename(temporary, path);
    else placed = await linkOnce(temporary, path);
  } catch (error) {
    // The first error is the one that tells; the left-over is harmless and removed at the next opening.
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
  if (options.sync) await syncPath(directory);
  return placed;
}

async function writeWhole(path: string, options: PlaceOptions): Promise<void> {
  const file = await open(path, 'w', options.mode);
  await closing(file, async () => {
    await file.writeFile(options.bytes);
    if (options.sync) await file.sync();
  });
}

/** What file systems say that have no hard links; or something else is wrong, and the renaming will say it. */
const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

/** Of two that create the same file at one time, one wins and the other sees the winner's. */
async function linkOnce(temporary: string, path: string): Promise<boolean> {
  try {
    await link(temporary, path);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    if (!NO_LINKS.has(`${code}`)) throw error;
    await rename(temporary, path);
    return true;
  } finally {
    await rm(temporary, { force: true });
  }
}

/**
 * Makes a directory and those above it; with `sync` each is durable with its name. Not Node's own recursion: that says on
 * a read-only file system that something is not there, and never comes back from a place like `/proc/x`.
 */
export async function makeDirectory(path: string, sync: boolean, mode = 0o777): Promise<void> {
  let made: boolean;
  try {
    made = await makeOne(path, mode);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || dirname(path) === path) throw error;
    await makeDirectory(dirname(path), sync, mode);
    // Once and no more: in some places nothing can be made, though what is above is there.
    made = await makeOne(path, mode);
  }
  if (made && sync) await syncPath(dirname(path));
}

/** False: it is there. */
async function makeOne(path: string, mode: number): Promise<boolean> {
  try {
    await mkdir(path, { mode });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Makes a file, or the names in a directory, durable. */
export async function syncPath(path: string): Promise<void> {
  const file = await open(path, 'r');
  await closing(file, () => file.sync());
}

async function closing(file: FileHandle, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } finally {
    await file.close();
  }
}
