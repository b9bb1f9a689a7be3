/** Encrypted connections in both roles, with certificates of the test's own authority. */
import assert from 'node:assert/strict';
import { connect as connectPlain, createServer as createPlainServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { connect, createServer } from 'node:tls';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { NewObject } from '../../channels/index.ts';
import { map } from '../../src/values/index.ts';
import type { Value } from '../../src/values/index.ts';
import { Authority } from './certificates.ts';
import type { Certificate } from './certificates.ts';
import type { TestObject } from './host.ts';
import { allOf, connector, grantTcp, infoOf, received, root, until } from './sockets.ts';

const TLS: Value = map([['tls', true]]);

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

describe('TCP with TLS', () => {
  let authority: Authority;
  let stranger: Authority;
  let good: Certificate;
  before(() => {
    authority = new Authority();
    stranger = new Authority();
    good = authority.issue('DNS:server.example,IP:127.0.0.1');
  });
  after(() => {
    authority.close();
    stranger.close();
  });

  /** A server with this certificate, and a grant that trusts the authority. */
  async function facing(certificate: Certificate, power: object = {}, options: object = {}) {
    const server = createServer(
      { cert: certificate.cert, key: certificate.key, allowHalfOpen: true, ...options },
      (socket) => {
        socket.on('error', () => {});
        socket.pipe(socket);
      },
    );
    const raw: Socket[] = [];
    server.on('tlsClientError', () => {});
    server.on('connection', (socket: Socket) => raw.push(socket));
    const port = await listening(server);
    const site = await grantTcp(
      {
        connect: ['127.0.0.1:*', 'server.example:*', 'other.example:*'],
        tls: { ca: authority.own.certFile },
        ...power,
      },
      () => Promise.resolve(['127.0.0.1']),
    );
    const open = async (host: string, chosen: Value = TLS): Promise<TestObject> =>
      (await connector(site)).resolve('resolve', `${host}:${port}`, chosen);
    const refusal = async (host: string, chosen: Value = TLS): Promise<string> =>
      (await connector(site)).refusal('resolve', `${host}:${port}`, chosen);
    const close = async (): Promise<void> => {
      site.resolver.close();
      for (const socket of raw) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      assert.equal(site.timers(), 0, 'a timer is left');
    };
    return { site, server, port, open, refusal, close };
  }

  it('carries bytes to a server whose certificate is for its name, or for its address', async () => {
    const world = await facing(good);
    for (const host of ['127.0.0.1', 'server.example']) {
      const socket = await world.open(host);
      await socket.call('send', 'secret');
      assert.equal(await received(socket, 6), 'secret');
      const info = infoOf(await socket.call('info'));
      assert.equal(info.tls, true);
      assert.match(String(info.protocol), /^TLSv1\.[23]$/);
      await socket.call('end');
      assert.equal(await received(socket), null);
    }
    await world.close();
  });

  it('a certificate is for the name that was asked for, or the one that the options or the operator say', async () => {
    const world = await facing(good);
    assert.match(await world.refusal('other.example'), /^net_failed: .*: certificate$/);
    const named = map([
      ['tls', true],
      ['servername', 'server.example'],
    ]);
    await (await world.open('other.example', named)).call('close');
    await world.close();
    const fixed = await facing(good, { tls: { ca: authority.own.certFile, servername: 'other.example' } });
    assert.match(await fixed.refusal('server.example'), /: certificate$/);
    assert.match(await fixed.refusal('other.example', named), /: certificate$/);
    await fixed.close();
  });

  it('a certificate of a stranger, an expired one, and one of nobody are refused', async () => {
    for (const certificate of [
      stranger.issue('DNS:server.example'),
      authority.issue('DNS:server.example', true),
      stranger.own,
    ]) {
      const world = await facing(certificate);
      assert.match(await world.refusal('server.example'), /^net_failed: .*cannot be reached: certificate$/);
      await world.close();
    }
  });

  it('a server that does not speak TLS, hangs up or stays silent is refused in time, and leaves nothing', async () => {
    const cases: [RegExp, (socket: Socket) => void, number][] = [
      [/^net_failed: .*: tls$/, (socket) => socket.write('220 not what you think\r\n'.repeat(20)), 60_000],
      [/^net_failed: .*: (?:closed|reset)$/, (socket) => socket.end(), 60_000],
      [/^net_failed: .*: reset$/, (socket) => socket.resetAndDestroy(), 60_000],
      [/^timed_out: .*within/, () => {}, 150],
    ];
    for (const [expected, behave, connect_ms_max] of cases) {
      const sockets: Socket[] = [];
      const server = createPlainServer((socket) => {
        sockets.push(socket);
        socket.on('error', () => {}).resume();
        behave(socket);
      });
      const port = await listening(server);
      const site = await grantTcp({ connect: ['127.0.0.1:*'], connect_ms_max, sockets_max: 1 });
      for (let count = 0; count < 2; count++)
        assert.match(await (await connector(site)).refusal('resolve', `127.0.0.1:${port}`, TLS), expected);
      await until(() => sockets.every((socket) => socket.destroyed));
      assert.equal(site.timers(), 0);
      site.resolver.close();
      server.close();
    }
  });

  it('shows the certificate of the grant to a server that asks for one', async () => {
    const client = authority.issue('DNS:client.example');
    const asking = { requestCert: true, rejectUnauthorized: true, ca: authority.own.cert, maxVersion: 'TLSv1.2' };
    const bare = await facing(good, {}, asking);
    assert.match(await bare.refusal('server.example'), /^net_failed/);
    await bare.close();
    const tls = { ca: authority.own.certFile, cert: client.certFile, key: client.keyFile };
    const shown = await facing(good, { tls }, asking);
    await (await shown.open('server.example')).call('send', 'x');
    await shown.close();
  });

  it('options that nobody knows are refused before anything leaves', async () => {
    const world = await facing(good);
    let came = 0;
    world.server.on('connection', () => came++);
    for (const options of [
      map([['TLS', true]]),
      map([['tls', 'yes']]),
      map([['servername', 'server.example']]),
      map([
        ['tls', true],
        ['rejectUnauthorized', false],
      ]),
    ])
      assert.match(await world.refusal('server.example', options), /^arguments_invalid/);
    assert.equal(came, 0);
    await world.close();
  });

  describe('as a listener', () => {
    async function listener(power: object = {}) {
      const serverTls = { cert: good.certFile, key: good.keyFile };
      const site = await grantTcp({ listen: ['127.0.0.1:0'], serverTls, ...power });
      const answer = await root(site, 'tcpListener').map('bind', '127.0.0.1:0', TLS);
      const port = Number(String(answer.get('local')).split(':')[1]);
      return { site, port, source: site.host.open(answer.get('connections')) };
    }
    const dialTls = (
      port: number,
      options: Pick<ConnectionOptions, 'cert' | 'key'> = {},
      allowHalfOpen = true,
    ): TLSSocket =>
      connect({
        host: '127.0.0.1',
        port,
        ca: authority.own.cert,
        servername: 'server.example',
        ...{ allowHalfOpen },
        ...options,
      });

    it('announces connections once their handshake is done', async () => {
      const { site, port, source } = await listener();
      const client = dialTls(port);
      const [made] = await source.take();
      assert(made instanceof NewObject);
      const socket = site.host.made(made);
      client.write('hello');
      assert.equal(await received(socket, 5), 'hello');
      assert.equal(infoOf(await socket.call('info')).servername, 'server.example');
      await socket.call('send', 'bye');
      await socket.call('close');
      assert.equal(String(await allOf(client)), 'bye');
      client.destroy();
      site.resolver.close();
      assert.equal(site.timers(), 0);
    });

    it('whoever speaks no TLS, or never ends its handshake, is announced to nobody and keeps no place', async () => {
      const { site, port, source } = await listener({ connect_ms_max: 300, sockets_max: 2 });
      for (const text of ['GET / HTTP/1.1\r\n\r\n', '', '\x16\x03\x01']) {
        const client = connectPlain(port, '127.0.0.1', () => void (text === '' || client.write(text)));
        client.on('error', () => {}).resume();
        await new Promise((resolve) => client.once('close', resolve));
      }
      // As often as it takes on a machine that is busy with other things for that long.
      const clients: TLSSocket[] = [];
      let came = false;
      const coming = source.take().then(() => (came = true));
      while (!came) {
        const client = dialTls(port).on('error', () => {});
        clients.push(client);
        await Promise.race([coming, new Promise((resolve) => client.once('close', resolve))]);
      }
      assert.equal(source.unread.length, 0);
      for (const client of clients) client.destroy();
      site.resolver.close();
    });

    it('handshakes count: beyond the bound nobody gets one', async () => {
      const { site, port } = await listener({ sockets_max: 3 });
      const slow = [0, 1, 2, 3].map(() =>
        connectPlain(port, '127.0.0.1')
          .on('error', () => {})
          .resume(),
      );
      let ended = 0;
      for (const each of slow) each.once('end', () => ended++);
      await until(() => ended === 2);
      for (const each of slow) each.destroy();
      site.resolver.close();
    });

    it('a port that is closed leaves no handshake under way', async () => {
      const { site, port, source } = await listener();
      const slow = connectPlain(port, '127.0.0.1')
        .on('error', () => {})
        .resume();
      await new Promise((resolve) => slow.once('connect', resolve));
      const ended = new Promise((resolve) => slow.once('close', resolve));
      source.leave();
      await ended;
      site.resolver.close();
      assert.equal(site.timers(), 0);
    });

    it('asks for a certificate where the grant says so, and takes none of a stranger', async () => {
      const serverTls = { cert: good.certFile, key: good.keyFile, clientCa: authority.own.certFile };
      const { site, port, source } = await listener({ serverTls });
      const known = authority.issue('DNS:client.example');
      const unknown = stranger.issue('DNS:client.example');
      const none: Pick<ConnectionOptions, 'cert' | 'key'> = {};
      for (const options of [none, { cert: unknown.cert, key: unknown.key }]) {
        const client = dialTls(port, options, false).resume();
        await new Promise((resolve) => client.on('error', () => {}).once('close', resolve));
      }
      const client = dialTls(port, { cert: known.cert, key: known.key });
      await source.take();
      assert.equal(source.unread.length, 0);
      client.destroy();
      site.resolver.close();
    });

    it('is refused without a certificate of the grant', async () => {
      const site = await grantTcp({ listen: ['127.0.0.1:0'] });
      assert.match(await root(site, 'tcpListener').refusal('bind', '127.0.0.1:0', TLS), /^not_available: .*serverTls/);
      site.resolver.close();
    });
  });

  it('files that are missing, or no certificate and key that belong together, refuse the grant and are not shown', async () => {
    const other = authority.issue('DNS:x.example');
    const config = { code: 'config_invalid' };
    await assert.rejects(grantTcp({ tls: { ca: '/nowhere/ca.pem' } }), { ...config, message: /\/nowhere\/ca\.pem/ });
    await assert.rejects(grantTcp({ serverTls: { cert: good.certFile, key: other.keyFile } }), config);
    await assert.rejects(
      grantTcp({ serverTls: { cert: good.keyFile, key: good.certFile } }),
      (error: Error) => !error.message.includes('PRIVATE') && /serverTls/.test(error.message),
    );
    await assert.rejects(grantTcp({ tls: { cert: good.certFile } }), {
      ...config,
      message: /cert and key belong together/,
    });
  });
});
