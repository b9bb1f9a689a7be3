/**
 * Kills processes whose effects go over the network, and holds what they were told against what a server saw that
 * lives on: a change is seen once by its key, or at most once without one and then its caller knows it. Owns the
 * server, the directories and the plan of kills.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DISPATCH_FAILPOINTS, type DispatchFailpoint } from '../../src/dispatch/index.ts';
import { Random } from '../../src/platform/index.ts';
import { freePort } from '../resolvers/ports.ts';
import type { Kill } from './campaign.ts';
import { program } from './build.ts';
import { onWholeLines } from './lines.ts';
import type { Plant } from './messages.ts';
import { KEY_HEADER, type NetworkLine, type NetworkOptions, ORDERS, type Parting, THANKS } from './network-program.ts';

const LIFE_MS_MAX = 180_000;
const KILLS_A_DIRECTORY = 6;
const AT_MOMENTS = 0.6;
/** Of a moment, among how many passes one is chosen: later ones come after the work of a process, most often. */
const PASSES = 8;
const AFTER_MS_MAX = 700;
/** Of those that are not at a moment: when the server has so many requests of this life, the last of them unanswered. */
const AT_REQUESTS = 0.5;
const REQUESTS_MAX = 12;

export type NetworkKill = Kill | { readonly request: number };

export interface NetworkResult {
  readonly killed: number;
  readonly directories: number;
  /** Requests that came again with a key that was there already. */
  readonly repeated: number;
  /** Changes whose caller was told that nobody knows. */
  readonly interrupted: number;
  /** Connections that were answered by a port opened again. */
  readonly resumed: number;
}

type Told = Extract<NetworkLine, { readonly type: 'told' }>;

/** What came, by path: the key of each request, or nothing. */
class Seen {
  readonly requests = new Map<string, (string | null)[]>();
  /** Hears of each as it comes; it is answered a while later. */
  onRequest = (): void => {};
  readonly #random: Random;
  readonly #server: Server;
  readonly #timers = new Set<NodeJS.Timeout>();

  constructor(random: Random) {
    this.#random = random;
    this.#server = createServer((request, response) => {
      const path = request.url ?? '';
      const key = request.headers[KEY_HEADER];
      this.requests.set(path, [...(this.requests.get(path) ?? []), typeof key === 'string' ? key : null]);
      request.resume();
      this.onRequest();
      // Long enough to be killed meanwhile.
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        response.end();
      }, 10 + this.#random.below(70));
      this.#timers.add(timer);
    });
  }

  async open(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

interface Life {
  readonly told: Told | null;
  readonly killed: boolean;
}

/** Until it is done and has told, or is killed. `probe` is called while it lives, and may ask whether it still does. */
async function live(
  options: NetworkOptions,
  seen: Seen,
  kill: NetworkKill | null,
  probe: (lives: () => boolean) => Promise<unknown>,
): Promise<Life> {
  const at = kill !== null && 'at' in kill ? { kill } : {};
  const child = spawn(process.execPath, [...program('network'), JSON.stringify({ ...options, ...at })], {
    env: { ...process.env, NODE_OPTIONS: '' },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdin.on('error', () => {});
  let requests = 0;
  seen.onRequest = () => {
    if (kill !== null && 'request' in kill && ++requests === kill.request) child.kill('SIGKILL');
  };
  let talk = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (talk += text));
  const state: { told: Told | null; broken: string | null; timer: NodeJS.Timeout | undefined } = {
    told: null,
    broken: null,
    timer: setTimeout(() => child.kill('SIGKILL'), LIFE_MS_MAX),
  };
  const overdue = state.timer;
  onWholeLines(child.stdout, (text) => {
    const line = JSON.parse(text) as NetworkLine;
    if (line.type === 'told') state.told = line;
    else if (line.type === 'broken') state.broken = line.message;
    else if (line.type === 'started' && kill !== null && 'after_ms' in kill)
      state.timer = setTimeout(() => child.kill('SIGKILL'), kill.after_ms);
    // One that is to be killed has come too late for its moment: it dies now.
    else if (line.type === 'done' && kill !== null) child.kill('SIGKILL');
    else if (line.type === 'done') {
      const lives = (): boolean => child.exitCode === null && child.signalCode === null;
      void probe(lives).then(() => child.stdin.write('tell\n'));
    }
  });
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) =>
    child.on('close', (...ended) => resolve(ended)),
  );
  clearTimeout(state.timer);
  clearTimeout(overdue);
  assert.equal(state.broken, null, state.broken ?? '');
  assert.ok(signal === 'SIGKILL' || code === 0, `it ended with ${code}: ${talk}`);
  return { told: state.told, killed: signal === 'SIGKILL' };
}

