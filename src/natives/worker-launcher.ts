/**
 * A host in a thread of this process: a module that the operator names, loaded by `worker-main`. An adapter of worker
 * threads; its tests have real ones. What such a module does to the process (its files, its sockets) nobody bounds: it
 * is the operator's code.
 */
import { Worker } from 'node:worker_threads';
import type { Clock, Timers } from '../platform/index.ts';
import { LineReader } from './lines.ts';
import type { Launcher, Link, LinkEvents } from './link.ts';

export interface WorkerOptions {
  /** URL of the module. */
  readonly module: string;
  readonly message_bytes_max: number;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly line: (stream: 'stdout' | 'stderr', text: string) => void;
}

/** What a worker is told at its start. */
export interface WorkerStart {
  readonly powerboxHost: 1;
  readonly module: string;
}

/** Beside this file, built or not. */
const MAIN = new URL(import.meta.url.endsWith('.ts') ? './worker-main.ts' : './worker-main.js', import.meta.url);

/** Of the variables of this process a thread gets the one that says how modules are loaded, and no other. */
function ownEnvironment(): Record<string, string> {
  const { NODE_OPTIONS } = process.env;
  return NODE_OPTIONS === undefined ? {} : { NODE_OPTIONS };
}

export class WorkerLauncher implements Launcher {
  readonly form = 'module';
  readonly #options: WorkerOptions;
  #worker: Worker | null = null;
  #exited: Promise<void> = Promise.resolve();

  constructor(options: WorkerOptions) {
    this.#options = options;
  }

  async launch(events: LinkEvents): Promise<Link> {
    await this.#exited;
    const { module, message_bytes_max, clock, line } = this.#options;
    const workerData: WorkerStart = { powerboxHost: 1, module };
    const worker = new Worker(MAIN, { workerData, stdout: true, stderr: true, env: ownEnvironment() });
    this.#worker = worker;
    for (const stream of ['stdout', 'stderr'] as const) {
      const lines = new LineReader(clock, (text) => line(stream, text));
      worker[stream].on('data', (chunk: Buffer) => lines.push(chunk));
      worker[stream].on('end', () => lines.end());
    }
    let reason = '';
    worker.on('message', (bytes: unknown) => {
      if (!(bytes instanceof Uint8Array)) return;
      if (bytes.length <= message_bytes_max) events.arrived({ kind: 'frame', bytes });
      else events.arrived({ kind: 'oversized', start: bytes.subarray(0, 1_024), bytes: bytes.length });
    });
    worker.on('error', (error) => {
      reason = error instanceof Error ? error.message : 'it has thrown what is no error';
    });
    this.#exited = new Promise((resolve) => {
      worker.on('exit', (code) => {
        if (this.#worker === worker) this.#worker = null;
        events.ended(reason === '' ? `its thread has ended with code ${code}` : reason);
        resolve();
      });
    });
    return {
      where: `thread ${worker.threadId}`,
      dropped: 0,
      send: (bytes) => worker.postMessage(bytes),
      destroy: () => void worker.terminate(),
    };
  }

  async close(grace_ms: number): Promise<void> {
    const worker = this.#worker;
    if (worker === null) return;
    const late = this.#options.timers.after(grace_ms, () => void worker.terminate());
    await this.#exited;
    late.cancel();
  }
}
