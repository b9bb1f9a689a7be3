/** The doctor: machines that a test describes, thing by thing; and what a node says, or refuses, when it starts. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROLE_PROFILES } from '../../resolvers/hardware/roles.ts';
import { amountText, examine, examineQuickly, shortfall } from '../../resolvers/index.ts';
import type { MachineCheck } from '../../resolvers/index.ts';
import { namesGranted, readGrants } from '../../src/capability/index.ts';
import type { MachineConfigSource, MachineRequirements, MachineShare, Role } from '../../src/capability/index.ts';
import { checkConfiguration, examineMachine, openSpace, ROLES } from '../../src/index.ts';
import type { FailureReport } from '../../src/index.ts';
import { cacheOf } from '../../src/embedding/machine.ts';
import { limits } from '../../src/limits.ts';
import { fakeProbes, type Faked } from './fake-probes.ts';
import { MACHINE_CHECKS } from './machine-checks.ts';

const GIB = 2 ** 30;
const NOW_MS = Date.UTC(2027, 3, 1);

interface Patient extends Faked {
  readonly role?: Role;
  readonly share?: MachineShare;
  readonly requirements?: Readonly<Record<string, MachineRequirements>>;
  readonly evaluation?: number | null;
  readonly now_ms?: number;
  readonly runsBack?: boolean;
  readonly names?: readonly string[];
  /** How much faster the clock runs than the one for time limits. */
  readonly speed?: number;
}

async function doctor({ role = 'validator', share = {}, requirements = {}, ...patient }: Patient): Promise<{
  readonly verdict: string;
  readonly checks: Readonly<Record<string, MachineCheck>>;
}> {
  let monotonic_ms = 0;
  const { verdict, checks } = await examine({
    role,
    share,
    requirements,
    place: '/data',
    holdsSpace: true,
    names: patient.names ?? [],
    probes: fakeProbes(patient),
    clock: {
      now_ms: () => (patient.now_ms ?? NOW_MS) + monotonic_ms * (patient.speed ?? 1),
      monotonic_ms: () => (monotonic_ms += patient.runsBack === true && monotonic_ms > 5 ? -1 : 1),
    },
    evaluation: async () => {
      if (patient.evaluation === null) throw new Error('it did not run');
      return patient.evaluation ?? 1_000_000;
    },
  });
  return { verdict, checks: Object.fromEntries(checks.map((check) => [check.check, check])) };
}

