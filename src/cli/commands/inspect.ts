/** `powerbox inspect`: what waits in a directory, told without running any of it. */
import { channelLines } from '../report.ts';
import { type CommonOptions, open } from '../session.ts';
import { EXIT } from '../exit.ts';
import type { Terminal } from '../terminal.ts';
import { example, JSON_HELP, type Register } from './command.ts';

export const registerInspect: Register = (program, { terminal, leave }) => {
  program
    .command('inspect')
    .description('show what waits in a directory; nothing runs')
    .argument('[channel]', 'one channel, written in Rholang')
    .requiredOption('--data <dir>', 'directory of the space')
    .option('--json', JSON_HELP)
    .addHelpText('after', example('inspect --data ./space', `inspect --data ./space '@"orders"'`))
    .action((channel: string | undefined, options) => leave(inspect(terminal, channel, options)));
};

async function inspect(terminal: Terminal, channel: string | undefined, options: CommonOptions): Promise<number> {
  const space = await open(terminal, options, 'hold');
  try {
    const report = await space.inspect(channel);
    const deploys = space.deploys().map((deploy) => ({ id: deploy.id, name: deploy.name, ...deploy.pending() }));
    if (terminal.json) {
      terminal.record({ type: 'inspection', channels: report.channels, truncated: report.truncated, deploys });
      return EXIT.success;
    }
    if (report.channels.length === 0) terminal.talk('nothing waits on any channel');
    for (const line of channelLines(report)) terminal.data(`${line}\n`);
    for (const { id, name, ready, outside, parked } of deploys) {
      if (ready + outside + parked === 0) continue;
      terminal.data(`deploy ${id} (${name}): ${ready} ready, ${outside} outside, ${parked} parked\n`);
    }
    return EXIT.success;
  } finally {
    await space.close();
  }
}
