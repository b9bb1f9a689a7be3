/** Nothing but the platform and named adapters touches the machine: the check finds what does, and only that. */
import { deepStrictEqual, match, strictEqual } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, describe, it } from 'mocha';

const script = fileURLToPath(new URL('../../scripts/check-ambient.mjs', import.meta.url));
const modules = fileURLToPath(new URL('../../node_modules', import.meta.url));

/** Each touches what its name says, in one line. */
const TOUCHES: Record<string, string> = {
  clock: 'export const a = Date.now();',
  'clock-aliased': 'const D = Date; export const a = D.now();',
  'clock-through-global': 'export const a = globalThis.Date.now();',
  'clock-by-element': "export const a = Date['now']();",
  'clock-new-date': 'export const a = new Date();',
  'clock-called-date': 'export const a = Date();',
  'clock-destructured': 'const { now } = Date; export const a = now();',
  'clock-monotonic': 'export const a = performance.now();',
  'randomness-math': 'export const a = Math.random();',
  'randomness-crypto': "import { randomBytes } from 'node:crypto'; export const a = randomBytes(1);",
  'randomness-web': 'export const a = crypto.randomUUID();',
  'files-import': "import { readFileSync } from 'node:fs'; export const a = readFileSync;",
  'files-bare': "import * as fs from 'fs'; export const a = fs;",
  'files-dynamic': "export const a = () => import('node:fs');",
  'files-exported': "export { readFileSync } from 'node:fs';",
  'files-level': "import { ClassicLevel } from 'classic-level'; export const a = ClassicLevel;",
  'sockets-net': "import { connect } from 'node:net'; export const a = connect;",
  'sockets-fetch': "export const a = () => fetch('http://localhost');",
  'processes-global': 'export const a = process.pid;',
  'processes-child': "import { spawn } from 'node:child_process'; export const a = spawn;",
  'timers-timeout': 'export const a = () => setTimeout(() => {}, 1);',
  'timers-immediate': 'export const a = { setImmediate };',
  'timers-promises': "import { setTimeout as wait } from 'node:timers/promises'; export const a = wait;",
  'unknown-builtin': "import { Session } from 'node:inspector'; export const a = Session;",
  'unknown-computed': 'export const a = (name: string) => import(name);',
};

/** None of these touches anything. */
const INNOCENT: Record<string, string> = {
  'its-own-names': 'export const f = (process: { now(): number }, fetch: number) => process.now() + fetch;',
  'a-platform': 'export const f = (clock: { now_ms(): number; now(): number }) => clock.now_ms() + clock.now();',
  'a-given-date': 'export const f = (time_ms: number) => new Date(time_ms).toISOString();',
  'a-type': "import type { Stats } from 'node:fs'; export type A = Stats | Date | typeof process;",
  'a-promise': 'export const f = () => queueMicrotask(() => {});',
  computing: "import { crc32 } from 'node:zlib'; export const f = (b: Uint8Array) => crc32(b) + Math.max(1, 2);",
  'a-key': 'export const f = { process: 1, fetch: 2, setTimeout: 3 };',
};

let root: string;
const lines: string[] = [];
let status: number | null = null;

async function put(path: string, text: string): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), `${text}\n`);
}

describe('the check for clock, randomness, files, sockets, processes and timers', () => {
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'powerbox-ambient-'));
    await symlink(modules, join(root, 'node_modules'));
    await put('package.json', '{"type":"module"}');
    for (const [name, text] of Object.entries(TOUCHES)) await put(`src/touching/${name}.ts`, text);
    for (const [name, text] of Object.entries(INNOCENT)) await put(`src/innocent/${name}.ts`, text);
    await put('src/platform/real.ts', TOUCHES['clock']!);
    await put('channels/one.ts', TOUCHES['clock']!);
    await put('resolvers/deep/one.ts', TOUCHES['clock']!);
    await put('src/store/file-blobs.ts', `${TOUCHES['files-import']}\nexport const b = Date.now();`);
    const result = spawnSync(process.execPath, [script, '--root', root], { encoding: 'utf8' });
    strictEqual(result.stderr, '');
    status = result.status;
    lines.push(...result.stdout.trim().split('\n'));
  });

  after(() => rm(root, { recursive: true, force: true }));

  for (const name of Object.keys(TOUCHES)) {
    it(`finds ${name.replaceAll('-', ' ')}`, () => {
      const found = lines.filter((line) => line.startsWith(`src/touching/${name}.ts:1: `));
      strictEqual(found.length > 0, true, lines.join('\n'));
      match(found[0]!, new RegExp(`touches ${name.split('-')[0]} `));
    });
  }

  for (const name of Object.keys(INNOCENT)) {
    it(`lets pass ${name.replaceAll('-', ' ')}`, () => {
      deepStrictEqual(
        lines.filter((line) => line.startsWith(`src/innocent/${name}.ts`)),
        [],
      );
    });
  }

  it('lets the platform do all of it, and looks into every folder else', () => {
    deepStrictEqual(
      lines.filter((line) => line.startsWith('src/platform/')),
      [],
    );
    strictEqual(
      lines.filter((line) => /^(channels\/one|resolvers\/deep\/one)\.ts:1: touches clock/.test(line)).length,
      2,
    );
  });

  it('lets an adapter do what it is named for, and nothing else', () => {
    deepStrictEqual(
      lines.filter((line) => line.startsWith('src/store/file-blobs.ts')).map((line) => line.split(' (')[0]),
      ['src/store/file-blobs.ts:2: touches clock'],
    );
  });

  it('fails when it finds something', () => strictEqual(status, 1));
});
