/** What stands after `--` on a command line goes to the child that is configured to get it, and nowhere else. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { program as start } from '../crash/build.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

function powerbox(...args: readonly string[]): {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
} {
  return spawnSync(process.execPath, [...start('command'), ...args], {
    cwd: root,
    env: { ...process.env, NODE_OPTIONS: '' },
    encoding: 'utf8',
  });
}

describe('arguments after --', () => {
  let directory: string;
  let program: string;
  let config: string;

  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'powerbox-arguments-'));
    program = join(directory, 'program.rho');
    config = join(directory, 'powerbox.yaml');
    const text = 'for (@seen <- ex!?("seen")) { out!(seen.get("arguments")) }';
    writeFileSync(program, `new ex(\`native:example\`), out(\`rho:io:stdout\`) in { ${text} }`);
    const native = {
      command: [process.execPath, ...start('odd'), 'serves'],
      arguments: true,
      folder: root,
      start_ms_max: 120_000,
    };
    const powers = { stdio: { kind: 'stdio' }, example: { kind: 'host', native: 'example' } };
    const holders = { alice: { grants: ['stdio', 'example'] } };
    writeFileSync(config, JSON.stringify({ version: 1, natives: { example: native }, powers, holders }));
  });

  after(() => {
    rmSync(directory, { recursive: true, force: true });
  });

  it('reach the child, also those that look like options of the command', () => {
    const run = powerbox('run', program, '--config', config, '--holder', 'alice', '--', '--json', 'two words');
    assert.deepEqual([run.status, run.stdout], [0, '"--json two words"\n'], run.stderr);
  });

  it('are refused where nobody gets them', () => {
    for (const words of [
      ['run', program, '--', 'x'],
      ['config', 'check', config, '--', 'x'],
    ]) {
      const refused = powerbox(...words);
      assert.equal(refused.status, 64);
      assert.match(refused.stderr, /after --/);
    }
  });
});
