/** Timers: on a virtual clock through whole spaces, over the end of a process, and within their limits. */
import assert from 'node:assert/strict';
import { TimerResolver } from '../../resolvers/timer/resolver.ts';
import { Schedule } from '../../resolvers/timer/schedule.ts';
import { Later, NewSource } from '../../channels/index.ts';
import { powerHandle } from '../../src/capability/index.ts';
import { readGrants } from '../../src/capability/index.ts';
import { simulatedPlatform } from '../../src/platform/index.ts';
import type { Platform, SimulatedPlatform } from '../../src/platform/index.ts';
import { SimulatedDisk } from '../../src/store/index.ts';
import { list } from '../../src/values/index.ts';
import type { Value } from '../../src/values/index.ts';
import { Host } from './host.ts';
import { SimulatedSpace } from './simulated-space.ts';

const DAY_MS = 86_400_000;

/** Virtual time goes by. */
function pass(platform: SimulatedPlatform, span_ms: number): Promise<void> {
  return platform.run(
    new Promise<void>((resolve) => {
      platform.timers.after(span_ms, resolve);
    }),
  );
}

/** Waits and timers in the order given; each tells `out` its word and the time. */
const setting = (calls: readonly string[]): string => `
  new box(\`rho:powerbox\`) in { for (timer <- box!?("timer")) {
    ${calls
      .map(
        (call, index) => `for (@x <- timer!?(${call})) { for (@now <- timer!?("now")) { @"out"!(${index}, x, now) } }`,
      )
      .join(' | ')}
  } }`;

