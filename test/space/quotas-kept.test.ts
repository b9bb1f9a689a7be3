/**
 * What quotas count is exact: after any operations, restarts, kills and losses of power it is what lies and waits,
 * counted anew. And what a turn sees of them depends on no clock: the same causes make the same turns.
 */
import assert from 'node:assert/strict';
import { compilePattern } from '../../src/match/index.ts';
import { type Platform, Random, type SimulatedPlatform, simulatedPlatform } from '../../src/platform/index.ts';
import {
  type Body,
  type Cause,
  SpaceEngine,
  SpaceHost,
  type Task,
  type TaskRouter,
  type Turn,
} from '../../src/space/index.ts';
import { CHANNEL_PREFIXES } from '../../src/space/row-keys.ts';
import { openMemoryStore, openSimulatedStore, SimulatedDisk } from '../../src/store/index.ts';
import { FreeVariable, List, type Value } from '../../src/values/index.ts';
import { readJournal } from './support/entries.ts';
import { type Purses, recount, sourceOf } from './support/quotas.ts';

const CHANNELS = ['a', 'b', 'c'];
const PURSES: Purses = {
  1: [{ key: 'holder/h', quota: { bytes_max: 6_000, continuations_max: 8 } }],
  2: [
    { key: 'deploy/2', quota: { bytes_max: 2_500 } },
    { key: 'holder/h', quota: { bytes_max: 6_000, continuations_max: 8 } },
  ],
};
const ANY = compilePattern([new FreeVariable(0)], null);
const body = (label: string, environment: readonly Value[] = []): Body => ({
  label,
  term: null,
  place: 0,
  environment,
});
const idle: TaskRouter = { handling: () => 'inline', run: () => {}, deliver: () => {} };

const SEEDS = 60;

/** One operation of account 0, 1 or 2; whatever it is refused is part of the game. */
async function operate(engine: SpaceEngine, host: SpaceHost, random: Random): Promise<void> {
  const account = random.below(3);
  const channel = CHANNELS[random.below(3)] as string;
  const message = [random.chance(0.3) ? 'x'.repeat(random.below(700)) : new List([random.below(9), 'word'])];
  const persist = random.chance(0.15);
  const receive = (turn: Turn, names: readonly string[]): void =>
    turn.consume({
      slots: names.map((name) => ({ channel: name, pattern: ANY, peek: random.chance(0.2) })),
      persist: random.chance(0.2),
      body: body('k', ['y'.repeat(random.below(80))]),
    });
  switch (random.below(8)) {
    case 0:
    case 1:
      return host.produce(channel, message, { persist, account });
    case 2:
      return host.produce(channel, message, { persist, account, lease_ms: 1 + random.below(40) });
    case 3:
      return engine.post({ kind: 'test', payload: null, account }, (turn) => receive(turn, [channel]));
    case 4:
      return engine.post({ kind: 'test', payload: null, account }, (turn) => receive(turn, [channel, 'a', 'b']));
    case 5:
      return engine.post({ kind: 'test', payload: null, account }, (turn) => {
        if (random.chance(0.5)) turn.uninstall('owned');
        else turn.install('owned', ANY, body('owner', [random.below(3)]));
        turn.produce('owned', message, false);
      });
    default:
      await engine.request(
        { slots: [{ channel, pattern: ANY, peek: false }], persist: false, body: body('host') },
        null,
        () => {},
      );
  }
}

/** The platform of one process: its timers die with it. */
function processOn(base: SimulatedPlatform): { readonly platform: Platform; die(): void } {
  let alive = true;
  const guarded = (run: () => void) => (): void => {
    if (alive) run();
  };
  const { clock, hashing, randomness } = base;
  const timers = {
    after: (delay_ms: number, run: () => void) => base.timers.after(delay_ms, guarded(run)),
    soon: (run: () => void) => base.timers.soon(guarded(run)),
  };
  return {
    platform: { clock, hashing, randomness, timers },
    die: () => {
      alive = false;
    },
  };
}

const LOOKED_AT = [...CHANNELS, 'owned'];

function checkUsage(engine: SpaceEngine, seed: number | string): void {
  for (const [key, accounts] of [
    ['holder/h', [1, 2]],
    ['deploy/2', [2]],
  ] as const) {
    const usage = engine.usage().find((one) => one.key === key);
    const { bytes, continuations } = recount(engine, LOOKED_AT, accounts);
    assert.deepEqual([usage?.bytes, usage?.continuations], [bytes, continuations], `${key}, seed ${seed}`);
  }
}

