/**
 * The command in child processes, each in a directory of its own. As one file, of the sources of now: it starts in a
 * third of the time. As it is built it runs in `test/docs` and `test/acceptance`.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { program } from '../crash/build.ts';

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Resolves when standard output or standard error holds `text`; rejects when the process ends before. */
  says(text: string): Promise<void>;
}

export class Bench {
  readonly directory = mkdtempSync(join(tmpdir(), 'powerbox-cli-'));
  readonly #children = new Set<ChildProcess>();

  constructor() {
    // Before the first test of a file begins to wait for it.
    program('command');
    mkdirSync(join(this.directory, 'files'));
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  write(name: string, text: string): string {
    writeFileSync(this.path(name), text);
    return name;
  }

  start(...args: readonly string[]): Running {
    return this.startUnder([], ...args);
  }

  /** As `start`, under another command, such as a tracer. */
  startUnder(tracer: readonly string[], ...args: readonly string[]): Running {
    const [command = '', ...rest] = [...tracer, process.execPath, ...program('command'), ...args];
    // What loads TypeScript into this process is not there for that one.
    const env = { ...process.env, NODE_OPTIONS: '' };
    const child = spawn(command, rest, { cwd: this.directory, env, stdio: ['pipe', 'pipe', 'pipe'] });
    this.#children.add(child);
    let stdout = '';
    let stderr = '';
    const listeners = new Set<() => void>();
    const heard = (): void => {
      for (const listener of listeners) listener();
    };
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      heard();
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
      heard();
    });
    let isClosed = false;
    const ended = new Promise<Ended>((resolve) => {
      // Later than its exit: what it said last may still be on its way then.
      child.on('close', (code, signal) => {
        isClosed = true;
        this.#children.delete(child);
        resolve({ code, signal, stdout, stderr });
        heard();
      });
    });
    const says = (text: string): Promise<void> =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (stdout.includes(text) || stderr.includes(text)) resolve();
          else if (isClosed)
            reject(new Error(`the command ended without saying ${JSON.stringify(text)}:\n${stdout}${stderr}`));
          else return;
          listeners.delete(look);
        };
        listeners.add(look);
        look();
      });
    return { child, ended, says };
  }

  async run(...args: readonly string[]): Promise<Ended> {
    const running = this.start(...args);
    running.child.stdin?.end();
    return running.ended;
  }

  clear(): void {
    for (const child of this.#children) child.kill('SIGKILL');
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** The JSON objects on standard output, one a line. */
export function records(text: string): { readonly type: string; readonly [key: string]: unknown }[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}
