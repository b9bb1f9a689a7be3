/**
 * Out of service: what a machine that fails a change makes of a node, on a real small file system that is filled to
 * the last byte, through kills, and back.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import fs from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import {
  isPowerboxError,
  openSpace,
  type PowerSource,
  restoreService,
  serviceHealth,
  type Space,
} from '../../src/index.ts';
import { limits } from '../../src/limits.ts';
import { program } from '../crash/build.ts';

/** Writes what it is told; whoever hears of a failure sends it once more, to another file. */
const PROGRAM = `new box(\`rho:powerbox\`) in {
  for (d <- box!?("fileSystem"); f <- d!?("resolve", "log"); other <- d!?("resolve", "other")) {
    contract @"write"(@text) = {
      new ret, err in {
        f!("append", text ++ "${'.'.repeat(800_000)}", *ret, *err) |
        for (_ <- ret) { @"written"!(text) } |
        for (@x <- err) {
          @"failed"!(text) |
          for (_ <- other!?("append", text)) { @"later"!(text) }
        }
      }
    }
  }
}`;

type Line = Readonly<Record<string, unknown>>;

class Node {
  readonly process: ChildProcess;
  readonly lines: Line[] = [];
  readonly #listeners = new Set<() => void>();

  constructor(...args: readonly string[]) {
    this.process = spawn(process.execPath, [...program('files'), ...args], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    const reader = createInterface({ input: this.process.stdout as NodeJS.ReadableStream });
    const heard = (): void => {
      for (const listener of [...this.#listeners]) listener();
    };
    reader.on('line', (line) => {
      this.lines.push(JSON.parse(line) as Line);
      heard();
    });
    reader.on('close', heard);
  }

  write(text: string): void {
    this.process.stdin?.write(`${text}\n`);
  }

  /** The first line of which `field` is there, and is `value` when that is given. */
  says(field: string, value?: unknown): Promise<Line> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const found = this.lines.find((line) => field in line && (value === undefined || line[field] === value));
        if (found === undefined && this.process.exitCode === null && this.process.signalCode === null) return;
        this.#listeners.delete(look);
        if (found !== undefined) resolve(found);
        else reject(new Error(`it ended without saying ${field}: ${JSON.stringify(this.lines)}`));
      };
      this.#listeners.add(look);
      look();
    });
  }

  async kill(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const ended = new Promise((resolve) => this.process.once('exit', resolve));
    this.process.kill('SIGKILL');
    await ended;
  }
}

function mount(context: Mocha.Context, place: string, size: string): void {
  const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', place]);
  if (status === 0) return;
  process.stderr.write(`    skipped: a full disk needs a file system of its own: ${String(stderr)}\n`);
  context.skip();
}

/** Bytes of nothing until not one more fits. */
function fill(place: string): string {
  const path = join(place, 'filler');
  for (const size of [65_536, 4096, 1]) {
    try {
      for (;;) appendFileSync(path, Buffer.alloc(size));
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC');
    }
  }
  assert.equal(statfsSync(place).bavail, 0);
  return path;
}

async function until(what: () => boolean): Promise<void> {
  while (!what()) await new Promise((resolve) => setTimeout(resolve, 5));
}

async function refusal(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'accepted';
  } catch (error) {
    assert(isPowerboxError(error), String(error));
    return error.code;
  }
}

