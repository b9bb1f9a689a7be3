/**
 * How fast the codec is beside msgpackr, and a derived name beside the hash that it is made of. Both sides of
 * each ratio run in the same process, in interleaved rounds, and medians are compared. Needs no disk.
 */
import { hash } from 'node:crypto';
import { Packr } from 'msgpackr';
import { realPlatform } from '../../src/platform/index.ts';
import { Decoder, Encoder, NameMaker, fromValue, toValue } from '../../src/values/index.ts';
import type { Name, Value } from '../../src/values/index.ts';
import { type BenchLine, median } from './support.ts';

const ROUNDS = 31;
const CODEC_RATIO_MAX = 1.5;
const HASHES_PER_NAME_MAX = 2;

/** Three small messages as they cross the journal: a call, a record and a nested reply. */
export const MESSAGES: readonly { readonly name: string; readonly data: unknown }[] = [
  {
    name: '97 B call',
    data: [
      'writeFile',
      'reports/2026/summary-of-the-third-quarter.txt',
      4096,
      true,
      'the quick brown fox jumps over t',
      7,
    ],
  },
  {
    name: '97 B map',
    data: {
      id: 123456,
      kind: 'invoice',
      open: true,
      owner: 'accounting',
      state: 'waiting for approval',
      total: 98_765,
      user: 'margaret',
    },
  },
  {
    name: '215 B nested',
    data: [
      'reply',
      [
        { name: 'summary.txt', size: 4096, time: 1_700_000_000_000, type: 'file' },
        { name: 'archive', size: 0, time: 1_690_000_000_000, type: 'directory' },
        { name: 'holiday/photographs/lighthouse-at-dus.jpg', size: 2_345_678, time: 1_680_000_000_000, type: 'file' },
        [1, 2, 3, [4, 5, [6, 7, 'no more entry']]],
      ],
    ],
  },
];

function time_ns(iterations: number, run: () => void): number {
  const start = process.hrtime.bigint();
  for (let index = 0; index < iterations; index++) run();
  return Number(process.hrtime.bigint() - start) / iterations;
}

/** Medians of interleaved rounds, in nanoseconds an iteration. Each round is a job of its own, as turns are. */
async function interleave(
  iterations: number,
  ours: () => void,
  theirs: () => void,
): Promise<{ ours: number; theirs: number }> {
  const mine: number[] = [];
  const other: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    // both take turns at going first
    if (round % 2 === 0) mine.push(time_ns(iterations, ours));
    other.push(time_ns(iterations, theirs));
    if (round % 2 === 1) mine.push(time_ns(iterations, ours));
    await new Promise((resolve) => setImmediate(resolve));
  }
  return { ours: median(mine), theirs: median(other) };
}

function readNoName(): Name {
  throw new Error('these messages hold no name');
}

let sink: unknown = null;

async function codecLine(message: { readonly name: string; readonly data: unknown }): Promise<BenchLine> {
  const packr = new Packr({ useRecords: false, mapsAsObjects: true });
  const encoder = new Encoder();
  const value: Value = toValue(message.data);
  const plain = fromValue(value);
  const ours = (): void => {
    encoder.reset();
    encoder.value(value);
    const decoder = new Decoder(encoder.finish(), readNoName);
    sink = decoder.value();
    decoder.end();
  };
  const theirs = (): void => {
    sink = packr.unpack(packr.pack(plain));
  };
  const measured = await interleave(10_000, ours, theirs);
  const ratio = measured.ours / measured.theirs;
  return {
    name: `codec: encode and decode, ${message.name}`,
    value: Math.round(measured.ours),
    unit: 'ns',
    reference: `msgpackr ${Math.round(measured.theirs)} ns`,
    ratio,
    goal: `at most ${CODEC_RATIO_MAX}`,
    met: ratio <= CODEC_RATIO_MAX,
  };
}

async function nameLine(): Promise<BenchLine> {
  const { sha256 } = realPlatform().hashing;
  const maker = new NameMaker(new Uint8Array(32).fill(7), { sha256 });
  const input = new Uint8Array(49);
  let counter = 0;
  const ours = (): void => {
    sink = maker.draw(1, counter++).bytes;
  };
  const theirs = (): void => {
    input[0] = counter++;
    sink = hash('sha256', input, 'buffer');
  };
  const measured = await interleave(3_000, ours, theirs);
  const ratio = measured.ours / measured.theirs;
  return {
    name: 'names: one derived name',
    value: Math.round(measured.ours),
    unit: 'ns',
    reference: `one-shot SHA-256 ${Math.round(measured.theirs)} ns`,
    ratio,
    goal: `at most ${HASHES_PER_NAME_MAX}`,
    met: ratio <= HASHES_PER_NAME_MAX,
  };
}

export async function bench(): Promise<BenchLine[]> {
  const lines: BenchLine[] = [];
  for (const message of MESSAGES) lines.push(await codecLine(message));
  lines.push(await nameLine());
  // what the loops made must not look unused to the compiler
  if (sink === undefined) throw new Error('nothing was measured');
  return lines;
}
