/** `powerbox inspect`: what waits in a directory, told without running any of it. */
import { channelLines, contractLine } from '../report.ts';
import { type CommonOptions, open } from '../session.ts';
import { EXIT } from '../exit.ts';
import type { Terminal } from '../terminal.ts';
import { example, JSON_HELP, place, type Register, requirePlace } from './command.ts';

export const registerInspect: Register = (program, { terminal, leave }) => {
  place(program.command('inspect'))
    .description('show what waits in a directory; nothing runs')
    .argument('[channel]', 'one channel, written in Rholang')
    .option('--json', JSON_HELP)
    .addHelpText('after', example('inspect --data ./space', `inspect --data ./space '@"orders"'`))
    .action((channel: string | undefined, options) => leave(inspect(terminal, channel, options)));
};

async function inspect(terminal: Terminal, channel: string | undefined, options: CommonOptions): Promise<number> {
  requirePlace(options);
  const admin = await open(terminal, options, 'hold');
  try {
    const report = await admin.inspect(channel);
    const deploys = await admin.deploys();
    const systemContracts = await admin.systemContracts();
    if (terminal.json) {
      const { channels, truncated, explanations } = report;
      terminal.record({ type: 'inspection', channels, truncated, explanations, deploys, systemContracts });
      return EXIT.success;
    }
    if (report.channels.length === 0) terminal.talk('nothing waits on any channel');
    for (const line of channelLines(report)) terminal.data(`${line}\n`);
    for (const sentence of report.explanations) terminal.data(`${sentence}\n`);
    for (const { id, name, ready, outside, parked, sources } of deploys) {
      if (ready + outside + parked + sources === 0) continue;
      const open = sources === 0 ? '' : `, ${sources} ${sources === 1 ? 'source' : 'sources'} open`;
      terminal.data(`deploy ${id} (${name}): ${ready} ready, ${outside} outside, ${parked} parked${open}\n`);
    }
    const contracts = channel === undefined ? systemContracts : [];
    for (const contract of contracts) terminal.data(`${contractLine(contract)}\n`);
    return EXIT.success;
  } finally {
    await admin.close();
  }
}
