/** `powerbox grants`, `revoke` and `regrant`: who has what, what became of it, and taking it back. */
import type { Admin, DerivedReport, GrantReport } from '../../index.ts';
import { EXIT } from '../exit.ts';
import { type CommonOptions, open } from '../session.ts';
import type { Terminal } from '../terminal.ts';
import { example, JSON_HELP, place, type Register, requirePlace } from './command.ts';

interface GrantOptions extends Pick<CommonOptions, 'data' | 'space' | 'config'> {
  readonly holder?: string;
}

export const registerGrants: Register = (program, { terminal, leave }) => {
  place(program.command('grants'))
    .description('show what each holder was granted, and what programs derived from it and passed on; nothing runs')
    .option('--holder <name>', 'of this holder alone')
    .option('--json', JSON_HELP)
    .addHelpText('after', example('grants --data ./space', 'grants --data ./space --holder alice --json'))
    .action((options: GrantOptions) => leave(grants(terminal, options)));
  place(program.command('revoke'))
    .description('take a power back, with everything that came from it; it stays so until regrant')
    .argument('<power>', 'its name, such as files')
    .option('--holder <name>', 'whose it is, where several holders have one of this name')
    .option('--json', JSON_HELP)
    .addHelpText('after', example('revoke files --data ./space', 'revoke http --holder alice --data ./space'))
    .action((power: string, options: GrantOptions) => leave(change(terminal, 'revoke', power, options)));
  place(program.command('regrant'))
    .description('let a revoked power hold again, with what was derived from it')
    .argument('<power>', 'its name, such as files')
    .option('--holder <name>', 'whose it is, where several holders have one of this name')
    .option('--json', JSON_HELP)
    .addHelpText('after', example('regrant files --data ./space'))
    .action((power: string, options: GrantOptions) => leave(change(terminal, 'regrant', power, options)));
};

async function grants(terminal: Terminal, options: GrantOptions): Promise<number> {
  await held(terminal, options, async (admin) => {
    for (const grant of await admin.grants()) {
      if (options.holder !== undefined && grant.holder !== options.holder) continue;
      if (terminal.json) terminal.record({ type: 'grant', ...grant });
      else for (const line of grantLines(grant)) terminal.data(`${line}\n`);
    }
  });
  return EXIT.success;
}

async function change(
  terminal: Terminal,
  how: 'revoke' | 'regrant',
  power: string,
  options: GrantOptions,
): Promise<number> {
  const { holder } = options;
  await held(terminal, options, async (admin) => {
    const changed = await admin[how](power, holder === undefined ? {} : { holder });
    if (terminal.json) terminal.record({ type: how, power, changed });
    else if (changed) terminal.data(`${power} is ${how === 'revoke' ? 'revoked' : 'granted again'}\n`);
    else terminal.data(how === 'revoke' ? `${power} was revoked before\n` : `${power} was not revoked\n`);
  });
  return EXIT.success;
}

/** Of the process that holds the space; else with it open, in which nothing runs. */
async function held(
  terminal: Terminal,
  { data, space, config }: GrantOptions,
  run: (admin: Admin) => Promise<void>,
): Promise<void> {
  const where = {
    ...(data === undefined ? {} : { data }),
    ...(space === undefined ? {} : { space }),
    ...(config === undefined ? {} : { config }),
  };
  requirePlace(where);
  const admin = await open(terminal, where, 'hold');
  try {
    await run(admin);
  } finally {
    await admin.close();
  }
}

function* grantLines({ grant, kind, revoked, derived }: GrantReport): Generator<string> {
  yield `${grant} (${kind})${revoked ? ', revoked' : ''}`;
  for (const one of derived) yield* derivedLines(one, '  ');
}

function* derivedLines(one: DerivedReport, indent: string): Generator<string> {
  const { capability, rule, by, users, ended, derived } = one;
  const person = ({ deploy, holder }: { readonly deploy: number; readonly holder: string }): string =>
    holder === '' ? 'this program' : `deploy ${deploy} of ${holder}`;
  const used = users.length === 0 ? '' : `, used by ${users.map(person).join(' and ')}`;
  yield `${indent}${capability}: ${rule}, made by ${person(by)}${used}${ended === null ? '' : `, ${ended}`}`;
  for (const child of derived) yield* derivedLines(child, `${indent}  `);
}
