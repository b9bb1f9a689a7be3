/** A node that is out of service, as its operator meets it: exit codes, the line that helps, and the way back. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, readFileSync, rmSync } from 'node:fs';
import { Bench, records } from './powerbox.ts';

const PROGRAM = `new box(\`rho:powerbox\`), ret, err in {
  for (d <- box!?("fileSystem"); f <- d!?("resolve", "log")) {
    f!("append", "${'x'.repeat(60_000)}", *ret, *err) |
    for (_ <- ret) { @"done"!("at once") } |
    for (_ <- err) { for (_ <- f!?("append", "second attempt")) { @"done"!("later") } }
  }
}`;

describe('powerbox service', function () {
  this.timeout(300_000);
  let bench: Bench;
  beforeEach(() => {
    bench = new Bench();
  });
  afterEach(() => {
    spawnSync('umount', ['-l', bench.path('files')]);
    bench.clear();
  });

  it('run and resume end with 75 and the line that helps; restore wants a disk that holds, and then work goes on', async function () {
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=512k', 'tmpfs', bench.path('files')]);
    if (mounted.status !== 0) {
      process.stderr.write(`    skipped: a full disk needs a file system of its own: ${String(mounted.stderr)}\n`);
      this.skip();
    }
    const program = bench.write('program.rho', PROGRAM);
    const filler = bench.path('files/filler');
    try {
      for (;;) appendFileSync(filler, Buffer.alloc(4096));
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC');
    }
    // The owner and the record of changes still fit.
    const kept = readFileSync(filler).subarray(0, -32_768);
    rmSync(filler);
    appendFileSync(filler, kept);

    const help = /powerbox service restore --data space/;
    const run = await bench.run('run', program, '--data', 'space', '--grant', 'files=files');
    assert.equal(run.code, 75, run.stderr);
    assert.match(
      run.stderr,
      /file_failed: "log": the file system answered ENOSPC \(the disk is full\); the node is out of service/,
    );
    assert.match(run.stderr, /out_of_service: the node is out of service since \S+: ENOSPC in \S+files/);
    assert.match(run.stderr, help);
    assert.doesNotMatch(run.stderr, /powerbox resume/);

    for (const command of [['run', program, '--grant', 'files=files'], ['run', program, '--also'], ['resume']]) {
      const { code, stderr } = await bench.run(...command, '--data', 'space');
      assert.equal(code, 75, stderr);
      assert.match(stderr, /^out_of_service: /m, command.join(' '));
      assert.match(stderr, help, command.join(' '));
      assert.doesNotMatch(stderr, /going on with|nothing is left/, command.join(' '));
    }
    const status = await bench.run('service', 'status', '--data', 'space');
    assert.deepEqual([status.code, status.stderr], [75, '']);
    assert.match(status.stdout, /^out of service since \S+: ENOSPC in \S+files\n$/);
    assert.equal((await bench.run('inspect', '--data', 'space')).code, 0);

    const early = await bench.run('service', 'restore', '--data', 'space', '--json');
    assert.equal(early.code, 75);
    const [told] = records(early.stdout);
    assert.deepEqual([told?.['type'], told?.['code']], ['error', 'out_of_service']);
    assert.match(String(told?.['message']), /files failed the probe: .*ENOSPC/);

    rmSync(filler);
    const restored = await bench.run('service', 'restore', '--data', 'space');
    assert.deepEqual([restored.code, restored.stdout], [0, 'in service\n'], restored.stderr);
    const resumed = await bench.run('resume', '--data', 'space');
    assert.equal(resumed.code, 0, resumed.stderr);
    assert.match(resumed.stderr, /@\{"done"\}!\("later"\)/);
    assert.equal(readFileSync(bench.path('files/log'), 'utf8'), 'second attempt');
  });

  it('of a directory that holds no space says so', async () => {
    for (const command of ['status', 'restore']) {
      const { code, stderr } = await bench.run('service', command, '--data', 'not-there');
      assert.equal(code, 78);
      assert.match(stderr, /^config_invalid: there is no space in not-there/);
    }
  });

  it('of a node in service says that, and restoring it changes nothing', async () => {
    assert.equal((await bench.run('run', bench.write('a.rho', 'Nil'), '--data', 'space')).code, 0);
    const status = await bench.run('service', 'status', '--data', 'space', '--json');
    assert.deepEqual(records(status.stdout), [
      { type: 'health', service: 'in', since: null, reason: null, root: null },
    ]);
    const restored = await bench.run('service', 'restore', '--data', 'space');
    assert.deepEqual([restored.code, restored.stdout], [0, 'in service\n']);
  });
});
