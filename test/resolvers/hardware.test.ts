/** What the machine has: by control groups of other machines, by probes that a test hands in, and really. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { groupLimits } from '../../resolvers/hardware/control-group.ts';
import { Machine } from '../../resolvers/hardware/machine.ts';
import { machineProbes } from '../../resolvers/hardware/probes.ts';
import { HardwareResolver } from '../../resolvers/hardware/resolver.ts';
import { LoadResolver } from '../../resolvers/load.ts';
import { powerHandle } from '../../src/capability/index.ts';
import type { MachineShare } from '../../src/capability/index.ts';
import { openSpace } from '../../src/index.ts';
import { realPlatform } from '../../src/platform/index.ts';
import { fromValue, Name } from '../../src/values/index.ts';
import { FIXTURES } from './control-groups.ts';
import { fakeProbes, type Faked } from './fake-probes.ts';
import { Host } from './host.ts';

const GIB = 2 ** 30;

describe('the control group', () => {
  for (const { what, files, ...expected } of FIXTURES) {
    it(`leaves what its files say: ${what}`, () => {
      assert.deepEqual(
        groupLimits((path) => files[path] ?? null),
        expected,
      );
    });
  }

  it('is not searched without end', () => {
    const asked: string[] = [];
    const deep = `0::${'/a'.repeat(10_000)}`;
    groupLimits((path) => {
      asked.push(path);
      if (path === '/proc/self/cgroup') return deep;
      return path === '/proc/self/mountinfo' ? '1 2 0:1 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw' : null;
    });
    assert(asked.length < 600, `${asked.length}`);
  });
});

describe('hardware', () => {
  /** A machine of 8 cores and 16 GiB, asked after one second. */
  async function tell(
    faked: Faked,
    share: MachineShare,
    method: string,
    data: string | null = '/data',
  ): Promise<unknown> {
    let now_ms = 0;
    const probes = fakeProbes(faked);
    const machine = new Machine(probes, { now_ms: () => now_ms, monotonic_ms: () => now_ms }, share, data);
    now_ms = 1_000;
    const resolver = new HardwareResolver(machine);
    resolver.grant('main/hardware');
    const object = new Host(resolver.natives).object('hardware', powerHandle('main/hardware'));
    const answer = await object.answer(method);
    return 'error' in answer ? answer.error : { ...(fromValue(answer.ok as never) as Record<string, unknown>) };
  }

  it('tells the cores of the control group, not of the machine, what is granted of them and left', async () => {
    assert.deepEqual(await tell({ cores: 8, group: { cores: 1.5 }, cpu_ms: [100, 350] }, {}, 'cores'), {
      total_millicores: 1500,
      granted_millicores: 1500,
      used_millicores: 250,
      left_millicores: 1250,
    });
    assert.deepEqual(await tell({ cores: 8, cpu_ms: [0, 3000] }, { cores: 2 }, 'cores'), {
      total_millicores: 8000,
      granted_millicores: 2000,
      used_millicores: 3000,
      left_millicores: 0,
    });
  });

  it('tells the memory of the control group, and what of it nobody uses', async () => {
    const group = { memory_bytes: 4 * GIB, memory_used_bytes: 3.5 * GIB };
    assert.deepEqual(await tell({ memory_bytes: 16 * GIB, rss_bytes: GIB, free_bytes: 9 * GIB, group }, {}, 'memory'), {
      total_bytes: 4 * GIB,
      granted_bytes: 4 * GIB,
      used_bytes: GIB,
      left_bytes: GIB / 2,
    });
    const share = { memory_bytes: 2 * GIB };
    assert.deepEqual(await tell({ memory_bytes: 16 * GIB, rss_bytes: GIB, free_bytes: 9 * GIB }, share, 'memory'), {
      total_bytes: 16 * GIB,
      granted_bytes: 2 * GIB,
      used_bytes: GIB,
      left_bytes: GIB,
    });
  });

  it('tells the disk of the space, what the operator lets it use and what is free', async () => {
    const disk = { total_bytes: 100 * GIB, free_bytes: 30 * GIB };
    assert.deepEqual(await tell({ disk, directory_bytes: 5 * GIB }, { disk_bytes: 20 * GIB }, 'disk'), {
      total_bytes: 100 * GIB,
      granted_bytes: 20 * GIB,
      used_bytes: 5 * GIB,
      left_bytes: 15 * GIB,
    });
    assert.deepEqual(await tell({ disk, directory_bytes: null }, {}, 'disk'), {
      total_bytes: 100 * GIB,
      granted_bytes: 100 * GIB,
      used_bytes: null,
      left_bytes: 30 * GIB,
    });
  });

  it('has no disk to tell of for a space in memory, or one that cannot be asked', async () => {
    for (const [faked, data] of [
      [{}, null],
      [{ disk: null }, '/data'],
    ] as const) {
      assert.equal(((await tell(faked, {}, 'disk', data)) as { code: string }).code, 'not_available');
    }
  });

  it('answers programs what this machine really has', async () => {
    const data = mkdtempSync(join(tmpdir(), 'powerbox-hardware-'));
    const space = await openSpace({ data, grants: { powers: [{ kind: 'hardware' }] } });
    try {
      await space.run(`new box(\`rho:powerbox\`) in { for (hardware <- box!?("hardware")) {
        for (@cores <- hardware!?("cores") & @memory <- hardware!?("memory") & @disk <- hardware!?("disk")) {
          @"told"!([cores, memory, disk]) } } }`);
      const told = (await space.consume([{ channel: 'told' }], { limit_ms: 60_000 }))[0]?.[0];
      const [cores, memory, disk] = told as Record<string, number>[];
      assert(cores && memory && disk);
      assert((cores['total_millicores'] ?? 0) > 0 && (cores['total_millicores'] ?? 0) <= 1000 * availableParallelism());
      assert((memory['total_bytes'] ?? 0) <= totalmem() && (memory['used_bytes'] ?? 0) > 10_000_000);
      assert((disk['used_bytes'] ?? 0) > 0 && (disk['total_bytes'] ?? 0) > (disk['left_bytes'] ?? 0));
    } finally {
      await space.close();
      rmSync(data, { recursive: true, force: true });
    }
  });
});

