/** `powerbox query` and `powerbox estimate`: a program in a fork that is dropped. Each is a thin call of the public API. */
import { basename } from 'node:path';
import { PowerboxError } from '../../errors.ts';
import { limits } from '../../limits.ts';
import type { ModeFailure } from '../../index.ts';
import { EXIT } from '../exit.ts';
import { type CommonOptions, grantsOf, open } from '../session.ts';
import { readProgram, type Terminal } from '../terminal.ts';
import { common, example, type Register } from './command.ts';

interface ForkedOptions extends CommonOptions {
  readonly limit?: string;
  readonly replies?: string;
}

export const registerForked: Register = (program, { terminal, leave }) => {
  common(program.command('query'))
    .description('run a program that changes nothing, and show what it sends on rho:answer')
    .argument('<file>', 'a program in Rholang, or - for standard input')
    .option('--holder <name>', 'run it with the powers of this holder of the configuration')
    .option('--limit <ms>', 'milliseconds after which it is given up')
    .addHelpText('after', example('query orders.rho --data ./space'))
    .action((file: string, options) => leave(query(terminal, file, options)));

  common(program.command('estimate'))
    .description('say what a program would cost, and which calls to the world it makes first; none is made')
    .argument('<file>', 'a program in Rholang, or - for standard input')
    .option('--holder <name>', 'run it with the powers of this holder of the configuration')
    .option('--limit <ms>', 'milliseconds after which it is given up')
    .option(
      '--replies <trace>',
      'go on past such calls with the replies that they had in a recorded run of the program',
    )
    .addHelpText('after', example('estimate orders.rho --data ./space', 'estimate orders.rho --replies run.trace'))
    .action((file: string, options) => leave(estimate(terminal, file, options)));
};

async function query(terminal: Terminal, file: string, options: ForkedOptions): Promise<number> {
  const text = readProgram(file);
  const started = await startOptions(file, options);
  const admin = await open(terminal, options, 'look');
  try {
    const report = await admin.query(text, started);
    if (terminal.json) terminal.record({ type: 'answer', ...report });
    else for (const message of report.answers) terminal.data(`${message.join(', ')}\n`);
    tellFailures(terminal, admin.owner, report.failures);
    return report.failures.length > 0 ? EXIT.contract : EXIT.success;
  } finally {
    await admin.close();
  }
}

async function estimate(terminal: Terminal, file: string, options: ForkedOptions): Promise<number> {
  const text = readProgram(file);
  const started = await startOptions(file, options);
  const admin = await open(terminal, options, 'look');
  try {
    const { replies } = options;
    const report = await admin.estimate(text, { ...started, ...(replies === undefined ? {} : { replies }) });
    const { cost, exact, calls, failures } = report;
    if (terminal.json) terminal.record({ type: 'estimate', ...report });
    else {
      terminal.data(`${cost}\n`);
      if (!exact) terminal.talk('up to these calls, which are not made:');
      for (const { what, args } of calls) terminal.talk(`  ${what}(${args.join(', ')})`);
    }
    tellFailures(terminal, admin.owner, failures);
    return failures.length > 0 ? EXIT.contract : EXIT.success;
  } finally {
    await admin.close();
  }
}

/** Those of a space of this process are told as they happen. */
function tellFailures(terminal: Terminal, owner: number | null, failures: readonly ModeFailure[]): void {
  if (terminal.json || owner === null) return;
  for (const { code, message } of failures) terminal.talk(`${terminal.paint('red', code)}: ${message}`);
}

async function startOptions(file: string, options: ForkedOptions): Promise<Parameters<StartedIn>[1]> {
  const { holder, limit } = options;
  const limit_ms = limit === undefined ? undefined : readLimit(limit);
  return {
    name: basename(file),
    ...(limit_ms === undefined ? {} : { limit_ms }),
    ...(holder === undefined ? { grants: await grantsOf(options) } : { holder }),
  };
}

function readLimit(text: string): number {
  const limit_ms = /^\d{1,15}$/.test(text) ? Number(text) : 0;
  if (limit_ms >= 1 && limit_ms <= limits.fork_ms_max) return limit_ms;
  const expected = `a whole number of milliseconds from 1 to ${limits.fork_ms_max}`;
  throw new PowerboxError('usage', `--limit is ${expected}, not ${JSON.stringify(text.slice(0, TEXT_CHARS_MAX))}`, {
    hint: 'For example --limit 5000.',
  });
}

/** Of what somebody wrote, told again. */
const TEXT_CHARS_MAX = 40;

type StartedIn = Awaited<ReturnType<typeof open>>['query'];
