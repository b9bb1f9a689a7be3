/** `powerbox query`, `powerbox estimate` and `run --atomic`: the built command. */
import assert from 'node:assert/strict';
import { Bench, records } from './powerbox.ts';

const ASK = 'new a(`rho:answer`), out(`rho:io:stdout`) in { for (@n <- @"stock") { a!(n, "pieces") } | out!("hello") }';

describe('cli: query, estimate, atomic', function () {
  this.timeout(180_000);
  let bench: Bench;
  beforeEach(() => {
    bench = new Bench();
  });
  afterEach(() => bench.clear());

  it('a query shows what a directory answers, prints nothing else, and leaves all as it is', async () => {
    await bench.run('run', bench.write('put.rho', '@"stock"!(7)'), '--data', 'space');
    const file = bench.write('ask.rho', ASK);
    for (let times = 0; times < 2; times++) {
      const { code, stdout, stderr } = await bench.run('query', file, '--data', 'space');
      assert.deepEqual({ code, stdout }, { code: 1, stdout: '7, "pieces"\n' });
      assert.match(stderr, /not_permitted/);
    }
  });

  it('an estimate is a number, and the calls that were not made', async () => {
    const { code, stdout, stderr } = await bench.run('estimate', bench.write('ask.rho', ASK));
    assert.equal(code, 0);
    assert.match(stdout, /^\d+\n$/);
    assert.match(stderr, /stdout\.send\("hello"\)/);
    const [estimate] = records((await bench.run('estimate', 'ask.rho', '--json')).stdout);
    assert.deepEqual(estimate?.['calls'], [{ what: 'stdout.send', effect: 'change', args: ['"hello"'] }]);
  });

  it('an atomic run of which a branch fails leaves nothing, and prints nothing', async () => {
    const out = '| new out(`rho:io:stdout`) in { out!("done") }';
    const bad = await bench.run(
      'run',
      '--atomic',
      bench.write('bad.rho', `@"a"!(1) | @"b"!(1 / 0) ${out}`),
      '--data',
      's',
    );
    assert.deepEqual({ code: bad.code, stdout: bad.stdout }, { code: 1, stdout: '' });
    const good = await bench.run('run', '--atomic', bench.write('good.rho', `@"a"!(2) ${out}`), '--data', 's');
    assert.deepEqual({ code: good.code, stdout: good.stdout }, { code: 0, stdout: '"done"\n' });
    const { stdout } = await bench.run('inspect', '--data', 's');
    assert.equal(stdout, '@{"a"}!(2)\n');
  });

  it('an estimate with the trace of a run goes on past its calls, and is what that run has cost', async () => {
    const file = bench.write(
      'now.rho',
      'new box(`rho:powerbox`) in { for (timer <- box!?("timer"); @now <- timer!?("now")) { @"t"!(now > 0) } }',
    );
    const grant = ['--grant', 'timer'];
    assert.equal((await bench.run('run', file, ...grant, '--trace', 'run.trace', '--data', 'space')).code, 0);
    const without = await bench.run('estimate', file, ...grant);
    assert.match(without.stderr, /timer\.now\(\)/);
    for (const place of [[], ['--data', 'space']]) {
      const { code, stdout, stderr } = await bench.run('estimate', file, ...grant, ...place, '--replies', 'run.trace');
      assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
      assert.ok(Number(stdout) > Number(without.stdout));
    }
    const other = await bench.run('estimate', bench.write('nil.rho', 'Nil'), ...grant, '--replies', 'run.trace');
    assert.match(other.stderr, /trace_departed/);
    assert.notEqual(other.code, 0);
  });

  it('a program without an end is given up, with a code', async () => {
    const file = bench.write('ever.rho', 'contract @"go"(@n) = { @"go"!(n + 1) } | @"go"!(0)');
    const { code, stderr } = await bench.run('query', file, '--limit', '100');
    assert.equal(code, 1);
    assert.match(stderr, /fork_expired/);
    assert.equal((await bench.run('query', file, '--limit', 'soon')).code, 64);
  });
});
