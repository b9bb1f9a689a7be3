/**
 * What a space does with its console and its failures when the embedding program says nothing: the standard
 * streams of this process. The only file of this folder that touches them.
 */
import { type Console, streamConsole } from '../../resolvers/index.ts';
import type { FailureReport } from './types.ts';

/** The standard streams of this process. Input is asked for only while a program waits for a line. */
export function processConsole(): Console {
  return streamConsole(process);
}

/** Where nobody asked to hear of failures, a person should. */
export function tellFailure({ code, message, source, hint }: FailureReport): void {
  process.stderr.write(`${code}: ${message}${source === '' ? '' : ` (${source})`}${hint === '' ? '' : `; ${hint}`}\n`);
}
