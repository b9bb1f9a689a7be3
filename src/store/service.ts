/**
 * Whether a node is in service, kept so that it can be written when the disk is full: in `service`, a file of fixed
 * size whose two halves are overwritten in turn, each with its number and a checksum, so that a torn write leaves
 * the other half. Beside it lies `ballast`, bytes that mean nothing: dropping them gives a full disk the room to
 * record what is still under way, and to open the databases again.
 *
 * Owns these two files. Must never say that a node is in service because a file could not be read.
 */
import { createHash } from 'node:crypto';
import { type FileHandle, open, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { limits } from '../limits.ts';
import type { Platform } from '../platform/index.ts';
import { hex } from './bytes.ts';
import { placeFile, syncPath, TEMPORARY_PREFIX } from './durable-file.ts';

export interface ServiceState {
  readonly service: 'in' | 'out';
  /** Milliseconds since 1970 at which it went out; null in service. */
  readonly since_ms: number | null;
  /** What the machine said, and of which granted directory; empty in service. */
  readonly reason: string;
  readonly root: string;
}

export const IN_SERVICE: ServiceState = { service: 'in', since_ms: null, reason: '', root: '' };

const SERVICE_FILE = 'service';
const BALLAST_FILE = 'ballast';
/** The longest path, each of its characters written as an escape, and the rest. */
const HALF_BYTES = 32 * 1024;
const CHUNK_BYTES = 1024 * 1024;

interface Half {
  readonly number: number;
  readonly state: ServiceState;
}

/** What the file says; null where it is not there, or a half of it is damaged: then the journal tells. */
export async function readService(directory: string): Promise<ServiceState | null> {
  const { newest, isSound } = await readHalves(directory);
  return isSound ? (newest?.state ?? null) : null;
}

/** Overwrites the older half, durably. Needs no room on the disk, unless the file is not there. */
export async function writeService(directory: string, state: ServiceState): Promise<void> {
  const { newest, isSound } = await readHalves(directory);
  const number = (newest?.number ?? 0) + 1;
  const path = join(directory, SERVICE_FILE);
  let file: FileHandle;
  try {
    file = await open(path, 'r+');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    file = await open(path, 'w+');
    await file.write(Buffer.alloc(2 * HALF_BYTES, ' '), 0);
  }
  try {
    // Of a damaged file nothing is kept: that which comes last stands in the place that the next one leaves.
    for (const each of isSound ? [number] : [number + 1, number + 2]) {
      const half = writeHalf({ number: each, state });
      const { bytesWritten } = await file.write(half, 0, half.length, (each % 2) * HALF_BYTES);
      if (bytesWritten !== half.length) throw new Error(`only ${bytesWritten} bytes of ${path} were written`);
      await file.sync();
    }
  } finally {
    await file.close();
  }
  await syncPath(directory);
}

async function readHalves(directory: string): Promise<{ readonly newest: Half | null; readonly isSound: boolean }> {
  let bytes: Buffer;
  try {
    bytes = await readFile(join(directory, SERVICE_FILE));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { newest: null, isSound: true };
    throw error;
  }
  const halves = [0, 1].map((index) => bytes.subarray(index * HALF_BYTES, (index + 1) * HALF_BYTES));
  const read = halves.map(readHalf);
  const newest = read.reduce((best, half) => (half !== null && half.number > (best?.number ?? 0) ? half : best), null);
  const isSound =
    bytes.length === 2 * HALF_BYTES && halves.every((half, index) => read[index] !== null || half.every(isBlank));
  return { newest, isSound };
}

function isBlank(byte: number): boolean {
  return byte === 0x20;
}

function writeHalf({ number, state }: Half): Buffer {
  const text = JSON.stringify({ number, ...state });
  const half = Buffer.alloc(HALF_BYTES, ' ');
  half.write(`${checksum(text)} ${text}\n`);
  return half;
}

function readHalf(bytes: Buffer): Half | null {
  const end = bytes.indexOf(10);
  if (end < 0) return null;
  const text = bytes.toString('utf8', 17, end);
  if (bytes.toString('latin1', 0, 16) !== checksum(text)) return null;
  const { number, ...state } = JSON.parse(text) as { number: number } & ServiceState;
  return { number, state };
}

function checksum(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

/** What is reserved for a bad day, made with the directory. Fails where there is no room for it. */
export async function makeReserve(directory: string, platform: Platform, sync: boolean): Promise<void> {
  const tag = hex(platform.randomness.bytes(8));
  const halves = Buffer.concat([writeHalf({ number: 2, state: IN_SERVICE }), Buffer.alloc(HALF_BYTES, ' ')]);
  await placeFile(join(directory, SERVICE_FILE), { bytes: halves, tag, mode: 0o666, sync, kind: 'create' });
  await makeBallast(directory, platform);
}

/**
 * Makes the ballast where it is not there whole. It need not be synced: file systems take the room when a file is
 * written, and what a crash takes back is made again at the next opening.
 */
export async function makeBallast(directory: string, platform: Platform): Promise<void> {
  const path = join(directory, BALLAST_FILE);
  const size = await stat(path).then(
    (found) => found.size,
    () => 0,
  );
  if (size === limits.ballast_bytes) return;
  const file = await open(path, 'w', 0o600);
  try {
    // Nothing that could be left out or made smaller.
    const chunk = platform.randomness.bytes(CHUNK_BYTES);
    for (let written = 0; written < limits.ballast_bytes; )
      written += (await file.write(chunk, 0, Math.min(chunk.length, limits.ballast_bytes - written), written))
        .bytesWritten;
  } catch (error) {
    await file.close();
    await dropBallast(directory).catch(() => undefined);
    throw error;
  }
  await file.close();
}

export async function dropBallast(directory: string): Promise<void> {
  await rm(join(directory, BALLAST_FILE), { force: true });
}

/** Sees that a directory takes what is written to it, and keeps it: a file that is synced and read again. */
export async function probe(directory: string, platform: Platform, size_bytes = PROBE_BYTES): Promise<void> {
  const path = join(directory, `${TEMPORARY_PREFIX}${hex(platform.randomness.bytes(8))}`);
  const bytes = platform.randomness.bytes(size_bytes);
  try {
    const file = await open(path, 'wx', 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await syncPath(directory);
    if (!(await readFile(path)).equals(bytes)) throw new Error('what was written is not what is read');
  } finally {
    await rm(path, { force: true });
  }
  await syncPath(directory);
}

const PROBE_BYTES = 256 * 1024;
