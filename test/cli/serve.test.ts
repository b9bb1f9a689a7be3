/** The command that serves: its ready line, its end, and the other commands beside it, in real processes. */
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync } from 'node:fs';
import { program } from '../crash/build.ts';
import { Bench, records, type Running } from './powerbox.ts';

describe('cli: a node', function () {
  this.timeout(300_000);
  let bench: Bench;
  beforeEach(() => {
    bench = new Bench();
  });
  afterEach(() => bench.clear());

  const serve = async (...args: readonly string[]): Promise<{ readonly running: Running; readonly url: string }> => {
    const running = bench.start('serve', '--data', 'node', '--listen', '127.0.0.1:0', '--json', ...args);
    let text = '';
    running.child.stdout?.on('data', (more: string) => {
      text += more;
    });
    await running.says('"type":"ready"');
    const ready = records(text).find(({ type }) => type === 'ready');
    return { running, url: String(ready?.['url']) };
  };

  it('says that it is ready and where, is asked by every command, and leaves in good order at SIGTERM', async () => {
    const { running, url } = await serve();
    assert.equal((await fetch(`${url.replace('ws', 'http')}/readyz`)).status, 200);
    const text = 'new out(`rho:io:stdout`) in { out!("beside") | @"left"!(1) }';
    const ran = await bench.run('run', bench.write('a.rho', text), '--data', 'node');
    assert.deepEqual([ran.code, ran.stdout], [0, '"beside"\n'], ran.stderr);
    assert.equal((await bench.run('space', 'create', 'shop', '--data', 'node')).stdout, 'shop: node/spaces/shop\n');
    const other = await bench.run('run', 'a.rho', '--data', 'node', '--space', 'shop');
    assert.deepEqual([other.code, other.stdout], [0, '"beside"\n'], other.stderr);
    const asked = await bench.run('inspect', '--data', 'node', '--space', 'shop', '--json');
    const [info] = records((await bench.run('info', '--data', 'node', '--json')).stdout);
    const { held, node } = info as unknown as { held: { pid: number }; node: { url: string } };
    assert.deepEqual([held.pid, node.url], [running.child.pid, url]);
    assert.match(
      (await bench.run('token', '--holder', 'alice', '--data', 'node')).stdout,
      /^ey[\w-]+\.ey[\w-]+\.[\w-]+\n$/,
    );
    running.child.kill('SIGTERM');
    const { code, stderr } = await running.ended;
    assert.equal(code, 0, stderr);
    assert.match(stderr, /"msg":"closed"/);
    const read = await bench.run('inspect', '--data', 'node', '--space', 'shop', '--json');
    assert.equal(read.stdout, asked.stdout);
  });

  it('goes in good order when a host asks for it, and with exit code 75 when one has ended whose end is the node’s', async () => {
    for (const [method, native, code, told] of [
      ['shutDown', { mayShutDown: true }, 0, /"native":"example","msg":"it asks for the end of the node: because"/],
      ['leave', { onExit: 'shutdown' }, 75, /^space_closed: the host of example has ended: it has exited with code 3/m],
    ] as const) {
      bench.write(
        'main.rho',
        `contract main(box, @config) = { for (ex <- box!?("native", "example")) { ex!("${method}") } }`,
      );
      const example = { command: [process.execPath, ...program('odd'), 'serves'], start_ms_max: 120_000, ...native };
      const config = {
        version: 1,
        natives: { example },
        powers: { example: { kind: 'host', native: 'example' } },
        holders: { alice: { grants: ['example'] } },
        systemContracts: [{ name: 'main', file: 'main.rho', holder: 'alice' }],
      };
      bench.write('powerbox.yaml', JSON.stringify(config));
      const listen = ['--listen', '127.0.0.1:0', '--config', 'powerbox.yaml'];
      const ended = await bench.run('serve', '--data', method, ...listen);
      assert.equal(ended.code, code, ended.stderr);
      assert.match(ended.stderr, told);
      assert.match(ended.stderr, /"msg":"closed"/);
    }
  });

  it('what is wrong is told with its code: no directory, no address, no space, no holder', async () => {
    for (const [args, code, told] of [
      [['serve'], 64, /a data directory is missing/],
      [['serve', '--data', 'node', '--listen', '0.0.0.0:0'], 78, /nothing is encrypted/],
      [['inspect', '--data', 'node', '--space', 'nowhere'], 78, /there is no space nowhere/],
      [['inspect', '--space', 'shop'], 64, /--data/],
      [['token', '--data', 'node'], 64, /--holder/],
      [['token', '--data', 'node', '--holder', 'alice', '--lifetime', 'long'], 64, /--lifetime 12h/],
      [['token', '--data', '.', '--holder', 'al ice'], 64, /for example --holder alice/],
      [['token', '--data', '.', '--holder', 'alice', '--space', '../x'], 64, /"..\/x" is no name of a space/],
      [['token', '--data', 'node', '--holder', 'alice', '--space', 'later'], 0, /there is no space later in node yet/],
      [['space', 'create', '..', '--data', 'node'], 64, /no name of a space/],
      [['space', 'create', 'a', '--data', 'node', '--quota', 'bytes=1'], 64, /--quota bytes_max/],
      [['restore', 'nothing', '--data', 'there'], 75, /no backup of powerbox/],
    ] as const) {
      const ended = await bench.run(...args);
      assert.equal(ended.code, code, `${args.join(' ')}: ${ended.stderr}`);
      assert.match(ended.stderr, told);
    }
  });

  it('commands that look make no space where there is none, and say what is there instead', async () => {
    mkdirSync(bench.path('empty'));
    await bench.run('space', 'create', 'shop', '--data', 'several', '--owner', 'alice');
    for (const command of [['inspect'], ['info'], ['grants'], ['audit'], ['resume'], ['service', 'status']]) {
      const empty = await bench.run(...command, '--data', 'empty');
      assert.deepEqual([empty.code, readdirSync(bench.path('empty'))], [78, []], command.join(' '));
      assert.match(empty.stderr, /there is no space in empty: nothing is in the directory\nhint: powerbox run/);
    }
    const several = await bench.run('inspect', '--data', 'several');
    assert.deepEqual([several.code, readdirSync(bench.path('several'))], [78, ['spaces']]);
    assert.match(several.stderr, /has none that is called main\nhint: powerbox space list --data several/);
    assert.equal((await bench.run('inspect', '--data', 'several', '--space', 'shop')).code, 0);
    bench.write('file', 'text');
    assert.match((await bench.run('inspect', '--data', 'file')).stderr, /storage_foreign: .* it is a file/);
  });

  it('a backup of a node that runs is brought back to another directory', async () => {
    const { running } = await serve();
    await bench.run('run', bench.write('a.rho', '@"kept"!(1)'), '--data', 'node');
    assert.match((await bench.run('backup', 'saved', '--data', 'node')).stdout, /^saved: main up to entry \d+, /);
    running.child.kill('SIGTERM');
    await running.ended;
    assert.match((await bench.run('restore', 'saved', '--data', 'again')).stdout, /^again: main up to entry \d+, /);
    assert.equal((await bench.run('inspect', '--data', 'again', '@"kept"')).stdout.split('\n')[0], '@{"kept"}!(1)');
  });
});
