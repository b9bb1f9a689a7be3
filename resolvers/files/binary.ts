/**
 * Whether a file is an executable binary, by its content: ELF, PE and MZ, Mach-O thin and fat, Java class. Such a
 * file is neither read nor written, whatever it is called.
 *
 * The first bytes tell, except for PE: text may begin with "MZ". A program of that kind has in its header either
 * sizes that are possible (no printable text has: the second byte of each is a control character) or, at the offset
 * that stands in bytes 60 to 63, another signature. A loader of Windows looks at that signature only, so a file
 * that has it is refused whatever the rest of its header says.
 *
 * Owns these few bytes and no more: what is inside an archive, a script or a document is not judged.
 */
import type { FileHandle } from 'node:fs/promises';
import { PowerboxError } from '../../src/errors.ts';
import { readUpTo } from './record.ts';

/** Bytes of a file's head that are looked at. */
export const HEAD_BYTES = 64;

const MAGICS: readonly (readonly [string, string])[] = [
  ['ELF', '7f454c46'],
  ['Mach-O', 'feedface'],
  ['Mach-O', 'feedfacf'],
  ['Mach-O', 'cefaedfe'],
  ['Mach-O', 'cffaedfe'],
  // Also the first bytes of a Java class; both are refused, so nothing more is looked at.
  ['Java class or Mach-O', 'cafebabe'],
  ['Mach-O', 'cafebabf'],
  ['Mach-O', 'bebafeca'],
  ['Mach-O', 'bfbafeca'],
];
const BY_NUMBER = new Map(MAGICS.map(([name, magic]) => [Number.parseInt(magic, 16), name]));

const MZ = 0x4d5a;
/** Of the header of MZ: where the sizes end, and where the offset of the next header stands. */
const SIZES_BYTES = 28;
const NEXT_AT = 60;
/** PE, and what older systems had in its place. */
const NEXT = new Set(['PE\0\0', 'NE', 'LE', 'LX']);

/** Reads at most so many bytes of the file as it is, or as it would be, from an offset on. */
export type ReadAt = (offset: number, length: number) => Promise<Uint8Array>;

/** What the file is, or null when it is no executable binary. `head` is its first `HEAD_BYTES`, or all of it. */
export async function binaryKind(head: Uint8Array, readAt: ReadAt): Promise<string | null> {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  if (head.length < 4) return null;
  const found = BY_NUMBER.get(view.getUint32(0));
  if (found !== undefined) return found;
  if (view.getUint16(0) !== MZ) return null;
  if (head.length >= SIZES_BYTES && hasSizesOfMz(view)) return 'PE or MZ';
  if (head.length < HEAD_BYTES) return null;
  const next = Buffer.from(await readAt(view.getUint32(NEXT_AT, true), 4)).toString('latin1');
  return NEXT.has(next) || NEXT.has(next.slice(0, 2)) ? 'PE or MZ' : null;
}

/** Bytes on the last page are fewer than a page has, and there is a page. */
function hasSizesOfMz(view: DataView): boolean {
  return view.getUint16(2, true) < 512 && view.getUint16(4, true) > 0;
}

export async function refuseBinary(head: Uint8Array, readAt: ReadAt, path: string): Promise<void> {
  const kind = await binaryKind(head, readAt);
  if (kind === null) return;
  throw new PowerboxError('binary_refused', `${JSON.stringify(path)} is an executable binary (${kind})`, {
    hint: 'Executable binaries are neither read nor written; hand over data, or source text.',
  });
}

/** A file as it would be after `data` is written at `offset` and it is cut or lengthened to `size`. */
function overlaid(current: ReadAt, data: Uint8Array, offset: number, size: number): ReadAt {
  return async (from, length) => {
    const bytes = new Uint8Array(Math.max(0, Math.min(length, size - from)));
    bytes.set((await current(from, bytes.length)).subarray(0, bytes.length));
    for (let at = Math.max(from, offset); at < Math.min(from + bytes.length, offset + data.length); at++)
      bytes[at - from] = data[at - offset] as number;
    return bytes;
  };
}

const NO_BYTES = new Uint8Array(0);

/** Of a file that is not there yet, or is replaced as a whole. */
export async function refuseNewBinary(data: Uint8Array, offset: number, shown: string): Promise<void> {
  const next = overlaid(async () => NO_BYTES, data, offset, offset + data.length);
  await refuseBinary(await next(0, HEAD_BYTES), next, shown);
}

/** Neither what it is may be a binary nor what it would become: pieces that are none by themselves make one together. */
export async function refuseBinaries(
  handle: FileHandle,
  size: number,
  data: Uint8Array,
  offset: number,
  nextSize: number,
  shown: string,
): Promise<void> {
  const now = (from: number, length: number): Promise<Uint8Array> => readUpTo(handle, from, length);
  const head = size === 0 ? NO_BYTES : await now(0, HEAD_BYTES);
  await refuseBinary(head, now, shown);
  // What comes behind the head changes the file into a binary only where the head points to it.
  const next = overlaid(async (from, length) => (from === 0 ? head : now(from, length)), data, offset, nextSize);
  await refuseBinary(await next(0, HEAD_BYTES), next, shown);
}
