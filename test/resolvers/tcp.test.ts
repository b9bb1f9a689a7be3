/** TCP in both roles, against real peers on loopback. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { NewMap, NewObject } from '../../channels/index.ts';
import { powerHandle, readGrants } from '../../src/capability/index.ts';
import type { PowerOf } from '../../src/capability/index.ts';
import type { TcpResolver } from '../../resolvers/tcp/resolver.ts';
import { bytes, Name } from '../../src/values/index.ts';
import type { Value } from '../../src/values/index.ts';
import type { TestObject } from './host.ts';
import { textOf } from './host.ts';
import { freePort } from './ports.ts';
import { allOf, connector, dial, GRANT, grantTcp, infoOf, Peer, received, root, until } from './sockets.ts';
import type { Site } from './sockets.ts';

const LOOPBACK = { connect: ['127.0.0.1:*'], listen: ['127.0.0.1:0', '127.0.0.1:1024-65535'] };

/** Whether the system has its timer of keep-alive set for the connection between these two, while nothing is on its way. */
function keepAliveOf(local: string, remote: string): boolean | null {
  const rows = readFileSync('/proc/net/tcp', 'utf8').split('\n');
  const row = rows
    .map((each) => each.trim().split(/\s+/))
    .find(([, from, to]) => from === hex(local) && to === hex(remote));
  const timer = row?.[5]?.slice(0, 2);
  return timer === '02' ? true : timer === '00' ? false : null;
}

/** As the system writes addresses there: the bytes of the address from the last to the first. */
function hex(address: string): string {
  const [host = '', port] = address.split(':');
  const bytes = host.split('.').map((byte) => Number(byte).toString(16).padStart(2, '0'));
  return `${bytes.toReversed().join('')}:${Number(port).toString(16).padStart(4, '0')}`.toUpperCase();
}

