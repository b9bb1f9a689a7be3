/** Both platforms obey the same laws, and the simulated one is the same again from the same seed. */
import { deepStrictEqual, notDeepStrictEqual, ok, rejects, strictEqual } from 'node:assert/strict';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { platformConformance } from '../../src/platform/conformance.ts';
import { Random, realPlatform, simulatedPlatform } from '../../src/platform/index.ts';

const runner = { describe, it };

describe('the real platform', () => {
  platformConformance(runner, () => ({ platform: realPlatform(), drive: (work) => work }));
});

describe('the simulated platform', () => {
  let seed = 0;
  platformConformance(runner, () => {
    const platform = simulatedPlatform(++seed);
    return { platform, drive: (work) => platform.run(work) };
  });

  /** Workers that wait, look at the clock and wake each other: what happened, in order. */
  async function history(seed: number): Promise<string[]> {
    const platform = simulatedPlatform(seed);
    const happened: string[] = [];
    const worker = async (name: string): Promise<void> => {
      for (let round = 0; round < 20; round++) {
        const delay_ms = platform.random.below(5);
        await new Promise<void>((resolve) => {
          if (platform.random.chance(0.5)) platform.timers.after(delay_ms, resolve);
          else platform.timers.soon(resolve);
        });
        for (let awaits = platform.random.below(4); awaits > 0; awaits--) await null;
        happened.push(`${name} ${round} ${platform.clock.monotonic_ms()} ${platform.randomness.bytes(1)[0]}`);
      }
    };
    await platform.run(Promise.all(['a', 'b', 'c'].map(worker)));
    return happened;
  }

  it('runs the same way again from the same seed, and another way from another', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(2 ** 31), async (seed) => {
        const first = await history(seed);
        strictEqual(first.length, 60);
        deepStrictEqual(await history(seed), first);
        notDeepStrictEqual(await history(seed + 1), first);
      }),
      { numRuns: 50 },
    );
  });

  it('takes no real time, however long its timers', async () => {
    const platform = simulatedPlatform(1);
    const start_ms = platform.clock.monotonic_ms();
    await platform.run(new Promise<void>((resolve) => platform.timers.after(365 * 24 * 3_600_000, resolve)));
    ok(platform.clock.monotonic_ms() - start_ms >= 365 * 24 * 3_600_000);
  });

  it('moves its clock a little at each look, so that a loop that yields by time does yield', async () => {
    const { clock } = simulatedPlatform(1);
    const start_ms = clock.monotonic_ms();
    let looks = 0;
    while (clock.monotonic_ms() - start_ms < 4) looks++;
    ok(looks > 10 && looks < 10_000, `${looks} looks`);
  });

  it('says so, with its seed, when nothing is left that could finish the work, or when it never finishes', async () => {
    const platform = simulatedPlatform(77);
    await rejects(platform.run(new Promise(() => {})), /seed 77: the simulation has nothing left to do/);
    const loop = (): void => platform.timers.soon(loop);
    loop();
    await rejects(platform.run(new Promise(() => {}), 100), /seed 77: not done after 100 steps/);
  });

  it('passes on what the work throws', async () => {
    const platform = simulatedPlatform(1);
    const work = new Promise<void>((_, reject) => platform.timers.after(1, () => reject(new Error('of the work'))));
    await rejects(platform.run(work), /of the work/);
  });

  it('runs any set of timers by time and then age, whatever is cancelled', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.nat(20), fc.boolean()), { maxLength: 60 }), async (wanted) => {
        const platform = simulatedPlatform(1);
        const ran: number[] = [];
        const timers = wanted.map(([delay_ms], index) => platform.timers.after(delay_ms, () => ran.push(index)));
        for (const [index, [, cancelled]] of wanted.entries()) if (cancelled) timers[index]!.cancel();
        while (await platform.step());
        const expected = [...wanted.keys()]
          .filter((index) => !wanted[index]![1])
          .sort((one, other) => wanted[one]![0] - wanted[other]![0] || one - other);
        deepStrictEqual(ran, expected);
      }),
      { numRuns: 40 },
    );
  });
});

describe('numbers from a seed', () => {
  it('are spread evenly, and those of neighbouring seeds and streams have nothing in common', () => {
    const buckets = new Uint32Array(16);
    const firsts = new Set<number>();
    for (let seed = 0; seed < 2_000; seed++) {
      const random = new Random(seed, seed % 3);
      firsts.add(random.uint32());
      for (let draw = 0; draw < 20; draw++) buckets[random.below(16)]!++;
    }
    strictEqual(firsts.size, 2_000);
    for (const count of buckets) ok(count > 2_250 && count < 2_750, `${[...buckets]}`);
  });
});
