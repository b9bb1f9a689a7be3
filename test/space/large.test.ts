/**
 * Cold data: a million on one channel, and a million channels, behind a cache of 1 MiB. What is taken is what
 * the same operations take in memory, for at most four point reads a datum; memory stays bounded; and closing,
 * opening and being killed change no answer.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type Answer, fill, type Large, type Layout, open, type Operation, operations, take } from './support/large.ts';

const COUNT = 1_000_000;
const TAKES = 400;
const READS_MAX = 4;
/** What the process may grow by while it fills and takes, garbage that nobody has asked to collect included. */
const GROWTH_BYTES_MAX = 1024 * 1024 * 1024;
/** What lives in memory at any time, beside what a million data in memory take. */
const LIVING_SHARE_MAX = 0.6;
/** Data between two looks at the memory. */
const LOOK_EVERY = 100_000;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Bytes in use once garbage is gone. */
function living(): number {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

async function inDirectory(body: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'space-large-'));
  try {
    await body(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function takeAll(large: Large, list: readonly Operation[]): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (const operation of list) answers.push(await take(large, operation));
  return answers;
}

function checkReads(list: readonly Operation[], answers: readonly Answer[]): void {
  for (const [index, { slots }] of list.entries()) {
    const { reads } = answers[index] as Answer;
    assert.ok(reads <= READS_MAX * slots.length, `${reads} reads for ${JSON.stringify(slots)}`);
  }
  assert.ok(
    answers.some(({ reads }) => reads > 0),
    'nothing was cold',
  );
}

const capturesOf = (answers: readonly Answer[]): unknown[] => answers.map(({ captures }) => captures);

function millionTest(layout: Layout, title: string): void {
  it(title, async function () {
    this.timeout(1_800_000);
    await inDirectory(async (directory) => {
      const before_bytes = living();
      const resident_bytes = process.memoryUsage.rss();
      let living_bytes = 0;
      let most_bytes = 0;
      const look = (done = COUNT): void => {
        if (done % LOOK_EVERY !== 0) return;
        most_bytes = Math.max(most_bytes, process.memoryUsage.rss());
        living_bytes = Math.max(living_bytes, living() - before_bytes);
      };
      const filling = await open(directory, false);
      await fill(filling.engine, layout, COUNT, look);
      // Straight after filling, with rows being written behind: the same answers.
      const during = operations(layout, COUNT, TAKES, 1);
      const gotDuring = await takeAll(filling, during);
      look();
      await filling.engine.close();

      const first = operations(layout, COUNT, TAKES, 2);
      let large = await open(directory, true);
      const gotFirst = await takeAll(large, first);
      checkReads(first, gotFirst);
      look();
      await large.engine.close();

      // What was just taken is in the journal only, and is laid over the rows.
      const second = operations(layout, COUNT, TAKES, 3);
      large = await open(directory, true);
      const gotSecond = await takeAll(large, second);
      checkReads(second, gotSecond);
      look();
      await large.engine.close();
      const growth_bytes = most_bytes - resident_bytes;
      assert.ok(growth_bytes <= GROWTH_BYTES_MAX, `grew by ${growth_bytes >> 20} MiB`);

      const memory = await open(null, false);
      await fill(memory.engine, layout, COUNT);
      for (const [list, got] of [
        [during, gotDuring],
        [first, gotFirst],
        [second, gotSecond],
      ] as const)
        assert.deepEqual(capturesOf(got), capturesOf(await takeAll(memory, list)));
      // With its index, which it makes for the first take.
      const twin_bytes = living() - before_bytes;
      assert.ok(
        living_bytes <= LIVING_SHARE_MAX * twin_bytes,
        `${living_bytes >> 20} MiB, and a million in memory take ${twin_bytes >> 20}`,
      );
      if (process.env.LARGE_LOG) console.log(living_bytes >> 20, twin_bytes >> 20, growth_bytes >> 20);
      await memory.engine.close();
    });
  });
}

describe('space: cold data', () => {
  millionTest('one', 'a million data on one channel are taken as in memory, for four reads a datum at most');
  millionTest('many', 'a million channels are taken from as in memory, for four reads a datum at most');

  for (const layout of ['one', 'many'] as const)
    it(`after SIGKILL in the middle of filling (${layout}), what was acknowledged is taken as in memory`, async function () {
      this.timeout(1_800_000);
      await inDirectory(async (directory) => {
        const acknowledged = await killedAfter(directory, layout, 30_000);
        const large = await open(directory, true);
        const memory = await open(null, false);
        await fill(memory.engine, layout, acknowledged);
        const list = operations(layout, acknowledged, TAKES, 4).filter(({ slots }) =>
          slots.every(({ key }) => key === null || key < acknowledged),
        );
        const got = await takeAll(large, list);
        checkReads(list, got);
        assert.deepEqual(capturesOf(got), capturesOf(await takeAll(memory, list)));
        await large.engine.close();
        await memory.engine.close();
      });
    });
});

/** Fills a space in a process of its own, kills it when so many are acknowledged, and says how many were. */
function killedAfter(directory: string, layout: Layout, count: number): Promise<number> {
  const program = fileURLToPath(new URL('./support/large-child.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', program, directory, layout], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  let acknowledged = 0;
  return new Promise((resolve, reject) => {
    child.stdout.on('data', (chunk) => {
      text += chunk;
      acknowledged = Number(text.trimEnd().split('\n').pop());
      if (acknowledged >= count) child.kill('SIGKILL');
    });
    child.once('error', reject);
    child.once('exit', (_, signal) =>
      signal === 'SIGKILL' ? resolve(acknowledged) : reject(new Error(`ended by itself: ${text}`)),
    );
  });
}
