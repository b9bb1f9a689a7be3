/** `powerbox system` and `powerbox holders`: which system contracts run, the act of replacing one, and who holds what. */
import type { HolderReport } from '../../index.ts';
import { EXIT } from '../exit.ts';
import { contractLine } from '../report.ts';
import { type CommonOptions, open, working } from '../session.ts';
import type { Terminal } from '../terminal.ts';
import { example, JSON_HELP, place, type Register, requirePlace } from './command.ts';

export const registerSystem: Register = (program, { terminal, leave }) => {
  const system = program.command('system').description('the system contracts of a space');
  place(system.command('list'))
    .description('show which there are: file, holder, hash, state; nothing runs')
    .option('--json', JSON_HELP)
    .addHelpText('after', example('system list --data ./space', 'system list --config powerbox.yaml'))
    .action((options) => leave(list(terminal, options)));
  place(system.command('update'))
    .description('start the text that the file has now, in the place of the one that was started')
    .argument('<name>', 'a system contract of the configuration')
    .option('--json', JSON_HELP)
    .addHelpText('after', example('system update shop --data ./space'))
    .action((name: string, options) => leave(update(terminal, name, options)));
  place(program.command('holders'))
    .description('show who holds what, the parts of the node itself among them; nothing runs')
    .option('--json', JSON_HELP)
    .addHelpText('after', example('holders --data ./space', 'holders --config powerbox.yaml --json'))
    .action((options) => leave(holders(terminal, options)));
};

async function list(terminal: Terminal, options: CommonOptions): Promise<number> {
  requirePlace(options);
  const admin = await open(terminal, options, 'hold');
  try {
    const contracts = await admin.systemContracts();
    if (terminal.json) terminal.record({ type: 'systemContracts', contracts });
    else if (contracts.length === 0) terminal.talk('there are no system contracts');
    else for (const contract of contracts) terminal.data(`${contractLine(contract)}\n`);
    return EXIT.success;
  } finally {
    await admin.close();
  }
}

async function update(terminal: Terminal, name: string, options: CommonOptions): Promise<number> {
  requirePlace(options);
  const admin = await open(terminal, { ...options, untilQuiescent: true }, 'resume');
  return working(terminal, { ...options, untilQuiescent: true }, admin, async () => {
    const deploy = await admin.updateSystem(name);
    terminal.talk(`${name} runs as deploy ${deploy.id}; what the one before left waiting goes on waiting`);
    return [deploy.id];
  });
}

async function holders(terminal: Terminal, options: CommonOptions): Promise<number> {
  requirePlace(options);
  const admin = await open(terminal, options, 'hold');
  try {
    const all = await admin.holders();
    if (terminal.json) terminal.record({ type: 'holders', holders: all });
    else for (const holder of all) for (const line of holderLines(holder)) terminal.data(`${line}\n`);
    return EXIT.success;
  } finally {
    await admin.close();
  }
}

function holderLines({ name, holds }: HolderReport): string[] {
  if (holds.length === 0) return [`${name}: nothing`];
  return [
    `${name}:`,
    ...holds.map((held) => {
      const kind = held.kind === 'node' || held.kind === held.name ? '' : ` (${held.kind})`;
      const limits = Object.keys(held.limits).length === 0 ? '' : ` ${JSON.stringify(held.limits)}`;
      return `  ${held.name}${kind}${limits}${held.revoked ? ', revoked' : ''}`;
    }),
  ];
}
