/** A process that is killed in the middle of its appends has lost nothing that was acknowledged. */
import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'mocha';
import { limits } from '../../src/limits.ts';
import { entryOf } from './support/entries.ts';
import {
  acknowledged,
  CHILD,
  inDirectory,
  open,
  refused,
  run,
  skipWith,
  startChild,
  verified,
} from './support/place.ts';

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

describe('an append', () => {
  it('is one call to the system, into a file that is as long as it will be', async function () {
    await inDirectory(async (directory) => {
      const data = join(directory, 'data');
      const trace = join(directory, 'trace');
      await (await open(data)).close();
      const segment = join(data, 'journal', 'segment-00000001');
      const tracer = [
        '-f',
        '-qq',
        '-o',
        trace,
        '-P',
        segment,
        '-e',
        'trace=/^(p?writev?2?|pwrite64|f(data)?sync|open.*)$',
      ];
      const refusal = run('strace', ...tracer, process.execPath, '--import', 'tsx', CHILD, data, 'sync', '40', '1000');
      if (refusal !== null) skipWith(this, `what is asked of the system needs strace: ${refusal}`);
      const calls = (await readFile(trace, 'utf8')).split('\n').filter((line) => line.includes('('));
      const written = calls.findLastIndex((line) => line.includes('fdatasync('));
      const appends = calls.slice(calls.findIndex((line) => line.includes('O_DSYNC')) + 1);
      ok(
        written >= 0 && calls.length - appends.length > written,
        'it is synced before it is appended to, and never after',
      );
      strictEqual(appends.length, 40, appends.join('\n'));
      for (const call of appends) match(call, /pwrite64\(/);
      strictEqual((await stat(segment)).size, limits.journal_segment_bytes_min);
    });
  });
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
      ok(Math.abs(Date.parse(started!) - asked) < 120_000, told.message);
      // The lock file of the dead process is still there, and no obstacle.
      match(await readFile(join(directory, 'lock'), 'utf8'), new RegExp(`"pid":${child.process.pid},`));
      const store = await open(directory);
      deepStrictEqual(JSON.parse(await readFile(join(directory, 'lock'), 'utf8')).pid, process.pid);
      await store.close();
    });
  });

  it('is refused as that and nothing else, whatever its owner is doing, and while it leaves', async () => {
    await inDirectory(async (directory) => {
      const outcomes = new Set<string>();
      for (let round = 0; round < 4; round++) {
        const store = await open(directory);
        const { journal } = store;
        let isOver = false;
        const busy = (async () => {
          while (!isOver) {
            await journal.append(journal.last, entryOf(journal.last + 1, 40_000));
            if (journal.last % 8 !== 0) continue;
            await store.rows.write([{ key: entryOf(1, 20), value: entryOf(journal.last, 300_000) }], true);
            await journal.drop(journal.last - 3);
          }
        })();
        for (let tries = 0; tries < 12; tries++)
          strictEqual((await refused(() => open(directory))).code, 'storage_locked');
        isOver = true;
        const closing = store.close();
        // Its last append is still under way, maybe.
        const ended = busy.catch((error: { code?: string }) => strictEqual(error.code, 'space_closed'));
        for (let left = false; !left; ) {
          const failure = await open(directory).then(
            async (next) => {
              left = true;
              await next.close();
              return 'accepted';
            },
            (error: { code?: string; message: string }) => error.code ?? error.message,
          );
          outcomes.add(failure);
        }
        await Promise.all([closing, ended]);
      }
      for (const outcome of outcomes) ok(['accepted', 'storage_locked'].includes(outcome), outcome);
    });
  });
});
