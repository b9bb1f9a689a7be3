#!/usr/bin/env node
/**
 * The command `powerbox`: arguments to a command, errors to words and an exit code. Nothing here does work of
 * its own.
 */
import { Command, CommanderError } from 'commander';
import { isPowerboxError, PowerboxError } from '../errors.ts';
import { VERSION } from '../version.ts';
import { example } from './commands/command.ts';
import { COMMANDS } from './commands/index.ts';
import { EXIT, exitCodeOf } from './exit.ts';
import { publicApi } from './loading.ts';
import { processTerminal, type Terminal } from './terminal.ts';

const EXIT_CODES = `
Exit codes:
  ${EXIT.success}    the program ran until nothing more could happen
  ${EXIT.contract}    the program is wrong, or a branch of it failed
  ${EXIT.short}    doctor: the machine falls short of the role
  ${EXIT.unknown}    doctor: not everything about the machine could be found out
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

  for (const register of COMMANDS) register(all, { terminal, leave });
  all.hook('preAction', (_, command) => requireHosts(command));
  return all;
}

/** Commands that start hosts; for the others there is nothing that could get what stands after `--`. */
const STARTING = ['run', 'resume', 'serve'];

function requireHosts(command: Command): void {
  if (terminal.hostArguments.length === 0 || STARTING.includes(command.name())) return;
  throw new PowerboxError('usage', `powerbox ${command.name()} takes nothing after --`, {
    hint: 'What stands there goes to the host of a native, with powerbox run, resume and serve.',
  });
}

async function leave(command: Promise<number>): Promise<void> {
  exitCode = await command;
}

async function tellError(to: Terminal, error: unknown): Promise<void> {
  const code = isPowerboxError(error) ? error.code : 'runner_failed';
  const message = error instanceof Error ? error.message : String(error);
  const hint = isPowerboxError(error) ? error.hint : '';
  // What is wrong with a command line is no error of a text.
  const sourceErrors = code === 'usage' ? null : (await publicApi()).sourceErrorsOf(error);
  if (to.json) {
    const errors = sourceErrors === null ? {} : { errors: sourceErrors };
    to.record({ type: 'error', code, message, hint, ...errors, exitCode: exitCodeOf(error) });
    return;
  }
  to.talk(`${to.paint('red', code)}: ${message}`);
  // The errors of a text carry their hints each beside its line.
  if (hint !== '' && sourceErrors === null) to.talk(`hint: ${hint}`);
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

async function main(): Promise<void> {
  try {
    await program().parseAsync(terminal.argv);
  } catch (error) {
    const told = error instanceof CommanderError ? usageError(error) : error;
    if (told !== null) {
      await tellError(terminal, told);
      exitCode = exitCodeOf(told);
    }
  }
  await terminal.leave(exitCode);
}

void main();
