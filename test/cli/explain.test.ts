/** `powerbox explain`, and what `run` and `inspect` say by themselves: the built command on a directory. */
import assert from 'node:assert/strict';
import { Bench, records } from './powerbox.ts';

const HALF = 'for (@x <- @"left" & @y <- @"right") { Nil } | @"left"!(1) | for (_ <- @"go") { @"right"!(2) }';
const WHY = 'for( @{x0} <- @{"left"}  & @{x1} <- @{"right"} ) { … } waits: nothing lies on @{"right"}.';

describe('cli: explain', function () {
  this.timeout(300_000);
  let bench: Bench;
  beforeEach(() => {
    bench = new Bench();
  });
  afterEach(() => bench.clear());

  it('run says why what it leaves waits, inspect too, and explain also who could still send', async () => {
    const run = await bench.run('run', bench.write('half.rho', HALF), '--data', 'space');
    assert.equal(run.code, 0);
    assert.ok(run.stderr.includes(`why:\n`) && run.stderr.includes(`  ${WHY}\n`), run.stderr);
    const inspected = await bench.run('inspect', '--data', 'space');
    assert.ok(inspected.stdout.includes(`${WHY}\n`), inspected.stdout);
    const { code, stdout, stderr } = await bench.run('explain', '@"left"', '--data', 'space');
    assert.deepEqual(
      { code, stderr, lines: stdout.trimEnd().split('\n') },
      {
        code: 0,
        stderr: '',
        lines: [
          WHY,
          'What could still send on @{"right"}: for( _ <- @{"go"} ) { … }, which sends 1 value when it has run.',
        ],
      },
    );
  });

  it('the same as data with --json', async () => {
    await bench.run('run', bench.write('half.rho', HALF), '--data', 'space');
    const { stdout } = await bench.run('explain', '@"right"', '--data', 'space', '--json');
    const [explanation, ...rest] = records(stdout);
    assert.deepEqual(rest, []);
    assert.equal(explanation?.type, 'explanation');
    assert.deepEqual(explanation?.['sentences'], [
      WHY,
      'What could still send on @{"right"}: for( _ <- @{"go"} ) { … }, which sends 1 value when it has run.',
    ]);
  });

  it('needs a place and a channel', async () => {
    assert.equal((await bench.run('explain', '@"left"')).code, 64);
    assert.equal((await bench.run('explain', '--data', 'space')).code, 64);
  });
});
