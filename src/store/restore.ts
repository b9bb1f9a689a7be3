/**
 * A data directory made of a backup: the same space, with the same names, and a new `sealKey`; so what clients of the old
 * directory were handed is worth nothing to the new one. Everything in it is read and verified before it is in its place.
 */
import { cp, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PowerboxError } from '../errors.ts';
import type { Platform } from '../platform/index.ts';
import { BACKUP_FILE, BACKUP_FORMAT, BACKUP_VERSION, copyFile, namesIn, OTHER_FILES, requireHash } from './backup.ts';
import { hex } from './bytes.ts';
import { bytesOf, KEY_BYTES, parseObject, SPACE_ID_BYTES, writeIdentity } from './directory.ts';
import { syncPath } from './durable-file.ts';
import { corrupt, storageError } from './health.ts';
import { openStore } from './level-store.ts';
import type { BackupReport, Store } from './types.ts';
import { madeWhole } from './whole.ts';

export interface RestoreOptions {
  /** The backup. */
  readonly from: string;
  /** The directory that is made; it must not be there, or be empty. */
  readonly to: string;
  readonly platform: Platform;
}

/** Makes a data directory of a backup, with a new `sealKey`; everything in it has been read once. */
export async function restoreStore({ from, to, platform }: RestoreOptions): Promise<BackupReport> {
  const backup = await readBackup(from, platform);
  return madeWhole(to, async (room) => {
    for (const name of ['journal', 'rows', 'blobs']) await copied(join(from, name), join(room, name));
    for (const name of OTHER_FILES) await copyFile(join(from, name), join(room, name));
    const place = { directory: room, platform, sync: true };
    await writeIdentity(place, backup);
    const store = await openStore({ directory: room, durability: 'sync', platform });
    try {
      await requireWhole(store, backup.tally, join(room, 'blobs'), platform);
    } finally {
      await store.close();
    }
    return backup.tally;
  });
}

interface Backup {
  /** Of its form: a journal of the first one is taken over when the directory is opened. */
  readonly version: number;
  readonly spaceId: Uint8Array;
  readonly created: string;
  readonly nameKey: Uint8Array;
  readonly tally: BackupReport;
}

async function readBackup(from: string, platform: Platform): Promise<Backup> {
  let text: string;
  try {
    text = await readFile(join(from, BACKUP_FILE), 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw storageError(`${from} cannot be read`, error);
    throw new PowerboxError('storage_foreign', `${from} is no backup of powerbox: it has no ${BACKUP_FILE}`, {
      hint: 'Give a directory that powerbox backup has made.',
    });
  }
  const { check, ...told } = parseObject(text) ?? {};
  if (told['format'] !== BACKUP_FORMAT)
    throw new PowerboxError('storage_foreign', `${from} is no backup of powerbox: ${BACKUP_FILE} names another format`);
  const version = told['version'];
  if (typeof version === 'number' && version > BACKUP_VERSION) {
    throw new PowerboxError(
      'storage_version',
      `${from} has format ${version}; this version reads 1 to ${BACKUP_VERSION}`,
      {
        hint: 'Install the version that wrote it, or a newer one.',
      },
    );
  }
  const spaceId = bytesOf(told['space'], SPACE_ID_BYTES);
  const nameKey = bytesOf(told['nameKey'], KEY_BYTES);
  const { created, entry, entries, rows, blobs, bytes } = told;
  const isSound = check === hex(platform.hashing.sha256(Buffer.from(JSON.stringify(told))));
  if (!isSound || spaceId === null || nameKey === null || typeof created !== 'string' || typeof version !== 'number')
    throw corrupt(`${join(from, BACKUP_FILE)} is damaged`);
  return { version, spaceId, nameKey, created, tally: { entry, entries, rows, blobs, bytes } as BackupReport };
}

async function copied(from: string, to: string): Promise<void> {
  try {
    await cp(from, to, { recursive: true, errorOnExist: true });
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw missing ? corrupt(`${from} is missing`, error) : storageError(`${from} cannot be copied`, error);
  }
  await syncTree(to);
}

async function syncTree(directory: string): Promise<void> {
  for (const each of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, each.name);
    if (each.isDirectory()) await syncTree(path);
    else await syncPath(path);
  }
  await syncPath(directory);
}

async function requireWhole(store: Store, told: BackupReport, blobs: string, platform: Platform): Promise<void> {
  const found = { entry: store.journal.last, entries: 0, rows: 0, blobs: 0 };
  for await (const _ of store.journal.read(store.journal.first)) found.entries++;
  for await (const _ of store.rows.scan(new Uint8Array(0))) found.rows++;
  for (const shelf of await namesIn(blobs, /^[0-9a-f]{2}$/)) {
    for (const name of await namesIn(join(blobs, shelf), /^[0-9a-f]{62}$/)) {
      requireHash(await readFile(join(blobs, shelf, name)), shelf + name, platform, blobs);
      found.blobs++;
    }
  }
  for (const what of ['entry', 'entries', 'rows', 'blobs'] as const) {
    if (found[what] !== told[what])
      throw corrupt(`the backup is not whole: ${what} is ${told[what]} in ${BACKUP_FILE}, and ${found[what]} came`);
  }
}
