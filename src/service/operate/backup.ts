/**
 * Backups of a node: that of `main`, and below `spaces/NAME` in it that of each other space. Each is consistent by itself;
 * the whole is in its place when all are there. What belongs to this machine stays: the secret of tokens.
 */
import { join, resolve } from 'node:path';
import { type Admin, openAdmin, restoreBackup } from '../../embedding/index.ts';
import { type BackupReport, madeWhole } from '../../store/index.ts';
import { makePrivate } from '../node-directory.ts';
import { directoriesIn, listSpaces } from './space-files.ts';
import { MAIN_SPACE } from '../space-places.ts';

export interface SpaceBackup extends BackupReport {
  readonly space: string;
}

/** Of every space of the node, by whoever holds it. */
export async function backupNode(data: string, target: string): Promise<readonly SpaceBackup[]> {
  const entries = await listSpaces(data);
  return madeWhole(resolve(target), async (room) => {
    const made: SpaceBackup[] = [];
    for (const { name, directory } of entries) {
      const place = await placeIn(room, name);
      made.push({ space: name, ...(await withAdmin(directory, (admin) => admin.backup(place))) });
    }
    return made;
  });
}

/** Makes the data directory of a node, or of one space, of a backup. */
export async function restoreNode(backup: string, target: string): Promise<readonly SpaceBackup[]> {
  const others = await directoriesIn(join(backup, 'spaces'));
  if (others.length === 0) return [{ space: MAIN_SPACE, ...(await restoreBackup({ from: backup, to: target })) }];
  return madeWhole(resolve(target), async (room) => {
    const made = [{ space: MAIN_SPACE, ...(await restoreBackup({ from: backup, to: room })) }];
    for (const name of others) {
      const place = await placeIn(room, name);
      made.push({ space: name, ...(await restoreBackup({ from: join(backup, 'spaces', name), to: place })) });
    }
    return made;
  });
}

async function placeIn(room: string, name: string): Promise<string> {
  if (name === MAIN_SPACE) return room;
  await makePrivate(join(room, 'spaces'));
  return join(room, 'spaces', name);
}

async function withAdmin<T>(data: string, run: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = await openAdmin({ data, mustExist: true, unfinished: 'hold' });
  try {
    return await run(admin);
  } finally {
    await admin.close();
  }
}
