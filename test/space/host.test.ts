/** Callers of this process: they wait, give up and are told; what they leave behind is not lost. Leases end. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { compilePattern, type MessagePattern } from '../../src/match/index.ts';
import { type SimulatedPlatform, simulatedPlatform } from '../../src/platform/index.ts';
import { SpaceEngine, SpaceHost } from '../../src/space/index.ts';
import { openSimulatedStore, SimulatedDisk } from '../../src/store/index.ts';
import { FreeVariable, type Value } from '../../src/values/index.ts';

const any = compilePattern([new FreeVariable(0)], null);
const on = (channel: Value, pattern: MessagePattern = any): { channel: Value; pattern: MessagePattern } => ({
  channel,
  pattern,
});

interface Lab {
  readonly platform: SimulatedPlatform;
  readonly engine: SpaceEngine;
  readonly host: SpaceHost;
  /** Virtual time passes. */
  pass(ms: number): Promise<void>;
  run<T>(work: Promise<T>): Promise<T>;
  reopen(options?: object): Promise<Lab>;
}

async function openOn(disk: SimulatedDisk, options: object): Promise<Lab> {
  const { platform } = disk;
  const store = await platform.run(openSimulatedStore(disk));
  const engine = await platform.run(SpaceEngine.open({ platform, store, ...options }));
  engine.start({ handling: () => 'inline', run: () => {}, deliver: () => {} });
  const run = <T>(work: Promise<T>): Promise<T> => platform.run(work);
  return {
    platform,
    engine,
    host: new SpaceHost(engine, platform),
    run,
    pass: (ms) => run(new Promise((resolve) => void platform.timers.after(ms, resolve))),
    reopen: async (changed = options) => {
      if (engine.closed === null) await run(engine.close());
      return openOn(disk, changed);
    },
  };
}

const open = (options: object = {}, seed = 1): Promise<Lab> =>
  openOn(new SimulatedDisk(simulatedPlatform(seed)), options);

describe('space: callers who wait', () => {
  it('a take without waiting that finds nothing is timed_out, and leaves nothing', async () => {
    const { host, run } = await open();
    await assert.rejects(run(host.take({ slots: [on('a')], timeout_ms: 0 })), { code: 'timed_out' });
    await run(host.produce('a', [1]));
    assert.deepEqual(host.count('a'), { data: 1, waiting: 0 });
  });

  it('looking at ever other channels, on which nothing lies, keeps nothing in memory', async () => {
    const { host, engine, run, reopen } = await open();
    await run(host.produce('kept', [1]));
    const look = async (channel: Value): Promise<void> => {
      await assert.rejects(run(host.take({ slots: [on(channel)], timeout_ms: 0 })), { code: 'timed_out' });
    };
    for (let round = 0; round < 3_000; round++) await look(`channel ${round}`);
    const { channels, cache_bytes } = engine.figures();
    assert.ok(channels < 1_000, `${channels} channels are in memory`);
    assert.ok(cache_bytes >= 100 * channels, `${cache_bytes} bytes for ${channels} channels: they are not counted`);
    // What there is is found, before and after; and a channel that was forgotten is as good as new.
    await run(host.produce('channel 7', [2]));
    assert.deepEqual(host.count('kept'), { data: 1, waiting: 0 });
    const again = await reopen();
    assert.deepEqual(await again.run(again.host.take({ slots: [on('channel 7')], timeout_ms: 0 })), [2]);
    assert.deepEqual(again.host.count('kept'), { data: 1, waiting: 0 });
  });

  it('a take that waits gets what comes, a read leaves it', async () => {
    const { host, run } = await open();
    const read = host.read({ slots: [on('a')] });
    const took = host.take({ slots: [on('a'), on('b')] });
    await run(host.produce('b', [2]));
    await run(host.produce('a', [1]));
    assert.deepEqual(await run(read), [1]);
    assert.deepEqual(await run(took), [1, 2]);
    assert.deepEqual([host.count('a').data, host.count('b').data], [0, 0]);
  });

  it('one whose time is over is timed_out, and a message that comes afterwards stays', async () => {
    const { host, run, pass, platform } = await open();
    const started_ms = platform.clock.monotonic_ms();
    await assert.rejects(run(host.take({ slots: [on('a')], timeout_ms: 500 })), { code: 'timed_out' });
    assert.ok(platform.clock.monotonic_ms() - started_ms >= 500);
    await run(host.produce('a', [1]));
    await pass(1000);
    assert.deepEqual(host.count('a'), { data: 1, waiting: 0 });
    assert.deepEqual(await run(host.take({ slots: [on('a')], timeout_ms: 500 })), [1]);
  });

  it('one that is aborted is cancelled, before, while and after it waits', async () => {
    const { host, run, pass } = await open();
    const before = AbortSignal.abort();
    await assert.rejects(run(host.take({ slots: [on('a')], signal: before })), { code: 'cancelled' });
    const while_ = new AbortController();
    const waiting = host.take({ slots: [on('a')], signal: while_.signal });
    while_.abort();
    await assert.rejects(run(waiting), { code: 'cancelled' });
    const late = new AbortController();
    const later = host.take({ slots: [on('a')], signal: late.signal });
    later.catch(() => {});
    await pass(50);
    late.abort();
    await assert.rejects(run(later), { code: 'cancelled' });
    await run(host.produce('a', [1]));
    assert.deepEqual(host.count('a'), { data: 1, waiting: 0 });
  });

  it('a message that meets somebody who gives up is taken or stays, never lost and never both', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 1e6 }),
        fc.integer({ min: 0, max: 30 }),
        fc.integer({ min: 0, max: 30 }),
        fc.boolean(),
        async (seed, gives_ms, sends_ms, aborts) => {
          const lab = await open({}, seed);
          const { host, run, pass, platform } = lab;
          const controller = new AbortController();
          if (aborts) platform.timers.after(gives_ms, () => controller.abort());
          const taking = host
            .take({ slots: [on('a')], signal: controller.signal, ...(aborts ? {} : { timeout_ms: gives_ms + 1 }) })
            .then(
              () => 'taken',
              (error) => error.code as string,
            );
          await pass(sends_ms);
          const sent = host.produce('a', [1]);
          const how = await run(taking);
          await run(sent);
          assert.equal(host.count('a').data, how === 'taken' ? 0 : 1, how);
          assert.ok(how === 'taken' || how === (aborts ? 'cancelled' : 'timed_out'), how);
          const again = await lab.reopen();
          assert.equal(again.host.count('a').data, how === 'taken' ? 0 : 1);
        },
      ),
      { numRuns: 150 },
    );
  });

  it('a space that closes tells those who wait, and later callers, space_closed', async () => {
    const { host, engine, run } = await open();
    const waiting = host.take({ slots: [on('a')], timeout_ms: 1e9 });
    waiting.catch(() => {});
    await run(host.produce('b', [1]));
    await run(engine.close());
    await assert.rejects(waiting, { code: 'space_closed' });
    await assert.rejects(host.take({ slots: [on('b')] }), { code: 'space_closed' });
    await assert.rejects(host.produce('b', [2]), { code: 'space_closed' });
  });
});

