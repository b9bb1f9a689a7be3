/** The command about rights: what was granted and called, and taking it back between two runs. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Bench, records } from './powerbox.ts';

const CONFIG = `
version: 1
data: ./space
powers:
  stdio: {kind: stdio}
  files: {kind: files, root: ./files}
holders:
  alice: {grants: [stdio, files]}
`;

const PROGRAM = `new box(\`rho:powerbox\`), out(\`rho:io:stdout\`) in {
  for (d <- box!?("fileSystem"); @few <- d!?("count", 9)) {
    match few {
      ("error", e) => { out!(e.get("code")) }
      _ => { for (f <- @few!?("resolve", "s3cret"); _ <- f!?("append", "text")) { out!("done") } }
    }
  }
}`;

describe('cli: grants and the audit', function () {
  this.timeout(300_000);
  let bench: Bench;
  beforeEach(() => {
    bench = new Bench();
    bench.write('powerbox.yaml', CONFIG);
    bench.write('p.rho', PROGRAM);
  });
  afterEach(() => bench.clear());

  const run = async (): Promise<string> =>
    (await bench.run('run', 'p.rho', '--config', 'powerbox.yaml', '--holder', 'alice')).stdout;

  it('a power is taken back between two runs, and stays so until it is granted again', async () => {
    assert.equal(await run(), '"done"\n');
    assert.equal((await bench.run('revoke', 'files', '--data', 'space')).stdout, 'files is revoked\n');
    assert.equal((await bench.run('revoke', 'files', '--data', 'space')).stdout, 'files was revoked before\n');
    assert.equal(await run(), '"revoked"\n');
    const told = (await bench.run('grants', '--data', 'space', '--holder', 'alice')).stdout;
    assert.match(told, /^alice\/files \(files\), revoked\n {2}~\S+: count 7, made by deploy 1 of alice\n/m);
    assert.match(told, /^alice\/stdio \(stdio\)\n/m);
    assert.match(
      (await bench.run('holders', '--data', 'space')).stdout,
      /^alice:\n(?: {2}.*\n)* {2}files \{.*\}, revoked\n/m,
    );
    assert.equal((await bench.run('regrant', 'files', '--data', 'space')).stdout, 'files is granted again\n');
    assert.equal(await run(), '"done"\n');
    assert.equal(readFileSync(bench.path('files/s3cret'), 'utf8'), 'texttext');
  });

  it('nobody’s power, and times and numbers that are none, are told with what was expected', async () => {
    await run();
    const nobody = await bench.run('revoke', 'nothing', '--data', 'space');
    assert.deepEqual([nobody.code, nobody.stdout], [78, '']);
    assert.match(nobody.stderr, /nobody has a power "nothing"/);
    for (const wrong of [
      ['--since', 'yesterday'],
      ['--limit', 'many'],
    ]) {
      const told = await bench.run('audit', '--data', 'space', ...wrong);
      assert.equal(told.code, 64);
      assert.match(told.stderr, /For example --/);
    }
  });

  it('the audit has a line for each call, picks, and gives away nothing of what was said', async () => {
    await run();
    const all = records((await bench.run('audit', '--data', 'space', '--grant', 'alice/files', '--json')).stdout);
    assert.deepEqual(
      all.map(({ type, holder, native, method, result }) => [type, holder, native, method, result]),
      [
        ['call', 'alice', 'directory', 'resolve', 'ok'],
        ['call', 'alice', 'file', 'append', 'ok'],
      ],
    );
    const whole = await bench.run('audit', '--data', 'space');
    assert.match(whole.stdout, /alice, deploy 1: file\.append ok, \d+ bytes, \d+ ms, under alice\/files by ~/);
    assert.doesNotMatch(whole.stdout + JSON.stringify(all), /s3cret/);
    const one = await bench.run(
      'audit',
      '--data',
      'space',
      '--holder',
      'alice',
      '--method',
      'file.append',
      '--limit',
      '1',
    );
    assert.equal(one.stdout.split('\n').length, 2);
    assert.equal((await bench.run('audit', '--data', 'space', '--since', '2999-01-01')).stdout, '');
  });

  it('followed, it goes on with the work of the directory, tells what was there and what comes, and ends with it', async () => {
    await run();
    const followed = await bench.run('audit', '--data', 'space', '--follow', '--method', 'append', '--json');
    assert.deepEqual([followed.code, records(followed.stdout).map(({ method }) => method)], [0, ['append']]);
  });
});
