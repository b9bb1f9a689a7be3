/** `powerbox serve`: a node that clients talk to, until it is told to go. A thin call of the service. */
import { nodeService, publicApi } from '../loading.ts';
import { EXIT } from '../exit.ts';
import type { Terminal } from '../terminal.ts';
import { example, JSON_HELP, type Register } from './command.ts';

interface ServeOptions {
  readonly data?: string;
  readonly config?: string;
  readonly listen?: string;
}

export const registerServe: Register = (program, { terminal, leave }) => {
  program
    .command('serve')
    .description('serve clients over WebSocket, and go on with the work of every space, until SIGTERM or SIGINT')
    .option('--data <dir>', 'data directory of the node; the space in it is called main')
    .option('--config <file>', 'configuration of the node; a directory remembers it')
    .option('--listen <address>', 'HOST:PORT; port 0 for any that is free')
    .option('--json', JSON_HELP)
    .addHelpText(
      'after',
      example('serve --data ./node', 'serve --config powerbox.yaml', 'serve --data ./node --listen 127.0.0.1:0 --json'),
    )
    .action((options: ServeOptions) => leave(serve(terminal, options)));
};

async function serve(terminal: Terminal, options: ServeOptions): Promise<number> {
  const { data, config, listen } = options;
  let stop = (): void => {};
  const told = new Promise<string>((resolve) => {
    stop = terminal.onInterrupt(resolve);
  });
  try {
    const { processConsole } = await publicApi();
    const { openLog, startNode } = await nodeService();
    const node = await startNode({
      ...(data === undefined ? {} : { data }),
      ...(config === undefined ? {} : { config }),
      ...(listen === undefined ? {} : { listen }),
      console: terminal.console(processConsole()),
      hostArguments: terminal.hostArguments,
      log: (level) => openLog(level, { write: (line) => terminal.talk(line.trimEnd()) }),
    });
    if (terminal.json) terminal.record({ type: 'ready', url: node.address.url, data: node.data });
    else terminal.data(`ready: ${node.address.url}\n`);
    const lost = await Promise.race([Promise.race([told, node.asked]).then(() => null), node.lost]);
    const isWhole = await node.close();
    if (lost !== null) throw lost;
    if (isWhole) return EXIT.success;
    // What still runs holds the process; nothing that was acknowledged hangs on it.
    return terminal.abandon(EXIT.storage);
  } finally {
    stop();
  }
}
