/** Directories, mounts and child processes of one test, and how they are cleared away. */
import { deepStrictEqual, strictEqual } from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { isPowerboxError, type PowerboxError } from '../../../src/errors.ts';
import { realPlatform } from '../../../src/platform/index.ts';
import { type Durability, openStore, type Store } from '../../../src/store/index.ts';
import { entryOf } from './entries.ts';

export const platform = realPlatform();

/** Runs `body` in a new directory that is gone afterwards. */
export async function inDirectory(body: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'powerbox-store-'));
  try {
    await body(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

export function open(directory: string, durability: Durability = 'sync'): Promise<Store> {
  return openStore({ directory, durability, platform });
}

/** A store with `count` entries of `size_bytes`, closed. */
export async function filled(directory: string, count: number, size_bytes: number): Promise<void> {
  const store = await open(directory, 'os');
  for (let number = 1; number <= count; number++) await store.journal.append(number - 1, entryOf(number, size_bytes));
  await store.close();
}

/** A store as it is left by a process that is killed after `work`. */
export async function crashed(
  directory: string,
  work: (store: Store) => Promise<void>,
  durability: Durability = 'sync',
): Promise<void> {
  const living = `${directory}-living`;
  const store = await open(living, durability);
  await work(store);
  await cp(living, directory, { recursive: true });
  await store.close();
  await rm(living, { recursive: true, force: true });
  await rm(join(directory, 'lock'), { force: true });
}

/** Reads the whole journal; every entry must be what its number says. */
export async function verified(store: Store, size_bytes: number): Promise<number> {
  let number = store.journal.first - 1;
  for await (const entry of store.journal.read(store.journal.first)) {
    strictEqual(entry.number, ++number);
    strictEqual(Buffer.compare(entry.entry, entryOf(number, size_bytes)), 0, `entry ${number} is another`);
  }
  strictEqual(number, store.journal.last);
  return number;
}

export async function refused(work: () => unknown): Promise<PowerboxError> {
  try {
    await work();
  } catch (error) {
    if (isPowerboxError(error)) return error;
    throw error;
  }
  throw new Error('expected a refusal, and it was accepted');
}

/** Every file beneath a directory with its bytes, to see that nothing was changed. */
export async function snapshot(directory: string): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const bytes = entry.isFile()
      ? (await readFile(path)).toString('base64')
      : entry.isDirectory()
        ? 'directory'
        : 'other';
    files[relative(directory, path)] = `${(await stat(path)).mtimeMs} ${bytes}`;
  }
  return files;
}

export async function unchanged(directory: string, body: () => Promise<void>): Promise<void> {
  const before = await snapshot(directory);
  await body();
  deepStrictEqual(await snapshot(directory), before);
}

export const CHILD = fileURLToPath(new URL('./child.ts', import.meta.url));

export type Child = { readonly process: ChildProcess; readonly lines: string[]; readonly ended: Promise<void> };

/** Starts a process that appends; `onLine` sees each line that it says. */
export function startChild(
  args: readonly string[],
  onLine: (line: string, child: Child) => void = () => {},
  environment: Record<string, string> = {},
): Child {
  const started = spawn(process.execPath, ['--import', 'tsx', CHILD, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '', ...environment },
  });
  const lines: string[] = [];
  const reader = createInterface({ input: started.stdout! });
  // Its last word is no sign that it is gone: its files, and the lock, are closed one after the other behind that.
  const ended = new Promise<void>((resolve) => started.on('close', () => resolve()));
  const child: Child = { process: started, lines, ended };
  reader.on('line', (line) => {
    lines.push(line);
    onLine(line, child);
  });
  return child;
}

/** The numbers of the appends that a child was told are durable. */
export function acknowledged(child: Child): number[] {
  return child.lines.flatMap((line) => {
    const found = /^append (\d+) accepted$/.exec(line);
    return found ? [Number(found[1])] : [];
  });
}

/** Runs a command as it is; null when it worked, else why not. */
export function run(command: string, ...args: string[]): string | null {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (error) return error.message;
  return status === 0 ? null : `${command} ${args.join(' ')}: ${stderr.trim()}`;
}

/** Skips a test, and says why where a person sees it. */
export function skipWith(context: Mocha.Context, reason: string): never {
  console.log(`      skipped: ${reason}`);
  context.skip();
  throw new Error('a skipped test does not go on');
}
