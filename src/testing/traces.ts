/** Traces in tests: what a run did as lines that are the same every time, and where two runs differ. */
import type { Native } from '../../channels/index.ts';
import { replayTrace as replayWhole, showTrace } from '../embedding/index.ts';
import { PowerboxError } from '../errors.ts';
import type { ReplayReport, ShownEvent } from '../trace/index.ts';
import { NameNumbers } from './names.ts';
import { TestSpace, type TestSpaceOptions } from './space.ts';

/** Does `run` in a space for tests, until it is at rest, and resolves with the trace. */
export async function recordTrace(
  run: (space: TestSpace) => Promise<void>,
  options: TestSpaceOptions = {},
): Promise<Uint8Array> {
  const space = await TestSpace.open(options);
  try {
    await run(space);
    await space.rest();
  } finally {
    await space.close();
  }
  return space.close();
}

/** Runs a trace again; rejects with `trace_departed` at the first turn that differs. */
export function replayTrace(
  trace: Uint8Array | string,
  { natives = [] }: { readonly natives?: readonly Native[] } = {},
): Promise<ReplayReport> {
  return replayWhole(trace, { natives });
}

/** What a trace shows, a line a turn and a line for each thing that it did; names as `#1`, `#2`. */
export async function traceLines(
  trace: Uint8Array | string,
  { natives = [] }: { readonly natives?: readonly Native[] } = {},
): Promise<readonly string[]> {
  const numbers = new NameNumbers();
  const lines: string[] = [];
  for await (const turn of showTrace(trace, { natives })) {
    const refused = turn.refused === null ? '' : `, refused: ${turn.refused}`;
    lines.push(numbers.rename(`${turn.turn} ${turn.what}${refused}`));
    for (const event of turn.events) lines.push(numbers.rename(`  ${eventLine(event)}`));
  }
  return lines;
}

function eventLine(event: ShownEvent): string {
  if (event.type === 'send') return `${event.channel}${event.persist ? '!!' : '!'}(${event.message})`;
  const channels = event.channels.join(' & ');
  if (event.type === 'match') return `${channels} met (${event.got})`;
  if (event.owns) return `an object answers on ${channels}`;
  return `waits ${event.persist ? 'always ' : ''}on ${channels}${event.peek ? ', looking only' : ''}`;
}

/** Rejects with `trace_departed` where two traces do not show the same, with the lines around the first difference. */
export async function compareTraces(
  expected: Uint8Array | string,
  actual: Uint8Array | string,
  options: { readonly natives?: readonly Native[] } = {},
): Promise<void> {
  requireSame(await traceLines(expected, options), await traceLines(actual, options));
}

/** Lines that are shown before the first that differs, and of each side from there on. */
const CONTEXT = 3;
const SHOWN = 8;

export function requireSame(expected: readonly string[], actual: readonly string[]): void {
  let at = 0;
  while (at < expected.length && at < actual.length && expected[at] === actual[at]) at++;
  if (at === expected.length && at === actual.length) return;
  const diff = [
    ...expected.slice(Math.max(0, at - CONTEXT), at).map((line) => `  ${line}`),
    ...expected.slice(at, at + SHOWN).map((line) => `- ${line}`),
    ...actual.slice(at, at + SHOWN).map((line) => `+ ${line}`),
  ];
  throw new PowerboxError('trace_departed', `the traces part at line ${at + 1}:\n${diff.join('\n')}`, {
    hint: 'Where the change is wanted, record again: POWERBOX_UPDATE=1.',
  });
}
