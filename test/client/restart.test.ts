/** What a client was promised holds over `kill -9` of the service, and over the end of the client. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { program } from '../crash/build.ts';
import { freePort } from '../resolvers/ports.ts';
import { type Box, connect, type CursorStore } from '../../src/client/node.ts';

const MESSAGES = 80;

/** Of a program whose runs follow each other in this process. */
function cursorInMemory(): CursorStore {
  let text: string | null = null;
  return {
    load: () => text,
    save: (now) => {
      text = now;
    },
  };
}

describe('over kill -9 of the service', function () {
  this.timeout(300_000);
  let folder = '';
  let child: ChildProcess | null = null;
  let url = '';
  const boxes: Box[] = [];

  async function start(): Promise<void> {
    const port = url === '' ? `${await freePort()}` : (url.split(':').at(-1) as string);
    const started = spawn(process.execPath, [...program('service'), join(folder, 'data'), port], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    child = started;
    url = await new Promise<string>((resolve, reject) => {
      started.stdout?.once('data', (line: Buffer) => resolve(line.toString().trim()));
      started.once('exit', (code) => reject(new Error(`the service has left with ${code}`)));
    });
  }

  async function kill(): Promise<void> {
    const killed = child as ChildProcess;
    const gone = new Promise((resolve) => killed.once('exit', resolve));
    killed.kill('SIGKILL');
    await gone;
  }

  async function client(cursor?: CursorStore): Promise<Box> {
    const options = { token: 'alice', backoff_ms: 20, backoff_ms_max: 100 };
    const box = await connect(url, cursor === undefined ? options : { ...options, cursor });
    boxes.push(box);
    return box;
  }

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'powerbox-restart-'));
    url = '';
    await start();
  });
  afterEach(async () => {
    for (const box of boxes.splice(0)) await box.close();
    if (child !== null) await kill();
    rmSync(folder, { recursive: true });
  });

  it('everything that was asked is done once, and everything that came is handled once', async () => {
    const sender = await client();
    const receiver = await client();
    const handled: unknown[] = [];
    const reading = (async () => {
      for await (const [n] of receiver.messages('jobs', { credit: 8 })) {
        handled.push(n);
        await receiver.produce('done', [n ?? null]);
        if (handled.length === MESSAGES) break;
      }
    })();
    const sent: Promise<void>[] = [];
    const killing = (async () => {
      for (const at of [20, 60]) {
        while (sent.length < at) await new Promise((resolve) => setImmediate(resolve));
        await kill();
        await start();
      }
    })();
    for (let n = 0; n < MESSAGES; n++) {
      sent.push(sender.produce('jobs', [n]));
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    await Promise.all([...sent, killing, reading]);
    const all = Array.from({ length: MESSAGES }, (_, n) => n);
    assert.deepEqual(
      handled.toSorted((a, b) => Number(a) - Number(b)),
      all,
    );
    const done: unknown[] = [];
    for (let one = await sender.take('done'); one !== null; one = await sender.take('done')) done.push(one[0]);
    assert.deepEqual(
      done.toSorted((a, b) => Number(a) - Number(b)),
      all,
    );
    assert.equal(await sender.take('jobs'), null);
  });

  it('a chain of calls that was under way is answered', async () => {
    const box = await client();
    const name = await box.newName();
    await box.deploy('new it(`app:it`) in { contract it(@"next", @x, ret) = { ret!(x + 1) } }', {
      uris: { 'app:it': name },
    });
    const it = box.object<{ next(x: number): number }>(name);
    const chain = it.next(it.next(it.next(it.next(0))));
    const waiting = box.timer().after(300, 'late');
    await kill();
    await start();
    assert.equal(await chain, 4);
    assert.equal(await waiting, 'late');
    assert.ok(box.state.state === 'connected' && box.state.resumed);
  });

  it('a loop with a name goes on with all of its credit, however often its program ends in the middle of it', async () => {
    const MANY = 20;
    const cursor = cursorInMemory();
    const sender = await client();
    for (let n = 0; n < MANY; n++) await sender.produce('jobs', [n]);
    const handled: unknown[] = [];
    while (handled.length < MANY) {
      const one = await client(cursor);
      let read = 0;
      for await (const [n] of one.messages('jobs', { name: 'jobs', credit: 4 })) {
        read++;
        if (handled.at(-1) !== n) handled.push(n);
        // The one in whose middle the last run ended, and two more: for one of three no credit was given again.
        if (read === 3 || handled.length === MANY) await one.close({ keepSession: true });
      }
    }
    assert.deepEqual(
      handled,
      Array.from({ length: MANY }, (_, n) => n),
    );
  });

  it('a loop with a name is sent no more ahead than its credit, however many runs begin it', async () => {
    const cursor = cursorInMemory();
    const sender = await client();
    for (let n = 0; n < 12; n++) await sender.produce('jobs', [n]);
    for (let run = 0; run < 6; run++) {
      const one = await client(cursor);
      one.messages('jobs', { name: 'jobs', credit: 2 });
      // Its answer comes after everything that was asked before.
      await one.take('else');
      await one.close({ keepSession: true });
    }
    const left: unknown[] = [];
    for (let message = await sender.take('jobs'); message !== null; message = await sender.take('jobs'))
      left.push(message[0]);
    assert.deepEqual(left, [2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  });

  it('a client that has ended goes on from its cursor, and the service was killed meanwhile', async () => {
    const path = join(folder, 'cursor.json');
    writeFileSync(path, '');
    const cursor: CursorStore = { load: () => readFileSync(path, 'utf8'), save: (text) => writeFileSync(path, text) };
    const first = await client(cursor);
    const messages = first.messages('jobs', { name: 'jobs', credit: 4 });
    for (let n = 0; n < 6; n++) await first.produce('jobs', [n]);
    assert.deepEqual((await messages.next()).value, [0]);
    assert.deepEqual((await messages.next()).value, [1]);
    // It ends in the middle of the second one.
    await first.close({ keepSession: true });
    await kill();
    await start();

    const second = await client(cursor);
    assert.ok(second.state.state === 'connected');
    const rest: unknown[] = [];
    for await (const [n] of second.messages('jobs', { name: 'jobs', credit: 4 })) {
      rest.push(n);
      if (rest.length === 5) break;
    }
    assert.deepEqual(rest, [1, 2, 3, 4, 5]);
    assert.equal(await second.take('jobs'), null);
  });
});
