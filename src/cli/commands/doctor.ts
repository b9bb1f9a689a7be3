/** `powerbox doctor`: whether this machine is good enough for a role, thing by thing, with a reason for each verdict. */
import { Option } from 'commander';
import type { amountText, Examination, MachineCheck, Role } from '../../index.ts';
import { EXIT } from '../exit.ts';
import { publicApi } from '../loading.ts';
import type { Terminal } from '../terminal.ts';
import { example, JSON_HELP, type Register } from './command.ts';

interface DoctorOptions {
  readonly role?: Role;
  readonly data?: string;
  readonly config?: string;
}

/** Each of them, and none that is none: the list itself is loaded with the rest. */
const ROLES = Object.keys({ validator: true, observer: true, light: true } satisfies Record<Role, true>);
const EXITS = { ok: EXIT.success, short: EXIT.short, unknown: EXIT.unknown } as const;
const COLOURS = { ok: 'dim', short: 'red', unknown: 'yellow' } as const;

export const registerDoctor: Register = (program, { terminal, leave }) => {
  program
    .command('doctor')
    .description('tell whether this machine is good enough for a role')
    .addOption(new Option('--role <role>', 'default: that of the configuration, else light').choices(ROLES))
    .option('--data <dir>', 'where the space is, or will be (default: that of the configuration, else here)')
    .option('--config <file>', 'a configuration: its role, the share of the node, what its powers need')
    .option('--json', JSON_HELP)
    .addHelpText('after', example('doctor', 'doctor --role validator --data /srv/powerbox', 'doctor --json'))
    .action((options: DoctorOptions) => leave(doctor(terminal, options)));
};

async function doctor(terminal: Terminal, { role, data, config }: DoctorOptions): Promise<number> {
  const { amountText, examineMachine } = await publicApi();
  const examination = await examineMachine({
    ...(role === undefined ? {} : { role }),
    ...(data === undefined ? {} : { data }),
    ...(config === undefined ? {} : { config }),
  });
  const exitCode = EXITS[examination.verdict];
  if (terminal.json) {
    for (const check of examination.checks) terminal.record({ type: 'check', ...check });
    terminal.record({ type: 'examination', role: examination.role, verdict: examination.verdict, exitCode });
    return exitCode;
  }
  for (const line of table(terminal, examination.checks, amountText)) terminal.data(`${line}\n`);
  terminal.talk(conclusion(examination));
  return exitCode;
}

function conclusion({ role, verdict }: Examination): string {
  switch (verdict) {
    case 'ok':
      return `this machine is good enough for the role ${role}`;
    case 'short':
      return `this machine falls short of the role ${role}`;
    case 'unknown':
      return `whether this machine is good enough for the role ${role} could not be found out`;
  }
}

function table(terminal: Terminal, checks: readonly MachineCheck[], amount: typeof amountText): string[] {
  const rows = checks.map(({ check, unit, required, found, verdict, reason }) => [
    check,
    amount(required, unit),
    found === null ? 'unknown' : amount(found, unit),
    verdict,
    reason,
  ]);
  const all = [['check', 'required', 'found', 'verdict', 'reason'], ...rows];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all.map((row, index) => {
    const line = row.map((text, column) => text.padEnd(widths[column] ?? 0)).join('  ');
    const verdict = checks[index - 1]?.verdict;
    return verdict === undefined ? terminal.paint('bold', line) : terminal.paint(COLOURS[verdict], line);
  });
}
