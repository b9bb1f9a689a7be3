/** `powerbox config`: what is wrong with a configuration, and what it comes to. Opens nothing and starts nothing. */
import { EXIT } from '../exit.ts';
import { configurations } from '../loading.ts';
import type { Terminal } from '../terminal.ts';
import { example, JSON_HELP, type Register } from './command.ts';

const FILE = 'powerbox.yaml';

export const registerConfig: Register = (program, { terminal, leave }) => {
  const config = program.command('config').description('check a configuration, or show what it comes to');
  config
    .command('check')
    .description('print every mistake, with its place, what was expected and what came')
    .argument('[file]', 'the configuration', FILE)
    .option('--json', JSON_HELP)
    .addHelpText('after', example('config check', 'config check /etc/powerbox.yaml --json'))
    .action((file: string) => leave(check(terminal, file)));
  config
    .command('show')
    .description('print what holds, with every default; secrets as what fills them in')
    .argument('[file]', 'the configuration', FILE)
    .option('--json', JSON_HELP)
    .addHelpText('after', example('config show', 'config show /etc/powerbox.yaml --json'))
    .action((file: string) => leave(show(terminal, file)));
};

async function check(terminal: Terminal, file: string): Promise<number> {
  const { checkConfiguration, mistakeLine } = await configurations();
  const { mistakes, fillings } = checkConfiguration(file);
  const exitCode = mistakes.length === 0 ? EXIT.success : EXIT.configuration;
  if (terminal.json) {
    for (const mistake of mistakes) terminal.record({ type: 'mistake', file, ...mistake });
    for (const filling of fillings) terminal.record({ type: 'filling', ...filling });
    terminal.record({ type: 'check', file, mistakes: mistakes.length, exitCode });
    return exitCode;
  }
  for (const mistake of mistakes) terminal.data(`${mistakeLine(file, mistake)}\n`);
  for (const { path, from, name } of fillings)
    terminal.talk(`${path} is filled in from ${from === 'env' ? 'the variable' : 'the file'} ${name}`);
  const { length } = mistakes;
  terminal.talk(
    length === 0 ? `${file} has no mistake` : `${file} has ${length} ${length === 1 ? 'mistake' : 'mistakes'}`,
  );
  return exitCode;
}

async function show(terminal: Terminal, file: string): Promise<number> {
  const { checkConfiguration, configurationView, mistakeLine } = await configurations();
  const { configuration, mistakes } = checkConfiguration(file);
  if (configuration === null) {
    if (terminal.json) for (const mistake of mistakes) terminal.record({ type: 'mistake', file, ...mistake });
    else for (const mistake of mistakes) terminal.talk(mistakeLine(file, mistake));
    return EXIT.configuration;
  }
  const view = configurationView(configuration);
  if (terminal.json) terminal.record({ type: 'configuration', file, ...view });
  else terminal.data((await import('yaml')).stringify(view));
  return EXIT.success;
}