describe('space: quotas are exact', () => {
  it(`in ${SEEDS} simulated spaces that are closed, killed and lose power`, async function () {
    this.timeout(300_000);
    let refused = 0;
    let crashes = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const platform = simulatedPlatform(seed);
      const random = new Random(seed, 11);
      const disk = new SimulatedDisk(platform);
      for (let life = 0; life < 4; life++) {
        const own = processOn(platform);
        const engine = await platform.run(
          openSimulatedStore(disk).then((store) =>
            SpaceEngine.open({
              platform: own.platform,
              store,
              cache_bytes: random.below(2) * 4_000,
              journal_tail_bytes_max: 300 + random.below(4_000),
              // In the first life nobody has a quota: what lies then is counted when the second begins.
              ...(life === 0 ? {} : { quotas: sourceOf(PURSES) }),
              onFail: () => refused++,
            }),
          ),
        );
        if (life > 0) checkUsage(engine, `${seed} at the opening of life ${life}`);
        engine.start(idle);
        const host = new SpaceHost(engine, own.platform);
        const under: Promise<void>[] = [];
        for (let left = random.below(60); left > 0; left--) {
          under.push(operate(engine, host, random).catch(() => void refused++));
          if (random.chance(0.6)) await platform.step();
        }
        if (random.chance(0.5)) {
          await platform.run(Promise.all(under));
          if (life > 0) checkUsage(engine, `${seed} in life ${life}`);
        }
        if (random.chance(0.4)) await platform.run(engine.close());
        else {
          crashes++;
          own.die();
          if (random.chance(0.5)) disk.crash();
          else disk.kill();
        }
      }
    }
    assert.ok(refused > 100, `${refused} refusals: the quotas were hardly reached`);
    assert.ok(crashes > SEEDS, `${crashes} crashes`);
  });

  it('who got a quota later has what it stored before counted once; settings that are the same count nothing anew', async () => {
    const platform = simulatedPlatform(3);
    const disk = new SimulatedDisk(platform);
    let scans = 0;
    const life = async (
      purses: Purses | null,
      run: (engine: SpaceEngine, host: SpaceHost) => Promise<unknown>,
    ): Promise<void> => {
      scans = 0;
      const store = await platform.run(openSimulatedStore(disk));
      const { rows } = store;
      const scan = rows.scan.bind(rows);
      // Only a count of everything asks for the rows of channels.
      rows.scan = (prefix) => {
        if (prefix[0] === CHANNEL_PREFIXES[0][0]) scans++;
        return scan(prefix);
      };
      const engine = await platform.run(
        SpaceEngine.open({
          platform,
          store,
          ...(purses === null ? {} : { quotas: sourceOf(purses) }),
        }),
      );
      engine.start(idle);
      await platform.run(run(engine, new SpaceHost(engine, platform)));
      await platform.run(engine.close());
    };
    const text = 'z'.repeat(500);
    await life(null, async (engine, host) => {
      for (let index = 0; index < 40; index++) await host.produce('a', [index, text], { account: 1 });
      await engine.post({ kind: 'test', payload: null, account: 2 }, (turn) =>
        turn.consume({
          slots: ['b', 'c'].map((channel) => ({ channel, pattern: ANY, peek: false })),
          persist: true,
          body: body('k'),
        }),
      );
    });
    await life(PURSES, async (engine, host) => {
      assert.equal(scans, 1);
      checkUsage(engine, 0);
      assert.equal(engine.usage().find(({ key }) => key === 'holder/h')?.continuations, 1);
      // More lies than may: nothing is taken away, and nothing more is taken.
      await assert.rejects(host.produce('a', [1], { account: 1 }), { code: 'quota_exceeded' });
    });
    await life(PURSES, async (engine) => {
      assert.equal(scans, 0);
      checkUsage(engine, 0);
    });
    await life(null, async (engine) => {
      await engine.post({ kind: 'test', payload: null, account: 0 }, () => {});
      assert.deepEqual([...engine.facts('usage/')], []);
      assert.equal(engine.fact('quotas'), undefined);
    });
    await life(PURSES, async (engine) => {
      assert.equal(scans, 1, 'in between nobody counted');
      checkUsage(engine, 0);
    });
  });

  it('what is left of tasks and steps survives a restart: who is slowed gains nothing by a crash', async () => {
    const platform = simulatedPlatform(5);
    const disk = new SimulatedDisk(platform);
    const quotas = sourceOf({ 1: [{ key: 'holder/h', quota: { tasks_per_second: 50 } }] });
    let ran = 0;
    const began_ms = platform.clock.monotonic_ms();
    for (let life = 0; life < 8; life++) {
      const store = await platform.run(openSimulatedStore(disk));
      const own = processOn(platform);
      const engine = await platform.run(SpaceEngine.open({ platform: own.platform, store, quotas }));
      engine.start({
        ...idle,
        run: (task, turn) => {
          ran++;
          turn.spawn(task.body, []);
        },
      });
      if (life === 0)
        await platform.run(
          engine.post({ kind: 'test', payload: null, account: 1 }, (turn) => turn.spawn(body('loop'), [])),
        );
      let over = false;
      platform.timers.after(250, () => (over = true));
      while (!over) await platform.step();
      own.die();
      disk.kill();
    }
    const passed_s = (platform.clock.monotonic_ms() - began_ms) / 1000;
    // A second's worth to begin with, and in each life what ran without being durable.
    assert.ok(ran <= 50 * (passed_s + 1) + 8 * 10, `${ran} tasks in ${passed_s} s`);
    assert.ok(ran >= 60, `${ran} tasks`);
  });
});

