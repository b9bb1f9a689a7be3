/**
 * Which paths a contract may say: the rules that need no disk. A path that breaks one is refused with
 * `path_refused` naming the rule; what the path leads to is judged by `walk.ts`, on open descriptors only.
 */
import { PowerboxError } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';

/** Where changes keep their record, beneath the root; contracts neither see nor name it. */
export const SIDECAR = '.powerbox';

const LONE_SURROGATE = /\p{Surrogate}/u;

export type PathRule =
  | 'empty'
  | 'absolute'
  | 'parent'
  | 'current'
  | 'empty_part'
  | 'nul'
  | 'unnormalised'
  | 'too_long'
  | 'reserved'
  | 'link'
  | 'device'
  | 'hard_link'
  | 'mount';

const WHY: Readonly<Record<PathRule, string>> = {
  empty: 'it is empty',
  absolute: 'it is absolute; paths are relative to the directory that is asked',
  parent: 'it has a part `..`',
  current: 'it has a part `.`',
  empty_part: 'it has an empty part',
  nul: 'it has a NUL',
  unnormalised: 'it is not in Unicode form NFC',
  too_long: `it is too long: at most ${limits.path_bytes_max} bytes, ${limits.path_part_bytes_max} a part, ${limits.path_parts_max} parts`,
  reserved: `${SIDECAR} is kept for the records of the powerbox`,
  link: 'it leads through a symbolic link, and links are never followed',
  device: 'it leads to what is neither a file nor a directory',
  hard_link: 'it leads to a file that has a second hard link, so it may stand outside as well',
  mount: 'it leads into another file system',
};

export function refusePath(rule: PathRule, path: string): PowerboxError {
  const shown = path.length <= 80 ? path : `${path.slice(0, 77)}...`;
  return new PowerboxError('path_refused', `the path ${JSON.stringify(shown)} is refused (${rule}): ${WHY[rule]}`);
}

/** The parts of a path below `base`, a list of parts that was accepted before. */
export function parsePath(base: readonly string[], path: string): readonly string[] {
  if (path === '') throw refusePath('empty', path);
  if (path.includes('\0')) throw refusePath('nul', path);
  if (path.startsWith('/')) throw refusePath('absolute', path);
  if (Buffer.byteLength(path) > limits.path_bytes_max) throw refusePath('too_long', path);
  if (LONE_SURROGATE.test(path) || path.normalize('NFC') !== path) throw refusePath('unnormalised', path);
  const parts = [...base, ...path.split('/')];
  if (parts.length > limits.path_parts_max) throw refusePath('too_long', path);
  for (const part of parts) {
    if (part === '') throw refusePath('empty_part', path);
    if (part === '.') throw refusePath('current', path);
    if (part === '..') throw refusePath('parent', path);
    if (Buffer.byteLength(part) > limits.path_part_bytes_max) throw refusePath('too_long', path);
    if (isReserved(part)) throw refusePath('reserved', path);
  }
  return parts;
}

/**
 * In every directory, for the one of another grant may lie further down; and whatever its case, for a file
 * system that does not tell cases apart.
 */
export function isReserved(part: string): boolean {
  return part.toLowerCase() === SIDECAR;
}
