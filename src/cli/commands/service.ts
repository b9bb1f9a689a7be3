/** `powerbox service`: whether a node is in service, and its way back. Each is a thin call of the public API. */
import { type HealthReport, restoreService, serviceHealth } from '../../index.ts';
import { EXIT } from '../exit.ts';
import type { Terminal } from '../terminal.ts';
import { example, JSON_HELP, type Register } from './command.ts';

export const registerService: Register = (program, { terminal, leave }) => {
  const service = program
    .command('service')
    .description('whether the node of a directory is in service, and its way back after its disk has failed')
    .addHelpText('after', example('service status --data ./space', 'service restore --data ./space'));
  service
    .command('status')
    .description('tell whether it is in service, and since when and why not (exit code 75)')
    .requiredOption('--data <dir>', 'directory of the space')
    .option('--json', JSON_HELP)
    .action(({ data }: { readonly data: string }) => leave(status(terminal, data)));
  service
    .command('restore')
    .description('probe the data directory and the one whose change failed; when both hold, go back into service')
    .requiredOption('--data <dir>', 'directory of the space; no process may have it open')
    .option('--json', JSON_HELP)
    .action(({ data }: { readonly data: string }) => leave(restore(terminal, data)));
};

async function status(terminal: Terminal, data: string): Promise<number> {
  const health = await serviceHealth({ data });
  tell(terminal, health);
  return health.service === 'in' ? EXIT.success : EXIT.storage;
}

async function restore(terminal: Terminal, data: string): Promise<number> {
  tell(terminal, await restoreService({ data }));
  return EXIT.success;
}

function tell(terminal: Terminal, health: HealthReport): void {
  if (terminal.json) terminal.record({ type: 'health', ...health });
  else if (health.service === 'in') terminal.data('in service\n');
  else terminal.data(`out of service since ${health.since}: ${health.reason} in ${health.root}\n`);
}
