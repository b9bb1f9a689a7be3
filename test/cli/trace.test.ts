/** Traces as an operator meets them: recorded by one command, shown, replayed and departed from by others. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readBlocks } from '../../src/trace/blocks.ts';
import { bytesOf } from '../../src/trace/index.ts';
import { Bench } from './powerbox.ts';

const PROGRAM = 'new x, stdout(`rho:io:stdout`) in { x!(1) | for (@n <- x) { stdout!(n + 1) | @"out"!(n) } }';

describe('powerbox trace and replay', function () {
  this.timeout(300_000);
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
    const onTerminal = 'exec script -qec "$0 $* replay one.trace --step" /dev/null';
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
    const said = 'a word that nobody else says';
    const large = 'large, '.repeat(20_000);
    bench.write('said.rho', `new x in { x!("${said}", "${large}") | for (@n, @y <- x) { @"out"!(n, y.length()) } }`);
    assert.equal((await bench.start('run', 'said.rho', '--trace', 'said.trace').ended).code, 0);
    for (const [switched, name] of [
      ['--redact', 'redacted.trace'],
      ['--without-payloads', 'light.trace'],
    ] as const) {
      assert.equal((await bench.start('trace', 'export', 'said.trace', name, switched).ended).code, 0);
      const { code, stdout } = await bench.start('trace', 'show', name).ended;
      assert.equal(code, 0);
      // A digest, and the length, in the place of what was said.
      assert.match(stdout, /^\d+ deploy of deploy 1 "[0-9a-f]{64}, \d+ bytes"$/m);
      assert.match((await bench.start('replay', name).ended).stderr, /not_available: .*cannot be replayed/);
      assert.equal(bodiesOf(bench.path(name)).includes(said), false);
      assert.equal(bodiesOf(bench.path(name)).includes('large, large, '), false);
    }
    // What is small is left in the one and not in the other.
    assert.equal(bodiesOf(bench.path('said.trace')).includes(said), true);
    assert.equal(bodiesOf(bench.path('light.trace')).includes('operator'), true);
    assert.equal(bodiesOf(bench.path('redacted.trace')).includes('operator'), false);
  });

  it('what is no trace, or not there, or has no such turn or channel, is told with what came', async () => {
    bench.write('text', 'hello, this is a text');
    bench.write('empty', '');
    mkdirSync(bench.path('folder'));
    execFileSync('mkfifo', [bench.path('pipe')]);
    const newer = readFileSync(bench.path('one.trace'));
    newer[7] = 200;
    writeFileSync(bench.path('newer'), newer);
    for (const [file, code, told] of [
      ['text', 1, /^trace_invalid: this is no trace: its 21 bytes do not begin with PBTRACE and a version$/m],
      ['empty', 1, /^trace_invalid: this is no trace: it is empty/m],
      ['folder', 78, /^config_invalid: the trace folder cannot be read: it is a directory, not a file$/m],
      ['pipe', 78, /^config_invalid: the trace pipe cannot be read: it is no file$/m],
      ['missing', 78, /^config_invalid: the trace missing cannot be read: it is not there$/m],
      ['newer', 1, /^trace_version: a trace of version 200; this program reads 1 to \d+$/m],
    ] as const)
      for (const ended of await Promise.all([
        bench.start('replay', file).ended,
        bench.start('trace', 'show', file).ended,
      ])) {
        assert.match(ended.stderr, told);
        assert.equal(ended.code, code);
      }
    const into = await bench.start('run', 'one.rho', '--trace', 'nowhere/one.trace').ended;
    assert.match(
      into.stderr,
      /^config_invalid: the trace nowhere\/one.trace cannot be written: the directory is not there$/m,
    );
    for (const [words, told] of [
      [['replay', 'one.trace', '--until', '9999'], /^turn 9999 was asked for; the trace ends with turn \d+$/m],
      [['replay', 'one.trace', '--from', '9999'], /^turn 9999 was asked for; the trace ends with turn \d+$/m],
      [['replay', 'one.trace', '--break-on', '@"never"'], /^no turn up to \d+ sends or receives on @"never"/m],
      [['trace', 'show', 'one.trace', '--from', '9999'], /^the trace has no turn from 9999 on$/m],
    ] as const) {
      const { code, stderr } = await bench.start(...words).ended;
      assert.match(stderr, told);
      assert.equal(code, 0);
    }
    for (const command of [['replay'], ['trace', 'show']]) {
      const { code, stderr } = await bench.start(...command, 'one.trace', '--from', '5', '--until', '2').ended;
      assert.match(stderr, /^usage: --from 5 is behind --until 2/m);
      assert.equal(code, 64);
    }
  });

  it('replay touches nothing but the trace and its own files, whatever was touched when it was recorded', async function () {
    if (!existsSync('/usr/bin/strace')) this.skip();
    bench.write('files/notes', 'a line\n');
    bench.write('world.rho', WORLD);
    const recorded = await bench.start('run', 'world.rho', ...WORLD_POWERS, '--trace', 'world.trace').ended;
    assert.deepEqual([recorded.code, recorded.stdout], [0, '"later"\n'], recorded.stderr);
    const replayed = bench.path('replayed');
    assert.equal((await bench.startUnder(tracer(replayed), 'replay', 'world.trace').ended).code, 0);
    const calls = callsIn(replayed);
    assert.deepEqual(
      calls.filter((call) => /\b(socket|connect|bind|listen|sendto)\(/.test(call)),
      [],
    );
    assert.deepEqual(
      calls.filter((call) => /O_WRONLY|O_RDWR|O_CREAT|\b(unlink|mkdir|rename)/.test(call) && !call.includes('/dev/')),
      [],
    );
    // Whatever was opened: the trace once, the program itself, and what Node and the system's loader read for themselves.
    const opened = openedIn(calls);
    assert.deepEqual(
      opened.filter((file) => file.endsWith('world.trace')),
      ['world.trace'],
    );
    // Node reads where name servers are as soon as its module of names is loaded, and opens nothing else then.
    const loaded = bench.path('loaded');
    const [command = '', ...alone] = [...tracer(loaded), process.execPath, '--eval', 'require("node:dns")'];
    execFileSync(command, alone, { env: { ...process.env, NODE_OPTIONS: '' } });
    const ofNode = new Set(openedIn(callsIn(loaded)));
    const folders = [fileURLToPath(new URL('../../', import.meta.url)), ...FOLDERS_OF_NODE];
    assert.deepEqual(
      opened.filter(
        (file) => file !== 'world.trace' && !ofNode.has(file) && !folders.some((one) => file.startsWith(one)),
      ),
      [],
    );
    assert.equal(calls.filter((call) => /\bexecve\(/.test(call)).length, 1);
  });
});

/** Libraries of the system, and what the kernel tells. */
const FOLDERS_OF_NODE = ['/lib', '/usr/lib', '/proc/', '/sys/', '/dev/'];

