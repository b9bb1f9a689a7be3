/**
 * What surrounds a space when the embedding program says nothing: the standard streams of this process, and
 * whether a space is there. The only file of this folder that touches them.
 */
import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Console, streamConsole } from '../../resolvers/index.ts';
import { PowerboxError } from '../errors.ts';
import type { HostLine } from '../natives/index.ts';
import type { FailureReport } from './types.ts';

/** The standard streams of this process. Input is asked for only while a program waits for a line. */
export function processConsole(): Required<Console> {
  return streamConsole(process);
}

/** Where nobody asked to hear of failures, a person should. */
export function tellFailure({ code, message, source, hint }: FailureReport): void {
  process.stderr.write(`${code}: ${message}${source === '' ? '' : ` (${source})`}${hint === '' ? '' : `; ${hint}`}\n`);
}

/** What a host says goes where talk goes, when nobody asked for it. */
export function tellHostLine({ native, level, text }: HostLine): void {
  process.stderr.write(`${native}: ${level === 'info' || level === 'debug' ? '' : `${level}: `}${text}\n`);
}

/** Where powerbox keeps its own files beneath a granted directory: the one place there that it may always write to. */
export function sidecarOf(root: string): string {
  return join(root, '.powerbox');
}

/** What a directory may hold before there is a space in it: what its file system has of itself, and the rest of a node. */
const BESIDE = new Set(['lost+found', 'node', 'spaces']);

/**
 * The directory of a space that was made before. Refused with `config_invalid` where there is none, for whoever only looks
 * makes none; of what is there and is no space, the store says so.
 */
export function requireSpace(data: string): string {
  const directory = resolve(data);
  const found = namesIn(directory);
  if (typeof found !== 'string' && !found.every((name) => BESIDE.has(name) || name.startsWith('.powerbox-new-')))
    return directory;
  if (found === 'ENOENT')
    throw new PowerboxError('config_invalid', `there is no space in ${data}: the directory does not exist`);
  if (typeof found === 'string') return directory;
  const isNode = found.includes('spaces');
  throw new PowerboxError(
    'config_invalid',
    `there is no space in ${data}: ${isNode ? 'the node has none that is called main' : 'nothing is in the directory'}`,
    {
      hint: isNode
        ? `powerbox space list --data ${data} shows which there are; --space says which is meant.`
        : 'powerbox run and powerbox serve make one.',
    },
  );
}

/** What is in it, or why nobody can tell. */
function namesIn(directory: string): readonly string[] | string {
  try {
    return readdirSync(directory);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unknown';
  }
}
