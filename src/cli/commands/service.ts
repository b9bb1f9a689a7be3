/** `powerbox service`: whether a node is in service, and its way back. Each is a thin call of the public API. */
import type { HealthReport } from '../../index.ts';
import { EXIT } from '../exit.ts';
import { nodeService, publicApi } from '../loading.ts';
import { directoryOf } from '../session.ts';
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
    .requiredOption('--data <dir>', 'directory of the space, or of the node that has it')
    .option('--space <name>', 'which space of the node; default: main')
    .option('--json', JSON_HELP)
    .action((options: Place) => leave(status(terminal, options)));
  service
    .command('restore')
    .description('probe the data directory and the one whose change failed; when both hold, go back into service')
    .requiredOption(
      '--data <dir>',
      'directory of the space, or of the node that has it; a process that has it open is a node, or is stopped first',
    )
    .option('--space <name>', 'which space of the node; default: main')
    .option('--json', JSON_HELP)
    .action((options: Place) => leave(restore(terminal, options)));
};

interface Place {
  readonly data: string;
  readonly space?: string;
}

async function placed(options: Place): Promise<{ readonly data: string }> {
  return { data: (await directoryOf(options)) ?? options.data };
}

async function status(terminal: Terminal, options: Place): Promise<number> {
  const { serviceHealth } = await publicApi();
  const health = await serviceHealth(await placed(options));
  tell(terminal, health);
  return health.service === 'in' ? EXIT.success : EXIT.storage;
}

async function restore(terminal: Terminal, options: Place): Promise<number> {
  // A node that runs closes the space for that, and opens it again.
  const { MAIN_SPACE, openNodeAdmin } = await nodeService();
  const { restoreService } = await publicApi();
  const node = await openNodeAdmin(options.data);
  try {
    const isRunning = (await node.info()) !== null;
    const restored = isRunning
      ? await node.restoreService(options.space ?? MAIN_SPACE)
      : await restoreService(await placed(options));
    tell(terminal, restored);
    return EXIT.success;
  } finally {
    await node.close();
  }
}

function tell(terminal: Terminal, health: HealthReport): void {
  if (terminal.json) terminal.record({ type: 'health', ...health });
  else if (health.service === 'in') terminal.data('in service\n');
  else terminal.data(`out of service since ${health.since}: ${health.reason} in ${health.root}\n`);
}