describe('timer', () => {
  let platform: SimulatedPlatform;
  let disk: SimulatedDisk;
  beforeEach(() => {
    platform = simulatedPlatform(11);
    disk = new SimulatedDisk(platform);
  });

  it('answers after the delay, with Nil or the value, the shorter delay first and none too early', async () => {
    const space = await platform.run(SimulatedSpace.open(platform, disk));
    const start_ms = platform.clock.now_ms();
    await platform.run(space.run(setting(['"after", 3000, "late"', '"after", 1000', '"after", 0, [7]'])));
    await pass(platform, 5_000);
    const out = await platform.run(space.all('out'));
    assert.deepEqual(
      out.map(([index, value]) => [index, value]),
      [
        [2, [7]],
        [1, null],
        [0, 'late'],
      ],
    );
    for (const [index, delay_ms] of [
      [1, 1000],
      [2, 3000],
    ] as const) {
      const now_ms = out[index]?.[2] as number;
      assert(
        now_ms >= start_ms + delay_ms && now_ms < start_ms + delay_ms + 500,
        `${now_ms - start_ms} of ${delay_ms}`,
      );
    }
  });

  it('answers at a moment, and at once when it is over', async () => {
    const space = await platform.run(SimulatedSpace.open(platform, disk));
    const moment_ms = platform.clock.now_ms() + 10_000;
    await platform.run(space.run(setting([`"at", ${moment_ms}, "then"`, '"at", 5, "past"'])));
    await pass(platform, 1_000);
    assert.deepEqual(
      (await platform.run(space.all('out'))).map(([, value]) => value),
      ['past'],
    );
    await pass(platform, 10_000);
    const [[, value, now_ms] = []] = await platform.run(space.all('out'));
    assert.equal(value, 'then');
    assert((now_ms as number) >= moment_ms);
  });

  it('waits longer than the timers of the process can', async () => {
    const space = await platform.run(SimulatedSpace.open(platform, disk));
    await platform.run(space.run(setting([`"after", ${2 ** 31 + 1000}`])));
    await pass(platform, 2 ** 31 - DAY_MS);
    assert.deepEqual(await platform.run(space.all('out')), []);
    await pass(platform, 2 * DAY_MS);
    assert.equal((await platform.run(space.all('out'))).length, 1);
  });

  it('that was set before the end of its process fires after it: what is overdue first, in the order of due times', async () => {
    const first = await platform.run(SimulatedSpace.open(platform, disk));
    const delays_ms = [50_000, 9_000, 30_000, 7_000, 8_000];
    await platform.run(first.run(setting(delays_ms.map((delay_ms) => `"after", ${delay_ms}, ${delay_ms}`))));
    await pass(platform, 2_000);
    first.kill();
    await pass(platform, 10_000);
    const second = await platform.run(SimulatedSpace.open(platform, disk));
    await pass(platform, 1_000);
    assert.deepEqual(
      (await platform.run(second.all('out'))).map(([, value]) => value),
      [7_000, 8_000, 9_000],
    );
    await pass(platform, 60_000);
    assert.deepEqual(
      (await platform.run(second.all('out'))).map(([, value]) => value),
      [30_000, 50_000],
    );
  });

  it('fires once, however often its process ends', async () => {
    for (let seed = 1; seed <= 10; seed++) {
      platform = simulatedPlatform(seed);
      disk = new SimulatedDisk(platform);
      let space = await platform.run(SimulatedSpace.open(platform, disk));
      await platform.run(space.run(setting(['"after", 40, "once"'])));
      for (let life = 0; life < 8; life++) {
        await pass(platform, platform.random.below(12));
        space.kill();
        space = await platform.run(SimulatedSpace.open(platform, disk));
      }
      await pass(platform, 1_000);
      assert.equal((await platform.run(space.all('out'))).length, 1, `seed ${seed}`);
    }
  });

  describe('every', () => {
    const ticking = (call: string): string => `
      new box(\`rho:powerbox\`) in { for (timer <- box!?("timer")) {
        for (ticks <- timer!?(${call})) { @"ticks"!(*ticks) | @"timer"!(*timer) } } }`;
    const reading = 'for (ticks <<- @"ticks") { for (@n, @due <= ticks) { @"out"!(n, due) } }';

    it('ticks once each period, with number and due time', async () => {
      const space = await platform.run(SimulatedSpace.open(platform, disk));
      await platform.run(space.run(ticking('"every", 1000')));
      await platform.run(space.run(reading));
      await pass(platform, 5_400);
      const out = (await platform.run(space.all('out'))) as [number, number][];
      assert.deepEqual(
        out.map(([n]) => n),
        [1, 2, 3, 4, 5],
      );
      for (const [index, [, due_ms]] of out.entries()) assert.equal(due_ms - (out[0]?.[1] ?? 0), index * 1000);
    });

    it('lets one tick lie unread, and folds those of a slow reader and of a time without a process into the latest', async () => {
      const first = await platform.run(SimulatedSpace.open(platform, disk));
      await platform.run(first.run(ticking('"every", 1000')));
      await pass(platform, 10_500);
      await platform.run(first.run(reading));
      await pass(platform, 1_000);
      const numbers = (await platform.run(first.all('out'))).map(([n]) => n);
      assert.deepEqual(numbers, [1, 10, 11]);
      first.kill();
      await pass(platform, 20_000);
      const second = await platform.run(SimulatedSpace.open(platform, disk));
      await pass(platform, 600);
      const [later] = (await platform.run(second.all('out'))).map(([n]) => n as number);
      assert(later !== undefined && later >= 31 && later <= 33, `${later}`);
    });

    it('lets no more lie unread however often its process ends', async () => {
      let space = await platform.run(SimulatedSpace.open(platform, disk));
      await platform.run(space.run(ticking('"every", 1000')));
      for (let life = 0; life < 5; life++) {
        await pass(platform, 2_500);
        space.kill();
        space = await platform.run(SimulatedSpace.open(platform, disk));
      }
      await platform.run(space.run(reading));
      await pass(platform, 10);
      const [[first], [second], ...others] = (await platform.run(space.all('out'))) as [[number], [number]];
      assert.equal(first, 1);
      assert(second >= 12, `${second}`);
      assert.deepEqual(others, []);
    });

    it('ends with the tick that was said', async () => {
      const space = await platform.run(SimulatedSpace.open(platform, disk));
      await platform.run(space.run(ticking('"every", 1000, 2')));
      await platform.run(space.run(reading));
      await pass(platform, 10_000);
      assert.deepEqual(
        (await platform.run(space.all('out'))).map(([n]) => n),
        [1, 2],
      );
    });

    it('ends when it is cancelled; to cancel it again is refused', async () => {
      const space = await platform.run(SimulatedSpace.open(platform, disk));
      await platform.run(space.run(ticking('"every", 1000')));
      await platform.run(space.run(reading));
      await pass(platform, 2_500);
      const cancelling = `for (timer <<- @"timer" & ticks <<- @"ticks") {
        for (@x <- timer!?("cancel", *ticks)) { @"cancelled"!(x) } }`;
      await platform.run(space.run(cancelling));
      await pass(platform, 5_000);
      assert.equal((await platform.run(space.all('out'))).length, 2);
      assert.deepEqual(await platform.run(space.all('cancelled')), [[null]]);
      await platform.run(space.run(cancelling));
      await pass(platform, 100);
      assert.match(JSON.stringify(await platform.run(space.all('cancelled'))), /handle_closed/);
    });
  });

  it('whose grant is taken back is answered not_available', async () => {
    const space = await platform.run(SimulatedSpace.open(platform, disk));
    await platform.run(space.run(setting(['"after", 60000'])));
    await pass(platform, 1_000);
    space.resolver.revoke('main/timer');
    await pass(platform, 1_000);
    const out = JSON.stringify(await platform.run(space.all('out')));
    assert.match(out, /not_available/);
    assert.match(out, /the grant \\"main\/timer\\"/);
  });

  it('past the number that was granted is refused, also when all are asked for at once', async () => {
    const space = await platform.run(SimulatedSpace.open(platform, disk, { timers_max: 3 }));
    await platform.run(space.run(setting(Array<string>(10).fill('"after", 5000, "fired"'))));
    await pass(platform, 1_000);
    const refused = (await platform.run(space.all('out'))).map(([, value]) => JSON.stringify(value));
    assert.equal(refused.length, 7);
    for (const text of refused) assert.match(text, /quota_exceeded.*3 timers set, the most/);
    await pass(platform, 6_000);
    assert.deepEqual(
      (await platform.run(space.all('out'))).map(([, value]) => value),
      ['fired', 'fired', 'fired'],
    );
    // Their places are free again.
    await platform.run(space.run(setting(['"after", 10, "again"'])));
    await pass(platform, 1_000);
    assert.deepEqual(
      (await platform.run(space.all('out'))).map(([, value]) => value),
      ['again'],
    );
  });

  it('refuses a period below the granted one, and times that are none', async () => {
    const resolver = new TimerResolver(platform);
    resolver.grant('main/timer', { kind: 'timer', name: 'timer', timers_max: 4, period_ms_min: 100 });
    const object = new Host(resolver.natives).object('timer', powerHandle('main/timer'));
    assert.match(await object.refusal('every', 99), /^not_available: .*at least 100 ms, but 99 ms came/);
    await object.source('every', 100);
    await object.answer('after', 5, 'x'.repeat(65_000));
    for (const large of ['x'.repeat(65_536), list(Array<string>(9_000).fill(''))])
      assert.match(await object.refusal('after', 5, large), /^value_too_large: .*less than about 65536 bytes/);
    for (const args of [
      ['after', -1],
      ['after', 1e13 + 1],
      ['at', 8.64e15 + 1],
      ['every', 0],
      ['every', 100, 0],
    ] as const) {
      const [method, ...rest] = args;
      assert.throws(() => object.prepare(method, rest as unknown as Value[]), /arguments_invalid/, args.join(' '));
    }
  });

  it('leaves nothing in the process when its source ends', async () => {
    let waiting = 0;
    const counting: Pick<Platform, 'clock' | 'timers'> = {
      clock: platform.clock,
      timers: {
        soon: (run) => platform.timers.soon(run),
        after: (delay_ms, run) => {
          waiting++;
          const timer = platform.timers.after(delay_ms, () => {
            waiting--;
            run();
          });
          return {
            cancel: () => {
              waiting--;
              timer.cancel();
            },
          };
        },
      },
    };
    const resolver = new TimerResolver(counting);
    resolver.grant('main/timer', { kind: 'timer', name: 'timer', timers_max: 4, period_ms_min: 1 });
    const host = new Host(resolver.natives);
    const object = host.object('timer', powerHandle('main/timer'));
    const [one, two] = [await object.source('after', 10_000), await object.source('every', 20_000)];
    assert.equal(waiting, 1);
    one.leave();
    two.leave();
    assert.equal(waiting, 0);
    await object.source('after', 10_000);
    resolver.close();
    assert.equal(waiting, 0);
  });

  it('opened without a grant ends with an error', async () => {
    const resolver = new TimerResolver(platform);
    const source = new Host(resolver.natives).open(
      new NewSource('timer', powerHandle('gone/timer', 'after', 5, null)),
      true,
    );
    assert.equal((await source.failed()).code, 'not_available');
  });

  it('answers later, so that the reply is the source itself', async () => {
    const resolver = new TimerResolver(platform);
    resolver.grant('main/timer', { kind: 'timer', name: 'timer', timers_max: 4, period_ms_min: 1 });
    const answer = await new Host(resolver.natives).object('timer', powerHandle('main/timer')).answer('after', 5, 'x');
    assert('ok' in answer && answer.ok instanceof Later);
  });

  it('is configured with limits that are told when they are wrong', () => {
    assert.deepEqual(readGrants([{ kind: 'timer' }]), [
      { kind: 'timer', name: 'timer', timers_max: 256, period_ms_min: 10 },
    ]);
    for (const [wrong, said] of [
      [{ timers_max: 0 }, /timers_max is at least 1/],
      [{ timers_max: 1e9 }, /timers_max is at most 65536/],
      [{ period_ms_min: 1.5 }, /period_ms_min is a whole number of milliseconds/],
      [{ delay: 5 }, /delay/],
    ] as const)
      assert.throws(() => readGrants([{ kind: 'timer', ...wrong }]), said);
  });
});

