/**
 * Kills a node and the host with a store that it runs, each at its own moments, and holds the record of one against that
 * of the other: what was answered is finished there, what was refused is not, and nothing stays prepared. Owns the
 * directories and the plan of kills.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DISPATCH_FAILPOINTS, type DispatchFailpoint } from '../../src/dispatch/index.ts';
import { Random } from '../../src/platform/index.ts';
import { program } from './build.ts';
import { onWholeLines } from './lines.ts';

export const ORDERS = 12;
const LIFE_MS_MAX = 180_000;
const NODE_KILLS = 3;
/** Lives of the host that end by its own hand, in one directory. */
const HOST_KILLS = 3;
/** Among how many passes of a moment one is chosen: fewer in the first process, which makes them for certain. */
const PASSES = 10;
const FIRST_PASSES = 3;
/** Among how many moments of its work its own end is chosen, so that a directory sees all of them before it is done. */
const HOST_MOMENTS = 20;
const HOME = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** Orders one after the other and side by side; each answer is kept by its order. */
export const PROGRAM = `contract main(box, @config) = {
  for (ledger <- @*box!?("native", "ledger")) {
    for (@order <= @"orders") {
      for (@answer <- ledger!?("add", order)) {
        match answer {
          ("error", {"code": code, ..._}) => { @"answers"!(order, code) }
          _ => { @"answers"!(order, "ok") }
        }
      }
    }
  }
}`;

export interface HostsOptions {
  readonly data: string;
  /** What follows `node` to start the host. */
  readonly ledger: readonly string[];
  readonly plan: string;
  readonly kill?: { readonly at: DispatchFailpoint; readonly pass: number };
}

export type HostsLine =
  | { readonly type: 'started' }
  | {
      readonly type: 'told';
      readonly answers: readonly (readonly [number, string])[];
      readonly strange: readonly string[];
    }
  | { readonly type: 'broken'; readonly message: string };

export type LedgerLine =
  | { readonly kind: 'prepared'; readonly effect: string; readonly client: string; readonly order: number }
  | { readonly kind: 'finished' | 'dropped'; readonly effect: string };

/** Whole lines only: a kill may have cut the last one. */
export function readLedger(directory: string): LedgerLine[] {
  const file = join(directory, 'ledger');
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as LedgerLine);
}

/** What was prepared and is neither finished nor dropped: orders by effect. */
export function preparedOf(lines: readonly LedgerLine[]): ReadonlyMap<string, number> {
  const orders = new Map<string, number>();
  for (const line of lines) {
    if (line.kind === 'prepared') orders.set(line.effect, line.order);
    else orders.delete(line.effect);
  }
  return orders;
}

/** How often the host in this directory has ended by its own hand. */
export function deathsOf(directory: string): number {
  const file = join(directory, 'deaths');
  return existsSync(file) ? readFileSync(file).length : 0;
}

export interface HostsResult {
  /** By moment. */
  readonly nodeKilledAt: Readonly<Record<DispatchFailpoint, number>>;
  readonly nodeKills: number;
  readonly hostKills: number;
  readonly refused: number;
  readonly dropped: number;
}

interface Life {
  readonly told: Extract<HostsLine, { readonly type: 'told' }> | null;
  readonly killed: boolean;
}

async function live(options: HostsOptions): Promise<Life> {
  const child = spawn(process.execPath, [...program('hosts'), JSON.stringify(options)], {
    env: { ...process.env, NODE_OPTIONS: '' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const late = setTimeout(() => child.kill('SIGKILL'), LIFE_MS_MAX);
  let told: Life['told'] = null;
  const broken: string[] = [];
  onWholeLines(child.stdout, (text) => {
    const line = JSON.parse(text) as HostsLine;
    if (line.type === 'told') told = line;
    else if (line.type === 'broken') broken.push(line.message);
  });
  const signal = await new Promise<NodeJS.Signals | null>((resolve) => child.on('close', (_, by) => resolve(by)));
  clearTimeout(late);
  assert.deepEqual(broken, []);
  const life: Life = { told, killed: signal === 'SIGKILL' };
  assert.ok(
    life.killed ? options.kill !== undefined : life.told !== null,
    'a node ended without its word, or came to no end',
  );
  return life;
}

/** One directory, from the first order to the agreement of both. */
export async function hostsDirectory(seed: number): Promise<HostsResult> {
  const random = new Random(seed, 17);
  const data = mkdtempSync(join(HOME, 'powerbox-hosts-'));
  const plan = JSON.stringify(Array.from({ length: HOST_KILLS }, () => 1 + random.below(HOST_MOMENTS)));
  const common = { data, ledger: program('ledger'), plan };
  const nodeKilledAt = noKills();
  try {
    for (let index = 0; index < NODE_KILLS; index++) {
      // In turn, and each is now and then the first, when there is the most to do.
      const at = DISPATCH_FAILPOINTS[(seed + index) % DISPATCH_FAILPOINTS.length] as DispatchFailpoint;
      const pass = 1 + random.below(index === 0 ? FIRST_PASSES : PASSES);
      const { killed } = await live({ ...common, kill: { at, pass } });
      if (killed) nodeKilledAt[at]++;
    }
    const { told } = await live(common);
    assert.ok(told !== null);
    assert.deepEqual(told.strange, []);
    const nodeKills = Object.values(nodeKilledAt).reduce((sum, kills) => sum + kills, 0);
    return { nodeKilledAt, nodeKills, ...agreement(data, told.answers) };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new Error(`${message}\nagain: CRASH_HOST_SEED=${seed} npx mocha test/crash/hosts.test.ts`, { cause: error });
  } finally {
    rmSync(data, { recursive: true, force: true });
  }
}

export function noKills(): Record<DispatchFailpoint, number> {
  return Object.fromEntries(DISPATCH_FAILPOINTS.map((at) => [at, 0])) as Record<DispatchFailpoint, number>;
}

function agreement(
  data: string,
  answers: readonly (readonly [number, string])[],
): Omit<HostsResult, 'nodeKills' | 'nodeKilledAt'> {
  const orders = new Map<string, number>();
  const finished: number[] = [];
  let dropped = 0;
  for (const line of readLedger(data)) {
    if (line.kind === 'prepared') orders.set(line.effect, line.order);
    else {
      const order = orders.get(line.effect);
      assert.ok(order !== undefined, 'what was never prepared is over');
      orders.delete(line.effect);
      if (line.kind === 'finished') finished.push(order);
      else dropped++;
    }
  }
  const done = answers.filter(([, answer]) => answer === 'ok').map(([order]) => order);
  const ascending = (left: number, right: number): number => left - right;
  assert.deepEqual(
    answers.map(([order]) => order).sort(ascending),
    Array.from({ length: ORDERS }, (_, index) => index + 1),
  );
  assert.deepEqual(finished.sort(ascending), done.sort(ascending), 'the two do not agree on what was done');
  assert.deepEqual([...orders], [], 'something is prepared still');
  return { hostKills: deathsOf(data), refused: answers.length - done.length, dropped };
}
