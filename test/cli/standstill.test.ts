/** A command on a machine that stands still for a while: a real process, stopped by a signal. */
import assert from 'node:assert/strict';
import { Bench } from './powerbox.ts';

const ASKS = `new box(\`rho:powerbox\`), out(\`rho:io:stdout\`) in {
  out!("up") | for (input <- box!?("stdin"); @line <- input!?("readLine")) { out!(line) }
}`;

describe('cli: a machine that stands still', function () {
  this.timeout(300_000);
  let bench: Bench;
  beforeEach(() => {
    bench = new Bench();
  });
  afterEach(() => bench.clear());

  it('is not told as work that takes long', async () => {
    const running = bench.start('run', bench.write('asks.rho', ASKS));
    await running.says('"up"');
    running.child.kill('SIGSTOP');
    // Longer than the time after which work is told of.
    await new Promise((resolve) => setTimeout(resolve, 10_500));
    running.child.kill('SIGCONT');
    // It has a while to say what it thinks of that.
    await new Promise((resolve) => setTimeout(resolve, 500));
    running.child.stdin?.end('go on\n');
    const { code, stdout, stderr } = await running.ended;
    assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: '"up"\n"go on"\n', stderr: '' });
  });
});
