/** The command and a configuration: check, show, holders, system contracts, and programs that serve. */
import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Bench, records } from './powerbox.ts';

const CASES = fileURLToPath(new URL('../../spec/config/', import.meta.url));

const CONFIG = `
version: 1
data: ./space
powers:
  stdio: {kind: stdio}
  files: {kind: files, root: ./files}
  timer: {kind: timer}
holders:
  alice: {grants: [stdio, files, timer]}
  bob: {grants: [stdio]}
`;

describe('cli: a configuration', function () {
  this.timeout(300_000);
  let bench: Bench;
  beforeEach(() => {
    bench = new Bench();
  });
  afterEach(() => bench.clear());

  describe('check', () => {
    for (const name of ['misspelt', 'misread', 'misgranted']) {
      it(`prints exactly the lines of ${name}, for people, and the same as data for programs`, async () => {
        bench.write(`${name}.yaml`, readFileSync(`${CASES}${name}.yaml`, 'utf8'));
        const expected = readFileSync(`${CASES}${name}.expected.txt`, 'utf8');
        const [told, json] = await Promise.all([
          bench.run('config', 'check', `${name}.yaml`),
          bench.run('config', 'check', `${name}.yaml`, '--json'),
        ]);
        assert.equal(told.stdout, expected);
        assert.equal(told.code, 78);
        const all = records(json.stdout);
        const mistakes = all.filter(({ type }) => type === 'mistake');
        assert.deepEqual(
          mistakes.map((one) => `${one['file']}:${one['line']}:${one['column']}`),
          expected
            .split('\n')
            .slice(0, -1)
            .map((line) => line.split(': ')[0]),
        );
        assert.deepEqual(all.at(-1), { type: 'check', file: `${name}.yaml`, mistakes: mistakes.length, exitCode: 78 });
        assert.equal(json.code, 78);
      });
    }

    it('says that there is no mistake, and which variables fill what, without their text', async () => {
      const secret = 'canary-77aa';
      bench.write('token', `${secret}\n`);
      bench.write(
        'powerbox.yaml',
        'version: 1\npowers: {api: {kind: http, origins: [{origin: "https://a.example.com", headers: {x-a: "${env:HOME}", x-b: "${file:token}"}}]}}',
      );
      for (const command of ['check', 'show']) {
        for (const more of [[], ['--json']]) {
          const { code, stdout, stderr } = await bench.run('config', command, ...more);
          assert.equal(code, 0, stderr);
          assert.ok(!(stdout + stderr).includes(secret));
          assert.match(stdout + stderr, /HOME/);
        }
      }
      const { stderr } = await bench.run('config', 'check');
      assert.match(
        stderr,
        /powers\.api\.origins\[0\]\.headers\.x-b is filled in from the file token\n.*has no mistake\n$/,
      );
    });

    it('says of a file that is not there that it is not', async () => {
      const { code, stdout } = await bench.run('config', 'check', 'no.yaml');
      assert.deepEqual([code, stdout], [78, 'no.yaml:1:1: expected a configuration: a file that is there\n']);
    });
  });

  it('show prints what holds with every default, as YAML that says the same as the data', async () => {
    bench.write('powerbox.yaml', CONFIG);
    const [told, json] = await Promise.all([bench.run('config', 'show'), bench.run('config', 'show', '--json')]);
    assert.match(told.stdout, /^version: 1\ndata: .*\/space\n/);
    assert.match(told.stdout, /timers_max: 256\n/);
    const [shown] = records(json.stdout);
    assert.deepEqual(Object.keys(shown?.['holders'] as object), ['alice', 'bob']);
  });

  it('run gives a program the powers of the holder that is named, resume goes on with them without a word', async () => {
    bench.write('powerbox.yaml', CONFIG);
    const ask = 'new box(`rho:powerbox`), out(`rho:io:stdout`) in { for (@m <- box!?("methods")) { out!(m.keys()) } }';
    bench.write('a.rho', ask);
    const alice = await bench.run('run', 'a.rho', '--config', 'powerbox.yaml', '--holder', 'alice');
    assert.match(alice.stdout, /"fileSystem".*"timer"/, alice.stderr);
    const bob = await bench.run('run', 'a.rho', '--data', 'space', '--holder', 'bob');
    assert.doesNotMatch(bob.stdout, /fileSystem|timer/);
    assert.match(bob.stdout, /"stdout"/);
    const nobody = await bench.run('run', 'a.rho', '--data', 'space', '--holder', 'eve');
    assert.equal(nobody.code, 78);
    assert.match(nobody.stderr, /^config_invalid: there is no holder "eve"\nhint: there are alice, bob\n/);
    const both = await bench.run('run', 'a.rho', '--config', 'powerbox.yaml', '--holder', 'bob', '--grant', 'timer');
    assert.equal(both.code, 64);
    rmSync(bench.path('powerbox.yaml'));
    const gone = await bench.run('resume', '--data', 'space');
    assert.equal(gone.code, 78);
    assert.match(gone.stderr, /powerbox\.yaml:1:1: expected a configuration: a file that is there/);
  });

  it('--grant hands out powers of the network and of the machine, each within what it says', async () => {
    let connections = 0;
    const server = createServer((socket) => {
      connections++;
      socket.end();
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    try {
      const { port } = server.address() as { port: number };
      bench.write(
        'a.rho',
        `new box(\`rho:powerbox\`), out(\`rho:io:stdout\`) in {
          for (tcp <- box!?("tcpClient"); from <- tcp!?("resolve", "0")) {
            for (@one <- from!?("resolve", "127.0.0.1:${port}")) { out!("granted") } |
            for (@two <- from!?("resolve", "127.0.0.1:1")) { out!(two) }
          } |
          for (@m <- box!?("methods")) { out!(m.keys()) }
        }`,
      );
      const grants = ['--grant', `tcp=127.0.0.1:${port}`, '--grant', 'crypto', '--grant', 'random'];
      const { stdout, stderr } = await bench.run('run', 'a.rho', ...grants, '--until-quiescent');
      assert.match(stdout, /"granted"/, stderr);
      assert.match(stdout, /"error", \{/);
      assert.match(stdout, /"crypto".*"random"/);
      assert.equal(connections, 1);
    } finally {
      server.close();
    }
  });

  it('holders lists programs and the parts of the node with what each has; a directory is not touched', async () => {
    bench.write('powerbox.yaml', CONFIG);
    bench.write('a.rho', 'Nil');
    await bench.run('run', 'a.rho', '--config', 'powerbox.yaml');
    const { code, stdout } = await bench.run('holders', '--data', 'space');
    assert.equal(code, 0);
    assert.match(stdout, /^alice:\n {2}stdio\n {2}files \{.*"root":.*\}\n {2}timer /m);
    assert.match(stdout, /^node\/store:\n {2}directory \{"durability":"sync"\}\n/m);
    const json = await bench.run('holders', '--config', 'powerbox.yaml', '--json');
    const [{ holders } = { holders: [] }] = records(json.stdout) as unknown as { holders: { name: string }[] }[];
    assert.ok(holders.some(({ name }) => name === 'bob'));
    assert.equal((await bench.run('holders')).code, 64);
  });

  it('system contracts run once, are listed with their state, and are replaced by an explicit act only', async () => {
    const contract = (word: string): string => `contract main(box, @config) = { box!("print", "${word}") }`;
    bench.write('shop.rho', contract('old'));
    bench.write('powerbox.yaml', `${CONFIG}systemContracts:\n  - {name: shop, file: shop.rho, holder: bob}\n`);
    bench.write('a.rho', 'Nil');
    const before = await bench.run('system', 'list', '--config', 'powerbox.yaml');
    assert.equal(before.code, 78, 'there is no space yet');
    const first = await bench.run('run', 'a.rho', '--config', 'powerbox.yaml');
    assert.equal(first.stdout, 'old\n', first.stderr);
    bench.write('shop.rho', contract('new'));
    const second = await bench.run('run', 'a.rho', '--data', 'space');
    assert.deepEqual([second.code, second.stdout], [0, '']);
    assert.match(second.stderr, /the system contract shop goes on as [0-9a-f]{12}; shop\.rho has [0-9a-f]{12}/);
    const listed = await bench.run('system', 'list', '--data', 'space');
    assert.match(
      listed.stdout,
      /^system contract shop \(shop\.rho, holder bob\): changed as deploy 1, [0-9a-f]{12}; shop\.rho has/,
    );
    const inspected = await bench.run('inspect', '--data', 'space', '--json');
    const contracts = records(inspected.stdout)[0]?.['systemContracts'] as { state: string }[] | undefined;
    assert.deepEqual(
      contracts?.map(({ state }) => state),
      ['changed'],
    );
    const updated = await bench.run('system', 'update', 'shop', '--data', 'space');
    assert.deepEqual([updated.code, updated.stdout], [0, 'new\n'], updated.stderr);
    const again = await bench.run('system', 'update', 'shop', '--data', 'space');
    assert.equal(again.code, 78);
    assert.match((await bench.run('system', 'list', '--data', 'space')).stdout, /: running as deploy \d+, /);
  });

  it('has help with examples for each of its commands', async () => {
    const commands = [['config', 'check'], ['config', 'show'], ['holders'], ['system', 'list'], ['system', 'update']];
    for (const { code, stdout } of await Promise.all(commands.map((command) => bench.run(...command, '--help')))) {
      assert.equal(code, 0);
      assert.match(stdout, /Examples:\n {2}\$ powerbox /);
    }
  });

  describe('a program with a source', () => {
    const TICKS =
      'new box(`rho:powerbox`), out(`rho:io:stdout`) in { for (timer <- box!?("timer"); ticks <- timer!?("every", 50)) { contract @"go"(n) = { for (_, _ <- ticks) { out!("tick") | @"go"!(Nil) } } | @"go"!(Nil) } }';

    it('goes on until it is interrupted, and is resumed', async () => {
      bench.write('ticks.rho', TICKS);
      const running = bench.start('run', 'ticks.rho', '--grant', 'timer', '--data', 'space');
      await running.says('"tick"\n"tick"\n"tick"');
      running.child.kill('SIGTERM');
      const { code, stderr } = await running.ended;
      assert.equal(code, 75, stderr);
      assert.match(stderr, /powerbox resume --data space\n$/);
      const resumed = bench.start('resume', '--data', 'space');
      await resumed.says('"tick"\n"tick"');
      resumed.child.kill('SIGINT');
      assert.equal((await resumed.ended).code, 75);
    });

    it('leaves with --until-quiescent, with 75 where a directory keeps the source', async () => {
      const later =
        'new box(`rho:powerbox`) in { for (timer <- box!?("timer"); ticks <- timer!?("every", 3600000)) { @"kept"!(*ticks) } }';
      bench.write('later.rho', later);
      const kept = await bench.run('run', 'later.rho', '--grant', 'timer', '--data', 'space', '--until-quiescent');
      assert.equal(kept.code, 75, kept.stderr);
      const memory = await bench.run('run', 'later.rho', '--grant', 'timer', '--until-quiescent');
      assert.equal(memory.code, 0, memory.stderr);
      assert.match((await bench.run('inspect', '--data', 'space')).stdout, /0 parked, 1 source open/);
    });
  });
});
