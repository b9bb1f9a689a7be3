/**
 * A data directory: whether it is ours, its format and version, its keys, and who has it open.
 *
 *   powerbox.json   what this directory is: format, version, id of the space, when it was made; and `ready` once
 *                   journal and rows are there, so that one that is lost later is not taken for a new one
 *   keys            nameKey and sealKey, for the owner's eyes only
 *   service         whether the node is in service; ballast: room for a disk that is full (see service.ts)
 *   lock            process id and start time of who has it open; only information, the true lock is that of `rows/`
 *   journal/        segments, and a head that says which there are
 *   rows/           a `level` database
 *   blobs/          large values by hash
 *
 * History of the format: 1, the first; 2, the journal in segments: it was a database before, and is taken over.
 *
 * It must never write into a directory that is not ours, and never make new keys where data are.
 */
import { readFile, readdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { PowerboxError } from '../errors.ts';
import type { Platform } from '../platform/index.ts';
import { hex } from './bytes.ts';
import { TEMPORARY_PREFIX, makeDirectory, placeFile, syncPath } from './durable-file.ts';
import { corrupt, storageError } from './health.ts';

export const FORMAT_NAME = 'powerbox space';
export const FORMAT_VERSION = 2;
export const KEY_BYTES = 32;
export const SPACE_ID_BYTES = 16;

const FORMAT_FILE = 'powerbox.json';
const KEYS_FILE = 'keys';
const LOCK_FILE = 'lock';
/** A new file system is not empty, and yet nobody's; a node keeps its own things beside its first space. */
const NOBODYS = new Set(['lost+found', 'node', 'spaces']);

export type Identity = {
  readonly version: number;
  /** Journal and rows were made at some time; so they must be there. */
  readonly ready: boolean;
  readonly created: string;
  readonly spaceId: Uint8Array;
  readonly nameKey: Uint8Array;
  readonly sealKey: Uint8Array;
};

/** `sync`: what is made here is durable before anything builds on it. */
export type Place = { readonly directory: string; readonly platform: Platform; readonly sync: boolean };

/** Reads who this directory is, and makes it ours when it is empty or not there. */
export async function identify(place: Place): Promise<Identity> {
  const { directory, platform } = place;
  const found = await listing(place);
  if (!found.includes(FORMAT_FILE)) {
    const others = found.filter((name) => !name.startsWith(TEMPORARY_PREFIX) && !NOBODYS.has(name));
    if (others.length > 0) throw foreign(directory, `it holds ${others.slice(0, 3).join(', ')}`);
    const spaceId = platform.randomness.bytes(SPACE_ID_BYTES);
    const created = new Date(platform.clock.now_ms()).toISOString();
    await writeText(place, FORMAT_FILE, { text: formatText({ spaceId, created, ready: false }), kind: 'create' });
  }
  const format = await readFormat(directory);
  if (!format.ready && !found.includes(KEYS_FILE)) {
    await writeText(place, KEYS_FILE, { text: keysText(place, format.spaceId), mode: 0o600, kind: 'create' });
  }
  return { ...format, ...(await readKeys(place, format.spaceId)) };
}

/** An opening that does not sync may have made this directory; one that syncs builds on it. */
export async function settleIdentity({ directory }: Place): Promise<void> {
  for (const name of [FORMAT_FILE, KEYS_FILE]) await syncPath(join(directory, name));
  await syncPath(directory);
}

/** Journal and rows are there and durable, in the form of this version. Called by who holds the true lock. */
export async function markReady(place: Place, identity: Identity): Promise<void> {
  await writeText(place, FORMAT_FILE, { text: formatText({ ...identity, ready: true }), kind: 'replace' });
}

/** Of a space that comes back from a backup, with journal and rows: the same names, and a new `sealKey`. */
export async function writeIdentity(
  place: Place,
  { version, spaceId, created, nameKey }: Pick<Identity, 'version' | 'spaceId' | 'created' | 'nameKey'>,
): Promise<void> {
  await writeText(place, KEYS_FILE, { text: keysText(place, spaceId, nameKey), mode: 0o600, kind: 'replace' });
  await writeText(place, FORMAT_FILE, {
    text: formatText({ spaceId, created, ready: true }, version),
    kind: 'replace',
  });
}

/** Makes a directory and those above it where they are not there, or says with `storage_failed` why not. */
export async function makePlace(directory: string, sync: boolean, mode?: number): Promise<void> {
  try {
    await makeDirectory(resolve(directory), sync, mode);
  } catch (error) {
    throw storageError(`${directory} cannot be made`, error);
  }
}

async function listing({ directory, sync }: Place): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOTDIR') throw foreign(directory, 'it is a file');
    if (code !== 'ENOENT') throw storageError(`${directory} cannot be read`, error);
  }
  await makePlace(directory, sync);
  return [];
}

function foreign(directory: string, why: string): PowerboxError {
  return new PowerboxError('storage_foreign', `${directory} is not a data directory of powerbox: ${why}`, {
    hint: 'Give a new or an empty directory, or one that powerbox made.',
  });
}

type Content = { readonly text: string; readonly mode?: number; readonly kind: 'create' | 'replace' };

async function writeText(place: Place, name: string, { text, mode = 0o666, kind }: Content): Promise<void> {
  const tag = hex(place.platform.randomness.bytes(8));
  try {
    await placeFile(join(place.directory, name), { bytes: Buffer.from(text), tag, mode, sync: place.sync, kind });
  } catch (error) {
    throw storageError(`${place.directory} cannot be written`, error);
  }
}

