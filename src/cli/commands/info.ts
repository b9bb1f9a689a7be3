/** `powerbox info`: what a space is, who holds it, and the node that serves it. A thin call of the public API. */
import { nodeService } from '../loading.ts';
import { EXIT } from '../exit.ts';
import { type CommonOptions, open } from '../session.ts';
import type { Terminal } from '../terminal.ts';
import { example, JSON_HELP, place, type Register, requirePlace } from './command.ts';

export const registerInfo: Register = (program, { terminal, leave }) => {
  place(program.command('info'))
    .description('show what a space is, which process holds it, and the address of the node; nothing runs')
    .option('--json', JSON_HELP)
    .addHelpText('after', example('info --data ./node', 'info --data ./node --space shop --json'))
    .action((options: CommonOptions) => leave(info(terminal, options)));
};

async function info(terminal: Terminal, options: CommonOptions): Promise<number> {
  requirePlace(options);
  const admin = await open(terminal, options, 'hold');
  try {
    const { pid, started, ...told } = await admin.info();
    // As whoever asks wrote it, whoever answers.
    const space = { ...told, data: admin.data };
    const held = admin.owner === null ? null : { pid, started };
    const node = options.data === undefined ? null : await nodeInfo(options.data);
    if (terminal.json) {
      terminal.record({ type: 'info', ...space, held, node });
      return EXIT.success;
    }
    const { service } = space;
    const lines = [
      `space ${space.space ?? ''} in ${space.data}`,
      held === null ? 'no process holds it' : `process ${pid} holds it, started ${started}`,
      ...(node === null ? [] : [`served at ${node.url}`]),
      ...(space.configuration === null ? [] : [`configuration ${space.configuration}`]),
      `${space.deploys} deploys, ${space.unfinished} with work or a source left; turn ${space.turn}`,
      service.service === 'in' ? 'in service' : `out of service since ${service.since}: ${service.reason}`,
    ];
    terminal.data(`${lines.join('\n')}\n`);
    return EXIT.success;
  } finally {
    await admin.close();
  }
}

async function nodeInfo(data: string): Promise<{ readonly url: string } | null> {
  const node = await (await nodeService()).openNodeAdmin(data);
  try {
    return await node.info();
  } finally {
    await node.close();
  }
}
