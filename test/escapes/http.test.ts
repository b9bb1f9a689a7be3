/**
 * Attempts to get further with HTTP than was granted. Each row is an attempt, the code that it must be answered
 * with, and a proof that nothing left: beside the server that is granted there stands one that is not, at the same
 * address and at its neighbour, and both count who comes.
 */
import assert from 'node:assert/strict';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { parseCall } from '../../channels/index.ts';
import { powerHandle } from '../../src/capability/index.ts';
import { httpPower } from '../../src/capability/powers/http.ts';
import { realPlatform } from '../../src/platform/index.ts';
import { list, map } from '../../src/values/index.ts';
import type { Value } from '../../src/values/index.ts';
import { HttpResolver } from '../../resolvers/http/resolver.ts';
import { Lookup } from '../../resolvers/net/lookup.ts';
import { Authority } from '../resolvers/certificates.ts';
import { Host } from '../resolvers/host.ts';
import type { TestObject } from '../resolvers/host.ts';
import { GRANT, field, grantHttp, listen, onLoopback, serve } from '../resolvers/http-support.ts';
import type { Granted, Listening } from '../resolvers/http-support.ts';

/** Ports of the server that is granted and of the one that is not. */
interface Ports {
  readonly ours: number;
  readonly theirs: number;
}

interface Attempt {
  readonly attempt: string;
  readonly code: string;
  /** What is answered: the refusal of a call, or 'answered'. */
  readonly run: (granted: Granted, ports: Ports) => Promise<string>;
}

/** Resolves the URL and asks for it. */
function url(attempt: string, code: string, text: (ports: Ports) => string): Attempt {
  return {
    attempt,
    code,
    run: async ({ client }, ports) => {
      const answer = await client.answer('resolve', text(ports));
      if ('error' in answer) return answer.error.code;
      const there = client.host.made(answer.ok);
      return outcome(there, 'get');
    },
  };
}

async function outcome(there: TestObject, method: string, ...args: Value[]): Promise<string> {
  const parsed = parseCall(there.native.declaration, [method, ...args]);
  if (!parsed.ok) return parsed.code;
  const answer = await there.answer(method, ...args);
  return 'error' in answer ? answer.error.code : 'answered';
}

/** Asks for what is granted, with something added. */
function request(attempt: string, code: string, method: string, ...args: readonly Value[]): Attempt {
  return {
    attempt,
    code,
    run: async ({ at }, { ours }) => outcome(await at(`http://granted.example:${ours}/public/x`), method, ...args),
  };
}

function header(attempt: string, code: string, name: string, value: Value = 'x'): Attempt {
  return request(attempt, code, 'get', map([['headers', map([[name, value]])]]));
}

/** The granted server sends whoever comes on to somewhere else. */
function redirect(attempt: string, code: string, location: (ports: Ports) => string): Attempt {
  return {
    attempt,
    code,
    run: async ({ at }, ports) => {
      const to = Buffer.from(location(ports), 'latin1').toString('hex');
      return outcome(await at(`http://granted.example:${ports.ours}/public/to/${to}`), 'get');
    },
  };
}

const long = (bytes: number): string => 'x'.repeat(bytes);
function deep(levels: number): Value {
  let value: Value = 1;
  for (let level = 0; level < levels; level++) value = list([value]);
  return value;
}

