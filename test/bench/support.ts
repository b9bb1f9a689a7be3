/** What the benchmarks share: a result line, medians of interleaved rounds, spaces in memory and on disk. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compilePattern } from '../../src/match/index.ts';
import { realPlatform } from '../../src/platform/index.ts';
import { compileText, RHO_LABEL, RholangRunner } from '../../src/rholang/index.ts';
import {
  type Body,
  type EngineOptions,
  SpaceEngine,
  SpaceHost,
  type Task,
  type TaskRouter,
} from '../../src/space/index.ts';
import { type Durability, openStore, type Store } from '../../src/store/index.ts';
import { FreeVariable } from '../../src/values/index.ts';
import { type Child, withChild } from './child.ts';

/** One result, as `npm run bench -- --json` prints it. `met` is false when the peer is missing. */
export interface BenchLine {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What it is measured against in the same run, with its own value in the same unit. */
  readonly reference: string;
  readonly ratio: number;
  readonly goal: string;
  readonly met: boolean;
}

export const platform = realPlatform();

export function median(samples: readonly number[]): number {
  const sorted = [...samples].sort((left, right) => left - right);
  return sorted[sorted.length >> 1] as number;
}

export function line(
  name: string,
  unit: string,
  ours: number,
  reference: string,
  theirs: number,
  least: number,
): BenchLine {
  const ratio = ours / theirs;
  return {
    name,
    value: Math.round(ours),
    unit,
    reference: `${reference}: ${Math.round(theirs)}`,
    ratio: Number(ratio.toFixed(3)),
    goal: `at least ${least}`,
    met: ratio >= least,
  };
}

/** As `line`, where less is better. */
export function atMost(
  name: string,
  unit: string,
  ours: number,
  reference: string,
  theirs: number,
  most: number,
): BenchLine {
  const ratio = ours / theirs;
  return {
    name,
    value: Number(ours.toFixed(3)),
    unit,
    reference: `${reference}: ${theirs.toFixed(3)}`,
    ratio: Number(ratio.toFixed(3)),
    goal: `at most ${most}`,
    met: ratio <= most,
  };
}

/** A server in a process of its own, on a port of the loopback, for as long as `body` takes; it can be asked, too. */
export function withServer<T>(
  kind: 'echo' | 'http',
  body: (port: number, ask: Child['ask']) => Promise<T>,
): Promise<T> {
  return withChild('server-child', [kind], ({ ready, ask }) => body(Number(ready), ask));
}

export function missing(name: string, unit: string, reference: string, least: number): BenchLine {
  return {
    name,
    value: 0,
    unit,
    reference: `${reference}: not on this machine`,
    ratio: 0,
    goal: `at least ${least}`,
    met: false,
  };
}

/** Runs both in turn, `rounds` times after one that does not count; the medians of what they return. */
export async function interleave(
  rounds: number,
  ours: () => Promise<number>,
  theirs: () => Promise<number>,
): Promise<{ ours: number; theirs: number }> {
  const own: number[] = [];
  const other: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const one = await ours();
    const two = await theirs();
    if (round === 0) continue;
    own.push(one);
    other.push(two);
  }
  return { ours: median(own), theirs: median(other) };
}

/** Operations a second of a body that does `count` of them. */
export async function rate(count: number, body: () => void | Promise<void>): Promise<number> {
  const started_ms = performance.now();
  await body();
  return (count / (performance.now() - started_ms)) * 1000;
}

export async function inDirectory<T>(body: (directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'bench-'));
  try {
    return await body(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

export const NOBODY: TaskRouter = { handling: () => 'parked', run: () => {}, deliver: () => {} };

export interface Opened {
  readonly engine: SpaceEngine;
  readonly host: SpaceHost;
  readonly store: Store | null;
}

export async function openSpace(
  directory: string | null,
  options: { durability?: Durability; router?: TaskRouter } & Partial<EngineOptions> = {},
): Promise<Opened> {
  const { durability = 'sync', router = NOBODY, ...rest } = options;
  const store = directory === null ? null : await openStore({ directory, durability, platform });
  const engine = await SpaceEngine.open({ platform, store, ...rest });
  engine.start(router);
  return { engine, host: new SpaceHost(engine, platform), store };
}

/** A Rholang program from its text to the moment when nothing is ready any more. */
export async function runProgram(source: string, directory: string | null): Promise<number> {
  const runner = new RholangRunner();
  const router: TaskRouter = {
    handling: () => 'inline',
    run: (task: Task, turn) => runner.run(task, turn),
    deliver: () => {},
  };
  const { engine } = await openSpace(directory, { router });
  const { term } = compileText(source, { uris: new Map() });
  const started_ms = performance.now();
  const done = new Promise<void>((resolve) => engine.onIdle((account) => account === 1 && resolve()));
  await engine.post({ kind: 'deploy', payload: null, account: 1 }, (turn) => {
    const body: Body = { label: RHO_LABEL, term: turn.term(term), place: 0, environment: [] };
    turn.spawn(body, []);
  });
  await done;
  // Durable, when there is a disk: the last commit is waited for.
  await engine.post({ kind: 'end', payload: null, account: 0 }, () => {});
  const took_ms = performance.now() - started_ms;
  await engine.close();
  return took_ms;
}

/** `(key, payload)` of about 200 bytes, as the operation has it. */
export const PAYLOAD = 'x'.repeat(190);
export const byKey = (key: number | string) => compilePattern([key, new FreeVariable(0)], null);
export const anyMessage = compilePattern([new FreeVariable(0), new FreeVariable(1)], null);
