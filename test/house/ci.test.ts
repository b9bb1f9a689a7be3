/**
 * House rule: `.ci/run` closes with one line that sums up, and its exit code says the same. Run in a copy, with
 * an `npm` that answers as it is told.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

function runWith(
  answers: string,
  env: Readonly<Record<string, string>> = {},
): { last: string | undefined; status: number | null } {
  const copy = mkdtempSync(join(tmpdir(), 'powerbox-ci-'));
  try {
    mkdirSync(join(copy, '.ci'));
    cpSync(join(root, '.ci/run'), join(copy, '.ci/run'));
    const tools: Readonly<Record<string, string>> = {
      npm: `case "$*" in ${answers} *) echo fine ;; esac`,
      'redis-server': '',
      strace: '',
      gcc: '',
      'apt-get': '',
    };
    for (const [name, script] of Object.entries(tools)) {
      writeFileSync(join(copy, name), `#!/usr/bin/env bash\n${script}\n`);
      chmodSync(join(copy, name), 0o755);
    }
    const { stdout, status } = spawnSync(join(copy, '.ci/run'), {
      encoding: 'utf8',
      env: { ...process.env, PATH: `${copy}:${process.env['PATH']}`, CI: 'true', ...env },
    });
    return { last: stdout.trimEnd().split('\n').at(-1), status };
  } finally {
    rmSync(copy, { recursive: true });
  }
}

describe('house: .ci/run', function () {
  this.timeout(300_000);

  // Installing and the six checks count as one each.
  const laws: readonly (readonly [law: string, answers: string, last: string, status: number])[] = [
    ['all is well', 'test) echo "  12 passing (3s)" ;;', '19 passed, 0 failed', 0],
    ['tests fail', 'test) printf "  12 passing (3s)\\n  2 failing\\n"; exit 2 ;;', '19 passed, 2 failed', 1],
    ['a test is skipped', 'test) printf "  12 passing (3s)\\n  1 pending\\n" ;;', '19 passed, 1 failed', 1],
    ['the tests die before their summary', 'test) exit 1 ;;', '7 passed, 1 failed', 1],
    ['a check fails', 'test) echo "  12 passing (3s)" ;; *lint*) exit 1 ;;', '18 passed, 1 failed', 1],
    ['nothing can be installed', 'ci*) exit 1 ;;', '0 passed, 1 failed', 1],
  ];
  for (const [law, answers, last, status] of laws) {
    it(`when ${law}, it says "${last}" and leaves with ${status}`, () => {
      assert.deepEqual(runWith(answers), { last, status });
    });
  }

  it('outside CI a skipped test is no failure', () => {
    const answers = 'test) printf "  12 passing (3s)\\n  1 pending\\n" ;;';
    assert.deepEqual(runWith(answers, { CI: 'false' }), { last: '19 passed, 0 failed', status: 0 });
  });
});
