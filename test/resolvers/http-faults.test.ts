/**
 * What servers, networks and certificates do wrong: each an error value within its time, and nothing left open. The
 * servers are real sockets that misbehave byte by byte.
 */
import assert from 'node:assert/strict';
import { createServer as createTlsHttpServer } from 'node:https';
import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import type { NativeAnswer } from '../../channels/index.ts';
import { limits } from '../../src/limits.ts';
import { map } from '../../src/values/index.ts';
import { Authority } from './certificates.ts';
import type { Certificate } from './certificates.ts';
import { field, grantHttp, listen, onLoopback, openThings, saying, settled } from './http-support.ts';
import type { Granted, Listening, OriginSource } from './http-support.ts';
import type { ResolveName } from '../../resolvers/net/lookup.ts';
import { lived } from '../lived.ts';
import { freePort } from './ports.ts';

/** Short, so that a stall is found within a test; long enough for a machine that is busy. */
const SHORT_MS = 250;
/** The same, where much comes before the stall. */
const STALL_MS = 2_000;
/** No call takes longer than its limits, on a busy machine; less than the limits that a grant has by default. */
const LATE_MS = 9_000;

function assertFailed(answer: NativeAnswer, code: string, text: string): void {
  assert('error' in answer, 'an error was expected');
  assert.equal(answer.error.code, code, answer.error.message);
  assert(answer.error.message.includes(text), answer.error.message);
}

/** Says this to whoever has sent a whole head. */
function raw(answer: (socket: Socket) => void): (socket: Socket) => void {
  return (socket) => {
    let head = '';
    socket.on('data', (data) => {
      head += data.toString('latin1');
      if (!head.includes('\r\n\r\n')) return;
      head = '';
      answer(socket);
    });
  };
}

const OK = 'HTTP/1.1 200 OK\r\n';

