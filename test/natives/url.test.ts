/** What stands between a node and a host at a URL: certificates of an authority, and networks that fall silent. */
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:https';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { listenHost } from '../../src/embedding/host.ts';
import { Authority, type Certificate } from '../resolvers/certificates.ts';
import { host } from './support/example.ts';
import { ask, codeOf, ExampleServer, KEY, openWith, refusal, until } from './support/hosts.ts';
import { SilentProxy } from './support/silent-proxy.ts';

describe('a host behind wss', () => {
  let authority: Authority;
  let other: Authority;
  const closing: (() => Promise<void>)[] = [];

  before(() => {
    authority = new Authority();
    other = new Authority();
  });
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });
  after(() => {
    authority.close();
    other.close();
  });

  const listen = async ({ cert, key }: Certificate, at = 'localhost'): Promise<string> => {
    const listening = await listenHost(host, { key: KEY, tls: { cert, key } });
    closing.push(() => listening.close());
    return listening.url.replace('127.0.0.1', at);
  };

  it('is called when its certificate is of the authority that the operator names, for its name or its address', async () => {
    const certificate = authority.issue('DNS:localhost,IP:127.0.0.1');
    for (const name of ['localhost', '127.0.0.1']) {
      const url = await listen(certificate, name);
      assert.match(url, /^wss:/);
      const space = await openWith({ url, key: KEY, required: true, ca: authority.own.certFile });
      try {
        assert.equal(await ask(space, 'ex!?("add", 2, 3)'), 5);
      } finally {
        await space.close();
      }
    }
  });

  it('is not called with the certificate of another authority, for another name, or past its time, and the words say which', async () => {
    const own = { ca: authority.own.certFile };
    const rows: readonly (readonly [string, Certificate, { readonly ca?: string }, RegExp])[] = [
      ['no authority', authority.issue('DNS:localhost'), {}, /comes from an authority that is not trusted/],
      ['another authority', other.issue('DNS:localhost'), own, /comes from an authority that is not trusted/],
      ['another name', authority.issue('DNS:elsewhere.example'), own, /is for another name than that of the URL/],
      ['another address', authority.issue('IP:127.0.0.2'), own, /is for another name/],
      ['expired', authority.issue('DNS:localhost', true), own, /has expired/],
      ['its own', other.own, own, /is signed by itself|is not trusted|is for another name/],
    ];
    for (const [what, certificate, ca, words] of rows) {
      const url = await listen(certificate);
      const { code, message } = await refusal(openWith({ url, key: KEY, required: true, ...ca }));
      assert.equal(code, 'host_failed', what);
      assert.match(message, words, what);
      assert.ok(!message.includes(KEY));
    }
  });

  it('hears no token before its certificate has been judged', async () => {
    const { cert, key } = other.issue('DNS:localhost');
    let requests = 0;
    const listener: Server = createServer({ cert, key }, (_, response) => {
      requests++;
      response.end();
    });
    listener.on('upgrade', (_, socket) => {
      requests++;
      socket.destroy();
    });
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    closing.push(async () => {
      listener.closeAllConnections();
      listener.close();
      await once(listener, 'close');
    });
    const url = `wss://localhost:${(listener.address() as AddressInfo).port}/`;
    const { message } = await refusal(openWith({ url, key: KEY, required: true, ca: authority.own.certFile }));
    assert.match(message, /is not trusted/);
    assert.equal(requests, 0);
  });

  it('and where nothing is encrypted there is no TLS to speak', async () => {
    const server = await ExampleServer.start();
    closing.push(() => server.stop());
    const url = server.url.replace('ws:', 'wss:');
    const { code, message } = await refusal(openWith({ url, key: KEY, required: true, ca: authority.own.certFile }));
    assert.equal(code, 'host_failed');
    assert.match(message, /the connection failed/);
  });
});

describe('a host behind a network that falls silent', () => {
  it('is taken for gone after its time: what was under way is answered, and it is dialled again', async () => {
    const server = await ExampleServer.start();
    const proxy = await SilentProxy.to(Number(new URL(server.url).port));
    const url = `ws://127.0.0.1:${proxy.port}/`;
    const space = await openWith({ url, key: KEY, required: true, silent_ms_max: 3_000, start_ms_max: 20_000 });
    try {
      assert.equal(await ask(space, 'ex!?("add", 2, 3)'), 5);
      const under = codeOf(space, 'ex!?("sleep")');
      await until(() => space.hosts()[0]?.running === 1, 'the call is under way');
      proxy.hush(true);
      // Neither end hears that anything has ended, and yet nobody waits for ever.
      await until(() => space.hosts()[0]?.state !== 'up', 'the host is taken for gone');
      assert.equal(await under, 'interrupted');
      assert.match(space.hosts()[0]?.reason ?? '', /nothing was heard of it for 3000 ms|has not answered within/);
      assert.equal(await codeOf(space, 'ex!?("fail", "x")'), 'not_available');
      proxy.heal();
      await until(() => space.hosts()[0]?.state === 'up', 'the host is there again');
      assert.equal(await ask(space, 'ex!?("add", 3, 4)'), 7);
    } finally {
      await space.close();
      await proxy.close();
      await server.stop();
    }
  });
});