/** A platform whose clocks a test sets. */
class Manual {
  clock_ms = 1_000_000;
  elapsed_ms = 7;
  readonly delays_ms: number[] = [];
  #wake: (() => void) | null = null;
  readonly platform: Pick<Platform, 'clock' | 'timers'> = {
    clock: { now_ms: () => this.clock_ms, monotonic_ms: () => this.elapsed_ms },
    timers: {
      soon: (run) => run(),
      after: (delay_ms, run) => {
        this.delays_ms.push(delay_ms);
        this.#wake = run;
        return {
          cancel: () => {
            this.#wake = null;
          },
        };
      },
    },
  };

  /** Time goes by, and the timer that is set then runs. */
  async pass(span_ms: number): Promise<void> {
    this.clock_ms += span_ms;
    this.elapsed_ms += span_ms;
    this.#wake?.();
    for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('the schedule of timers', () => {
  let manual: Manual;
  let schedule: Schedule;
  beforeEach(() => {
    manual = new Manual();
    schedule = new Schedule(manual.platform);
  });
  const never = new AbortController().signal;
  const told = (due_ms: number): { reached: number | null } => {
    const tell: { reached: number | null } = { reached: null };
    void schedule.reached(due_ms, never).then((now_ms) => {
      tell.reached = now_ms;
    });
    return tell;
  };

  it('runs when the time has gone by, also when the clock is set back meanwhile', async () => {
    const delay = told(1_030_000);
    assert.deepEqual(manual.delays_ms, [30_000]);
    manual.clock_ms -= 3_600_000;
    await manual.pass(29_999);
    assert.equal(delay.reached, null);
    await manual.pass(1);
    assert.equal(delay.reached, 1_030_000);
  });

  it('follows a clock that is set on, as after a sleep of the machine', async () => {
    const delay = told(1_030_000);
    manual.clock_ms += 3_600_000;
    await manual.pass(1);
    assert.equal(delay.reached, 4_600_001);
    // Neither is lost when the clock goes back to what it was.
    manual.clock_ms -= 3_600_000;
    const next = told(schedule.now_ms() + 500);
    await manual.pass(499);
    assert.equal(next.reached, null);
    await manual.pass(1);
    assert.notEqual(next.reached, null);
  });

  it('keeps a moment of the clock waiting for the clock', async () => {
    const resolver = new TimerResolver(manual.platform);
    resolver.grant('main/timer', { kind: 'timer', name: 'timer', timers_max: 4, period_ms_min: 1 });
    const object = new Host(resolver.natives).object('timer', powerHandle('main/timer'));
    const [moment, delay] = [await object.source('at', 1_030_000), await object.source('after', 30_000)];
    manual.clock_ms -= 100_000;
    await manual.pass(30_000);
    assert.deepEqual([moment.unread.length, delay.unread.length], [0, 1]);
    await manual.pass(60_000);
    await manual.pass(39_999);
    assert.equal(moment.unread.length, 0);
    await manual.pass(1);
    assert.equal(moment.unread.length, 1);
  });

  it('looks at the clock each minute however long it waits', () => {
    told(10 ** 12);
    assert.deepEqual(manual.delays_ms, [60_000]);
  });

  it('fires what is due together in the order of due times, and of one time in that of its asking', async () => {
    const fired: string[] = [];
    for (const name of ['b5000', 'c7000', 'a3000', 'd7000', 'e9000'])
      void schedule.reached(1_000_000 + Number(name.slice(1)), never).then(() => fired.push(name));
    await manual.pass(8_000);
    assert.deepEqual(fired, ['a3000', 'b5000', 'c7000', 'd7000']);
  });
});
