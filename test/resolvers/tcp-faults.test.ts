/** Peers, names and networks that fail: each an error value in time, and nothing left open. */
import assert from 'node:assert/strict';
import { NewObject } from '../../channels/index.ts';
import { bytes, map } from '../../src/values/index.ts';
import type { TcpResolver } from '../../resolvers/tcp/resolver.ts';
import type { TestObject } from './host.ts';
import { textOf } from './host.ts';
import { freePort } from './ports.ts';
import {
  closeSites,
  connector,
  dial,
  grantTcp,
  grantUdp,
  infoOf,
  openHandles,
  Peer,
  received,
  root,
  until,
} from './sockets.ts';
import type { Site } from './sockets.ts';

const LARGE = bytes(new Uint8Array(16 * 1024 * 1024));

describe('faults of TCP', () => {
  let peer: Peer;
  let handles: number;
  const sites: Site<TcpResolver>[] = [];
  beforeEach(async () => {
    handles = openHandles();
    peer = await Peer.open();
  });
  afterEach(async () => {
    closeSites(sites);
    await peer.close();
    await until(() => openHandles() <= handles);
  });

  async function granted(power: object = {}): Promise<Site<TcpResolver>> {
    const site = await grantTcp({ connect: ['127.0.0.1:*', '224.0.0.1:*'], listen: ['127.0.0.1:0'], ...power });
    sites.push(site);
    return site;
  }

  const open = async (site: Site<TcpResolver>): Promise<TestObject> =>
    (await connector(site)).resolve('resolve', peer.address);

  it('nobody listens: refused, again and again, and each place is given back', async () => {
    const site = await granted({ sockets_max: 1 });
    const address = `127.0.0.1:${await freePort()}`;
    for (let count = 0; count < 20; count++)
      assert.match(
        await (await connector(site)).refusal('resolve', address),
        /^net_failed: 127.*cannot be reached: refused$/,
      );
    await open(site);
  });

  it('no way leads there: unreachable', async () => {
    const site = await granted();
    assert.match(await (await connector(site)).refusal('resolve', '224.0.0.1:80'), /: unreachable$/);
  });

  it('a name that is not there, and one that is never answered', async () => {
    const site = await grantTcp({ connect: ['*:80'], connect_ms_max: 50 }, (host) =>
      host === 'slow.example'
        ? new Promise(() => {})
        : Promise.reject(Object.assign(new Error('no'), { code: 'ENOTFOUND' })),
    );
    sites.push(site);
    const from = await connector(site);
    assert.match(await from.refusal('resolve', 'nowhere.example:80'), /^net_failed: .*: name_unknown$/);
    assert.match(await from.refusal('resolve', 'slow.example:80'), /^timed_out: /);
  });

  it('of two addresses the second is tried when nobody listens at the first', async () => {
    const site = await grantTcp({ connect: ['two.example:*', '127.0.0.0/8:*'] }, async () => [
      '127.0.0.9',
      '127.0.0.1',
    ]);
    sites.push(site);
    const socket = await (await connector(site)).resolve('resolve', `two.example:${peer.port}`);
    assert.equal(infoOf(await socket.call('info')).remote, peer.address);
  });

  it('a caller that gives up while the connection is being opened leaves no connection', async () => {
    const site = await granted({ sockets_max: 1 });
    const from = await connector(site);
    const abort = new AbortController();
    const given = from.run({ ...from.prepare('resolve', [peer.address]), signal: abort.signal });
    await Promise.resolve();
    abort.abort();
    const answer = await given;
    assert.equal('error' in answer && answer.error.code, 'cancelled');
    await until(() =>
      peer.sockets.every((socket) => socket.destroyed || socket.readableEnded || socket.resume().errored !== null),
    );
    await open(site);
  });

  it('a reset is told to who waits to receive and to who sends; then the socket is closed', async () => {
    const site = await granted();
    const socket = await open(site);
    const other = await peer.next();
    other.write('last words');
    await until(async () => infoOf(await socket.call('info')).unread_bytes === 10);
    const frame = socket.refusal('receiveUntil', '\n');
    other.resetAndDestroy();
    assert.match(await frame, /^net_failed: .*: truncated$/);
    assert.match(await socket.refusal('send', 'x'), /^net_failed: .*: reset$/);
    assert.equal(await received(socket), 'last words');
    assert.match(await socket.refusal('receive'), /^net_failed: .*: reset$/);
    assert.match(await socket.refusal('receive'), /^handle_closed: .*reset$/);
    assert.match(await socket.refusal('send', 'x'), /^handle_closed/);
  });

  it('a reset in the midst of a send ends the send', async () => {
    const site = await granted();
    const socket = await open(site);
    const other = await peer.next();
    other.pause();
    const sending = socket.refusal('send', LARGE);
    await new Promise((resolve) => setTimeout(resolve, 10));
    other.resetAndDestroy();
    assert.match(await sending, /^net_failed: .*: (?:reset|closed)$/);
  });

  it('a peer that neither reads nor speaks is left after the idle time, whatever the program is doing', async () => {
    const site = await granted({ idle_ms_max: 80 });
    const [reading, writing] = [await open(site), await open(site)];
    for (const other of [await peer.next(), await peer.next()]) other.pause();
    assert.deepEqual(
      await Promise.all([
        reading.refusal('receive').then((text) => text.slice(0, 13)),
        writing.refusal('send', LARGE).then((text) => text.slice(0, 13)),
      ]),
      ['handle_closed', 'handle_closed'],
    );
  });

  it('a peer that does not take the last bytes of a closed socket is left after the idle time too', async () => {
    const site = await granted({ idle_ms_max: 500, sockets_max: 1 });
    const socket = await open(site);
    const other = await peer.next();
    other.pause();
    const abort = new AbortController();
    void socket.run({ ...socket.prepare('send', [LARGE]), signal: abort.signal });
    await socket.call('close');
    // Its place is taken until the system has let go of it.
    await until(async () => 'ok' in (await (await connector(site)).answer('resolve', peer.address)));
    assert.equal(other.bytesRead < LARGE.bytes.length, true);
  });

  it('a connection that comes and is reset before anybody looks is announced, and says so', async () => {
    const site = await granted();
    const answer = await root(site, 'tcpListener').map('bind', '127.0.0.1:0');
    const source = site.host.open(answer.get('connections'));
    const client = await dial(String(answer.get('local')));
    client.resetAndDestroy();
    const [made] = await source.take();
    assert(made instanceof NewObject);
    assert.match(await site.host.made(made).refusal('receive'), /^net_failed: .*: reset$/);
  });

  it('a grant taken back ends what is under way: connecting, receiving, sending, listening', async () => {
    const site = await granted();
    const [reading, writing] = [await open(site), await open(site)];
    for (const other of [await peer.next(), await peer.next()]) other.pause();
    const answer = await root(site, 'tcpListener').map('bind', '127.0.0.1:0');
    site.host.open(answer.get('connections'));
    const connecting = await connector(site);
    const waiting = Promise.all([
      reading.refusal('receive'),
      writing.refusal('send', LARGE),
      // The peer answers no handshake.
      connecting.refusal('resolve', peer.address, map([['tls', true]])),
    ]);
    const silent = await peer.next();
    silent.resume();
    site.resolver.close();
    for (const refusal of await waiting) assert.match(refusal, /^not_available/);
    await until(() => silent.destroyed || silent.readableEnded);
    await assert.rejects(dial(String(answer.get('local'))), { code: 'ECONNREFUSED' });
  });

  it('what is being opened when its grant is taken back is not opened', async () => {
    const site = await granted();
    const udp = grantUdp({ bind: ['127.0.0.1:0'] });
    const opening = [
      (await connector(site)).refusal('resolve', peer.address),
      root(site, 'tcpListener').refusal('bind', '127.0.0.1:0'),
      root(udp, 'udp').refusal('bind', 0),
    ];
    site.resolver.close();
    udp.resolver.close();
    for (const refusal of await Promise.all(opening)) assert.match(refusal, /^not_available/);
  });

  it('what the system or a peer says never stands in a message', async () => {
    const site = await granted();
    const refusal = await (await connector(site)).refusal('resolve', '224.0.0.1:80');
    assert.doesNotMatch(refusal, /E[A-Z]{4,}|connect |errno|\n/);
  });

  it('hundreds of connections with all manner of ends leave nothing open', async () => {
    const site = await granted({ sockets_max: 64 });
    const from = await connector(site);
    const echo = await Peer.open((socket) => {
      const kind = echo.sockets.length % 4;
      if (kind === 0) socket.end('bye');
      else if (kind === 1) socket.resetAndDestroy();
      else if (kind === 2) socket.destroy();
      else socket.pipe(socket);
    });
    let ended = 0;
    const one = async (): Promise<void> => {
      const answer = await from.answer('resolve', echo.address);
      if ('error' in answer) {
        ended++;
        return;
      }
      const socket = site.host.made(answer.ok);
      await socket.answer('send', 'x');
      const heard = await socket.answer('receive');
      if ('ok' in heard && heard.ok !== null) assert.match(textOf(heard.ok as never), /^(?:x|bye)$/);
      await socket.answer('close');
      ended++;
    };
    for (let round = 0; round < 6; round++) await Promise.all(Array.from({ length: 50 }, one));
    assert.equal(ended, 300);
    await until(() => site.timers() === 0);
    // Each place was given back once: there is room for as many as ever, and for not one more.
    const answers = await Promise.all(Array.from({ length: 65 }, () => from.answer('resolve', peer.address)));
    assert.equal(answers.filter((answer) => 'ok' in answer).length, 64);
    await echo.close();
  });

  it('a port to which a hundred come and go in all manners holds as many as ever afterwards', async () => {
    const site = await granted({ sockets_max: 9 });
    const answer = await root(site, 'tcpListener').map('bind', '127.0.0.1:0');
    const source = site.host.open(answer.get('connections'));
    const local = String(answer.get('local'));
    for (let count = 0; count < 100; count++) {
      const client = await dial(local);
      const kind = count % 3;
      if (kind === 0) client.resetAndDestroy();
      else if (kind === 1) client.end();
      const socket = site.host.made((await source.take())[0]);
      if (kind < 2) await socket.answer('receive');
      await socket.answer('close');
      client.destroy();
    }
    await until(() => site.timers() === 0);
    const clients = await Promise.all(Array.from({ length: 9 }, () => dial(local)));
    let refused = 0;
    for (const client of clients) client.once('end', () => refused++);
    await until(() => refused === 1);
    for (let count = 0; count < 8; count++) await source.take();
    assert.equal(refused, 1);
    for (const client of clients) client.destroy();
  });
});
