/**
 * A store in a data directory: opens and locks it as one, and closes what it opened on every failure path. It
 * must never open a directory that `identify` has not found to be ours.
 */
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { Platform } from '../platform/index.ts';
import { backupStore } from './backup.ts';
import {
  type Identity,
  identify,
  lockedBy,
  markReady,
  removeLock,
  removeTemporaries,
  settleIdentity,
  writeLock,
} from './directory.ts';
import { makeDirectory } from './durable-file.ts';
import { FileBlobs } from './file-blobs.ts';
import { frameSeed } from './frame.ts';
import { Health, corrupt, storageError } from './health.ts';
import { type Bytes, openLevelJournal } from './level-journal.ts';
import { damageOf } from './level-log.ts';
import { LevelRows } from './level-rows.ts';
import { openMemoryStore } from './memory-store.ts';
import { makeBallast, makeReserve, readService } from './service.ts';
import type { Durability, Store } from './types.ts';

export type OpenStoreOptions = {
  /** Made when it is not there. Without one, and only with durability `memory`, nothing touches the disk. */
  readonly directory?: string;
  /** With a directory, `memory` is the same as `os`: handed to the operating system, and not synced. */
  readonly durability: Durability;
  readonly platform: Platform;
  /** Bytes of row blocks that the database keeps in memory. */
  readonly cacheBytes?: number;
};

export async function openStore(options: OpenStoreOptions): Promise<Store> {
  const { directory, durability, platform } = options;
  if (directory === undefined) {
    if (durability === 'memory') return openMemoryStore(platform);
    throw new PowerboxError('config_invalid', `durability ${durability} needs a data directory`);
  }
  const sync = durability === 'sync';
  const place = { directory, platform, sync };
  const identity = await identify(place);
  const health = new Health();
  const seed = frameSeed(identity.spaceId);
  const opened: Bytes[] = [];
  const opening: Opening = { options, identity, opened };
  try {
    const at = { journal: join(directory, 'journal'), rows: join(directory, 'rows'), blobs: join(directory, 'blobs') };
    const journalLevel = await openLevel(at.journal, { compression: false }, opening);
    await writeLock(place);
    await removeTemporaries(directory);
    const cacheSize = options.cacheBytes ?? limits.row_blocks_bytes_default;
    const rowsLevel = await openLevel(at.rows, { cacheSize }, opening);
    await makeDirectory(at.blobs, sync);
    await settleReserve(place, identity);
    if (!identity.ready) await markReady(place, identity);
    else if (sync) await settleIdentity(place);
    const journal = await openLevelJournal({ level: journalLevel, location: at.journal, seed, sync, health });
    const settleJournal = sync ? null : () => journal.settle();
    const rows = new LevelRows({ level: rowsLevel, location: at.rows, seed, health, settleJournal });
    const blobs = new FileBlobs({ directory: at.blobs, platform, sync, health });
    const { nameKey, sealKey } = identity;
    return {
      journal,
      rows,
      blobs,
      keys: { nameKey, sealKey },
      spaceId: identity.spaceId,
      backup: (target) => {
        if (!health.usable) health.refuse();
        return backupStore({ directory, identity, journal: journalLevel, rows: rowsLevel, platform }, target);
      },
      close: () => close(directory, health, opened),
    };
  } catch (error) {
    for (const level of opened) await level.close().catch(() => undefined);
    throw storageError(`${directory} cannot be opened`, error);
  }
}

/** A directory that is new must have room for its reserve; one that was made before this was kept gets it if it can. */
async function settleReserve(
  { directory, platform, sync }: { readonly directory: string; readonly platform: Platform; readonly sync: boolean },
  { ready }: Identity,
): Promise<void> {
  if (!ready) return makeReserve(directory, platform, sync);
  const state = await readService(directory);
  if (state?.service === 'out') return;
  try {
    if (state === null) await makeReserve(directory, platform, sync);
    else await makeBallast(directory, platform);
  } catch (error) {
    const failure = storageError(`${directory} cannot be written`, error);
    if (failure.code !== 'storage_full') throw failure;
  }
}

type Opening = { readonly options: OpenStoreOptions; readonly identity: Identity; readonly opened: Bytes[] };
type Tuning = { readonly compression?: boolean; readonly cacheSize?: number };

async function openLevel(location: string, tuning: Tuning, { options, identity, opened }: Opening): Promise<Bytes> {
  const { directory = location, platform } = options;
  const encodings = { keyEncoding: 'view', valueEncoding: 'view' } as const;
  if (identity.ready) await checkLogs(location);
  const level: Bytes = new ClassicLevel(location, { ...encodings, createIfMissing: !identity.ready, ...tuning });
  try {
    await level.open();
  } catch (error) {
    const failure = storageError(`${location} cannot be opened`, error);
    if (failure.code === 'storage_locked') throw await lockedBy({ directory, platform, sync: false });
    // Of a database that was there once, no part may be missing.
    const missing = identity.ready && /does not exist|No such file/i.test(failure.message);
    throw missing ? corrupt(failure.message, error) : failure;
  }
  opened.push(level);
  return level;
}

/** Before the database reads its logs: it would skip what is damaged, and then delete them. */
async function checkLogs(location: string): Promise<void> {
  const logs = (await listOf(location)).filter((name) => name.endsWith('.log'));
  if (logs.length === 0) throw corrupt(`${location} has lost its log`);
  for (const name of logs) {
    const path = join(location, name);
    const damage = damageOf(await readFile(path));
    if (damage !== null) throw corrupt(`${path} is damaged at byte ${damage}`);
  }
}

async function listOf(location: string): Promise<string[]> {
  try {
    return await readdir(location);
  } catch (error) {
    throw corrupt(`${location} is missing, or is no directory`, error);
  }
}

async function close(directory: string, health: Health, opened: readonly Bytes[]): Promise<void> {
  if (health.closed) return;
  health.close();
  // The lock file goes before the true lock does: the next owner's must not be removed.
  await removeLock(directory).catch(() => undefined);
  for (const level of opened) await level.close();
}
