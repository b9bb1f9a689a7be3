/** What a file of this folder is given to make its commands with, and the options that several of them have. */
import { type Command, Option } from 'commander';
import { PowerboxError } from '../../errors.ts';
import type { Terminal } from '../terminal.ts';

export interface CommandLine {
  readonly terminal: Terminal;
  /** Sees a command to its end, and leaves with the exit code that it resolves with. */
  leave(command: Promise<number>): Promise<void>;
}

/** One group of commands puts itself under the program. */
export type Register = (program: Command, line: CommandLine) => void;

/** Options of commands that run programs. */
export function common(command: Command): Command {
  return place(command)
    .option(
      '--grant <power>',
      'hand out a power: files=DIR, files:ro=DIR, http=URL, tcp=HOST:PORT, tcp:listen=ADDRESS:PORT, udp=HOST:PORT, ' +
        'timer, random, crypto; may be repeated',
      collect,
    )
    .addOption(
      new Option('--durability <how>', 'what an acknowledgement promises (default: sync)').choices([
        'sync',
        'os',
        'memory',
      ]),
    )
    .option('--until-quiescent', 'leave also when sources are open that could still speak (timers, ports, peers)')
    .option('--strict', 'refuse on a machine that falls short of the configured role (see powerbox doctor)')
    .option('--json', JSON_HELP);
}

/** Where a space is: in a directory, that of a configuration, or (without both) in memory. */
export function place(command: Command): Command {
  return command
    .option('--data <dir>', 'directory of the space, or of the node that has it')
    .option('--space <name>', 'which space of the node; default: main')
    .option('--config <file>', 'configuration of the node; a directory remembers it');
}

/** Commands about a space that is there already need to be told where. */
export function requirePlace({ data, config }: { readonly data?: string; readonly config?: string }): void {
  if (data !== undefined || config !== undefined) return;
  throw new PowerboxError('usage', 'required option --data <dir> (or --config <file>) is not specified', {
    hint: 'powerbox help shows commands and options',
  });
}

export const JSON_HELP = 'one JSON object a line on standard output';

export function collect(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

export function example(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ powerbox ${line}`).join('\n')}`;
}
