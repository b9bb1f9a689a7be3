/**
 * A host in a child process that this node starts, feeds, watches and stops. An adapter of processes; its tests have
 * real ones.
 *
 * The child gets descriptors 3 (from the node) and 4 (to the node), and is told a secret on the first of them: nothing
 * of it stands on a command line or in a variable. It leads a group of processes of its own. In that group a shell waits
 * for the end of descriptor 5, whose other end only this node holds, and then kills the group: so nothing is left of it
 * when the node is killed, whatever the child looks at.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Duplex } from 'node:stream';
import type { Clock, Randomness, Timers } from '../platform/index.ts';
import { FrameReader, FrameWriter, GREETING, SECRET_BYTES } from './framing.ts';
import { LineReader } from './lines.ts';
import type { Launcher, Link, LinkEvents } from './link.ts';

export interface ChildOptions {
  readonly command: readonly string[];
  readonly folder: string;
  readonly environment: () => Readonly<Record<string, string>>;
  readonly message_bytes_max: number;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly randomness: Randomness;
  readonly line: (stream: 'stdout' | 'stderr', text: string) => void;
}

/**
 * The shell becomes the child itself, so its process id, its signals and its exit are the child's. `read` ends when the
 * node closes its end, or is gone.
 */
const WATCHED = `(exec 3<&- 4>&- </dev/null >/dev/null 2>&1; read -r _ <&5; kill -9 0) & exec 5<&-; exec "$@"`;

export class ChildLauncher implements Launcher {
  readonly form = 'command';
  readonly #options: ChildOptions;
  #child: ChildProcess | null = null;
  #exited: Promise<void> = Promise.resolve();

  constructor(options: ChildOptions) {
    this.#options = options;
  }

  async launch(events: LinkEvents): Promise<Link> {
    await this.#exited;
    const { command, folder, environment, message_bytes_max, clock, randomness, line } = this.#options;
    const child = spawn('/bin/sh', ['-c', WATCHED, 'powerbox-host', ...command], {
      cwd: folder,
      env: environment(),
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe', 'pipe'],
      detached: true,
    });
    this.#child = child;
    const said: string[] = [];
    for (const stream of ['stdout', 'stderr'] as const) {
      const lines = new LineReader(clock, (text) => {
        // Its own words, for whoever is told that it did not start.
        if (stream === 'stderr' && text !== '') said.push(text.slice(0, 400));
        if (said.length > 5) said.shift();
        line(stream, text);
      });
      child[stream]?.on('data', (chunk: Buffer) => lines.push(chunk));
      child[stream]?.on('end', () => lines.end());
    }
    const secret = randomness.bytes(SECRET_BYTES);
    const [toHost, fromHost, watch] = child.stdio.slice(3) as unknown as readonly Duplex[];
    const writer = new FrameWriter(secret, 'from-node');
    const reader = new FrameReader(secret, 'from-host', message_bytes_max, (arrival) => events.arrived(arrival));
    // A pipe that breaks is a process that ends, and that is told by its exit.
    for (const pipe of [toHost, fromHost, watch]) pipe?.on('error', () => {});
    fromHost?.on('data', (chunk: Buffer) => reader.push(chunk));
    toHost?.on('data', () => {});
    let isOver = false;
    this.#exited = new Promise((resolve) => {
      const over = (reason: string): void => {
        if (isOver) return;
        isOver = true;
        // What is left of its group ends with this.
        watch?.destroy();
        toHost?.destroy();
        fromHost?.destroy();
        if (this.#child === child) this.#child = null;
        events.ended(said.length === 0 ? reason : `${reason}; its last words: ${said.join(' | ')}`);
        resolve();
      };
      child.on('error', (error) => over(`it could not be started: ${codeOf(error)}`));
      child.on('exit', (code, signal) => {
        const reason = signal === null ? `it has exited with code ${code}` : `it was ended by ${signal}`;
        // What it wrote last is on its way.
        const streams = [child.stdout, child.stderr].map((stream) => ended(stream));
        const late = this.#options.timers.after(LAST_WORDS_MS, () => over(reason));
        void Promise.all(streams).then(() => {
          late.cancel();
          over(reason);
        });
      });
      // It has closed its end: it does not speak any more, so it is over.
      fromHost?.on('end', () => {
        if (!isOver) void this.#options.timers.after(LAST_WORDS_MS, () => kill(child));
      });
    });
    toHost?.write(Buffer.concat([GREETING, secret]));
    return {
      where: `process ${child.pid ?? ''}`,
      get dropped() {
        return reader.dropped;
      },
      send: (bytes) => {
        if (!isOver) toHost?.write(writer.frame(bytes));
      },
      destroy: () => kill(child),
    };
  }

  /** Asked already to stop: its pipe ends, then it is told by signal, then killed. */
  async close(grace_ms: number): Promise<void> {
    const child = this.#child;
    if (child === null) return;
    const { timers } = this.#options;
    (child.stdio[3] as Duplex | null)?.end();
    const softly = timers.after(grace_ms / 2, () => child.kill('SIGTERM'));
    const late = timers.after(grace_ms, () => kill(child));
    await this.#exited;
    softly.cancel();
    late.cancel();
  }
}

const LAST_WORDS_MS = 200;

/** With everything in its group, while it is known to be there: a number is given to others once it is reaped. */
function kill(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    child.kill('SIGKILL');
  }
}

function ended(stream: ChildProcess['stdout']): Promise<void> {
  return new Promise((resolve) => {
    if (stream === null || stream.readableEnded || stream.destroyed) resolve();
    else stream.once('close', resolve);
  });
}

function codeOf(error: Error): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown';
}
