/** `powerbox space`: the spaces of a node. Each is a thin call of the service, which asks a node that runs. */
import { resolve } from 'node:path';
import { PowerboxError } from '../../errors.ts';
import type { NodeAdmin, SpaceEntry } from '../../service/index.ts';
import { nodeService } from '../loading.ts';
import { EXIT } from '../exit.ts';
import type { Terminal } from '../terminal.ts';
import { collect, example, JSON_HELP, type Register } from './command.ts';

interface SpaceOptions {
  readonly data: string;
  readonly owner?: string;
  readonly config?: string;
  readonly quota?: readonly string[];
  readonly force?: boolean;
}

const QUOTAS = [
  'bytes_max',
  'continuations_max',
  'tasks_max',
  'tasks_per_second',
  'steps_per_second',
  'cost_max',
] as const;

export const registerSpace: Register = (program, { terminal, leave }) => {
  const space = program
    .command('space')
    .description('the spaces of a node, each with its own journal, keys and quotas')
    .addHelpText('after', example('space create shop --data ./node --owner alice', 'space list --data ./node'));
  space
    .command('create')
    .description('make a space; a node that runs serves it at once')
    .argument('<name>', 'a letter, and at most 63 letters, digits, - or _')
    .requiredOption('--data <dir>', 'data directory of the node')
    .option('--owner <holder>', 'who alone may enter it')
    .option('--config <file>', 'its configuration; without one its owner has no powers')
    .option('--quota <bound>', `of each of its holders: ${QUOTAS.join('=N, ')}=N; may be repeated`, collect)
    .option('--json', JSON_HELP)
    .action((name: string, options: SpaceOptions) => leave(create(terminal, name, options)));
  space
    .command('list')
    .description('show which there are')
    .requiredOption('--data <dir>', 'data directory of the node')
    .option('--json', JSON_HELP)
    .action((options: SpaceOptions) => leave(list(terminal, options)));
  space
    .command('rm')
    .description('remove a space and all that is in it')
    .argument('<name>', 'its name')
    .requiredOption('--data <dir>', 'data directory of the node')
    .option('--force', 'also when work is left in it')
    .option('--json', JSON_HELP)
    .action((name: string, options: SpaceOptions) => leave(remove(terminal, name, options)));
};

async function create(terminal: Terminal, name: string, { data, owner, config, quota }: SpaceOptions): Promise<number> {
  const settings = {
    owner: owner ?? null,
    quotas: quota === undefined ? null : Object.fromEntries(quota.map(readBound)),
    config: config === undefined ? null : resolve(config),
  };
  await withNode(data, async (node) => tell(terminal, 'created', await node.create(name, settings)));
  return EXIT.success;
}

async function list(terminal: Terminal, { data }: SpaceOptions): Promise<number> {
  await withNode(data, async (node) => {
    const spaces = await node.list();
    if (spaces.length === 0 && !terminal.json) terminal.talk('there are no spaces');
    for (const space of spaces) tell(terminal, 'space', space);
  });
  return EXIT.success;
}

async function remove(terminal: Terminal, name: string, { data, force }: SpaceOptions): Promise<number> {
  await withNode(data, (node) => node.remove(name, force === true));
  if (terminal.json) terminal.record({ type: 'removed', name });
  else terminal.data(`the space ${name} is removed\n`);
  return EXIT.success;
}

async function withNode(data: string, run: (node: NodeAdmin) => Promise<void>): Promise<void> {
  const node = await (await nodeService()).openNodeAdmin(data);
  try {
    await run(node);
  } finally {
    await node.close();
  }
}

function tell(terminal: Terminal, type: string, space: SpaceEntry): void {
  if (terminal.json) {
    terminal.record({ type, ...space });
    return;
  }
  const { name, directory, owner, quotas, config } = space;
  const said = [
    ...(owner === null ? [] : [`owner ${owner}`]),
    ...(quotas === null ? [] : [JSON.stringify(quotas)]),
    ...(config === null ? [] : [`configuration ${config}`]),
  ];
  terminal.data(`${name}: ${[directory, ...said].join(', ')}\n`);
}

function readBound(text: string): [string, number] {
  const [, name = '', number = ''] = /^([a-z_]+)=(\d{1,15})$/.exec(text) ?? [];
  if ((QUOTAS as readonly string[]).includes(name)) return [name, Number(number)];
  throw new PowerboxError('usage', `--quota ${JSON.stringify(text)} is no bound: ${QUOTAS.join('=N, ')}=N`, {
    hint: 'For example --quota bytes_max=100000000.',
  });
}
