/** Connections whose other end says nothing any more, and has not ended: they are cut, and what they were for goes on. */
import assert from 'node:assert/strict';
import { connect } from '../../src/client/node.ts';
import { list } from '../../src/values/index.ts';
import { SilentProxy } from '../natives/support/silent-proxy.ts';
import { until } from '../natives/support/hosts.ts';
import { Bench } from './support.ts';

const none = { persist: false, lease_ms: null } as const;
const PING_MS = 1_000;

describe('a connection that falls silent', function () {
  this.timeout(300_000);
  const bench = new Bench();
  let proxy: SilentProxy;
  afterEach(async () => {
    await bench.close();
    await proxy.close();
  });

  it('is cut by the service after two signs of life that did not come; one that is only idle is not; its session goes on', async () => {
    const ends: string[] = [];
    const service = await bench.serve(await bench.space(), {
      ping_ms: PING_MS,
      observe: { closed: ({ client }, why) => ends.push(`${client} ${why}`) },
    });
    proxy = await SilentProxy.to(service.address.port);
    const idle = await bench.connect(service, { client: 'idle' });
    assert.equal(idle.welcome?.limits.ping_ms, PING_MS);
    const far = { address: { ...service.address, url: `ws://127.0.0.1:${proxy.port}` } };
    const gone = await bench.connect({ ...service, ...far }, { client: 'gone' });
    const slots = [{ channel: 'c', pattern: null, peek: false }];
    const id = gone.id();
    gone.say({ kind: 'consume', id, slots, persist: true, credit: 8 });
    await gone.ask({ kind: 'names', count: 1 });
    assert.equal(service.counts().connections, 2);
    proxy.hush();
    await until(() => service.counts().connections === 1, 'the silent one is cut');
    assert.deepEqual(ends, ['gone silent']);
    gone.socket.terminate();
    // What came for it meanwhile is kept, and given to its next connection.
    await idle.ask({ kind: 'produce', channel: 'c', message: ['meanwhile'], ...none });
    const again = await bench.connect(service, { client: 'again', session: gone.key() });
    const came = await again.until((message) => message.kind === 'deliver' && message.id === id);
    assert.ok(came.kind === 'deliver');
    assert.deepEqual(came.value, list([list(['meanwhile'])]));
    assert.equal(idle.socket.readyState, idle.socket.OPEN);
  });

  it('is dialled again by the client, which goes on where it was', async () => {
    const service = await bench.serve(await bench.space(), { ping_ms: PING_MS });
    proxy = await SilentProxy.to(service.address.port);
    const box = await connect(`ws://127.0.0.1:${proxy.port}`, { token: 'alice', heartbeat_ms: PING_MS });
    const came: unknown[] = [];
    const reading = (async () => {
      for await (const [value] of box.messages('numbers')) if (came.push(value) === 6) return;
    })();
    for (const value of [1, 2, 3]) await box.produce('numbers', [value]);
    await until(() => came.length === 3, 'the first have come');
    proxy.hush();
    // Asked into silence, and done once.
    const asked = [4, 5, 6].map((value) => box.produce('numbers', [value]));
    await Promise.all(asked);
    await reading;
    assert.deepEqual(came, [1, 2, 3, 4, 5, 6]);
    await box.close();
  });
});
