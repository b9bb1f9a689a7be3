/** One process of a workload, from its start to its end, and what it said. Owns the process; nobody else kills it. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { program } from './build.ts';
import { onWholeLines } from './lines.ts';
import type { ChildOptions, Line, Moment } from './messages.ts';

/** Nothing of these workloads takes as long, also on a busy machine. */
const LIFE_MS_MAX = 180_000;

export interface Life {
  readonly lines: readonly Line[];
  readonly killed: boolean;
  /** The moment at which it killed itself. */
  readonly at: Moment | null;
  readonly code: number | null;
  /** What it wrote on standard error; nothing, most often. */
  readonly talk: string;
  /** Milliseconds from its first word to its end. */
  readonly took_ms: number;
}

function started(args: readonly string[]): ChildProcessByStdio<null, Readable, Readable> {
  // What loads TypeScript into this process would only slow that one down.
  const env = { ...process.env, NODE_OPTIONS: '' };
  return spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
}

/** With `after_ms` it is killed so long after its first word. */
export async function live(options: ChildOptions, after_ms: number | null = null): Promise<Life> {
  const process_ = started([...program('child'), JSON.stringify(options)]);
  const lines: Line[] = [];
  let talk = '';
  let started_ms = 0;
  let timer: NodeJS.Timeout | undefined;
  const overdue = setTimeout(() => {
    lines.push({ type: 'broken', message: `it did not end within ${LIFE_MS_MAX} ms` });
    process_.kill('SIGKILL');
  }, LIFE_MS_MAX);
  process_.stderr.setEncoding('utf8').on('data', (text: string) => (talk += text));
  onWholeLines(process_.stdout, (text) => {
    const line = JSON.parse(text) as Line;
    lines.push(line);
    if (line.type !== 'started') return;
    started_ms = performance.now();
    if (after_ms !== null) timer = setTimeout(() => process_.kill('SIGKILL'), after_ms);
  });
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    process_.on('error', reject);
    process_.on('close', (...ended) => resolve(ended));
  });
  clearTimeout(timer);
  clearTimeout(overdue);
  const took_ms = started_ms === 0 ? 0 : performance.now() - started_ms;
  const dies = lines.findLast((line) => line.type === 'dies');
  return { lines, killed: signal === 'SIGKILL', at: dies?.at ?? null, code, talk, took_ms };
}

/** `powerbox resume`, as an operator types it; with `after_ms` it is killed so long after its start. */
export async function resume(
  data: string,
  after_ms: number = LIFE_MS_MAX,
): Promise<{ readonly code: number | null; readonly text: string }> {
  const command = started([...program('command'), 'resume', '--data', data]);
  let text = '';
  for (const stream of [command.stdout, command.stderr])
    stream.setEncoding('utf8').on('data', (part: string) => (text += part));
  const timer = setTimeout(() => command.kill('SIGKILL'), after_ms);
  const code = await new Promise<number | null>((resolve, reject) => {
    command.on('error', reject);
    command.on('close', resolve);
  });
  clearTimeout(timer);
  return { code, text };
}
