/**
 * The laws of a platform, for the real one, the simulated one, and any other. No test runner is named here:
 * `describe` and `it` are given. `drive` runs work to its end; a simulated platform moves its clock meanwhile.
 */
import { deepStrictEqual, notDeepStrictEqual, ok, strictEqual } from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { Platform } from './types.ts';

export type Runner = {
  describe(name: string, body: () => void): unknown;
  it(name: string, body: () => Promise<void>): unknown;
};

export type PlatformPlace = {
  readonly platform: Platform;
  readonly drive: (work: Promise<void>) => Promise<void>;
};

export function platformConformance(runner: Runner, make: () => PlatformPlace): void {
  const law = (name: string, body: (platform: Platform) => Promise<void>): void => {
    runner.it(name, async () => {
      const { platform, drive } = make();
      await drive(body(platform));
    });
  };
  runner.describe('clock and timers', () => timeLaws(law));
  runner.describe('hashing and randomness', () => byteLaws(law));
}

type Law = (name: string, body: (platform: Platform) => Promise<void>) => void;

const later = (platform: Platform, delay_ms: number, run: () => void = () => {}): Promise<void> =>
  new Promise((resolve) => {
    platform.timers.after(delay_ms, () => {
      run();
      resolve();
    });
  });

function timeLaws(law: Law): void {
  law('a timer does not run before its time, by the clock that never goes back', async (platform) => {
    const start_ms = platform.clock.monotonic_ms();
    await later(platform, 20);
    // Timers of a machine count whole milliseconds, and may be a fraction early by the finer clock.
    ok(platform.clock.monotonic_ms() - start_ms >= 19);
  });

  law(
    'timers run in the order of their times, and equal ones in the order in which they were set',
    async (platform) => {
      const order: string[] = [];
      await Promise.all([
        later(platform, 30, () => order.push('30')),
        later(platform, 5, () => order.push('5')),
        later(platform, 5, () => order.push('5 again')),
        later(platform, 15, () => order.push('15')),
      ]);
      deepStrictEqual(order, ['5', '5 again', '15', '30']);
    },
  );

  law('a timer never runs inside the call that sets it, not even one without delay', async (platform) => {
    let ran = false;
    const done = later(platform, 0, () => {
      ran = true;
    });
    strictEqual(ran, false);
    platform.timers.soon(() => {});
    await done;
  });

  law('a cancelled timer does not run, and cancelling twice or late is no error', async (platform) => {
    let ran = false;
    const timer = platform.timers.after(5, () => {
      ran = true;
    });
    const done = platform.timers.after(1, () => {});
    timer.cancel();
    timer.cancel();
    await later(platform, 15);
    done.cancel();
    strictEqual(ran, false);
  });

  law('a delay of a month is a month, and not a wrapped number', async (platform) => {
    let ran = false;
    const timer = platform.timers.after(31 * 24 * 3_600_000, () => {
      ran = true;
    });
    await later(platform, 10);
    timer.cancel();
    strictEqual(ran, false);
  });

  law('what is to run soon runs once, in order, after the promises that are ready', async (platform) => {
    const order: string[] = [];
    const done = new Promise<void>((resolve) => {
      platform.timers.soon(() => order.push('one'));
      platform.timers.soon(() => {
        order.push('two');
        resolve();
      });
    });
    void Promise.resolve().then(() => order.push('promise'));
    await done;
    deepStrictEqual(order, ['promise', 'one', 'two']);
  });

  law('the wall clock gives whole milliseconds of this century', async (platform) => {
    const now_ms = platform.clock.now_ms();
    ok(Number.isSafeInteger(now_ms));
    ok(now_ms > Date.UTC(2020, 0, 1) && now_ms < Date.UTC(2100, 0, 1));
    await later(platform, 2);
    ok(platform.clock.now_ms() >= now_ms);
  });
}

/** From the standard that defines SHA-256. */
const ABC_SHA256 = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';

function byteLaws(law: Law): void {
  law('the hash is SHA-256, also of a view into a larger buffer', async (platform) => {
    const view = new Uint8Array(Buffer.from('xabcx')).subarray(1, 4);
    strictEqual(Buffer.from(platform.hashing.sha256(view)).toString('hex'), ABC_SHA256);
    strictEqual(platform.hashing.sha256(new Uint8Array()).length, 32);
  });

  law('each hash is one of its own, whatever bytes it is made of', async (platform) => {
    const hashes = Array.from({ length: 300 }, (_, length) =>
      platform.hashing.sha256(new Uint8Array(length).fill(length)),
    );
    for (const [length, digest] of hashes.entries()) {
      const other = createHash('sha256').update(new Uint8Array(length).fill(length)).digest('hex');
      strictEqual(Buffer.from(digest).toString('hex'), other);
    }
  });

  law('random bytes are as many as were asked for, and others each time', async (platform) => {
    for (const length of [0, 1, 32, 100_000]) strictEqual(platform.randomness.bytes(length).length, length);
    const [one, other] = [platform.randomness.bytes(32), platform.randomness.bytes(32)];
    notDeepStrictEqual([...one], [...other]);
    one.fill(0);
    notDeepStrictEqual([...other], [...one]);
    const counts = new Set(platform.randomness.bytes(10_000));
    strictEqual(counts.size, 256, 'every byte occurs among ten thousand');
  });
}
