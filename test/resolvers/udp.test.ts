/** UDP in both roles, against real peers on loopback. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { powerHandle } from '../../src/capability/index.ts';
import type { UdpResolver } from '../../resolvers/udp/resolver.ts';
import { bytes, Kind } from '../../src/values/index.ts';
import type { Value } from '../../src/values/index.ts';
import { textOf } from './host.ts';
import type { TestObject } from './host.ts';
import { GRANT, grantUdp, infoOf, root, until } from './sockets.ts';
import type { Site } from './sockets.ts';

const LOOPBACK = { bind: ['127.0.0.1:0'], send: ['127.0.0.1:*'] };

/** A socket of the test's own, with what came to it. */
class UdpPeer {
  readonly got: { readonly text: string; readonly from: string; readonly port: number }[] = [];
  private constructor(readonly socket: Socket) {
    socket.on('message', (data, { address, port }) =>
      this.got.push({ text: data.toString('latin1'), from: `${address}:${port}`, port }),
    );
  }

  static async open(): Promise<UdpPeer> {
    const peer = new UdpPeer(createSocket('udp4'));
    await new Promise<void>((resolve) => peer.socket.bind(0, '127.0.0.1', resolve));
    return peer;
  }

  get address(): string {
    return `127.0.0.1:${this.socket.address().port}`;
  }

  async next(): Promise<{ readonly text: string; readonly from: string; readonly port: number }> {
    await until(() => this.got.length > 0);
    return this.got.shift() ?? assert.fail();
  }

  send(text: string | Buffer, target: string): Promise<void> {
    const port = Number(target.slice(target.lastIndexOf(':') + 1));
    return new Promise((resolve, reject) => {
      this.socket.send(text, port, '127.0.0.1', (error) => (error === null ? resolve() : reject(error)));
    });
  }

  close(): void {
    this.socket.close();
  }
}

function datagram(value: Value): [string, string] {
  assert(value !== null && typeof value === 'object' && value.kind === Kind.List);
  return [textOf(value.items[0] ?? null), String(value.items[1])];
}

