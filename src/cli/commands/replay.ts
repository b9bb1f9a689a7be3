/** `powerbox replay`: a recorded run, run again with nothing touched. A thin call of the public API. */
import { basename } from 'node:path';
import { PowerboxError } from '../../errors.ts';
import type { Console, Departure, replayTrace, ShownReplay, ShownTurn } from '../../index.ts';
import { EXIT } from '../exit.ts';
import { publicApi } from '../loading.ts';
import { channelLines } from '../report.ts';
import { readProgram, type Terminal } from '../terminal.ts';
import { example, JSON_HELP, type Register } from './command.ts';
import { readTurn, requireOrder, turnLines } from './trace.ts';

interface ReplayOptions {
  readonly from?: string;
  readonly until?: string;
  readonly step?: boolean;
  readonly breakOn?: string;
  readonly program?: string;
}

export const registerReplay: Register = (program, { terminal, leave }) => {
  program
    .command('replay')
    .description('run a recorded trace again, touching nothing, and stop at the first difference')
    .argument('<trace>', 'a file that --trace or trace record has written')
    .option('--from <turn>', 'begin with the last keyframe before this turn, and take the state there as it stands')
    .option('--until <turn>', 'stop after this turn, and show the state there')
    .option('--step', 'show each turn, and go on at each line of standard input: empty, a turn number, state or quit')
    .option('--break-on <channel>', 'stop at the first turn that sends or receives there, and show the state')
    .option(
      '--program <file>',
      'the same causes against this program instead of the one of its name: where do they part?',
    )
    .option('--json', JSON_HELP)
    .addHelpText(
      'after',
      example(
        'replay run.trace',
        'replay run.trace --until 120',
        'replay run.trace --from 100000 --step',
        'replay run.trace --break-on \'@"orders"\'',
        'replay run.trace --program orders.rho',
      ),
    )
    .action((trace: string, options: ReplayOptions) => leave(replay(terminal, trace, options)));
};

async function replay(terminal: Terminal, trace: string, options: ReplayOptions): Promise<number> {
  const { from: _, ...looked } = options;
  const until = options.until === undefined ? undefined : readTurn('--until', options.until);
  const from = options.from === undefined ? {} : { from: readTurn('--from', options.from) };
  requireOrder(from.from, until);
  const { Departure, replayTrace } = await publicApi();
  try {
    if (options.program !== undefined) {
      if (options.from !== undefined)
        throw new PowerboxError('usage', '--from and --program do not go together', {
          hint: 'Another program may be another from the first turn on.',
        });
      const text = readProgram(options.program);
      const against = { name: basename(options.program), text };
      return concluded(terminal, await replayTrace(trace, { against, ...(until === undefined ? {} : { until }) }));
    }
    if (options.step === true || options.breakOn !== undefined || until !== undefined)
      return await walk(terminal, trace, { ...looked, turn: until, ...from });
    const report = await replayTrace(trace, from);
    tellEnd(terminal, from.from, report.turn);
    return concluded(terminal, report);
  } catch (error) {
    if (error instanceof Departure) tellChain(terminal, error);
    throw error;
  }
}

function concluded(terminal: Terminal, report: Awaited<ReturnType<typeof replayTrace>>): number {
  const { turns, commits, causes } = report;
  if (terminal.json) terminal.record({ type: 'replayed', ...report });
  else
    terminal.data(`replayed ${turns} turns and ${causes} causes; each of ${commits} commits is as it was recorded\n`);
  return EXIT.success;
}

function tellChain(terminal: Terminal, { departure }: Departure): void {
  if (terminal.json) {
    terminal.record({ type: 'departure', ...departure });
    return;
  }
  terminal.talk(`recorded: ${departure.recorded}`);
  terminal.talk(`replayed: ${departure.replayed}`);
  for (const { turn, what } of departure.chain) terminal.talk(`  from turn ${turn}: ${what}`);
}

interface WalkOptions extends Pick<ReplayOptions, 'step' | 'breakOn'> {
  readonly turn: number | undefined;
  readonly from?: number;
}

async function walk(
  terminal: Terminal,
  trace: string,
  { step, breakOn, turn: until, from }: WalkOptions,
): Promise<number> {
  // Where nothing on the way is looked at, only the way from the last keyframe is gone.
  const isDirect = step !== true && breakOn === undefined;
  const first = from ?? (isDirect ? until : undefined);
  const { processConsole, ShownReplay } = await publicApi();
  const input = processConsole();
  const shown = await ShownReplay.open(trace, first === undefined ? {} : { from: first });
  let next = step === true ? 0 : Number.POSITIVE_INFINITY;
  let isStopped = false;
  try {
    for (let turn = await shown.next(until); turn !== null; turn = await shown.next(until)) {
      const isHit = breakOn !== undefined && touches(turn, breakOn);
      if (step === true || isHit) tell(terminal, turn);
      isStopped ||= isHit;
      if (isHit && step !== true) break;
      if (step !== true || (turn.turn < next && !isHit)) continue;
      const answer = await asked(terminal, input, shown);
      if (answer === null) return EXIT.success;
      next = answer;
    }
    if (breakOn !== undefined && !isStopped)
      terminal.talk(`no turn up to ${shown.turn} sends or receives on ${breakOn}, as trace show prints channels`);
    if (!isStopped) tellEnd(terminal, until, shown.turn);
    await tellState(terminal, shown);
    return EXIT.success;
  } finally {
    await shown.close();
  }
}

/** The turn until which it goes on without asking; null: no further. */
async function asked(terminal: Terminal, input: Pick<Console, 'readLine'>, shown: ShownReplay): Promise<number | null> {
  for (;;) {
    const line = await input.readLine(new AbortController().signal);
    const word = line?.trim() ?? 'quit';
    if (word === 'quit' || word === 'q') return null;
    if (word === '') return 0;
    if (/^\d{1,15}$/.test(word)) return Number(word);
    if (word === 'state' || word === 's') await tellState(terminal, shown);
    else terminal.talk('empty: the next turn; a number: on to that turn; state: what lies and waits; quit');
  }
}

/** A turn was asked for that the trace does not have. */
function tellEnd(terminal: Terminal, asked: number | undefined, last: number): void {
  if (asked !== undefined && asked > last)
    terminal.talk(`turn ${asked} was asked for; the trace ends with turn ${last}`);
}

function touches({ events }: ShownTurn, channel: string): boolean {
  const wanted = bare(channel);
  const is = (one: string): boolean => bare(one) === wanted;
  return events.some((event) => (event.type === 'send' ? is(event.channel) : event.channels.some(is)));
}

/** `@"orders"`, `@{"orders"}` and `"orders"` are one channel. */
function bare(channel: string): string {
  return channel
    .trim()
    .replace(/^@/, '')
    .replace(/^\{([\s\S]*)\}$/, '$1');
}

function tell(terminal: Terminal, turn: ShownTurn): void {
  if (terminal.json) terminal.record({ type: 'turn', ...turn });
  else for (const line of turnLines(turn)) terminal.data(`${line}\n`);
}

async function tellState(terminal: Terminal, shown: ShownReplay): Promise<void> {
  const channels = await shown.state();
  if (terminal.json) {
    terminal.record({ type: 'state', turn: shown.turn, channels });
    return;
  }
  terminal.talk(`after turn ${shown.turn}:`);
  for (const line of channelLines({ channels, truncated: false })) terminal.data(`${line}\n`);
}
