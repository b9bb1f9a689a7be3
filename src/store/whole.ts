/**
 * A directory that is there wholly or not at all: it is made beside its place, and put there when it is whole and on disk.
 * Owns the names `.powerbox-new-<process>-<name>` beside it; what killed processes have left there is removed by the next.
 */
import { mkdir, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { PowerboxError } from '../errors.ts';
import { isAlive, ownPid } from './directory.ts';
import { makeDirectory, syncPath, TEMPORARY_PREFIX } from './durable-file.ts';
import { storageError } from './health.ts';

/** `target` must not be there, or be empty. `make` leaves on disk what it writes. */
export async function madeWhole<T>(target: string, make: (room: string) => Promise<T>): Promise<T> {
  const path = resolve(target);
  const parent = dirname(path);
  await requireFree(path, target);
  await makeDirectory(parent, true);
  const suffix = `-${basename(path)}`;
  for (const name of await readdir(parent)) {
    if (!name.startsWith(TEMPORARY_PREFIX) || !name.endsWith(suffix)) continue;
    const pid = Number(name.slice(TEMPORARY_PREFIX.length, -suffix.length));
    if (Number.isSafeInteger(pid) && pid > 0 && !isAlive(pid))
      await rm(join(parent, name), { recursive: true, force: true });
  }
  const room = join(parent, `${TEMPORARY_PREFIX}${ownPid()}${suffix}`);
  try {
    await mkdir(room, { mode: 0o700 });
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === 'EEXIST'
      ? new PowerboxError('bad_request', `${target} is being made already`)
      : storageError(`${parent} cannot be written`, error);
  }
  try {
    const made = await make(room);
    await syncPath(room);
    await rmdir(path).catch(() => undefined);
    await rename(room, path);
    await syncPath(parent);
    return made;
  } catch (error) {
    await rm(room, { recursive: true, force: true }).catch(() => undefined);
    throw storageError(`${target} cannot be made`, error);
  }
}

async function requireFree(path: string, target: string): Promise<void> {
  const found = await readdir(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    if (error.code === 'ENOTDIR') return ['a file'];
    throw storageError(`${target} cannot be read`, error);
  });
  if (found.length > 0)
    throw new PowerboxError('storage_foreign', `${target} is not empty: it holds ${found.slice(0, 3).join(', ')}`, {
      hint: 'Give a directory that is not there yet, or an empty one.',
    });
}
