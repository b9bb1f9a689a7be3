/** The command as a person and as a program meets it: real processes of the built command. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Bench, records } from './powerbox.ts';

const FIRST_FILE = fileURLToPath(new URL('../../spec/examples/first-file.rho', import.meta.url));
const HELLO = 'new stdout(`rho:io:stdout`) in { stdout!("Hello, World!") }';
const FOREVER = 'new c, out(`rho:io:stdout`) in { contract c(@n) = { c!(n + 1) } | c!(0) | out!("up") }';

describe('cli: the command', function () {
  this.timeout(300_000);
  let bench: Bench;
  beforeEach(() => {
    bench = new Bench();
  });
  afterEach(() => bench.clear());

  it('prints what a program prints on standard output, and nothing else there', async () => {
    const { code, stdout, stderr } = await bench.run('run', bench.write('hello.rho', HELLO));
    assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: '"Hello, World!"\n', stderr: '' });
  });

  it('says on standard error what is left waiting, channel by channel, in Rholang', async () => {
    const { code, stdout, stderr } = await bench.run(
      'run',
      bench.write('a.rho', 'for (@x <- @"a" & _ <- @"b") { Nil } | @"a"!("tea", 2)'),
    );
    assert.deepEqual({ code, stdout }, { code: 0, stdout: '' });
    assert.match(stderr, /left waiting:/);
    assert.match(stderr, /@\{"a"\}!\("tea", 2\)/);
    assert.match(stderr, /for\( @\{x0\} <- @\{"a"\}\s+& _ <- @\{"b"\} \)/);
  });

  it('says the same as data with --json: one object a line, each with its type, the report last', async () => {
    const text = 'new stdout(`rho:io:stdout`) in { stdout!("Hello") | @"a"!(1) | @"b"!(1 + "x") }';
    const { code, stdout, stderr } = await bench.run('run', bench.write('a.rho', text), '--json');
    assert.equal(stderr, '');
    const said = records(stdout);
    assert.deepEqual(said.map(({ type }) => type).toSorted(), ['failure', 'report', 'stdout']);
    assert.deepEqual(
      said.find(({ type }) => type === 'stdout'),
      { type: 'stdout', text: '"Hello"\n' },
    );
    const report = said.at(-1);
    assert.equal(report?.type, 'report');
    assert.equal(report?.['failures'], 1);
    assert.equal(report?.['exitCode'], code);
    assert.deepEqual(report?.['channels'], [
      { channel: '@{"a"}', dataCount: 1, data: ['@{"a"}!(1)'], waitingCount: 0, waiting: [] },
    ]);
    assert.equal(said.find(({ type }) => type === 'failure')?.['code'], 'evaluation_error');
  });

  it('has no record with --json for a flush, which writes nothing', async () => {
    const text =
      'new box(`rho:powerbox`) in { for (out <- box!?("stdout")) { for (_ <- out!?("print", "one")) { for (_ <- out!?("flush")) { out!("write", "two") } } } }';
    const { stdout } = await bench.run('run', bench.write('a.rho', text), '--json');
    assert.deepEqual(
      records(stdout).flatMap(({ type, text: said }) => (type === 'stdout' ? [said] : [])),
      ['one\n', 'two'],
    );
  });

  it('grants no file unless told', async () => {
    bench.write('files/secret', 'x');
    const ask =
      'new box(`rho:powerbox`), stdout(`rho:io:stdout`) in { for (@answer <- box!?("fileSystem")) { stdout!(answer) } }';
    const { code, stdout } = await bench.run('run', bench.write('a.rho', ask));
    assert.equal(code, 0);
    assert.match(stdout, /not_available/);
  });

  it('reads standard input line by line, through the powerbox', async () => {
    const text =
      'new box(`rho:powerbox`) in { for (input <- box!?("stdin"); @line <- input!?("readLine")) { box!("print", "got " ++ line) } }';
    const running = bench.start('run', bench.write('a.rho', text));
    running.child.stdin?.end('first\nsecond\n');
    const { code, stdout } = await running.ended;
    assert.deepEqual({ code, stdout }, { code: 0, stdout: 'got first\n' });
  });

  const refusals: readonly (readonly [
    law: string,
    code: number,
    error: string,
    args: (bench: Bench) => readonly string[],
  ])[] = [
    ['no command at all', 64, 'usage', () => []],
    ['an unknown command', 64, 'usage', () => ['rnu']],
    ['an unknown option', 64, 'usage', () => ['run', 'a.rho', '--dta', 'x']],
    ['a program that is not there', 64, 'usage', () => ['run', 'nowhere.rho']],
    ['a grant that is no grant', 64, 'usage', (b) => ['run', b.write('a.rho', 'Nil'), '--grant', 'files']],
    [
      'a durability that is none',
      64,
      'usage',
      (b) => ['run', b.write('a.rho', 'Nil'), '--data', 'd', '--durability', 'maybe'],
    ],
    [
      'a grant of a directory that is not there',
      78,
      'config_invalid',
      (b) => ['run', b.write('a.rho', 'Nil'), '--grant', 'files=./nowhere'],
    ],
    [
      'a durability without a directory',
      78,
      'config_invalid',
      (b) => ['run', b.write('a.rho', 'Nil'), '--durability', 'sync'],
    ],
    ['a directory that is not there', 78, 'config_invalid', () => ['resume', '--data', 'nowhere']],
    [
      'a directory of somebody else',
      75,
      'storage_foreign',
      (b) => ['run', b.write('files/a.rho', 'Nil'), '--data', 'files'],
    ],
    ['a text that is no program', 1, 'syntax_error', (b) => ['run', b.write('a.rho', 'x!(')]],
    ['a text without meaning', 1, 'static_error', (b) => ['run', b.write('a.rho', 'x!(1)')]],
    [
      'a URI that was not granted',
      1,
      'uri_not_granted',
      (b) => ['run', b.write('a.rho', 'new x(`rho:io:http`) in { x!(1) }')],
    ],
    [
      'a send to the public name that is not public',
      1,
      'not_available',
      (b) => ['run', b.write('a.rho', '@"system"!("print", "x")')],
    ],
    [
      'a system contract of another shape',
      78,
      'config_invalid',
      (b) => ['run', b.write('a.rho', 'Nil'), '--system', b.write('s.rho', 'Nil')],
    ],
  ];
  for (const [law, code, error, args] of refusals) {
    it(`refuses ${law} with exit code ${code} and ${error}, for people and for programs`, async () => {
      const line = args(bench);
      const [told, json] = await Promise.all([bench.run(...line), bench.run(...line, '--json')]);
      assert.equal(told.code, code, told.stderr);
      assert.equal(told.stdout, '');
      assert.ok(told.stderr.startsWith(`${error}: `), told.stderr);
      assert.equal(json.code, code);
      const [record, ...others] = records(json.stdout);
      assert.deepEqual(others, []);
      assert.deepEqual(
        { type: record?.type, code: record?.['code'], exitCode: record?.['exitCode'] },
        { type: 'error', code: error, exitCode: code },
      );
    });
  }

  it('shows all errors of a text at once', async () => {
    const { stdout } = await bench.run('run', bench.write('a.rho', 'x!(1) | y!(2)'), '--json');
    assert.equal((records(stdout)[0]?.['errors'] as unknown[] | undefined)?.length, 2);
  });

  it('shows help with examples and exit codes, and its version', async () => {
    const help = await bench.run('--help');
    assert.equal(help.code, 0);
    assert.match(help.stdout, /Exit codes:/);
    for (const command of [[], ['run'], ['resume'], ['inspect']]) {
      const { stdout } = await bench.run(...command, '--help');
      assert.match(stdout, /Examples:\n {2}\$ powerbox /, command.join());
    }
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    assert.equal((await bench.run('--version')).stdout, `${version}\n`);
  });

  it('writes no colours where no terminal is', async () => {
    const { stderr } = await bench.run('run', bench.write('a.rho', 'x!('));
    assert.ok(!stderr.includes('\u001b'));
  });
});

describe('cli: work that goes on', function () {
  this.timeout(300_000);
  let bench: Bench;
  beforeEach(() => {
    bench = new Bench();
  });
  afterEach(() => bench.clear());

  const LAST = 'the file has 100 lines and 792 bytes, and begins with: line 1';
  const LINES = Array.from({ length: 100 }, (_, index) => `line ${index + 1}\n`).join('');

  /** Once more where this process stood still, and that one came to its end before it was killed. */
  async function killedHalfWay(): Promise<void> {
    for (;;) {
      const first = bench.start('run', FIRST_FILE, '--data', 'data', '--grant', 'files=files');
      await first.says('20 lines are written');
      first.child.kill('SIGKILL');
      await first.ended;
      if (readFileSync(bench.path('files/first-file.txt'), 'utf8') !== LINES) return;
      for (const directory of ['data', 'files']) rmSync(bench.path(directory), { recursive: true });
      mkdirSync(bench.path('files'));
    }
  }

  it('a program killed half-way with SIGKILL is finished by resume, each line once, without a word about grants', async () => {
    await killedHalfWay();

    const refused = await bench.run('run', bench.write('hello.rho', HELLO), '--data', 'data');
    assert.equal(refused.code, 75);
    assert.equal(refused.stdout, '');
    assert.match(refused.stderr, /^unfinished_work: .*\n(.*\n)*.*powerbox resume --data data\n/);

    const inspected = await bench.run('inspect', '--data', 'data', '--json');
    assert.equal(inspected.code, 0);
    const [inspection] = records(inspected.stdout);
    assert.equal((inspection?.['deploys'] as { name: string }[] | undefined)?.[0]?.name, 'first-file.rho');

    const resumed = await bench.run('resume', '--data', 'data');
    assert.equal(resumed.code, 0, resumed.stderr);
    assert.ok(resumed.stdout.endsWith(`${LAST}\n`), resumed.stdout);
    assert.equal(readFileSync(bench.path('files/first-file.txt'), 'utf8'), LINES);

    const again = await bench.run('resume', '--data', 'data');
    assert.deepEqual({ code: again.code, stdout: again.stdout }, { code: 0, stdout: '' });
  });

  it('--also deploys beside unfinished work, and both end', async () => {
    await killedHalfWay();
    const beside = await bench.run('run', bench.write('hello.rho', HELLO), '--data', 'data', '--also');
    assert.ok(beside.stdout.includes('"Hello, World!"\n'));
    const resumed = await bench.run('resume', '--data', 'data');
    assert.ok((beside.stdout + resumed.stdout).includes(LAST));
    assert.equal(readFileSync(bench.path('files/first-file.txt'), 'utf8'), LINES);
  });

  it('an append that fails ends the command with 75 and the line to type; nothing acknowledged is lost, nothing done twice', async () => {
    const tracer = [
      'strace',
      '-f',
      '-qq',
      '-o',
      bench.path('trace'),
      '-e',
      'trace=pwrite64',
      '-e',
      // Counted for each thread of the pool by itself.
      'inject=pwrite64:error=EIO:when=5+',
      '-P',
      bench.path('data/journal/segment-00000001'),
    ];
    const first = bench.startUnder(tracer, 'run', FIRST_FILE, '--data', 'data', '--grant', 'files=files');
    const { code, stderr } = await first.ended;
    assert.equal(code, 75, stderr);
    assert.match(stderr, /^(space_closed|outcome_unknown|storage_failed): .*\n(.*\n)*.*powerbox resume --data data\n/);
    assert.match(stderr, /i\/o error, write/);
    const resumed = await bench.run('resume', '--data', 'data');
    assert.equal(resumed.code, 0, resumed.stderr);
    assert.equal(readFileSync(bench.path('files/first-file.txt'), 'utf8'), LINES);
  });

  it('goes on when nobody reads standard error, and stops in good order when nobody reads standard output', async () => {
    const text = `new box(\`rho:powerbox\`), loop in {
      contract loop(@n) = { for (_ <- box!?("print", "up")) { loop!(n + 1) } } | loop!(0)
    }`;
    const running = bench.start('run', bench.write('printing.rho', text), '--data', 'd');
    await running.says('up');
    running.child.stderr?.destroy();
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.equal(running.child.exitCode, null);
    running.child.stdout?.destroy();
    assert.equal((await running.ended).code, 75);
  });

  it('SIGINT finishes the commit and leaves with 75 and the line to type; without a directory with 130', async () => {
    const kept = bench.start('run', bench.write('forever.rho', FOREVER), '--data', 'it is here');
    await kept.says('up');
    kept.child.kill('SIGINT');
    const { code, stderr } = await kept.ended;
    assert.equal(code, 75, stderr);
    assert.ok(stderr.endsWith("powerbox resume --data 'it is here'\n"), stderr);
    const inspected = await bench.run('inspect', '--data', 'it is here');
    assert.match(inspected.stdout, /deploy 1 \(forever\.rho\): 1 ready/);

    const lost = bench.start('run', 'forever.rho');
    await lost.says('up');
    lost.child.kill('SIGINT');
    assert.equal((await lost.ended).code, 130);
  });

  it('run ends when all is done that its program set in motion, also where an earlier program pays for it', async () => {
    writeFileSync(bench.path('files/digits'), '0123456789');
    const ask = (inside: string): string => `new box(\`rho:powerbox\`) in { ${inside} }`;
    const keep = ask('for (d <- box!?("fileSystem"); f <- d!?("resolve", "digits")) { @"kept"!!(*f) }');
    const use = ask('for (f <- @"kept"; @b <- f!?("read", 2)) { box!("print", b.bytesToUtf8()) }');
    await bench.run('run', bench.write('keep.rho', keep), '--data', 'data', '--grant', 'files=files');
    for (const stdout of ['01\n', '23\n']) {
      const ended = await bench.run('run', bench.write('use.rho', use), '--data', 'data');
      assert.deepEqual({ code: ended.code, stdout: ended.stdout }, { code: 0, stdout }, ended.stderr);
    }
  });

  it('an interrupted program says what it hangs on, channel by channel and effect by effect', async () => {
    const text =
      'new box(`rho:powerbox`) in { @"a"!(1) | for (input <- box!?("stdin")) { for (_ <- input!?("readLine")) { Nil } | for (_ <- box!?("print", "1"); _ <- box!?("print", "2")) { box!("print", "up") } } }';
    const running = bench.start('run', bench.write('a.rho', text));
    // Commits later than the one that asked for the line.
    await running.says('up');
    running.child.kill('SIGINT');
    const { code, stderr } = await running.ended;
    assert.equal(code, 130);
    assert.match(stderr, /left waiting:\n {2}@\{"a"\}!\(1\)\n/);
    assert.match(stderr, /not finished:\n {2}input\.readLine: has begun, and has not answered yet, since \d+\.\d s\n/);
  });

  it('a second command on one directory asks the process that holds it, with the same output', async () => {
    const waits =
      'new box(`rho:powerbox`), out(`rho:io:stdout`) in { out!("up") | for (t <- box!?("timer"); _ <- t!?("after", 600000)) { Nil } }';
    const first = bench.start('run', bench.write('waits.rho', waits), '--data', 'data', '--grant', 'timer');
    await first.says('up');
    const second = await bench.run('run', bench.write('hello.rho', HELLO), '--data', 'data');
    assert.deepEqual([second.code, second.stdout], [0, '"Hello, World!"\n'], second.stderr);
    const asked = await bench.run('inspect', '--data', 'data', '--json');
    first.child.kill('SIGKILL');
    const { stdout } = await first.ended;
    assert.doesNotMatch(stdout, /Hello/);
    const read = await bench.run('inspect', '--data', 'data', '--json');
    assert.equal(asked.stdout, read.stdout);
  });

  it('inspect shows what waits, on all channels or on one that is written in Rholang, and runs nothing', async () => {
    bench.write('a.rho', '@"orders"!("tea", 2) | @"orders"!("coffee", 1) | @[1, 2]!(3)');
    await bench.run('run', 'a.rho', '--data', 'data');
    const all = await bench.run('inspect', '--data', 'data');
    assert.equal(all.stdout.split('\n').length, 4, all.stdout);
    for (const line of ['@{[1, 2]}!(3)', '@{"orders"}!("tea", 2)', '@{"orders"}!("coffee", 1)'])
      assert.ok(all.stdout.includes(`${line}\n`));
    const one = await bench.run('inspect', '--data', 'data', '@[1, 2]', '--json');
    assert.deepEqual(records(one.stdout)[0]?.['channels'], [
      { channel: '@{[1, 2]}', dataCount: 1, data: ['@{[1, 2]}!(3)'], waitingCount: 0, waiting: [] },
    ]);
  });

  it('a system contract gets its powerbox once in the life of a directory, and outlives the process', async () => {
    bench.write(
      'system.rho',
      'contract main(box, @config) = { box!("print", "started") | contract @"log"(@line) = { box!("print", line) } }',
    );
    bench.write('a.rho', '@"log"!("from a")');
    const first = await bench.run('run', 'a.rho', '--data', 'data', '--system', 'system.rho');
    assert.deepEqual(first.stdout.split('\n').toSorted(), ['', 'from a', 'started'], first.stderr);
    const second = await bench.run('run', 'a.rho', '--data', 'data', '--system', 'system.rho');
    assert.equal(second.stdout, 'from a\n', second.stderr);
  });

  it('the public name answers only where the operator turned it on', async () => {
    bench.write('a.rho', '@"system"!("print", "public")');
    assert.equal((await bench.run('run', 'a.rho', '--data', 'data', '--public-system')).stdout, 'public\n');
    assert.equal((await bench.run('run', 'a.rho', '--data', 'data')).code, 1);
  });
});