describe('UDP', () => {
  let peer: UdpPeer;
  let site: Site<UdpResolver>;
  beforeEach(async () => {
    peer = await UdpPeer.open();
    site = grantUdp(LOOPBACK);
  });
  afterEach(() => {
    site.resolver.close();
    peer.close();
    assert.equal(site.timers(), 0, 'a timer is left');
  });

  const bind = (from = site, where: Value = 0): Promise<TestObject> => root(from, 'udp').resolve('bind', where);
  const localOf = async (socket: TestObject): Promise<string> => String(infoOf(await socket.call('info')).local);

  it('carries datagrams both ways, each with its sender', async () => {
    const socket = await bind();
    const local = await localOf(socket);
    await socket.call('send', peer.address, 'ping');
    assert.deepEqual(await peer.next(), { text: 'ping', from: local, port: Number(local.split(':')[1]) });
    const waiting = socket.call('receive');
    await peer.send('pong', local);
    assert.deepEqual(datagram(await waiting), ['pong', peer.address]);
    await peer.send('', local);
    assert.deepEqual(datagram(await socket.call('receive')), ['', peer.address]);
  });

  it('binds at an address and port, a port as digits, or a port alone', async () => {
    for (const where of ['127.0.0.1:0', '0', 0])
      assert.match(await localOf(await bind(site, where)), /^127\.0\.0\.1:[1-9]/);
    assert.match(await root(site, 'udp').refusal('bind', 53), /^address_refused/);
    assert.match(await root(site, 'udp').refusal('bind', peer.address), /^address_refused/);
  });

  it('a datagram holds 65,507 bytes and not one more', async () => {
    const socket = await bind();
    await socket.call('send', peer.address, bytes(new Uint8Array(65_507)));
    assert.equal((await peer.next()).text.length, 65_507);
    assert.match(
      await socket.refusal('send', peer.address, bytes(new Uint8Array(65_508))),
      /^value_too_large: .*65507.*65508/,
    );
    await socket.call('send', peer.address, 'after');
    assert.equal((await peer.next()).text, 'after');
    assert.equal(infoOf(await socket.call('info')).sent, 2);
  });

  it('what nobody takes is kept up to the bound, dropped beyond it, and counted', async () => {
    const few = grantUdp({ ...LOOPBACK, unread_max: 3, unread_bytes_max: 100 });
    const socket = await bind(few);
    const local = await localOf(socket);
    for (const text of ['a', 'b', 'c', 'd', 'e']) await peer.send(text, local);
    await until(async () => infoOf(await socket.call('info')).received === 5);
    assert.deepEqual([infoOf(await socket.call('info')).unread, infoOf(await socket.call('info')).dropped], [3, 2]);
    for (const text of ['a', 'b', 'c']) assert.equal(datagram(await socket.call('receive'))[0], text);
    await peer.send(Buffer.alloc(60), local);
    await peer.send(Buffer.alloc(60), local);
    await until(async () => infoOf(await socket.call('info')).received === 7);
    assert.equal(infoOf(await socket.call('info')).dropped, 3);
    few.resolver.close();
  });

  it('a source carries datagrams as messages, and a slow reader finds the last ones dropped and counted', async () => {
    const few = grantUdp({ ...LOOPBACK, unread_max: 2 });
    const socket = await bind(few);
    const local = await localOf(socket);
    const source = await socket.source('messages');
    assert.match(await socket.refusal('receive'), /^not_available/);
    assert.match(await socket.refusal('messages'), /^not_available/);
    for (let count = 0; count < 10; count++) await peer.send(`m${count}`, local);
    await until(async () => infoOf(await socket.call('info')).received === 10);
    const [first, from] = await source.take();
    assert.equal(textOf(first as Value), 'm0');
    assert.equal(from, peer.address);
    const { dropped } = infoOf(await socket.call('info'));
    assert.ok((dropped as number) >= 4, `${String(dropped)} were dropped`);
    // Two lie on the channel, two in the socket.
    for (let count = 1; count < 10 - (dropped as number); count++) await source.take();
    await socket.call('close');
    assert.deepEqual(await source.take(), [null]);
    assert.equal(source.ended, true);
    few.resolver.close();
  });

  it('a grant that only replies sends to nobody who has not sent, and never more than came from there', async () => {
    const replying = grantUdp({ ...LOOPBACK, reply_only: true, replyRatio_max: 1.5 });
    const socket = await bind(replying);
    assert.match(await socket.refusal('send', peer.address, 'x'), /^address_refused: .*has sent nothing here/);
    await peer.send('12345678', await localOf(socket));
    await socket.call('receive');
    assert.match(
      await socket.refusal('send', peer.address, '1234567890123'),
      /^address_refused: 13 bytes .* more than the 12/,
    );
    await socket.call('send', peer.address, '123456789');
    assert.match(await socket.refusal('send', peer.address, '1234'), /^address_refused: 4 bytes .* more than the 3/);
    assert.equal((await peer.next()).text, '123456789');
    assert.equal(peer.got.length, 0);
    replying.resolver.close();
  });

  it('a rate of datagrams paces the sender', async () => {
    const slow = grantUdp({ ...LOOPBACK, datagrams_per_second: 20 });
    const socket = await bind(slow);
    const started_ms = performance.now();
    for (let count = 0; count < 22; count++) await socket.call('send', peer.address, 'x');
    assert.ok(performance.now() - started_ms >= 90, 'they went out too fast');
    slow.resolver.close();
    assert.equal(slow.timers(), 0);
  });

  it('a send that waits for the rate is given up with its caller and its socket', async () => {
    const slow = grantUdp({ ...LOOPBACK, datagrams_per_second: 1 });
    const socket = await bind(slow);
    await socket.call('send', peer.address, 'one');
    const abort = new AbortController();
    const given = socket.run({ ...socket.prepare('send', [peer.address, 'two']), signal: abort.signal });
    await new Promise((resolve) => setImmediate(resolve));
    abort.abort();
    const answer = await given;
    assert.equal('error' in answer && answer.error.code, 'cancelled');
    const waiting = socket.refusal('send', peer.address, 'three');
    await new Promise((resolve) => setImmediate(resolve));
    await socket.call('close');
    assert.match(await waiting, /^handle_closed/);
    assert.equal(slow.timers(), 0);
    slow.resolver.close();
    assert.equal((await peer.next()).text, 'one');
    assert.equal(peer.got.length, 0);
  });

  it('names are looked up and judged for each datagram', async () => {
    const named = grantUdp({ bind: ['127.0.0.1:0'], send: ['peer.example:*', '127.0.0.1:*'] }, () =>
      Promise.resolve(['127.0.0.1']),
    );
    const socket = await bind(named);
    const { port } = peer.socket.address();
    await socket.call('send', `peer.example:${port}`, 'x');
    assert.equal((await peer.next()).text, 'x');
    const other = grantUdp({ bind: ['127.0.0.1:0'], send: ['inside.example:*'] }, () => Promise.resolve(['10.0.0.1']));
    assert.match(
      await (await bind(other)).refusal('send', `inside.example:${port}`, 'x'),
      /^address_refused: .*\(private\)/,
    );
    named.resolver.close();
    other.resolver.close();
  });

  it('a group is joined where it is granted, and what is sent to it arrives until it is left', async () => {
    const group = '239.255.77.7';
    const power = { bind: ['0.0.0.0:0'], send: [`${group}:*`], multicast: ['239.255.0.0/16'] };
    const site = grantUdp(power);
    const socket = await bind(site, '0.0.0.0:0');
    assert.equal(await socket.call('join', group, '127.0.0.1'), null);
    const { port } = new URL(`udp://${await localOf(socket)}`);
    await socket.call('send', `${group}:${port}`, 'to all');
    assert.equal(datagram(await socket.call('receive'))[0], 'to all');
    await socket.call('leave', group, '127.0.0.1');
    await socket.call('send', `${group}:${port}`, 'to none');
    for (const [wanted, code] of [
      ['224.0.0.1', /^address_refused/],
      ['10.0.0.1', /^arguments_invalid/],
      ['all', /^arguments_invalid/],
    ] as const)
      assert.match(await socket.refusal('join', wanted), code);
    const bound = await bind(grantUdp({ ...power, bind: ['127.0.0.1:0'] }));
    assert.match(await bound.refusal('join', group, '127.0.0.2'), /^address_refused/);
    await bound.call('close');
    site.resolver.close();
  });

  it('close gives the port back, and whoever waits or comes later hears it', async () => {
    const socket = await bind();
    const waiting = socket.refusal('receive');
    await socket.call('close');
    assert.match(await waiting, /^handle_closed/);
    for (const method of ['receive', 'info', 'close', 'messages'])
      assert.match(await socket.refusal(method), /^handle_closed/);
  });

  it('a call that is given up takes no datagram', async () => {
    const socket = await bind();
    const abort = new AbortController();
    const given = socket.run({ ...socket.prepare('receive', []), signal: abort.signal });
    await new Promise((resolve) => setImmediate(resolve));
    abort.abort();
    assert.equal('error' in (await given), true);
    await peer.send('kept', await localOf(socket));
    assert.equal(datagram(await socket.call('receive'))[0], 'kept');
  });

  it('no more sockets are bound than granted, and a failed one gives its place back', async () => {
    const one = grantUdp({ bind: ['127.0.0.1:*'], sockets_max: 1 });
    assert.match(await root(one, 'udp').refusal('bind', peer.address), /^net_failed: .*cannot be bound: in_use/);
    const socket = await bind(one);
    assert.match(await root(one, 'udp').refusal('bind', 0), /^quota_exceeded/);
    await socket.call('close');
    await bind(one);
    one.resolver.close();
  });

  it('a port that its program neither calls nor waits at is given back, whatever comes to it; one that is in use is not', async () => {
    const short = grantUdp({ ...LOOPBACK, idle_ms_max: 1_000, sockets_max: 3 });
    const [idle, waiting, announced] = [await bind(short), await bind(short), await bind(short)];
    const [at, waitsAt, announcedAt] = [await localOf(idle), await localOf(waiting), await localOf(announced)];
    const received = waiting.call('receive');
    const source = await announced.source('messages');
    let over = false;
    const knocking = (async () => {
      for (; !over; await new Promise((resolve) => setTimeout(resolve, 5))) await peer.send('knock', at);
    })();
    // Its place is free once it has ended.
    await until(async () => 'ok' in (await root(short, 'udp').answer('bind', 0)));
    over = true;
    await knocking;
    assert.match(
      await idle.refusal('receive'),
      /^handle_closed: .*nobody has called this socket, nor waited at it, for 1000 ms/,
    );
    await peer.send('to who waits', waitsAt);
    assert.equal(datagram(await received)[0], 'to who waits');
    await peer.send('to who listens', announcedAt);
    assert.equal(textOf((await source.take())[0] as Value), 'to who listens');
    short.resolver.close();
    assert.equal(short.timers(), 0);
  });

  it('what was bound by a capability that has ended is closed, and nothing else', async () => {
    const [kept, lent] = [await bind(), await bind()];
    const bound = root(site, 'udp');
    const answer = await bound.run({ ...bound.prepare('bind', [0]), cap: '~t9' });
    assert('ok' in answer);
    const derived = site.host.made(answer.ok);
    const waiting = derived.refusal('receive');
    const udp = site.host.natives.get('udpSocket');
    udp?.ended?.((cap) => cap === '~t9', { code: 'revoked', message: 'taken back' });
    assert.equal(await waiting, 'revoked: taken back');
    assert.match(await derived.refusal('info'), /^handle_closed: .*taken back/);
    for (const socket of [kept, lent]) assert.match(await localOf(socket), /^127/);
  });

  it('a port that is bound for a call which has ended meanwhile is given back', async () => {
    const one = grantUdp({ ...LOOPBACK, sockets_max: 1 });
    const asked = root(one, 'udp');
    const answer = await asked.run({ ...asked.prepare('bind', [0]), signal: AbortSignal.abort() });
    assert.equal('error' in answer && answer.error.code, 'cancelled');
    await bind(one);
    one.resolver.close();
  });

  it('a socket of an earlier process answers handle_closed, and its source ends', async () => {
    const socket = await bind();
    const later = grantUdp(LOOPBACK);
    assert.match(await later.host.object('udpSocket', socket.handle).refusal('receive'), /^handle_closed: .*process/);
    const answer = await socket.answer('messages');
    assert('ok' in answer);
    assert.equal((await later.host.open(answer.ok, true).failed()).code, 'handle_closed');
    later.resolver.close();
    site.resolver.revoke(GRANT);
    assert.match(await socket.refusal('receive'), /^not_available/);
    assert.match(await site.host.object('udp', powerHandle(GRANT)).refusal('bind', 0), /^not_available/);
  });
});
