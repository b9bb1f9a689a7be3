/**
 * The processes of the recovery benchmark: `tail` writes until the journal's tail is nearly full, says so and
 * waits to be killed; `raw` opens the database as it is; `open` opens the space and takes its first answer.
 */
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { limits } from '../../src/limits.ts';
import { anyMessage, openSpace, PAYLOAD } from './support.ts';

const [mode, directory, countText] = process.argv.slice(2) as [string, string, string];
const count = Number(countText);
const CACHE_BYTES = 64 * 1024 * 1024;

if (mode === 'tail') {
  // No cut before the tail is as long as it may be.
  const { engine } = await openSpace(directory, {
    cache_bytes: CACHE_BYTES,
    journal_tail_bytes_max: 2 * limits.journal_tail_bytes_max,
    journal_tail_age_ms_max: 3_600_000,
  });
  for (let done = 0; engine.tail_bytes < limits.journal_tail_bytes_max - 400_000; done += 1000) {
    const calls: Promise<void>[] = [];
    for (let index = 0; index < 1000; index++)
      calls.push(engine.produce(`c${(done + index) % 10_000}`, [done + index, PAYLOAD], false, 1));
    await Promise.all(calls);
  }
  process.stdout.write('full\n');
  setInterval(() => {}, 1000);
} else if (mode === 'raw') {
  const started_ms = performance.now();
  const level = new ClassicLevel(join(directory, 'rows'));
  await level.open();
  await level.close();
  process.stdout.write(`${performance.now() - started_ms}`);
} else {
  const started_ms = performance.now();
  const { engine, host } = await openSpace(directory, { cache_bytes: CACHE_BYTES });
  await host.read({ slots: [{ channel: `c${Math.min(count, 10_000) - 1}`, pattern: anyMessage }], timeout_ms: 0 });
  const answer_ms = performance.now() - started_ms;
  process.stdout.write(`${answer_ms} ${process.memoryUsage.rss()}`);
  await engine.close();
}