describe('the doctor', () => {
  it('finds a good machine good enough for every role, and looks at everything', async () => {
    for (const role of ROLES) {
      const { verdict, checks } = await doctor({ role });
      assert.equal(verdict, 'ok', role);
      assert.deepEqual(Object.keys(checks), MACHINE_CHECKS);
    }
  });

  const short: readonly (readonly [what: string, patient: Patient, check: string, reason: RegExp])[] = [
    ['too few cores', { cores: 3 }, 'cores', /^3 on this machine$/],
    [
      'cores that its control group takes',
      { cores: 64, group: { cores: 1.5 } },
      'cores',
      /^64 on this machine, 1\.5 by its control group$/,
    ],
    ['cores that its share takes', { share: { cores: 2 } }, 'cores', /2 by the share in the configuration/],
    ['too little memory', { memory_bytes: 4 * GIB }, 'memory', /^4 GiB on this machine$/],
    [
      'memory that its control group takes',
      { group: { memory_bytes: GIB } },
      'memory',
      /256 GiB on this machine, 1 GiB by its control group/,
    ],
    [
      'a disk that is too small',
      { disk: { total_bytes: 99 * GIB, free_bytes: 98 * GIB }, directory_bytes: 2 * GIB },
      'disk',
      /the size of the disk/,
    ],
    [
      'a disk that is full',
      { disk: { total_bytes: 1000 * GIB, free_bytes: GIB } },
      'disk free',
      /^1 GiB are free, 976\.6 KiB hold the space$/,
    ],
    ['a disk that is slow', { sync_ms: 200 }, 'sync', /slowest took 200 ms/],
    ['a disk that cannot be written', { sync_ms: null }, 'sync', /cannot be written: EROFS/],
    ['too few open files', { openFiles: 256 }, 'open files', /ulimit -n/],
    ['too little randomness', { entropy_bits: 5 }, 'entropy', /gathered/],
    ['a clock that was never set', { now_ms: 1000 }, 'clock', /never set/],
    ['a clock that runs back', { runsBack: true }, 'clock', /runs back/],
    ['an old version of Node', { nodeVersion: '20.18.3' }, 'node', /older than what is supported/],
    ['a loopback that is not there', { loopback_ms: null }, 'loopback', /127\.0\.0\.1: EADDRNOTAVAIL$/],
    ['a loopback that is slow', { loopback_ms: 900 }, 'loopback', /there and back/],
    [
      'names of powers that lead nowhere',
      { names: ['a.example', 'b.example', 'c.example'], namesUnknown: ['a.example', 'c.example'] },
      'names',
      /^no address is found for a\.example, c\.example, by which/,
    ],
    ['a clock that is set while it looks', { speed: 4 }, 'clock steps', /was set, or runs at another speed/],
    [
      'a disk with a time of its own',
      { file_ms: NOW_MS + 60_000 },
      'clock steps',
      /the disk gives new files another time/,
    ],
    ['a clock that was set back', { newest_ms: NOW_MS + 86_400_000 }, 'clock steps', /written at a later time/],
    ['a slow processor', { evaluation: 1000 }, 'evaluation', /loop in Rholang/],
  ];
  for (const [what, patient, check, reason] of short) {
    it(`finds ${what}, and nothing else`, async () => {
      const { verdict, checks } = await doctor(patient);
      assert.equal(verdict, 'short');
      assert.deepEqual(
        Object.values(checks)
          .filter((one) => one.verdict !== 'ok')
          .map((one) => one.check),
        [check],
      );
      assert.match(checks[check]?.reason ?? '', reason);
    });
  }

  const unknown: readonly (readonly [what: string, patient: Patient, check: string])[] = [
    ['open files', { openFiles: null }, 'open files'],
    ['randomness', { entropy_bits: null }, 'entropy'],
    ['the disk', { disk: null }, 'disk'],
    ['the speed of programs', { evaluation: null }, 'evaluation'],
  ];
  for (const [what, patient, check] of unknown) {
    it(`takes ${what} that it knows nothing of for unknown, never for good`, async () => {
      const { verdict, checks } = await doctor(patient);
      assert.equal(verdict, 'unknown');
      assert.equal(checks[check]?.verdict, 'unknown');
      assert.equal(checks[check]?.found, null);
    });
  }

  it('says short before unknown', async () => {
    assert.equal((await doctor({ openFiles: null, cores: 1 })).verdict, 'short');
  });

  it('adds what powers need to what the role needs, and says which', async () => {
    const requirements = {
      web: { cores: 2, memory_bytes: GIB },
      files: { disk_bytes: 50 * GIB, open_files: 5000, cores: 0.5 },
    };
    const { verdict, checks } = await doctor({ cores: 6, requirements });
    assert.equal(verdict, 'short');
    assert.equal(checks['cores']?.required, 6.5);
    assert.equal(checks['cores']?.reason, '6 on this machine; needed are 4 for validator, 2 for web, 0.5 for files');
    assert.equal(checks['memory']?.required, 9 * GIB);
    assert.equal(checks['disk free']?.required, 150 * GIB);
    assert.equal(checks['open files']?.required, 16_384 + 5000);
  });

  it('counts what the space holds already as room for it', async () => {
    const disk = { total_bytes: 1000 * GIB, free_bytes: 60 * GIB };
    assert.equal((await doctor({ disk, directory_bytes: 10 * GIB })).verdict, 'short');
    assert.equal((await doctor({ disk, directory_bytes: 40 * GIB })).verdict, 'ok');
  });

  it('tells in one line what is short, and nothing when nothing is', async () => {
    const look = (patient: Faked) =>
      examineQuickly({
        role: 'observer',
        share: {},
        requirements: {},
        place: '/data',
        holdsSpace: true,
        probes: fakeProbes(patient),
        clock: { now_ms: () => NOW_MS, monotonic_ms: () => 0 },
      });
    assert.equal(shortfall(await look({})), null);
    assert.equal(shortfall(await look({ openFiles: null })), null);
    assert.equal(
      shortfall(await look({ cores: 1, memory_bytes: GIB })),
      'this machine falls short of the role observer: cores: 1 on this machine; memory: 1 GiB on this machine ' +
        '(powerbox doctor --role observer tells more)',
    );
  });

  it('requires what the specification says', () => {
    const page = readFileSync(new URL('../../spec/machine.md', import.meta.url), 'utf8');
    const rows = [...page.matchAll(/^\| `(\w+)` \| (\d+ \| .* \| .*\/s) \|$/gm)].map(([, role, row]) => [role, row]);
    const profiles = ROLES.map((role) => {
      const { cores, memory_bytes, disk_bytes, sync_ms, open_files, evaluation_per_second } = ROLE_PROFILES[role];
      const parts = [
        amountText(cores, 'cores'),
        amountText(memory_bytes, 'bytes'),
        amountText(disk_bytes, 'bytes'),
        amountText(sync_ms, 'milliseconds'),
        amountText(open_files, 'files'),
        amountText(evaluation_per_second, 'per second'),
      ];
      return [role, parts.join(' | ')];
    });
    assert.deepEqual(rows, profiles);
  });

  it('writes amounts as a person reads them', () => {
    assert.equal(amountText(1536, 'bytes'), '1.5 KiB');
    assert.equal(amountText(0.5, 'cores'), '0.5');
    assert.equal(amountText(1_234_567.8, 'per second'), '1,234,568/s');
    assert.equal(amountText('20.19.0', 'version'), '20.19.0');
  });

  it('examines this machine for what it is, and leaves nothing in the directory', async () => {
    const data = mkdtempSync(join(tmpdir(), 'powerbox-doctor-'));
    try {
      const { role, checks } = await examineMachine({ role: 'light', data: join(data, 'space') });
      assert.equal(role, 'light');
      for (const { check, found } of checks) assert.notEqual(found, undefined, check);
      assert.deepEqual(readdirSync(data), []);
      const of = (what: string) => checks.find(({ check }) => check === what);
      assert.equal(of('names'), undefined);
      // How long it took is a matter of how busy the machine is; that it got there, and was judged by that, is not.
      for (const what of ['loopback', 'clock steps', 'evaluation']) {
        const { found, required, verdict } = of(what) ?? assert.fail(`${what} was not looked at`);
        assert(typeof found === 'number' && typeof required === 'number', `${what}: ${found} of ${required}`);
        const isEnough = what === 'evaluation' ? found > 0 && found >= required : found <= required;
        assert.equal(verdict, isEnough ? 'ok' : 'short', what);
      }
    } finally {
      rmSync(data, { recursive: true, force: true });
    }
  });

  it('asks for the names by which powers are granted, each once, and for no other', () => {
    const powers = readGrants([
      { kind: 'tcp', connect: ['localhost:1', 'db.example:5432', '*.below.example:1', '10.0.0.0/8:1', '*:9'] },
      { kind: 'udp', send: ['db.example:53', '[::1]:53'] },
      { kind: 'http', origins: [{ origin: 'https://api.example' }, { origin: 'http://127.0.0.1:80' }] },
      { kind: 'timer' },
    ]);
    assert.deepEqual(namesGranted(powers), ['localhost', 'db.example', 'api.example']);
  });
});

