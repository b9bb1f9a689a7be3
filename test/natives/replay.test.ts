/** A run with hosts is replayed without any: what they answered stands in the record, and so does how calls were read. */
import assert from 'node:assert/strict';
import { listenHost } from '../../src/embedding/host.ts';
import { MemoryTrace } from '../../src/trace/index.ts';
import { freePort } from '../resolvers/ports.ts';
import { replays } from '../trace/support.ts';
import { host } from './support/example.ts';
import { ask, codeOf, KEY, openWith, until } from './support/hosts.ts';

describe('a replay of a run with hosts', () => {
  it('calls nobody, and follows every answer, change, object, arrival and error', async () => {
    const trace = new MemoryTrace();
    const listening = await listenHost(host, { key: KEY });
    const space = await openWith({ url: listening.url, key: KEY, required: true }, { trace, trace_keyframe_bytes: 0 });
    try {
      assert.equal(await ask(space, 'ex!?("add", 2, 3)'), 5);
      assert.equal(await ask(space, 'ex!?("write", "hello")'), null);
      assert.equal(await codeOf(space, 'ex!?("fail", "oh")'), 'native_failed');
      assert.equal(await codeOf(space, 'ex!?("nope")'), 'method_unknown');
      await space.run(
        `new ex(\`native:example\`), fresh in {
           for (c <- ex!?("counter", 5); @one <- c!?("next"); @back <- ex!?("echo", *fresh); ticks <- ex!?("ticks", 3)) {
             for (@a <- ticks; @b <- ticks; @c <- ticks) { @"seen"!(one, back == *fresh, a, b, c) }
           }
         }`,
        { holder: 'alice' },
      );
      const [seen] = await space.consume([{ channel: 'seen' }]);
      assert.deepEqual(seen?.slice(0, 2), [6, true]);
      await space.quiescent();
    } finally {
      await space.close();
      await listening.close();
    }
    await replays(trace.bytes());
  });

  it('follows a host that came late, and one that never came', async () => {
    const trace = new MemoryTrace();
    const first = await listenHost(host, { key: KEY, port: await freePort() });
    await first.close();
    const space = await openWith({ url: first.url, key: KEY }, { trace, trace_keyframe_bytes: 0 });
    let late: typeof first | null = null;
    try {
      assert.equal(await codeOf(space, 'ex!?("add", 2, 3)'), 'not_available');
      late = await listenHost(host, { key: KEY, port: Number(new URL(first.url).port) });
      await until(() => space.hosts()[0]?.state === 'up', 'it has come');
      await until(async () => (await codeOf(space, 'ex!?("add", 2, 3)')) === 5, 'it answers');
      await space.quiescent();
    } finally {
      await space.close();
      await late?.close();
    }
    await replays(trace.bytes());
  });
});