describe('a TCP connection to outside', () => {
  let peer: Peer;
  let site: Site<TcpResolver>;
  beforeEach(async () => {
    peer = await Peer.open();
    site = await grantTcp({ ...LOOPBACK, receive_bytes_max: 1024 });
  });
  afterEach(async () => {
    site.resolver.close();
    await peer.close();
    assert.equal(site.timers(), 0, 'a timer is left');
  });

  const open = async (): Promise<TestObject> => (await connector(site)).resolve('resolve', peer.address);

  it('carries bytes both ways', async () => {
    const socket = await open();
    const other = await peer.next();
    await socket.call('send', 'hello ');
    await socket.call('send', bytes(new Uint8Array([0, 255, 10])));
    await socket.call('end');
    assert.deepEqual(await allOf(other), Buffer.from([...Buffer.from('hello '), 0, 255, 10]));
    other.end('and back');
    assert.equal(await received(socket), 'and back');
    assert.equal(await received(socket), null);
  });

  it('takes a local port as a string or an Int, and no other thing', async () => {
    const client = root(site, 'tcpClient');
    for (const port of ['0', 0])
      assert.equal((await client.resolve('resolve', port)).native.declaration.name, 'tcpConnector');
    for (const port of ['-1', '65536', '080', '1e3', ' 1', 'http'])
      assert.match(await client.refusal('resolve', port), /^arguments_invalid: .* is no port/);
  });

  it('leaves from the local port that was asked for, where it is granted', async () => {
    // One that the system gives to nobody else meanwhile.
    const port = await freePort();
    const own = await grantTcp({ ...LOOPBACK, localPorts: `0,${port}` });
    const socket = await (await root(own, 'tcpClient').resolve('resolve', port)).resolve('resolve', peer.address);
    assert.equal((await peer.next()).remotePort, port);
    assert.equal(infoOf(await socket.call('info')).local, `127.0.0.1:${port}`);
    own.resolver.close();
  });

  it('receive answers what is there, exactly n bytes wait for n, and nothing is taken before', async () => {
    const socket = await open();
    const other = await peer.next();
    other.write('abc');
    assert.equal(await received(socket), 'abc');
    const five = received(socket, 5);
    other.write('12');
    await until(async () => infoOf(await socket.call('info')).unread_bytes === 2);
    other.write('34567');
    assert.equal(await five, '12345');
    assert.equal(await received(socket), '67');
  });

  it('receiveUntil answers what stands before the delimiter, also when it comes in two pieces', async () => {
    const socket = await open();
    const other = await peer.next();
    const line = socket.call('receiveUntil', '\r\n');
    other.write('one\r');
    await until(async () => infoOf(await socket.call('info')).unread_bytes === 4);
    other.write('\ntwo\r\nthree');
    assert.equal(textOf(await line), 'one');
    assert.equal(textOf(await socket.call('receiveUntil', bytes(Buffer.from('\r\n')))), 'two');
    other.end();
    assert.match(await socket.refusal('receiveUntil', '\r\n'), /^net_failed: .*5 bytes.*: truncated/);
    assert.equal(await received(socket), 'three');
    assert.equal(await socket.call('receiveUntil', '\n'), null);
  });

  it('a delimiter that was looked for and given up does not hide another one', async () => {
    const socket = await open();
    const other = await peer.next();
    other.write('a;b,c');
    const abort = new AbortController();
    const given = socket.run({ ...socket.prepare('receiveUntil', ['\n']), signal: abort.signal });
    await until(async () => infoOf(await socket.call('info')).unread_bytes === 5);
    abort.abort();
    const answer = await given;
    assert.equal('error' in answer && answer.error.code, 'cancelled');
    assert.equal(textOf(await socket.call('receiveUntil', ';')), 'a');
    assert.equal(textOf(await socket.call('receiveUntil', ',')), 'b');
  });

  it('frames keep their borders, whatever pieces they come in', async () => {
    const socket = await open();
    const other = await peer.next();
    for (const byte of [0, 0, 0, 3, 65, 66, 67, 0, 0, 0, 0]) other.write(Buffer.from([byte]));
    assert.equal(textOf(await socket.call('receiveFrame')), 'ABC');
    assert.equal(textOf(await socket.call('receiveFrame')), '');
    await socket.call('sendFrame', 'xyz');
    await socket.call('sendFrame', '');
    await socket.call('end');
    assert.deepEqual(await allOf(other), Buffer.from([0, 0, 0, 3, 120, 121, 122, 0, 0, 0, 0]));
  });

  it('what is larger than granted is refused and stays where it is', async () => {
    const socket = await open();
    const other = await peer.next();
    assert.match(await socket.refusal('receive', 1025), /^value_too_large: .*1025.*1024/);
    other.write(Buffer.from([0, 0, 4, 0]));
    assert.match(await socket.refusal('receiveFrame'), /^value_too_large: the next frame has 1024 bytes/);
    other.write(Buffer.alloc(2000, 'x'));
    assert.match(await socket.refusal('receiveUntil', '\n'), /^value_too_large: .*without the delimiter/);
    await until(async () => (infoOf(await socket.call('info')).unread_bytes as number) >= 1024);
    assert.equal(textOf(await socket.call('receive', 4)).length, 4);
  });

  it('a peer that ends too early leaves what came, and the call that wanted more fails', async () => {
    const socket = await open();
    (await peer.next()).end('abc');
    assert.match(await socket.refusal('receive', 4), /^net_failed: .*3 bytes.*: truncated/);
    assert.match(await socket.refusal('receiveFrame'), /^net_failed: .*: truncated/);
    assert.equal(await received(socket), 'abc');
    assert.equal(await received(socket), null);
  });

  it('half-close: one side ends, the other goes on', async () => {
    const socket = await open();
    const other = await peer.next();
    other.end();
    assert.equal(await received(socket), null);
    assert.equal(infoOf(await socket.call('info')).ended, true);
    const all = allOf(other);
    await socket.call('send', 'still here');
    await socket.call('end');
    assert.equal(String(await all), 'still here');
    assert.match(await socket.refusal('send', 'x'), /^handle_closed/);
  });

  it('a call that waits to receive does not hold up one that sends', async () => {
    const socket = await open();
    const other = await peer.next();
    const waiting = received(socket);
    await socket.call('send', 'ping');
    other.once('data', () => other.write('pong'));
    assert.equal(await waiting, 'pong');
  });

  it('a call that is given up takes nothing', async () => {
    const socket = await open();
    const other = await peer.next();
    const abort = new AbortController();
    const given = socket.run({ ...socket.prepare('receive', []), signal: abort.signal });
    const next = received(socket);
    abort.abort();
    const answer = await given;
    assert.equal('error' in answer && answer.error.code, 'cancelled');
    other.write('for the next one');
    assert.equal(await next, 'for the next one');
  });

  it('close ends both directions: what was sent goes out, who waits hears it, and so does who comes later', async () => {
    const socket = await open();
    const other = await peer.next();
    const all = allOf(other);
    await socket.call('send', 'goodbye');
    const waiting = socket.refusal('receive');
    await socket.call('close');
    assert.match(await waiting, /^handle_closed/);
    assert.equal(String(await all), 'goodbye');
    for (const method of ['receive', 'close', 'info', 'end', 'receiveFrame'])
      assert.match(await socket.refusal(method), /^handle_closed: .*this socket was closed/);
    assert.match(await socket.refusal('send', 'x'), /^handle_closed/);
  });

  it('a peer that reads slowly slows the sender down to its pace', async () => {
    const socket = await open();
    const other = await peer.next();
    other.pause();
    const piece = bytes(new Uint8Array(4 * 1024 * 1024));
    let sent = 0;
    const sending = (async () => {
      for (let count = 0; count < 8; count++) {
        await socket.call('send', piece);
        sent++;
      }
      await socket.call('end');
    })();
    // What the system takes for itself is a few of these at most.
    await until(() => sent > 0 || other.bytesRead === 0);
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.ok(sent < 8, `${sent} of 8 pieces were taken without a reader`);
    let bytesRead = 0;
    other.on('data', (chunk) => (bytesRead += chunk.length)).resume();
    await sending;
    await until(() => bytesRead === 32 * 1024 * 1024);
  });

  it('a program that reads slowly slows the peer down: unread bytes stay within the bound', async () => {
    const socket = await open();
    const other = await peer.next();
    other.write(Buffer.alloc(64 * 1024 * 1024));
    await until(async () => (infoOf(await socket.call('info')).unread_bytes as number) >= 1024);
    await new Promise((resolve) => setTimeout(resolve, 30));
    // One read of the system may come on top.
    assert.ok((infoOf(await socket.call('info')).unread_bytes as number) <= 1024 + 64 * 1024);
    assert.ok(other.writableLength > 0, 'the peer must still be waiting');
    let got = 0;
    while (got < 1024 * 1024) got += (await received(socket))?.length ?? assert.fail('the peer ended');
  });

  it('a peer that reads slowly, but reads, is not idle; and what was sent before close goes out whole', async () => {
    const idle = await grantTcp({ ...LOOPBACK, idle_ms_max: 2_000 });
    const socket = await (await connector(idle)).resolve('resolve', peer.address);
    const other = await peer.next();
    const size = 16 * 1024 * 1024;
    let got = 0;
    let rests = 0;
    const ended = new Promise((resolve) => other.once('end', resolve));
    other.on('data', (chunk) => {
      got += chunk.length;
      // All of it takes longer than the idle time; no rest does.
      if (got < ((rests + 1) * size) / 16) return;
      rests++;
      other.pause();
      setTimeout(() => other.resume(), 150);
    });
    const sending = socket.answer('send', bytes(new Uint8Array(size)));
    await new Promise((resolve) => setImmediate(resolve));
    await socket.call('close');
    await Promise.all([sending, ended]);
    assert.equal(got, size);
    await until(() => idle.timers() === 0);
    idle.resolver.close();
  });

  it('a send that was given up still goes out before later ones, and no more than one is held', async () => {
    const socket = await open();
    const other = await peer.next();
    other.pause();
    const large = bytes(Buffer.alloc(16 * 1024 * 1024, 'a'));
    const abort = new AbortController();
    void socket.run({ ...socket.prepare('send', [large]), signal: abort.signal });
    abort.abort();
    const second = new AbortController();
    const given = socket.run({ ...socket.prepare('send', ['never']), signal: second.signal });
    second.abort();
    const last = socket.call('send', 'z');
    const all = allOf(other);
    await last;
    const answer = await given;
    assert.equal('error' in answer && answer.error.code, 'cancelled');
    await socket.call('end');
    const text = (await all).toString('latin1');
    assert.equal(text.length, 16 * 1024 * 1024 + 1);
    assert.equal(text.at(-1), 'z');
  });

  it('rates of the grant pace both directions', async () => {
    const slow = await grantTcp({ ...LOOPBACK, out_bytes_per_second: 100_000, in_bytes_per_second: 100_000 });
    const socket = await (await connector(slow)).resolve('resolve', peer.address);
    const other = await peer.next();
    const started_ms = performance.now();
    // A second's worth at once, then half a second for what was taken ahead.
    await socket.call('send', bytes(new Uint8Array(110_000)));
    await socket.call('send', 'x');
    assert.ok(performance.now() - started_ms >= 90, 'the second send came too early');
    const read_ms = performance.now();
    other.resume();
    other.write(Buffer.alloc(120_000));
    let got = 0;
    while (got < 120_000) got += (await received(socket))?.length ?? assert.fail('the peer ended');
    other.write('y');
    while ((await received(socket)) !== 'y');
    assert.ok(performance.now() - read_ms >= 190, 'the bytes came too early');
    // What is larger than a second's worth goes in pieces, and the last waits for them.
    let went = 0;
    const large = await grantTcp({ ...LOOPBACK, out_bytes_per_second: 2_000_000 });
    const wide = await (await connector(large)).resolve('resolve', peer.address);
    const reader = await peer.next();
    reader.on('data', (chunk) => (went += chunk.length));
    const send_ms = performance.now();
    await wide.call('send', bytes(new Uint8Array(2_300_000)));
    assert.ok(performance.now() - send_ms >= 100, 'the pieces came too early');
    await until(() => went === 2_300_000);
    large.resolver.close();
    slow.resolver.close();
    assert.equal(slow.timers(), 0);
  });

  it('an idle connection is ended, and whoever waits hears why', async () => {
    const idle = await grantTcp({ ...LOOPBACK, idle_ms_max: 60 });
    const socket = await (await connector(idle)).resolve('resolve', peer.address);
    const other = await peer.next();
    const ended = new Promise((resolve) => other.once('end', resolve));
    other.resume();
    assert.match(await socket.refusal('receive'), /^handle_closed: .*60 ms/);
    assert.match(await socket.refusal('receive'), /^handle_closed: .*60 ms/);
    await ended;
    await until(() => idle.timers() === 0);
    idle.resolver.close();
  });

  it('the system asks a silent peer whether it is there, unless the grant says that it does not', async () => {
    for (const [keepAlive_ms, asks] of [
      [60_000, true],
      [0, false],
    ] as const) {
      const own = await grantTcp({ ...LOOPBACK, keepAlive_ms });
      const socket = await (await connector(own)).resolve('resolve', peer.address);
      await peer.next();
      const { local, remote } = infoOf(await socket.call('info'));
      await until(() => keepAliveOf(String(local), String(remote)) === asks);
      own.resolver.close();
    }
  });

  it('no more sockets are open than granted, and each that ends makes room', async () => {
    const few = await grantTcp({ ...LOOPBACK, sockets_max: 2 });
    const from = await connector(few);
    const first = await from.resolve('resolve', peer.address);
    await from.resolve('resolve', peer.address);
    assert.match(await from.refusal('resolve', peer.address), /^quota_exceeded: 2 sockets/);
    assert.match(await root(few, 'tcpListener').refusal('bind', '127.0.0.1:0'), /^quota_exceeded/);
    await first.call('close');
    await until(async () => 'ok' in (await from.answer('resolve', peer.address)));
    // Who was refused has not come: they come in their order, and this one was the last.
    await until(() => peer.sockets.length >= 3);
    assert.equal(peer.sockets.length, 3);
    few.resolver.close();
  });

  it('a connection of an earlier process, a forged number and a grant taken back are known for what they are', async () => {
    const socket = await open();
    const later = await grantTcp(LOOPBACK);
    assert.match(
      await later.host.object('socket', socket.handle).refusal('receive'),
      /^handle_closed: .*belonged to a process of the space that has ended/,
    );
    later.resolver.close();
    assert.match(await later.host.object('socket', socket.handle).refusal('receive'), /^not_available/);
    const waiting = socket.refusal('receive');
    site.resolver.revoke(GRANT);
    assert.match(await waiting, /^not_available/);
    assert.match(await socket.refusal('send', 'x'), /^not_available/);
    assert.match(await (await connector(site)).refusal('resolve', peer.address), /^not_available/);
  });

  it('the socket of one grant is not found under the id of another', async () => {
    const socket = await open();
    await site.resolver.grant('other/net', readGrants([{ kind: 'tcp' }])[0] as PowerOf<'tcp'>);
    const [, ...rest] = (socket.handle as { items: readonly Value[] } & object).items;
    const forged = site.host.object('socket', powerHandle('other/net', ...rest));
    assert.match(await forged.refusal('receive'), /^handle_closed/);
  });
});

