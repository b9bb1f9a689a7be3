/**
 * What is not in memory: takes from a directory far larger than the cache beside point reads of the same rows,
 * produces to a million channels beside raw batches, and the first answer after SIGKILL.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ClassicLevel } from 'classic-level';
import {
  anyMessage,
  type BenchLine,
  inDirectory,
  interleave,
  line,
  median,
  openSpace,
  PAYLOAD,
  rate,
} from './support.ts';

const CHANNELS = 1_000_000;
const TAKES = 10_000;
const CACHE_BYTES = 64 * 1024 * 1024;
const FIRST_ANSWER_MS_MAX = 250;
const GROWTH_MAX = 2;
const MEMORY_ABOVE_CACHE_MAX = 250 * 1024 * 1024;
const BATCH = 1000;

type Raw = ClassicLevel<Uint8Array, Uint8Array>;

/** Produces `count` messages to `count` channels, or to a hundredth of them, in calls of 1,000. */
export async function fill(directory: string, count: number, channels: number): Promise<number> {
  const { engine } = await openSpace(directory, { cache_bytes: CACHE_BYTES });
  const speed = await rate(count, async () => {
    for (let done = 0; done < count; done += BATCH) {
      const calls: Promise<void>[] = [];
      for (let index = done; index < done + BATCH; index++)
        calls.push(engine.produce(`c${index % channels}`, [index, PAYLOAD], false, 1));
      await Promise.all(calls);
    }
  });
  await engine.close();
  return speed;
}

async function rawBatches(directory: string, count: number): Promise<number> {
  const raw: Raw = new ClassicLevel(directory, { keyEncoding: 'view', valueEncoding: 'view' });
  await raw.open();
  const value = new Uint8Array(200).fill(7);
  const speed = await rate(count, async () => {
    for (let done = 0; done < count; done += BATCH) {
      const operations = Array.from({ length: BATCH }, (_, index) => ({
        type: 'put' as const,
        key: Buffer.from(`c${done + index}`),
        value,
      }));
      await raw.batch(operations, { sync: true });
    }
  });
  await raw.close();
  return speed;
}

async function coldTakes(directory: string): Promise<BenchLine> {
  const { engine, store } = await openSpace(directory, { cache_bytes: CACHE_BYTES });
  const rows = (store as NonNullable<typeof store>).rows;
  let seed = 1;
  const next = (): number => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed % CHANNELS;
  };
  const take = (): Promise<number> =>
    rate(TAKES, async () => {
      for (let done = 0; done < TAKES; done += 100) {
        await engine.post({ kind: 'bench', payload: null, account: 1 }, () => {
          for (let index = 0; index < 100; index++) {
            const slots = [{ channel: `c${next()}`, pattern: anyMessage, peek: false }];
            engine.tuples.tryOnce({
              slots,
              persist: false,
              body: { label: 'k', term: null, place: 0, environment: [] },
            });
          }
        });
      }
    });
  const key = (index: number): Uint8Array => engine.channels.rowKeyOf(`c${index}`);
  const read = (): Promise<number> =>
    rate(TAKES, () => {
      for (let index = 0; index < TAKES; index++) rows.getSync(key(next()));
    });
  const { ours, theirs } = await interleave(5, take, read);
  await engine.close();
  return line('uniform cold takes, 64 MiB cache', 'takes/s', ours, 'getSync of the same directory', theirs, 0.1);
}

interface Opening {
  readonly answer_ms: number;
  readonly raw_ms: number;
  readonly resident_bytes: number;
}

/** In a process of its own: fills the tail of the journal to its maximum and is killed; then opens. */
async function openings(directory: string, count: number): Promise<Opening> {
  const child = (mode: string): Promise<string> =>
    new Promise((resolve, reject) => {
      // The same form as this file: TypeScript through tsx, or what tsc made of it.
      const isSource = import.meta.url.endsWith('.ts');
      const program = fileURLToPath(new URL(isSource ? './cold-child.ts' : './cold-child.js', import.meta.url));
      const loader = isSource ? ['--import', 'tsx'] : [];
      const process_ = spawn(process.execPath, [...loader, program, mode, directory, `${count}`], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let text = '';
      process_.stdout.on('data', (chunk) => {
        text += chunk;
        if (mode === 'tail' && text.includes('full')) process_.kill('SIGKILL');
      });
      process_.once('error', reject);
      process_.once('exit', () => resolve(text));
    });
  const samples: Opening[] = [];
  for (let round = 0; round < 5; round++) {
    await child('tail');
    const raw_ms = Number(await child('raw'));
    const [answer_ms, resident_bytes] = (await child('open')).split(' ').map(Number) as [number, number];
    samples.push({ answer_ms, raw_ms, resident_bytes });
  }
  return {
    answer_ms: median(samples.map((sample) => sample.answer_ms)),
    raw_ms: median(samples.map((sample) => sample.raw_ms)),
    resident_bytes: median(samples.map((sample) => sample.resident_bytes)),
  };
}

export async function bench(): Promise<BenchLine[]> {
  return inDirectory(async (directory) => {
    const space = join(directory, 'space');
    const ours = await fill(space, CHANNELS, CHANNELS);
    const theirs = await rawBatches(join(directory, 'raw'), CHANNELS);
    const lines = [
      line('produce to 1,000,000 distinct channels', 'produces/s', ours, 'raw batches of 1,000', theirs, 0.3),
    ];
    lines.push(await coldTakes(space));
    const small = join(directory, 'small');
    const large = join(directory, 'large');
    await fill(small, 10_000, 10_000);
    await fill(large, 1_000_000, 10_000);
    const few = await openings(small, 10_000);
    const many = await openings(large, 1_000_000);
    const after_ms = many.answer_ms - many.raw_ms;
    lines.push({
      name: 'first answer after SIGKILL, 1,000,000 data',
      value: Math.round(after_ms),
      unit: 'ms after classic-level has opened',
      reference: `classic-level opens in ${Math.round(many.raw_ms)} ms`,
      ratio: Number((many.answer_ms / many.raw_ms).toFixed(3)),
      goal: `at most ${FIRST_ANSWER_MS_MAX} ms`,
      met: after_ms <= FIRST_ANSWER_MS_MAX,
    });
    const growth = after_ms / Math.max(1, few.answer_ms - few.raw_ms);
    lines.push({
      name: 'first answer after SIGKILL, growth from 10,000 to 1,000,000 data',
      value: Math.round(after_ms),
      unit: 'ms',
      reference: `10,000 data: ${Math.round(few.answer_ms - few.raw_ms)}`,
      ratio: Number(growth.toFixed(3)),
      goal: `at most ${GROWTH_MAX}`,
      met: growth <= GROWTH_MAX,
    });
    const above_bytes = many.resident_bytes - CACHE_BYTES;
    lines.push({
      name: 'resident memory after opening 1,000,000 data',
      value: Math.round(many.resident_bytes / 1048576),
      unit: 'MiB',
      reference: `cache: ${CACHE_BYTES / 1048576}`,
      ratio: Number((many.resident_bytes / CACHE_BYTES).toFixed(3)),
      goal: 'at most the cache plus 250 MiB',
      met: above_bytes <= MEMORY_ABOVE_CACHE_MAX,
    });
    return lines;
  });
}
