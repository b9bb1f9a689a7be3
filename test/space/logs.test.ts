/** Laws of logs: numbered without gaps, durable with their turn, in rows and not in memory, forgotten from the front. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { simulatedPlatform } from '../../src/platform/index.ts';
import { SpaceEngine, type Turn } from '../../src/space/index.ts';
import { openSimulatedStore, SimulatedDisk, type Store } from '../../src/store/index.ts';
import type { Value } from '../../src/values/index.ts';

/** One space on a simulated disk that tears and reorders what was not synced. */
class Site {
  readonly disk: SimulatedDisk;
  store!: Store;
  engine!: SpaceEngine;

  constructor(seed: number) {
    this.disk = new SimulatedDisk(simulatedPlatform(seed));
  }

  async open(options: object = {}): Promise<this> {
    const { platform } = this.disk;
    this.store = await platform.run(openSimulatedStore(this.disk));
    this.engine = await platform.run(SpaceEngine.open({ platform, store: this.store, ...options }));
    this.engine.start({ handling: () => 'parked', run: () => {}, deliver: () => {} });
    return this;
  }

  turn(apply: (turn: Turn) => void): Promise<void> {
    return this.disk.platform.run(this.engine.post({ kind: 'test', payload: null, account: 0 }, apply));
  }

  pause(ms: number): Promise<void> {
    const { platform } = this.disk;
    return platform.run(new Promise<void>((resolve) => void platform.timers.after(ms, resolve)));
  }

  kept(log: string): Value[] {
    const { first, next } = this.engine.logs.range(log);
    return Array.from({ length: next - first }, (_, index) => this.engine.logs.read(log, first + index) as Value);
  }
}

const OFTEN = { journal_tail_bytes_max: 1, journal_tail_age_ms_max: 0 };
const NEVER = { journal_tail_bytes_max: 2 ** 40, journal_tail_age_ms_max: 2 ** 30 };

describe('space: logs', () => {
  it('entries are numbered from 0 without gaps, each log by itself, and read by number', async () => {
    const site = await new Site(1).open();
    await site.turn((turn) => {
      turn.log('a', 'a0');
      turn.log('b', 'b0');
      turn.log('a', 'a1');
    });
    await site.turn((turn) => turn.log('a', 'a2'));
    assert.deepEqual([site.kept('a'), site.kept('b'), site.kept('c')], [['a0', 'a1', 'a2'], ['b0'], []]);
    assert.deepEqual(site.engine.logs.range('a'), { first: 0, next: 3 });
    assert.equal(site.engine.logs.read('a', 3), undefined);
  });

  it('nothing shows before it is durable, and whoever follows hears when it is', async () => {
    const site = await new Site(2).open();
    const seen: number[] = [];
    const following = site.engine.logs.follow('a', () => seen.push(site.engine.logs.range('a').next));
    let during = -1;
    await site.turn((turn) => {
      turn.log('a', 1);
      during = site.engine.logs.range('a').next;
    });
    assert.deepEqual([during, seen], [0, [1]]);
    following.cancel();
    await site.turn((turn) => turn.log('a', 2));
    assert.deepEqual(seen, [1]);
  });

  for (const [when, options] of [
    ['in rows', OFTEN],
    ['in the journal only', NEVER],
  ] as const) {
    it(`are there after a crash, ${when}, and go on where they were`, async () => {
      const site = await new Site(3).open(options);
      for (let number = 0; number < 50; number++) await site.turn((turn) => turn.log('a', number));
      await site.turn((turn) => turn.dropLog('a', 20));
      if (options === OFTEN) await site.pause(200);
      site.disk.crash();
      await site.open(options);
      assert.deepEqual(
        site.kept('a'),
        Array.from({ length: 30 }, (_, index) => 20 + index),
      );
      await site.turn((turn) => turn.log('a', 50));
      assert.deepEqual(site.engine.logs.range('a'), { first: 20, next: 51 });
    });
  }

  it('what was dropped leaves no row behind', async () => {
    const site = await new Site(4).open(OFTEN);
    for (let number = 0; number < 300; number++) await site.turn((turn) => turn.log('a', number));
    await site.pause(200);
    await site.turn((turn) => turn.dropLog('a', 200));
    await site.pause(200);
    await site.turn(() => {});
    await site.pause(200);
    let rows = 0;
    await site.disk.platform.run(
      (async () => {
        for await (const _ of site.store.rows.scan(new Uint8Array([0x6c]))) rows++;
      })(),
    );
    // The pieces from 192 and from 256 on.
    assert.equal(rows, 2);
    assert.deepEqual(
      site.kept('a'),
      Array.from({ length: 100 }, (_, index) => 200 + index),
    );
  });

  it('hold what a simple list holds, whatever is appended, dropped, crashed and cut', () =>
    fc.assert(
      fc.asyncProperty(
        fc.integer(),
        fc.array(
          fc.oneof(
            fc.record({ kind: fc.constant('log' as const), count: fc.integer({ min: 1, max: 90 }) }),
            fc.record({ kind: fc.constant('drop' as const), count: fc.integer({ min: 0, max: 400 }) }),
            fc.record({ kind: fc.constant('crash' as const), count: fc.constant(0) }),
            fc.record({ kind: fc.constant('pause' as const), count: fc.integer({ min: 1, max: 100 }) }),
          ),
          { maxLength: 25 },
        ),
        fc.boolean(),
        async (seed, steps, often) => {
          const options = often ? OFTEN : NEVER;
          const site = await new Site(seed).open(options);
          let first = 0;
          const all: number[] = [];
          for (const { kind, count } of steps) {
            if (kind === 'log') {
              await site.turn((turn) => {
                for (let index = 0; index < count; index++) turn.log('a', all.push(all.length) - 1);
              });
            } else if (kind === 'drop') {
              first = Math.max(first, Math.min(count, all.length));
              await site.turn((turn) => turn.dropLog('a', count));
            } else if (kind === 'pause') await site.pause(count);
            else {
              site.disk.crash();
              await site.open(options);
            }
            assert.deepEqual(site.kept('a'), all.slice(first));
          }
        },
      ),
      { numRuns: 200 },
    ));
});
