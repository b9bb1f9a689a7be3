/** What a service keeps for those who have gone, and of what went wrong: nothing that nobody can come back to. */
import assert from 'node:assert/strict';
import { internalsOf, type SessionHolder } from '../../src/embedding/index.ts';
import { PowerboxError } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';
import { list, type Value, Wildcard } from '../../src/values/index.ts';
import { type Capability, Reference } from '../../src/wire/index.ts';
import { until } from '../natives/support/hosts.ts';
import { messageIn, RawClient } from './raw-client.ts';
import { Bench } from './support.ts';

const none = { persist: false, lease_ms: null } as const;
const slot = (channel: Value) => [{ channel, pattern: null, peek: false }];
const tooMany = (): Promise<never> => Promise.reject(new PowerboxError('too_many_tasks', 'too many wait'));

/** Lets a call go on when it is told to; `held` resolves when it has come so far. */
function gate(): { readonly held: Promise<void>; readonly pass: Promise<void>; hold(): void; open(): void } {
  let hold = (): void => {};
  let open = (): void => {};
  const held = new Promise<void>((resolve) => (hold = resolve));
  const pass = new Promise<void>((resolve) => (open = resolve));
  return { held, pass, hold: () => hold(), open: () => open() };
}

describe('what is left behind', () => {
  const bench = new Bench();
  afterEach(() => bench.close());

  it('a client that is cut off before its welcome leaves no session', async () => {
    const space = await bench.space();
    const { sessions } = internalsOf(space);
    const closed: string[] = [];
    const service = await bench.serve(space, { observe: { closed: (_, why) => closed.push(why) } });
    const { held, pass, hold, open } = gate();
    const real = sessions.open.bind(sessions);
    sessions.open = async (...args) => {
      const session = await real(...args);
      hold();
      await pass;
      return session;
    };
    const client = await RawClient.dial(service.address.url);
    client.hello({}).catch(() => {});
    await held;
    assert.equal(sessions.count, 1);
    await client.drop();
    await until(() => closed.length === 1, 'the service has seen its end');
    open();
    await until(() => sessions.count === 0, 'the session has ended');
  });

  it('a client that is cut off while it goes on with its session leaves it to whoever comes next', async () => {
    const closed: string[] = [];
    const { space, service, client } = await bench.start({ observe: { closed: (_, why) => closed.push(why) } });
    const { sessions } = internalsOf(space);
    await client.ask({ kind: 'names', count: 1 });
    const key = client.key(1);
    await client.drop();
    await until(() => closed.length === 1, 'the first connection has ended');
    const { held, pass, hold, open } = gate();
    const real = sessions.ask.bind(sessions);
    sessions.ask = async (...args) => {
      hold();
      await pass;
      return real(...args);
    };
    const second = await RawClient.dial(service.address.url);
    second.hello({ session: key }).catch(() => {});
    await held;
    await second.drop();
    await until(() => closed.length === 2, 'the second one, too');
    open();
    const session = sessions.get(key.id);
    assert.ok(session !== undefined);
    await until(() => session.outlet === null, 'nobody has it');
    assert.notEqual(session.detached_ms, null);
    const third = await bench.connect(service, { session: key });
    assert.equal(third.welcome?.resumed, true);
  });

  it('a session that keeps more than it may is ended also when that could not be asked for at once', async () => {
    const { space, client } = await bench.start();
    const { sessions } = internalsOf(space);
    const real = sessions.end.bind(sessions);
    let refused = 0;
    sessions.end = (session) => (refused++ === 0 ? tooMany() : real(session));
    await client.ask({
      kind: 'produce',
      channel: 'big',
      message: ['x'.repeat(1024 * 1024)],
      persist: true,
      lease_ms: null,
    });
    const peek = () => client.say({ kind: 'peek', id: client.id(), slots: slot('big'), limit_ms: 0 });
    for (let left = limits.session_deliveries_bytes_max; left >= 0; left -= 1024 * 1024) peek();
    await until(() => refused === 1, 'more is kept than may be');
    while (sessions.count > 0) {
      peek();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await client.until((message) => message.kind === 'bye');
    assert.ok(refused >= 2);
  });

  it('a loop ends with a message that it may not be given: what comes after it stays for others', async () => {
    const { space, service, client } = await bench.start();
    // As it is of a holder who has as many names as there may be; to be given those takes long.
    const { holdings } = internalsOf(space).sessions.holder('alice') as SessionHolder;
    holdings.give = () => {
      throw new PowerboxError('quota_exceeded', 'that many names are given');
    };
    const watch = client.id();
    const loop = client.id();
    client.say({ kind: 'watch', id: watch, channel: 'work', credit: 16 });
    client.say({ kind: 'consume', id: loop, slots: slot('work'), persist: true, credit: 16 });
    const bob = await bench.connect(service, { token: 'bob' });
    const [name] = await bob.names(1);
    const produce = (...message: Value[]) => bob.ask({ kind: 'produce', channel: 'work', message, ...none });
    await produce('first');
    await produce(name as Value);
    const answer = await client.answer(loop);
    assert.ok('error' in answer && answer.error.code === 'quota_exceeded', JSON.stringify(answer));
    const watched = await client.answer(watch);
    assert.ok('error' in watched && watched.error.code === 'quota_exceeded', JSON.stringify(watched));
    await produce('after it');
    const taken = await bob.ask({ kind: 'take', slots: slot('work'), limit_ms: 0 });
    assert.deepEqual(messageIn(taken), ['after it']);
    // The last word on a request is the last.
    await client.ask({ kind: 'take', slots: slot('nothing'), limit_ms: 0 });
    const said = client.came.filter(
      (message) =>
        (message.kind === 'deliver' || message.kind === 'error') && (message.id === loop || message.id === watch),
    );
    assert.deepEqual(
      said.map(({ kind }) => kind),
      ['deliver', 'deliver', 'error', 'error'],
    );
  });

  it('a request that waits for a result and is taken back is kept by nothing', async () => {
    const { space, client } = await bench.start();
    const waiting = client.id();
    client.say({ kind: 'take', id: waiting, slots: slot('never'), limit_ms: null });
    const after = client.id();
    client.say({ kind: 'produce', id: after, channel: 'c', message: [new Reference(waiting)], ...none });
    const session = internalsOf(space).sessions.get(client.welcome?.session ?? 0);
    await until(() => session?.isAwaited(waiting) === true, 'it waits');
    await client.ask({ kind: 'cancel', of: after });
    assert.equal(session?.isAwaited(waiting), false);
  });

  it('what is given back is judged by what its client had said by then, however long that waits for its turn', async () => {
    const { client } = await bench.start();
    const [name] = (await client.names(1)) as [Capability];
    await client.ask({ kind: 'produce', channel: 'c', message: [name], ...none });
    await client.ask({ kind: 'take', slots: slot('c'), limit_ms: 0 });
    const [deployed, released, sent] = [client.id(), client.id(), client.id()];
    // The release waits for the program before it, and the acknowledgement for nothing.
    client.say(
      { kind: 'deploy', id: deployed, text: 'Nil', name: 'p', uris: new Map() },
      { kind: 'release', id: released, capabilities: [name], handled: 1 },
    );
    client.say({ kind: 'ack', number: 2 });
    client.say({ kind: 'produce', id: sent, channel: name, message: ['held'], ...none });
    assert.deepEqual(await client.answer(sent, 'produce'), { value: null });
    assert.deepEqual(messageIn(await client.ask({ kind: 'take', slots: slot(name), limit_ms: 0 })), ['held']);
  });

  it('a pattern is no message, also beside a result that it is sent with', async () => {
    const { client } = await bench.start();
    const made = client.id();
    const sent = client.id();
    const called = client.id();
    const deployed = client.id();
    const uris = new Map<string, Value>([['app:pair', list([new Reference(made, [0]), Wildcard.the])]]);
    client.say(
      { kind: 'names', id: made, count: 1 },
      { kind: 'produce', id: sent, channel: 'c', message: [new Reference(made, [0]), list([Wildcard.the])], ...none },
      {
        kind: 'call',
        id: called,
        target: new Reference(made, [0]),
        method: null,
        args: [Wildcard.the],
        limit_ms: null,
      },
    );
    client.say({ kind: 'deploy', id: deployed, text: 'new pair(`app:pair`) in { Nil }', name: 'p', uris });
    for (const id of [sent, called, deployed]) {
      const answer = await client.answer(id);
      assert.ok('error' in answer && answer.error.code === 'value_unsupported', JSON.stringify(answer));
    }
    assert.equal(await client.ask({ kind: 'take', slots: slot('c'), limit_ms: 0 }), null);
  });
});

describe('what is asked without a connection', () => {
  const bench = new Bench();
  afterEach(() => bench.close());

  const start = async () => {
    const space = await bench.space();
    const service = await bench.serve(space);
    const url = `${service.address.url.replace('ws', 'http')}/rpc`;
    const produce = async (value: number): Promise<unknown> => {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: 'Bearer alice' },
        body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'produce', params: { channel: 'c', message: [value] } }),
      });
      const answer = (await response.json()) as { result?: unknown; error?: { data?: { code?: string } } };
      return answer.error === undefined ? answer.result : answer.error.data?.code;
    };
    return { sessions: internalsOf(space).sessions, produce };
  };

  it('is taken back only while it waits: each is one request of its session', async () => {
    const { sessions, produce } = await start();
    for (let value = 0; value < 10; value++) assert.equal(await produce(value), null);
    const [session] = sessions.all();
    // Whatever the end of the last answer sets off is before this.
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(session?.received, 10);
  });

  it('goes on after the space had no room for a turn of it', async () => {
    const { sessions, produce } = await start();
    assert.equal(await produce(1), null);
    const real = sessions.ask.bind(sessions);
    sessions.ask = tooMany;
    assert.equal(await produce(2), 'too_many_tasks');
    sessions.ask = real;
    assert.equal(await produce(3), null);
    assert.equal(await produce(4), null);
  });
});
