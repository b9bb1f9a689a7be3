/** What a file of this folder is given to make its commands with, and the options that several of them have. */
import { type Command, Option } from 'commander';
import type { Terminal } from '../terminal.ts';

export interface CommandLine {
  readonly terminal: Terminal;
  /** Sees a command to its end, and leaves with the exit code that it resolves with. */
  leave(command: Promise<number>): Promise<void>;
}

/** One group of commands puts itself under the program. */
export type Register = (program: Command, line: CommandLine) => void;

/** Options of commands that run programs. */
export function common(command: Command, needsData = false): Command {
  const data = new Option(
    '--data <dir>',
    needsData ? 'directory of the space' : 'keep the space in this directory (else in memory)',
  );
  return command
    .addOption(needsData ? data.makeOptionMandatory() : data)
    .option(
      '--grant <files=dir>',
      'hand out what is below a directory (files:ro=dir for reading only); may be repeated',
      collect,
    )
    .addOption(
      new Option('--durability <how>', 'what an acknowledgement promises (default: sync)').choices([
        'sync',
        'os',
        'memory',
      ]),
    )
    .option('--json', JSON_HELP);
}

export const JSON_HELP = 'one JSON object a line on standard output';

export function collect(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

export function example(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ powerbox ${line}`).join('\n')}`;
}
