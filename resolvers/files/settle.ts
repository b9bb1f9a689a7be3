/**
 * After a crash, or after a failure that could not be undone: tells of each change that was begun whether it
 * was made, puts back what was written in part, and marks it. What someone else has changed since, so that it
 * can no longer be told, is marked so; it is never guessed.
 */
import { constants } from 'node:fs';
import { lstat, readdir, rename } from 'node:fs/promises';
import type { BigIntStats } from 'node:fs';
import { isPowerboxError } from '../../src/errors.ts';
import { aside, discard, restore } from './change.ts';
import type { Desk } from './change.ts';
import type { Change, Line } from './record.ts';
import { errnoOf, openFile, within } from './walk.ts';
import type { Folder } from './walk.ts';

export async function settle(desk: Desk): Promise<void> {
  for (const line of desk.record.pending()) await settleLine(desk, line);
}

async function settleLine(desk: Desk, line: Line): Promise<void> {
  const { change } = line;
  switch (change.op) {
    case 'place': {
      const made = await statAside(desk, aside.made(line.id));
      if ((await inodeAt(desk, change.path)) === change.inode) return sealed(desk, line, change.path);
      if (made === null) return desk.record.mark(line, 'L', true);
      await desk.record.mark(line, 'U', true);
      return discard(desk, aside.made(line.id));
    }
    case 'write':
      return settleWrite(desk, line, change);
    case 'truncate': {
      const stat = await statAt(desk, change.path);
      const same = stat !== null && String(stat.ino) === change.inode;
      if (same && Number(stat.size) === change.next) return sealed(desk, line, change.path);
      return desk.record.mark(line, same && Number(stat.size) === change.size ? 'U' : 'L', true);
    }
    case 'remove':
      return settleRemove(desk, line, change);
    case 'rename': {
      if ((await inodeAt(desk, change.target)) === change.inode) return sealed(desk, line, change.target);
      return desk.record.mark(line, (await inodeAt(desk, change.path)) === change.inode ? 'U' : 'L', true);
    }
    default: {
      const never: never = change;
      throw new Error(`no such change: ${JSON.stringify(never)}`);
    }
  }
}

/** It was made; it must be on the disk before anyone is told so. */
async function sealed(desk: Desk, line: Line, path: readonly string[]): Promise<void> {
  const name = path[path.length - 1] ?? '';
  await within(desk.root, path.slice(0, -1), async (folder) => {
    if (line.change.op === 'truncate') {
      const { handle } = await openFile(desk.root, folder, name, constants.O_RDWR, path.join('/'));
      try {
        await handle.sync();
      } finally {
        await handle.close();
      }
    } else {
      await folder.handle.sync();
    }
  });
  await desk.record.mark(line, 'D', true);
}

async function settleWrite(desk: Desk, line: Line, change: Change & { op: 'write' }): Promise<void> {
  const name = change.path[change.path.length - 1] ?? '';
  const found = await orNull(() =>
    within(desk.root, change.path.slice(0, -1), (folder) =>
      openFile(desk.root, folder, name, constants.O_RDWR, change.path.join('/')),
    ),
  );
  if (found === null) return desk.record.mark(line, 'L', true);
  try {
    const saved = change.undo === 0 ? 0 : Number((await statAside(desk, aside.undo(line.id)))?.size ?? -1);
    if (String(found.stat.ino) !== change.inode || saved !== change.undo)
      return await desk.record.mark(line, 'L', true);
    await restore(desk, line, change, found.handle);
  } finally {
    await found.handle.close();
  }
}

async function settleRemove(desk: Desk, line: Line, change: Change & { op: 'remove' }): Promise<void> {
  const name = change.path[change.path.length - 1] ?? '';
  const gone = aside.gone(line.id);
  const stat = await statAside(desk, gone);
  if (stat === null) {
    return desk.record.mark(line, (await inodeAt(desk, change.path)) === change.inode ? 'U' : 'L', true);
  }
  const back = stat.isDirectory() && (await readdir(desk.sidecar.at(gone))).length > 0;
  const moved = await orNull(() =>
    within(desk.root, change.path.slice(0, -1), async (folder: Folder) => {
      if (back) await rename(desk.sidecar.at(gone), folder.at(name));
      await folder.handle.sync();
      await desk.sidecar.handle.sync();
      return true;
    }),
  );
  if (back) return desk.record.mark(line, moved === null ? 'L' : 'U', true);
  await desk.record.mark(line, 'D', true);
  return discard(desk, gone);
}

/** What changes left aside and no line speaks of. What belongs to an outcome that cannot be told is kept. */
export async function sweep(desk: Desk): Promise<void> {
  for (const name of await readdir(desk.sidecar.at('.'))) {
    const id = /^([0-9a-f]+)\.(new|undo|gone)$/.exec(name)?.[1];
    if (id !== undefined && desk.record.get(id)?.mark !== 'L') await discard(desk, name);
  }
}

async function statAside(desk: Desk, name: string): Promise<BigIntStats | null> {
  return orNull(() => lstat(desk.sidecar.at(name), { bigint: true }));
}

async function statAt(desk: Desk, path: readonly string[]): Promise<BigIntStats | null> {
  const name = path[path.length - 1] ?? '';
  return orNull(() => within(desk.root, path.slice(0, -1), (folder) => lstat(folder.at(name), { bigint: true })));
}

async function inodeAt(desk: Desk, path: readonly string[]): Promise<string | null> {
  const stat = await statAt(desk, path);
  return stat === null ? null : String(stat.ino);
}

/** Null where there is nothing, or nothing that may be touched. A disk that fails is still a failure. */
async function orNull<T>(run: () => Promise<T>): Promise<T | null> {
  try {
    return await run();
  } catch (error) {
    if (isPowerboxError(error) && error.code === 'path_refused') return null;
    const code = errnoOf(error);
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') return null;
    throw error;
  }
}
