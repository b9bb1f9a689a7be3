/** `powerbox trace`: records what a space goes on to do, shows traces, makes them fit to be given away. */
import { PowerboxError } from '../../errors.ts';
import type { Admin, ShownEvent, ShownTurn } from '../../index.ts';
import { EXIT } from '../exit.ts';
import { publicApi } from '../loading.ts';
import { type CommonOptions, hasMore, open, working } from '../session.ts';
import type { Terminal } from '../terminal.ts';
import { common, example, JSON_HELP, type Register, requirePlace } from './command.ts';

interface ShowOptions {
  readonly from?: string;
  readonly until?: string;
  readonly chart?: boolean;
}

interface ExportOptions {
  readonly redact?: boolean;
  readonly withoutPayloads?: boolean;
}

export const registerTrace: Register = (program, { terminal, leave }) => {
  const trace = program.command('trace').description('record, show and export what a replay runs again');
  common(trace.command('record'))
    .description(
      'record a space: one that another process holds from now until this command is interrupted, ' +
        'else to quiescence, going on with what is in the directory',
    )
    .argument('<file>', 'the trace that is written; it must not be there yet')
    .addHelpText('after', example('trace record run.trace --data ./space'))
    .action((file: string, options: CommonOptions) => leave(record(terminal, file, options)));
  trace
    .command('show')
    .description('show who sent what to whom, turn by turn, nested by what led to it')
    .argument('<file>', 'a trace')
    .option('--from <turn>', 'begin with this turn')
    .option('--until <turn>', 'end with this turn')
    .option('--chart', 'a sequence diagram, in SVG')
    .option('--json', JSON_HELP)
    .addHelpText('after', example('trace show run.trace --from 100', 'trace show run.trace --chart > run.svg'))
    .action((file: string, options: ShowOptions) => leave(show(terminal, file, options)));
  trace
    .command('export')
    .description('write a trace that can be given away: it can be shown, not replayed')
    .argument('<file>', 'a trace')
    .argument('<out>', 'the file that is written; it must not be there yet')
    .option('--redact', 'digests and lengths in the place of all that was said')
    .option('--without-payloads', 'digests and lengths in the place of large messages only')
    .addHelpText('after', example('trace export run.trace shared.trace --redact'))
    .action((file: string, out: string, options: ExportOptions) => leave(exported(terminal, file, out, options)));
};

async function record(terminal: Terminal, file: string, options: CommonOptions): Promise<number> {
  requirePlace(options);
  const admin = await open(terminal, { ...options, trace: file, joins: true }, 'resume');
  if (admin.owner !== null) return recordRunning(terminal, admin, file);
  return working(terminal, options, admin, async () => {
    const deploys = (await admin.deploys()).filter(hasMore);
    terminal.talk(
      deploys.length === 0 ? 'nothing is left to do' : `recording ${deploys.map(({ name }) => name).join(', ')}`,
    );
    await admin.listen(deploys.map(({ id }) => id));
    return 'all';
  });
}

/** The process that has the space goes on, whatever becomes of this one. */
async function recordRunning(terminal: Terminal, admin: Admin, file: string): Promise<number> {
  const stop = new AbortController();
  const unlisten = terminal.onInterrupt(() => stop.abort());
  try {
    await admin.record(file, stop.signal, () =>
      terminal.talk(`recording process ${admin.owner}; interrupt this command to end the trace`),
    );
    terminal.talk(`${file} is whole`);
    return EXIT.success;
  } finally {
    unlisten();
    await admin.close();
  }
}

async function show(terminal: Terminal, file: string, { from, until, chart }: ShowOptions): Promise<number> {
  const options = {
    ...(from === undefined ? {} : { from: readTurn('--from', from) }),
    ...(until === undefined ? {} : { until: readTurn('--until', until) }),
  };
  requireOrder(options.from, options.until);
  const { chartTrace, showTrace } = await publicApi();
  if (chart === true) {
    terminal.data(await chartTrace(file, options));
    return EXIT.success;
  }
  let isShown = false;
  for await (const turn of showTrace(file, options)) {
    isShown = true;
    if (terminal.json) terminal.record({ type: 'turn', ...turn });
    else for (const line of turnLines(turn)) terminal.data(`${line}\n`);
  }
  if (!isShown) terminal.talk(`the trace has no turn${options.from === undefined ? '' : ` from ${options.from} on`}`);
  return EXIT.success;
}

async function exported(terminal: Terminal, file: string, out: string, options: ExportOptions): Promise<number> {
  if (options.redact !== true && options.withoutPayloads !== true)
    throw new PowerboxError('usage', 'what is to be left out is not said', {
      hint: 'Give --redact or --without-payloads.',
    });
  const { redactTrace } = await publicApi();
  redactTrace(file, out, { without: options.redact === true ? 'values' : 'payloads' });
  terminal.talk(`${out} can be shown, and not replayed`);
  return EXIT.success;
}

export function readTurn(option: string, text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new PowerboxError('usage', `${option} ${JSON.stringify(text)} is no number of a turn`, {
    hint: `For example ${option} 100.`,
  });
}

export function requireOrder(from: number | undefined, until: number | undefined): void {
  if (from !== undefined && until !== undefined && from > until)
    throw new PowerboxError('usage', `--from ${from} is behind --until ${until}: no turn is between them`);
}

/** Levels that a line is moved in by; deeper turns stand there, too. */
const DEPTH_MAX = 20;

/** One turn for people: what it was, and beneath it what it did. */
export function turnLines(turn: ShownTurn): string[] {
  const indent = '  '.repeat(Math.min(turn.depth, DEPTH_MAX));
  const refused = turn.refused === null ? '' : `, refused: ${turn.refused}`;
  return [
    `${indent}${turn.turn} ${turn.what}${refused}`,
    ...turn.events.map((event) => `${indent}    ${eventLine(event)}`),
  ];
}

function eventLine(event: ShownEvent): string {
  switch (event.type) {
    case 'send':
      return `${event.channel}${event.persist ? '!!' : '!'}(${event.message})`;
    case 'receive':
      if (event.owns) return `an object answers on ${event.channels.join(', ')}`;
      return `waits ${event.persist ? 'always ' : ''}on ${event.channels.join(' & ')}${event.peek ? ', looking only' : ''}`;
    default:
      return `${event.channels.join(' & ')} met (${event.got})${event.task === null ? '' : `: task ${event.task}`}`;
  }
}
