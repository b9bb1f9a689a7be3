/**
 * The record of the changes beneath one root: one line a change in `.powerbox/effects`, synced before the
 * change begins, so that after a crash at any point it can be told whether the change was made.
 *
 *   <mark> <checksum> <json>\n      mark: P begun, D done, U not made, L can no longer be told, F forgotten, C a count
 *
 * A mark is one byte overwritten in place, so a full disk cannot stop a change from being marked. Marks are
 * not synced one by one: every line synced after them covers them, and where that is not enough the change
 * asks for it (`mark` with `sync`). Changes are made one at a time, so the lines at P are few and last.
 *
 * Where it is counted how much of the root is used, each line says how much that was before its change and what the
 * change adds: the last line and its mark tell how much it is now, and no change writes anything for it.
 *
 * Owns `effects` and `effects.next`. Never touches what contracts see.
 */
import { constants } from 'node:fs';
import { open, rename, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { PowerboxError } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';
import { MachineError } from './machine.ts';
import { NOTHING, plus } from './usage.ts';
import type { Usage } from './usage.ts';
import type { Folder } from './walk.ts';

/** What a change is, as far as telling its outcome needs it. Paths are parts below the root. */
export type Change =
  /** A whole file or a new directory, made aside and moved to its place. */
  | { readonly op: 'place'; readonly path: readonly string[]; readonly inode: string }
  /** Bytes written into a file from `offset` on; the bytes that stood there are in `<id>.undo`. */
  | {
      readonly op: 'write';
      readonly path: readonly string[];
      readonly inode: string;
      readonly size: number;
      readonly offset: number;
      readonly undo: number;
    }
  | {
      readonly op: 'truncate';
      readonly path: readonly string[];
      readonly inode: string;
      readonly size: number;
      readonly next: number;
    }
  | { readonly op: 'remove'; readonly path: readonly string[]; readonly inode: string }
  | {
      readonly op: 'rename';
      readonly path: readonly string[];
      readonly target: readonly string[];
      readonly inode: string;
    };

export type Mark = 'P' | 'D' | 'U' | 'L' | 'F' | 'C';

export interface Line {
  readonly id: string;
  readonly change: Change;
  /** What the change adds to what is used; null where that is not counted. */
  readonly adds: Usage | null;
  mark: Mark;
  offset: number;
}

const NAME = 'effects';
const NEXT = 'effects.next';
/** Dead lines are cleared away in batches of at least so many. */
const CLEAR_AT = 256;
const { O_RDWR, O_CREAT, O_NOFOLLOW, O_TRUNC } = constants;

export class EffectRecord {
  readonly #sidecar: Folder;
  #handle: FileHandle;
  /** The lines that are not forgotten, in order. */
  readonly #lines = new Map<string, Line>();
  /** Those of them at P, in order: none or few. */
  readonly #begun = new Set<Line>();
  #end = 0;
  #dead = 0;
  #used: Usage | null = null;
  /** What is in the file is not known. */
  #broken = false;
  /** What is in the file is known, and whether it is on the disk is not. */
  #syncFailed = false;

  private constructor(sidecar: Folder, handle: FileHandle) {
    this.#sidecar = sidecar;
    this.#handle = handle;
  }

  static async open(sidecar: Folder): Promise<EffectRecord> {
    const handle = await open(sidecar.at(NAME), O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
    const record = new EffectRecord(sidecar, handle);
    try {
      const bytes = await handle.readFile();
      record.#read(bytes);
      if (record.#end < bytes.length) await handle.truncate(record.#end);
      await sidecar.handle.sync();
      return record;
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** A torn line can only be the last one, whose change did not begin: it is cut off. */
  #read(bytes: Buffer): void {
    let start = 0;
    let last: ParsedLine | null = null;
    while (start < bytes.length) {
      const end = bytes.indexOf(10, start);
      if (end < 0) break;
      const line = parseLine(bytes.toString('utf8', start, end), start);
      if (line === null) {
        if (bytes.indexOf(10, end + 1) < 0) break;
        throw new PowerboxError('storage_corrupt', `the record of file changes is damaged at byte ${start}`, {
          hint: 'Some outcome can no longer be told. Look at the files, then move .powerbox/effects away.',
        });
      }
      if (line.mark === 'F' || line.mark === 'U' || line.mark === 'C') this.#dead++;
      else this.#add(line);
      last = line;
      start = end + 1;
    }
    this.#end = start;
    // Of several that are begun the later ones counted on outcomes that are not known.
    this.#used = this.#begun.size > 1 ? null : usedAfter(last);
  }

  /** What is used beneath the root now; null where it is not counted, or can no longer be told. */
  get used(): Usage | null {
    return this.#used;
  }

  /** A count begins, durably. Nothing is under way meanwhile. */
  async count(used: Usage): Promise<void> {
    this.#requireSound();
    await this.#append(Buffer.from(writeLine('C', '', null, used, null)));
    this.#dead++;
    this.#used = used;
  }

  get(id: string): Line | undefined {
    return this.#lines.get(id);
  }

  /** Changes begun, with no outcome yet; the newest first, as they are to be settled. */
  pending(): Line[] {
    return this.#begun.size === 0 ? [] : [...this.#begun].reverse();
  }

  /** Durable when it resolves. The change may begin only then. */
  async begin(id: string, change: Change, adds: Usage): Promise<Line> {
    this.#requireSound();
    if (this.#lines.size >= limits.file_effects_max) await this.#forgetOldest();
    const counted = this.#used === null ? null : adds;
    const offset = await this.#append(Buffer.from(writeLine('P', id, change, this.#used, counted)));
    const line: Line = { id, change, adds: counted, mark: 'P', offset };
    this.#add(line);
    return line;
  }

  /** One line at the end, durable when it resolves; answers where it stands. */
  async #append(bytes: Uint8Array): Promise<number> {
    const offset = this.#end;
    try {
      await writeAll(this.#handle, bytes, this.#end);
    } catch (error) {
      await this.#cut();
      throw error;
    }
    try {
      await this.#handle.sync();
    } catch (error) {
      await this.#cut();
      this.#syncFailed = true;
      throw error;
    }
    this.#end = offset + bytes.length;
    return offset;
  }

  #add(line: Line): void {
    this.#lines.set(line.id, line);
    if (line.mark === 'P') this.#begun.add(line);
  }

  /** Sets the mark; with `sync` it is durable when this resolves. */
  async mark(line: Line, mark: Mark, sync: boolean): Promise<void> {
    try {
      await this.#handle.write(Buffer.from(mark), 0, 1, line.offset);
    } catch (error) {
      this.#broken = true;
      throw error;
    }
    if (line.mark === 'P') this.#settleUsed(line, mark);
    line.mark = mark;
    this.#begun.delete(line);
    if (mark === 'U' || mark === 'F') {
      this.#lines.delete(line.id);
      this.#dead++;
    }
    if (sync) await this.#sync();
  }

  #settleUsed({ adds }: Line, mark: Mark): void {
    if (mark === 'L') this.#used = null;
    else if (mark === 'D') this.#used = this.#used === null || adds === null ? null : plus(this.#used, adds);
  }

  /** Forgets outcomes. Not synced: a line that comes back is forgotten again or does no harm. */
  async forget(ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      const line = this.#lines.get(id);
      // What cannot be told is not made to look like what was done.
      if (line !== undefined && line.mark === 'D') await this.mark(line, 'F', false);
    }
    if (this.#dead >= CLEAR_AT && this.#dead > this.#lines.size) await this.clear();
  }

  /**
   * A crash between an effect's end and its forgetting leaves a line that nobody forgets. Those with so many
   * changes after them cannot be under way any more: one that was is asked about before new ones are made.
   */
  async #forgetOldest(): Promise<void> {
    const oldest = [...this.#lines.values()].slice(0, this.#lines.size >> 1);
    for (const line of oldest) if (line.mark !== 'P') this.#lines.delete(line.id);
    await this.clear();
  }

  /** Writes the lines that count anew and puts them in the place of the old file in one step. */
  async clear(): Promise<void> {
    this.#requireSound();
    const offsets: number[] = [];
    const parts: Buffer[] = [];
    let end = 0;
    for (const line of this.#lines.values()) {
      const bytes = Buffer.from(writeLine(line.mark, line.id, line.change, null, line.adds));
      offsets.push(end);
      parts.push(bytes);
      end += bytes.length;
    }
    // Last, for the last line is the one that tells.
    if (this.#used !== null) {
      const bytes = Buffer.from(writeLine('C', '', null, this.#used, null));
      parts.push(bytes);
      end += bytes.length;
    }
    const next = await open(this.#sidecar.at(NEXT), O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o600);
    try {
      await writeAll(next, Buffer.concat(parts), 0);
      await next.sync();
      await rename(this.#sidecar.at(NEXT), this.#sidecar.at(NAME));
    } catch (error) {
      // The old file still stands and still counts.
      await next.close();
      await unlink(this.#sidecar.at(NEXT)).catch(() => undefined);
      throw error;
    }
    await this.#handle.close();
    this.#handle = next;
    this.#end = end;
    this.#dead = this.#used === null ? 0 : 1;
    let index = 0;
    for (const line of this.#lines.values()) line.offset = offsets[index++] ?? 0;
    try {
      await this.#sidecar.handle.sync();
    } catch (error) {
      this.#syncFailed = true;
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  async #cut(): Promise<void> {
    try {
      await this.#handle.truncate(this.#end);
    } catch {
      this.#broken = true;
    }
  }

  async #sync(): Promise<void> {
    try {
      await this.#handle.sync();
    } catch (error) {
      this.#syncFailed = true;
      throw error;
    }
  }

  /** Whether what this record believes is what stands in the file. */
  get sound(): boolean {
    return !this.#broken;
  }

  /** After a failed write or sync nothing more is begun until the record is opened again. */
  #requireSound(): void {
    if (!this.#broken && !this.#syncFailed) return;
    throw new MachineError(
      'the record of file changes could not be written; nothing beneath this root is changed until it is opened again',
      'EIO',
    );
  }
}

/** A handle's `write` may write less than it was given. */
export async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    const { bytesWritten } = await handle.write(bytes, written, bytes.length - written, position + written);
    if (bytesWritten === 0) throw new MachineError('the file system took no more bytes', 'ENOSPC');
    written += bytesWritten;
  }
}

/** As many bytes as there are, at most `length`. */
export async function readUpTo(handle: FileHandle, position: number, length: number): Promise<Uint8Array> {
  // Not filled with zeros first: what is answered was read.
  const bytes = new Uint8Array(Buffer.allocUnsafeSlow(length).buffer);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await handle.read(bytes, filled, length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return filled === length ? bytes : bytes.slice(0, filled);
}

function checksum(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

/** Both numbers of a usage, for a line. */
type Pair = readonly [bytes: number, entries: number];

function pair({ bytes, entries }: Usage): Pair {
  return [bytes, entries];
}

function unpair(numbers: Pair | undefined): Usage | null {
  return numbers === undefined ? null : { bytes: numbers[0], entries: numbers[1] };
}

function writeLine(mark: Mark, id: string, change: Change | null, used: Usage | null, adds: Usage | null): string {
  const counted = {
    ...(used === null ? {} : { used: pair(used) }),
    ...(adds === null ? {} : { adds: pair(adds) }),
  };
  const json = JSON.stringify({ id, ...change, ...counted });
  return `${mark} ${checksum(json)} ${json}\n`;
}

interface ParsedLine extends Line {
  readonly used: Usage | null;
}

function parseLine(text: string, offset: number): ParsedLine | null {
  const mark = text[0];
  const json = text.slice(19);
  if (mark === undefined || !'PDULFC'.includes(mark)) return null;
  if (text.slice(2, 18) !== checksum(json)) return null;
  const { id, used, adds, ...change } = JSON.parse(json) as { id: string; used?: Pair; adds?: Pair } & Change;
  return { id, change: change as Change, used: unpair(used), adds: unpair(adds), mark: mark as Mark, offset };
}

/** What is used after the change of the last line; begun, it is not yet made. */
function usedAfter(last: ParsedLine | null): Usage | null {
  if (last === null || last.used === null || last.mark === 'L') return null;
  const isMade = last.mark === 'D' || last.mark === 'F';
  return isMade ? plus(last.used, last.adds ?? NOTHING) : last.used;
}
