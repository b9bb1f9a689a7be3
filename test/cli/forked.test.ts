/** `powerbox query`, `powerbox estimate` and `run --atomic`: the built command. */
import assert from 'node:assert/strict';
import { Bench, records } from './powerbox.ts';

const ASK = 'new a(`rho:answer`), out(`rho:io:stdout`) in { for (@n <- @"stock") { a!(n, "pieces") } | out!("hello") }';

describe('cli: query, estimate, atomic', function () {
  this.timeout(300_000);
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

  it('what is wrong with what was asked is said in one line, and nothing is run', async () => {
    const file = bench.write('ok.rho', '@"a"!(1)');
    bench.write('bad.rho', '@"a"!(1');
    for (const command of [['query'], ['estimate'], ['run', '--atomic']]) {
      const missing = await bench.run(...command, 'none.rho', '--data', 's');
      assert.deepEqual([missing.code, missing.stdout], [64, '']);
      assert.equal(missing.stderr, 'usage: cannot read the program none.rho: it is not there\n');
    }
    const broken = await bench.run('estimate', 'bad.rho');
    assert.equal(broken.code, 1);
    assert.match(broken.stderr, /^syntax_error: 1:8: found the end of the program where/);
    const nobody = await bench.run('query', file, '--holder', 'nobody');
    assert.equal(nobody.code, 78);
    assert.match(nobody.stderr, /^config_invalid: there is no holder "nobody"\n/);
    for (const limit of ['0', '-1.5', '600001']) {
      const { code, stdout, stderr } = await bench.run('query', file, `--limit=${limit}`);
      assert.deepEqual({ code, stdout }, { code: 64, stdout: '' });
      assert.match(stderr, /^usage: --limit is a whole number of milliseconds from 1 to 600000, not "/);
    }
    assert.equal((await bench.run('query', file, '--data', 'nothing')).code, 78);
  });

  it('a branch that fails in a fork says where', async () => {
    bench.write('half.rho', '@"a"!(1) |\n  @"b"!(1 / 0)');
    const atomic = await bench.run('run', '--atomic', 'half.rho', '--data', 's');
    assert.match(atomic.stderr, /nothing of the program has happened: division by zero \(line 2, column 9\)/);
    const told = records((await bench.run('query', 'half.rho', '--json')).stdout);
    const answer = told.find(({ type }) => type === 'answer');
    assert.equal(told.find(({ type }) => type === 'failure')?.['mode'], 'query');
    assert.match(JSON.stringify(answer?.['failures']), /division by zero \(line 2, column 9\)/);
  });

  it('asks a space that another process holds as one that nobody holds: what it says, costs and refuses is the same', async () => {
    bench.write('powerbox.yaml', 'version: 1\npowers: {timer: {kind: timer}}\nholders: {alice: {grants: [timer]}}\n');
    const config = ['--config', 'powerbox.yaml', '--holder', 'alice'];
    const text =
      'new box(`rho:powerbox`) in { for (timer <- box!?("timer"); @now <- timer!?("now")) { @"t"!(now > 0) } }';
    bench.write('now.rho', text);
    bench.write('ask.rho', 'new a(`rho:answer`) in { for (@n <<- @"t") { a!(n) } | a!(1 / 0) }');
    bench.write('bad.rho', 'new x in { x!(y) }');
    assert.equal((await bench.run('run', 'now.rho', ...config, '--trace', 'run.trace')).code, 0);
    const whose = ['--data', 'node', '--holder', 'alice'];
    const asked = async (): Promise<unknown> => {
      const answers: unknown[] = [];
      for (const command of [
        ['query', 'ask.rho', '--json', ...whose],
        ['estimate', 'now.rho', ...whose],
        ['estimate', 'now.rho', ...whose, '--replies', 'run.trace'],
        ['estimate', 'now.rho', ...whose, '--replies', 'none.trace'],
        ['query', 'bad.rho', ...whose],
        ['run', '--atomic', 'ask.rho', ...whose],
      ]) {
        const { code, stdout, stderr } = await bench.run(...command);
        // A path is told as the process that reads it knows it.
        // Of a space of its own a command tells failures as they happen, too.
        const said = stdout.replaceAll(/^\{"type":"failure".*\n/gm, '');
        answers.push([command.join(' '), code, said, stderr.split('\n')[0]?.split(':')[0]]);
      }
      return answers;
    };
    const listen = ['--listen', '127.0.0.1:0', '--json'];
    const served = bench.start('serve', '--data', 'node', '--config', 'powerbox.yaml', ...listen);
    await served.says('"type":"ready"');
    assert.equal((await bench.run('run', 'now.rho', ...whose)).code, 0);
    const running = await asked();
    served.child.kill('SIGTERM');
    assert.equal((await served.ended).code, 0);
    const stopped = await asked();
    assert.deepEqual(running, stopped);
    const replied = (running as string[][])[2];
    assert.deepEqual([replied?.[1], replied?.[3]], [0, '']);
    assert.ok(Number(replied?.[2]) > Number((running as string[][])[1]?.[2]));
  });
});