/** Sends a word, gets it back and says thanks; or null when nobody answers; false: nobody listens there. */
function say(port: number, word: string): Promise<string | null | false> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(`${word}\n`));
    let answer = '';
    let isRefused = false;
    socket.setTimeout(LIFE_MS_MAX, () => socket.destroy());
    socket.on('data', (data) => {
      answer += data.toString('utf8');
      if (answer === word) socket.write(`${THANKS}\n`);
    });
    socket.on('error', ({ code }: NodeJS.ErrnoException) => {
      isRefused = code === 'ECONNREFUSED';
    });
    socket.on('close', () => resolve(isRefused ? false : answer === '' ? null : answer));
  });
}

/** One directory, killed in this order and then let finish. */
export async function networkDirectory(
  kills: readonly NetworkKill[],
  seed: number,
  plant?: Plant,
): Promise<NetworkResult> {
  const directory = mkdtempSync(join(tmpdir(), 'powerbox-network-'));
  const seen = new Seen(new Random(seed, 12));
  const words: string[] = [];
  let isOver = false;
  try {
    const planted = plant === undefined ? {} : { plant };
    const options = { data: join(directory, 'data'), http: await seen.open(), tcp: await freePort(), ...planted };
    // Somebody always knocks, whoever is killed meanwhile.
    const answered: string[] = [];
    const knock = async (): Promise<boolean> => {
      const word = `word ${words.length}`;
      words.push(word);
      const answer = await say(options.tcp, word);
      if (answer === word) answered.push(word);
      return answer !== false;
    };
    const knocking = (async () => {
      while (!isOver) {
        await knock();
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    })();
    let killed = 0;
    for (const kill of kills) if ((await live(options, seen, kill, knock)).killed) killed++;
    let last = 0;
    const { told } = await live(options, seen, null, async (lives) => {
      isOver = true;
      await knocking;
      const before = answered.length;
      // It opens beside what the process does, and that may have been done long ago. Its time limit is that of the process.
      while (!(await knock()) && lives()) await new Promise((resolve) => setTimeout(resolve, 20));
      last = answered.length - before;
    });
    assert.ok(told !== null, 'the last process has not told its end');
    assert.equal(last, 1, 'the port is not open in the last process');
    const { repeated, interrupted } = check(told, seen.requests);
    checkWords(told.greeted, words, answered);
    checkPartings(told, answered);
    return { killed, directories: 1, repeated, interrupted, resumed: kills.length === 0 ? 0 : last };
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${againLine(kills, seed, plant)}`, {
      cause: error,
    });
  } finally {
    isOver = true;
    await seen.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

function check(
  { answers, fired }: Told,
  requests: ReadonlyMap<string, readonly (string | null)[]>,
): { readonly repeated: number; readonly interrupted: number } {
  const orders = Array.from({ length: ORDERS }, (_, index) => index + 1);
  const byNumber = (left: number, right: number): number => left - right;
  assert.deepEqual(fired.toSorted(byNumber), orders, 'timers that fired');
  const keys = new Set<string>();
  let repeated = 0;
  let interrupted = 0;
  for (const grant of ['keyed', 'plain'] as const) {
    const of = answers.filter(([, by]) => by === grant);
    assert.deepEqual(of.map(([order]) => order).toSorted(byNumber), orders, `answers by the grant ${grant}`);
    for (const [order, , outcome] of of) {
      const path = `/${grant}/${order}`;
      const seen = requests.get(path) ?? [];
      if (grant === 'keyed') {
        const [key] = seen;
        assert.equal(outcome, 200, `the answer of ${path}`);
        assert.ok(typeof key === 'string' && key !== '', `${path} came without a key`);
        assert.deepEqual(new Set(seen), new Set([key]), `${path} came with several keys`);
        assert.ok(!keys.has(key), `${path} came with a key of another change`);
        keys.add(key);
        repeated += seen.length - 1;
      } else if (outcome === 'interrupted') {
        assert.ok(seen.length <= 1, `${path} was interrupted, and came ${seen.length} times`);
        interrupted++;
      } else {
        assert.equal(outcome, 200, `the answer of ${path}`);
        assert.deepEqual(seen, [null], `${path} came once, without a key`);
      }
    }
  }
  const paths = orders.flatMap((order) => [`/keyed/${order}`, `/plain/${order}`]);
  for (const path of requests.keys()) assert.ok(paths.includes(path), `nobody asked for ${path}`);
  return { repeated, interrupted };
}

/** Nothing leaves before it is durable: so a word that came back is on record, and none is there twice. */
function checkWords(greeted: readonly string[], words: readonly string[], answered: readonly string[]): void {
  assert.equal(new Set(greeted).size, greeted.length, 'a word arrived twice');
  for (const word of greeted) assert.ok(words.includes(word), `nobody said ${word}`);
  for (const word of answered) assert.ok(greeted.includes(word), `${word} was answered, and is lost`);
}

/** A word is said back once, or nobody knows; what never began was not said. */
function checkPartings({ greeted, parted }: Told, answered: readonly string[]): void {
  assert.deepEqual(parted.map(([word]) => word).toSorted(), greeted.toSorted(), 'words that were parted with');
  const isLawful = ([word, outcome]: Parting): boolean =>
    outcome === 'interrupted' || outcome === (answered.includes(word) ? THANKS : 'handle_closed');
  const strange = parted.filter((parting) => !isLawful(parting));
  assert.deepEqual(strange, [], `partings that cannot be, where these words came back: ${answered.join(', ')}`);
}

export interface NetworkCampaignOptions {
  readonly seed: number;
  readonly kills: number;
  readonly plant?: Plant | undefined;
  /** Kill at these moments and at no other. */
  readonly moments?: readonly DispatchFailpoint[] | undefined;
  readonly progress?: (killed: number) => void;
}

export async function networkCampaign({
  seed,
  kills,
  plant,
  moments,
  progress,
}: NetworkCampaignOptions): Promise<NetworkResult> {
  const random = new Random(seed, 13);
  // Moments in turn, so that each has its part.
  const planned = Array.from({ length: kills }, (_, index): NetworkKill => {
    if (moments === undefined && !random.chance(AT_MOMENTS))
      return random.chance(AT_REQUESTS)
        ? { request: 1 + random.below(REQUESTS_MAX) }
        : { after_ms: random.below(AFTER_MS_MAX) };
    const among = moments ?? DISPATCH_FAILPOINTS;
    const at = among[index % among.length] as DispatchFailpoint;
    return { at, pass: 1 + random.below(PASSES) };
  });
  const directories: NetworkKill[][] = [];
  while (planned.length > 0) directories.push(planned.splice(0, KILLS_A_DIRECTORY));
  const sum = { killed: 0, directories: 0, repeated: 0, interrupted: 0, resumed: 0 };
  const lane = async (): Promise<void> => {
    for (let next = directories.shift(); next !== undefined; next = directories.shift()) {
      const result = await networkDirectory(next, seed, plant);
      for (const field of Object.keys(sum) as (keyof NetworkResult)[]) sum[field] += result[field];
      progress?.(sum.killed);
    }
  };
  await Promise.all([lane(), lane()]);
  return sum;
}

function killText(kill: NetworkKill): string {
  if ('request' in kill) return `request:${kill.request}`;
  return 'at' in kill ? `${kill.at}:${kill.pass}` : `${Math.round(kill.after_ms)}ms`;
}

function againLine(kills: readonly NetworkKill[], seed: number, plant: Plant | undefined): string {
  const list = kills.map(killText);
  return `run it again: npm run soak:crash -- --workload network --seed ${seed} --at ${list.join(',')}${plant === undefined ? '' : ` --plant ${plant}`}`;
}
