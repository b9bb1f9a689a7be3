/** The files of a journal as spec/storage.md says, written down once more from that page alone. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';

export const SECTOR_BYTES = 512;
const START_BYTES = 64;
/** Of a record, what stands before its entry. */
export const RECORD_BYTES = 24;

export type Record = { readonly at: number; readonly end: number; readonly number: number };

export async function segmentsOf(directory: string): Promise<string[]> {
  const names = await readdir(join(directory, 'journal'));
  return names
    .filter((name) => name.startsWith('segment-'))
    .sort()
    .map((name) => join(directory, 'journal', name));
}

/** The segment with the last entries; what was made ahead has none. */
export async function lastSegment(directory: string): Promise<string> {
  for (const path of (await segmentsOf(directory)).reverse())
    if (recordsOf(await readFile(path)).length > 0) return path;
  throw new Error('no segment has an entry');
}

/** Where the records of a segment stand: from its start on, as long as their numbers follow each other. */
export function recordsOf(bytes: Buffer): Record[] {
  const records: Record[] = [];
  let number = Number(bytes.readBigUInt64BE(32));
  for (let at = START_BYTES; at + RECORD_BYTES <= bytes.length; ) {
    if (number === 0 || Number(bytes.readBigUInt64BE(at + 8)) !== number) break;
    const end = at + RECORD_BYTES + Math.ceil(bytes.readUInt32LE(at + 16) / 8) * 8;
    records.push({ at, end, number });
    number++;
    at = end;
  }
  return records;
}

/** Gives the record at `at` the checksums that its bytes have in this space and this segment. */
export async function sign(directory: string, bytes: Buffer, at: number): Promise<void> {
  const { space } = JSON.parse(await readFile(join(directory, 'powerbox.json'), 'utf8')) as { space: string };
  const seed = crc32(bytes.subarray(24, 32), crc32(Buffer.from(space, 'hex')));
  const end = at + RECORD_BYTES + Math.ceil(bytes.readUInt32LE(at + 16) / 8) * 8;
  bytes.writeUInt32LE(crc32(bytes.subarray(at + 8, at + RECORD_BYTES), seed), at + 4);
  bytes.writeUInt32LE(crc32(bytes.subarray(at + 4, end), seed), at);
}