describe('a node that starts', () => {
  const ENORMOUS: MachineConfigSource = { role: 'light', requirements: { stdio: { cores: 60_000 } } };
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'powerbox-share-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));
  const start = async (machine: MachineConfigSource | undefined): Promise<FailureReport[]> => {
    const failures: FailureReport[] = [];
    const space = await openSpace({
      config: { version: 1, powers: { stdio: { kind: 'stdio' } }, ...(machine === undefined ? {} : { machine }) },
      onFailure: (failure) => failures.push(failure),
    });
    await space.close();
    return failures;
  };

  it('on a machine that falls short of its role says so, in one line', async () => {
    const [failure, ...others] = await start(ENORMOUS);
    assert.deepEqual(others, []);
    assert.equal(failure?.code, 'machine_short');
    assert.match(failure?.message ?? '', /^this machine falls short of the role light: cores: .*60,000 for stdio/);
    assert.equal(failure?.message.includes('\n'), false);
  });

  it('that was told to be strict refuses', async () => {
    await assert.rejects(start({ ...ENORMOUS, strict: true }), { code: 'machine_short' });
  });

  it('says nothing without a role, or on a machine that is enough', async () => {
    assert.deepEqual(await start(undefined), []);
    assert.deepEqual(await start({ requirements: { stdio: { cores: 60_000 } } }), []);
    assert.deepEqual(await start({ share: { cores: 1 } }), []);
  });

  it('is refused requirements of powers that it does not have, and shares that are none', async () => {
    for (const [machine, said] of [
      [{ requirements: { web: { cores: 1 } } }, /machine\.requirements\.web.*expected one of the powers: "stdio"/],
      [{ role: 'king' }, /machine\.role.*validator/],
      [{ share: { cores: 0 } }, /machine\.share\.cores.*cores are more than 0/],
      [{ share: { memory_bytes: 1.5 } }, /machine\.share\.memory_bytes.*a whole number of bytes/],
      [{ share: { memory: 5 } }, /machine\.share.*memory/],
    ] as const) {
      await assert.rejects(start(machine as never), (error: Error) => {
        assert.match(error.message, said);
        return true;
      });
    }
    assert.equal(checkConfiguration('/nowhere/powerbox.yaml').configuration, null);
  });

  it('keeps its cache within a quarter of its share of the memory', () => {
    const cache = (share: MachineShare): number | undefined =>
      cacheOf({ share, strict: false, requirements: {}, role: undefined }).cache_bytes;
    assert.equal(cache({ memory_bytes: 64 * 2 ** 20 }), 16 * 2 ** 20);
    assert.equal(cache({ memory_bytes: 64 * GIB }), limits.cache_bytes_default);
    assert.equal(cache({}), undefined);
    assert.equal(cacheOf(null).cache_bytes, undefined);
  });

  it('is refused a share of the disk that is less than what it allots to files', async () => {
    const allotting = (disk_bytes: number) =>
      openSpace({
        config: {
          version: 1,
          powers: {
            one: { kind: 'files', root: directory, bytes: 700 },
            same: { kind: 'files', root: directory, bytes: 500, readOnly: true },
            other: { kind: 'files', root: join(directory, 'other'), bytes: 300 },
          },
          machine: { share: { disk_bytes } },
        },
      });
    await (await allotting(1000)).close();
    await assert.rejects(allotting(999), {
      code: 'config_invalid',
      message:
        'the configuration: machine.share.disk_bytes: expected at least the 1000 bytes that powers of kind files allot ' +
        'together, came 999',
    });
  });
});
