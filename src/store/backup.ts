/**
 * Backups of a data directory, taken while the space goes on, and brought back.
 *
 *   backup.json     what this is: format, version, id of the space, when it was made and taken, nameKey, how much it holds
 *   journal/ rows/  segments and a database, as in a data directory
 *   blobs/          large values by hash
 *   configuration, space.json   as in the data directory, where they are there
 *
 * It is consistent without a pause: journal and rows are seen at one moment, the rows first, so that the journal holds
 * whatever the rows hold; a blob is on disk before the entry that names it, and is never changed. Every checksum is
 * verified on the way out and on the way in. `sealKey` stays behind: what was handed to clients of the old directory is
 * worth nothing to the restored one.
 */
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import type { Platform } from '../platform/index.ts';
import { equal, hex } from './bytes.ts';
import type { Identity } from './directory.ts';
import { placeFile, syncPath } from './durable-file.ts';
import { fillJournal } from './fill-journal.ts';
import { frameSeed, unframeRow } from './frame.ts';
import { corrupt } from './health.ts';
import type { Bytes } from './level-rows.ts';
import { recordBytes } from './segment-format.ts';
import type { JournalView, SegmentJournal } from './segment-journal.ts';
import type { BackupReport } from './types.ts';
import { madeWhole } from './whole.ts';

export const BACKUP_FORMAT = 'powerbox backup';
/** History: 1, the first; 2, the journal in segments, where it was a database. Both are restored. */
export const BACKUP_VERSION = 2;
export const BACKUP_FILE = 'backup.json';
/** Beside databases and blobs. */
export const OTHER_FILES = ['configuration', 'space.json'];
/** Bytes of one batch. */
const BATCH_BYTES = 4 * 1024 * 1024;

export interface BackupSource {
  readonly directory: string;
  readonly identity: Identity;
  readonly journal: SegmentJournal;
  readonly rows: Bytes;
  readonly platform: Platform;
}

export async function backupStore(source: BackupSource, target: string): Promise<BackupReport> {
  // In one step of this process, the rows first; see above.
  const rowsSeen = source.rows.snapshot();
  const journalSeen = source.journal.view();
  try {
    return await madeWhole(target, async (room) => {
      const seed = frameSeed(source.identity.spaceId);
      const tally = { entry: 0, entries: 0, rows: 0, blobs: 0, bytes: 0 };
      await copyRows(source, { room, seed, tally }, rowsSeen);
      await copyJournal(journalSeen, { room, seed, tally });
      await copyBlobs(join(source.directory, 'blobs'), join(room, 'blobs'), source.platform, tally);
      for (const name of OTHER_FILES) await copyFile(join(source.directory, name), join(room, name));
      await writeFile(room, BACKUP_FILE, Buffer.from(backupText(source, tally)), 0o600);
      return tally;
    });
  } finally {
    journalSeen.release();
    await rowsSeen.close();
  }
}

type Tally = { -readonly [K in keyof BackupReport]: BackupReport[K] };

interface Copying {
  readonly room: string;
  readonly seed: number;
  readonly tally: Tally;
}

async function copyRows(
  { directory, rows }: BackupSource,
  { room, seed, tally }: Copying,
  seen: ReturnType<Bytes['snapshot']>,
): Promise<void> {
  await filled(join(room, 'rows'), async (put) => {
    for await (const [key, framed] of rows.iterator({ snapshot: seen })) {
      if (unframeRow(framed, seed, key) === null)
        throw corrupt(`a row has a bad checksum in ${join(directory, 'rows')}`);
      tally.rows++;
      tally.bytes += key.length + framed.length;
      await put(key, framed);
    }
  });
}

async function copyJournal(journal: JournalView, { room, seed, tally }: Copying): Promise<void> {
  const location = join(room, 'journal');
  await mkdir(location);
  const entries = async function* (): AsyncGenerator<Uint8Array> {
    for await (const { entry } of journal.read(journal.first)) {
      tally.entries++;
      tally.bytes += recordBytes(entry.length);
      yield entry;
    }
  };
  await fillJournal({ location, seed, floor: journal.first - 1, entries: entries() });
  tally.entry = journal.last;
}

/** A database of its own, on disk when this resolves. */
async function filled(
  location: string,
  fill: (put: (key: Uint8Array, value: Uint8Array) => Promise<void>) => Promise<void>,
): Promise<void> {
  await mkdir(location);
  const level: Bytes = new ClassicLevel(location, { keyEncoding: 'view', valueEncoding: 'view' });
  await level.open();
  try {
    let batch = level.batch();
    let size = 0;
    await fill(async (key, value) => {
      batch.put(key, value);
      size += key.length + value.length;
      if (size < BATCH_BYTES) return;
      await batch.write();
      batch = level.batch();
      size = 0;
    });
    // A synced write makes those before it durable.
    await batch.del(Uint8Array.of(0xff, 0xff)).write({ sync: true });
  } finally {
    await level.close();
  }
}

async function copyBlobs(from: string, to: string, platform: Platform, tally: Tally): Promise<void> {
  await mkdir(to);
  for (const shelf of await namesIn(from, /^[0-9a-f]{2}$/)) {
    await mkdir(join(to, shelf));
    for (const name of await namesIn(join(from, shelf), /^[0-9a-f]{62}$/)) {
      const bytes = await readFile(join(from, shelf, name));
      requireHash(bytes, shelf + name, platform, from);
      await writeFile(join(to, shelf), name, bytes, 0o666);
      tally.blobs++;
      tally.bytes += bytes.length;
    }
    await syncPath(join(to, shelf));
  }
  await syncPath(to);
}

export function requireHash(bytes: Uint8Array, name: string, platform: Platform, location: string): void {
  const hash = new Uint8Array(Buffer.from(name, 'hex'));
  if (!equal(platform.hashing.sha256(bytes), hash))
    throw corrupt(`a blob does not have the hash of its name in ${location}`);
}

export async function namesIn(directory: string, pattern: RegExp): Promise<string[]> {
  return (await readdir(directory)).filter((name) => pattern.test(name));
}

export async function copyFile(from: string, to: string): Promise<void> {
  const bytes = await readFile(from).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (bytes !== null) await writeFile(dirname(to), basename(to), bytes, 0o600);
}

async function writeFile(directory: string, name: string, bytes: Uint8Array, mode: number): Promise<void> {
  await placeFile(join(directory, name), {
    bytes,
    tag: `file-${name.slice(0, 16)}`,
    mode,
    sync: true,
    kind: 'replace',
  });
}

function backupText({ identity, platform }: BackupSource, tally: BackupReport): string {
  const { spaceId, created, nameKey } = identity;
  const taken = new Date(platform.clock.now_ms()).toISOString();
  const told = { format: BACKUP_FORMAT, version: BACKUP_VERSION, space: hex(spaceId), created, taken };
  const whole = { ...told, nameKey: hex(nameKey), ...tally };
  const check = hex(platform.hashing.sha256(Buffer.from(JSON.stringify(whole))));
  return `${JSON.stringify({ ...whole, check })}\n`;
}
