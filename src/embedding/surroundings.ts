/**
 * What surrounds a space when the embedding program says nothing: the standard streams of this process, and
 * whether a directory is there. The only file of this folder that touches them.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Console, streamConsole } from '../../resolvers/index.ts';
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

export function directoryExists(path: string): boolean {
  return existsSync(path);
}
