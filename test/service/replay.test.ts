/** What clients do is on record like everything else: a replay without them comes to the same. */
import assert from 'node:assert/strict';
import { MemoryTrace } from '../../src/trace/index.ts';
import { list, type Value, Wildcard } from '../../src/values/index.ts';
import { type Capability, Reference } from '../../src/wire/index.ts';
import { keyframesIn, keyframesSoFar, replays } from '../trace/support.ts';
import { Bench, ECHO, HOLDERS } from './support.ts';

const none = { persist: false, lease_ms: null } as const;

describe('a trace of a service', () => {
  const bench = new Bench();
  afterEach(() => bench.close());

  it('replays sessions, calls, references, standing receives, limits, programs and what ends', async () => {
    const trace = new MemoryTrace();
    const space = await bench.space({ trace, trace_keyframe_bytes: 0, config: HOLDERS });
    const service = await bench.serve(space);
    const alice = await bench.connect(service);
    const bob = await bench.connect(service, { token: 'bob' });
    const slot = (channel: Value, pattern: Value = null) => [{ channel, pattern, peek: false }];
    const [echo, other] = (await alice.names(2)) as [Capability, Capability];
    await alice.ask({ kind: 'deploy', text: ECHO, name: 'echo', uris: new Map([['app:echo', echo]]) });
    const wrong = alice.id();
    alice.say({ kind: 'deploy', id: wrong, text: 'new x in {', name: 'wrong', uris: new Map() });
    await alice.answer(wrong);
    const [a, b, c] = [alice.id(), alice.id(), alice.id()];
    alice.say(
      { kind: 'call', id: a, target: echo, method: null, args: [list([other, 1])], limit_ms: null },
      { kind: 'produce', id: b, channel: 'to bob', message: [new Reference(a, [0]), new Reference(a)], ...none },
      { kind: 'take', id: c, slots: slot('never'), limit_ms: 5 },
    );
    await alice.answer(c);
    const standing = bob.id();
    bob.say({ kind: 'consume', id: standing, slots: slot('jobs'), persist: true, credit: 2 });
    const taken = await bob.ask({ kind: 'take', slots: slot('to bob', list([], Wildcard.the)), limit_ms: 60_000 });
    assert.ok(taken !== null);
    for (const n of [1, 2, 3]) await alice.ask({ kind: 'produce', channel: 'jobs', message: [n], ...none });
    const watching = alice.id();
    alice.say({ kind: 'watch', id: watching, channel: 'jobs', credit: 1 }, { kind: 'ack', number: alice.newest });
    await bob.ask({ kind: 'credit', of: standing, more: 5 });
    await alice.ask({ kind: 'produce', channel: 'short', message: ['gone soon'], persist: false, lease_ms: 5 });
    await alice.ask({ kind: 'attenuate', capability: other, read: true, write: false });
    await alice.ask({ kind: 'release', capabilities: [other], handled: alice.newest });
    await alice.ask({ kind: 'cancel', of: watching });
    bob.say({ kind: 'end' });
    await bob.closed;
    // A keyframe is made beside what goes on: on a busy machine the second is still to come.
    while (keyframesSoFar(trace.bytes()) < 2) await alice.ask({ kind: 'names', count: 1 });
    await bench.close();
    assert.ok(keyframesIn(trace.bytes()).length > 1);
    await replays(trace.bytes());
  });
});
