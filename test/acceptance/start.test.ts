/** What a command loads before it does anything: no more than it needs, for somebody waits for it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));
const example = fileURLToPath(new URL('../../spec/examples/watch/powerbox.yaml', import.meta.url));

/** Tells each module on standard error before it is loaded. */
const HOOKS = `export async function load(url, context, next) { process._rawDebug('loads ' + url); return next(url, context); }`;
const dataUrl = (code: string): string => `data:text/javascript,${encodeURIComponent(code)}`;
const TELLING = dataUrl(`import { register } from 'node:module'; register(${JSON.stringify(dataUrl(HOOKS))});`);

/** What makes a start slow: each has a reason to be loaded, and none of these commands has it. */
const HEAVY = ['undici', 'ws', 'pino', 'prom-client', '@noble/curves'];
const ANYTHING = [...HEAVY, 'classic-level', 'zod', 'yaml', 'jose', '@noble/hashes', 'ipaddr.js'];

function started(...args: readonly string[]): { readonly packages: Set<string>; readonly ours: readonly string[] } {
  const { status, stderr } = spawnSync(process.execPath, ['--import', TELLING, main, ...args], {
    env: { ...process.env, NODE_OPTIONS: '' },
    encoding: 'utf8',
  });
  assert.ok(status === 0 || status === 64, stderr.slice(-2_000));
  const urls = [...stderr.matchAll(/^loads (file:\S+)$/gm)].map(([, url]) => String(url));
  const packages = urls.flatMap(
    (url) => /\/node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*\/node_modules\/)/.exec(url)?.[1] ?? [],
  );
  return { packages: new Set(packages), ours: urls.flatMap((url) => /\/dist\/(.+)$/.exec(url)?.[1] ?? []) };
}

describe('acceptance: what a command loads', function () {
  this.timeout(300_000);
  let data: string;
  before(() => {
    data = mkdtempSync(join(tmpdir(), 'powerbox-start-'));
  });
  after(() => rmSync(data, { recursive: true, force: true }));

  for (const args of [['--version'], ['--help'], ['help', 'run'], ['run', '--nope'], ['serve', '--help']])
    it(`powerbox ${args.join(' ')}: the words of the command line, and nothing that does work`, () => {
      const { packages, ours } = started(...args);
      assert.ok(packages.has('commander'));
      assert.deepEqual(
        ANYTHING.filter((name) => packages.has(name)),
        [],
      );
      const other = ours.filter((file) => !/^src\/(cli\/.*|errors\.js|limits\.js|version\.js)$/.test(file));
      assert.deepEqual(other, []);
    });

  it('powerbox token: no space, no socket and no native', () => {
    const { packages, ours } = started('token', '--holder', 'alice', '--data', data);
    assert.ok(packages.has('jose'));
    assert.deepEqual(
      HEAVY.filter((name) => packages.has(name)),
      [],
    );
    assert.deepEqual(
      ours.filter((file) => /^(resolvers|src\/(embedding|rholang|natives|trace|wire))\//.test(file)),
      [],
    );
  });

  it('powerbox config check: what reads configurations and contracts, and no native', () => {
    const { packages, ours } = started('config', 'check', example);
    assert.ok(packages.has('yaml'));
    assert.deepEqual(
      [...HEAVY, 'classic-level', 'jose'].filter((name) => packages.has(name)),
      [],
    );
    assert.deepEqual(
      ours.filter((file) => /^(resolvers|src\/(service|natives|trace|wire))\//.test(file)),
      [],
    );
  });
});
