/** Strangers, and nodes that do what they please: nothing of it is executed, and nothing stops the node. */
import assert from 'node:assert/strict';
import { connect as connectPlain, createServer, type Socket } from 'node:net';
import { connect, createServer as createSecureServer, type TLSSocket } from 'node:tls';
import fc from 'fast-check';
import { Later } from '../../../channels/index.ts';
import { isPowerboxError } from '../../../src/errors.ts';
import { peersConfig } from '../../../src/capability/index.ts';
import type { PeersConfigSource } from '../../../src/capability/index.ts';
import { limits } from '../../../src/limits.ts';
import { bundle, Bytes, list, Name } from '../../../src/values/index.ts';
import { decodeFrame, encodeFrame, FrameReader } from '../../../resolvers/peers/frames.ts';
import type { Frame, MessageId } from '../../../resolvers/peers/frames.ts';
import { identityOf, pairKey } from '../../../resolvers/peers/keys.ts';
import { lived } from '../../lived.ts';
import { freePorts } from '../ports.ts';
import type { TestSource } from '../source.ts';
import { configOf, configurations, secretOf, startNode, type Sources, type TestNode, until } from './support/nodes.ts';

const PSK = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2', ciphers: 'ECDHE-PSK-CHACHA20-POLY1305' } as const;
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const id = (number: number): MessageId => number.toString(16).padStart(32, '0');
const hello = (from = 'a', to = 'b', versions: readonly number[] = [1]): Frame => ({
  type: 'hello',
  versions,
  from,
  to,
  inService: true,
});

/** A node under a test's hand, that has the right secret or not. */
class Puppet {
  readonly heard: Frame[] = [];
  closed = false;
  readonly #listeners: (() => void)[] = [];
  readonly #reader = new FrameReader();

