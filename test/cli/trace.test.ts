/** Traces as an operator meets them: recorded by one command, shown, replayed and departed from by others. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { Bench } from './powerbox.ts';

const PROGRAM = 'new x, stdout(`rho:io:stdout`) in { x!(1) | for (@n <- x) { stdout!(n + 1) | @"out"!(n) } }';

describe('powerbox trace and replay', function () {
  this.timeout(60_000);
  let bench: Bench;
  before(async () => {
    bench = new Bench();
    bench.write('one.rho', PROGRAM);
    const { code, stdout } = await bench.start('run', 'one.rho', '--trace', 'one.trace').ended;
    assert.deepEqual([code, stdout], [0, '2\n']);
  });
  after(() => bench.clear());

  it('replay is as it was recorded, and refuses to write over a trace', async () => {
    const { code, stdout } = await bench.start('replay', 'one.trace').ended;
    assert.equal(code, 0);
    assert.match(stdout, /^replayed \d+ turns and \d+ causes; each of \d+ commits is as it was recorded\n$/);
    const again = await bench.start('run', 'one.rho', '--trace', 'one.trace').ended;
    assert.equal(again.code, 78);
    assert.match(again.stderr, /config_invalid: .*it is there already/);
  });

  it('show is nested by what led to it; as JSON, from a turn on, and as a chart', async () => {
    const { stdout } = await bench.start('trace', 'show', 'one.trace').ended;
    assert.match(stdout, /^\d+ deploy of deploy 1 one\.rho/m);
    assert.match(stdout, /^ {6}@\{"out"\}!\(1\)|^ +@\{"out"\}!\(1\)/m);
    const lines = (await bench.start('trace', 'show', 'one.trace', '--from', '3', '--json').ended).stdout
      .trim()
      .split('\n');
    const turns = lines.map((line) => JSON.parse(line) as { turn: number; type: string });
    assert.equal(turns[0]?.turn, 3);
    assert.ok(turns.every(({ type }) => type === 'turn'));
    assert.match((await bench.start('trace', 'show', 'one.trace', '--chart').ended).stdout, /^<svg [\s\S]*<\/svg>\n$/);
  });

  it('replay stops at a turn or a channel, and shows the state there', async () => {
    const { stdout } = await bench.start('replay', 'one.trace', '--break-on', '@"out"').ended;
    assert.match(stdout, /@\{"out"\}!\(1\)/);
    assert.equal((await bench.start('replay', 'one.trace', '--until', '1').ended).stdout.includes('"out"'), false);
  });

  it('replay --step goes turn by turn as it is told, and shows the state when it is asked', async () => {
    const steps = bench.start('replay', 'one.trace', '--step');
    await steps.says('1 ');
    steps.child.stdin?.write('what?\n');
    await steps.says('empty: the next turn; a number: on to that turn');
    steps.child.stdin?.write('state\n');
    await steps.says('after turn ');
    steps.child.stdin?.write('3\n');
    await steps.says('3 ');
    steps.child.stdin?.write('\n');
    steps.child.stdin?.write('quit\n');
    const { code, stdout } = await steps.ended;
    assert.equal(code, 0);
    // One turn a line that is not moved in by its events.
    const turns = stdout.split('\n').flatMap((line) => /^ *(\d+) /.exec(line)?.[1] ?? []);
    assert.deepEqual(
      turns,
      [...turns].sort((one, other) => Number(one) - Number(other)),
    );
    assert.equal(turns.at(-1), '4');
  });

  it('replay --step ends where nobody answers, and with --json is for a program', async () => {
    const closed = bench.start('replay', 'one.trace', '--step', '--json');
    closed.child.stdin?.end();
    const { code, stdout } = await closed.ended;
    assert.equal(code, 0);
    const records = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string; turn: number });
    assert.deepEqual(
      records.map(({ type, turn }) => [type, turn]),
      [['turn', 1]],
    );
  });

  it('replay --step answers on a terminal', async function () {
    if (!existsSync('/usr/bin/script')) this.skip();
    // A terminal of its own: what is typed is echoed, and lines end there as they do for a person.
    const onTerminal = 'exec script -qec "$0 $1 replay one.trace --step" /dev/null';
    const typed = bench.startUnder(['/bin/sh', '-c', onTerminal]);
    await typed.says('1 ');
    typed.child.stdin?.write('state\n');
    await typed.says('after turn 1');
    typed.child.stdin?.write('q\n');
    assert.equal((await typed.ended).code, 0);
  });

  it('replay begins in the middle where it is told to, with what stood there', async () => {
    assert.match((await bench.start('replay', 'one.trace', '--from', '3').ended).stdout, /^replayed \d+ turns/);
    const both = await bench.start('replay', 'one.trace', '--from', '3', '--program', 'one.rho').ended;
    assert.equal(both.code, 64);
    assert.match(both.stderr, /usage: --from and --program do not go together/);
  });

  it('replay against another program says where it departs, both sides, and what led there', async () => {
    bench.write('other.rho', PROGRAM.replace('x!(1)', 'x!(5)'));
    const { code, stderr } = await bench.start('replay', 'one.trace', '--program', 'other.rho').ended;
    assert.equal(code, 1);
    assert.match(
      stderr,
      /recorded: [^\n]*!\(1\)[\s\S]*replayed: [^\n]*!\(5\)[\s\S]*from turn \d+: deploy of deploy 1 one\.rho/,
    );
    assert.equal((await bench.start('replay', 'one.trace', '--program', 'one.rho').ended).code, 0);
  });

  it('an export can be shown, and not replayed, and nothing of what was said is in it', async () => {
    assert.equal((await bench.start('trace', 'export', 'one.trace', 'shared.trace', '--redact').ended).code, 0);
    assert.equal((await bench.start('trace', 'show', 'shared.trace').ended).code, 0);
    assert.match((await bench.start('replay', 'shared.trace').ended).stderr, /not_available: .*cannot be replayed/);
  });

  it('replay touches nothing but the trace and its own files', async function () {
    if (!existsSync('/usr/bin/strace')) this.skip();
    const log = bench.path('calls');
    const tracer = ['/usr/bin/strace', '-f', '-e', 'trace=file,network,process', '-o', log];
    assert.equal((await bench.startUnder(tracer, 'replay', 'one.trace').ended).code, 0);
    const calls = readFileSync(log, 'utf8').split('\n');
    assert.deepEqual(
      calls.filter((call) => /\b(socket|connect|bind|listen|sendto)\(/.test(call)),
      [],
    );
    assert.deepEqual(
      calls.filter((call) => /O_WRONLY|O_RDWR|O_CREAT|\b(unlink|mkdir|rename)/.test(call) && !call.includes('/dev/')),
      [],
    );
    const own = calls.filter((call) => call.includes(bench.directory) || call.includes('one.trace'));
    assert.ok(own.some((call) => /openat\(.*one\.trace.*O_RDONLY/.test(call)));
    assert.deepEqual(
      own.filter((call) => /openat\(/.test(call) && !call.includes('one.trace')),
      [],
    );
    assert.equal(calls.filter((call) => /\bexecve\(/.test(call)).length, 1);
  });
});
