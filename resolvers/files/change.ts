/**
 * The changes that contracts make beneath a root. Each is one of these shapes, so that after any failure the
 * file is as before or as after, and it can be told which:
 *
 *   place     made aside in `.powerbox/`, synced, on record, then moved to its place: the move is the change
 *   write     what stands there saved aside, on record, then written; anything that goes wrong puts it back
 *   truncate  on record, then one call: the size tells
 *   remove    on record, then moved aside; deleted once that is marked
 *   rename    on record, then moved: the inode tells
 *
 * Before any of them is begun it is seen that there is room for it in what the operator allots, and that no file
 * would be, or is, an executable binary. Called under the tree's exclusive lock only, one change at a time.
 * `settle.ts` reads the same record.
 */
import { constants } from 'node:fs';
import { mkdir, open, readdir, rename, rmdir, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { PowerboxError } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';
import { refuseBinaries, refuseNewBinary } from './binary.ts';
import { readUpTo, writeAll } from './record.ts';
import type { Change, EffectRecord, Line } from './record.ts';
import { NOTHING, requireRoom } from './usage.ts';
import type { Allotment, Usage } from './usage.ts';
import { errnoOf, look, openFile, openFolder, within } from './walk.ts';
import type { Entry, Folder, Root } from './walk.ts';

/** What a change works with. */
export interface Desk {
  readonly root: Root;
  readonly sidecar: Folder;
  readonly record: EffectRecord;
  /** Of the grant under which it is changed. */
  readonly allotted: Allotment;
  /** Rejects where the disk would be too full after so many more bytes. */
  readonly requireDisk: (bytes: number) => Promise<void>;
}

export const aside = {
  made: (id: string): string => `${id}.new`,
  undo: (id: string): string => `${id}.undo`,
  gone: (id: string): string => `${id}.gone`,
};

const { O_RDWR, O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;

export async function replaceFile(desk: Desk, id: string, path: readonly string[], data: Uint8Array): Promise<void> {
  await inParent(desk.root, path, async (folder, name, shown) => {
    const entry = await look(desk.root, folder, name, shown);
    if (entry?.kind === 'directory')
      throw new PowerboxError('file_failed', `${JSON.stringify(shown)} is a directory, not a file`);
    await refuseNewBinary(data, 0, shown);
    const old_bytes = entry === null ? 0 : Number(entry.stat.size);
    const adds = { bytes: data.length - old_bytes, entries: entry === null ? 1 : 0 };
    await place(desk, id, path, folder, name, adds, data.length, () => makeFile(desk, id, entry, data, 0));
  });
}

export async function makeDirectory(desk: Desk, id: string, path: readonly string[]): Promise<void> {
  await inParent(desk.root, path, async (folder, name, shown) => {
    if ((await look(desk.root, folder, name, shown)) !== null) throw exists(shown);
    await place(desk, id, path, folder, name, { bytes: 0, entries: 1 }, DIRECTORY_BYTES, () => makeFolder(desk, id));
  });
}

/** Writes at an offset, or at the end where it is null. A file that is not there is made. */
export async function writeInPlace(
  desk: Desk,
  id: string,
  path: readonly string[],
  offset: number | null,
  data: Uint8Array,
): Promise<void> {
  await inParent(desk.root, path, async (folder, name, shown) => {
    if ((await look(desk.root, folder, name, shown)) === null) {
      const at = offset ?? 0;
      requireSize(at + data.length);
      await refuseNewBinary(data, at, shown);
      // Of no bytes nothing is written, at whatever offset.
      const bytes = data.length === 0 ? 0 : at + data.length;
      const adds = { bytes, entries: 1 };
      await place(desk, id, path, folder, name, adds, data.length, () => makeFile(desk, id, null, data, at));
      return;
    }
    const { handle, stat } = await openFile(desk.root, folder, name, O_RDWR, shown);
    try {
      const size = Number(stat.size);
      const at = offset ?? size;
      requireSize(at + data.length);
      await refuseBinaries(handle, size, data, at, Math.max(size, at + data.length), shown);
      if (data.length === 0) return;
      const adds = { bytes: Math.max(0, at + data.length - size), entries: 0 };
      const undo = Math.max(0, Math.min(data.length, size - at));
      await requireRoomFor(desk, adds, data.length + undo);
      if (undo > 0) await saveUndo(desk, id, handle, at, undo);
      const change = { op: 'write', path, inode: String(stat.ino), size, offset: at, undo } as const;
      await write(desk, id, change, adds, handle, data);
    } finally {
      await handle.close();
    }
  });
}

async function write(
  desk: Desk,
  id: string,
  change: Change & { op: 'write' },
  adds: Usage,
  handle: FileHandle,
  data: Uint8Array,
): Promise<void> {
  const line = await begin(desk, id, change, adds, aside.undo(id));
  try {
    await writeAll(handle, data, change.offset);
    await handle.sync();
  } catch (error) {
    await restore(desk, line, change, handle);
    throw error;
  }
  // The bytes alone cannot tell whether they are all there, so the mark must be on the disk before the answer.
  await certain(() => desk.record.mark(line, 'D', true));
  await discard(desk, aside.undo(id));
}

/** Puts back what stood there. When even that fails the line stays begun, and is settled before the next change. */
export async function restore(
  desk: Desk,
  line: Line,
  change: Change & { op: 'write' },
  handle: FileHandle,
): Promise<void> {
  if (change.undo > 0) {
    const saved = await open(desk.sidecar.at(aside.undo(line.id)), constants.O_RDONLY | O_NOFOLLOW);
    try {
      const bytes = await readUpTo(saved, 0, change.undo);
      if (bytes.length !== change.undo)
        throw new PowerboxError('storage_corrupt', `the bytes saved before a change are not all there`);
      await writeAll(handle, bytes, change.offset);
    } finally {
      await saved.close();
    }
  }
  await handle.truncate(change.size);
  await handle.sync();
  await desk.record.mark(line, 'U', true);
  await discard(desk, aside.undo(line.id));
}

async function saveUndo(desk: Desk, id: string, from: FileHandle, offset: number, length: number): Promise<void> {
  await discard(desk, aside.undo(id));
  const bytes = await readUpTo(from, offset, length);
  await makeAside(desk, aside.undo(id), 0o600, (handle) => writeAll(handle, bytes, 0));
}

export async function truncateFile(desk: Desk, id: string, path: readonly string[], next: number): Promise<void> {
  await inParent(desk.root, path, async (folder, name, shown) => {
    const { handle, stat } = await openFile(desk.root, folder, name, O_RDWR, shown);
    try {
      const size = Number(stat.size);
      requireSize(next);
      await refuseBinaries(handle, size, NO_BYTES, 0, next, shown);
      if (size === next) return;
      const adds = { bytes: next - size, entries: 0 };
      await requireRoomFor(desk, adds, 0);
      const change = { op: 'truncate', path, inode: String(stat.ino), size, next } as const;
      const line = await begin(desk, id, change, adds, null);
      try {
        await handle.truncate(next);
      } catch (error) {
        await desk.record.mark(line, 'U', true);
        throw error;
      }
      await finish(desk, line, [handle], null);
    } finally {
      await handle.close();
    }
  });
}

export async function removeEntry(desk: Desk, id: string, path: readonly string[]): Promise<void> {
  await inParent(desk.root, path, async (folder, name, shown) => {
    const entry = await look(desk.root, folder, name, shown);
    if (entry === null) throw missing(shown);
    if (entry.kind === 'directory') {
      const inner = await openFolder(desk.root, folder, name, shown);
      try {
        await requireEmpty(inner.at('.'), shown);
      } finally {
        await inner.handle.close();
      }
    }
    const adds = { bytes: entry.kind === 'file' ? -Number(entry.stat.size) : 0, entries: -1 };
    const line = await begin(desk, id, { op: 'remove', path, inode: String(entry.stat.ino) }, adds, null);
    const gone = desk.sidecar.at(aside.gone(id));
    let moved = false;
    try {
      await rename(folder.at(name), gone);
      moved = true;
      // Something may have been put in between the look and the move.
      if (entry.kind === 'directory') await requireEmpty(gone, shown);
    } catch (error) {
      // Should the way back fail, the line stays begun and is settled before the next change.
      if (moved) await certain(() => rename(gone, folder.at(name)));
      await desk.record.mark(line, 'U', true);
      throw error;
    }
    await finish(desk, line, [folder.handle, desk.sidecar.handle], aside.gone(id));
  });
}

export async function renameEntry(
  desk: Desk,
  id: string,
  path: readonly string[],
  target: readonly string[],
): Promise<void> {
  await inParent(desk.root, path, async (folder, name, shown) => {
    const entry = await look(desk.root, folder, name, shown);
    if (entry === null) throw missing(shown);
    await inParent(desk.root, target, async (targetFolder, targetName, targetShown) => {
      if ((await look(desk.root, targetFolder, targetName, targetShown)) !== null) throw exists(targetShown);
      const change = { op: 'rename', path, target, inode: String(entry.stat.ino) } as const;
      const line = await begin(desk, id, change, NOTHING, null);
      try {
        await rename(folder.at(name), targetFolder.at(targetName));
      } catch (error) {
        await desk.record.mark(line, 'U', true);
        throw error;
      }
      await finish(desk, line, [targetFolder.handle, folder.handle], null);
    });
  });
}

// ---------------------------------------------------------------- parts of a change

/** Moves what `make` made aside, and whose inode it answers, to its place. */
async function place(
  desk: Desk,
  id: string,
  path: readonly string[],
  folder: Folder,
  name: string,
  adds: Usage,
  made_bytes: number,
  make: () => Promise<string>,
): Promise<void> {
  await requireRoomFor(desk, adds, made_bytes);
  await discard(desk, aside.made(id));
  const inode = await make();
  const line = await begin(desk, id, { op: 'place', path, inode }, adds, aside.made(id));
  try {
    await rename(desk.sidecar.at(aside.made(id)), folder.at(name));
  } catch (error) {
    // The mark first: a line begun whose made thing is gone would read as moved.
    await desk.record.mark(line, 'U', true);
    await discard(desk, aside.made(id));
    throw error;
  }
  await finish(desk, line, [folder.handle, desk.sidecar.handle], null);
}

/** Puts the change on record; what was made aside for it goes when that fails. */
async function begin(desk: Desk, id: string, change: Change, adds: Usage, leftover: string | null): Promise<Line> {
  try {
    return await desk.record.begin(id, change, adds);
  } catch (error) {
    // A line that could not be taken back may still be read as begun, and then needs what was made for it.
    if (leftover !== null && desk.record.sound) await discard(desk, leftover);
    throw error;
  }
}

/** The change is made: syncs it, marks it, and clears away. What fails from here on leaves it made. */
async function finish(desk: Desk, line: Line, synced: readonly FileHandle[], leftover: string | null): Promise<void> {
  await certain(async () => {
    try {
      for (const handle of synced) await handle.sync();
    } finally {
      // What is moved aside may be deleted only when the mark is on the disk; the other shapes tell by themselves.
      await desk.record.mark(line, 'D', leftover !== null);
    }
  });
  if (leftover !== null) await discard(desk, leftover);
}

async function certain(run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (cause) {
    throw new PowerboxError(
      'outcome_unknown',
      `the disk failed where it cannot be said any more whether the change is made: ${errnoOf(cause)}`,
      { cause },
    );
  }
}

async function makeFile(desk: Desk, id: string, old: Entry | null, data: Uint8Array, offset: number): Promise<string> {
  return makeAside(desk, aside.made(id), 0o666, async (handle) => {
    // Permissions stay those of the file that is replaced, without set-id bits.
    if (old !== null) await handle.chmod(Number(old.stat.mode & 0o777n));
    await writeAll(handle, data, offset);
  });
}

async function makeAside(
  desk: Desk,
  name: string,
  mode: number,
  fill: (handle: FileHandle) => Promise<void>,
): Promise<string> {
  const handle = await open(desk.sidecar.at(name), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
  try {
    await fill(handle);
    await handle.sync();
    await desk.sidecar.handle.sync();
    return String((await handle.stat({ bigint: true })).ino);
  } catch (error) {
    await discard(desk, name);
    throw error;
  } finally {
    await handle.close();
  }
}

async function makeFolder(desk: Desk, id: string): Promise<string> {
  const name = aside.made(id);
  await mkdir(desk.sidecar.at(name));
  try {
    const made = await openFolder(desk.root, desk.sidecar, name, name);
    try {
      await made.handle.sync();
      await desk.sidecar.handle.sync();
      return String((await made.handle.stat({ bigint: true })).ino);
    } finally {
      await made.handle.close();
    }
  } catch (error) {
    await discard(desk, name);
    throw error;
  }
}

/** Deletes a file or an empty directory of the sidecar. One that stays is cleared away when the tree opens. */
export async function discard(desk: Desk, name: string): Promise<void> {
  const path = desk.sidecar.at(name);
  try {
    await unlink(path);
  } catch (error) {
    if (errnoOf(error) === 'EISDIR' || errnoOf(error) === 'EPERM') await rmdir(path).catch(() => undefined);
  }
}

/** What a directory takes on most file systems. */
const DIRECTORY_BYTES = 4096;
const NO_BYTES = new Uint8Array(0);

/**
 * The tree counts before it lets a bounded grant change anything, so there is a count where there is a bound.
 * `taken_bytes` are those of the disk while the change is made; what frees some takes none.
 */
async function requireRoomFor(desk: Desk, adds: Usage, taken_bytes: number): Promise<void> {
  requireRoom(desk.record.used ?? NOTHING, adds, desk.allotted);
  if (taken_bytes > 0) await desk.requireDisk(taken_bytes);
}

async function inParent<T>(
  root: Root,
  path: readonly string[],
  use: (folder: Folder, name: string, shown: string) => Promise<T>,
): Promise<T> {
  const name = path[path.length - 1];
  if (name === undefined) throw new PowerboxError('file_failed', 'the granted directory itself cannot be changed');
  return within(root, path.slice(0, -1), (folder) => use(folder, name, path.join('/')));
}

async function requireEmpty(directory: string, shown: string): Promise<void> {
  if ((await readdir(directory)).length > 0) {
    throw new PowerboxError('file_failed', `the directory ${JSON.stringify(shown)} is not empty`);
  }
}

function requireSize(size: number): void {
  if (size > limits.file_bytes_max) {
    throw new PowerboxError(
      'quota_exceeded',
      `a file may have at most ${limits.file_bytes_max} bytes; this would make it ${size}`,
    );
  }
}

export function missing(shown: string): PowerboxError {
  return new PowerboxError('file_not_found', `there is nothing at ${JSON.stringify(shown)}`);
}

function exists(shown: string): PowerboxError {
  return new PowerboxError('file_exists', `something stands at ${JSON.stringify(shown)} already`);
}
