/** What is asked over HTTP, one request at a time: the same operations, and nothing of a session to keep. */
import assert from 'node:assert/strict';
import type { RunningService } from '../../src/service/index.ts';
import { Bench } from './support.ts';

async function rpc({ address }: RunningService, method: string, params: unknown, token = 'alice'): Promise<unknown> {
  const response = await fetch(`${address.url.replace('ws', 'http')}/rpc`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  });
  const answer = (await response.json()) as { result?: unknown; error?: { data?: { code?: string }; message: string } };
  if (answer.error !== undefined) throw new Error(`${answer.error.data?.code}: ${answer.error.message}`);
  return answer.result;
}

describe('without a connection', () => {
  const bench = new Bench();
  afterEach(() => bench.close());

  it('messages are sent and taken, also those of others', async () => {
    const { service } = await bench.start();
    await rpc(service, 'produce', { channel: 'orders', message: ['tea', 2] });
    assert.deepEqual(await rpc(service, 'consume', { slots: [{ channel: 'orders' }] }, 'bob'), [['tea', 2]]);
    assert.equal(await rpc(service, 'consume', { slots: [{ channel: 'orders' }] }), null);
  });

  it('a token of one holder is nothing in the hand of another', async () => {
    const { service } = await bench.start();
    const [name] = (await rpc(service, 'newNames', { count: 1 })) as [unknown];
    await rpc(service, 'produce', { channel: name, message: [1] });
    await assert.rejects(rpc(service, 'consume', { slots: [{ channel: name }] }, 'bob'), /capability_refused/);
    assert.deepEqual(await rpc(service, 'consume', { slots: [{ channel: name }] }), [[1]]);
  });

  it('what was given stays given after a restart, and is nobody else to find', async () => {
    const { mkdtemp, rm } = await import('node:fs/promises');
    const { tmpdir } = await import('node:os');
    const data = await mkdtemp(`${tmpdir()}/powerbox-rpc-`);
    try {
      const before = await bench.space({ data });
      const first = await bench.serve(before);
      const [name] = (await rpc(first, 'newNames', { count: 1 })) as [unknown];
      await rpc(first, 'produce', { channel: name, message: ['kept'] });
      await bench.close();
      const second = await bench.serve(await bench.space({ data }));
      assert.deepEqual(await rpc(second, 'consume', { slots: [{ channel: name }] }), [['kept']]);
      await bench.close();
    } finally {
      await rm(data, { recursive: true });
    }
  });
});