const ATTEMPTS: readonly Attempt[] = [
  // Other hosts, by every notation that some program reads as one.
  url('another port', 'address_refused', ({ theirs }) => `http://granted.example:${theirs}/public`),
  url('loopback by address', 'address_refused', ({ theirs }) => `http://127.0.0.1:${theirs}/`),
  url('loopback by name', 'address_refused', ({ theirs }) => `http://localhost:${theirs}/`),
  url('loopback in IPv6', 'address_refused', ({ theirs }) => `http://[::1]:${theirs}/`),
  url('IPv4 mapped into IPv6', 'address_refused', ({ theirs }) => `http://[::ffff:127.0.0.1]:${theirs}/`),
  url('IPv4 mapped, hexadecimal', 'address_refused', ({ theirs }) => `http://[::ffff:7f00:1]:${theirs}/`),
  url('an address through a translator', 'address_refused', ({ theirs }) => `http://[64:ff9b::7f00:1]:${theirs}/`),
  url('the unspecified address', 'address_refused', ({ theirs }) => `http://0.0.0.0:${theirs}/`),
  url('the service of credentials', 'address_refused', () => 'http://169.254.169.254/latest/meta-data/'),
  url('an address as one number', 'url_invalid', ({ theirs }) => `http://2130706433:${theirs}/`),
  url('an address in hexadecimal', 'url_invalid', ({ theirs }) => `http://0x7f000001:${theirs}/`),
  url('an address in octal', 'url_invalid', ({ theirs }) => `http://0177.0.0.1:${theirs}/`),
  url('an address of two numbers', 'url_invalid', ({ theirs }) => `http://127.1:${theirs}/`),
  url('an address with a dot behind', 'url_invalid', ({ theirs }) => `http://127.0.0.1.:${theirs}/`),
  url('a zone', 'url_invalid', ({ theirs }) => `http://[::1%25lo]:${theirs}/`),
  url('digits of full width', 'url_invalid', ({ theirs }) => `http://１２７.0.0.1:${theirs}/`),
  url('a host encoded', 'url_invalid', ({ theirs }) => `http://%31%32%37.0.0.1:${theirs}/`),
  url('a name with a dot behind', 'url_invalid', ({ ours }) => `http://granted.example.:${ours}/public`),
  url('the granted name in front', 'address_refused', ({ theirs }) => `http://granted.example.evil.example:${theirs}/`),
  url('the granted name behind', 'address_refused', ({ theirs }) => `http://evilgranted.example:${theirs}/`),
  url(
    'the granted host as a user',
    'url_invalid',
    ({ ours, theirs }) => `http://granted.example:${ours}@127.0.0.1:${theirs}/`,
  ),
  url(
    'a backslash before @',
    'url_invalid',
    ({ ours, theirs }) => `http://granted.example:${ours}\\@127.0.0.1:${theirs}/`,
  ),
  url(
    'a fragment before @',
    'url_invalid',
    ({ ours, theirs }) => `http://127.0.0.1:${theirs}#@granted.example:${ours}/public`,
  ),
  url('a question mark before @', 'url_invalid', ({ ours, theirs }) =>
    `http://127.0.0.1:${theirs}?@granted.example:${ours}/`.replace('?', '?\\'),
  ),
  url('two ports', 'url_invalid', ({ ours, theirs }) => `http://granted.example:${ours}:${theirs}/`),
  url('port 0', 'url_invalid', () => 'http://granted.example:0/public'),
  url('a port beyond the last', 'url_invalid', ({ theirs }) => `http://granted.example:${theirs + 65_536}/public`),
  url('another scheme', 'url_invalid', () => 'file:///etc/passwd'),
  url('a scheme without slashes', 'url_invalid', ({ theirs }) => `http:127.0.0.1:${theirs}/`),
  url('slashes that lean the other way', 'url_invalid', ({ theirs }) => `http:\\\\127.0.0.1:${theirs}/`),
  url('a line end in the scheme', 'url_invalid', ({ theirs }) => `ht\ntp://127.0.0.1:${theirs}/`),
  url('a line end in the path', 'url_invalid', ({ ours }) => `http://granted.example:${ours}/public HTTP/1.1\r\nX: y`),
  url('a NUL', 'url_invalid', ({ ours }) => `http://granted.example:${ours}/public\0`),
  url(
    'a letter that becomes a line end',
    'url_invalid',
    ({ ours }) => `http://granted.example:${ours}/public\u010d\u010a`,
  ),
  url('a URL beyond all measure', 'url_invalid', ({ ours }) => `http://granted.example:${ours}/public/${long(9_000)}`),
  // Other paths.
  url('a path beside the granted one', 'address_refused', ({ ours }) => `http://granted.example:${ours}/publicity`),
  url('up and away', 'url_invalid', ({ ours }) => `http://granted.example:${ours}/public/../private`),
  url('up, encoded', 'url_invalid', ({ ours }) => `http://granted.example:${ours}/public/%2e%2E/private`),
  url('up, encoded twice', 'url_invalid', ({ ours }) => `http://granted.example:${ours}/public/%252e%252e/private`),
  url('up with an encoded slash', 'url_invalid', ({ ours }) => `http://granted.example:${ours}/public/..%2fprivate`),
  url(
    'up with an encoded backslash',
    'url_invalid',
    ({ ours }) => `http://granted.example:${ours}/public/..%5cprivate`,
  ),
  url('up with a parameter', 'url_invalid', ({ ours }) => `http://granted.example:${ours}/public/..;a=b/private`),
  url('an encoded slash', 'address_refused', ({ ours }) => `http://granted.example:${ours}/public/a%2fb`),
  url('an encoded slash, encoded', 'address_refused', ({ ours }) => `http://granted.example:${ours}/public/a%252fb`),
  url('an empty part', 'address_refused', ({ ours }) => `http://granted.example:${ours}/public//private`),
  url('a parameter', 'address_refused', ({ ours }) => `http://granted.example:${ours}/public;/private`),
  url('an encoded line end', 'url_invalid', ({ ours }) => `http://granted.example:${ours}/public/%0d%0aX:y`),
  url('another case', 'address_refused', ({ ours }) => `http://granted.example:${ours}/PUBLIC/x`),
  // Methods.
  request('a method that was not granted', 'address_refused', 'delete'),
  request('a method of no HTTP', 'method_unknown', 'GET / HTTP/1.1\r\nX: y\r\n\r\nGET'),
  request('a tunnel', 'method_unknown', 'connect'),
  header('another method in a header', 'arguments_invalid', 'X-HTTP-Method-Override', 'DELETE'),
  header('another path in a header', 'arguments_invalid', 'X-Original-URL', '/private'),
  header('another path in a header with a sign that gateways turn', 'arguments_invalid', 'x_rewrite_url', '/private'),
  // Headers.
  header('a line end in a value', 'arguments_invalid', 'x-a', 'b\r\nx-c: d'),
  header('a bare line feed in a value', 'arguments_invalid', 'x-a', 'b\nx-c: d'),
  header('a letter that becomes a line end in a value', 'arguments_invalid', 'x-a', 'b\u010d\u010ax-c: d'),
  header('a NUL in a value', 'arguments_invalid', 'x-a', 'b\0'),
  header('a line end in a value of a list', 'arguments_invalid', 'x-a', list(['b', 'c\r\nx-d: e'])),
  header('a line end in a name', 'arguments_invalid', 'x-a: b\r\nx-c'),
  header('a colon in a name', 'arguments_invalid', 'host:'),
  header('a name with a space', 'arguments_invalid', 'transfer-encoding '),
  header('no name', 'arguments_invalid', ''),
  header('another host', 'arguments_invalid', 'Host', 'evil.example'),
  header('another length', 'arguments_invalid', 'Content-Length', '3'),
  header('another framing', 'arguments_invalid', 'Transfer-Encoding', 'chunked'),
  header('another framing, with a sign that gateways turn', 'arguments_invalid', 'transfer_encoding', 'chunked'),
  header('a header that takes others away', 'arguments_invalid', 'Connection', 'x-secret'),
  header('another protocol', 'arguments_invalid', 'Upgrade', 'h2c'),
  header('an expectation', 'arguments_invalid', 'Expect', '100-continue'),
  header('the password of a proxy', 'arguments_invalid', 'Proxy-Authorization', 'Basic x'),
  header('the secret of the operator', 'arguments_invalid', 'X-Secret', 'mine'),
  header('the secret of the operator, with a sign that gateways turn', 'arguments_invalid', 'x_secret', 'mine'),
  header('the key of another effect', 'arguments_invalid', 'X-Key', '00'),
  header('a header that the operator refuses', 'arguments_invalid', 'X-Forwarded-For', '127.0.0.1'),
  header('a value beyond all measure', 'arguments_invalid', 'x-a', long(9_000)),
  header('a name beyond all measure', 'arguments_invalid', long(300)),
  header('more headers than are sent', 'arguments_invalid', 'x-a', list(Array<Value>(257).fill('x'))),
  header('headers that are too large together', 'arguments_invalid', 'x-a', list(Array<Value>(5).fill(long(8_000)))),
  // Arguments.
  request('a body beyond what was granted', 'value_too_large', 'post', long(1_025)),
  request('a body that is nested without end', 'arguments_invalid', 'post', deep(600)),
  request('a query beyond all measure', 'url_invalid', 'get', map([['query', map([['q', long(9_000)]])]])),
  // Redirects.
  redirect('to the neighbour', 'address_refused', ({ theirs }) => `http://127.0.0.1:${theirs}/`),
  redirect('to the neighbour, mapped', 'address_refused', ({ theirs }) => `http://[::ffff:127.0.0.1]:${theirs}/`),
  redirect('to the neighbour as a number', 'url_invalid', ({ theirs }) => `http://2130706433:${theirs}/`),
  redirect('to the neighbour without a scheme', 'address_refused', ({ theirs }) => `//127.0.0.1:${theirs}/`),
  redirect('to the neighbour with backslashes', 'url_invalid', ({ theirs }) => `\\\\127.0.0.1:${theirs}/`),
  redirect('to the neighbour as a path with a backslash', 'url_invalid', ({ theirs }) => `/\\127.0.0.1:${theirs}/`),
  redirect('with a user', 'url_invalid', ({ ours, theirs }) => `http://granted.example:${ours}@127.0.0.1:${theirs}/`),
  redirect('to the service of credentials', 'address_refused', () => 'http://169.254.169.254/'),
  redirect('to a file', 'url_invalid', () => 'file:///etc/passwd'),
  redirect('to a path that was not granted', 'address_refused', () => '/private'),
  redirect('to a path that was not granted, by going up', 'address_refused', () => '../../private'),
  redirect('to a path that was not granted, encoded', 'url_invalid', () => '/public/%2e%2e/private'),
  redirect('with letters that no URL has', 'url_invalid', () => '/public/\u00e9'),
];

