/**
 * House rule: `npm test` runs files side by side and loses nothing of what they say: its closing lines are those that
 * `.ci/run` counts, a process that dies or does not leave is a failure, and its exit code says the same.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

const WELL = "describe('well', () => { it('one', () => {}); it('two', () => {}); });";
const FAILS =
  "describe('ill', () => { it('fails', () => { throw new Error('as it should'); }); it('goes on', () => {}); });";
const SKIPS = "describe('idle', () => { it.skip('later', () => {}); it('now', () => {}); });";
const LEAKS = "describe('leaks', () => { it('a timer', () => { setInterval(() => {}, 1000); }); });";
const DIES = "describe('dies', () => { it('at once', () => { process.exit(0); }); });";
const DICE = `import { createRequire } from 'node:module';
  const require = createRequire('${root}');
  describe('dice', () => { it('are those that were said, however a test is loaded', async () => {
    const imported = (await import('${pathToFileURL(join(root, 'node_modules/fast-check/lib/fast-check.js'))}')).default;
    for (const { readConfigureGlobal } of [imported, require('fast-check')])
      if (readConfigureGlobal().seed !== 4711) throw new Error(JSON.stringify(readConfigureGlobal()));
  }); });`;
const HOOKS = 'export const mochaHooks = { beforeEach() { globalThis.hooked = true; } };';
const HOOKED =
  "describe('hooked', () => { it('is run', () => { if (!globalThis.hooked) throw new Error('no hook'); }); });";

function runWith(texts: readonly string[], ...args: string[]): { out: string; status: number | null } {
  const folder = mkdtempSync(join(tmpdir(), 'powerbox-test-run-'));
  try {
    const files = texts.map((_text, index) => join(folder, `${index}.test.mjs`));
    for (const [index, text] of texts.entries()) writeFileSync(files[index] as string, text);
    const asked = args.map((arg) => arg.replace('FIRST', files[0] as string));
    const { stdout, status } = spawnSync(process.execPath, ['scripts/test.mjs', '--jobs', '2', ...files, ...asked], {
      cwd: root,
      encoding: 'utf8',
      // How this test was loaded is no business of those.
      env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0', NODE_OPTIONS: '', PROPERTY_SEED: '4711' },
      timeout: 280_000,
    });
    return { out: stdout, status };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** As `.ci/run` counts: the last line that begins with a number and the word. */
function count(out: string, word: string): number {
  const found = [...out.matchAll(new RegExp(`^ *(\\d+) ${word}( .*)?$`, 'gm'))].at(-1)?.[1];
  return Number(found ?? 0);
}

describe('house: npm test', function () {
  this.timeout(300_000);

  it('sums up over its processes', () => {
    // More files than one process takes.
    const { out, status } = runWith([...Array.from({ length: 7 }, () => WELL), SKIPS]);
    assert.deepEqual([count(out, 'passing'), count(out, 'failing'), count(out, 'pending'), status], [15, 0, 1, 0], out);
  });

  it('a failed test is told at the end, and the exit code counts it', () => {
    const { out, status } = runWith([FAILS, ...Array.from({ length: 6 }, () => WELL)]);
    assert.deepEqual([count(out, 'passing'), count(out, 'failing'), status], [13, 1, 1], out);
    assert.match(out.slice(out.lastIndexOf('1 failing')), /ill\s+fails:[\s\S]*as it should/);
  });

  it('a process that dies before its summary is a failure, also when it leaves with 0', () => {
    const { out, status } = runWith([DIES]);
    assert.deepEqual([count(out, 'failing'), status], [1, 1], out);
    assert.match(out, /died before its summary: exit code 0\n +\/.*0\.test\.mjs/);
  });

  it('a process whose tests leave something open is a failure', () => {
    const { out, status } = runWith([LEAKS], '--leave-ms', '300');
    assert.deepEqual([count(out, 'passing'), count(out, 'failing'), status], [1, 1, 1], out);
    assert.match(out, /did not leave within 300 ms: something was left open/);
  });

  it('the dice of property tests can be said', () => {
    const { out, status } = runWith([DICE]);
    assert.deepEqual([count(out, 'passing'), count(out, 'failing'), status], [1, 0, 0], out);
  });

  it('what is no file goes to mocha, and root hooks run in each process', () => {
    const texts = [HOOKS, ...Array.from({ length: 7 }, () => HOOKED), WELL];
    const { out, status } = runWith(texts, '--require=FIRST', '--grep', 'run');
    assert.deepEqual([count(out, 'passing'), count(out, 'failing'), status], [7, 0, 0], out);
  });
});
