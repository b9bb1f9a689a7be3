/**
 * One side of a comparison, or its server, in a process of its own: so that neither pays for what the other leaves in
 * memory, nor for the code that it has made of what both use.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface Child {
  readonly pid: number;
  /** The line that it began with. */
  readonly ready: string;
  /** Says a line to it; resolves with the line that it answers. */
  ask(line: string): Promise<string>;
}

/** Runs `NAME.js WORDS` of this folder, which prints a line when it is ready, for as long as `body` takes. */
export async function withChild<T>(
  name: string,
  words: readonly string[],
  body: (child: Child) => Promise<T>,
): Promise<T> {
  const source = import.meta.url.endsWith('.ts');
  const path = fileURLToPath(new URL(`./${name}.${source ? 'ts' : 'js'}`, import.meta.url));
  const child = spawn(process.execPath, [...(source ? ['--import', 'tsx'] : []), path, ...words], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const gone = once(child, 'exit');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => {
    const { value, done } = await lines.next();
    if (done === true) throw new Error(`${name} ${words.join(' ')} has ended`);
    return value;
  };
  try {
    const ready = await next();
    return await body({
      pid: child.pid as number,
      ready,
      ask: (line) => {
        child.stdin.write(`${line}\n`);
        return next();
      },
    });
  } finally {
    child.stdin.end();
    await gone;
  }
}