type Format = Pick<Identity, 'version' | 'spaceId' | 'created' | 'ready'>;

function formatText({ spaceId, created, ready }: Omit<Format, 'version'>, version = FORMAT_VERSION): string {
  const format = { format: FORMAT_NAME, version, space: hex(spaceId), created, ready };
  return `${JSON.stringify(format)}\n`;
}

async function readFormat(directory: string): Promise<Format> {
  const path = join(directory, FORMAT_FILE);
  const text = await readText(path);
  const format = parseObject(text);
  if (format === null) throw corrupt(`${path} is damaged`);
  if (format['format'] !== FORMAT_NAME) throw foreign(directory, `${FORMAT_FILE} names another format`);
  const version = format['version'];
  if (typeof version !== 'number' || !Number.isInteger(version) || version < 1) throw corrupt(`${path} has no version`);
  if (version > FORMAT_VERSION) {
    throw new PowerboxError(
      'storage_version',
      `${directory} has format ${version}; this version reads 1 to ${FORMAT_VERSION}`,
      { hint: 'Install the version that wrote it, or a newer one.' },
    );
  }
  const spaceId = bytesOf(format['space'], SPACE_ID_BYTES);
  const { created, ready } = format;
  if (spaceId === null || typeof created !== 'string' || typeof ready !== 'boolean')
    throw corrupt(`${path} is damaged`);
  return { version, spaceId, created, ready };
}

/** Keys that lost a bit would quietly make other names; so they carry a hash over themselves and the space's id. */
function keysText(
  { platform }: Place,
  spaceId: Uint8Array,
  nameKey: Uint8Array = platform.randomness.bytes(KEY_BYTES),
): string {
  const sealKey = platform.randomness.bytes(KEY_BYTES);
  const check = hex(keysCheck(platform, spaceId, nameKey, sealKey));
  return `${JSON.stringify({ nameKey: hex(nameKey), sealKey: hex(sealKey), check })}\n`;
}

function keysCheck(platform: Platform, spaceId: Uint8Array, nameKey: Uint8Array, sealKey: Uint8Array): Uint8Array {
  return platform.hashing.sha256(Buffer.concat([spaceId, nameKey, sealKey]));
}

async function readKeys(
  { directory, platform }: Place,
  spaceId: Uint8Array,
): Promise<Pick<Identity, 'nameKey' | 'sealKey'>> {
  const path = join(directory, KEYS_FILE);
  const keys = parseObject(await readText(path));
  const nameKey = bytesOf(keys?.['nameKey'], KEY_BYTES);
  const sealKey = bytesOf(keys?.['sealKey'], KEY_BYTES);
  if (nameKey === null || sealKey === null) throw corrupt(`${path} is damaged`);
  if (keys?.['check'] !== hex(keysCheck(platform, spaceId, nameKey, sealKey))) {
    throw corrupt(`${path} and ${FORMAT_FILE} do not belong together`);
  }
  return { nameKey, sealKey };
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw corrupt(`${path} is missing`, error);
    throw storageError(`${path} cannot be read`, error);
  }
}

export function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

export function bytesOf(text: unknown, length: number): Uint8Array | null {
  if (typeof text !== 'string' || text.length !== 2 * length || !/^[0-9a-f]*$/.test(text)) return null;
  return new Uint8Array(Buffer.from(text, 'hex'));
}

/** Says in the lock file that this process has the directory open. Called by who holds the true lock. */
export async function writeLock(place: Place): Promise<void> {
  const { directory, platform } = place;
  const started = new Date(platform.clock.now_ms() - process.uptime() * 1000).toISOString();
  const bytes = Buffer.from(`${JSON.stringify({ pid: process.pid, started })}\n`);
  const tag = hex(platform.randomness.bytes(8));
  await placeFile(join(directory, LOCK_FILE), { bytes, tag, mode: 0o666, sync: false, kind: 'replace' });
}

export async function removeLock(directory: string): Promise<void> {
  await rm(join(directory, LOCK_FILE), { force: true });
}

/** What crashes have left; called by who holds the true lock. */
export async function removeTemporaries(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (name.startsWith(TEMPORARY_PREFIX)) await rm(join(directory, name), { recursive: true, force: true });
  }
}

/** The holder takes the true lock first and writes who it is a moment later; so a dead one's file is read again. */
const HOLDER_TRIES_MAX = 20;
const HOLDER_TRY_MS = 25;

/** The living process that the lock file names; null when there is none. Only information. */
export async function holderOf(directory: string): Promise<string | null> {
  const text = await readFile(join(directory, LOCK_FILE), 'utf8').catch(() => '');
  const lock = parseObject(text);
  const pid = lock?.['pid'];
  return typeof pid === 'number' && isAlive(pid) ? `process ${pid}, started ${String(lock?.['started'])}` : null;
}

export async function lockedBy({ directory, platform }: Place): Promise<PowerboxError> {
  let holder: string | null = null;
  for (let tries = 0; holder === null && tries < HOLDER_TRIES_MAX; tries++) {
    if (tries > 0) await new Promise<void>((resolve) => platform.timers.after(HOLDER_TRY_MS, resolve));
    holder = await holderOf(directory);
  }
  const message = `${directory} is open in ${holder ?? 'a process that has not said which it is'}`;
  return new PowerboxError('storage_locked', message, { hint: 'Stop the other process, or wait for it.' });
}

export function ownPid(): number {
  return process.pid;
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