describe('http: faults', () => {
  const open: { close(): Promise<void> | void }[] = [];
  let things: readonly string[] = [];
  // Waits, so that the timer with which mocha watches a hook counts here as it does afterwards.
  beforeEach(async () => {
    await new Promise(setImmediate);
    things = openThings();
  });
  afterEach(async () => {
    for (const each of open.splice(0).reverse()) await each.close();
    await settled(things);
  });

  async function start(
    connected: (socket: Socket) => void,
    rest: OriginSource = {},
    resolve?: ResolveName,
  ): Promise<Granted & { readonly server: Listening }> {
    const server = await listen(createServer({ allowHalfOpen: true }, connected));
    const granted = grantHttp([onLoopback(server.origin, rest)], resolve);
    open.push(server, granted);
    return { ...granted, server };
  }

  async function within<T>(work: Promise<T>): Promise<T> {
    const since = lived();
    const result = await work;
    assert(since() < LATE_MS, 'it took longer than its limits');
    return result;
  }

  // One limit each: what comes before it has all the time of a busy machine.
  const noHead = { headers_ms_max: SHORT_MS };
  const noBody = { idle_ms_max: SHORT_MS };
  const noWay = { connect_ms_max: SHORT_MS };
  const faults: readonly (readonly [
    what: string,
    connected: (socket: Socket) => void,
    code: string,
    text: string,
    rest?: OriginSource,
  ])[] = [
    ['a reset instead of an answer', raw((socket) => socket.resetAndDestroy()), 'net_failed', 'reset'],
    ['an end instead of an answer', raw((socket) => socket.end()), 'net_failed', 'closed'],
    ['half an answer’s head', raw((socket) => socket.end('HTTP/1.1 200 OK\r\nContent-')), 'net_failed', 'closed'],
    ['no HTTP', raw((socket) => socket.end('SSH-2.0-OpenSSH_9.0\r\n')), 'net_failed', 'malformed'],
    ['a connection that is closed at once', (socket) => socket.end(), 'net_failed', 'closed'],
    ['a connection that is reset at once', (socket) => socket.resetAndDestroy(), 'net_failed', 'reset'],
    ['a header without a name', raw((socket) => socket.end(`${OK}: x\r\n\r\n`)), 'net_failed', 'malformed'],
    ['a bare line feed in a header', raw((socket) => socket.end(`${OK}a: b\nc: d\r\n\r\n`)), 'net_failed', 'malformed'],
    [
      'both a length and chunks',
      raw((socket) => socket.end(`${OK}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`)),
      'net_failed',
      'malformed',
    ],
    [
      'two lengths',
      raw((socket) => socket.end(`${OK}content-length: 2\r\ncontent-length: 3\r\n\r\nabc`)),
      'net_failed',
      'malformed',
    ],
    [
      'a length that is none',
      raw((socket) => socket.end(`${OK}content-length: -2\r\n\r\n`)),
      'net_failed',
      'malformed',
    ],
    ['a truncated body', raw((socket) => socket.end(`${OK}content-length: 10\r\n\r\nabc`)), 'net_failed', 'truncated'],
    [
      'a body reset in the middle',
      raw((socket) =>
        socket.write(`${OK}content-length: 10\r\n\r\nabc`, () => setTimeout(() => socket.resetAndDestroy(), 20)),
      ),
      'net_failed',
      'truncated',
    ],
    [
      'truncated chunks',
      raw((socket) => socket.end(`${OK}transfer-encoding: chunked\r\n\r\n5\r\nab`)),
      'net_failed',
      'truncated',
    ],
    [
      'a chunk of no size',
      raw((socket) => socket.end(`${OK}transfer-encoding: chunked\r\n\r\nzz\r\n`)),
      'net_failed',
      'malformed',
    ],
    [
      'a compressed body that is none',
      raw((socket) => socket.end(`${OK}content-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc`)),
      'net_failed',
      'encoding',
    ],
    [
      'a compressed body cut short',
      raw((socket) => {
        const body = gzipSync('hello'.repeat(100)).subarray(0, 20);
        socket.write(`${OK}content-encoding: gzip\r\ncontent-length: ${body.length}\r\n\r\n`);
        socket.end(body);
      }),
      'net_failed',
      'encoding',
    ],
    [
      'a coding that nobody asked for',
      raw((socket) => socket.end(`${OK}content-encoding: zstd\r\ncontent-length: 3\r\n\r\nabc`)),
      'net_failed',
      '"zstd"',
    ],
    ['no head, for ever', raw(() => {}), 'timed_out', 'head', noHead],
    ['a head that never ends', raw((socket) => socket.write(OK)), 'timed_out', 'head', noHead],
    [
      'interim answers only',
      raw((socket) => socket.write('HTTP/1.1 103 Early Hints\r\n\r\n')),
      'timed_out',
      'head',
      noHead,
    ],
    [
      'a body that stalls',
      raw((socket) => socket.write(`${OK}content-length: 10\r\n\r\nabc`)),
      'timed_out',
      'body',
      noBody,
    ],
    [
      'a body that drips (slow loris)',
      raw((socket) => {
        socket.write(`${OK}content-length: 100000\r\n\r\n`);
        const drip = setInterval(() => socket.write('x'), 20);
        socket.on('close', () => clearInterval(drip));
        socket.on('error', () => clearInterval(drip));
      }),
      'timed_out',
      'in time',
      { idle_ms_max: 1_000, whole_ms_max: 2 * SHORT_MS },
    ],
    [
      'a head that drips (slow loris)',
      raw((socket) => {
        socket.write(OK);
        const drip = setInterval(() => socket.write('a: b\r\n'), 20);
        socket.on('close', () => clearInterval(drip));
        socket.on('error', () => clearInterval(drip));
      }),
      'timed_out',
      'head',
      noHead,
    ],
    [
      'more headers than are read',
      raw((socket) => socket.end(`${OK}${Array.from({ length: 300 }, (_, index) => `h${index}: x\r\n`).join('')}\r\n`)),
      'value_too_large',
      'headers',
    ],
    [
      'a header without end',
      raw((socket) => {
        socket.on('error', () => {});
        socket.write(`${OK}a: `);
        socket.write('x'.repeat(100_000));
      }),
      'value_too_large',
      'headers',
    ],
    ['a half-open end', raw((socket) => socket.end(`${OK}content-length: 10\r\n\r\n`)), 'net_failed', 'truncated'],
  ];
  for (const [what, connected, code, text, rest] of faults) {
    it(`${what} is ${code}`, async () => {
      const { server, at } = await start(connected, rest);
      assertFailed(await within((await at(server.origin)).answer('get')), code, text);
    });
  }

  it('a compressed body that grows beyond all measure is value_too_large, whole or in chunks', async () => {
    const bomb = gzipSync(Buffer.alloc(50_000_000));
    const { server, host, at } = await start(
      raw((socket) => {
        socket.on('error', () => {});
        socket.write(`${OK}content-encoding: gzip\r\ncontent-length: ${bomb.length}\r\n\r\n`);
        socket.end(bomb);
      }),
      { response_bytes_max: 16 * 1024 * 1024 },
    );
    const there = await at(server.origin);
    assertFailed(await within(there.answer('get')), 'value_too_large', 'more than');
    const answer = await there.map('get', map([['as', 'chunks']]));
    const source = host.open(answer.get('body'));
    let got = 0;
    while (!source.ended || source.unread.length > 0) {
      const [chunk] = source.unread.length > 0 ? await source.take() : [null];
      if (chunk === null) await new Promise(setImmediate);
      else got += (chunk as { bytes: Uint8Array }).bytes.length;
    }
    assert.equal((await source.failed()).code, 'value_too_large');
    assert(got <= bomb.length * 200, `${got} bytes of ${bomb.length} were let through`);
  });

  it('a body in chunks that breaks off ends with the error, after what had come', async () => {
    const { server, host, at } = await start(raw((socket) => socket.end(`${OK}content-length: 10\r\n\r\nabc`)));
    const answer = await (await at(server.origin)).map('get', map([['as', 'chunks']]));
    const source = host.open(answer.get('body'));
    const error = await source.failed();
    assert.equal(error.code, 'net_failed');
    assert.match(error.message, /truncated/);
  });

  it('a body in chunks that stalls ends with timed_out, but not while its reader is slow', async () => {
    let send = (_: string): void => {};
    const { server, host, at } = await start(
      raw((socket) => {
        socket.on('error', () => {});
        send = (text) => void socket.write(text);
        socket.write(`${OK}content-length: 1000000\r\n\r\n`);
        socket.write('x'.repeat(900_000));
      }),
      { idle_ms_max: STALL_MS },
    );
    const answer = await (await at(server.origin)).map(
      'get',
      map([
        ['as', 'chunks'],
        ['chunkBytes', 1_000],
      ]),
    );
    const source = host.open(answer.get('body'));
    await new Promise((resolve) => setTimeout(resolve, 1.5 * STALL_MS));
    assert.equal(source.failure, null, 'the sender waits for the reader');
    send('x');
    let got = 0;
    while (!source.ended) {
      if (source.unread.length === 0) await new Promise(setImmediate);
      else got += (((await source.take())[0] as { bytes: Uint8Array }) ?? { bytes: [] }).bytes.length;
    }
    assert.equal((await source.failed()).code, 'timed_out');
    assert(got > 800_000, `${got}`);
  });

  const framings: readonly (readonly [what: string, head: string, tail: string])[] = [
    ['ends with its connection', '', ''],
    ['has a length', 'connection: close\r\ncontent-length: 262200\r\n', ''],
    ['has a length, on a connection to be kept', 'content-length: 262200\r\n', ''],
    ['comes in pieces', 'connection: close\r\ntransfer-encoding: chunked\r\n\r\n40038', '\r\n0\r\n\r\n'],
  ];
  for (const [what, head, tail] of framings) {
    it(`a body that ${what} arrives whole when its sender leaves while its reader is slow`, async () => {
      const body = Buffer.alloc(262_200, 'x');
      const { server, host, at } = await start(
        raw((socket) => {
          socket.write(`${OK}${head}\r\n`);
          socket.write(body);
          setTimeout(() => socket.end(tail), 30);
        }),
      );
      const answer = await (await at(server.origin)).map('get', map([['as', 'chunks']]));
      await new Promise((resolve) => setTimeout(resolve, 80));
      const source = host.open(answer.get('body'));
      let got = 0;
      for (;;) {
        const [chunk] = await source.take();
        if (chunk === null) break;
        got += (chunk as { bytes: Uint8Array }).bytes.length;
      }
      assert.equal(got, body.length);
    });
  }

  it('what a server says unasked is never taken for the answer of the next request, nor of one that waits', async () => {
    const { server, at } = await start(
      raw((socket) => {
        socket.on('error', () => {});
        const answer = (text: string): string => `${OK}content-type: text/plain\r\ncontent-length: 4\r\n\r\n${text}`;
        socket.write(answer('mine') + answer('evil'));
      }),
      { requests_open_max: 2 * limits.http_connections_max },
    );
    const there = await at(server.origin);
    for (const _ of [1, 2, 3]) assert.equal(field(await there.call('get'), 'body'), 'mine');
    assert.equal(server.connections(), 3);
    const count = limits.http_connections_max + 16;
    const answers = await Promise.all(Array.from({ length: count }, () => there.call('get')));
    for (const answer of answers) assert.equal(field(answer, 'body'), 'mine');
    assert.equal(server.connections(), 3 + count);
  });

  it('a body of which the channel never becomes durable lets its connection go when the space closes', async () => {
    const { server, at, close } = await start(raw((socket) => socket.write(`${OK}\r\nabc`)));
    await (await at(server.origin)).map('get', map([['as', 'chunks']]));
    await close();
  });

  it('a refused connection is net_failed', async () => {
    // A port that nobody is given meanwhile.
    const origin = `http://127.0.0.1:${await freePort()}`;
    const granted = grantHttp([onLoopback(origin)]);
    open.push(granted);
    assertFailed(await within((await granted.at(origin)).answer('post', 'x')), 'net_failed', 'refused');
  });

  it('a name that is not there, or that nobody answers for, is an error within its time', async () => {
    const unknown: ResolveName = () => Promise.reject(Object.assign(new Error(''), { code: 'ENOTFOUND' }));
    const silent: ResolveName = () => new Promise(() => {});
    for (const [resolve, code, text] of [
      [unknown, 'net_failed', 'name_unknown'],
      [silent, 'timed_out', 'looked up'],
    ] as const) {
      const granted = grantHttp([{ origin: 'http://name.example', ...noWay }], resolve);
      open.push(granted);
      assertFailed(await within((await granted.at('http://name.example/')).answer('get')), code, text);
    }
  });

  it('a name of which the first address is dead is reached at the next one', async () => {
    const server = await listen(createServer(raw((socket) => socket.end(`${OK}content-length: 0\r\n\r\n`))));
    const granted = grantHttp(
      [onLoopback(`http://name.example:${server.port}`, { addresses: ['127.0.0.0/8'] })],
      async () => ['127.0.0.99', '127.0.0.1'],
    );
    open.push(server, granted);
    const answer = await (await granted.at(`http://name.example:${server.port}/`)).call('post', 'x');
    assert.equal(field(answer, 'status'), 200);
  });

  describe('TLS', () => {
    let authority: Authority;
    let good: Certificate;
    before(() => {
      authority = new Authority();
      good = authority.issue('DNS:name.example,IP:127.0.0.1');
    });
    after(() => authority.close());

    async function startTls(
      certificate: Certificate,
      rest: OriginSource,
      host = '127.0.0.1',
    ): Promise<{ readonly granted: Granted; readonly url: string; readonly requests: readonly string[] }> {
      const requests: string[] = [];
      const answer = saying(200, { 'content-type': 'text/plain' }, 'secret');
      const tls = createTlsHttpServer({ cert: certificate.cert, key: certificate.key }, (request, response) => {
        requests.push(`${request.method} ${request.url}`);
        answer(request, response);
      });
      tls.on('tlsClientError', () => {});
      const server = await listen(tls, 'https');
      const url = `https://${host}:${server.port}/`;
      const granted = grantHttp([onLoopback(url.slice(0, -1), rest)], async () => ['127.0.0.1']);
      open.push(server, granted);
      return { granted, url, requests };
    }

    for (const [what, settings] of [
      ['as a file', () => ({ ca: authority.own.certFile })],
      ['as text', () => ({ caText: authority.own.cert })],
    ] as const) {
      it(`a server of an authority that the operator trusts (${what}) is reached, by name and by address`, async () => {
        for (const host of ['127.0.0.1', 'name.example']) {
          const { granted, url } = await startTls(good, { tls: settings() }, host);
          assert.equal(field(await (await granted.at(url)).call('get'), 'body'), 'secret');
        }
      });
    }

    it('a slow reader slows an encrypted sender, too, and gets all of it when that one leaves', async () => {
      const whole = 32 * 1024 * 1024;
      let taken = false;
      const tls = createTlsHttpServer({ cert: good.cert, key: good.key }, (_, response) => {
        response.writeHead(200, { connection: 'close' }).end(Buffer.alloc(whole), () => {
          taken = true;
        });
      });
      const server = await listen(tls, 'https');
      const granted = grantHttp([onLoopback(server.origin, { tls: { caText: authority.own.cert } })]);
      open.push(server, granted);
      const answer = await (await granted.at(server.origin)).map('get', map([['as', 'chunks']]));
      await new Promise((resolve) => setTimeout(resolve, SHORT_MS));
      assert.equal(taken, false);
      const source = granted.host.open(answer.get('body'));
      let got = 0;
      for (;;) {
        const [chunk] = await source.take();
        if (chunk === null) break;
        got += (chunk as { bytes: Uint8Array }).bytes.length;
      }
      assert.equal(got, whole);
    });

    const bad: readonly (readonly [what: string, certificate: () => Certificate, trusted: boolean, host?: string])[] = [
      ['of an unknown authority', () => good, false],
      ['self-signed', () => authority.own, false],
      ['for another name', () => authority.issue('DNS:other.example'), true, 'name.example'],
      ['for a name, where an address was asked for', () => authority.issue('DNS:name.example'), true],
      ['for a name above', () => authority.issue('DNS:*.name.example'), true, 'name.example'],
      ['expired', () => authority.issue('DNS:name.example,IP:127.0.0.1', true), true],
    ];
    for (const [what, certificate, trusted, host] of bad) {
      it(`a certificate ${what} is refused, and nothing is asked`, async () => {
        const rest = { tls: trusted ? { caText: authority.own.cert } : {} };
        const { granted, url, requests } = await startTls(certificate(), rest, host);
        assertFailed(await within((await granted.at(url)).answer('get')), 'net_failed', 'certificate');
        assert.deepEqual(requests, []);
      });
    }

    it('no variable of the environment makes a bad certificate good', async () => {
      const { granted, url, requests } = await startTls(good, {});
      process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
      try {
        assertFailed(await (await granted.at(url)).answer('get'), 'net_failed', 'certificate');
      } finally {
        delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
      }
      assert.deepEqual(requests, []);
    });

    it('a grant that trusts less does not use the connections of one that trusts more', async () => {
      const { granted, url, requests } = await startTls(good, { tls: { caText: authority.own.cert } });
      await (await granted.at(url)).call('get');
      const { httpPower } = await import('../../src/capability/powers/http.ts');
      granted.resolver.grant('strict/http', httpPower.parse({ kind: 'http', origins: [onLoopback(url.slice(0, -1))] }));
      const { powerHandle } = await import('../../src/capability/index.ts');
      const strict = granted.host.object('httpClient', powerHandle('strict/http'));
      assertFailed(await (await strict.resolve('resolve', url)).answer('get'), 'net_failed', 'certificate');
      assert.equal(requests.length, 1);
    });

    it('a handshake that stalls, plain text instead of one, and a reset in it, are errors', async () => {
      const cases: readonly (readonly [(socket: Socket) => void, string, string, OriginSource?])[] = [
        [() => {}, 'timed_out', 'reached', noWay],
        [(socket) => void socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'), 'net_failed', 'tls'],
        [(socket) => void socket.once('data', () => socket.resetAndDestroy()), 'net_failed', 'reset'],
      ];
      for (const [connected, code, text, rest] of cases) {
        const server = await listen(createServer(connected), 'https');
        const granted = grantHttp([onLoopback(server.origin, rest)]);
        open.push(server, granted);
        assertFailed(await within((await granted.at(server.origin)).answer('get')), code, text);
      }
    });

    it('certificates that cannot be read are refused when the power is granted', () => {
      const cases: readonly (readonly [OriginSource, RegExp])[] = [
        [{ tls: { ca: '/no/such/file' } }, /\/no\/such\/file cannot be read: ENOENT/],
        [{ tls: { caText: 'hello' } }, /its certificates cannot be read/],
        [
          { tls: { caText: '-----BEGIN CERTIFICATE-----\nxxxx\n-----END CERTIFICATE-----' } },
          /its certificates cannot be read/,
        ],
      ];
      for (const [rest, expected] of cases) {
        assert.throws(() => grantHttp([onLoopback('https://127.0.0.1', rest)]), expected);
      }
    });
  });
});
