/**
 * Traces: a replay beside the run that it repeats, a run that is recorded beside one that is not, and the bytes of a trace
 * beside those of the journal that it covers.
 */
import { statSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { internalsOf, type OpenOptions, type Space } from '../../src/embedding/index.ts';
import { openSpace, replayTrace } from '../../src/index.ts';
import { atMost, type BenchLine, inDirectory, interleave, line, PAYLOAD } from './support.ts';

const LOOPS = 4_000_000;
const EFFECTS = 10_000;
const MESSAGES = 40_000;
/** Messages that are under way at once. */
const IN_FLIGHT = 256;
const ROUNDS = 5;

const LOOP = `new c in { contract c(@n) = { if (n > 0) { c!(n - 1) } else { @"done"!(0) } } | c!(${LOOPS}) }`;
const FILES = `new box(\`rho:powerbox\`) in {
  for (dir <- box!?("fileSystem"); f <- dir!?("resolve", "f")) {
    new loop in {
      contract loop(@left) = {
        if (left == 0) { @"done"!(0) } else { for (_ <- f!?("writeAt", left % 64, "x")) { loop!(left - 1) } }
      } | loop!(${EFFECTS})
    }
  }
}`;
const KEPT = 'contract @"in"(@n, @x) = { if (n % 4 == 0) { @"kept"!(n, x) } }';

/** A run of a space: how long it took, and the bytes of its journal. */
interface Run {
  readonly took_ms: number;
  readonly journal_bytes: number;
}

async function run(options: OpenOptions, body: (space: Space) => Promise<void>): Promise<Run> {
  const space = await openSpace({ grants: { stdio: false }, ...options });
  const before_bytes = journalOf(space);
  const began_ms = performance.now();
  await body(space);
  const took_ms = performance.now() - began_ms;
  const journal_bytes = journalOf(space) - before_bytes;
  await space.close();
  return { took_ms, journal_bytes };
}

function journalOf(space: Space): number {
  return internalsOf(space).engine.figures().counters.appended_bytes;
}

async function finished(space: Space, text: string): Promise<void> {
  await space.run(text);
  await space.consume([{ channel: 'done' }]);
}

/** Text as long as that of the other benchmarks, which no compression makes much smaller. */
function payloadOf(number: number): string {
  let text = '';
  for (let state = number + 1; text.length < PAYLOAD.length; ) {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9;
    text += (state >>> 0).toString(36);
  }
  // Flat: the first who reads one put together would do that for both runs.
  return Buffer.from(text.slice(0, PAYLOAD.length), 'latin1').toString('latin1');
}

/** Made before the clock runs: making them takes as long as all the rest. */
const PAYLOADS = Array.from({ length: MESSAGES }, (_, number) => payloadOf(number));

async function messages(space: Space): Promise<void> {
  await space.run(KEPT);
  let next = 0;
  const one = async (): Promise<void> => {
    while (next < MESSAGES) await space.produce('in', [next, PAYLOADS[next++] ?? '']);
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, one));
  await space.quiescent();
}

async function timed(body: () => Promise<unknown>): Promise<number> {
  const began_ms = performance.now();
  await body();
  return performance.now() - began_ms;
}

/** As many a second, so that the more is the better. */
const rateOf = (count: number, took_ms: number): number => (count / took_ms) * 1000;

export function bench(): Promise<BenchLine[]> {
  return inDirectory(async (directory) => {
    const trace = join(directory, 'one.trace');
    const fresh = async (): Promise<string> => {
      await rm(trace, { force: true });
      return trace;
    };
    const data = async (): Promise<string> => {
      const path = join(directory, 'space');
      await rm(path, { recursive: true, force: true });
      return path;
    };
    const sync = async (): Promise<OpenOptions> => ({ data: await data(), durability: 'sync' });
    const loop = (space: Space): Promise<void> => finished(space, LOOP);

    await run({ trace: await fresh() }, loop);
    const computing = await interleave(
      ROUNDS,
      async () => rateOf(LOOPS, await timed(() => replayTrace(trace))),
      async () => rateOf(LOOPS, (await run({}, loop)).took_ms),
    );

    const root = join(directory, 'root');
    await mkdir(root);
    await writeFile(join(root, 'f'), ''.padEnd(64));
    const files = { files: { root, acceptWeakConfinement: true } };
    const effects = await run({ ...(await sync()), trace: await fresh(), grants: { files, stdio: false } }, (space) =>
      finished(space, FILES),
    );
    const effects_bytes = statSync(trace).size;
    const replayed_ms = await timed(() => replayTrace(trace));

    let recorded: Run = { took_ms: 0, journal_bytes: 0 };
    let recorded_bytes = 0;
    const costOf = (options: () => Promise<OpenOptions>): Promise<{ ours: number; theirs: number }> =>
      interleave(
        ROUNDS,
        async () => {
          recorded = await run({ ...(await options()), trace: await fresh() }, messages);
          recorded_bytes = statSync(trace).size;
          return recorded.took_ms;
        },
        async () => (await run(await options(), messages)).took_ms,
      );
    const inSync = await costOf(sync);
    const inMemory = await interleave(
      ROUNDS,
      async () => (await run({ trace: await fresh() }, loop)).took_ms,
      async () => (await run({}, loop)).took_ms,
    );
    return [
      line('replay of a run that computes', 'COMMs/s', computing.ours, 'the run, in memory', computing.theirs, 0.8),
      line(
        'replay of 10,000 file effects, one after the other',
        'effects/s',
        rateOf(EFFECTS, replayed_ms),
        'the run, in sync',
        rateOf(EFFECTS, effects.took_ms),
        10,
      ),
      atMost('recording 40,000 messages, in sync', 'ms', inSync.ours, 'without', inSync.theirs, 1.2),
      atMost('recording a run that computes, in memory', 'ms', inMemory.ours, 'without', inMemory.theirs, 1.2),
      atMost('trace of messages', 'KiB', recorded_bytes / 1024, 'its journal', recorded.journal_bytes / 1024, 1.5),
      atMost('trace of file effects', 'KiB', effects_bytes / 1024, 'its journal', effects.journal_bytes / 1024, 1.5),
    ];
  });
}
