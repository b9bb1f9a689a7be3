/** `powerbox doctor` as a person and as a program meets it: real processes of the built command, this machine. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { MACHINE_CHECKS } from '../resolvers/machine-checks.ts';
import { Bench, records } from './powerbox.ts';

describe('cli: doctor', function () {
  this.timeout(300_000);
  let bench: Bench;
  beforeEach(() => {
    bench = new Bench();
  });
  afterEach(() => bench.clear());

  const config = (cores: number): string =>
    bench.write(
      'powerbox.yaml',
      `version: 1\npowers: { stdio: { kind: stdio } }\nmachine:\n  role: light\n  requirements: { stdio: { cores: ${cores} } }\n`,
    );

  it('tells of each thing what is required, what was found, the verdict and the reason, and leaves nothing behind', async () => {
    const before = readdirSync(bench.directory).toSorted();
    const { code, stdout, stderr } = await bench.run('doctor', '--role', 'light');
    const [head = '', ...lines] = stdout.split('\n').slice(0, -1);
    assert.deepEqual(head.trim().split(/ {2,}/), ['check', 'required', 'found', 'verdict', 'reason']);
    assert.deepEqual(
      lines.map((line) => line.split(/ {2,}/)[0]),
      MACHINE_CHECKS,
    );
    for (const line of lines) assert.match(line, / {2}(ok|short|unknown) {2,}\S/);
    const verdicts = lines.map((line) => line.split(/ {2,}/)[3]);
    assert.equal(code, verdicts.includes('short') ? 2 : verdicts.includes('unknown') ? 3 : 0);
    assert.match(stderr, /^(whether )?this machine .*the role light/);
    assert.deepEqual(readdirSync(bench.directory).toSorted(), before);
  });

  it('says the same as data with --json, the verdict last, with the code with which it leaves', async () => {
    const { code, stdout, stderr } = await bench.run('doctor', '--json', '--data', './space');
    assert.equal(stderr, '');
    const said = records(stdout);
    assert.deepEqual(
      said.slice(0, -1).map(({ type, check }) => [type, check]),
      MACHINE_CHECKS.map((check) => ['check', check]),
    );
    const last = said.at(-1);
    assert.deepEqual([last?.type, last?.['role'], last?.['exitCode']], ['examination', 'light', code]);
  });

  it('leaves with 2 when the machine falls short, with what powers of the configuration need added in', async () => {
    const { code, stdout, stderr } = await bench.run('doctor', '--config', config(50_000));
    assert.equal(code, 2);
    assert.match(stdout, /^cores +50,001 .* short .*needed are 1 for light, 50,000 for stdio$/m);
    assert.match(stderr, /this machine falls short of the role light/);
  });

  it('finds the limit of a control group that really holds it, not what the machine has', async function () {
    const group = memoryGroup(700_000_000);
    if (group === null) {
      // Only who may make control groups can see this.
      this.skip();
      return;
    }
    try {
      const enter = `echo $$ > ${group}/cgroup.procs && exec "$@"`;
      const running = bench.startUnder(['/bin/sh', '-c', enter, 'sh'], 'doctor', '--json', '--role', 'observer');
      const { code, stdout } = await running.ended;
      assert.equal(code, 2);
      const memory = records(stdout).find(({ check }) => check === 'memory');
      assert.equal(memory?.['verdict'], 'short');
      assert(Math.abs(Number(memory?.['found']) - 700_000_000) < 100_000, String(memory?.['found']));
      assert.match(String(memory?.['reason']), /on this machine, 667\.6 MiB by its control group$/);
    } finally {
      await leave(group);
    }
  });

  it('refuses a role that there is none of, and a configuration with a mistake', async () => {
    const role = await bench.run('doctor', '--role', 'king');
    assert.equal(role.code, 64);
    assert.match(role.stderr, /validator, observer, light/);
    bench.write('wrong.yaml', 'version: 1\nmachine: { role: king }\n');
    const wrong = await bench.run('doctor', '--config', 'wrong.yaml');
    assert.equal(wrong.code, 78);
    assert.match(wrong.stderr, /wrong\.yaml:2:\d+: machine\.role/);
  });

  it('is heard of by a node that starts on a machine that falls short, and by one that is strict in vain', async () => {
    const program = bench.write('hello.rho', 'new stdout(`rho:io:stdout`) in { stdout!("up") }');
    const told = await bench.run('run', program, '--config', config(50_000));
    assert.match(told.stderr, /^machine_short: this machine falls short of the role light: cores: /m);
    assert.equal(told.stdout, '"up"\n');
    const option = await bench.run('run', program, '--config', config(50_000), '--strict');
    assert.deepEqual([option.code, option.stdout], [78, '']);
    bench.write(
      'strict.yaml',
      'version: 1\npowers: { stdio: { kind: stdio } }\nmachine: { role: light, strict: true, requirements: { stdio: { cores: 50000 } } }\n',
    );
    const refused = await bench.run('run', program, '--config', 'strict.yaml');
    assert.deepEqual([refused.code, refused.stdout], [78, '']);
    assert.match(refused.stderr, /^machine_short: /m);
  });
});

/** A group is empty a moment after its last process has ended. */
async function leave(group: string): Promise<void> {
  for (;;) {
    try {
      rmdirSync(group);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY') throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** A control group with so much memory, or null where none can be made. */
function memoryGroup(memory_bytes: number): string | null {
  for (const [mount, limit] of [
    ['/sys/fs/cgroup/memory', 'memory.limit_in_bytes'],
    ['/sys/fs/cgroup', 'memory.max'],
  ] as const) {
    const group = `${mount}/powerbox-test-${process.pid}`;
    if (!existsSync(`${mount}/cgroup.procs`)) continue;
    try {
      mkdirSync(group);
    } catch {
      continue;
    }
    try {
      writeFileSync(`${group}/${limit}`, String(memory_bytes));
      return group;
    } catch {
      rmdirSync(group);
    }
  }
  return null;
}
