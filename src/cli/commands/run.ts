/** `powerbox run` and `powerbox resume`: programs, run to quiescence. Each is a thin call of the public API. */
import { basename } from 'node:path';
import { PowerboxError } from '../../errors.ts';
import { type CommonOptions, grantsOf, hasMore, open, working } from '../session.ts';
import { readProgram, type Terminal } from '../terminal.ts';
import { common, example, type Register, requirePlace } from './command.ts';

interface RunOptions extends CommonOptions {
  readonly atomic?: boolean;
  readonly also?: boolean;
  readonly system?: string;
}

export const registerRun: Register = (program, { terminal, leave }) => {
  common(program.command('run'))
    .description('run a program, to quiescence')
    .argument('[file]', 'a program in Rholang, or - for standard input; none to run what --config starts')
    .option('--also', 'run beside the work that an earlier run left in the directory')
    .option('--atomic', 'all of it happens, up to its first calls to the world, or (when a branch fails) nothing')
    .option('--system <file>', 'a system contract: contract main(box, @config) = {…}, which gets its powerbox once')
    .option('--public-system', 'also answer on the public name @"system"')
    .option('--trace <file>', 'record the run into a new file, for powerbox replay')
    .option('--holder <name>', 'run it with the powers of this holder of the configuration')
    .addHelpText(
      'after',
      example(
        'run hello.rho',
        'run notes.rho --data ./space --grant files=./notes',
        'run --config powerbox.yaml --data ./space',
        'run report.rho --config powerbox.yaml --holder alice',
        'run hello.rho --json | jq -r "select(.type == \\"stdout\\").text"',
      ),
    )
    .action((file: string | undefined, options) => leave(run(terminal, file, options)));

  common(program.command('resume'))
    .description('go on with what an earlier run left, to quiescence')
    .option('--public-system', 'also answer on the public name @"system"')
    .addHelpText('after', example('resume --data ./space'))
    .action((options) => leave(resume(terminal, options)));
};

async function run(terminal: Terminal, file: string | undefined, options: RunOptions): Promise<number> {
  const text = file === undefined ? null : readProgram(file);
  if (text === null && options.config === undefined && options.system === undefined) {
    throw new PowerboxError('usage', 'a program is missing', {
      hint: 'powerbox run FILE; without one, --config or --system says what runs',
    });
  }
  const systemText = options.system === undefined ? null : readProgram(options.system);
  const { holder } = options;
  const atomic = options.atomic === true ? { atomic: true } : {};
  const whose = holder === undefined ? { grants: await grantsOf(options) } : { holder };
  const admin = await open(terminal, options, options.also === true ? 'resume' : 'refuse');
  return working(terminal, options, admin, async () => {
    const system =
      systemText === null ? null : await admin.system(systemText, { name: basename(options.system ?? ''), ...whose });
    const deploy = text === null ? null : await admin.run(text, { name: basename(file ?? ''), ...atomic, ...whose });
    // A program may hand its work to what earlier ones left there (the sender of a message pays for what it sets off),
    // so the end of it is the end of all; beside unfinished work, or what another process runs, it is not waited for.
    if (options.also !== true && admin.owner === null) return 'all';
    return [system, deploy].filter((started) => started !== null).map(({ id }) => id);
  });
}

async function resume(terminal: Terminal, options: CommonOptions): Promise<number> {
  requirePlace(options);
  const admin = await open(terminal, options, 'resume');
  return working(terminal, options, admin, async () => {
    const deploys = (await admin.deploys()).filter(hasMore);
    const { service } = await admin.info();
    // A node that is out of service goes on with nothing: that is refused further down, in its own words.
    if (service.service === 'in')
      terminal.talk(
        deploys.length === 0 ? 'nothing is left to do' : `going on with ${deploys.map(({ name }) => name).join(', ')}`,
      );
    await admin.listen(deploys.map(({ id }) => id));
    return 'all';
  });
}
