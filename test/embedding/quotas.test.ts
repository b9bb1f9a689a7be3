/** Quotas as an embedding program sets and sees them: by holder, by deploy, over a restart. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FailureReport, isPowerboxError, openSpace, type OpenOptions, type Space } from '../../src/index.ts';

const LOOP = 'new c in { contract c(@n) = { @"n"!(n) | for (@_ <- @"n") { c!(n + 1) } } | c!(0) }';
const HOARD = (count: number): string =>
  `new c in { contract c(@n) = { if (n > 0) { @"hoard"!(n) | c!(n - 1) } } | c!(${count}) }`;

describe('embedding: quotas', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'powerbox-quotas-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const failures: FailureReport[] = [];
  const open = (options: OpenOptions): Promise<Space> => {
    failures.length = 0;
    return openSpace({
      grants: { stdio: false, powerbox: false },
      onFailure: (failure) => failures.push(failure),
      data: join(directory, 'space'),
      durability: 'os',
      ...options,
    });
  };

  it('a holder hears of what does not fit, by deploy; usage says how full it is, also after a restart', async () => {
    const quotas = { default: { bytes_max: 100_000, eachDeploy: { bytes_max: 2_000 } } };
    let space = await open({ quotas });
    const deploy = await space.run(HOARD(100), { name: 'hoard' });
    await deploy.quiescent();
    assert.equal(failures[0]?.code, 'quota_exceeded');
    assert.equal(failures[0]?.deploy, deploy.id);
    assert.match(
      failures[0]?.message ?? '',
      /^this deploy stores about \d+ bytes of the 2000 that it may; \d+ more do not fit$/,
    );
    const other = await space.run(HOARD(5));
    assert.equal((await other.quiescent()).failures, 0, 'another deploy of the same holder has its own');
    const before = space.usage();
    assert.deepEqual(
      before.map(({ deploy: id, continuations, waiting }) => [id, continuations, waiting]),
      [
        [null, 2, 0],
        [deploy.id, 1, 0],
        [other.id, 1, 0],
      ],
    );
    assert.equal(before[0]?.bytes, (before[1]?.bytes ?? 0) + (before[2]?.bytes ?? 0));
    assert.match(before[0]?.holder ?? '', /^operator-/);
    assert.equal(before[1]?.holder, before[0]?.holder);
    assert.ok(space.count('hoard').data > 10);
    await space.close();
    space = await open({ quotas });
    assert.deepEqual(space.usage(), before);
    while ((await space.take('hoard')) !== undefined);
    const [holder] = space.usage();
    assert.ok((holder?.bytes ?? 0) < 2_000, 'only the contracts are left');
    await space.close();
    space = await open({});
    assert.deepEqual(space.usage(), [], 'without a quota nothing is counted');
    await space.close();
  });

  it('a deploy that runs for ever waits for its refill and is said to; another runs to its end', async () => {
    const space = await open({ quotas: { default: { eachDeploy: { tasks_per_second: 20 } } } });
    const loop = await space.run(LOOP);
    const done = await space.run('@"done"!(1)');
    await done.quiescent();
    for (;;) {
      const { pending } = await space.inspect();
      if (pending.some(({ kind }) => kind === 'refill')) {
        assert.deepEqual(pending, [{ kind: 'refill', tasks: 1, of: 'deploy' }]);
        break;
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const usage = space.usage().find(({ deploy }) => deploy === loop.id);
    assert.deepEqual([usage?.waiting, usage?.tasks, usage?.quota], [1, 1, { tasks_per_second: 20 }]);
    await space.close();
  });

  it('settings that cannot be are refused with every place that is wrong', async () => {
    for (const [quotas, expected] of [
      [
        { default: { bytes_max: -1, steps_per_second: 0 } },
        /quotas\.default\.bytes_max: .*at least 0.*; quotas\.default\.steps_per_second: .*at least 1/,
      ],
      [
        { holders: { ada: { eachDeploy: { tasks_max: 1.5 } } } },
        /quotas\.holders\.ada\.eachDeploy\.tasks_max: tasks_max is a whole number/,
      ],
      [{ default: { byte_max: 5 } }, /quotas\.default: .*byte_max/],
      [{ default: { tasks_per_second: 2_000_000_000 } }, /at most 1000000000/],
    ] as const) {
      await assert.rejects(
        // As it would come from a program without types.
        open({ quotas: quotas as NonNullable<OpenOptions['quotas']> }),
        (error: unknown) => isPowerboxError(error) && error.code === 'config_invalid' && expected.test(error.message),
      );
    }
  });
});
