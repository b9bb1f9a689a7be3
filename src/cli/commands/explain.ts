/** `powerbox explain`: why what waits on a channel of a directory has not fired, told without running any of it. */
import { EXIT } from '../exit.ts';
import { type CommonOptions, open } from '../session.ts';
import type { Terminal } from '../terminal.ts';
import { example, JSON_HELP, place, type Register, requirePlace } from './command.ts';

export const registerExplain: Register = (program, { terminal, leave }) => {
  place(program.command('explain'))
    .description('say why what waits on a channel has not fired, and who could still send there; nothing runs')
    .argument('<channel>', 'a channel, written in Rholang, or as inspect shows it')
    .option('--json', JSON_HELP)
    .addHelpText('after', example(`explain --data ./space '@"orders"'`))
    .action((channel: string, options) => leave(explain(terminal, channel, options)));
};

async function explain(terminal: Terminal, channel: string, options: CommonOptions): Promise<number> {
  requirePlace(options);
  const admin = await open(terminal, options, 'hold');
  try {
    const explanation = await admin.explain(channel);
    if (terminal.json) terminal.record({ type: 'explanation', ...explanation });
    else for (const sentence of explanation.sentences) terminal.data(`${sentence}\n`);
    return EXIT.success;
  } finally {
    await admin.close();
  }
}
