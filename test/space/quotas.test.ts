/** Quotas: who floods the space slows itself and hears of it, nobody else; nothing of it depends on a clock. */
import assert from 'node:assert/strict';
import { isPowerboxError } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';
import { SpaceHost } from '../../src/space/index.ts';
import { openRunning, type Purses, type Running } from './support/quotas.ts';

const QUIET = 1;
const FLOODER = 2;
const ROUNDS = 400;
const QUIET_PROGRAM = `new c, r in {
  contract c(@n, ret) = { if (n > 0) { new s in { s!(n) | for (@m <- s) { c!(m - 1, *ret) } } } else { ret!("done") } } |
  c!(${ROUNDS}, *r) | for (@done <- r) { @"quiet"!(done) }
}`;

const FLOODS = {
  bytes: 'new c in { contract c(@n) = { @"heap"!(n, "a text that takes its place") | c!(n + 1) } | c!(0) }',
  continuations: 'new c in { contract c(@n) = { for (_ <- @"never") { Nil } | c!(n + 1) } | c!(0) }',
  tasks: 'new c in { contract c(@n) = { c!(n) | c!(n) } | c!(0) }',
  steps: 'new c in { contract c(@n) = { c!([n, n + 1, n + 2].length() + n) } | c!(0) }',
} as const;

const KEY = 'holder/flooder';
const under = (quota: Purses[number][number]['quota']): Purses => ({ [FLOODER]: [{ key: KEY, quota }] });

const isDone = ({ engine }: Running): boolean => (engine.place('quiet').data?.live ?? 0) > 0;

/** Turns until the quiet deploy is done, its own and those of the flooder. */
async function turnsOfQuiet(running: Running): Promise<number> {
  const began = running.turns.length;
  await running.platform.run(running.run(QUIET, QUIET_PROGRAM));
  for (let steps = 0; !isDone(running) && steps < 20_000; steps++) await running.platform.step();
  assert.ok(isDone(running), 'the quiet deploy has ended');
  return running.turns.lastIndexOf(QUIET) + 1 - began;
}

/** Lets time pass. */
async function pass(running: Running, ms: number): Promise<void> {
  let over = false;
  running.platform.timers.after(ms, () => {
    over = true;
  });
  while (!over) await running.platform.step();
}

