/**
 * House rule: the check of imports finds what it is there to find. Each law is broken once in a small tree of
 * its own, and the checker must name the rule that was broken.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** One violation each; the files of all of them stand in one tree, so that the checker runs once. */
const PLANTED: readonly {
  readonly law: string;
  readonly rule: string;
  readonly files: Readonly<Record<string, string>>;
}[] = [
  {
    law: 'an import up the layout is refused',
    rule: 'down-only-src/store: src/store/index.ts → src/space/index.ts',
    files: {
      'src/store/index.ts': `export { up } from '../space/index.ts';`,
      'src/space/index.ts': 'export const up = 1;',
    },
  },
  {
    law: 'a folder is entered only through its index file',
    rule: 'through-index-src/match: src/dispatch/index.ts → src/match/inner.ts',
    files: {
      'src/dispatch/index.ts': `export { inner } from '../match/inner.ts';`,
      'src/match/inner.ts': 'export const inner = 1;',
    },
  },
  {
    law: 'a sub-folder of rholang is entered only through its index file',
    rule: 'through-index-inside-src/rholang: src/rholang/machine/index.ts → src/rholang/syntax/inner.ts',
    files: {
      'src/rholang/machine/index.ts': `export { inner } from '../syntax/inner.ts';`,
      'src/rholang/syntax/inner.ts': 'export const inner = 1;',
    },
  },
  {
    law: 'what bundles for the browser imports no Node module',
    rule: 'browser-imports-no-node: src/values/index.ts → fs',
    files: { 'src/values/index.ts': `export { readFileSync } from 'node:fs';` },
  },
  {
    law: 'what bundles for the browser imports nothing that does not',
    rule: 'browser-imports-browser: channels/index.ts → src/platform/index.ts',
    files: {
      'channels/index.ts': `export { real } from '../src/platform/index.ts';`,
      'src/platform/index.ts': 'export const real = 1;',
    },
  },
  {
    law: 'dispatch names no runner',
    rule: 'dispatch-names-no-runner: src/dispatch/named.ts → src/natives/index.ts',
    files: {
      'src/dispatch/named.ts': `export { native } from '../natives/index.ts';`,
      'src/natives/index.ts': 'export const native = 1;',
    },
  },
  {
    law: 'there are no cycles',
    rule: 'no-cycle: src/history/left.ts →',
    files: {
      'src/history/left.ts': `import { right } from './right.ts';\nexport const left = () => right;`,
      'src/history/right.ts': `import { left } from './left.ts';\nexport const right = () => left;`,
    },
  },
  {
    law: 'production code uses no development dependency',
    rule: 'no-dev-in-production: src/trace/index.ts →',
    files: { 'src/trace/index.ts': `export { assert } from 'fast-check';` },
  },
  {
    law: 'every production file belongs to the layout',
    rule: 'in-the-layout: src/elsewhere/index.ts',
    files: { 'src/elsewhere/index.ts': `export { E } from '../errors.ts';`, 'src/errors.ts': 'export const E = 1;' },
  },
];

describe('house: the layout that people read', () => {
  it('is the one that is checked, as far as it is built', async () => {
    const file = pathToFileURL(join(root, '.dependency-cruiser.mjs')).href;
    const { default: checked } = (await import(file)) as {
      readonly default: { readonly forbidden: { name: string }[] };
    };
    const below = checked.forbidden.flatMap(({ name }) => /^down-only-(.*)$/.exec(name)?.[1] ?? []);
    const page = readFileSync(join(root, 'CONTRIBUTING.md'), 'utf8');
    const told = [...page.matchAll(/^ {4}(\S+) {2,}/gm)].map(([, part]) => part);
    assert.deepEqual(
      told,
      ['src/cli', ...below].filter((part) => existsSync(join(root, part))),
    );
  });
});

describe('house: layout', () => {
  let output = '';

  before(function () {
    this.timeout(300_000);
    const tree = mkdtempSync(join(tmpdir(), 'powerbox-layout-'));
    for (const name of ['.dependency-cruiser.mjs', 'tsconfig.json', 'package.json'])
      cpSync(join(root, name), join(tree, name));
    symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'));
    for (const { files } of PLANTED) {
      for (const [path, text] of Object.entries(files)) {
        mkdirSync(dirname(join(tree, path)), { recursive: true });
        writeFileSync(join(tree, path), `${text}\n`);
      }
    }
    const cruise = join(root, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
    const run = spawnSync(process.execPath, [cruise, '--config', '.dependency-cruiser.mjs', 'src', 'channels'], {
      cwd: tree,
      encoding: 'utf8',
      env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' },
    });
    rmSync(tree, { recursive: true });
    assert.notEqual(run.status, 0);
    output = run.stdout + run.stderr;
  });

  for (const { law, rule } of PLANTED) {
    it(law, () => assert.ok(output.includes(rule), `expected "${rule}" in:\n${output}`));
  }
});
