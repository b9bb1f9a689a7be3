/** A timer of a process that is killed fires in the next one: real processes, a real directory, the real clock. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openSpace } from '../../src/index.ts';

const CHILD = fileURLToPath(new URL('./timer-child.ts', import.meta.url));
/** Far apart, for each counts from when it is asked for, and the process may stand still in between. */
const PROGRAM = `new box(\`rho:powerbox\`) in { for (timer <- box!?("timer")) {
  for (@x <- timer!?("after", 2000, "second")) { @"out"!(x) } |
  for (@x <- timer!?("after", 500, "first")) { @"out"!(x) } |
  for (@x <- timer!?("after", 3600000, "in an hour")) { @"out"!(x) } |
  @"sum"!(*timer.after(600, 40) + 2)
} }`;

describe('timers of a killed process', function () {
  this.timeout(300_000);

  it('fire when the space is opened again, what is overdue first and in order, and no other', async () => {
    const data = mkdtempSync(join(tmpdir(), 'powerbox-timer-'));
    try {
      const child = spawn(process.execPath, ['--import', 'tsx', CHILD, data, PROGRAM], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const exit = once(child, 'exit');
      await Promise.race([once(child.stdout, 'data'), exit]);
      child.kill('SIGKILL');
      assert.deepEqual(await exit, [null, 'SIGKILL']);
      await new Promise((resolve) => setTimeout(resolve, 2_100));
      const space = await openSpace({ data, grants: { powers: [{ kind: 'timer' }] } });
      try {
        const read = async (channel: string): Promise<unknown> =>
          (await space.consume([{ channel }], { limit_ms: 60_000 }))[0]?.[0];
        assert.deepEqual([await read('out'), await read('out'), await read('sum')], ['first', 'second', 42]);
        assert.equal(space.count('out').data, 0);
      } finally {
        await space.close();
      }
    } finally {
      rmSync(data, { recursive: true, force: true });
    }
  });
});
