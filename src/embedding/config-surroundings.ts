/**
 * What a configuration reaches: files by their path, and variables of this process. The only file of this folder
 * that reads them, and only what a configuration names.
 */
import { closeSync, constants, fstatSync, fsyncSync, openSync, readSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { ConfigurationSurroundings, FileText, SecretLookup } from '../capability/index.ts';
import { PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';

/** Paths are relative to the directory of the configuration; of one that is no file, to that of the process. */
export function surroundingsOf(file: string | null): Omit<ConfigurationSurroundings, 'contractFaults'> {
  const directory = file === null ? process.cwd() : dirname(file);
  return { resolve: (path) => resolve(directory, path), readFile, variable: (name) => process.env[name] };
}

/** Of grants that an embedding program gives by itself. */
export function secretLookup(): SecretLookup {
  return (from, name) => {
    if (from === 'env') return process.env[name] || null;
    const read = readFile(resolve(name), limits.document_bytes_max);
    return 'text' in read ? read.text.replace(/\r?\n$/, '') || null : null;
  };
}

function readFile(path: string, bytes_max: number): FileText {
  let descriptor: number;
  try {
    // Without waiting: to open a pipe that nobody writes to would never end.
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return { problem: code === 'ENOENT' || code === 'ENOTDIR' ? 'missing' : 'unreadable' };
  }
  try {
    if (!fstatSync(descriptor).isFile()) return { problem: 'unreadable' };
    // Never more than may be, however large it has become since somebody looked.
    const bytes = Buffer.alloc(bytes_max + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length <= bytes_max; length += read)
      read = readSync(descriptor, bytes, length, bytes.length - length, null);
    if (length > bytes_max) return { problem: 'too_large' };
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, length)) };
  } catch (error) {
    return { problem: error instanceof TypeError ? 'no_text' : 'unreadable' };
  } finally {
    closeSync(descriptor);
  }
}

/** Stands in a data directory: where the configuration is with which it was opened last. */
const REMEMBERED = 'configuration';

/** Null where none is. Refused with `config_invalid` when it cannot be read: without it nobody would be bounded by it. */
export function rememberedConfiguration(data: string): string | null {
  const read = readFile(join(data, REMEMBERED), limits.config_bytes_max);
  if ('problem' in read && read.problem === 'missing') return null;
  const file = 'text' in read ? pathIn(read.text) : null;
  if (file !== null) return file;
  throw new PowerboxError('config_invalid', `${join(data, REMEMBERED)} does not say where the configuration is`, {
    hint: 'Give the configuration again: --config FILE.',
  });
}

function pathIn(text: string): string | null {
  try {
    const { file } = JSON.parse(text) as { readonly file?: unknown };
    return typeof file === 'string' ? file : null;
  } catch {
    return null;
  }
}

/** Whole or not at all, and on disk before anything is started by it. */
export function rememberConfiguration(data: string, file: string): void {
  const read = readFile(join(data, REMEMBERED), limits.config_bytes_max);
  if ('text' in read && pathIn(read.text) === file) return;
  const fresh = join(data, `.powerbox-new-${REMEMBERED}`);
  try {
    writeFileSync(fresh, `${JSON.stringify({ file })}\n`);
    syncPath(fresh);
    renameSync(fresh, join(data, REMEMBERED));
    syncPath(data);
  } catch (cause) {
    const { code = '' } = cause as NodeJS.ErrnoException;
    throw new PowerboxError('storage_failed', `${data} cannot keep where its configuration is: ${code}`, { cause });
  }
}

function syncPath(path: string): void {
  const descriptor = openSync(path, constants.O_RDONLY);
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
