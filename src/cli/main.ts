#!/usr/bin/env node
/**
 * The command `powerbox`: arguments to a command, errors to words and an exit code. Nothing here does work of
 * its own.
 */
import { Command, CommanderError, Option } from 'commander';
import { isPowerboxError, PowerboxError, SourceErrors, VERSION } from '../index.ts';
import { inspectCommand, resumeCommand, runCommand } from './commands.ts';
import { EXIT, exitCodeOf } from './exit.ts';
import { processTerminal, type Terminal } from './terminal.ts';

const EXIT_CODES = `
Exit codes:
  ${EXIT.success}    the program ran until nothing more could happen
  ${EXIT.contract}    the program is wrong, or a branch of it failed
  ${EXIT.usage}   the command line is wrong
  ${EXIT.storage}   the disk failed, another process is there, or work is left to resume
  ${EXIT.configuration}   a grant, a system contract or a setting is wrong
  ${EXIT.interrupted}  interrupted, with nothing left on disk to resume`;

const terminal = processTerminal();
let exitCode: number = EXIT.success;

function program(): Command {
  const all = new Command('powerbox')
    .description('Runs programs that nobody has to trust, with exactly the files that you hand them.')
    .version(VERSION)
    .showHelpAfterError(false)
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .addHelpText(
      'after',
      example(
        'run hello.rho',
        'run notes.rho --data ./space --grant files=./notes',
        'resume --data ./space',
        'help run',
      ),
    )
    .addHelpText('after', `${EXIT_CODES}\n\nError codes: spec/errors of the project, one page each.`);

  common(all.command('run'))
    .description('run a program, to quiescence')
    .argument('<file>', 'a program in Rholang, or - for standard input')
    .option('--also', 'run beside the work that an earlier run left in the directory')
    .option('--system <file>', 'a system contract: contract main(box, @config) = {…}, which gets its powerbox once')
    .option('--public-system', 'also answer on the public name @"system"')
    .addHelpText(
      'after',
      example(
        'run hello.rho',
        'run notes.rho --data ./space --grant files=./notes',
        'run hello.rho --json | jq -r "select(.type == \\"stdout\\").text"',
      ),
    )
    .action((file: string, options) => leave(runCommand(terminal, file, options)));

  common(all.command('resume'), true)
    .description('go on with what an earlier run left, to quiescence')
    .option('--public-system', 'also answer on the public name @"system"')
    .addHelpText('after', example('resume --data ./space'))
    .action((options) => leave(resumeCommand(terminal, options)));

  const inspect = all.command('inspect');
  inspect
    .description('show what waits in a directory; nothing runs')
    .argument('[channel]', 'one channel, written in Rholang')
    .requiredOption('--data <dir>', 'directory of the space')
    .option('--json', 'one JSON object a line on standard output')
    .addHelpText('after', example('inspect --data ./space', `inspect --data ./space '@"orders"'`))
    .action((channel: string | undefined, options) => leave(inspectCommand(terminal, channel, options)));
  return all;
}

function common(command: Command, needsData = false): Command {
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
    .option('--json', 'one JSON object a line on standard output');
}

function collect(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

function example(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ powerbox ${line}`).join('\n')}`;
}

async function leave(command: Promise<number>): Promise<void> {
  exitCode = await command;
}

function tellError(to: Terminal, error: unknown): void {
  const code = isPowerboxError(error) ? error.code : 'runner_failed';
  const message = error instanceof Error ? error.message : String(error);
  const hint = isPowerboxError(error) ? error.hint : '';
  if (to.json) {
    const errors = error instanceof SourceErrors ? { errors: error.errors } : {};
    to.record({ type: 'error', code, message, hint, ...errors, exitCode: exitCodeOf(error) });
    return;
  }
  to.talk(`${to.paint('red', code)}: ${message}`);
  // The errors of a text carry their hints each beside its line.
  if (hint !== '' && !(error instanceof SourceErrors)) to.talk(`hint: ${hint}`);
  for (let cause = error instanceof Error ? error.cause : undefined; cause instanceof Error; cause = cause.cause) {
    to.talk(to.paint('dim', `because: ${cause.message}`));
  }
}

/** Commander's own refusals in the words of every other error; null for help and version, which are answers. */
function usageError(error: CommanderError): PowerboxError | null {
  if (error.exitCode === 0) return null;
  if (error.code === 'commander.help')
    return new PowerboxError('usage', 'a command is missing', { hint: 'powerbox help' });
  return new PowerboxError('usage', error.message.replace(/^error: /, '').replaceAll('\n', ' '), {
    hint: 'powerbox help shows commands and options',
  });
}

try {
  await program().parseAsync(terminal.argv);
} catch (error) {
  const told = error instanceof CommanderError ? usageError(error) : error;
  if (told !== null) {
    tellError(terminal, told);
    exitCode = exitCodeOf(told);
  }
}
await terminal.leave(exitCode);
