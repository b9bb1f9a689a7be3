/**
 * A store in a data directory: opens and locks it as one, and closes what it opened on every failure path. It
 * must never open a directory that `identify` has not found to be ours.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { Platform } from '../platform/index.ts';
import { backupStore } from './backup.ts';
import {
  FORMAT_VERSION,
  holderOf,
  type Identity,
  identify,
  lockedBy,
  markReady,
  type Place,
  removeLock,
  removeTemporaries,
  settleIdentity,
  writeLock,
} from './directory.ts';
import { makeDirectory } from './durable-file.ts';
import { FileBlobs } from './file-blobs.ts';
import { frameSeed } from './frame.ts';
import { corrupt, Health, storageError } from './health.ts';
import { damageOf } from './level-log.ts';
import { type Bytes, LevelRows } from './level-rows.ts';
import { openMemoryStore } from './memory-store.ts';
import { makeHead, readWhole } from './segment-files.ts';
import { openSegmentJournal } from './segment-journal.ts';
import { type FoundJournal, findJournal } from './segment-open.ts';
import { makeBallast, makeReserve, readService } from './service.ts';
import { copyLevelJournal, removeLevelJournal } from './take-over.ts';
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
  const at = { journal: join(directory, 'journal'), rows: join(directory, 'rows'), blobs: join(directory, 'blobs') };
  const opened: { close(): Promise<void> }[] = [];
  try {
    // Before anything is changed; who holds the directory may be appending, and then it is looked at in vain.
    const known = identity.ready ? await lookAtJournal(place, identity, at.journal) : null;
    const cacheSize = options.cacheBytes ?? limits.row_blocks_bytes_default;
    const rowsLevel = await openLevel(at.rows, { cacheSize }, { place, identity });
    opened.push(rowsLevel);
    await writeLock(place);
    await removeTemporaries(directory);
    await makeDirectory(at.blobs, sync);
    await settleReserve(place, identity);
    await settleJournal(place, identity, at.journal);
    const journal = await openSegmentJournal({ location: at.journal, seed, sync, health, known });
    opened.unshift(journal);
    const settle = sync ? null : () => journal.settle();
    const rows = new LevelRows({ level: rowsLevel, location: at.rows, seed, health, settleJournal: settle });
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
        return backupStore({ directory, identity, journal, rows: rowsLevel, platform }, target);
      },
      close: () => close(directory, health, opened),
    };
  } catch (error) {
    if (opened.length > 0) await removeLock(directory).catch(() => undefined);
    for (const each of opened) await each.close().catch(() => undefined);
    throw storageError(`${directory} cannot be opened`, error);
  }
}

/** Somebody who is about to leave the directory may change it for a moment more, and has no lock file any longer. */
const LOOKS_MAX = 4;
const LOOK_MS = 25;

/** Throws when the journal is damaged, and has changed nothing. Null: whoever holds the lock must look for himself. */
async function lookAtJournal(
  { directory, platform }: Place,
  { spaceId, version }: Identity,
  location: string,
): Promise<FoundJournal | null> {
  for (let looks = 1; ; looks++) {
    try {
      if (version === FORMAT_VERSION) return await findJournal(location, frameSeed(spaceId));
      await checkLogs(location);
      return null;
    } catch (error) {
      if ((await holderOf(directory)) !== null) return null;
      if (looks === LOOKS_MAX) throw error;
      await new Promise<void>((resolve) => platform.timers.after(LOOK_MS, resolve));
    }
  }
}

/** The journal is there, in the form of this version. Called by who holds the true lock. */
async function settleJournal(place: Place, identity: Identity, location: string): Promise<void> {
  const { sync } = place;
  const seed = frameSeed(identity.spaceId);
  if (!identity.ready) {
    await makeDirectory(location, sync);
    await makeHead(location, seed, 0, sync);
    await markReady(place, identity);
  } else if (identity.version < FORMAT_VERSION) {
    const level = await openLevel(location, { compression: false }, { place, identity });
    try {
      await copyLevelJournal(level, location, seed);
    } finally {
      await level.close();
    }
    await markReady({ ...place, sync: true }, identity);
  } else if (sync) await settleIdentity(place);
  await removeLevelJournal(location, sync);
}

/** A directory that is new must have room for its reserve; one that was made before this was kept gets it if it can. */
async function settleReserve({ directory, platform, sync }: Place, { ready }: Identity): Promise<void> {
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

type Opening = { readonly place: Place; readonly identity: Identity };
type Tuning = { readonly compression?: boolean; readonly cacheSize?: number };

async function openLevel(location: string, tuning: Tuning, { place, identity }: Opening): Promise<Bytes> {
  const encodings = { keyEncoding: 'view', valueEncoding: 'view' } as const;
  if (identity.ready) await checkLogs(location);
  const level: Bytes = new ClassicLevel(location, { ...encodings, createIfMissing: !identity.ready, ...tuning });
  try {
    await level.open();
  } catch (error) {
    const failure = storageError(`${location} cannot be opened`, error);
    if (failure.code === 'storage_locked') throw await lockedBy(place);
    // Of a database that was there once, no part may be missing.
    const missing = identity.ready && /does not exist|No such file/i.test(failure.message);
    throw missing ? corrupt(failure.message, error) : failure;
  }
  return level;
}

/** Before the database reads its logs: it would skip what is damaged, and then delete them. */
async function checkLogs(location: string): Promise<void> {
  const logs = (await listOf(location)).filter((name) => name.endsWith('.log'));
  if (logs.length === 0) throw corrupt(`${location} has lost its log`);
  for (const name of logs) {
    const path = join(location, name);
    const log = await readWhole(path);
    // Whoever has the directory open has gone on to another one; the lock will tell.
    if (log === null) continue;
    const damage = damageOf(log);
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

/** `opened`: the journal, and then what holds the true lock. */
async function close(directory: string, health: Health, opened: readonly { close(): Promise<void> }[]): Promise<void> {
  if (health.closed) return;
  health.close();
  // The lock file goes before the true lock does: the next owner's must not be removed.
  await removeLock(directory).catch(() => undefined);
  for (const each of opened) await each.close();
}
