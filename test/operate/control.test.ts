/** The control socket of a data directory: whoever holds it is asked, and answers as the directory itself would. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { limits } from '../../src/limits.ts';
import { program } from '../crash/build.ts';
import {
  type Admin,
  type AuditRecord,
  isPowerboxError,
  openAdmin,
  type OpenOptions,
  openSpace,
  replayTrace,
  type Space,
  sourceErrorsOf,
} from '../../src/index.ts';

const WRITES = `new box(\`rho:powerbox\`) in {
  for (files <- box!?("fileSystem"); note <- files!?("resolve", "note.txt"); _ <- note!?("append", "x")) { @"said"!("done") }
}`;
const PRINTS = 'new out(`rho:io:stdout`) in { out!("heard") }';

class Heard {
  text = '';
  failures: string[] = [];

  get options(): Pick<OpenOptions, 'console' | 'onFailure'> {
    return {
      console: {
        stdout: async (bytes) => {
          this.text += Buffer.from(bytes).toString();
        },
        stderr: async () => {},
        readLine: async () => null,
      },
      onFailure: ({ code }) => this.failures.push(code),
    };
  }
}

describe('operate: the control socket', function () {
  this.timeout(300_000);
  let directory: string;
  let data: string;
  let owner: Heard;
  const opened: (Space | Admin)[] = [];

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'powerbox-control-'));
    data = join(directory, 'data');
    mkdirSync(join(directory, 'files'));
    owner = new Heard();
  });
  afterEach(async () => {
    for (const each of opened.splice(0).reverse()) await each.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const hold = async (options: OpenOptions = {}): Promise<Space> => {
    const space = await openSpace({ data, grants: { files: join(directory, 'files') }, ...owner.options, ...options });
    opened.push(space);
    return space;
  };
  const ask = async (options: OpenOptions = {}, heard = new Heard()): Promise<Admin> => {
    const admin = await openAdmin({ data, mustExist: true, unfinished: 'hold', ...heard.options, ...options });
    opened.push(admin);
    return admin;
  };

  it('is for the eyes of its user alone, and goes with its owner', async () => {
    const space = await hold();
    assert.equal(statSync(join(data, 'control')).mode & 0o777, 0o600);
    assert.ok(statSync(join(data, 'control')).isSocket());
    await space.close();
    assert.ok(!existsSync(join(data, 'control')));
  });

  it('every report is the same, asked of the owner and read in the directory', async () => {
    const space = await hold();
    await (await space.run(WRITES, { name: 'writes' })).quiescent();
    await space.produce('orders', ['tea', 2]);
    const reports = async (admin: Admin): Promise<unknown> => ({
      all: { ...(await admin.inspect()), pending: [] },
      one: (await admin.inspect('@"orders"')).channels,
      deploys: await admin.deploys(),
      grants: await admin.grants(),
      contracts: await admin.systemContracts(),
      usage: await admin.usage(),
      audit: await rows(admin.audit({})),
      last: await rows(admin.audit({ limit: 1 })),
    });
    const remote = await ask({ grants: { files: join(directory, 'files') } });
    assert.equal(remote.owner, process.pid);
    const told = await reports(remote);
    await remote.close();
    await space.close();
    const local = await ask({ grants: { files: join(directory, 'files') } });
    assert.equal(local.owner, null);
    assert.deepEqual(told, await reports(local));
  });

  it('a power is taken back while its program runs, and granted again', async () => {
    const space = await hold();
    const remote = await ask();
    const appended = async (): Promise<string> => {
      await (await space.run(WRITES)).quiescent();
      return (await space.take('said')) === undefined ? 'refused' : 'done';
    };
    assert.equal(await appended(), 'done');
    assert.equal(await remote.revoke('files', {}), true);
    assert.equal(await remote.revoke('files', {}), false);
    assert.equal(await appended(), 'refused');
    assert.equal(await remote.regrant('files', {}), true);
    assert.equal(await appended(), 'done');
    assert.equal(readFileSync(join(directory, 'files', 'note.txt'), 'utf8'), 'xx');
  });

  it('the audit is followed while calls are made, and leaving the loop leaves the owner as it was', async () => {
    const space = await hold();
    const remote = await ask();
    const seen: string[] = [];
    const following = (async () => {
      for await (const { method } of remote.audit({ follow: true })) {
        seen.push(method);
        if (method === 'append') return;
      }
    })();
    await (await space.run(WRITES)).quiescent();
    await following;
    assert.deepEqual(seen, ['resolve', 'append']);
    assert.equal((await remote.info()).deploys, 1);
  });

  it('a program is started beside what runs, with its own powers, and is heard by who started it', async () => {
    await hold({ grants: { stdio: false } });
    const heard = new Heard();
    const remote = await ask({}, heard);
    const started = await remote.run(PRINTS, { name: 'prints', grants: {} });
    const report = await remote.quiescent({ deploys: [started.id] });
    assert.equal(report.quiescent, true);
    assert.deepEqual([heard.text, owner.text], ['"heard"\n', '']);
    await assert.rejects(remote.run(PRINTS, { name: 'prints' }), coded('uri_not_granted'));
    const failing = await remote.run('@"n"!(1 / 0)', { name: 'fails' });
    await remote.quiescent({ deploys: [failing.id] });
    assert.deepEqual([heard.failures, owner.failures], [['evaluation_error'], []]);
  });

  it('output of a program whose starter went away goes to the owner', async () => {
    const space = await hold({ grants: { powers: [{ kind: 'timer' }] } });
    const later =
      'new box(`rho:powerbox`), out(`rho:io:stdout`) in { out!("now") | for (t <- box!?("timer"); _ <- t!?("after", 700)) { out!("later") } }';
    let heard = new Heard();
    do {
      heard = new Heard();
      const remote = await ask({}, heard);
      const { id } = await remote.run(later, { name: 'later' });
      await remote.quiescent({ deploys: [id] });
      await remote.close();
      // Once more where this process stood still for so long that it was not gone before.
    } while (heard.text.includes('later'));
    await space.quiescent({ silent: true });
    assert.deepEqual([heard.text, owner.text], ['"now"\n', '"later"\n']);
  });

  it('errors come with their code, words, hint and places', async () => {
    await hold();
    const remote = await ask();
    const error = await remote.run('new x in { x!(', { name: 'wrong' }).catch((thrown: unknown) => thrown);
    assert.ok(isPowerboxError(error) && error.code === 'syntax_error');
    assert.equal(sourceErrorsOf(error)?.[0]?.line, 1);
    await assert.rejects(remote.revoke('nothing', {}), coded('config_invalid'));
    await assert.rejects(remote.inspect('@@@'), coded('syntax_error'));
  });

  it('asked with a configuration that the owner has not, it is refused', async () => {
    await hold();
    await assert.rejects(ask({ config: join(directory, 'powerbox.yaml') }), coded('config_invalid'));
    await assert.rejects(ask({ grants: { publicSystem: true } }), coded('config_invalid'));
  });

  it('a directory with a path longer than a socket address may have works', async () => {
    data = join(directory, 'd'.repeat(120), 'e'.repeat(120));
    mkdirSync(join(directory, 'd'.repeat(120)));
    await hold();
    assert.equal((await ask()).owner, process.pid);
  });

  it('what a killed owner has left answers nobody, and is put out of the way', async () => {
    const running = spawn(process.execPath, [...program('owner'), data], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(running.stdout, 'data');
    const asked = await ask();
    assert.equal(asked.owner, running.pid);
    const cut = assert.rejects(rows(asked.audit({ follow: true })), coded('space_closed'));
    running.kill('SIGKILL');
    await once(running, 'exit');
    await cut;
    await asked.close();
    assert.ok(existsSync(join(data, 'control')));
    const local = await ask();
    assert.equal(local.owner, null);
    assert.equal((await local.deploys()).length, 1);
    await local.close();
    await hold();
    assert.equal((await ask()).owner, process.pid);
  });

  it('an owner that is stopped is told of, and not waited for', async () => {
    const running = spawn(process.execPath, [...program('owner'), data], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(running.stdout, 'data');
    running.kill('SIGSTOP');
    await assert.rejects(ask(), (error) => coded('storage_locked')(error) && /does not answer/.test(String(error)));
    running.kill('SIGKILL');
    await once(running, 'exit');
  });

  it('what is no line of the protocol ends that connection, and nothing else', async () => {
    await hold();
    for (const line of ['nonsense\n', '[]\n', '{"id":"x","do":"info"}\n', '{"id":1}\n']) {
      const socket = connect(join(data, 'control'));
      socket.on('error', () => undefined);
      const closed = closedOf(socket);
      socket.write(line);
      socket.resume();
      await closed;
    }
    const socket = connect(join(data, 'control'));
    const closed = closedOf(socket);
    socket.write('{"id":1,"do":"__proto__","with":{}}\n{"id":2,"do":"revoke","with":{"power":7}}\n');
    let told = '';
    socket.setEncoding('utf8').on('data', (text: string) => {
      told += text;
      if (told.split('\n').length > 3) socket.end();
    });
    await closed;
    const codes = told
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => JSON.parse(line).error.code as string);
    assert.deepEqual(codes.sort(), ['bad_request', 'method_unknown']);
    assert.equal((await ask()).owner, process.pid);
  });

  it('one connection more than may be is turned away, and those that are there go on', async () => {
    await hold();
    const first = await ask();
    const sockets = Array.from({ length: limits.control_connections_max }, () => connect(join(data, 'control')));
    // Which of them it is, and when, is for the owner to say.
    const turned = Promise.race(sockets.map(closedOf));
    await Promise.all(sockets.map((socket) => once(socket.on('error', () => undefined).resume(), 'connect')));
    await turned;
    assert.equal((await first.info()).pid, process.pid);
    for (const socket of sockets) socket.destroy();
  });

  it('a space that another process holds is recorded into a file of its own, until whoever asked ends it', async () => {
    const space = await openSpace({ data, ...owner.options });
    opened.push(space);
    await space.produce('before', [1], { persist: true });
    const file = join(directory, 'run.trace');
    const admin = await openAdmin({ data, trace: file, ...owner.options }, { joins: true });
    opened.push(admin);
    assert.notEqual(admin.owner, null);
    const stop = new AbortController();
    let begun = (): void => {};
    const beginning = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const recorded = admin.record(file, stop.signal, begun);
    await Promise.race([beginning, recorded]);
    await (await space.run('for (@n <- @"before") { @"after"!(n + 1) }')).quiescent();
    // The same file is not written twice.
    await assert.rejects(
      admin.record(file, stop.signal, () => {}),
      (error) => isPowerboxError(error) && error.code === 'config_invalid',
    );
    stop.abort();
    await recorded;
    assert.equal((await replayTrace(file)).complete, true);
    // Whoever asked goes away without a word: what was recorded until then is whole.
    const other = join(directory, 'other.trace');
    const leaving = await openAdmin({ data, ...owner.options });
    let began = (): void => {};
    const begins = new Promise<void>((resolve) => {
      began = resolve;
    });
    const left = assert.rejects(leaving.record(other, new AbortController().signal, began));
    await begins;
    await leaving.close();
    await left;
    await space.produce('later', [1]);
    await space.close();
    assert.equal((await replayTrace(other)).complete, true);
    // Not into a run of the node's own opening, as before.
    const again = await openSpace({ data, ...owner.options });
    opened.push(again);
    await assert.rejects(
      openAdmin({ data, trace: join(directory, 'third.trace'), ...owner.options }),
      (error) => isPowerboxError(error) && error.code === 'storage_locked',
    );
  });
});

function closedOf(socket: Socket): Promise<unknown> {
  return new Promise((resolve) => socket.on('error', () => undefined).once('close', resolve));
}

async function rows(audit: AsyncIterable<AuditRecord>): Promise<AuditRecord[]> {
  const all: AuditRecord[] = [];
  for await (const row of audit) all.push(row);
  return all;
}

function coded(code: string): (error: unknown) => boolean {
  return (error) => isPowerboxError(error) && error.code === code;
}