describe('out of service', function () {
  this.timeout(300_000);
  let directory: string;
  let place: string;
  let nodes: Node[];
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'powerbox-service-'));
    place = join(directory, 'small');
    mkdirSync(place);
    writeFileSync(join(directory, 'program.rho'), PROGRAM);
    nodes = [];
  });
  afterEach(async () => {
    for (const node of nodes) await node.kill();
    spawnSync('umount', ['-l', place]);
    rmSync(directory, { recursive: true, force: true });
  });

  function start(data: string, root: string): Node {
    const node = new Node(data, root, join(directory, 'program.rho'));
    nodes.push(node);
    return node;
  }

  it('a directory has its reserve from the start: a file that is written in place, and room for a full disk', async () => {
    const data = join(directory, 'space');
    await (await openSpace({ data })).close();
    assert.equal(statSync(join(data, 'ballast')).size, limits.ballast_bytes);
    assert.equal(statSync(join(data, 'service')).size, 65_536);
    assert.deepEqual(await serviceHealth({ data }), { service: 'in', since: null, reason: null, root: null });
    assert.deepEqual(await restoreService({ data }), { service: 'in', since: null, reason: null, root: null });
  });

  it('a root whose disk is filled to the last byte takes the node out; that survives a kill; restored, it goes on', async function () {
    mount(this, place, '16m');
    const data = join(directory, 'space');
    const node = start(data, place);
    await node.says('health');
    node.write('one');
    await node.says('written', 'one');
    const filler = fill(place);
    const before = readFileSync(join(place, 'log'));
    node.write('two');
    const { left } = (await node.says('left')) as { left: { reason: string; root: string } };
    assert.deepEqual([left.reason, left.root], ['ENOSPC', place]);
    const { message } = await node.says('failure', 'file_failed');
    assert.match(
      String(message),
      /^"log": the file system answered ENOSPC \(the disk is full\); the node is out of service$/,
    );
    assert.deepEqual(readFileSync(join(place, 'log')), before);
    node.write('three');
    const refused = await node.says('refused', 'out_of_service');
    assert.match(String(refused['hint']), /powerbox service restore --data \S+space/);
    // The contract heard of its failure, and what it does about it waits.
    assert(!node.lines.some((line) => 'failed' in line || 'later' in line));
    await node.kill();

    const again = start(data, place);
    const { health } = (await again.says('health')) as { health: { service: string; reason: string } };
    assert.deepEqual([health.service, health.reason], ['out', 'ENOSPC']);
    again.write('four');
    await again.says('refused', 'out_of_service');
    await again.kill();
    assert.equal(await refusal(restoreService({ data })), 'out_of_service');
    assert.equal((await serviceHealth({ data })).service, 'out');

    rmSync(filler);
    assert.equal((await restoreService({ data })).service, 'in');
    assert.equal(statSync(join(data, 'ballast')).size, limits.ballast_bytes);
    const last = start(data, place);
    await last.says('later', 'two');
    assert.equal(readFileSync(join(place, 'other'), 'utf8'), 'two');
    last.write('five');
    await last.says('written', 'five');
    assert.deepEqual(readdirSync(join(place, '.powerbox')).toSorted(), ['effects', 'owner']);
  });

  it('a disk that holds the space too is filled by a contract: the journal has room all the same, through kills', async function () {
    mount(this, place, '16m');
    const [data, root] = [join(place, 'space'), join(place, 'files')];
    mkdirSync(root);
    const node = start(data, root);
    await node.says('health');
    for (let count = 0; !node.lines.some((line) => 'left' in line); count++) {
      node.write(`${count}`);
      await Promise.race([node.says('written', `${count}`), node.says('left')]);
    }
    await node.says('failure', 'file_failed');
    await node.kill();
    assert(!existsSync(join(data, 'ballast')));
    const again = start(data, root);
    const { health } = (await again.says('health')) as { health: { service: string } };
    assert.equal(health.service, 'out');
    await again.kill();
    const filler = fill(place);
    assert.equal((await serviceHealth({ data })).service, 'out');
    rmSync(filler);
    spawnSync('mount', ['-o', 'remount,size=64m', place]);
    assert.equal((await restoreService({ data })).service, 'in');
    const last = start(data, root);
    await last.says('later');
  });

  describe('in this process', () => {
    let opened: Space[];
    beforeEach(() => {
      opened = [];
      mkdirSync(join(directory, 'files'));
    });
    afterEach(async () => {
      for (const space of opened) await space.close();
    });

    async function open(told: string[] = []): Promise<Space> {
      const space = await openSpace({
        data: join(directory, 'space'),
        grants: { files: join(directory, 'files') },
        onFailure: ({ code, source }) => told.push(`${code} ${source}`),
      });
      opened.push(space);
      return space;
    }

    /** Lets the next sync of a granted file fail once, as a disk does; what the space syncs beside that is on another one. */
    async function failingSync(work: () => Promise<unknown>): Promise<void> {
      const probe = await fs.promises.open('/');
      const prototype = Object.getPrototypeOf(probe) as { sync: () => Promise<void> };
      await probe.close();
      const { sync } = prototype;
      let left = 1;
      prototype.sync = async function patched(this: { readonly fd: number }) {
        const isGranted = fs.readlinkSync(`/proc/self/fd/${this.fd}`).startsWith(join(directory, 'files'));
        if (isGranted && left-- > 0) throw Object.assign(new Error('EIO: injected'), { code: 'EIO' });
        return sync.call(this);
      };
      try {
        await work();
      } finally {
        prototype.sync = sync;
      }
    }

    async function out(told: string[] = []): Promise<Space> {
      const space = await open(told);
      await space.run(PROGRAM);
      await space.quiescent();
      const waiting = refusal(space.consume([{ channel: 'written' }]));
      const looping = refusal(space.channel('failed')[Symbol.asyncIterator]().next());
      await failingSync(async () => {
        await space.produce('write', ['one']);
        assert.equal(await refusal(space.quiescent()), 'out_of_service');
      });
      assert.deepEqual([await waiting, await looping], ['out_of_service', 'out_of_service']);
      return space;
    }

    it('what begins something is refused, what looks is answered, and STDERR says so twice', async () => {
      const told: string[] = [];
      const space = await out(told);
      const { service, since, reason, root } = space.health();
      assert.deepEqual([service, reason, root], ['out', 'EIO', join(directory, 'files')]);
      assert(Math.abs(Date.parse(String(since)) - Date.now()) < 60_000);
      const calls = [
        space.produce('x', [1]),
        space.produceAll([{ channel: 'x', message: [1] }]),
        space.consume([{ channel: 'x' }]),
        space.take('x'),
        space.run('Nil'),
        space.system('contract main(box, @config) = { Nil }'),
        space.quiescent(),
        (space.deploys()[0] as { quiescent(): Promise<unknown> }).quiescent(),
      ];
      assert.deepEqual(await Promise.all(calls.map(refusal)), Array(calls.length).fill('out_of_service'));
      assert.equal(await space.read('x'), undefined);
      assert.deepEqual(space.count('write'), { data: 0, waiting: 1 });
      assert.equal((await space.inspect()).quiescent, true);
      assert.deepEqual(told, ['out_of_service service', 'file_failed file.append']);
      // The program has its answer, and does nothing about it.
      assert.equal(await space.read('failed'), undefined);
      assert.deepEqual(readdirSync(join(directory, 'files')), ['.powerbox']);
    });

    it('a result that arrives is journaled, and what follows from it waits: back in service it is heard, and not asked for again', async () => {
      const requests: ServerResponse[] = [];
      const server = createServer((_, response) => requests.push(response));
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const http: PowerSource = { kind: 'http', origins: [{ origin, addresses: ['127.0.0.1'] }] };
      const openBoth = async (): Promise<Space> => {
        const space = await openSpace({
          data: join(directory, 'space'),
          grants: { files: join(directory, 'files'), powers: [http] },
          onFailure: () => {},
        });
        opened.push(space);
        return space;
      };
      try {
        const space = await openBoth();
        await space.run(PROGRAM);
        const asking = await space.run(`new box(\`rho:powerbox\`) in {
          for (client <- box!?("httpClient"); page <- client!?("resolve", "${origin}/"); @answer <- page!?("get")) {
            @"heard"!(answer.get("status"))
          }
        }`);
        await until(() => requests.length === 1);
        await failingSync(async () => {
          await space.produce('write', ['one']);
          await until(() => space.health().service === 'out');
        });
        assert.deepEqual(asking.pending(), { ready: 0, outside: 1, parked: 0, sources: 0 });
        requests[0]?.end('late');
        await until(() => asking.pending().outside === 0);
        assert.equal(asking.pending().ready, 1);
        assert.equal(await space.read('heard'), undefined);
        await space.close();
        opened = [];
        await restoreService({ data: join(directory, 'space') });
        const back = await openBoth();
        assert.deepEqual(await back.consume([{ channel: 'heard' }], { limit_ms: 60_000 }), [[200]]);
        assert.equal(requests.length, 1);
      } finally {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    });

    it('of several changes at once the first failure ends it: those that waited for their turn are not made', async () => {
      const told: string[] = [];
      const space = await open(told);
      await space.run(`new box(\`rho:powerbox\`) in {
        for (d <- box!?("fileSystem"); a <- d!?("resolve", "a"); b <- d!?("resolve", "b"); c <- d!?("resolve", "c"); _ <- @"go") {
          for (@x <- a!?("write", "a")) { @"out"!(x) } | for (@x <- b!?("write", "b")) { @"out"!(x) } | for (@x <- c!?("write", "c")) { @"out"!(x) }
        }
      }`);
      await space.quiescent();
      await failingSync(async () => {
        await space.produce('go', [null]);
        assert.equal(await refusal(space.quiescent()), 'out_of_service');
      });
      await space.close();
      opened = [];
      assert.deepEqual(readdirSync(join(directory, 'files')), ['.powerbox']);
      await restoreService({ data: join(directory, 'space') });
      const back = await open();
      await back.quiescent();
      const answers = [await back.take('out'), await back.take('out'), await back.take('out')];
      const codes = answers.map((answer) => {
        const [first] = answer ?? [];
        return first === null ? 'made' : (first as [string, { code: string }])[1].code;
      });
      assert(codes.includes('file_failed'), `${codes}`);
      const made = codes.filter((code) => code === 'made').length;
      // Each is answered, and made exactly when the answer says so: refused in its turn, or made after the restoration.
      assert.equal(readdirSync(join(directory, 'files')).length - 1, made, `${codes}`);
      assert(
        codes.every((code) => ['made', 'file_failed', 'out_of_service'].includes(code)),
        `${codes}`,
      );
    });

    it('the journal says it, so that it holds without the file; the file says it, so that it holds without the journal', async () => {
      await (await out()).close();
      opened = [];
      const data = join(directory, 'space');
      rmSync(join(data, 'service'));
      const again = await open();
      assert.equal(again.health().reason, 'EIO');
      await again.close();
      opened = [];
      // The opening has mended the file.
      assert.equal((await serviceHealth({ data })).reason, 'EIO');
      const halves = readFileSync(join(data, 'service'));
      for (const torn of [0, 32_768]) {
        writeFileSync(
          join(data, 'service'),
          Buffer.concat([halves.subarray(0, torn), Buffer.alloc(32_768), halves.subarray(torn + 32_768)]),
        );
        assert.equal((await serviceHealth({ data })).service, 'out', `the half at ${torn} is torn`);
      }
      await restoreService({ data });
      const back = await open();
      assert.equal(back.health().service, 'in');
      assert.deepEqual(await back.consume([{ channel: 'later' }]), [['one']]);
    });

    it('what is over the allotment, or a mistake of the contract, takes nobody out', async () => {
      const space = await openSpace({
        grants: { powers: [{ kind: 'files', root: join(directory, 'files'), bytes: 10 }] },
        onFailure: () => {},
      });
      opened.push(space);
      mkdirSync(join(directory, 'files', 'dir'));
      await space.run(`new box(\`rho:powerbox\`) in {
        for (d <- box!?("fileSystem"); f <- d!?("resolve", "a"); @over <- f!?("write", "12345678901");
             @full <- d!?("mkdir", "dir"); @gone <- d!?("remove", "not-there"); @space <- d!?("freeSpace")) {
          @"out"!(over, full, gone, space)
        }
      }`);
      await space.quiescent();
      const [over, full, gone, free] = (await space.take('out')) ?? [];
      const codes = [over, full, gone].map((answer) => (answer as [string, { code: string }])[1].code);
      assert.deepEqual(codes, ['quota_exceeded', 'file_exists', 'file_not_found']);
      assert.deepEqual([(free as { allotted: number }).allotted, (free as { used: number }).used], [10, 0]);
      assert.equal(space.health().service, 'in');
    });
  });
});