  constructor(readonly socket: TLSSocket) {
    socket.on('error', () => {});
    socket.on('data', (chunk: Uint8Array) => {
      for (const body of this.#reader.push(chunk, () => 10_000_000)) this.heard.push(decodeFrame(body));
      this.#wake();
    });
    socket.on('close', () => {
      this.closed = true;
      this.#wake();
    });
  }

  #wake(): void {
    for (const listener of this.#listeners) listener();
  }

  say(...frames: readonly Frame[]): void {
    for (const frame of frames) this.socket.write(encodeFrame(frame));
  }

  async until(isSo: () => boolean): Promise<void> {
    if (isSo()) return;
    await new Promise<void>((resolve) => this.#listeners.push(() => isSo() && resolve()));
  }

  ended(): Promise<void> {
    return this.until(() => this.closed);
  }

  async hear<T extends Frame['type']>(type: T, count = 1): Promise<Extract<Frame, { readonly type: T }>> {
    const of = (): Frame[] => this.heard.filter((frame) => frame.type === type);
    await this.until(() => of().length >= count || this.closed);
    const found = of()[count - 1];
    assert(found !== undefined, `no ${type} before the end`);
    return found as Extract<Frame, { readonly type: T }>;
  }
}

describe('peers: who must not come in, and who does what must not be done', () => {
  let sources: Sources;
  let node: TestNode;
  let open: { destroy(): void }[];
  let port: number;
  beforeEach(async () => {
    open = [];
    sources = await configurations('a', 'b', 'c');
    port = Number((sources['b'] as PeersConfigSource).listen.split(':')[1]);
    node = await startNode(configOf(sources, 'b'));
  });
  afterEach(async () => {
    for (const each of open) each.destroy();
    await node.resolver.close();
  });

  function come(identity = identityOf('a', 'b'), key = pairKey(bytesOf(secretOf('a', 'b')), 'a', 'b')): Puppet {
    const socket = connect({
      ...PSK,
      host: '127.0.0.1',
      port,
      checkServerIdentity: () => undefined,
      pskCallback: () => ({ psk: key, identity }),
    });
    open.push(socket);
    return new Puppet(socket);
  }

  async function greeted(): Promise<Puppet> {
    const puppet = come();
    puppet.say(hello());
    await puppet.hear('welcome');
    return puppet;
  }

  /** The node is as it was: a real node says something, and it arrives. */
  async function works(): Promise<void> {
    const c = await startNode(configOf(sources, 'c'));
    try {
      const inbox = await c.peers.source('messages');
      const sent = await node.peers.source('send', 'c', 'still here');
      assert.deepEqual(await inbox.take(), ['b', 'still here']);
      assert.deepEqual(await sent.take(), [null]);
    } finally {
      await c.resolver.close();
    }
  }

  function plain(): Socket {
    const socket = connectPlain(port, '127.0.0.1');
    socket.on('error', () => {});
    open.push(socket);
    return socket;
  }

  it('a wrong secret is refused, counted and told to the operator', async () => {
    const before = node.resolver.refused;
    const puppet = come(identityOf('a', 'b'), new Uint8Array(32).fill(1));
    puppet.say(hello());
    await puppet.ended();
    await node.told(/in the name of the node a was refused: the secrets of the two nodes differ/);
    assert(node.resolver.refused > before);
    assert(node.reports.every(({ code }) => code === 'peer_refused'));
    assert.deepEqual(puppet.heard, []);
    await works();
  });

  it('a node that is not configured is refused, and its name is not repeated', async () => {
    const puppet = come(identityOf('mallory', 'b'));
    await puppet.ended();
    await node.told(/a connection of a stranger was refused: the node is not known/);
    assert(!node.reports.some(({ message }) => message.includes('mallory')));
  });

  it('a key for the other direction, or for another node, opens nothing', async () => {
    const secret = bytesOf(secretOf('a', 'b'));
    for (const [identity, key] of [
      [identityOf('a', 'b'), pairKey(secret, 'b', 'a')],
      [identityOf('b', 'a'), pairKey(secret, 'b', 'a')],
      [identityOf('c', 'b'), pairKey(secret, 'c', 'b')],
      [identityOf('a', 'c'), pairKey(secret, 'a', 'c')],
    ] as const) {
      const puppet = come(identity, key);
      puppet.say(hello());
      await puppet.ended();
      assert.deepEqual(puppet.heard, []);
    }
  });

  it('nobody comes in without a key', async () => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
    open.push(socket);
    const error = await new Promise<Error>((resolve) => socket.on('error', resolve));
    assert.match(error.message, /handshake failure/);
    await node.told(/a stranger was refused: no way of encryption in common/);
  });

  it('who goes away in the middle of its handshake was not refused, and nothing is told', async () => {
    const ends = [(socket: Socket) => socket.resetAndDestroy(), (socket: Socket) => socket.end()];
    for (const end of ends) {
      const socket = plain();
      const closed = new Promise((resolve) => socket.on('close', resolve));
      await new Promise((resolve) => socket.on('connect', resolve));
      // The first bytes of a handshake, of which more would have to come.
      socket.write(Uint8Array.of(0x16, 0x03, 0x01, 0x02, 0x00, 0x01));
      await new Promise((resolve) => setTimeout(resolve, 20));
      end(socket);
      await closed;
    }
    await works();
    assert.equal(node.resolver.refused, 0);
    assert.deepEqual(node.reports, []);
  });

  it('a hello that names other nodes than the handshake ends the connection', async () => {
    for (const frame of [hello('c', 'b'), hello('a', 'c')]) {
      const puppet = come();
      puppet.say(frame);
      await puppet.ended();
      assert.deepEqual(puppet.heard, []);
    }
    await node.told(/the node a: its connection was ended: its hello names other nodes/);
  });

  it('a node without a version in common is told so', async () => {
    const puppet = come();
    puppet.say(hello('a', 'b', [2, 7]), { type: 'message', topic: 'peers', id: id(1), value: 1 });
    assert.deepEqual(await puppet.hear('refused'), { type: 'refused', code: 'peer_refused' });
    await puppet.ended();
    await node.told(/the node a: it speaks the versions 2, 7 of the protocol, this node speaks 1/);
  });

  it('the highest version is no matter where there is one in common', async () => {
    const puppet = come();
    puppet.say(hello('a', 'b', [9, 1]));
    assert.deepEqual(await puppet.hear('welcome'), { type: 'welcome', version: 1, inService: true });
  });

  it('what breaks a rule ends its connection, is told, and nothing else', async () => {
    const inbox = await node.peers.source('messages');
    const nonsense: [string, Uint8Array][] = [
      ['no frame', bytesOf('GET / HTTP/1.1\r\n\r\n')],
      ['a length of nothing', Uint8Array.of(0, 0, 0, 0)],
      ['a length beyond the bound', Uint8Array.of(0x7f, 0xff, 0xff, 0xff)],
      ['bytes that are not canonical', Uint8Array.of(0, 0, 0, 1, 0xc1)],
      ['a second hello', encodeFrame(hello())],
      ['an answer, which is not for it to give', encodeFrame({ type: 'taken', topic: 'peers', id: id(1) })],
    ];
    for (const [what, bytes] of nonsense) {
      const puppet = await greeted();
      puppet.socket.write(bytes);
      await puppet.ended();
      assert.equal(inbox.unread.length, 0, what);
    }
    const puppet = come();
    puppet.socket.write(Uint8Array.of(0, 0, 0x20, 0));
    await puppet.ended();
    await node.told(/its connection was ended/);
    await works();
  });

  it('names and bundles from another node are not taken', async () => {
    const inbox = await node.peers.source('messages');
    const first = await greeted();
    await first.hear('open');
    first.say({ type: 'message', topic: 'peers', id: id(1), value: new Name(null, 0, 0, new Uint8Array(32)) });
    await first.ended();
    const second = await greeted();
    await second.hear('open');
    second.say({ type: 'message', topic: 'peers', id: id(2), value: bundle(list([1]), false, true) });
    assert.deepEqual(await second.hear('declined'), {
      type: 'declined',
      topic: 'peers',
      id: id(2),
      code: 'value_unsupported',
    });
    second.say({ type: 'message', topic: 'peers', id: id(3), value: 'fine' });
    assert.deepEqual(await inbox.take(), ['a', 'fine']);
  });

  it('a message that comes again is told to be there, and does not arrive again', async () => {
    const inbox = await node.peers.source('messages');
    const puppet = await greeted();
    await puppet.hear('open');
    const message: Frame = { type: 'message', topic: 'peers', id: id(1), value: 'once' };
    puppet.say(message, message, message);
    assert.deepEqual(await inbox.take(), ['a', 'once']);
    await puppet.hear('taken');
    puppet.say(message);
    await puppet.hear('taken', 2);
    puppet.socket.destroy();
    const again = await greeted();
    assert.deepEqual((await again.hear('open')).remembered, [id(1)]);
    again.say(message, { type: 'message', topic: 'peers', id: id(2), value: 'next' });
    assert.deepEqual(await inbox.take(), ['a', 'next']);
  });

  it('what is arriving while its sender connects again is remembered once that is durable, and not before', async () => {
    const inbox = await node.peers.source('messages');
    let go = (): void => {};
    const slow = new Promise<void>((resolve) => (go = resolve));
    const push = inbox.push.bind(inbox);
    const begun = new Promise<void>((resolve) => {
      inbox.push = async (message, options) => {
        resolve();
        await slow;
        return push(message, options);
      };
    });
    const first = await greeted();
    await first.hear('open');
    first.say({ type: 'message', topic: 'peers', id: id(1), value: 1 });
    await begun;
    const second = await greeted();
    // Its signs of life come, and nothing of the inbox.
    await second.hear('alive', 2);
    assert(second.heard.every(({ type }) => type !== 'open'));
    go();
    assert.deepEqual((await second.hear('open')).remembered, [id(1)]);
    assert.equal(inbox.unread.length, 1);
  });

  it('whatever a node says, what is not understood ends its connection only', async () => {
    await node.peers.source('messages');
    const said = [
      encodeFrame({ type: 'message', topic: 'peers', id: id(1), value: list([1, 'a', new Bytes(new Uint8Array(9))]) }),
      encodeFrame({ type: 'forget', topic: 'peers', ids: [id(1), id(2)] }),
      encodeFrame({ type: 'alive', inService: true }),
    ];
    const garbled = fc
      .tuple(fc.constantFrom(...said), fc.nat(), fc.nat(255))
      .map(([bytes, at, byte]) =>
        Uint8Array.from(bytes, (old, index) => (index === 4 + (at % (bytes.length - 4)) ? byte : old)),
      );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(garbled, fc.uint8Array({ maxLength: 40 })), { minLength: 1 }),
        async (parts) => {
          const puppet = await greeted();
          await puppet.hear('open');
          for (const part of parts) puppet.socket.write(part);
          puppet.socket.end();
          await puppet.ended();
        },
      ),
      { numRuns: 60 },
    );
    await works();
  }).timeout(300_000);

  it('lists longer than a call can have arguments are taken, from programs and from nodes', async () => {
    const long = list(Array.from({ length: 500_000 }, () => 0));
    const inbox = await node.peers.source('messages');
    const puppet = await greeted();
    await puppet.hear('open');
    puppet.say({ type: 'message', topic: 'peers', id: id(1), value: long });
    const [, value] = (await inbox.take()) as [string, { readonly items: readonly unknown[] }];
    assert.equal(value.items.length, 500_000);
    assert('ok' in (await node.peers.answer('send', 'c', long)));
  });

  it('what is for no inbox is dropped', async () => {
    const puppet = await greeted();
    for (let number = 0; number < 1_000; number++)
      puppet.say({ type: 'message', topic: `topic${number}`, id: id(number), value: 1 });
    puppet.say({ type: 'forget', topic: 'nothing', ids: [id(1)] });
    const inbox = await node.peers.source('messages');
    await puppet.hear('open');
    puppet.say({ type: 'message', topic: 'peers', id: id(1), value: 'heard' });
    assert.deepEqual(await inbox.take(), ['a', 'heard']);
  });

  it('a node that floods an inbox that is not read is thrown out; another one is heard all the same', async () => {
    const inbox = await node.peers.source('messages');
    const puppet = await greeted();
    await puppet.hear('open');
    const value = new Bytes(new Uint8Array(1_000));
    for (let number = 0; number < 2_000; number++)
      puppet.say({ type: 'message', topic: 'peers', id: id(number), value });
    await puppet.ended();
    await node.told(/more than 64 messages are on the way/);
    assert(inbox.unread.length <= limits.peer_remembered_max);
    const c = await startNode(configOf(sources, 'c'));
    try {
      const sent = await c.peers.source('send', 'b', 'from c');
      for (let from: unknown = 'a'; from !== 'c'; ) [from] = await inbox.take();
      assert.deepEqual(await sent.take(), [null]);
    } finally {
      await c.resolver.close();
    }
  });

  it('large messages past a bound are not read: the connection waits, and so does its sender', async () => {
    const inbox = await node.peers.source('messages');
    // Nothing becomes durable: the disk is slow.
    let go = (): void => {};
    const slow = new Promise<void>((resolve) => (go = resolve));
    const push = inbox.push.bind(inbox);
    inbox.push = async (message, options) => {
      await slow;
      return push(message, options);
    };
    const puppet = await greeted();
    await puppet.hear('open');
    const value = new Bytes(new Uint8Array(1_000_000));
    for (let number = 0; number < 60; number++) puppet.say({ type: 'message', topic: 'peers', id: id(number), value });
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert(puppet.socket.writableLength > 20_000_000, `${puppet.socket.writableLength} bytes wait at the sender`);
    go();
    for (let number = 0; number < 60; number++) await inbox.take();
    await puppet.hear('taken', 60);
  });

  it('who says nothing is sent away, and connections that nobody ends keep nobody out', async () => {
    const silent = Array.from({ length: limits.peer_handshakes_max + 20 }, () => plain());
    const ended = silent.map((socket) => new Promise((resolve) => socket.on('close', resolve)));
    await Promise.race(ended);
    const halfway = come();
    await Promise.all([...ended, halfway.ended()]);
    await works();
  }).timeout(300_000);

  it('a node that connects again takes the place of itself, and a half-open connection is found to be one', async () => {
    const inbox = await node.peers.source('messages');
    const first = await greeted();
    const second = await greeted();
    await first.ended();
    await second.hear('open');
    second.say({ type: 'message', topic: 'peers', id: id(1), value: 1 });
    assert.deepEqual(await inbox.take(), ['a', 1]);
    // It says nothing any more, though its connection stands.
    await second.ended();
  }).timeout(300_000);

  it('a node that lets in and throws out is not asked more and more often', async () => {
    const [other] = await freePorts(1);
    let knocks = 0;
    const server = createServer((socket) => {
      knocks++;
      socket.destroy();
    });
    await new Promise<void>((resolve) => server.listen(other, '127.0.0.1', resolve));
    const lonely = await startNode(
      peersConfig.parse({
        name: 'x',
        listen: `127.0.0.1:${(await freePorts(1))[0]}`,
        nodes: [{ name: 'y', address: `127.0.0.1:${other}`, secret: secretOf('x', 'y') }],
      }),
    );
    while (knocks < 2) await new Promise((resolve) => setTimeout(resolve, 20));
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    await lonely.resolver.close();
    await new Promise((resolve) => server.close(resolve));
    assert(knocks <= 14, `${knocks} knocks`);
  });

  it('whoever answers at the address of a node without its secret hears nothing', async () => {
    const [other, own] = await freePorts(2);
    const heard: unknown[] = [];
    const server = createSecureServer({ ...PSK, pskCallback: () => new Uint8Array(32).fill(9) }, (socket) => {
      socket.on('data', (data) => heard.push(data));
      socket.on('error', () => {});
    });
    server.on('tlsClientError', () => {});
    await new Promise<void>((resolve) => server.listen(other, '127.0.0.1', resolve));
    const x = await startNode(
      peersConfig.parse({
        name: 'x',
        listen: `127.0.0.1:${own}`,
        nodes: [{ name: 'y', address: `127.0.0.1:${other}`, secret: secretOf('x', 'y') }],
      }),
    );
    await x.peers.source('send', 'y', 'a secret plan');
    await x.told(/the node y: it does not let this node in/);
    assert.deepEqual(heard, []);
    await x.resolver.close();
    await new Promise((resolve) => server.close(resolve));
  });

  it('answers to what was never asked change nothing', async () => {
    const [other, own] = await freePorts(2);
    const key = pairKey(bytesOf(secretOf('x', 'y')), 'x', 'y');
    const puppets: Puppet[] = [];
    const server = createSecureServer({ ...PSK, pskCallback: () => key }, (socket) => puppets.push(new Puppet(socket)));
    await new Promise<void>((resolve) => server.listen(other, '127.0.0.1', resolve));
    const x = await startNode(
      peersConfig.parse({
        name: 'x',
        listen: `127.0.0.1:${own}`,
        nodes: [{ name: 'y', address: `127.0.0.1:${other}`, secret: secretOf('x', 'y') }],
      }),
    );
    await until(() => puppets.length > 0);
    const [puppet] = puppets as [Puppet];
    await puppet.hear('hello');
    puppet.say({ type: 'welcome', version: 1, inService: true });
    puppet.say({ type: 'open', topic: 'peers', remembered: [id(98)] });
    for (let number = 0; number < 2_000; number++)
      puppet.say({ type: 'open', topic: `topic${number}`, remembered: [] });
    const sent: TestSource[] = [];
    const COUNT = limits.peer_unsettled_max + 8;
    for (let number = 0; number < COUNT; number++) {
      const effectId = new Uint8Array(32).fill(number);
      const answer = await x.peers.run(x.peers.prepare('send', ['y', number], effectId));
      assert('ok' in answer && answer.ok instanceof Later);
      sent.push(x.host.open(answer.ok.source));
    }
    // As many as may be on the way; of what was remembered and is not wanted, it is told to forget it.
    await puppet.hear('message', limits.peer_unsettled_max);
    assert.deepEqual((await puppet.hear('forget')).ids, [id(98)]);
    const mine = (number: number): MessageId => Buffer.alloc(16, number).toString('hex');
    for (let number = limits.peer_unsettled_max; number < COUNT; number++) {
      puppet.say(
        { type: 'taken', topic: 'peers', id: mine(number) },
        { type: 'declined', topic: 'peers', id: mine(number), code: 'cancelled' },
        { type: 'taken', topic: 'topic1', id: mine(0) },
      );
    }
    puppet.say({ type: 'taken', topic: 'peers', id: id(99) }, { type: 'taken', topic: 'nothing', id: id(99) });
    await puppet.hear('forget', 2);
    assert(sent.every((source) => source.unread.length === 0 && !source.ended));
    // What was asked is answered.
    puppet.say({ type: 'taken', topic: 'peers', id: mine(0) });
    assert.deepEqual(await sent[0]?.take(), [null]);
    await x.resolver.close();
    await new Promise((resolve) => {
      server.close(resolve);
      for (const each of puppets) each.socket.destroy();
    });
  });

  it('a node that closes leaves nothing open, wherever its connections stand', async () => {
    const count = (): number =>
      process.getActiveResourcesInfo().filter((resource) => /TCP|TLS|Connect|Timeout|GetAddr/.test(resource)).length;
    const [other, own, nobody, mute] = await freePorts(4);
    // It takes connections and says nothing: handshakes with it never end.
    const silent = createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(other, '127.0.0.1', resolve));
    // It ends the handshake, and never greets.
    const key = pairKey(bytesOf(secretOf('x', 'w')), 'x', 'w');
    const secure: TLSSocket[] = [];
    const wordless = createSecureServer({ ...PSK, pskCallback: () => key }, (socket) => {
      socket.on('error', () => {});
      socket.resume();
      secure.push(socket);
    });
    await new Promise<void>((resolve) => wordless.listen(mute, '127.0.0.1', resolve));
    const accepted: Socket[] = [];
    silent.on('connection', (socket) => {
      socket.on('error', () => {});
      accepted.push(socket);
    });
    const before = count();
    const x = await startNode(
      peersConfig.parse({
        name: 'x',
        listen: `127.0.0.1:${own}`,
        nodes: [
          { name: 'y', address: `127.0.0.1:${other}`, secret: secretOf('x', 'y') },
          { name: 'z', address: `127.0.0.1:${nobody}`, secret: secretOf('x', 'z') },
          { name: 'w', address: `127.0.0.1:${mute}`, secret: secretOf('x', 'w') },
        ],
      }),
    );
    const sent = await x.peers.source('send', 'z', 1, 60_000);
    const raw = connectPlain(own as number, '127.0.0.1');
    raw.on('error', () => {});
    const ungreeted = connect({
      ...PSK,
      host: '127.0.0.1',
      port: own as number,
      checkServerIdentity: () => undefined,
      pskCallback: () => ({ psk: pairKey(bytesOf(secretOf('x', 'y')), 'y', 'x'), identity: identityOf('y', 'x') }),
    });
    ungreeted.on('error', () => {});
    await new Promise((resolve) => ungreeted.on('secureConnect', resolve));
    await until(() => accepted.length > 0 && secure.length > 0);
    const gone = Promise.all([raw, ungreeted].map((socket) => new Promise((resolve) => socket.on('close', resolve))));
    sent.leave();
    const since = lived();
    await x.resolver.close();
    await Promise.all([
      gone,
      ...secure.map((socket) => socket.closed || new Promise((resolve) => socket.on('close', resolve))),
    ]);
    // Not only when the time of their handshake is over.
    assert(since() < limits.peer_handshake_ms / 2);
    for (const socket of accepted) socket.destroy();
    await until(() => count() <= before);
    await Promise.all([silent, wordless].map((server) => new Promise((resolve) => server.close(resolve))));
  });

  it('an address that is taken is told at once, and nothing stays open', async () => {
    await assert.rejects(startNode(configOf(sources, 'b')), (error: unknown) => {
      assert(isPowerboxError(error) && error.code === 'config_invalid');
      assert.match(error.message, /^peers.listen: 127.0.0.1:\d+ cannot be listened at \(EADDRINUSE\)$/);
      return true;
    });
  });
});
