/** `powerbox token`: a token by which a client is a holder, and new keys to sign them with. Thin calls of the service. */
import { PowerboxError } from '../../errors.ts';
import { nodeTokens } from '../loading.ts';
import { EXIT } from '../exit.ts';
import type { Terminal } from '../terminal.ts';
import { collect, example, JSON_HELP, type Register } from './command.ts';

interface TokenCommandOptions {
  readonly data: string;
  readonly holder?: string;
  readonly space?: readonly string[];
  readonly lifetime?: string;
  readonly drop?: boolean;
}

export const registerToken: Register = (program, { terminal, leave }) => {
  const token = program
    .command('token')
    .description('make a token by which a client of the node is a holder')
    .requiredOption('--data <dir>', 'data directory of the node')
    .option('--holder <name>', 'which holder')
    .option('--space <name>', 'a space that it is good for; may be repeated; default: all', collect)
    .option('--lifetime <time>', 'how long it holds: 90s, 15m, 12h, 30d', '30d')
    .option('--json', JSON_HELP)
    .addHelpText('after', example('token --holder alice --data ./node', 'token rotate --data ./node'))
    .action((options: TokenCommandOptions) => leave(issue(terminal, options)));
  token
    .command('rotate')
    .description('sign with a new key from now on; tokens that there are hold until their time is over')
    .option('--drop', 'they hold no more')
    .option('--json', JSON_HELP)
    .action((_, command) => leave(rotate(terminal, command.optsWithGlobals() as TokenCommandOptions)));
};

async function issue(terminal: Terminal, { data, holder, space, lifetime }: TokenCommandOptions): Promise<number> {
  if (holder === undefined)
    throw new PowerboxError('usage', 'required option --holder <name> is not specified', {
      hint: 'For example powerbox token --holder alice --data ./node.',
    });
  const lifetime_ms = readTime(lifetime ?? '30d');
  const { issueNodeToken, spacesMissing } = await nodeTokens();
  const token = await issueNodeToken(data, {
    holder,
    lifetime_ms,
    ...(space === undefined ? {} : { spaces: space }),
  });
  for (const name of spacesMissing(data, space ?? []))
    terminal.talk(`there is no space ${name} in ${data} yet; powerbox space create ${name} --data ${data}`);
  if (terminal.json) terminal.record({ type: 'token', holder, token });
  else terminal.data(`${token}\n`);
  return EXIT.success;
}

async function rotate(terminal: Terminal, { data, drop }: TokenCommandOptions): Promise<number> {
  await (await nodeTokens()).rotateNodeSecret(data, { drop: drop === true });
  if (terminal.json) terminal.record({ type: 'rotated', dropped: drop === true });
  else terminal.data(drop === true ? 'a new key signs, and the others are gone\n' : 'a new key signs\n');
  return EXIT.success;
}

const UNITS_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

function readTime(text: string): number {
  const [, number = '', unit = 's'] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  if (number !== '') return Number(number) * UNITS_MS[unit as keyof typeof UNITS_MS];
  throw new PowerboxError('usage', `--lifetime ${JSON.stringify(text)} is no time`, {
    hint: 'For example --lifetime 12h.',
  });
}
