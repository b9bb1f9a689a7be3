/** `powerbox backup` and `restore`: a space on its way to another directory and back. Thin calls of the public API. */
import { type BackupReport, restoreBackup } from '../../index.ts';
import { EXIT } from '../exit.ts';
import { type CommonOptions, open } from '../session.ts';
import type { Terminal } from '../terminal.ts';
import { example, JSON_HELP, place, type Register, requirePlace } from './command.ts';

export const registerBackup: Register = (program, { terminal, leave }) => {
  place(program.command('backup'))
    .description('write all that a space has on disk to a new directory, while it goes on')
    .argument('<dir>', 'where to; it must not be there, or be empty')
    .option('--json', JSON_HELP)
    .addHelpText('after', example('backup /backups/monday --data ./space'))
    .action((directory: string, options: CommonOptions) => leave(backup(terminal, directory, options)));
  program
    .command('restore')
    .description('make a data directory of a backup: the same space, with new keys for its clients')
    .argument('<dir>', 'the backup')
    .requiredOption('--data <dir>', 'where to; it must not be there, or be empty')
    .option('--json', JSON_HELP)
    .addHelpText('after', example('restore /backups/monday --data ./space'))
    .action((directory: string, options: { readonly data: string }) => leave(restore(terminal, directory, options)));
};

async function backup(terminal: Terminal, directory: string, options: CommonOptions): Promise<number> {
  requirePlace(options);
  const admin = await open(terminal, options, 'hold');
  try {
    tell(terminal, 'backup', directory, await admin.backup(directory));
    return EXIT.success;
  } finally {
    await admin.close();
  }
}

async function restore(terminal: Terminal, directory: string, { data }: { readonly data: string }): Promise<number> {
  tell(terminal, 'restored', data, await restoreBackup({ from: directory, to: data }));
  return EXIT.success;
}

function tell(terminal: Terminal, type: string, directory: string, report: BackupReport): void {
  if (terminal.json) terminal.record({ type, directory, ...report });
  else {
    const { entry, rows, blobs, bytes } = report;
    terminal.data(`${directory}: up to entry ${entry}, ${rows} rows, ${blobs} blobs, ${bytes} bytes\n`);
  }
}
