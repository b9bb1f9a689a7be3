/**
 * The files of a journal: how a segment is named, made ahead of need, read and written. It owns the names
 * `segment-<8 hex digits>` and `head` in a journal's directory; it must never change a segment that holds entries.
 */
import { close, constants, fdatasync, open, write } from 'node:fs';
import { type FileHandle, open as openHandle, readdir, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { limits } from '../limits.ts';
import { syncPath } from './durable-file.ts';
import { HEAD_SLOT_BYTES, type HeadState, writeHead } from './segment-format.ts';

export const HEAD_FILE = 'head';
const SEGMENT_NAME = /^segment-([0-9a-f]{8})$/;
const ZEROS_BYTES = 1024 * 1024;
/** So many times its size must be free for a segment to be written ahead: what is kept for later is never what is missed now. */
const FREE_FACTOR = 16;
/** Where the system has it, a write through such a descriptor is durable when it is done. */
const SYNCED = constants.O_DSYNC ?? 0;

export function segmentPath(location: string, segment: number): string {
  return join(location, `segment-${segment.toString(16).padStart(8, '0')}`);
}

/** The numbers of the segments that are there, in order; null where there is no such directory. */
export async function listSegments(location: string): Promise<number[] | null> {
  let names: string[];
  try {
    names = await readdir(location);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw error;
  }
  return names
    .flatMap((name) => {
      const digits = SEGMENT_NAME.exec(name)?.[1];
      return digits === undefined ? [] : [Number.parseInt(digits, 16)];
    })
    .sort((one, other) => one - other);
}

/** The bytes of a file from `at` on, as many as there are of `length`. */
export async function readPart(path: string, at: number, length: number): Promise<Uint8Array> {
  return using(await openHandle(path, 'r'), async (file) => {
    const bytes = new Uint8Array(length);
    const { bytesRead } = await file.read(bytes, 0, length, at);
    return bytes.subarray(0, bytesRead);
  });
}

/** Null when there is no such file. */
export async function readWhole(path: string): Promise<Uint8Array | null> {
  let opened: FileHandle;
  try {
    opened = await openHandle(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  return using(opened, async (file) => {
    // One call to the system; Node's own reads half a megabyte at a time.
    const bytes = new Uint8Array((await file.stat()).size);
    let done = 0;
    for (let got = -1; got !== 0 && done < bytes.length; done += got)
      got = (await file.read(bytes, done, bytes.length - done, done)).bytesRead;
    return bytes.subarray(0, done);
  });
}

export async function syncData(path: string): Promise<void> {
  await using(await openHandle(path, 'r+'), (file) => file.datasync());
}

/**
 * A file of zeros of that size, durable: what is written into it later needs neither room nor a change of the file's
 * own record. False: there is not plenty of room, and the file is empty; it grows with what is written.
 */
export async function makeSegment(path: string, size_bytes: number): Promise<boolean> {
  return using(await openHandle(path, 'w', 0o666), async (file) => {
    if (size_bytes === 0 || !(await hasRoom(path, size_bytes))) return false;
    const zeros = new Uint8Array(Math.min(size_bytes, ZEROS_BYTES));
    try {
      for (let at = 0; at < size_bytes; )
        at += (await file.write(zeros, 0, Math.min(zeros.length, size_bytes - at), at)).bytesWritten;
      await file.datasync();
      return true;
    } catch (error) {
      if (!NO_ROOM.has(`${(error as NodeJS.ErrnoException).code}`)) throw error;
      await file.truncate(0);
      return false;
    }
  });
}

const NO_ROOM = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

async function hasRoom(path: string, size_bytes: number): Promise<boolean> {
  const { bavail, bsize } = await statfs(path);
  return bavail * bsize >= FREE_FACTOR * size_bytes + limits.journal_room_bytes;
}

async function using<T>(file: FileHandle, work: (file: FileHandle) => Promise<T>): Promise<T> {
  try {
    return await work(file);
  } finally {
    await file.close();
  }
}

// ---------------------------------------------------------------- appends

const openDescriptor = promisify(open);
export const closeDescriptor = promisify(close);
export const syncDescriptor = promisify(fdatasync);

export function openSegment(path: string, isSynced: boolean): Promise<number> {
  return openDescriptor(path, isSynced ? constants.O_WRONLY | SYNCED : constants.O_WRONLY);
}

export type Written = (error: Error | null) => void;

/** Writes all of `length` bytes at `at`; with `isSynced` they are durable when it is done. */
export function writeThrough(
  descriptor: number,
  bytes: Uint8Array,
  { length, at, isSynced }: { readonly length: number; readonly at: number; readonly isSynced: boolean },
  done: Written,
): void {
  // One call to the system, unless the disk takes only a part of it.
  const rest = (offset: number): void =>
    write(descriptor, bytes, offset, length - offset, at + offset, (error, written) => {
      if (error !== null) done(error);
      else if (written === 0) done(new Error('the file takes no more bytes'));
      else if (offset + written < length) rest(offset + written);
      else if (isSynced && SYNCED === 0) fdatasync(descriptor, done);
      else done(null);
    });
  rest(0);
}

// ---------------------------------------------------------------- the head

/** Two states that are overwritten in turn, so that a torn write leaves the other. One write at a time. */
export class HeadFile {
  readonly #path: string;
  readonly #seed: number;
  #version: number;
  #state: HeadState;
  #file: FileHandle | null = null;

  constructor(location: string, seed: number, found: HeadState & { readonly version: number }) {
    this.#path = join(location, HEAD_FILE);
    this.#seed = seed;
    this.#version = found.version;
    this.#state = found;
  }

  get state(): HeadState {
    return this.#state;
  }

  async write(change: Partial<HeadState>, isSynced: boolean): Promise<void> {
    this.#file ??= await openHandle(this.#path, 'r+');
    const { floor, newest, closedAt } = { ...this.#state, ...change };
    this.#state = { floor, newest, closedAt };
    const bytes = writeHead(this.#seed, ++this.#version, this.#state);
    const at = (this.#version % 2) * HEAD_SLOT_BYTES;
    for (let done = 0; done < bytes.length; )
      done += (await this.#file.write(bytes, done, bytes.length - done, at + done)).bytesWritten;
    if (isSynced) await this.#file.datasync();
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = null;
  }
}

/** Of a journal that is empty up to and including entry `floor`, in a directory that is there. */
export async function makeHead(location: string, seed: number, floor: number, isSynced: boolean): Promise<void> {
  const bytes = new Uint8Array(2 * HEAD_SLOT_BYTES);
  bytes.set(writeHead(seed, 1, { floor, newest: 0, closedAt: floor }), HEAD_SLOT_BYTES);
  const file = await openHandle(join(location, HEAD_FILE), 'w', 0o666);
  await using(file, async () => {
    await file.writeFile(bytes);
    if (isSynced) await file.sync();
  });
  if (isSynced) await syncPath(location);
}
