/**
 * What is said when a program has come to rest: what waits, channel by channel, and what each effect or parked
 * label waits for. Owns the wording; every fact comes from the public API.
 */
import type { FailureReport, Report, SystemContractReport } from '../index.ts';
import type { Terminal } from './terminal.ts';

/** Data and continuations shown of one channel. */
const SHOWN_MAX = 10;

export function tellReport(terminal: Terminal, report: Report): void {
  for (const line of reportLines(terminal, report)) terminal.talk(line);
}

function reportLines({ paint }: Terminal, report: Report): string[] {
  const lines: string[] = [];
  if (report.channels.length > 0)
    lines.push(paint('bold', 'left waiting:'), ...channelLines(report).map((line) => `  ${line}`));
  if (report.explanations.length > 0)
    lines.push(paint('bold', 'why:'), ...report.explanations.map((sentence) => `  ${sentence}`));
  const open = report.pending.filter(({ kind }) => kind === 'source');
  const unfinished = report.pending.filter(({ kind }) => kind !== 'source');
  if (unfinished.length > 0) lines.push(paint('bold', 'not finished:'));
  for (const pending of [...unfinished, ...open]) {
    if (pending.kind === 'source') lines.push(`  ${pending.what}: may still send to ${pending.channel}`);
    else if (pending.kind === 'refill')
      lines.push(`  ${pending.tasks} ready: the quota of the ${pending.of} is used up for now`);
    else if (pending.kind === 'parked') lines.push(`  ${pending.tasks} × ${pending.label}: ${pending.reason}`);
    else lines.push(`  ${pending.what}: ${STAGES[pending.stage]}, since ${(pending.for_ms / 1000).toFixed(1)} s`);
  }
  return lines;
}

/** Channel by channel, data first, in Rholang. */
export function channelLines({ channels, truncated }: Pick<Report, 'channels' | 'truncated'>): string[] {
  const lines: string[] = [];
  for (const { channel, data, dataCount, waiting, waitingCount } of channels) {
    lines.push(...shown(data, dataCount), ...shown(waiting, waitingCount));
    if (dataCount + waitingCount === 0) lines.push(`nothing on ${channel}`);
  }
  if (truncated) lines.push('… and more channels: name one to powerbox inspect');
  return lines;
}

const STAGES = {
  queued: 'waits for others of its kind to finish',
  running: 'has begun, and has not answered yet',
  answered: 'has answered, and is being recorded',
} as const;

function shown(lines: readonly string[], count: number): string[] {
  if (count <= SHOWN_MAX) return [...lines];
  return [...lines.slice(0, SHOWN_MAX), `… and ${count - SHOWN_MAX} more`];
}

/** What of a system contract runs, and what the configuration has. */
export function contractLine({ name, deploy, holder, file, hash, fileHash, state }: SystemContractReport): string {
  const text = [hash, fileHash].map((one) => (one === '' ? 'none' : one.slice(0, 12)));
  const runs = deploy === null ? '' : ` as deploy ${deploy}, ${text[0]}`;
  const has = state === 'changed' ? `; ${file} has ${text[1]}: powerbox system update ${name}` : '';
  return `system contract ${name} (${file === '' ? 'no file' : file}, holder ${holder}): ${state}${runs}${has}`;
}

export function tellFailure(terminal: Terminal, failure: FailureReport): void {
  if (terminal.json) {
    terminal.record({ type: 'failure', ...failure });
    return;
  }
  const source = failure.source === '' ? '' : terminal.paint('dim', ` (${failure.source})`);
  terminal.talk(`${terminal.paint('red', failure.code)}: ${failure.message}${source}`);
  if (failure.hint !== '') terminal.talk(`hint: ${failure.hint}`);
  if (failure.dropped > 0)
    terminal.talk(terminal.paint('dim', `${failure.dropped} failures before this one were left out`));
}