/** What writes the calls of each thread into a file of its own in a new folder: in one file, two at a time are two halves each. */
function tracer(folder: string): string[] {
  mkdirSync(folder);
  return ['/usr/bin/strace', '-ff', '-e', 'trace=file,network,process', '-o', join(folder, 'thread')];
}

function callsIn(folder: string): string[] {
  return readdirSync(folder).flatMap((thread) => readFileSync(join(folder, thread), 'utf8').split('\n'));
}

/** Files that were opened in calls that strace has told. */
function openedIn(calls: readonly string[]): string[] {
  return calls.flatMap((call) => /\bopen(?:at)?\((?:AT_FDCWD, )?"([^"]+)".*\) = \d+$/.exec(call)?.[1] ?? []);
}

const WORLD_POWERS = ['files=files', 'timer', 'random'].flatMap((power) => ['--grant', power]);

/** Reads and writes a file, waits for a timer, throws dice. */
const WORLD = `new box(\`rho:powerbox\`), stdout(\`rho:io:stdout\`) in {
  for (dir <- box!?("fileSystem"); f <- dir!?("resolve", "notes"); @text <- f!?("read"); _ <- f!?("append", "more");
       dice <- box!?("random"); @n <- dice!?("int", 1, 6); timer <- box!?("timer"); _ <- timer!?("after", 10)) {
    stdout!("later")
  }
}`;

/** All that stands in a trace, expanded. */
function bodiesOf(file: string): string {
  const trace = bytesOf(new Uint8Array(readFileSync(file)));
  return Buffer.concat([...readBlocks(trace)].map(({ body }) => body)).toString('latin1');
}