describe('escapes: http', () => {
  const open: { close(): Promise<void> | void }[] = [];
  let ours: Listening;
  let theirs: Listening;
  let neighbour: Listening;
  let granted: Granted;

  /** Listens at the address beside, on the same port as the granted server. */
  async function listenBeside(port: number): Promise<Listening> {
    let connections = 0;
    const server: Server = createHttpServer((_, response) => response.end('forbidden'));
    server.on('connection', () => connections++);
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.2', resolve));
    return {
      port: (server.address() as AddressInfo).port,
      origin: '',
      requests: [],
      connections: () => connections,
      close: () => new Promise((resolve) => void server.close(() => resolve())),
    };
  }

  before(async () => {
    const answer: RequestListener = (incoming, response) => {
      incoming.resume();
      const [, hex] = /^\/public\/to\/([0-9a-f]*)$/.exec(incoming.url ?? '') ?? [];
      if (hex === undefined) response.end('granted');
      // Not by `writeHead`, which refuses to say some of these.
      else {
        response.socket?.end(
          Buffer.concat([
            Buffer.from('HTTP/1.1 302 Found\r\ncontent-length: 0\r\nconnection: close\r\nlocation: '),
            Buffer.from(hex, 'hex'),
            Buffer.from('\r\n\r\n'),
          ]),
        );
      }
    };
    // A port that is free at both addresses: at the second one another process may be.
    for (let beside: Listening | null = null; beside === null; ) {
      ours = await serve(answer);
      beside = await listenBeside(ours.port).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'EADDRINUSE') throw error;
        return null;
      });
      if (beside === null) await ours.close();
      else neighbour = beside;
    }
    theirs = await serve((_, response) => response.end('forbidden'));
    granted = grantHttp(
      [
        onLoopback(`http://granted.example:${ours.port}`, {
          methods: ['GET', 'POST'],
          paths: ['/public'],
          request_bytes_max: 1_024,
          headers: { 'x-secret': 'of the operator' },
          headersRefused: ['x-forwarded-for'],
          idempotencyHeader: 'x-key',
        }),
      ],
      async () => ['127.0.0.1'],
    );
    open.push(ours, theirs, neighbour, granted);
  });
  after(async () => {
    for (const each of open.splice(0).reverse()) await each.close();
  });

  for (const { attempt, code, run } of ATTEMPTS) {
    it(`${attempt}: ${code}`, async () => {
      const before = ours.requests.length;
      assert.equal(await run(granted, { ours: ours.port, theirs: theirs.port }), code);
      // Only what sends on has been reached, and nobody else.
      const reached = ours.requests.slice(before);
      assert(
        reached.every((line) => line.startsWith('GET /public/to/')),
        reached.join(', '),
      );
      assert.equal(theirs.connections() + neighbour.connections(), 0);
    });
  }

  it('the rows are as many as they should be, and what was granted is reached', async () => {
    assert(ATTEMPTS.length >= 60, `${ATTEMPTS.length}`);
    const there = await granted.at(`http://granted.example:${ours.port}/public/x`);
    assert.equal(await outcome(there, 'get', map([['query', map([['a\r\nb', '#&?\0']])]])), 'answered');
    assert.equal(ours.requests.at(-1), 'GET /public/x?a%0D%0Ab=%23%26%3F%00');
  });

  it('a name that leads elsewhere at the next question (rebinding): address_refused, and the first answer is the one used', async () => {
    const platform = realPlatform();
    let passed_ms = 0;
    const clock = { ...platform.clock, monotonic_ms: () => platform.clock.monotonic_ms() + passed_ms };
    let questions = 0;
    const resolve = async (): Promise<readonly string[]> => (questions++ === 0 ? ['127.0.0.1'] : ['127.0.0.2']);
    const resolver = new HttpResolver({ platform, lookup: new Lookup({ ...platform, clock, resolve }) });
    const origin = `http://rebinding.example:${ours.port}`;
    resolver.grant(GRANT, httpPower.parse({ kind: 'http', origins: [onLoopback(origin)] }));
    open.push(resolver);
    const client = new Host(resolver.natives).object('httpClient', powerHandle(GRANT));
    const there = await client.resolve('resolve', `${origin}/public`);
    assert.equal(await outcome(there, 'get'), 'answered');
    assert.equal(questions, 1);
    passed_ms = 60_000;
    assert.equal(await outcome(there, 'get'), 'address_refused');
    assert.equal(questions, 2);
    assert.equal(neighbour.connections(), 0);
  });

  it('a name with one answer that is granted and one that is not: only the first is used', async () => {
    const origin = `http://mixed.example:${ours.port}`;
    const mixed = grantHttp([onLoopback(origin)], async () => ['127.0.0.2', '::1', '169.254.169.254', '127.0.0.1']);
    open.push(mixed);
    assert.equal(await outcome(await mixed.at(`${origin}/public`), 'get'), 'answered');
    assert.equal(neighbour.connections(), 0);
  });

  it('a name that was granted without addresses and leads inside: address_refused', async () => {
    const origin = `http://inside.example:${theirs.port}`;
    for (const address of ['127.0.0.1', '10.0.0.1', '::1', 'fd00:ec2::254', '::ffff:127.0.0.1', '64:ff9b::7f00:1']) {
      const inside = grantHttp([{ origin }], async () => [address]);
      open.push(inside);
      assert.equal(await outcome(await inside.at(`${origin}/`), 'get'), 'address_refused', address);
    }
    assert.equal(theirs.connections(), 0);
  });

  it('a redirect from an encrypted origin to one that is not: address_refused, though both are granted', async () => {
    const authority = new Authority();
    open.push(authority);
    const certificate = authority.issue('IP:127.0.0.1');
    const before = ours.requests.length;
    const tls = createTlsServer({ cert: certificate.cert, key: certificate.key }, (_, response) =>
      response.writeHead(302, { location: `${ours.origin}/public` }).end(),
    );
    const server = await listen(tls, 'https');
    open.push(server);
    const both = grantHttp([
      onLoopback(server.origin, { tls: { caText: authority.own.cert } }),
      onLoopback(ours.origin),
    ]);
    open.push(both);
    assert.equal(await outcome(await both.at(server.origin), 'get'), 'address_refused');
    assert.equal(ours.requests.length, before);
  });

  it('a channel from a grant that is narrower now: address_refused', async () => {
    const narrowed = grantHttp([onLoopback(theirs.origin)]);
    open.push(narrowed);
    const there = await narrowed.at(`${theirs.origin}/a`);
    narrowed.resolver.grant(
      GRANT,
      httpPower.parse({ kind: 'http', origins: [onLoopback(theirs.origin, { paths: ['/b'] })] }),
    );
    assert.equal(await outcome(there, 'get'), 'address_refused');
    assert.equal(theirs.connections(), 0);
  });

  it('a flood of requests has few connections, and past a bound rate_limited', async () => {
    const slow = await serve((_, response) => setTimeout(() => response.end(), 1));
    const few = grantHttp([onLoopback(slow.origin, { requests_open_max: 2, requests_burst_max: 10_000 })]);
    open.push(slow, few);
    const there = await few.at(slow.origin);
    const outcomes = await Promise.all(Array.from({ length: 1_100 }, () => outcome(there, 'get')));
    assert.equal(outcomes.filter((each) => each === 'answered').length, 1_026);
    assert.equal(outcomes.filter((each) => each === 'rate_limited').length, 1_100 - 1_026);
    // One that has just answered may not be ready for the next request yet.
    assert(slow.connections() <= 8, `${slow.connections()} connections`);
  });

  it('the secret of the operator is in no answer and no note', async () => {
    const there = await granted.at(`http://granted.example:${ours.port}/public/x`);
    const answer = await there.answer('post', 'x');
    assert('ok' in answer);
    const shown = JSON.stringify([answer, await there.refusal('get', map([['headers', map([['x-secret', 'y']])]]))]);
    assert(!shown.includes('of the operator'));
    assert.equal(field(answer.ok as Value, 'status'), 200);
  });
});
