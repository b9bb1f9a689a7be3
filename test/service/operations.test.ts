/** What a client can ask, over a real WebSocket. */
import assert from 'node:assert/strict';
import { list, type Value, Wildcard } from '../../src/values/index.ts';
import { Capability } from '../../src/wire/index.ts';
import { messageIn } from './raw-client.ts';
import { Bench, ECHO } from './support.ts';

describe('a client', () => {
  const bench = new Bench();
  afterEach(() => bench.close());

  it('is welcomed with a session of its own and its powerbox', async () => {
    const { client } = await bench.start();
    const { welcome } = client;
    assert.equal(welcome?.holder, 'alice');
    assert.equal(welcome?.resumed, false);
    assert.equal(welcome?.secret.length, 32);
    assert.ok(client.powerbox.writable);
    assert.ok(!client.powerbox.readable);
  });

  it('sends to a channel and takes from it, oldest first or by what it names', async () => {
    const { client } = await bench.start();
    const slot = (pattern: Value = null) => [{ channel: 'orders', pattern, peek: false }];
    for (const message of [
      ['tea', 2],
      ['coffee', 1],
      ['milk', 3],
    ])
      await client.ask({ kind: 'produce', channel: 'orders', message, persist: false, lease_ms: null });
    const take = async (pattern?: Value) =>
      messageIn(await client.ask({ kind: 'take', slots: slot(pattern), limit_ms: 0 }));
    assert.deepEqual(await take(list(['coffee', Wildcard.the])), ['coffee', 1]);
    assert.deepEqual(await take(list([], Wildcard.the)), ['tea', 2]);
    assert.deepEqual(await take(), ['milk', 3]);
    assert.equal(await take(), null);
  });

  it('calls a contract that it has brought, on a name that it has made', async () => {
    const { client } = await bench.start();
    const [echo] = await client.names(1);
    assert.ok(echo instanceof Capability);
    await client.ask({ kind: 'deploy', text: ECHO, name: 'echo', uris: new Map([['app:echo', echo]]) });
    const answer = await client.ask({
      kind: 'call',
      target: echo,
      method: null,
      args: [list([1, 'two'])],
      limit_ms: null,
    });
    assert.deepEqual(answer, list([1, 'two']));
  });
});
