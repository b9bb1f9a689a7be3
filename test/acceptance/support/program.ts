/**
 * A program that embeds the built package, in a process of its own, to be watched, measured or killed. Its text is
 * the body of a module in which the public API stands under its names.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Where `powerbox` is this package, by its own exports. */
const root = fileURLToPath(new URL('../../..', import.meta.url));

export interface Running {
  readonly child: ChildProcess;
  /** The lines of standard output, once the process is gone; rejects when it failed by itself. */
  readonly lines: Promise<readonly string[]>;
  /** Resolves when a line of standard output begins with `text`. */
  says(text: string): Promise<string>;
}

export function start(body: string, args: readonly string[] = [], flags: readonly string[] = []): Running {
  if (!existsSync(`${root}dist/src/index.js`)) throw new Error('the package is not built: npm run build');
  const text = `import { any, defineNative, nativeMethod, openSpace } from 'powerbox';
    import { z } from 'zod';
    const args = process.argv.slice(1);
    ${body}`;
  const child = spawn(process.execPath, [...flags, '--input-type=module', '-e', text, ...args], { cwd: root });
  let stdout = '';
  let stderr = '';
  let ended = false;
  const listeners = new Set<() => void>();
  const heard = (): void => {
    for (const listener of listeners) listener();
  };
  child.stdout.setEncoding('utf8').on('data', (more: string) => {
    stdout += more;
    heard();
  });
  child.stderr.setEncoding('utf8').on('data', (more: string) => {
    stderr += more;
  });
  const lines = new Promise<readonly string[]>((resolve, reject) => {
    child.on('close', (code, signal) => {
      ended = true;
      heard();
      if (code === 0 || signal === 'SIGKILL') resolve(stdout.split('\n').slice(0, -1));
      else reject(new Error(`the program left with ${code ?? signal}:\n${stdout}${stderr}`));
    });
  });
  lines.catch(() => {});
  const says = (wanted: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const line = stdout
          .split('\n')
          .slice(0, -1)
          .find((one) => one.startsWith(wanted));
        if (line === undefined && !ended) return;
        listeners.delete(look);
        if (line !== undefined) resolve(line);
        else reject(new Error(`the program ended without saying ${JSON.stringify(wanted)}:\n${stdout}${stderr}`));
      };
      listeners.add(look);
      look();
    });
  return { child, lines, says };
}