describe('space: quotas', () => {
  for (const [what, quota] of [
    ['bytes', { bytes_max: 20_000, tasks_per_second: 5_000 }],
    ['continuations', { continuations_max: 50, tasks_per_second: 5_000 }],
    ['tasks', { tasks_max: 1_000, tasks_per_second: 5_000 }],
    ['steps', { steps_per_second: 10_000 }],
  ] as const) {
    it(`one that makes ${what} for ever slows itself; a quiet deploy beside it needs 3 times its turns at most`, async () => {
      const alone = await turnsOfQuiet(await openRunning(null));
      const running = await openRunning(under(quota));
      await running.platform.run(running.run(FLOODER, FLOODS[what]));
      const beside = await turnsOfQuiet(running);
      assert.ok(beside <= 3 * alone, `${beside} turns, ${alone} alone`);
      await pass(running, 3_000);
      const codes = new Set(running.failures.map(({ account, code }) => `${account} ${code}`));
      assert.deepEqual([...codes], what === 'steps' ? [] : [`${FLOODER} quota_exceeded`]);
      const usage = running.usage(KEY);
      assert.ok(usage.bytes <= 20_000 || what !== 'bytes');
      assert.ok(usage.continuations <= 50 || what !== 'continuations');
      assert.ok(usage.tasks <= 1_000 || what !== 'tasks');
      assert.ok(running.turns.filter((account) => account === FLOODER).length > 100, 'it goes on, slowly');
      await running.platform.run(running.engine.close());
    });
  }

  it('runs no more tasks and steps in a time than its rates say, and a second more', async () => {
    const running = await openRunning(under({ tasks_per_second: 300 }));
    await running.platform.run(running.run(FLOODER, FLOODS.tasks));
    await pass(running, 10_000);
    const ran = running.turns.length;
    assert.ok(ran <= 12 * 300 && ran >= 9 * 300, `${ran} turns in 10 s`);
    const slow = await openRunning(under({ steps_per_second: 1_000 }));
    await slow.platform.run(slow.run(FLOODER, FLOODS.steps));
    await pass(slow, 10_000);
    const steps = slow.steps.get(FLOODER) ?? 0;
    assert.ok(steps <= 12_000 + limits.turn_steps_max && steps >= 9_000, `${steps} steps in 10 s`);
  });

  it('all deploys of a holder share its quota, each within its own, and their order is kept while they rest', async () => {
    const holder = { key: 'holder/h', quota: { tasks_per_second: 100 } };
    const running = await openRunning({
      1: [{ key: 'deploy/1', quota: { tasks_per_second: 20 } }, holder],
      2: [holder],
      3: [holder],
    });
    for (const account of [1, 2, 3]) await running.platform.run(running.run(account, FLOODS.steps));
    await pass(running, 1_000);
    // The first of them has used what the purse was born with.
    running.turns.length = 0;
    await pass(running, 20_000);
    const ran = (account: number): number => running.turns.filter((other) => other === account).length;
    const all = running.turns.length;
    assert.ok(all <= 21 * 100 && all >= 19 * 100, `${all} turns of the holder`);
    assert.ok(ran(1) <= 21 * 20 && ran(1) >= 19 * 20, `${ran(1)} turns of the deploy with its own`);
    assert.ok(Math.abs(ran(2) - ran(3)) <= 2, `${ran(2)} and ${ran(3)} turns of equals`);
  });

  it('what goes is given back at once, so that as much may be stored again', async () => {
    const running = await openRunning(under({ bytes_max: 1_000, continuations_max: 3 }));
    await running.platform.run(
      running.run(
        FLOODER,
        `new c in {
          contract c(@n) = { if (n > 0) { @"slot"!(n) | for (@m <- @"slot") { c!(n - 1) } } else { @"end"!(0) } } | c!(300)
        }`,
      ),
    );
    await pass(running, 100);
    assert.equal(running.engine.place('end').data?.live, 1, JSON.stringify(running.failures[0]));
    assert.deepEqual(running.failures, []);
    assert.equal(running.usage(KEY).continuations, 1, 'the contract itself');
  });

  it('a message that does not fit is refused to the caller who sent it, and nothing has changed', async () => {
    const running = await openRunning(under({ bytes_max: 400 }));
    const { engine, platform } = running;
    const host = new SpaceHost(engine, platform);
    const text = 'x'.repeat(150);
    await platform.run(host.produce('a', [text], { account: FLOODER }));
    const before = running.usage(KEY);
    for (const options of [{}, { persist: true }, { lease_ms: 1_000 }]) {
      const refusal = await platform.run(
        host.produce('a', [text, text], { account: FLOODER, ...options }).then(
          () => 'taken',
          (error: unknown) => (isPowerboxError(error) ? `${error.code}: ${error.message}` : error),
        ),
      );
      assert.match(
        String(refusal),
        /^quota_exceeded: this holder stores about \d+ bytes of the 400 that it may; \d+ more/,
      );
    }
    assert.deepEqual(running.usage(KEY), before);
    assert.deepEqual(host.count('a'), { data: 1, waiting: 0 });
    assert.equal([...engine.facts('lease/')].length, 0);
    await platform.run(host.produce('a', [text, text], { account: QUIET }));
  });

  it('a send in a turn that is refused ends its branch; the other branches of the turn go on', async () => {
    const running = await openRunning(under({ bytes_max: 300 }));
    await running.platform.run(
      running.run(FLOODER, `@"a"!("${'x'.repeat(400)}") | @"b"!(1) | for (@x <- @"b") { @"c"!(x) }`),
    );
    await pass(running, 10);
    assert.deepEqual(running.failures, [{ account: FLOODER, code: 'quota_exceeded' }]);
    assert.equal(running.engine.place('a').data?.live ?? 0, 0);
    assert.equal(running.engine.place('c').data?.live, 1);
  });

  it('a continuation that goes to the end of the line, or stands on several channels, counts once and is never lost', async () => {
    const running = await openRunning(under({ continuations_max: 3 }));
    await running.platform.run(
      running.run(
        FLOODER,
        'for (@x <= @"in") { @"one"!(x) } | for (@x <= @"in") { @"two"!(x) } | for (@x <- @"j" & @y <- @"k") { Nil }',
      ),
    );
    await pass(running, 10);
    assert.equal(running.usage(KEY).continuations, 3);
    for (let index = 0; index < 10; index++)
      await running.platform.run(running.engine.produce('in', [index], false, QUIET));
    await pass(running, 10);
    assert.equal(running.usage(KEY).continuations, 3);
    assert.deepEqual([running.engine.place('one').data?.live, running.engine.place('two').data?.live], [5, 5]);
    await running.platform.run(running.engine.produce('j', [1], false, QUIET));
    await running.platform.run(running.engine.produce('k', [1], false, QUIET));
    assert.equal(running.usage(KEY).continuations, 2);
    assert.deepEqual(running.failures, []);
  });

  it('nothing is timed unless somebody waits for it', async () => {
    const running = await openRunning(under({ tasks_per_second: 10 }));
    await running.platform.run(
      running.run(FLOODER, 'new c in { contract c(@n) = { if (n > 0) { c!(n - 1) } } | c!(30) }'),
    );
    let steps = 0;
    while (await running.platform.step()) steps++;
    assert.equal(running.engine.pending(FLOODER).ready, 0, 'it has run to its end');
    assert.ok(steps < 200, `${steps} timers`);
    assert.equal(running.usage(KEY).waiting, 0);
  });

  it('a space that closes while somebody waits leaves no timer, and says what waits until then', async () => {
    const running = await openRunning(under({ tasks_per_second: 10 }));
    await running.platform.run(running.run(FLOODER, FLOODS.steps));
    await pass(running, 1_000);
    const { waiting, tasks, tasks_left } = running.usage(KEY);
    assert.deepEqual([waiting, tasks, tasks_left], [1, 1, 0]);
    assert.equal(running.engine.pending(FLOODER).ready, 1);
    await running.platform.run(running.engine.close());
    while (await running.platform.step());
  });
});