describe('the probes of this machine', () => {
  const probes = machineProbes(realPlatform().clock);
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'powerbox-probes-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it('sync a real file as often as they were told to, and leave nothing there', async () => {
    const times_ms = await probes.syncs_ms(join(directory, 'not/there/yet'), 5);
    assert.equal(times_ms.length, 5);
    for (const time_ms of times_ms) assert(time_ms > 0);
    assert.deepEqual(readdirSync(directory), []);
  });

  it('reject where nothing can be written', async () => {
    await assert.rejects(probes.syncs_ms('/proc/self/nothing', 1));
  });

  it('add up the files beneath a directory', async () => {
    mkdirSync(join(directory, 'deep/er'), { recursive: true });
    writeFileSync(join(directory, 'one'), Buffer.alloc(1000));
    writeFileSync(join(directory, 'deep/er/two'), Buffer.alloc(234));
    assert.equal(await probes.directory_bytes(directory), 1234);
    assert.equal(await probes.directory_bytes(join(directory, 'missing')), null);
  });

  it('tell of the disk also where the directory is still to be made', async () => {
    const [there, missing] = [await probes.disk(directory), await probes.disk(join(directory, 'a/b'))];
    assert.equal(there?.total_bytes, missing?.total_bytes);
    assert((there?.total_bytes ?? 0) >= (there?.free_bytes ?? Infinity));
  });
});

describe('load', () => {
  it('is declared with its two arguments, and answers that it is not there, with the reason', async () => {
    const resolver = new LoadResolver();
    resolver.grant('main/load');
    const object = new Host(resolver.natives).object('load', powerHandle('main/load'));
    const file = new Name(null, 0, 1, null);
    assert.equal(
      await object.refusal('load', file, 'Main'),
      'not_available: the class "Main" cannot be loaded: this version of powerbox loads no packages of native code',
    );
    assert.throws(() => object.prepare('load', ['path', 'Main']), /arguments_invalid/);
    resolver.revoke('main/load');
    assert.match(await object.refusal('load', file, 'Main'), /^not_available: the grant "main\/load"/);
  });
});
