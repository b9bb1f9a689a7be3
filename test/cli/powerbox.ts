/** The built command in child processes, each in a directory of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));

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
    if (!existsSync(main)) throw new Error('the command is not built: npm run build');
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
    const [command = '', ...rest] = [...tracer, process.execPath, main, ...args];
    const child = spawn(command, rest, { cwd: this.directory, stdio: ['pipe', 'pipe', 'pipe'] });
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
    const ended = new Promise<Ended>((resolve) => {
      child.on('close', (code, signal) => {
        this.#children.delete(child);
        resolve({ code, signal, stdout, stderr });
        heard();
      });
    });
    const says = (text: string): Promise<void> =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (stdout.includes(text) || stderr.includes(text)) resolve();
          else if (child.exitCode !== null)
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
