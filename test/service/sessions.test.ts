/** Sessions outlive their connections and the process: nothing is lost, nothing is done twice. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { list, type Value } from '../../src/values/index.ts';
import { type Capability, Reference } from '../../src/wire/index.ts';
import { messageIn, RawClient, resultOf } from './raw-client.ts';
import { Bench, ECHO } from './support.ts';

const slot = (channel: Value) => [{ channel, pattern: null, peek: false }];
const produce = (id: number, channel: Value, ...message: Value[]) =>
  ({ kind: 'produce', id, channel, message, persist: false, lease_ms: null }) as const;
const take = (id: number, channel: Value, limit_ms: number | null = 0) =>
  ({ kind: 'take', id, slots: slot(channel), limit_ms }) as const;

describe('a session', () => {
  const bench = new Bench();
  let data: string;
  beforeEach(async () => {
    data = await mkdtemp(join(tmpdir(), 'powerbox-sessions-'));
  });
  afterEach(async () => {
    await bench.close();
    await rm(data, { recursive: true });
  });

  it('goes on after its connection broke: what was not acknowledged comes again with its number', async () => {
    const { service, client } = await bench.start();
    await client.ask({ kind: 'produce', channel: 'c', message: [1], persist: false, lease_ms: null });
    await client.ask({ kind: 'produce', channel: 'c', message: [2], persist: false, lease_ms: null });
    const first = client.id();
    const second = client.id();
    client.say(take(first, 'c'), take(second, 'c'));
    await client.answer(second);
    await client.drop();
    const again = await bench.connect(service, { session: client.key(1) });
    assert.equal(again.welcome?.resumed, true);
    assert.equal(again.welcome?.applied, 4);
    assert.deepEqual(messageIn(resultOf(await again.answer(second))), [2]);
    assert.deepEqual(again.numbers(), [2]);
  });

  it('applies a request once, however often it is sent', async () => {
    const { service, client } = await bench.start();
    const id = client.id();
    client.say(produce(id, 'c', 'once'), produce(id, 'c', 'once'));
    await client.answer(id, 'produce');
    client.say(produce(id, 'c', 'once'));
    await client.drop();
    const again = await bench.connect(service, { session: client.key() });
    again.say(produce(id, 'c', 'once'));
    assert.deepEqual(messageIn(await again.ask({ kind: 'take', slots: slot('c'), limit_ms: 0 })), ['once']);
    assert.equal(await again.ask({ kind: 'take', slots: slot('c'), limit_ms: 0 }), null);
  });

  it('waits on for what it waited for, also over a restart of the service', async () => {
    const first = await bench.serve(await bench.space({ data }));
    const client = await bench.connect(first);
    const waiting = client.id();
    client.say(take(waiting, 'later', null));
    await client.ask({ kind: 'produce', channel: 'other', message: ['seen'], persist: false, lease_ms: null });
    await bench.close();

    const second = await bench.serve(await bench.space({ data }));
    const other = await bench.connect(second, { token: 'bob' });
    await other.ask({ kind: 'produce', channel: 'later', message: ['at last'], persist: false, lease_ms: null });
    const again = await bench.connect(second, { session: client.key() });
    assert.deepEqual(messageIn(resultOf(await again.answer(waiting))), ['at last']);
    // And what it had taken is nobody else's.
    assert.equal(await other.ask({ kind: 'take', slots: slot('later'), limit_ms: 0 }), null);
  });

  it('that was acknowledged is not told again, also after a restart', async () => {
    const first = await bench.serve(await bench.space({ data }));
    const client = await bench.connect(first);
    await client.ask({ kind: 'names', count: 1 });
    await client.ask({ kind: 'names', count: 2 });
    client.say({ kind: 'ack', number: 1 });
    await client.ask({ kind: 'produce', channel: 'c', message: [], persist: false, lease_ms: null });
    await bench.close();
    const second = await bench.serve(await bench.space({ data }));
    const again = await bench.connect(second, { session: client.key(0) });
    await again.ask({ kind: 'produce', channel: 'c', message: [], persist: false, lease_ms: null });
    assert.deepEqual(again.numbers(), [2]);
  });

  it('gives up after a restart what it was given before, and not what came again since', async () => {
    const first = await bench.serve(await bench.space({ data }));
    const client = await bench.connect(first);
    const [one, two] = (await client.names(2)) as [Capability, Capability];
    await client.ask({ kind: 'produce', channel: 'given', message: [two], persist: false, lease_ms: null });
    await client.ask({ kind: 'take', slots: slot('given'), limit_ms: 0 });
    await bench.close();

    const second = await bench.serve(await bench.space({ data }));
    const again = await bench.connect(second, { session: client.key(1) });
    await again.ask({ kind: 'release', capabilities: [one, two], handled: 1 });
    const ids = [again.id(), again.id()] as const;
    again.say(produce(ids[0], one, 'x'), produce(ids[1], two, 'x'));
    const refused = await again.answer(ids[0], 'produce');
    assert.ok('error' in refused && refused.error.code === 'capability_refused');
    assert.deepEqual(await again.answer(ids[1], 'produce'), { value: null });
  });

  it('keeps the time of what waits, and tells of it when nobody was there', async () => {
    const first = await bench.serve(await bench.space({ data }));
    const client = await bench.connect(first);
    const waiting = client.id();
    client.say(take(waiting, 'never', 20), { kind: 'ack', number: 0 });
    await client.ask({ kind: 'produce', channel: 'c', message: [], persist: false, lease_ms: null });
    await bench.close();
    const second = await bench.serve(await bench.space({ data }));
    const again = await bench.connect(second, { session: client.key() });
    assert.equal(resultOf(await again.answer(waiting)), null);
  });

  it('is nobody else to go on with: another holder, another secret, one that has ended', async () => {
    const { service, client } = await bench.start();
    const key = client.key();
    const unknown = { code: 'session_unknown', message: `there is no session ${key.id} to go on with` };
    await assert.rejects(RawClient.connect(service.address.url, { token: 'bob', session: key }), unknown);
    const forged = { ...key, secret: new Uint8Array(32) };
    await assert.rejects(RawClient.connect(service.address.url, { session: forged }), unknown);
    client.say({ kind: 'end' });
    await client.closed;
    await assert.rejects(RawClient.connect(service.address.url, { session: key }), unknown);
  });

  it('has one connection: the newest goes on, the one before is told', async () => {
    const { service, client } = await bench.start();
    const again = await bench.connect(service, { session: client.key() });
    await client.closed;
    assert.equal(client.came.at(-1)?.kind, 'bye');
    await again.ask({ kind: 'names', count: 1 });
  });

  it('ends when nobody comes back to it, and leaves nothing behind', async () => {
    const { space, service, client } = await bench.start({ session_ms: 1 });
    const waiting = client.id();
    client.say(take(waiting, 'abandoned', null));
    await client.ask({ kind: 'names', count: 3 });
    await client.drop();
    while (service.counts().sessions > 0) await new Promise((resolve) => setTimeout(resolve, 50));
    const report = await space.inspect();
    assert.deepEqual(report.channels, []);
    await assert.rejects(RawClient.connect(service.address.url, { session: client.key() }), {
      code: 'session_unknown',
    });
  });

  it('answers a chain of calls that refer to each other, sent at once, in their order', async () => {
    const { client } = await bench.start();
    const [echo] = await client.names(1);
    await client.ask({ kind: 'deploy', text: ECHO, name: 'echo', uris: new Map([['app:echo', echo as Value]]) });
    const call = (id: number, ...args: Value[]) =>
      ({ kind: 'call', id, target: echo as Value, method: null, args, limit_ms: null }) as const;
    const ids = Array.from({ length: 5 }, () => client.id());
    const [a, b, c, d, e] = ids as [number, number, number, number, number];
    client.say(
      call(a, list(['deep', list([1, 2])])),
      call(b, new Reference(a, [1])),
      call(c, list([new Reference(b), new Reference(a, [0])])),
      produce(d, 'kept', new Reference(c)),
      call(e, new Reference(a, ['nothing'])),
    );
    assert.deepEqual(resultOf(await client.answer(b)), list([1, 2]));
    assert.deepEqual(resultOf(await client.answer(c)), list([list([1, 2]), 'deep']));
    assert.equal(resultOf(await client.answer(d)), null);
    const failed = await client.answer(e);
    assert.ok('error' in failed && failed.error.code === 'bad_request');
    const kept = await client.ask({ kind: 'take', slots: slot('kept'), limit_ms: 0 });
    assert.deepEqual(messageIn(kept), [list([list([1, 2]), 'deep'])]);
  });

  it('starts a program that is given what an earlier request of the frame brings', async () => {
    const { client } = await bench.start();
    const [made, deployed, called, early] = [client.id(), client.id(), client.id(), client.id()];
    const echo = new Reference(made, [0]);
    client.say(
      { kind: 'names', id: made, count: 1 },
      { kind: 'deploy', id: deployed, text: ECHO, name: 'echo', uris: new Map([['app:echo', echo]]) },
      { kind: 'call', id: called, target: echo, method: null, args: ['in one frame'], limit_ms: null },
      { kind: 'deploy', id: early, text: ECHO, name: 'echo', uris: new Map([['app:echo', new Reference(called + 7)]]) },
    );
    assert.equal(resultOf(await client.answer(called)), 'in one frame');
    const refused = await client.answer(early);
    assert.ok('error' in refused && refused.error.code === 'bad_request');
  });

  it('answers what refers to a failure with that failure, and what refers to nothing with a refusal', async () => {
    const { client } = await bench.start();
    const failing = client.id();
    const after = client.id();
    const stray = client.id();
    client.say(
      { kind: 'call', id: failing, target: client.powerbox, method: 'nothing', args: [], limit_ms: null },
      { kind: 'call', id: after, target: new Reference(failing), method: 'x', args: [], limit_ms: null },
      { kind: 'call', id: stray, target: new Reference(4711), method: 'x', args: [], limit_ms: null },
    );
    const told = await client.answer(after);
    assert.ok(
      'error' in told && told.error.code === 'method_unknown' && told.error.channel === 'system',
      JSON.stringify(told),
    );
    const refused = await client.answer(stray);
    assert.ok('error' in refused && refused.error.code === 'bad_request');
  });

  it('refuses what refers to a result that was acknowledged while the request waited for another one', async () => {
    const { client } = await bench.start();
    const [early, waiting, both] = [client.id(), client.id(), client.id()];
    client.say({ kind: 'names', id: early, count: 1 }, take(waiting, 'first', null));
    client.say(produce(both, 'second', new Reference(early, [0]), new Reference(waiting, [0, 0])));
    await client.answer(early);
    client.say({ kind: 'ack', number: client.newest });
    client.say(produce(client.id(), 'first', 'late'));
    await assert.rejects(async () => resultOf(await client.answer(both)), { code: 'bad_request' });
    assert.equal(await client.ask({ kind: 'take', slots: slot('second'), limit_ms: 0 }), null);
  });

  it('keeps requests that wait for a result over a restart, and does them when it has come', async () => {
    const first = await bench.serve(await bench.space({ data }));
    const client = await bench.connect(first);
    const waiting = client.id();
    const after = client.id();
    client.say(take(waiting, 'first', null), produce(after, 'second', new Reference(waiting, [0, 0])));
    await client.ask({ kind: 'produce', channel: 'c', message: [], persist: false, lease_ms: null });
    await bench.close();
    const space = await bench.space({ data });
    const second = await bench.serve(space);
    await space.produce('first', ['moved']);
    const again = await bench.connect(second, { session: client.key() });
    assert.equal(resultOf(await again.answer(after)), null);
    assert.deepEqual(await space.take('second'), ['moved']);
  });
});