describe('a TCP port that is open for connections', () => {
  let site: Site<TcpResolver>;
  beforeEach(async () => {
    site = await grantTcp({ ...LOOPBACK, receive_bytes_max: 1024 });
  });
  afterEach(() => {
    site.resolver.close();
    assert.equal(site.timers(), 0, 'a timer is left');
  });

  const bind = async (from = site, where = '127.0.0.1:0') => {
    const answer = await root(from, 'tcpListener').map('bind', where);
    return { source: from.host.open(answer.get('connections')), local: answer.get('local') as string };
  };

  it('announces each connection with its two ends, and its socket works', async () => {
    const { source, local } = await bind();
    const client = await dial(local);
    const [made, about] = await source.take();
    assert(made instanceof NewObject);
    assert.deepEqual(infoOf(about), { remote: `127.0.0.1:${client.localPort}`, local });
    const socket = site.host.made(made);
    client.write('question');
    assert.equal(await received(socket), 'question');
    await socket.call('send', 'answer');
    await socket.call('close');
    assert.equal(String(await allOf(client)), 'answer');
    client.destroy();
  });

  it('a port alone is opened at the first granted address that has it', async () => {
    const { local } = await bind(site, '0');
    assert.match(local, /^127\.0\.0\.1:[0-9]+$/);
    assert.match(await root(site, 'tcpListener').refusal('listen', 0), /^arguments_invalid: .*bind/);
    assert.match(await root(site, 'tcpListener').refusal('listen', 80), /^address_refused/);
  });

  it('IPv6 has brackets, and [::1] is no other address', async () => {
    const six = await grantTcp({ listen: ['[::1]:0'] });
    const { source, local } = await bind(six, '[::1]:0');
    assert.match(local, /^\[::1\]:/);
    const client = await dial(local);
    const [, about] = await source.take();
    assert.match(String(infoOf(about).remote), /^\[::1\]:/);
    client.destroy();
    six.resolver.close();
  });

  it('a port that is taken is refused, and the place it held is free again', async () => {
    const one = await grantTcp({ ...LOOPBACK, sockets_max: 1 });
    const { local } = await bind();
    for (let count = 0; count < 3; count++)
      assert.match(
        await root(one, 'tcpListener').refusal('listen', local),
        /^net_failed: .*cannot be listened at: in_use/,
      );
    await bind(one);
    one.resolver.close();
  });

  it('who is sent away for want of room is told of on STDERR: the first, and how many when there is room again', async () => {
    const two = await grantTcp({ ...LOOPBACK, sockets_max: 2 });
    const answer = await root(two, 'tcpListener').map('bind', '127.0.0.1:0');
    const source = two.host.open(answer.get('connections'));
    const local = String(answer.get('local'));
    const first = await dial(local);
    const socket = two.host.made((await source.take())[0]);
    const away = await Promise.all([dial(local), dial(local), dial(local)]);
    await Promise.all(away.map(allOf));
    assert.deepEqual(
      source.reported.map(({ code, message }) => [code, message]),
      [
        [
          'quota_exceeded',
          `${local} sends connections away: 2 sockets are open under this grant, and it has room for 2`,
        ],
      ],
    );
    await socket.call('close');
    first.destroy();
    const next = await dial(local);
    await source.take();
    assert.equal(source.reported.length, 2);
    assert.match(source.reported[1]?.message ?? '', /has sent 3 connections away, and takes them again$/);
    for (const one of [next, ...away]) one.destroy();
    two.resolver.close();
  });

  it('what was opened by a capability that has ended is closed: connections, and a port that nobody has been told of', async () => {
    const asked = root(site, 'tcpListener');
    const answer = await asked.run({ ...asked.prepare('bind', ['127.0.0.1:0']), cap: '~t9' });
    assert('ok' in answer && answer.ok instanceof NewMap);
    const local = String(new Map(answer.ok.entries).get('local'));
    const kept = await bind();
    const client = await dial(local);
    const gone = allOf(client).catch(() => null);
    const tcp = site.host.natives.get('tcpListener');
    tcp?.ended?.((cap) => cap === '~t9', { code: 'revoked', message: 'taken back' });
    await gone;
    await assert.rejects(dial(local), { code: 'ECONNREFUSED' });
    (await dial(kept.local)).destroy();
    await kept.source.take();
    client.destroy();
  });

  it('closing it gives the port back; whom a program knows goes on, whom it does not is sent away', async () => {
    const { source, local } = await bind();
    const known = await dial(local);
    const socket = site.host.made((await source.take())[0]);
    const answer = await root(site, 'tcpListener').answer('close', new Name(null, 1, 2, null));
    assert('ok' in answer && answer.closes !== undefined);
    // The dispatcher ends the source behind the channel.
    source.leave();
    await assert.rejects(dial(local), { code: 'ECONNREFUSED' });
    await socket.call('send', 'still there');
    await socket.call('close');
    assert.equal(String(await allOf(known)), 'still there');
    known.destroy();
  });

  it('a port that is closed gives its place among the sockets back', async () => {
    const one = await grantTcp({ ...LOOPBACK, sockets_max: 1 });
    for (let count = 0; count < 3; count++) {
      const { source } = await bind(one);
      assert.match(await root(one, 'tcpListener').refusal('bind', '127.0.0.1:0'), /^quota_exceeded/);
      source.leave();
    }
    one.resolver.close();
  });

  it('while the program does not read, connections wait; no more are held than granted', async () => {
    const few = await grantTcp({ ...LOOPBACK, sockets_max: 4 });
    const { source, local } = await bind(few);
    const clients = await Promise.all(Array.from({ length: 6 }, () => dial(local)));
    let refused = 0;
    for (const client of clients) client.once('end', () => refused++).resume();
    await until(() => refused === 3);
    for (let count = 0; count < 3; count++) await source.take();
    assert.equal(refused, 3);
    for (const client of clients) client.destroy();
    few.resolver.close();
  });

  it('one that was opened by an earlier process is opened again at the same port', async () => {
    const answer = await root(site, 'tcpListener').map('bind', '127.0.0.1:0');
    const made = answer.get('connections');
    const local = answer.get('local') as string;
    site.resolver.close();
    const later = await grantTcp(LOOPBACK);
    let source = later.host.open(made, true);
    let client = await dial(local).catch(() => null);
    // The first process may still be giving the port back.
    while (client === null) {
      assert.match((await source.failed()).message, /in_use/);
      source = later.host.open(made, true);
      client = await dial(local).catch(() => null);
    }
    assert.equal((await source.take()).length, 2);
    client.destroy();
    later.resolver.close();
  });

  it('one that cannot be opened again says so and ends', async () => {
    const answer = await root(site, 'tcpListener').map('bind', '127.0.0.1:0');
    const made = answer.get('connections');
    const local = answer.get('local') as string;
    const later = await grantTcp(LOOPBACK);
    assert.match((await later.host.open(made, true).failed()).message, /cannot be listened at: in_use/);
    later.resolver.close();
    const narrowed = await grantTcp({ listen: ['127.0.0.1:1'] });
    const refused = await narrowed.host.open(made, true).failed();
    assert.equal(refused.code, 'address_refused');
    narrowed.resolver.close();
    assert.equal((await narrowed.host.open(made, true).failed()).code, 'not_available');
    assert.match(local, /^127/);
  });

  it('a port whose source never becomes durable is given back', async () => {
    const answer = await root(site, 'tcpListener').map('bind', '127.0.0.1:0');
    const local = answer.get('local') as string;
    assert.equal(site.timers(), 1, 'the claim has a time limit');
    site.resolver.revoke(GRANT);
    await assert.rejects(dial(local), { code: 'ECONNREFUSED' });
  });
});