// ------------------------------------------------------------------ order

interface Recorded {
  readonly turns: readonly string[];
  readonly causes: readonly {
    readonly turn: number;
    readonly kind: string;
    readonly payload: Value;
    readonly account: number;
  }[];
}

const LIMITED: Purses = {
  1: [{ key: 'holder/h', quota: { tasks_per_second: 40 } }],
  2: [
    { key: 'deploy/2', quota: { steps_per_second: 3_000 } },
    { key: 'holder/h', quota: { tasks_per_second: 40 } },
  ],
};
const KEPT = { journal_tail_bytes_max: 2 ** 40, journal_tail_age_ms_max: 2 ** 30 };

/** Goes on for a while, with more steps now and then, and makes two of one sometimes. */
function program(task: Task, turn: Turn): void {
  const [left] = task.body.environment as [number];
  turn.steps -= (left * 37) % 400;
  if (left === 0) return;
  turn.spawn(body('step', [left - 1]), []);
  if (left % 11 === 0) turn.spawn(body('step', [left - 5]), []);
}

const begin = (turn: Turn, left: number): void => turn.spawn(body('step', [left]), []);

/** Three accounts at work while deploys come in, on the clock of a seed. */
async function record(seed: number): Promise<Recorded> {
  const platform = simulatedPlatform(seed);
  const random = new Random(seed, 5);
  const store = openMemoryStore(platform);
  const turns: string[] = [];
  const engine = await platform.run(
    SpaceEngine.open({ platform, store, quotas: sourceOf(LIMITED), yield_ms: 0.01 + random.fraction(), ...KEPT }),
  );
  engine.start({
    ...idle,
    run: (task, turn) => {
      turns.push(`${engine.turn}: ${task.account} ${String(task.body.environment[0])}`);
      program(task, turn);
    },
  });
  for (let index = 0; index < 12; index++) {
    const account = 1 + (index % 3);
    void engine.post({ kind: 'begin', payload: 30 + index, account }, (turn) => begin(turn, 30 + index));
    for (let steps = random.below(20); steps > 0; steps--) await platform.step();
  }
  while ([1, 2, 3].some((account) => engine.pending(account).ready > 0)) await platform.step();
  await platform.run(engine.durable());
  const { causes } = await readJournal(engine, store);
  await platform.run(engine.close());
  return { turns, causes };
}

/** The recorded causes again, each when its turn has come, in a space whose timers never fire. */
async function replay(recorded: Recorded): Promise<readonly string[]> {
  const platform = simulatedPlatform(999);
  const { clock, hashing, randomness, timers } = platform;
  const timeless = { clock, hashing, randomness, timers: { soon: timers.soon, after: () => ({ cancel: () => {} }) } };
  const turns: string[] = [];
  const engine = await SpaceEngine.open({
    platform: timeless,
    store: null,
    nameKey: new Uint8Array(32),
    quotas: sourceOf(LIMITED),
  });
  const left = recorded.causes.filter(({ kind }) => kind !== 'quotas');
  const postNext = (): void => {
    while (left[0]?.turn === engine.turn + 1 + posted) {
      posted++;
      const { kind, payload, account } = left.shift() as Recorded['causes'][number];
      if (kind === 'refill') engine.refill(payload as number);
      else void engine.post({ kind, payload, account } satisfies Cause, (turn) => begin(turn, payload as number));
    }
  };
  let posted = 0;
  engine.start({
    ...idle,
    run: (task, turn) => {
      posted = 0;
      turns.push(`${engine.turn}: ${task.account} ${String(task.body.environment[0])}`);
      program(task, turn);
      postNext();
    },
  });
  for (let steps = 0; steps < 100_000; steps++) {
    if (!(await platform.step())) {
      posted = 0;
      if (left.length === 0) break;
      postNext();
    }
  }
  assert.deepEqual(left, []);
  return turns;
}

describe('space: quotas and the order of turns', () => {
  it('the same causes make the same turns in the same order, whatever the clock did', async () => {
    const orders = new Set<string>();
    for (let seed = 1; seed <= 20; seed++) {
      const recorded = await record(seed);
      assert.ok(
        recorded.causes.some(({ kind }) => kind === 'refill'),
        'somebody had to wait',
      );
      orders.add(recorded.turns.join('\n'));
      assert.deepEqual(await replay(recorded), recorded.turns, `seed ${seed}`);
    }
    assert.ok(orders.size > 5, `only ${orders.size} different orders: the clocks did not differ`);
  });
});
