/**
 * Attempts of programs and peers to get further over TCP and UDP than they were let. Each row: the attempt, the code
 * it is answered with; and the proof that nothing left: canaries on every address of this machine, which count.
 */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import type { Socket as UdpSocket } from 'node:dgram';
import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { parseCall } from '../../channels/index.ts';
import { powerHandle, readGrants } from '../../src/capability/index.ts';
import type { PowerOf } from '../../src/capability/index.ts';
import { bytes, map } from '../../src/values/index.ts';
import type { Value } from '../../src/values/index.ts';
import type { TestObject } from '../resolvers/host.ts';
import { dial, GRANT, grantTcp, grantUdp, infoOf, Peer, root, until } from '../resolvers/sockets.ts';

/** What the names of these tests lead to. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  localhost: ['127.0.0.1', '::1'],
  'notallowed.example': ['127.0.0.1'],
  'allowed.example': ['127.0.0.1'],
  'mapped.allowed.example': ['::ffff:127.0.0.1'],
  'six.allowed.example': ['::1'],
  'nat.allowed.example': ['64:ff9b::7f00:1'],
  'many.allowed.example': ['10.0.0.1', '192.168.0.1', 'fd00::1'],
  'cloud.allowed.example': ['169.254.169.254'],
};

const resolve = (host: string): Promise<readonly string[]> =>
  NAMES[host] === undefined ? Promise.reject(new Error('ENOTFOUND')) : Promise.resolve(NAMES[host]);

class Canaries {
  connections = 0;
  datagrams = 0;
  readonly #servers: Server[] = [];
  readonly #sockets: UdpSocket[] = [];
  tcp = 0;
  udp = 0;

  /** At one port for both families; where another process has it in the second one, at another. */
  async open(): Promise<void> {
    for (;;) {
      try {
        await this.#open();
        return;
      } catch (error) {
        this.close();
        if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
        this.tcp = this.udp = 0;
      }
    }
  }

  async #open(): Promise<void> {
    for (const host of ['0.0.0.0', '::']) {
      const server = createServer((socket) => {
        this.connections++;
        socket.on('error', () => {}).destroy();
      });
      this.#servers.push(server);
      await new Promise<void>((done, failed) =>
        server.once('error', failed).listen({ host, port: this.tcp, ipv6Only: host === '::' }, done),
      );
      this.tcp = (server.address() as AddressInfo).port;
      const socket = createSocket({ type: host === '::' ? 'udp6' : 'udp4', ipv6Only: host === '::' });
      socket.on('message', () => this.datagrams++);
      this.#sockets.push(socket);
      await new Promise<void>((done, failed) => socket.once('error', failed).bind(this.udp, host, done));
      this.udp = socket.address().port;
    }
  }

  close(): void {
    for (const server of this.#servers.splice(0)) server.close();
    for (const socket of this.#sockets.splice(0)) socket.close();
  }
}

/** The refusal of a call, by its declaration or by its native. */
async function codeOf(object: TestObject, method: string, args: readonly Value[]): Promise<string> {
  const parsed = parseCall(object.native.declaration, [method, ...args]);
  if (!parsed.ok) return parsed.code;
  const answer = await object.answer(method, ...args);
  return 'error' in answer ? answer.error.code : 'ok';
}

/** Long enough for a packet on loopback to be seen by who waits for it. */
async function settle(): Promise<void> {
  for (let count = 0; count < 3; count++) await new Promise((done) => setTimeout(done, 2));
}

describe('escapes over TCP and UDP', () => {
  const canaries = new Canaries();
  before(() => canaries.open());
  after(() => canaries.close());

  it('the canaries count whoever comes', async () => {
    for (const host of ['127.0.0.1', '[::1]']) (await dial(`${host}:${canaries.tcp}`)).destroy();
    await until(() => canaries.connections === 2);
    const socket = createSocket('udp4');
    socket.send('x', canaries.udp, '127.0.0.1', () => socket.close());
    await until(() => canaries.datagrams === 1);
    canaries.connections = canaries.datagrams = 0;
  });

  const CONNECT: readonly (readonly [attempt: string, address: (port: number) => string, code: string])[] = [
    ['loopback, by its address', (port) => `127.0.0.1:${port}`, 'address_refused'],
    ['loopback, by another one of its addresses', (port) => `127.9.9.9:${port}`, 'address_refused'],
    ['loopback, mapped into IPv6', (port) => `[::ffff:127.0.0.1]:${port}`, 'address_refused'],
    ['loopback, mapped into IPv6, in hexadecimal', (port) => `[::ffff:7f00:1]:${port}`, 'address_refused'],
    ['loopback of IPv6', (port) => `[::1]:${port}`, 'address_refused'],
    ['every address of this machine, which leads to loopback', (port) => `0.0.0.0:${port}`, 'address_refused'],
    ['every address of IPv6', (port) => `[::]:${port}`, 'address_refused'],
    ['the name of loopback', (port) => `localhost:${port}`, 'address_refused'],
    ['a granted name that leads to loopback', (port) => `allowed.example:${port}`, 'address_refused'],
    ['a granted name in capitals', (port) => `ALLOWED.example:${port}`, 'address_refused'],
    ['a granted name that leads to a mapped address', (port) => `mapped.allowed.example:${port}`, 'address_refused'],
    ['a granted name that leads to loopback of IPv6', (port) => `six.allowed.example:${port}`, 'address_refused'],
    ['a granted name that leads through NAT64', (port) => `nat.allowed.example:${port}`, 'address_refused'],
    ['a granted name that leads to private networks', (port) => `many.allowed.example:${port}`, 'address_refused'],
    ['a granted name that leads to credentials', (port) => `cloud.allowed.example:${port}`, 'address_refused'],
    ['the address of credentials, within a granted range', () => '169.254.169.254:80', 'address_refused'],
    ['a name that ends like a granted one', (port) => `notallowed.example:${port}`, 'address_refused'],
    ['a granted address with another port', () => '127.77.0.1:1', 'address_refused'],
    ['an address as one number', (port) => `2130706433:${port}`, 'arguments_invalid'],
    ['an address in hexadecimal', (port) => `0x7f000001:${port}`, 'arguments_invalid'],
    ['an address in octal', (port) => `0177.0.0.1:${port}`, 'arguments_invalid'],
    ['an address with parts left out', (port) => `127.1:${port}`, 'arguments_invalid'],
    ['an address with a zone', (port) => `[::1%lo]:${port}`, 'arguments_invalid'],
    ['a trailing dot', (port) => `allowed.example.:${port}`, 'arguments_invalid'],
    ['a user before the host', (port) => `allowed.example@127.0.0.1:${port}`, 'arguments_invalid'],
    ['a NUL after a granted name', (port) => `allowed.example\0.127.0.0.1:${port}`, 'arguments_invalid'],
    ['a line break after the port', (port) => `127.0.0.1:${port}\r\n`, 'arguments_invalid'],
    ['a space before the host', (port) => ` 127.0.0.1:${port}`, 'arguments_invalid'],
    ['digits that are no ASCII', (port) => `１２７.0.0.1:${port}`, 'arguments_invalid'],
    ['a URL', (port) => `tcp://127.0.0.1:${port}`, 'arguments_invalid'],
    ['two ports', (port) => `127.0.0.1:${port}:${port}`, 'arguments_invalid'],
    ['port 0', () => '127.77.0.1:0', 'arguments_invalid'],
    ['a port that wraps around', (port) => `127.0.0.1:${port + 65_536}`, 'arguments_invalid'],
    ['an address of a megabyte', (port) => `${'a'.repeat(1024 * 1024)}:${port}`, 'arguments_invalid'],
  ];

  for (const [attempt, address, code] of CONNECT) {
    it(`connecting to ${attempt} is answered ${code}`, async () => {
      const { tcp } = canaries;
      const site = await grantTcp(
        {
          connect: [
            `allowed.example:${tcp}`,
            `*.allowed.example:${tcp}`,
            '169.254.0.0/16:*',
            `127.77.0.1:${tcp}`,
            '8.8.0.0/16:53',
          ],
        },
        resolve,
      );
      const from = await root(site, 'tcpClient').resolve('resolve', '0');
      assert.equal(await codeOf(from, 'resolve', [address(tcp)]), code);
      assert.equal(await codeOf(from, 'resolve', [address(tcp), map([['tls', true]])]), code);
      await settle();
      assert.equal(canaries.connections, 0, 'something has left');
      assert.equal(site.timers(), 0);
      site.resolver.close();
    });
  }

  it('a name that leads elsewhere the second time is asked once for a connection, and that answer is used', async () => {
    let asked = 0;
    const granted = await Peer.open(() => {}, '127.77.0.1');
    const rules = [`turning.example:${granted.port}`, `127.77.0.1:${granted.port}`];
    const site = await grantTcp({ connect: rules }, async () => [++asked === 1 ? '127.77.0.1' : '127.0.0.1']);
    const from = await root(site, 'tcpClient').resolve('resolve', '0');
    const socket = await from.resolve('resolve', `turning.example:${granted.port}`);
    assert.equal(infoOf(await socket.call('info')).remote, `127.77.0.1:${granted.port}`);
    assert.equal(asked, 1);
    site.resolver.close();
    await granted.close();
  });

  it('of the addresses of a name only those are tried that were granted', async () => {
    const granted = await Peer.open(() => {}, '127.77.0.1');
    const { port } = granted;
    const site = await grantTcp({ connect: [`mixed.example:${port}`, `127.77.0.1:${port}`] }, async () => [
      '127.0.0.1',
      '::1',
      '127.77.0.1',
    ]);
    const from = await root(site, 'tcpClient').resolve('resolve', 0);
    const socket = await from.resolve('resolve', `mixed.example:${port}`);
    assert.equal(infoOf(await socket.call('info')).remote, `127.77.0.1:${port}`);
    site.resolver.close();
    await granted.close();
  });

  it('a local port that was not granted is refused, also one of the first 1024', async () => {
    const site = await grantTcp({ connect: [`127.0.0.1:${canaries.tcp}`], localPorts: '0,40000-40010' });
    for (const port of ['22', 1023, 39_999, 40_011]) {
      const from = await root(site, 'tcpClient').resolve('resolve', port);
      assert.equal(await codeOf(from, 'resolve', [`127.0.0.1:${canaries.tcp}`]), 'address_refused');
    }
    await settle();
    assert.equal(canaries.connections, 0);
    site.resolver.close();
  });

  it('a grant without rules reaches nothing at all', async () => {
    const tcp = await grantTcp({});
    const from = await root(tcp, 'tcpClient').resolve('resolve', 0);
    assert.equal(await codeOf(from, 'resolve', [`127.0.0.1:${canaries.tcp}`]), 'address_refused');
    for (const where of ['127.0.0.1:0', '0.0.0.0:0', 0, '[::]:0'])
      assert.equal(await codeOf(root(tcp, 'tcpListener'), 'bind', [where]), 'address_refused');
    const udp = grantUdp({});
    for (const where of ['127.0.0.1:0', '0.0.0.0:0', 0, '0'])
      assert.equal(await codeOf(root(udp, 'udp'), 'bind', [where]), 'address_refused');
    tcp.resolver.close();
    udp.resolver.close();
  });

  const LISTEN: readonly (readonly [attempt: string, where: string | number, code: string])[] = [
    ['every address, granted as a range', '0.0.0.0:0', 'address_refused'],
    ['every address of IPv6, granted as a range', '[::]:0', 'address_refused'],
    ['every address, mapped into IPv6', '[::ffff:0.0.0.0]:0', 'address_refused'],
    ['a port that was not granted', '127.0.0.1:1', 'address_refused'],
    ['a port alone, where only ranges of addresses are granted', 0, 'address_refused'],
    ['a name', 'localhost:0', 'arguments_invalid'],
    ['no address', ':0', 'arguments_invalid'],
    ['an address in octal', '0177.0.0.1:0', 'arguments_invalid'],
  ];
  for (const [attempt, where, code] of LISTEN) {
    it(`listening at ${attempt} is answered ${code}`, async () => {
      const rules = ['0.0.0.0/0:0', '[::/0]:0'];
      const tcp = await grantTcp({ listen: rules });
      assert.equal(await codeOf(root(tcp, 'tcpListener'), 'bind', [where]), code);
      const udp = grantUdp({ bind: rules });
      assert.equal(await codeOf(root(udp, 'udp'), 'bind', [where]), code);
      assert.equal(tcp.timers(), 0);
      tcp.resolver.close();
      udp.resolver.close();
    });
  }

  const SEND: readonly (readonly [attempt: string, address: (port: number) => string, code: string])[] = [
    ['loopback that was not granted', (port) => `127.0.0.1:${port}`, 'address_refused'],
    ['loopback, mapped into IPv6', (port) => `[::ffff:127.0.0.1]:${port}`, 'address_refused'],
    ['a granted name that leads to loopback', (port) => `allowed.example:${port}`, 'address_refused'],
    ['everybody', (port) => `255.255.255.255:${port}`, 'address_refused'],
    ['everybody in a network, which was granted', (port) => `127.255.255.255:${port}`, 'net_failed'],
    ['a group that was not granted', (port) => `224.0.0.1:${port}`, 'address_refused'],
    ['a granted address with port 0', () => '127.77.0.1:0', 'arguments_invalid'],
    ['an address as one number', (port) => `2130706433:${port}`, 'arguments_invalid'],
  ];
  for (const [attempt, address, code] of SEND) {
    it(`a datagram to ${attempt} is answered ${code}`, async () => {
      const { udp } = canaries;
      const send = [`allowed.example:${udp}`, `127.77.0.1:${udp}`, `127.255.255.255:${udp}`];
      const site = grantUdp({ bind: ['127.0.0.1:0'], send }, resolve);
      const socket = await root(site, 'udp').resolve('bind', 0);
      assert.equal(await codeOf(socket, 'send', [address(udp), 'x']), code);
      await settle();
      assert.equal(canaries.datagrams, 0, 'something has left');
      site.resolver.close();
    });
  }

  it('a forged sender gets no more out of a grant that replies than was put into it, over any number of datagrams', async () => {
    const { udp } = canaries;
    const site = grantUdp({ bind: ['127.0.0.1:0'], send: ['127.0.0.1:*'], reply_only: true });
    const server = await root(site, 'udp').resolve('bind', 0);
    // The victim has sent nothing: nothing is sent to it.
    assert.equal(await codeOf(server, 'send', [`127.0.0.1:${udp}`, 'amplified']), 'address_refused');
    const forger = createSocket('udp4');
    await new Promise<void>((done) => forger.bind(0, '127.0.0.1', done));
    let got = 0;
    forger.on('message', (data) => (got += data.length));
    const local = Number(String(infoOf(await server.call('info')).local).split(':')[1]);
    for (let count = 0; count < 10; count++) forger.send('12345', local, '127.0.0.1');
    for (let count = 0; count < 10; count++) {
      await server.call('receive');
      await codeOf(server, 'send', [`127.0.0.1:${forger.address().port}`, 'x'.repeat(20)]);
    }
    await settle();
    assert.ok(got <= 50, `${got} bytes came back for 50`);
    assert.equal(canaries.datagrams, 0);
    forger.close();
    site.resolver.close();
  });

  it('a datagram that is too large is refused whole', async () => {
    const { udp } = canaries;
    const site = grantUdp({ bind: ['127.0.0.1:0'], send: [`127.0.0.1:${udp}`] });
    const socket = await root(site, 'udp').resolve('bind', 0);
    for (const size of [65_508, 16 * 1024 * 1024])
      assert.equal(await codeOf(socket, 'send', [`127.0.0.1:${udp}`, bytes(new Uint8Array(size))]), 'value_too_large');
    await settle();
    assert.equal(canaries.datagrams, 0);
    site.resolver.close();
  });

  it('a peer that announces a frame of four gigabytes costs no memory, and its frame is refused', async () => {
    const peer = await Peer.open((socket) => socket.write(Buffer.from([255, 255, 255, 255, 1, 2, 3])));
    const site = await grantTcp({ connect: [peer.address] });
    const socket = await (await root(site, 'tcpClient').resolve('resolve', 0)).resolve('resolve', peer.address);
    assert.equal(await codeOf(socket, 'receiveFrame', []), 'value_too_large');
    assert.equal(infoOf(await socket.call('info')).unread_bytes, 7);
    site.resolver.close();
    await peer.close();
  });

  it('a program that opens sockets and forgets them is stopped by its bound, and nobody else', async () => {
    const peer = await Peer.open();
    const site = await grantTcp({ connect: [peer.address], sockets_max: 5 });
    await site.resolver.grant('other/net', readGrants([{ kind: 'tcp', connect: [peer.address] }])[0] as PowerOf<'tcp'>);
    const from = await root(site, 'tcpClient').resolve('resolve', 0);
    const codes = await Promise.all(Array.from({ length: 50 }, () => codeOf(from, 'resolve', [peer.address])));
    assert.equal(codes.filter((code) => code === 'ok').length, 5);
    assert.equal(codes.filter((code) => code === 'quota_exceeded').length, 45);
    const other = await site.host.object('tcpClient', powerHandle('other/net')).resolve('resolve', 0);
    assert.equal(await codeOf(other, 'resolve', [peer.address]), 'ok');
    await until(() => peer.sockets.length >= 6);
    assert.equal(peer.sockets.length, 6);
    site.resolver.close();
    await peer.close();
  });

  it('the id of a grant in a handle is all the authority there is: another id reaches nothing', async () => {
    const site = await grantTcp({ connect: [`127.0.0.1:${canaries.tcp}`] });
    for (const id of ['someone/net', '', 'tester', `${GRANT}/`, '__proto__']) {
      const from = site.host.object('tcpConnector', powerHandle(id, 0));
      assert.equal(await codeOf(from, 'resolve', [`127.0.0.1:${canaries.tcp}`]), 'not_available');
    }
    await settle();
    assert.equal(canaries.connections, 0);
    site.resolver.close();
  });
});
