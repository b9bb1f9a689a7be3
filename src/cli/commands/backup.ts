/** `powerbox backup` and `restore`: a space on its way to another directory and back. Thin calls of the public API. */
import type { SpaceBackup } from '../../service/index.ts';
import { nodeService } from '../loading.ts';
import { EXIT } from '../exit.ts';
import { type CommonOptions, open } from '../session.ts';
import type { Terminal } from '../terminal.ts';
import { example, JSON_HELP, place, type Register, requirePlace } from './command.ts';

export const registerBackup: Register = (program, { terminal, leave }) => {
  place(program.command('backup'))
    .description('write all that a node, or one space of it, has on disk to a new directory, while it goes on')
    .argument('<dir>', 'where to; it must not be there, or be empty')
    .option('--json', JSON_HELP)
    .addHelpText('after', example('backup /backups/monday --data ./space'))
    .action((directory: string, options: CommonOptions) => leave(backup(terminal, directory, options)));
  program
    .command('restore')
    .description('make a data directory of a backup: the same spaces, with new keys for their clients')
    .argument('<dir>', 'the backup')
    .requiredOption('--data <dir>', 'where to; it must not be there, or be empty')
    .option('--json', JSON_HELP)
    .addHelpText('after', example('restore /backups/monday --data ./space'))
    .action((directory: string, options: { readonly data: string }) => leave(restore(terminal, directory, options)));
};

/** Of one space where that is said, or where it is alone; else of every space of the node. */
async function backup(terminal: Terminal, directory: string, options: CommonOptions): Promise<number> {
  requirePlace(options);
  const { data, space } = options;
  if (data !== undefined && space === undefined) {
    for (const each of await (await nodeService()).backupNode(data, directory))
      tell(terminal, 'backup', directory, each);
    return EXIT.success;
  }
  const admin = await open(terminal, options, 'hold');
  try {
    const { MAIN_SPACE } = await nodeService();
    tell(terminal, 'backup', directory, { space: space ?? MAIN_SPACE, ...(await admin.backup(directory)) });
    return EXIT.success;
  } finally {
    await admin.close();
  }
}

async function restore(terminal: Terminal, directory: string, { data }: { readonly data: string }): Promise<number> {
  for (const each of await (await nodeService()).restoreNode(directory, data)) tell(terminal, 'restored', data, each);
  return EXIT.success;
}

function tell(terminal: Terminal, type: string, directory: string, report: SpaceBackup): void {
  if (terminal.json) terminal.record({ type, directory, ...report });
  else {
    const { space, entry, rows, blobs, bytes } = report;
    terminal.data(`${directory}: ${space} up to entry ${entry}, ${rows} rows, ${blobs} blobs, ${bytes} bytes\n`);
  }
}
