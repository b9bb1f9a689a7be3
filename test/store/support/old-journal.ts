/** What version 1 of a data directory had for a journal: a `level` database, written here as its page said. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { ClassicLevel } from 'classic-level';
import { open } from './place.ts';

/** Turns the journal of a closed directory of this version, or of a backup of one, into one of version 1. */
export async function madeOld(
  directory: string,
  space: string,
  entries: ReadonlyMap<number, Uint8Array>,
): Promise<void> {
  const location = join(directory, 'journal');
  await rm(location, { recursive: true });
  await addOld(directory, space, entries);
}

/** What an older program appends. */
export async function addOld(
  directory: string,
  space: string,
  entries: ReadonlyMap<number, Uint8Array>,
): Promise<void> {
  const level = new ClassicLevel<Uint8Array, Uint8Array>(join(directory, 'journal'), {
    keyEncoding: 'view',
    valueEncoding: 'view',
    compression: false,
  });
  await level.open();
  for (const [number, entry] of entries) await level.put(keyOf(number), framed(space, number, entry));
  await level.close();
}

/** Says in it that entries up to this one are forgotten, as an older program did before it removed them. */
export async function forgetOld(directory: string, space: string, floor: number): Promise<void> {
  await addOld(directory, space, new Map([[0, keyOf(floor)]]));
}

function keyOf(number: number): Buffer {
  const key = Buffer.alloc(8);
  key.writeBigUInt64BE(BigInt(number));
  return key;
}

function framed(space: string, number: number, entry: Uint8Array): Buffer {
  const rest = Buffer.concat([keyOf(number), entry]);
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32LE(crc32(rest, crc32(Buffer.from(space, 'hex'))));
  return Buffer.concat([checksum, rest]);
}

/** A closed directory of version 1 with these entries, of which those up to `floor` are forgotten. */
export async function oldDirectory(
  directory: string,
  entries: ReadonlyMap<number, Uint8Array>,
  floor: number,
): Promise<string> {
  await (await open(directory)).close();
  const path = join(directory, 'powerbox.json');
  const format = JSON.parse(await readFile(path, 'utf8')) as { space: string };
  await madeOld(directory, format.space, entries);
  if (floor > 0) await forgetOld(directory, format.space, floor);
  await writeFile(path, JSON.stringify({ ...format, version: 1 }));
  return format.space;
}
