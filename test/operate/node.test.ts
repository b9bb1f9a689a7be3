/** A node that serves: its spaces, what it tells of itself, and its end in good order. In this process, on real sockets. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http, { createServer } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connect } from '../../src/client/node.ts';
import { program } from '../crash/build.ts';
import { lived } from '../lived.ts';
import { Authority } from '../resolvers/certificates.ts';
import { isPowerboxError, openAdmin, openSpace } from '../../src/index.ts';
import { limits } from '../../src/limits.ts';
import { internalsOf } from '../../src/embedding/index.ts';
import {
  findSpace,
  issueNodeToken,
  type NodeAdmin,
  type NodeOptions,
  openLog,
  openNodeAdmin,
  type RunningNode,
  startNode,
} from '../../src/service/index.ts';

const SILENT: Pick<NodeOptions, 'console' | 'log'> = {
  console: { stdout: async () => {}, stderr: async () => {}, readLine: async () => null },
  log: (level) => openLog(level, { write: () => {} }),
};
const QUIET = { stdout: async () => {}, stderr: async () => {}, readLine: async () => null };

describe('operate: a node', function () {
  this.timeout(300_000);
  let directory: string;
  let data: string;
  let lines: string[];
  const nodes: RunningNode[] = [];
  const admins: NodeAdmin[] = [];

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'powerbox-node-'));
    data = join(directory, 'node');
    lines = [];
  });
  afterEach(async () => {
    for (const admin of admins.splice(0)) await admin.close();
    for (const node of nodes.splice(0)) await node.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const start = async (options: Partial<NodeOptions> = {}): Promise<RunningNode> => {
    const node = await startNode({
      data,
      listen: '127.0.0.1:0',
      console: QUIET,
      log: (level) => openLog(level, { write: (line) => lines.push(line) }),
      ...options,
    });
    nodes.push(node);
    return node;
  };
  const asked = async (): Promise<NodeAdmin> => {
    const admin = await openNodeAdmin(data);
    admins.push(admin);
    return admin;
  };
  const get = async (node: RunningNode, path: string): Promise<{ status: number; text: string }> => {
    const answer = await fetch(`${node.address.url.replace('ws', 'http')}${path}`);
    return { status: answer.status, text: await answer.text() };
  };

  it('spaces are made, listed and removed by the node that runs as by the command alone, with the same answers', async () => {
    const settings = { owner: 'alice', quotas: { bytes_max: 1_000_000 }, config: null };
    const reports: unknown[] = [];
    for (const isRunning of [false, true]) {
      if (isRunning) await start();
      const admin = await asked();
      const made = await admin.create('shop', settings);
      const listed = await admin.list();
      await assert.rejects(admin.create('shop', settings), coded('config_invalid'));
      await assert.rejects(admin.create('../shop', settings), coded('usage'));
      await assert.rejects(admin.remove('nowhere', false), coded('config_invalid'));
      await admin.remove('shop', false);
      reports.push([made, listed.filter(({ name }) => name !== 'main')]);
      assert.ok(!existsSync(join(data, 'spaces', 'shop')));
    }
    assert.deepEqual(reports[0], reports[1]);
  });

  it('lists with the parts of the node what the service itself holds, in each space, and no secret', async () => {
    const config = join(directory, 'powerbox.yaml');
    const telemetry = '{endpoint: "http://127.0.0.1:9", headers: {authorization: canary-0123456789}}';
    writeFileSync(config, `version: 1\nservice: {listen: "127.0.0.1:0", telemetry: ${telemetry}}\n`);
    await start({ config });
    await (await asked()).create('shop', { owner: 'alice', quotas: null, config: null });
    for (const place of [data, join(data, 'spaces', 'shop')]) {
      const admin = await openAdmin({ data: place });
      try {
        const holders = await admin.holders();
        const held = holders.filter(({ name }) => name === 'node/clients' || name === 'node/telemetry');
        assert.deepEqual(
          held.map(({ name, holds }) => [name, holds.map((each) => [each.name, each.limits])]),
          [
            [
              'node/clients',
              [
                ['port', { listen: '127.0.0.1:0', encrypted: false }],
                ['secret', { read: true }],
              ],
            ],
            ['node/telemetry', [['collector', { endpoint: 'http://127.0.0.1:9' }]]],
          ],
        );
        assert.ok(!JSON.stringify(holders).includes('canary'));
      } finally {
        await admin.close();
      }
    }
  });

  it('a space has its own journal, keys and quotas, and a program in one is in no other', async () => {
    const node = await start();
    const admin = await asked();
    await admin.create('one', { owner: 'alice', quotas: { continuations_max: 1 }, config: null });
    await admin.create('two', { owner: null, quotas: null, config: null });
    const one = await openAdmin({ data: join(data, 'spaces', 'one') });
    const two = await openAdmin({ data: join(data, 'spaces', 'two') });
    try {
      const waits = 'for (_ <- @"a") { Nil } | for (_ <- @"b") { Nil }';
      const failing = await one.run(waits, { name: 'waits', holder: 'alice' });
      assert.equal((await one.quiescent({ deploys: [failing.id] })).failures, 1);
      const fine = await two.run(waits, { name: 'waits' });
      assert.equal((await two.quiescent({ deploys: [fine.id] })).failures, 0);
      assert.deepEqual((await two.deploys()).length, 1);
      assert.notEqual((await one.info()).space, (await two.info()).space);
      await assert.rejects(one.run('Nil', { name: 'bob', holder: 'bob' }), coded('config_invalid'));
    } finally {
      await one.close();
      await two.close();
    }
    await node.close();
  });

  it('a space with work left is removed only when that is said', async () => {
    const admin = await asked();
    await admin.create('busy', { owner: null, quotas: null, config: null });
    const busy = { data: join(data, 'spaces', 'busy'), console: QUIET };
    const space = await openSpace({ ...busy, grants: { powers: [{ kind: 'timer' }] } });
    await space.run('new box(`rho:powerbox`) in { for (t <- box!?("timer"); _ <- t!?("after", 600000)) { Nil } }');
    await assert.rejects(admin.remove('busy', true), coded('storage_locked'));
    await space.quiescent();
    await space.close();
    await assert.rejects(admin.remove('busy', false), coded('unfinished_work'));
    await admin.remove('busy', true);
    assert.deepEqual(await admin.list(), []);
  });

  it('a directory that one program has used is served as main, and its programs go on', async () => {
    const space = await openSpace({ data, console: QUIET });
    await (await space.run('@"kept"!(1)')).quiescent();
    await space.close();
    await start();
    assert.equal((await findSpace(data, 'main')).directory, data);
    const admin = await openAdmin({ data });
    assert.deepEqual((await admin.inspect('@"kept"')).channels[0]?.data, ['@{"kept"}!(1)']);
    await admin.close();
  });

  it('tells that it lives and is ready; and out of service, why it is not', async () => {
    mkdirSync(join(directory, 'files'));
    const config = join(directory, 'powerbox.yaml');
    writeFileSync(config, 'version: 1\nholders: {alice: {}}\n');
    const node = await start({ config });
    assert.equal((await get(node, '/healthz')).status, 200);
    assert.deepEqual(JSON.parse((await get(node, '/readyz')).text), { status: 'ready', reasons: [] });
    await node.close();

    // As a machine that has failed a change left it.
    const space = await openSpace({ data, console: QUIET, onFailure: () => {} });
    await internalsOf(space).service.leave({ root: '/srv/files', reason: 'EIO' });
    await space.close();
    const again = await start();
    const ready = await get(again, '/readyz');
    assert.equal(ready.status, 503);
    assert.match(ready.text, /"space":"main","since":"20.*out of service: EIO/);
    assert.doesNotMatch(ready.text, /srv/);
    assert.equal((await get(again, '/healthz')).status, 200);
    assert.match((await get(again, '/metrics')).text, /powerbox_in_service\{space="main"\} 0/);
  });

  it('counts what happens, by space, holder and outcome', async () => {
    const config = join(directory, 'powerbox.yaml');
    writeFileSync(
      config,
      'version: 1\npowers: {stdio: {kind: stdio}}\nholders: {alice: {grants: [stdio], quotas: {bytes_max: 100000}}}\n',
    );
    const node = await start({ config });
    const admin = await openAdmin({ data });
    const program = 'new out(`rho:io:stdout`) in { out!("one") | out!("two") | @"left"!(1) }';
    const deploy = await admin.run(program, { name: 'counted', holder: 'alice' });
    await admin.quiescent({ deploys: [deploy.id] });
    await admin.close();
    const token = await issueNodeToken(data, { holder: 'alice', lifetime_ms: 60_000 });
    const box = await connect(node.address.url, { token });
    const given = await box.newName();
    const waiting = box.take(given, { limit_ms: 600_000 });
    waiting.catch(() => {});
    await box.newName();
    const { text } = await get(node, '/metrics');
    await box.close();
    const value = (sample: string): number => {
      const line = text.split('\n').find((each) => each.startsWith(`${sample} `));
      assert.ok(line !== undefined, `${sample} is not in:\n${text}`);
      return Number(line.slice(sample.length + 1));
    };
    assert.equal(value('powerbox_native_calls_total{space="main",native="stdout",method="send",result="ok"}'), 2);
    // The program, and the account of her clients.
    assert.equal(value('powerbox_holder_deploys{space="main",holder="alice"}'), 2);
    assert.equal(value('powerbox_holder_sessions{space="main",holder="alice"}'), 1);
    assert.equal(value('powerbox_holder_requests_waiting{space="main",holder="alice"}'), 1);
    // Its powerbox, and two names.
    assert.equal(value('powerbox_holder_capabilities{space="main",holder="alice"}'), 3);
    assert.equal(value('powerbox_requests_total{space="main",holder="alice",operation="take"}'), 1);
    // What is not yet in rows counts by its journal.
    assert.ok(value(`powerbox_cache_bytes{space="main"}`) + value(`powerbox_journal_tail_bytes{space="main"}`) > 0);
    assert.ok(value('powerbox_holder_bytes{space="main",holder="alice"}') > 0);
    assert.ok(value('powerbox_comms_total{space="main"}') >= 2);
    assert.ok(value('powerbox_commits_total{space="main"}') > 0);
    const commits = value('powerbox_fsync_seconds_count{space="main"}');
    assert.ok(commits > 0);
    assert.equal(value('powerbox_fsync_seconds_bucket{space="main",le="+Inf"}'), commits);
    assert.ok(value('powerbox_fsync_seconds_sum{space="main"}') > 0);
    assert.equal(value('powerbox_tasks{space="main",state="ready"}'), 0);
    assert.match(text, /^# TYPE powerbox_fsync_seconds histogram$/m);
  });

  it('tells of natives that run elsewhere: whether they answer, and what memory a child has', async () => {
    const config = join(directory, 'powerbox.yaml');
    const command = JSON.stringify([process.execPath, ...program('example')]);
    const folder = fileURLToPath(new URL('../..', import.meta.url));
    writeFileSync(
      config,
      `version: 1\nnatives: {example: {command: ${command}, folder: ${folder}, start_ms_max: 120000}}\n`,
    );
    const { text } = await get(await start({ config }), '/metrics');
    const labels = '{space="main",native="example",form="command"}';
    assert.match(text, new RegExp(`^powerbox_host_up${labels} 1$`, 'm'));
    assert.match(text, new RegExp(`^powerbox_host_restarts_total${labels} 0$`, 'm'));
    const memory = new RegExp(`^powerbox_host_memory_bytes${labels} (\\d+)$`, 'm').exec(text)?.[1];
    if (process.platform === 'linux') assert.ok(Number(memory) > 1_000_000, text);
  });

  it('a host of any of its spaces ends it, where that is configured: it asks, or has ended', async () => {
    const node = await start();
    const admin = await asked();
    const told: unknown[] = [];
    void node.asked.then(() => told.push('asked'));
    void node.lost.then((error) => told.push(error));
    for (const [name, method, native] of [
      ['asks', 'shutDown', { mayShutDown: true }],
      ['ends', 'leave', { onExit: 'shutdown' }],
    ] as const) {
      const config = join(directory, `${name}.yaml`);
      writeFileSync(
        join(directory, `${name}.rho`),
        `contract main(box, @config) = { for (ex <- box!?("native", "example")) { ex!("${method}") } }`,
      );
      const command = [process.execPath, ...program('odd'), 'serves'];
      writeFileSync(
        config,
        JSON.stringify({
          version: 1,
          natives: { example: { command, start_ms_max: 120_000, ...native } },
          powers: { example: { kind: 'host', native: 'example' } },
          holders: { alice: { grants: ['example'] } },
          systemContracts: [{ name: 'main', file: `${name}.rho`, holder: 'alice' }],
        }),
      );
      await admin.create(name, { owner: 'alice', quotas: null, config });
      if (name === 'asks') await node.asked;
    }
    const lost = await node.lost;
    assert.deepEqual(told, ['asked', lost]);
    assert.ok(isPowerboxError(lost) && lost.code === 'space_closed');
    assert.match(lost.message, /the host of example has ended: it has exited with code 3/);
  });

  it('what is under way is finished when it is told to go; past its time it has gone all the same', async () => {
    const config = join(directory, 'powerbox.yaml');
    writeFileSync(join(directory, 'slow.rho'), 'contract main(box, @config) = { box!("print", "slow") }');
    writeFileSync(
      config,
      `version: 1
powers: {stdio: {kind: stdio}}
holders: {alice: {grants: [stdio]}}
systemContracts: [{name: slow, file: slow.rho, holder: alice}]
service: {shutdown_ms: 400}
`,
    );
    let release = (): void => {};
    let begin = (): void => {};
    const begun = new Promise<void>((resolve) => {
      begin = resolve;
    });
    const written = new Promise<void>((resolve) => {
      release = resolve;
    });
    const stdout = (): Promise<void> => {
      begin();
      return written;
    };
    const node = await start({ config, console: { ...QUIET, stdout } });
    await begun;
    const since = lived();
    assert.equal(await node.close(), false);
    assert.ok(since() < 30_000);
    release();
    // What was under way is answered all the same, and the directory is free.
    const admin = await openAdmin({ data, unfinished: 'hold', mustExist: true, console: QUIET });
    assert.equal(admin.owner, null);
    assert.deepEqual(
      (await admin.deploys()).map(({ outside, ready }) => outside + ready),
      [0],
    );
    await admin.close();
  });

  it('a space that is out of service is put back by the node that runs, and goes on', async () => {
    mkdirSync(join(directory, 'files'));
    const space = await openSpace({ data, console: QUIET, onFailure: () => {} });
    await internalsOf(space).service.leave({ root: join(directory, 'files'), reason: 'EIO' });
    await space.close();
    const node = await start();
    assert.equal((await get(node, '/readyz')).status, 503);
    const admin = await asked();
    await assert.rejects(admin.restoreService('main'), coded('out_of_service'));
    assert.equal((await get(node, '/readyz')).status, 503);
    mkdirSync(join(directory, 'files', '.powerbox'));
    assert.equal((await admin.restoreService('main')).service, 'in');
    assert.equal((await get(node, '/readyz')).status, 200);
  });

  it('every line of its log has mode, space and account', async () => {
    const node = await start();
    const admin = await openAdmin({ data });
    const failing = await admin.run('@"n"!(1 / 0)', { name: 'fails' });
    await admin.close();
    const again = await openAdmin({ data });
    await again.quiescent({ deploys: [failing.id] });
    for (const run of ['query', 'estimate'] as const) await again[run]('@"n"!(1 / 0)', { name: 'fails' });
    await assert.rejects(again.run('@"n"!(1 / 0)', { name: 'fails', atomic: true }), coded('evaluation_error'));
    await again.close();
    await node.close();
    const told = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    const failed = told.filter(({ code }) => code === 'evaluation_error').map(({ mode }) => mode);
    // That of the first goes to who started it, while it listens.
    assert.deepEqual(
      failed.filter((mode) => mode !== 'transaction'),
      ['query', 'estimate', 'atomic'],
    );
    for (const line of told) {
      if (line['code'] !== 'evaluation_error') assert.equal(line['mode'], 'transaction');
      assert.equal(typeof line['space'], 'string');
      assert.equal(typeof line['account'], 'number');
    }
    assert.deepEqual([told.at(0)?.['msg'], told.at(-1)?.['msg']], ['open', 'closed']);
  });

  it('whoever only looks into its directory is waited for, and whoever holds it is not', async () => {
    const looking = await openSpace({ data, console: QUIET, unfinished: 'hold' });
    const starting = start();
    await new Promise((resolve) => setTimeout(resolve, 200));
    // Everything stands still for longer than anybody is waited for: that is no time that somebody held it.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, limits.control_wait_ms + 200);
    await new Promise((resolve) => setTimeout(resolve, 100));
    await looking.close();
    const node = await starting;
    await assert.rejects(start(), coded('storage_locked'));
    assert.equal((await get(node, '/readyz')).status, 200);
  });

  it('a port that is taken, an address beyond loopback and a missing directory are refused, and nothing stays open', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port } = taken.address() as AddressInfo;
    await assert.rejects(start({ listen: `127.0.0.1:${port}` }), coded('net_failed'));
    taken.close();
    await assert.rejects(start({ listen: '0.0.0.0:0' }), coded('config_invalid'));
    await assert.rejects(start({ listen: 'nowhere' }), coded('config_invalid'));
    await assert.rejects(
      startNode({ console: QUIET, log: (level) => openLog(level, { write: () => {} }) }),
      coded('usage'),
    );
    await assert.rejects(
      startNode({ data: '/proc/powerbox', console: QUIET, log: (level) => openLog(level, { write: () => {} }) }),
      coded('storage_failed'),
    );
    await (await start()).close();
  });

  it('names of spaces and holders are told to this machine, and to others only when the operator says so', async function () {
    const other = Object.values(networkInterfaces())
      .flat()
      .find((each) => each?.family === 'IPv4' && !each.internal)?.address;
    if (other === undefined) this.skip();
    const config = join(directory, 'powerbox.yaml');
    for (const isPublic of [false, true]) {
      writeFileSync(config, `version: 1\nservice: {listen: "0.0.0.0:0", insecure: true, publicMetrics: ${isPublic}}\n`);
      const node = await startNode({ data, config, ...SILENT });
      nodes.push(node);
      const status = async (host: string, path: string): Promise<number> =>
        (await fetch(`http://${host}:${node.address.port}${path}`)).status;
      for (const path of ['/metrics', '/info']) {
        assert.equal(await status('127.0.0.1', path), 200);
        assert.equal(await status(other, path), isPublic ? 200 : 403);
      }
      assert.equal(await status(other, '/readyz'), 200);
      await node.close();
    }
  });

  it('with a certificate it is reached by TLS, and only so', async () => {
    const authority = new Authority();
    try {
      const { certFile, keyFile } = authority.issue('DNS:localhost,IP:127.0.0.1');
      const config = join(directory, 'powerbox.yaml');
      const serving = (key: string): string =>
        `version: 1\nservice: {listen: "0.0.0.0:0", tls: {certificate: ${certFile}, key: ${key}}}\n`;
      writeFileSync(config, serving('missing.pem'));
      await assert.rejects(startNode({ data, config, ...SILENT }), coded('config_invalid'));
      writeFileSync(config, serving(keyFile));
      const node = await startNode({ data, config, ...SILENT });
      nodes.push(node);
      assert.match(node.address.url, /^wss:/);
      const ask = (scheme: typeof https | typeof http): Promise<number | undefined> =>
        new Promise((resolve, reject) => {
          const options = { port: node.address.port, path: '/healthz', ca: authority.own.cert, agent: false };
          scheme.get(options, (answer) => resolve(answer.resume().statusCode)).on('error', reject);
        });
      assert.equal(await ask(https), 200);
      await assert.rejects(ask(http));
    } finally {
      authority.close();
    }
  });

  it('a space that cannot be opened is told of, and the others are served', async () => {
    const admin = await asked();
    await admin.create('broken', { owner: null, quotas: null, config: null });
    writeFileSync(join(data, 'spaces', 'broken', 'keys'), 'nothing\n');
    const node = await start();
    const ready = await get(node, '/readyz');
    assert.equal(ready.status, 503);
    assert.deepEqual(JSON.parse(ready.text).reasons, [
      { space: 'broken', since: null, reason: 'not open: storage_corrupt' },
    ]);
    assert.equal((await get(node, '/healthz')).status, 200);
    assert.ok(lines.some((line) => line.includes('storage_corrupt') && line.includes('"space":"broken"')));
  });
});

function coded(code: string): (error: unknown) => boolean {
  return (error) => isPowerboxError(error) && error.code === code;
}
