/**
 * Journals of data directories of version 1: a `level` database, from which the entries are copied into segments when the
 * directory is opened. Owns the files of such a database in `journal/`; it must never remove one before the directory
 * says that it has version 2.
 *
 * Both forms have files of other names in one directory. Until `powerbox.json` says version 2 the database counts, and
 * segments beside it are left over from an attempt that a crash cut short; from then on it is the other way round.
 */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { syncPath } from './durable-file.ts';
import { entryKey, readNumber, unframeEntry } from './frame.ts';
import { fillJournal } from './fill-journal.ts';
import { corrupt } from './health.ts';
import type { Bytes } from './level-rows.ts';

/** Sorts before every entry: entries have the numbers from 1. Its value is framed as entry 0. */
const FLOOR_KEY = entryKey(0);
const LEVEL_FILE = /^(CURRENT|LOCK|LOG|LOG\.old|MANIFEST-\d+|\d+\.(log|ldb|sst|dbtmp))$/;

/** Copies all entries of the database into segments beside it, which are durable when this resolves. */
export async function copyLevelJournal(level: Bytes, location: string, seed: number): Promise<void> {
  const floor = await floorOf(level, location, seed);
  await fillJournal({ location, seed, floor, entries: entriesOf(level, { location, seed, floor }) });
}

async function floorOf(level: Bytes, location: string, seed: number): Promise<number> {
  const framed = await level.get(FLOOR_KEY);
  if (framed === undefined) return 0;
  const floor = unframeEntry(framed, seed, 0);
  if (floor === null || floor.length !== 8)
    throw corrupt(`the record of forgotten entries has a bad checksum in ${location}`);
  return readNumber(floor, 0);
}

async function* entriesOf(
  level: Bytes,
  { location, seed, floor }: { readonly location: string; readonly seed: number; readonly floor: number },
): AsyncGenerator<Uint8Array> {
  let number = floor;
  // What a drop had still to delete when its process ended is forgotten all the same.
  for await (const [key, framed] of level.iterator({ gt: entryKey(floor) })) {
    number++;
    if (readNumber(key, 0) !== number) throw corrupt(`journal entry ${number} is missing in ${location}`);
    const entry = unframeEntry(framed, seed, number);
    if (entry === null) throw corrupt(`journal entry ${number} has a bad checksum in ${location}`);
    yield entry;
  }
}

/** Removes what is left of the database. The directory has version 2. */
export async function removeLevelJournal(location: string, sync: boolean): Promise<void> {
  const left = (await readdir(location)).filter((name) => LEVEL_FILE.test(name));
  for (const name of left) await rm(join(location, name), { force: true });
  if (sync && left.length > 0) await syncPath(location);
}
