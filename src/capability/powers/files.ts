/** Files: one directory of this machine, and how much of it a holder may fill. */
import { z } from 'zod';
import { limits } from '../../limits.ts';
import { powerName } from './name.ts';

/** Rules of a path that a contract may say, for an operator: what is granted must be reachable by them. */
function isBelow(below: string): boolean {
  if (below === '') return true;
  if (below.includes('\0') || below.normalize('NFC') !== below || /\p{Surrogate}/u.test(below)) return false;
  const bytes = (text: string): number => new TextEncoder().encode(text).length;
  const parts = below.split('/');
  return (
    bytes(below) <= limits.path_bytes_max &&
    parts.length <= limits.path_parts_max &&
    parts.every(
      (part) =>
        part !== '' &&
        part !== '.' &&
        part !== '..' &&
        part.toLowerCase() !== '.powerbox' &&
        bytes(part) <= limits.path_part_bytes_max,
    )
  );
}

export const filesPower = z.strictObject({
  kind: z.literal('files'),
  /** Under which `fileSystem` hands it out. */
  name: powerName.default('files'),
  /** Directory of this machine; what lies beneath it is granted. */
  root: z.string().min(1),
  /** Directory below the root at which a narrowed grant begins, parts parted by `/`; empty for the root. */
  below: z
    .string()
    .refine(
      isBelow,
      'a path below the root, its parts parted by /: none of them empty, ".", ".." or .powerbox, in Unicode form NFC',
    )
    .default(''),
  readOnly: z.boolean().default(false),
  /** Bytes that all files beneath the root may have together; absent: as many as the disk has. */
  bytes: z.int().min(0).max(limits.file_bytes_max).optional(),
  /** Files and directories that may stand beneath the root; absent: as many as the disk takes. */
  entries: z.int().min(0).max(limits.file_entries_max).optional(),
  /** The operator's word where confinement by descriptor is not to be had. */
  acceptWeakConfinement: z.boolean().default(false),
});
