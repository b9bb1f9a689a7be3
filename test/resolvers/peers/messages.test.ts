/** Messages between real nodes over loopback: each arrives once, in whatever order connections come and go. */
import assert from 'node:assert/strict';
import {
  Bytes,
  bundle,
  decodeValue,
  encodeValue,
  kindOf,
  Kind,
  list,
  map,
  Name,
  Send,
} from '../../../src/values/index.ts';
import type { MapValue, Value } from '../../../src/values/index.ts';
import { Later, NewSource } from '../../../channels/index.ts';
import { limits } from '../../../src/limits.ts';
import { configOf, configurations, startNode, type Sources, type TestNode, until } from './support/nodes.ts';
import type { TestSource } from '../source.ts';

const entry = (members: Value, node: string, field: string): Value => {
  const get = (value: Value, key: string): Value => {
    const { keys, items } = value as MapValue;
    return items[keys.indexOf(key)] as Value;
  };
  return get(get(members, node), field);
};

describe('peers: messages', () => {
  let sources: Sources;
  let nodes: TestNode[];
  beforeEach(async () => {
    nodes = [];
    sources = await configurations('a', 'b', 'c');
  });
  afterEach(async () => {
    for (const node of nodes) await node.resolver.close();
  });

  async function start(name: string, power: Parameters<typeof startNode>[1] = {}): Promise<TestNode> {
    const node = await startNode(configOf(sources, name), power);
    nodes.push(node);
    return node;
  }

  it('what is sent arrives with the name of its sender, and is answered once it has', async () => {
    const [a, b] = [await start('a'), await start('b')];
    const inbox = await b.peers.source('messages');
    const message = map([['vote', list([1, true, 'yes', null])]]);
    const sent = await a.peers.source('send', 'b', message);
    assert.deepEqual(encodeValue(list([...((await inbox.take()) as Value[])])), encodeValue(list(['a', message])));
    assert.deepEqual(await sent.take(), [null]);
    assert.equal(sent.ended, true);
  });

  it('what is sent before the other node is there, or has an inbox, waits and then arrives', async () => {
    const a = await start('a');
    const sent = await a.peers.source('send', 'b', 1);
    const b = await start('b');
    await until(async () => entry(await a.peers.call('members'), 'b', 'member') === true);
    assert.equal(sent.unread.length, 0);
    const inbox = await b.peers.source('messages');
    assert.deepEqual(await inbox.take(), ['a', 1]);
    assert.deepEqual(await sent.take(), [null]);
  });

  it('a thousand messages from two nodes arrive once each, those of one node in their order', async () => {
    const [a, b, c] = [await start('a'), await start('b'), await start('c')];
    const inbox = await c.peers.source('messages');
    const sent: TestSource[] = [];
    for (let index = 0; index < 500; index++) {
      sent.push(await a.peers.source('send', 'c', index), await b.peers.source('send', 'c', index));
    }
    const arrived: Record<string, Value[]> = { a: [], b: [] };
    for (let count = 0; count < 1_000; count++) {
      const [from, value] = (await inbox.take()) as [string, Value];
      arrived[from]?.push(value);
    }
    for (const source of sent) assert.deepEqual(await source.take(), [null]);
    const all = Array.from({ length: 500 }, (_, index) => index);
    assert.deepEqual(arrived, { a: all, b: all });
  });

  it('a sender that goes away before it heard that its message has arrived sends it again, and it does not arrive again', async () => {
    const b = await start('b');
    const inbox = await b.peers.source('messages');
    const first = await start('a');
    const call = first.peers.prepare('send', ['b', 'once']);
    const answer = await first.peers.run(call);
    assert('ok' in answer && answer.ok instanceof Later);
    const lost = first.host.open(answer.ok.source);
    // As a process that is killed: what it hears at the end, it keeps nowhere.
    const heard = new Promise<void>((resolve) => {
      lost.push = () => {
        resolve();
        return new Promise(() => {});
      };
    });
    assert.deepEqual(await inbox.take(), ['a', 'once']);
    await heard;
    // What it could say too early would be heard by now.
    await new Promise((resolve) => setTimeout(resolve, 50));
    await first.resolver.close();
    const second = await start('a');
    const resumed = second.host.open(answer.ok.source, true);
    assert.deepEqual(await resumed.take(), [null]);
    const after = await second.peers.source('send', 'b', 'after');
    assert.deepEqual(await inbox.take(), ['a', 'after']);
    assert.deepEqual(await after.take(), [null]);
    assert.equal(inbox.unread.length, 0);
  });

  it('a receiver that goes away before it said that a message has arrived remembers it, for its inbox does', async () => {
    const a = await start('a');
    const first = await start('b');
    const inbox = await first.peers.source('messages');
    // Durable, and killed before anybody is told.
    const push = inbox.push.bind(inbox);
    const arrived = new Promise<void>((resolve) => {
      inbox.push = async (message, options) => {
        await push(message, options);
        resolve();
        return new Promise(() => {});
      };
    });
    const sent = await a.peers.source('send', 'b', 'once');
    await arrived;
    assert.deepEqual(await inbox.take(), ['a', 'once']);
    await first.resolver.close();
    assert.equal(sent.unread.length, 0);

    const second = await start('b');
    const state = inbox.state;
    assert(state !== undefined);
    const resumed = second.host.open(new NewSource('peers', inbox.handle, { state }), true);
    assert.deepEqual(await sent.take(), [null]);
    const after = await a.peers.source('send', 'b', 'after');
    assert.deepEqual(await resumed.take(), ['a', 'after']);
    assert.deepEqual(await after.take(), [null]);
  });

  it('an inbox forgets what its sender will not send again', async () => {
    const [a, b] = [await start('a'), await start('b')];
    const inbox = await b.peers.source('messages');
    for (let index = 0; index < 100; index++) {
      const sent = await a.peers.source('send', 'b', index);
      assert.deepEqual(await inbox.take(), ['a', index]);
      await sent.take();
    }
    const state = inbox.state as MapValue;
    assert(kindOf(state) === Kind.Map);
    // The last one, and perhaps the one before.
    assert((state.items[0] as ReturnType<typeof list>).items.length <= 2);
  });

  it('a slow reader slows its senders, and holds nothing but that up', async () => {
    const [a, b] = [await start('a'), await start('b')];
    const inbox = await b.peers.source('messages');
    const big = new Bytes(new Uint8Array(500_000));
    const sent: TestSource[] = [];
    for (let index = 0; index < 120; index++) sent.push(await a.peers.source('send', 'b', big));
    await until(() => inbox.unread.length >= 64);
    // Signs of life still come and go.
    await new Promise((resolve) => setTimeout(resolve, 2.2 * limits.peer_alive_ms));
    assert.equal(inbox.unread.length, 64);
    await until(async () => entry(await b.peers.call('members'), 'a', 'member') === true);
    for (let count = 0; count < 120; count++) await inbox.take();
    for (const source of sent) assert.deepEqual(await source.take(), [null]);
  }).timeout(300_000);

  it('a message for which there is a time limit fails in time, and the next one arrives', async () => {
    const a = await start('a');
    const late = await a.peers.source('send', 'b', 1, 30);
    assert.equal((await late.failed()).code, 'timed_out');
    const next = await a.peers.source('send', 'b', 2, 60_000);
    const b = await start('b');
    const inbox = await b.peers.source('messages');
    assert.deepEqual(await inbox.take(), ['a', 2]);
    assert.deepEqual(await next.take(), [null]);
  });

  it('names, bundles, what holds one, and patterns do not travel', async () => {
    const a = await start('a');
    const name = new Name(null, 0, 0, new Uint8Array(32).fill(7));
    const held = [name, bundle(name, false, true), list([1, map([['channel', name]])]), new Send(name, [1], false)];
    for (const value of held)
      assert.match(await a.peers.refusal('send', 'b', value), /^value_unsupported: unforgeable names/);
    const free = decodeValue(Uint8Array.of(0x92, 0xd4, 4, Kind.FreeVariable, 0), () => name);
    assert.match(await a.peers.refusal('send', 'b', free), /^value_unsupported: .*free variables/);
  });

  it('a closed process without names travels', async () => {
    const [a, b] = [await start('a'), await start('b')];
    const inbox = await b.peers.source('messages');
    const process = new Send('orders', [1, 2], false);
    await a.peers.source('send', 'b', process);
    const [, value] = (await inbox.take()) as [string, Value];
    assert.deepEqual(encodeValue(value), encodeValue(process));
  });

  it('what is too large, too deep, or for nobody is refused at once, naming the bound', async () => {
    const a = await start('a', { message_bytes_max: 100 });
    assert.match(await a.peers.refusal('send', 'b', 'x'.repeat(200)), /^value_too_large: .*at most 100 bytes/);
    let doubled: Value = list([1]);
    for (let round = 0; round < 60; round++) doubled = list([doubled, doubled]);
    assert.match(await a.peers.refusal('send', 'b', doubled), /^value_too_large: /);
    let deep: Value = 1;
    for (let level = 0; level < 2_000; level++) deep = list([deep]);
    assert.match(await (await start('b')).peers.refusal('send', 'c', deep), /^value_too_large: .*deep/);
    assert.match(await a.peers.refusal('send', 'd', 1), /^peer_unknown: "d" is no other node .*b, c$/);
    assert.match(await a.peers.refusal('send', 'a', 1), /^peer_unknown: /);
  });

  it('a message that is larger than its inbox admits is declined, and its sender hears why', async () => {
    const [a, b] = [await start('a'), await start('b', { message_bytes_max: 100 })];
    const inbox = await b.peers.source('messages');
    const sent = await a.peers.source('send', 'b', 'x'.repeat(200));
    assert.equal((await sent.failed()).code, 'value_too_large');
    await a.peers.source('send', 'b', 'small');
    assert.deepEqual(await inbox.take(), ['a', 'small']);
  });

  it('a grant for some nodes sends to those and hears those', async () => {
    const [a, b, c] = [await start('a', { nodes: ['b'] }), await start('b'), await start('c')];
    assert.match(await a.peers.refusal('send', 'c', 1), /^peer_unknown: .*there are b$/);
    assert.deepEqual(((await a.peers.call('members')) as MapValue).keys, ['a', 'b']);
    const inbox = await a.peers.source('messages');
    const unheard = await c.peers.source('send', 'a', 'from c');
    const heard = await b.peers.source('send', 'a', 'from b');
    assert.deepEqual(await inbox.take(), ['b', 'from b']);
    assert.deepEqual(await heard.take(), [null]);
    assert.equal(unheard.ended, false);
  });

  it('topics do not hear each other', async () => {
    const [a, b] = [await start('a', { topic: 'votes' }), await start('b')];
    const inbox = await b.peers.source('messages');
    const other = await a.peers.source('send', 'b', 'vote');
    const c = await start('c');
    await c.peers.source('send', 'b', 'word');
    assert.deepEqual(await inbox.take(), ['c', 'word']);
    assert.equal(other.ended, false);
  });

  it('there is one inbox of a topic, and another one once it has been closed', async () => {
    const [a, b] = [await start('a'), await start('b')];
    const inbox = await b.peers.source('messages');
    assert.match(await b.peers.refusal('messages'), /^not_available: the inbox of the topic peers is open already/);
    inbox.leave();
    const next = await b.peers.source('messages');
    await a.peers.source('send', 'b', 1);
    assert.deepEqual(await next.take(), ['a', 1]);
  });

  it('what was sent under a grant that is taken back ends with an error, and so does its inbox', async () => {
    const a = await start('a');
    const sent = await a.peers.source('send', 'b', 1);
    const inbox = await a.peers.source('messages');
    a.resolver.revoke('holder/peers');
    assert.equal((await sent.failed()).code, 'not_available');
    assert.equal((await inbox.failed()).code, 'not_available');
    assert.match(await a.peers.refusal('members'), /^not_available: /);
  });

  it('members are those that are connected and in service, with the time they were heard last', async () => {
    const [a, b] = [await start('a'), await start('b')];
    assert.equal(await a.peers.call('self'), 'a');
    await until(async () => entry(await a.peers.call('members'), 'b', 'member') === true);
    const seen_ms = entry(await a.peers.call('members'), 'b', 'last_seen_ms') as number;
    assert(Math.abs(Date.now() - seen_ms) < 60_000);
    assert.equal(entry(await a.peers.call('members'), 'c', 'member'), false);
    assert.equal(entry(await a.peers.call('members'), 'c', 'last_seen_ms'), null);
    b.service = false;
    await until(async () => entry(await a.peers.call('members'), 'b', 'member') === false);
    assert.equal(entry(await a.peers.call('members'), 'b', 'in_service'), false);
    assert.equal(entry(await b.peers.call('members'), 'b', 'member'), false);
    b.service = true;
    await until(async () => entry(await a.peers.call('members'), 'b', 'member') === true);
    await b.resolver.close();
    await until(async () => entry(await a.peers.call('members'), 'b', 'member') === false);
  }).timeout(300_000);

  it('a node out of service takes nothing and sends nothing; what waited goes on afterwards', async () => {
    const [a, b] = [await start('a'), await start('b')];
    const inbox = await b.peers.source('messages');
    b.service = false;
    await until(async () => entry(await a.peers.call('members'), 'b', 'member') === false);
    const there = await a.peers.source('send', 'b', 1);
    const inboxOfA = await a.peers.source('messages');
    const back = await b.peers.source('send', 'a', 2);
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(inbox.unread.length + inboxOfA.unread.length, 0);
    b.service = true;
    assert.deepEqual(await inbox.take(), ['a', 1]);
    assert.deepEqual(await inboxOfA.take(), ['b', 2]);
    await Promise.all([there.take(), back.take()]);
  }).timeout(300_000);

  it('more messages for one node than may be kept are refused', async () => {
    const a = await start('a');
    const value = new Bytes(new Uint8Array(1024 * 1024 - 100));
    for (let index = 0; index < 64; index++) await a.peers.source('send', 'b', value);
    assert.match(
      await a.peers.refusal('send', 'b', value),
      /^quota_exceeded: 64 messages with \d+ bytes wait for the node b/,
    );
    assert.equal('ok' in (await a.peers.answer('send', 'c', value)), true);
  });
});
