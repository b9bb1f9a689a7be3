/** A process that is killed in the middle of its appends has lost nothing that was acknowledged. */
import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'mocha';
import { acknowledged, inDirectory, open, refused, startChild, verified } from './support/place.ts';

describe('a process killed while it appends', () => {
  for (const [durability, size_bytes] of [
    ['sync', 300],
    ['sync', 90_000],
    ['os', 5_000],
  ] as const) {
    it(`finds every acknowledged entry again, with durability ${durability} and ${size_bytes} bytes each`, async () => {
      await inDirectory(async (directory) => {
        let last = 0;
        for (let round = 0; round < 2; round++) {
          const killAfter = last + 20 + round * 37;
          const child = startChild([directory, durability, '100000', `${size_bytes}`], (line, { process }) => {
            if (line.startsWith(`append ${killAfter} `)) process.kill('SIGKILL');
          });
          await child.ended;
          const acked = acknowledged(child);
          ok(acked.length >= 20, child.lines.slice(-3).join('\n'));
          const store = await open(directory);
          last = await verified(store, size_bytes);
          await store.close();
          ok(last >= acked.at(-1)!, `acknowledged ${acked.at(-1)}, found ${last}`);
        }
      });
    });
  }
});

describe('a data directory that another process has open', () => {
  it('is refused with the process and its start, and free once that process is killed', async () => {
    await inDirectory(async (directory) => {
      const asked = Date.now();
      let told: Awaited<ReturnType<typeof refused>> | undefined;
      const child = startChild([directory, 'sync', '1000000', '100'], async (line, { process }) => {
        if (line !== 'append 5 accepted') return;
        told = await refused(() => open(directory));
        process.kill('SIGKILL');
      });
      await child.ended;
      strictEqual(told?.code, 'storage_locked');
      const [, pid, started] = /process (\d+), started (\S+)$/.exec(told.message) ?? [];
      strictEqual(Number(pid), child.process.pid);
      ok(Math.abs(Date.parse(started!) - asked) < 20_000, told.message);
      // The lock file of the dead process is still there, and no obstacle.
      match(await readFile(join(directory, 'lock'), 'utf8'), new RegExp(`"pid":${child.process.pid},`));
      const store = await open(directory);
      deepStrictEqual(JSON.parse(await readFile(join(directory, 'lock'), 'utf8')).pid, process.pid);
      await store.close();
    });
  });
});