describe('space: leases', () => {
  it('a datum with a lease is there until its time, and then gone', async () => {
    const { host, run, pass } = await open();
    await run(host.produce('a', [1], { lease_ms: 1000 }));
    await run(host.produce('a', [2]));
    await pass(900);
    assert.equal(host.count('a').data, 2);
    await pass(200);
    assert.equal(host.count('a').data, 1);
    assert.deepEqual(await run(host.take({ slots: [on('a')], timeout_ms: 0 })), [2]);
  });

  it('goes on across a reopening, also when its end came while the space was closed', async () => {
    let lab = await open();
    await lab.run(lab.host.produce('a', [1], { lease_ms: 1000 }));
    await lab.run(lab.host.produce('b', [1], { lease_ms: 5000, persist: true }));
    lab = await lab.reopen();
    assert.deepEqual([lab.host.count('a').data, lab.host.count('b').data], [1, 1]);
    await lab.run(lab.engine.close());
    await lab.pass(2000);
    lab = await lab.reopen();
    await lab.pass(100);
    assert.deepEqual([lab.host.count('a').data, lab.host.count('b').data], [0, 1]);
    await lab.pass(5000);
    assert.equal(lab.host.count('b').data, 0);
    assert.deepEqual([...lab.engine.facts('lease/')], []);
  });

  it('ends its own datum only, not one that came to its place', async () => {
    // The channel leaves memory as soon as it is empty, so numbers begin again.
    let lab = await open({ cache_bytes: 1, journal_tail_bytes_max: 1, journal_tail_age_ms_max: 0 });
    await lab.run(lab.host.produce('a', [1], { lease_ms: 1000 }));
    await lab.run(lab.host.take({ slots: [on('a')], timeout_ms: 0 }));
    for (let round = 0; round < 5; round++) {
      await lab.run(lab.host.produce('b', [round]));
      await lab.pass(50);
    }
    lab = await lab.reopen();
    await lab.run(lab.host.produce('a', [2]));
    await lab.pass(3000);
    assert.deepEqual(await lab.run(lab.host.take({ slots: [on('a')], timeout_ms: 0 })), [2]);
  });

  it('a message that is taken at once leaves no lease behind', async () => {
    const { host, run, engine } = await open();
    const taking = host.take({ slots: [on('a')] });
    await run(host.produce('a', [1], { lease_ms: 1000 }));
    assert.deepEqual(await run(taking), [1]);
    assert.deepEqual([...engine.facts('lease/')], []);
  });

  it('one that is not longer than nothing is refused', async () => {
    const { host } = await open();
    for (const lease_ms of [0, -1, Number.NaN])
      await assert.rejects(host.produce('a', [1], { lease_ms }), { code: 'bad_request' });
  });
});
