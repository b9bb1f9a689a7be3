/** The client against real services: real sockets, real spaces, real files. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  any,
  type Box,
  connect,
  type Handle,
  isRemoteError,
  part,
  type Remote,
  sameHandle,
  startsWith,
  withOptions,
} from '../../src/client/node.ts';
import type { OpenOptions } from '../../src/embedding/index.ts';
import type { RunningService } from '../../src/service/index.ts';
import { Bench } from '../service/support.ts';

interface Echo {
  echo<T>(value: T): T;
  fail(): null;
}

const ECHO = `new echo(\`app:echo\`) in {
  contract echo(@"echo", @x, ret) = { ret!(x) } |
  contract echo(@"fail", ret) = { ret!(("error", {"code": "not_permitted", "message": "no", "channel": "echo", "method": "fail"})) }
}`;

describe('a client of a service', () => {
  const bench = new Bench();
  let folder = '';
  const boxes: Box[] = [];
  let service: RunningService;

  const config = (): OpenOptions => ({
    config: {
      version: 1,
      powers: { clock: { kind: 'timer' }, files: { kind: 'files', root: folder } },
      holders: { alice: { grants: ['clock', 'files'] }, bob: { grants: [] } },
    },
  });

  const client = async (holder = 'alice'): Promise<Box> => {
    const box = await connect(service.address.url, { token: holder, backoff_ms: 5, backoff_ms_max: 50 });
    boxes.push(box);
    return box;
  };

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'powerbox-client-'));
    service = await bench.serve(await bench.space(config()));
  });
  afterEach(async () => {
    for (const box of boxes.splice(0)) await box.close();
    await bench.close();
    rmSync(folder, { recursive: true });
  });

  /** A contract of alice, as an object. */
  async function echo(box: Box): Promise<Remote<Echo>> {
    const name = await box.newName();
    const { deploy } = await box.deploy(ECHO, { uris: { 'app:echo': name }, name: 'echo' });
    assert.ok(deploy > 0);
    return box.object<Echo>(name);
  }

  it('writes and reads a real file with the methods of its declaration', async () => {
    const box = await client();
    const file = await box.fileSystem().resolve('a.txt');
    await file.write('hi');
    assert.equal(readFileSync(join(folder, 'a.txt'), 'utf8'), 'hi');
    assert.equal(await file.size(), 2);
    assert.deepEqual(await file.readAll(), new Uint8Array([104, 105]));
    assert.deepEqual(await box.fileSystem().list(), { 'a.txt': 'file' });
  });

  it('calls on what has not arrived, and passes on what has not arrived', async () => {
    const box = await client();
    await box.fileSystem().resolve('a.txt').write('one');
    await box.fileSystem().resolve('b.txt').write(box.fileSystem().resolve('a.txt').readAll());
    assert.equal(readFileSync(join(folder, 'b.txt'), 'utf8'), 'one');
  });

  it('passes on several answers of which one comes much later', async () => {
    const box = await client();
    const contract = await echo(box);
    const early = contract.echo('early');
    const late = box.timer().after(150, 'late');
    const both = contract.echo([early, late]);
    // The early one has long been acknowledged when the late one comes, as far as nothing else needs it.
    assert.equal(await early, 'early');
    assert.deepEqual(await both, ['early', 'late']);
    const channel = await box.newName();
    await box.produce(channel, [contract.echo('first'), box.timer().after(100, 'second')]);
    assert.deepEqual(await box.take(channel), ['first', 'second']);
  });

  it('hears errors with code, channel and method; a chain fails with the error of its first part', async () => {
    const box = await client();
    const failed = box.fileSystem().resolve('../a.txt').write('x');
    await assert.rejects(
      async () => failed,
      (error) => {
        assert.ok(isRemoteError(error));
        assert.deepEqual([error.code, error.channel, error.method], ['path_refused', 'directory', 'resolve']);
        return true;
      },
    );
    await assert.rejects(async () => (await echo(box)).fail(), {
      code: 'not_permitted',
      channel: 'echo',
      method: 'fail',
    });
    await assert.rejects(async () => (await client('bob')).fileSystem(), {
      code: 'not_available',
      method: 'fileSystem',
    });
  });

  it('hears of all mistakes of a program at once', async () => {
    const box = await client();
    await assert.rejects(box.deploy('new x in { x!(y) | z!(1) }'), (error) => {
      assert.ok(isRemoteError(error));
      assert.deepEqual(
        error.mistakes.map(({ line, column }) => [line, column]),
        [
          [1, 15],
          [1, 20],
        ],
      );
      return true;
    });
  });

  it('brings contracts, and gives them plain data and gets it back', async () => {
    const box = await client();
    const contract = await echo(box);
    const values = [
      null,
      true,
      -1,
      2n ** 60n,
      1.5,
      'text',
      new Uint8Array([1, 2]),
      [1, ['a']],
      { a: 1, b: [] },
      new Set([1, 2]),
      new Map([[1, 'x']]),
    ];
    for (const value of values) assert.deepEqual(await contract.echo(value), value);
    const handle = await box.newName();
    assert.ok(sameHandle((await contract.echo(handle)) as Handle, handle));
  });

  it('sends, takes, peeks and waits on channels', async () => {
    const box = await client();
    const channel = await box.newName();
    assert.equal(await box.take(channel), null);
    await box.produce(channel, ['order', 1]);
    await box.produce(channel, ['order', 2, 'more']);
    assert.deepEqual(await box.peek(channel), ['order', 1]);
    assert.deepEqual(await box.take(channel, { match: ['order', any, any] }), ['order', 2, 'more']);
    assert.deepEqual(await box.take(channel, { match: startsWith('order') }), ['order', 1]);
    assert.equal(await box.take(channel, { limit_ms: 20 }), null);
    const both = box.consume([{ channel }, { channel: await box.newName() }], { limit_ms: 20 });
    await assert.rejects(both, { code: 'timed_out' });
    const waiting = box.consume([{ channel }]);
    await box.produce(channel, [3]);
    assert.deepEqual(await waiting, [[3]]);
  });

  it('sends on a channel that has not arrived', async () => {
    const box = await client();
    const channel = box.newName();
    const sent = box.produce(channel, ['early', channel]);
    const [word, itself] = (await box.take(channel)) ?? [];
    await sent;
    assert.equal(word, 'early');
    assert.ok(sameHandle(itself as Handle, await channel));
  });

  it('loops over messages as they come, and leaves the rest where it was', async () => {
    const box = await client();
    const channel = await box.newName();
    for (let n = 0; n < 10; n++) await box.produce(channel, [n]);
    const read: unknown[] = [];
    for await (const [n] of box.channel(channel)) {
      read.push(n);
      if (n === 4) break;
    }
    assert.deepEqual(read, [0, 1, 2, 3, 4]);
    const left: unknown[] = [];
    for (let message = await box.take(channel); message !== null; message = await box.take(channel))
      left.push(message[0]);
    assert.deepEqual(left.toSorted(), [5, 6, 7, 8, 9]);
  });

  it('loops over ticks of a timer, which the service made', async () => {
    const box = await client();
    const ticks = await box.timer().every(10, 3);
    let seen = 0;
    for await (const [number] of box.channel(ticks)) {
      seen = Number(number);
      if (seen === 3) break;
    }
    assert.equal(seen, 3);
  });

  it('watches what is put on a channel, and takes nothing', async () => {
    const box = await client();
    const channel = await box.newName();
    const watch = box.watch(channel);
    await box.produce(channel, [1]);
    await box.produce(channel, [2]);
    const { value } = await watch.next();
    assert.deepEqual(value, { message: [1], missed: 0 });
    await watch[Symbol.asyncDispose]();
    assert.deepEqual(await box.take(channel), [1]);
  });

  it('takes back what it waits for', async () => {
    const box = await client();
    const channel = await box.newName();
    const leave = new AbortController();
    const waiting = box.consume([{ channel }], { signal: leave.signal });
    const call = withOptions(box.timer(), { signal: leave.signal }).after(60_000);
    await box.produce(await box.newName(), []);
    leave.abort();
    await assert.rejects(waiting, { code: 'cancelled' });
    await assert.rejects(async () => call, { code: 'cancelled' });
    await box.produce(channel, [1]);
    assert.deepEqual(await box.take(channel), [1]);
  });

  it('asks for nothing on a signal that is aborted, whatever is asked, and takes back whatever waits', async () => {
    const box = await client();
    const bob = await client('bob');
    const channel = await box.newName();
    const contract = await echo(box);
    const answer = box.timer();
    await answer;
    const operations: Readonly<Record<string, (options: { readonly signal: AbortSignal }) => PromiseLike<unknown>>> = {
      deploy: (options) => box.deploy('@"said"!(1)', options),
      atomic: (options) => box.deploy('@"said"!(1)', { ...options, atomic: true }),
      query: (options) => box.query('new a(`rho:answer`) in { a!(1) }', options),
      estimate: (options) => box.estimate('@"said"!(1)', options),
      produce: (options) => box.produce('said', [1], options),
      take: (options) => box.take(channel, { ...options, limit_ms: 60_000 }),
      peek: (options) => box.peek(channel, { ...options, limit_ms: 60_000 }),
      consume: (options) => box.consume([{ channel }], options),
      messages: (options) => box.messages(channel, options).next(),
      watch: (options) => box.watch(channel, options).next(),
      newName: (options) => box.newName(options),
      newNames: (options) => box.newNames(2, options),
      attenuate: (options) => box.attenuate(channel, { read: false }, options),
      'a call by name': (options) => box.call(contract, 'echo', [1], options),
      'a call of a handle': (options) => withOptions(contract, options).echo(1),
      'a call of a public name': (options) => withOptions(box.object<Echo>('said'), options).echo(1),
      'a call on an answer': (options) => withOptions(answer, options).after(1),
      'a call of the powerbox': (options) => withOptions(box.powerbox, options).timer(),
      connect: (options) => connect(service.address.url, { token: 'alice', ...options }),
    };
    const aborted = AbortSignal.abort();
    for (const [what, ask] of Object.entries(operations))
      await assert.rejects(async () => ask({ signal: aborted }), { code: 'cancelled' }, what);
    assert.equal(await bob.peek('said'), null);
    for (const what of ['take', 'peek', 'consume', 'messages', 'watch', 'a call of a public name']) {
      const leave = new AbortController();
      const waiting = Promise.resolve(operations[what]?.({ signal: leave.signal }));
      // It has been asked when what is asked after it is answered.
      await box.newName();
      leave.abort();
      await assert.rejects(waiting, { code: 'cancelled' }, what);
    }
    await box.produce(channel, [1]);
    assert.deepEqual(await box.take(channel), [1]);
  });

  it('bounds a call in time', async () => {
    const box = await client();
    const late = withOptions(box.timer(), { limit_ms: 20 }).after(60_000);
    await assert.rejects(async () => late, { code: 'timed_out' });
  });

  it('restricts what it hands on, and takes it back', async () => {
    const box = await client();
    const readOnly = box.fileSystem().readOnly();
    await assert.rejects(async () => readOnly.resolve('a.txt').write('x'), { code: 'not_permitted' });
    const pair = box.fileSystem().revocable();
    const directory = part(pair, 0);
    assert.deepEqual(await directory.list(), {});
    const [, revoker] = await pair;
    await revoker.revoke();
    await assert.rejects(async () => directory.list(), { code: 'revoked' });
    const channel = await box.newName();
    const writeOnly = await box.attenuate(channel, { read: false });
    await box.produce(writeOnly, [1]);
    await assert.rejects(box.take(writeOnly), { code: 'capability_refused' });
    assert.deepEqual(await box.take(channel), [1]);
  });

  it('loses what it disposes of', async () => {
    const box = await client();
    const name = await box.newName();
    const contract = await echo(box);
    const same = (await contract.echo(name)) as Handle;
    await name[Symbol.asyncDispose]();
    await box.produce(same, [1]);
    await same[Symbol.asyncDispose]();
    await assert.rejects(box.produce(same, [2]), { code: 'handle_closed' });
  });

  it('hands capabilities to others through channels, and they get their own', async () => {
    const alice = await client();
    const bob = await client('bob');
    const channel = await alice.newName();
    await alice.produce('hall', [channel, alice.fileSystem()]);
    const [theirs, files] = (await bob.take('hall')) ?? [];
    await bob.produce(theirs as Handle, ['from bob']);
    assert.deepEqual(await alice.take(channel), ['from bob']);
    await bob
      .object<{ resolve(path: string): { write(text: string): null } }>(files as Handle)
      .resolve('b.txt')
      .write('b');
    assert.equal(readFileSync(join(folder, 'b.txt'), 'utf8'), 'b');
    await assert.rejects(bob.produce(channel, [1]), { code: 'arguments_invalid' });
  });

  it('is refused without a token that holds', async () => {
    await assert.rejects(connect(service.address.url), { code: 'auth_failed' });
    await assert.rejects(connect(service.address.url, { token: 'nobody' }), { code: 'auth_failed' });
    await assert.rejects(connect(service.address.url, { token: 'alice', space: 'other' }), { code: 'auth_failed' });
  });
});
