/** `powerbox trace record` of a space that another process holds. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { Bench } from './powerbox.ts';

const TICKS = `new box(\`rho:powerbox\`), stdout(\`rho:io:stdout\`) in {
  for (timer <- box!?("timer"); ticks <- timer!?("every", 20)) { stdout!("ticking") | for (@tick <= ticks) { @"ticks"!(tick) } }
}`;

describe('powerbox trace record, of a running process', function () {
  this.timeout(300_000);
  let bench: Bench;
  beforeEach(() => {
    bench = new Bench();
  });
  afterEach(() => bench.clear());

  it('goes on until it is interrupted; the trace is whole then, and the process goes on', async () => {
    bench.write('ticks.rho', TICKS);
    const node = bench.start('run', 'ticks.rho', '--data', 'space', '--grant', 'timer');
    await node.says('ticking');
    const recording = bench.start('trace', 'record', 'run.trace', '--data', 'space');
    await recording.says('recording process');
    await bench.run('run', bench.write('more.rho', '@"more"!(1)'), '--data', 'space', '--also');
    recording.child.kill('SIGINT');
    const { code, stderr } = await recording.ended;
    assert.equal(code, 0, stderr);
    assert.match(stderr, /run\.trace is whole/);
    const replayed = await bench.run('replay', 'run.trace');
    assert.equal(replayed.code, 0, replayed.stderr);
    const shown = await bench.run('trace', 'show', 'run.trace');
    assert.match(shown.stdout, /@\{"more"\}!\(1\)/);
    const again = await bench.run('trace', 'record', 'run.trace', '--data', 'space');
    assert.match(again.stderr, /config_invalid: .*it is there already/);
    assert.equal(node.child.exitCode, null);
    node.child.kill('SIGINT');
    await node.ended;
    assert.equal(existsSync(bench.path('run.trace')), true);
  });
});
