/** The life of a managed child: its start, its secret, its end, and the end of its node. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { FrameReader, FrameWriter, GREETING } from '../../src/natives/framing.ts';
import { openSpace } from '../../src/index.ts';
import { limits } from '../../src/limits.ts';
import type { HostLine } from '../../src/natives/index.ts';
import { decodeFrame, encodeFrame } from '../../src/natives/protocol.ts';
import { Bytes, fromValue, list } from '../../src/values/index.ts';
import { program } from '../crash/build.ts';
import { ask, codeOf, openWith, refusal, until } from './support/hosts.ts';

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
const odd = (...args: readonly string[]) => ({
  command: [process.execPath, ...program('odd'), ...args],
  folder: here('.'),
});

function lives(pid: number): boolean {
  // One that has ended and was not waited for is there still, in a way.
  return existsSync(`/proc/${pid}/stat`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
}

describe('a managed child', function () {
  this.timeout(300_000);
  before(() => void program('odd'));

  it('that fails to start is the failed start of its node, with its own words', async () => {
    const left = await refusal(openWith(odd('leaves')));
    assert.equal(left.code, 'host_failed');
    assert.match(left.message, /exited with code 9.*no database at the place that was given/);
    const refused = await refusal(openWith(odd('refuses')));
    assert.match(refused.message, /the ledger is locked by somebody else/);
    const missing = await refusal(openWith({ command: ['/no/such/program'] }));
    assert.match(missing.message, /exited with code 127.*not found/);
    const nowhere = await refusal(openWith({ command: ['true'], folder: '/no/such/folder' }));
    assert.match(nowhere.message, /could not be started: ENOENT/);
  });

  it('that does not say welcome in time is given up, and is not left running', async () => {
    const { message } = await refusal(openWith({ ...odd('silent'), start_ms_max: 700 }));
    assert.match(message, /has not answered within 700 ms/);
  });

  it('is not needed where it is not required: everything else works, and a call says so', async () => {
    const space = await openWith({ ...odd('leaves'), required: false, onExit: 'fail' });
    try {
      assert.equal(space.hosts()[0]?.state, 'failed');
      assert.equal(await codeOf(space, 'ex!?("anything", 1, [2])'), 'not_available');
      await space.produce('else', [1]);
      assert.deepEqual(await space.take('else'), [1]);
    } finally {
      await space.close();
    }
  });

  it('is there before the contracts that need it, however long it takes to start', async () => {
    const contract = `contract main(box, @config) = {
      for (ex <- box!?("native", "example"); @said <- ex!?("say", 0)) { @"first"!(said) }
    }`;
    const directory = mkdtempSync(join(tmpdir(), 'powerbox-late-'));
    const file = join(directory, 'first.rho');
    writeFileSync(file, contract);
    const space = await openSpace({
      onFailure: () => {},
      onHostLine: () => {},
      config: {
        version: 1,
        natives: { example: { ...odd('late'), start_ms_max: 120_000 } },
        powers: { example: { kind: 'host', native: 'example' } },
        holders: { alice: { grants: ['example'] } },
        systemContracts: [{ name: 'first', file, holder: 'alice' }],
      },
    });
    try {
      const [[first]] = (await space.consume([{ channel: 'first' }])) as unknown as [[unknown]];
      assert.equal(first, null);
    } finally {
      await space.close();
      rmSync(directory, { recursive: true });
    }
  });

  it('is told its secret by the pipe alone, gets what is configured, and its node’s variables no more than PATH', async () => {
    process.env['POWERBOX_TEST_SECRET'] = 'not for children';
    const args = ['serves', '--deep', 'one two'];
    const space = await openWith(
      { ...odd(...args), environment: { COLOUR: 'blue' }, arguments: true },
      { hostArguments: ['--after', 'marker'] },
    );
    try {
      const seen = (await ask(space, 'ex!?("seen")')) as Readonly<Record<string, string>>;
      assert.equal(seen['arguments'], '--deep one two --after marker');
      assert.equal(seen['folder'], here('.').replace(/\/$/, ''));
      const variables = (seen['environment'] ?? '').split('\0').map((variable) => variable.split('=')[0]);
      assert.deepEqual(
        variables.filter((name) => !['PWD', '_', 'SHLVL', 'OLDPWD', ''].includes(name ?? '')).toSorted(),
        ['COLOUR', 'PATH'],
      );
      // 32 random bytes would show as at least 32 characters without a meaning.
      assert.ok(!/[0-9a-f]{48}|[A-Za-z0-9+/]{43}=/.test(seen['commandLine'] ?? ''));
    } finally {
      delete process.env['POWERBOX_TEST_SECRET'];
      await space.close();
    }
  });

  it('drops every call that does not prove that it knows the secret, counts it, and does not make it', async () => {
    const [command = '', ...args] = odd('serves').command;
    const child = spawn(command, args, { cwd: here('.'), stdio: ['ignore', 'ignore', 'inherit', 'pipe', 'pipe'] });
    const [toHost, fromHost] = child.stdio.slice(3) as unknown as readonly Duplex[];
    const secret = new Uint8Array(randomBytes(32));
    const writer = new FrameWriter(secret, 'from-node');
    const said: string[] = [];
    let dropped: unknown = null;
    const reader = new FrameReader(secret, 'from-host', 1 << 20, (arrival) => {
      const frame = arrival.kind === 'frame' ? decodeFrame(arrival.bytes) : null;
      if (frame === null || 'reason' in frame) return;
      said.push(frame.kind);
      if (frame.kind === 'pong') dropped = (fromValue(frame.body) as { readonly dropped: unknown }).dropped;
    });
    fromHost?.on('data', (chunk: Buffer) => reader.push(chunk));
    const hello = { versions: list([1]), native: 'example', client: new Bytes(secret), message_bytes_max: 1 << 20 };
    const leave = {
      ...{
        native: 'example',
        method: 'leave',
        form: 0,
        args: list([]),
        effect: new Bytes(new Uint8Array()),
        account: 1,
      },
      ...{ grant: 'alice/example', handle: null, limit_ms: null, prepare: false },
    };
    toHost?.write(Buffer.concat([GREETING, secret, writer.frame(encodeFrame('hello', 0, hello))]));
    const forger = new FrameWriter(new Uint8Array(32), 'from-node');
    const echoed = new FrameWriter(secret, 'from-host');
    for (const other of [forger, echoed]) toHost?.write(other.frame(encodeFrame('call', 1, leave)));
    toHost?.write(writer.frame(encodeFrame('ping', 0, {})));
    await until(() => said.length === 2, 'it answers');
    assert.deepEqual([said.toSorted(), dropped, child.exitCode], [['pong', 'welcome'], 2, null]);
    const exited = new Promise((resolve) => child.once('exit', resolve));
    // The same with its proof is made: it leaves.
    toHost?.write(writer.frame(encodeFrame('call', 1, leave)));
    assert.equal(await exited, 3);
  });

  it('writes into the log, line by line, and a flood of lines is bounded and stops nothing', async () => {
    const lines: HostLine[] = [];
    const began_ms = performance.now();
    const space = await openWith(odd('serves'), { onHostLine: (line) => lines.push(line) });
    try {
      await ask(space, 'ex!?("say", 3)');
      await until(() => lines.some(({ text }) => text === 'line 2'), 'its lines are in the log');
      assert.deepEqual(
        lines.find(({ text }) => text === 'said by log'),
        { native: 'example', level: 'warn', text: 'said by log' },
      );
      await ask(space, 'ex!?("say", 100000)');
      await until(async () => {
        // It is told with the next line.
        await ask(space, 'ex!?("say", 1)');
        return lines.some(({ text }) => /lines were left out/.test(text));
      }, 'lines were left out');
      // So many in each second of a clock, however long it took.
      const seconds = Math.floor((performance.now() - began_ms) / 1_000) + 2;
      const told = lines.filter(({ text }) => /^line \d+$/.test(text)).length;
      assert.ok(told <= seconds * limits.host_lines_per_second, `${told} lines in ${seconds} s`);
    } finally {
      await space.close();
    }
  });

  it('that ends is started again, and given up after so many ends in a row', async () => {
    const space = await openWith({ ...odd('serves'), restarts_max: 2 });
    try {
      let ends = 0;
      const given = (): boolean => space.hosts()[0]?.state === 'failed';
      for (;;) {
        await until(() => given() || space.hosts()[0]?.state === 'up', 'it is there again, or given up');
        if (given()) break;
        assert.equal(await codeOf(space, 'ex!?("leave")'), 'interrupted');
        ends++;
      }
      // More where one has lived so long on a machine that stood still that its end is the first again.
      assert.ok(ends >= 3, `${ends} ends`);
      assert.match(space.hosts()[0]?.reason ?? '', /given up after 2 starts/);
      assert.equal(await codeOf(space, 'ex!?("seen")'), 'not_available');
    } finally {
      await space.close();
    }
  });

  it('that ends fails what depends on it, where that is configured, and nothing else', async () => {
    const space = await openWith({ ...odd('serves'), onExit: 'fail' });
    try {
      assert.equal(await codeOf(space, 'ex!?("leave")'), 'interrupted');
      await until(() => space.hosts()[0]?.state === 'failed', 'it has failed');
      assert.equal(await codeOf(space, 'ex!?("seen")'), 'not_available');
      assert.equal(space.hosts()[0]?.restarts, 0);
      await space.produce('else', [1]);
      assert.deepEqual(await space.take('else'), [1]);
    } finally {
      await space.close();
    }
  });

  it('that ends takes the node with it, where that is configured', async () => {
    const reasons: string[] = [];
    const space = await openWith(
      { ...odd('serves'), onExit: 'shutdown' },
      { onShutdown: (reason) => reasons.push(reason) },
    );
    try {
      await codeOf(space, 'ex!?("leave")');
      assert.match(reasons[0] ?? '', /the host of example has ended: it has exited with code 3/);
    } finally {
      await space.close();
    }
    const closing = await openWith({ ...odd('serves'), onExit: 'shutdown' });
    const deploy = await closing.run('new ex(`native:example`) in { ex!("leave") }', { holder: 'alice' });
    await assert.rejects(deploy.quiescent(), { code: 'space_closed' });
  });

  it('may ask for the end of the node if its operator allows that, and not otherwise', async () => {
    for (const mayShutDown of [true, false]) {
      const reasons: string[] = [];
      const space = await openWith({ ...odd('serves'), mayShutDown }, { onShutdown: (reason) => reasons.push(reason) });
      await ask(space, 'ex!?("shutDown")');
      // Its answer came after what it asked for.
      await ask(space, 'ex!?("seen")');
      await space.close();
      assert.deepEqual(reasons, mayShutDown ? ['the host of example asks for it: because'] : []);
    }
  });

  it('leaves nothing running when its node closes', async () => {
    const space = await openWith(odd('serves'));
    const pid = Number(space.hosts()[0]?.where.split(' ')[1]);
    assert.ok(lives(pid));
    await space.close();
    await until(() => !lives(pid), 'the child has ended');
  });

  for (const [what, said] of Object.entries({
    serves: 'one that looks',
    parent: 'one that has children',
    stubborn: 'one that looks at nothing, and its children',
  }))
    it(`leaves nothing running when its node is killed with SIGKILL: ${said}`, async () => {
      const native = { ...odd(what), start_ms_max: 120_000 };
      const node = spawn(process.execPath, [...program('hostNode'), JSON.stringify(native)], {
        stdio: ['ignore', 'pipe', 'inherit'],
        env: { ...process.env, NODE_OPTIONS: '' },
      });
      const closed = new Promise((resolve) => node.once('close', resolve));
      const pids: number[] = [];
      for await (const line of createInterface({ input: node.stdout })) {
        const [, word, numbers = ''] = /^(open process|pids) ([\d ]+)$/.exec(line) ?? [];
        if (word === undefined) continue;
        pids.push(...numbers.split(' ').map(Number));
        // Of one that serves it is waited for until the node has it.
        if (word === 'open process' || what === 'stubborn') break;
      }
      assert.deepEqual([pids.length, pids.every(lives)], [{ serves: 1, parent: 3, stubborn: 2 }[what], true]);
      node.kill('SIGKILL');
      await closed;
      await until(() => !pids.some(lives), 'nothing is left');
    });
});
