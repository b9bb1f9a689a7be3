/**
 * The server of a campaign, a process that is killed and started again on the same port, and how a campaign waits. Owns
 * the process.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import { program } from '../crash/build.ts';
import { freePort } from '../resolvers/ports.ts';

/** A bug that the server has, to see whether a campaign finds it. */
export type ChaosPlant = 'acknowledge-before-sync' | 'lose-datum';

/** A server that takes longer to leave hangs. */
const LEAVE_MS_MAX = 120_000;

export class Server {
  readonly #data: string;
  readonly #plant: ChaosPlant | undefined;
  #child: ChildProcess | null = null;
  port = 0;

  constructor(data: string, plant: ChaosPlant | undefined) {
    this.#data = data;
    this.#plant = plant;
  }

  async start(): Promise<void> {
    // Nobody else is given it while it is killed.
    if (this.port === 0) this.port = await freePort();
    const child = spawn(process.execPath, [...program('chaos'), this.#data, String(this.port), this.#plant ?? ''], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    this.#child = child;
    let talk = '';
    child.stderr?.on('data', (chunk) => (talk += chunk));
    const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
    this.#lines = lines;
    const [line] = await Promise.race([
      once(lines, 'line'),
      once(child, 'exit').then(([code, signal]) => {
        throw new Error(`the server left with ${code ?? signal}: ${talk}`);
      }),
    ]);
    this.port = (JSON.parse(String(line)) as { port: number }).port;
    child.once('exit', (code, signal) => {
      if (signal !== 'SIGKILL' && this.#child === child) this.#failed = `it left with ${code ?? signal}: ${talk}`;
    });
  }

  #lines: Interface | null = null;
  #failed: string | null = null;

  get failure(): string | null {
    return this.#failed;
  }

  /** Sessions that it keeps, and what was given to them and not released. */
  async counts(): Promise<{ readonly sessions: number; readonly held: number }> {
    const said = once(this.#lines as Interface, 'line');
    this.#child?.stdin?.write('counts\n');
    const [line] = await said;
    return JSON.parse(String(line)) as { sessions: number; held: number };
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const left = once(child, 'exit');
    child.kill('SIGKILL');
    await left;
  }

  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const left = once(child, 'exit');
    child.stdin?.end();
    const timer = setTimeout(() => child.kill('SIGKILL'), LEAVE_MS_MAX);
    const [code] = await left;
    clearTimeout(timer);
    assert.equal(code, 0, 'the server did not leave in good order');
  }
}

export function shuffled<T>(items: readonly T[], random: () => number): readonly T[] {
  return items
    .map((item) => [random(), item] as const)
    .sort(([left], [right]) => left - right)
    .map(([, item]) => item);
}

/** A step of a campaign takes a second, on a busy machine ten; one that never ends has found something. */
export const STEP_MS_MAX = 120_000;

export async function until(what: () => boolean): Promise<void> {
  const begun_ms = performance.now();
  while (!what()) {
    assert(performance.now() - begun_ms < STEP_MS_MAX, 'somebody waits for what never comes');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
