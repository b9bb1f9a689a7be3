/** HTTP against real servers on loopback: requests, bodies, answers, redirects, limits, what is repeated. */
import assert from 'node:assert/strict';
import type { RequestListener, ServerResponse } from 'node:http';
import { createServer } from 'node:net';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { NewMap, NewSource } from '../../channels/index.ts';
import type { NativeAnswer } from '../../channels/index.ts';
import { BigInteger, bytes, float, list, map, set, tuple, uri } from '../../src/values/index.ts';
import type { Value } from '../../src/values/index.ts';
import { httpPower } from '../../src/capability/powers/http.ts';
import { limits } from '../../src/limits.ts';
import { GRANT, assertValue, bodyOf, field, grantHttp, listen, onLoopback, saying, serve } from './http-support.ts';
import type { Granted, Listening, OriginSource } from './http-support.ts';
import { textOf } from './host.ts';

/** A map of options. */
function options(entries: Readonly<Record<string, Value>>): Value {
  return map(Object.entries(entries));
}

function failed(answer: NativeAnswer, code: string, text = ''): void {
  assert('error' in answer, 'an error was expected');
  assert.equal(answer.error.code, code, answer.error.message);
  assert(answer.error.message.includes(text), answer.error.message);
}

function succeeded(answer: NativeAnswer): Value {
  assert('ok' in answer, 'error' in answer ? answer.error.message : '');
  assert(!(answer.ok instanceof NewMap));
  return answer.ok as Value;
}

describe('http', () => {
  const open: { close(): Promise<void> }[] = [];
  afterEach(async () => {
    for (const each of open.splice(0).reverse()) await each.close();
  });

  async function start(
    answer: RequestListener,
    rest: OriginSource = {},
  ): Promise<Granted & { readonly server: Listening }> {
    const server = await serve(answer);
    open.push(server);
    const granted = grantHttp([onLoopback(server.origin, rest)]);
    open.push(granted);
    return { ...granted, server };
  }

  describe('requests', () => {
    it('get answers status, headers, url and body', async () => {
      const headers = { 'content-type': 'text/plain', 'x-a': ['1', '2'], 'set-cookie': ['a=1, x', 'b=2'] };
      const { server, at } = await start(saying(200, headers, 'hello'));
      const answer = await (await at(`${server.origin}/a?b=1`)).call('get');
      assert.equal(field(answer, 'status'), 200);
      assert.equal(field(answer, 'body'), 'hello');
      assert.equal(field(answer, 'url'), `${server.origin}/a?b=1`);
      assert.equal(field(field(answer, 'headers'), 'content-type'), 'text/plain');
      assert.equal(field(field(answer, 'headers'), 'x-a'), '1, 2');
      assertValue(field(field(answer, 'headers'), 'set-cookie'), list(['a=1, x', 'b=2']));
      assert.deepEqual(server.requests, ['GET /a?b=1']);
    });

    it('a uri resolves as a string does', async () => {
      const { server, client } = await start(saying(200, {}));
      await (await client.resolve('resolve', uri(`${server.origin}/x`))).call('get');
      assert.deepEqual(server.requests, ['GET /x']);
    });

    const sent: readonly (readonly [what: string, body: Value, type: string | undefined, text: string])[] = [
      ['Nil is no body', null, undefined, ''],
      ['a string is text', 'añ', 'text/plain; charset=utf-8', 'añ'],
      ['bytes go as they are', bytes(new Uint8Array([0x68, 0x69])), 'application/octet-stream', 'hi'],
      [
        'everything else is JSON',
        map([
          ['a', list([1, 2n ** 62n, float(1), float(1e300), new BigInteger(10n ** 30n), null, true])],
          ['b', tuple(['"\n', uri('u:x')])],
          ['c', set([2, 1])],
        ]),
        'application/json',
        `{"a":[1,${2n ** 62n},1.0,1e+300,${10n ** 30n},null,true],"b":["\\"\\n","u:x"],"c":[1,2]}`,
      ],
      ['a boolean is JSON', false, 'application/json', 'false'],
    ];
    for (const [what, body, type, text] of sent) {
      it(`as a body, ${what}`, async () => {
        let got: unknown;
        const { server, at } = await start((request, response) => {
          void bodyOf(request).then((whole) => {
            got = [request.headers['content-type'], whole.toString('utf8')];
            response.end();
          });
        });
        await (await at(server.origin)).call('put', body);
        assert.deepEqual(got, [type, text]);
      });
    }

    it('each method sends its own, with headers and query', async () => {
      const got: unknown[] = [];
      const { server, at } = await start((request, response) => {
        got.push([
          request.method,
          request.url,
          request.rawHeaders.filter((_, i, all) => /^x-/.test(all[i - (i % 2)] ?? '')),
        ]);
        request.resume();
        response.end();
      });
      const there = await at(`${server.origin}/p?a=%7e`);
      const all = options({
        headers: map([
          ['X-One', 'a b'],
          ['x-two', list(['c', 'd'])],
        ]),
        query: map([
          ['q', "a b&c='ü"],
          ['n', list([1, float(2.5), true])],
        ]),
      });
      for (const method of ['get', 'head', 'options', 'delete']) await there.call(method, all);
      for (const method of ['post', 'put', 'patch']) await there.call(method, 'x', all);
      const url = '/p?a=~&n=1&n=2.5&n=true&q=a%20b%26c%3D%27%C3%BC';
      const headers = ['x-one', 'a b', 'x-two', 'c', 'x-two', 'd'];
      const methods = ['GET', 'HEAD', 'OPTIONS', 'DELETE', 'POST', 'PUT', 'PATCH'];
      assert.deepEqual(
        got,
        methods.map((method) => [method, url, headers]),
      );
    });

    it('a form is encoded as one, JSON as JSON when that is asked for, and a program may name the type itself', async () => {
      const got: unknown[] = [];
      const { server, at } = await start((request, response) => {
        void bodyOf(request).then((whole) => {
          got.push([request.headers['content-type'], whole.toString()]);
          response.end();
        });
      });
      const there = await at(server.origin);
      await there.call('post', map([['a', list(['x y', 2])]]), options({ encode: 'form' }));
      await there.call('post', 'text', options({ encode: 'json' }));
      await there.call('post', '<a/>', options({ headers: map([['content-type', 'application/xml']]) }));
      assert.deepEqual(got, [
        ['application/x-www-form-urlencoded', 'a=x%20y&a=2'],
        ['application/json', '"text"'],
        ['application/xml', '<a/>'],
      ]);
    });

    it('options, headers and bodies that cannot be sent are refused with what was expected', async () => {
      const { server, at } = await start(saying(200, {}));
      const there = await at(server.origin);
      const wrong: readonly (readonly [Value, RegExp])[] = [
        [options({ header: map([]) }), /no option "header"; there are headers, query/],
        [map([[1, 2]]), /each key of options must be a string/],
        [options({ headers: 'x' }), /a map from names/],
        [options({ headers: map([['x', 1]]) }), /"x" must be a string or a list of strings/],
        [options({ headers: map([['x', list([1])]]) }), /must be a string or a list/],
        [
          options({
            headers: map([
              ['X-A', '1'],
              ['x_a', '2'],
            ]),
          }),
          /given twice/,
        ],
        [options({ query: 'a=b' }), /query must be a map/],
        [options({ query: map([['a', map([])]]) }), /each item of the query/],
        [options({ as: 'json' }), /as must be "value", "text", "bytes", "chunks"/],
        [options({ redirects: 21 }), /from 0 to 20/],
        [options({ redirects: 'x' }), /from 0 to 20/],
        [options({ chunkBytes: 0 }), /from 1 to/],
        [options({ encode: 'json' }), /no body to encode/],
      ];
      for (const [given, expected] of wrong) {
        const refusal = await there.refusal('get', given);
        assert.match(refusal, /^arguments_invalid: /);
        assert.match(refusal, expected);
      }
      assert.match(await there.refusal('post', list([bytes(new Uint8Array(1))])), /byte array has no form in JSON/);
      assert.match(await there.refusal('post', map([[1, 2]])), /key of a map is no string/);
      assert.match(await there.refusal('post', float(Number.NaN)), /no form in JSON/);
      assert.match(await there.refusal('post', 'x', options({ encode: 'form' })), /a form must be a map/);
      assert.match(await there.refusal('post', 'x', options({ encode: 'xml' })), /"json" or "form"/);
      assert.deepEqual(server.requests, []);
    });
  });

  describe('bodies', () => {
    async function answered(type: string | null, body: string | Uint8Array, as?: string): Promise<NativeAnswer> {
      const { server, at } = await start(saying(200, type === null ? {} : { 'content-type': type }, body));
      const there = await at(server.origin);
      return as === undefined ? there.answer('get') : there.answer('get', options({ as }));
    }

    it('JSON comes as values, numbers as they were written', async () => {
      const text =
        '{"i":1,"z":-0,"big":9007199254740993,"huge":123456789012345678901234567890,"f":1.0,"e":1e2,"s":"\\u00e9\\ud83d\\ude00\\n","l":[null,true,{}]}';
      const expected = map([
        ['i', 1],
        ['z', 0],
        ['big', 9007199254740993n],
        ['huge', new BigInteger(123456789012345678901234567890n)],
        ['f', float(1)],
        ['e', float(100)],
        ['s', 'é😀\n'],
        ['l', list([null, true, map([])])],
      ]);
      for (const type of [
        'application/json',
        'application/json; charset=latin1',
        'application/problem+json',
        'TEXT/JSON ;x=y',
      ]) {
        assertValue(field(succeeded(await answered(type, `\ufeff ${text} `)), 'body'), expected);
      }
    });

    it('what is no JSON although it says so stays bytes, and the reason goes to STDERR', async () => {
      const texts = [
        '{',
        '[1,]',
        '{"a":1,"a":2}',
        '01',
        '1 2',
        '"\n"',
        '"\\ud800"',
        "{'a':1}",
        'nan',
        '1e999',
        '['.repeat(600),
      ];
      for (const text of texts) {
        const answer = await answered('application/json', text);
        assert.equal(textOf(field(succeeded(answer), 'body')), text);
        assert.match(answer.notes?.[0]?.message ?? '', /cannot be read/, text);
        assert.equal(answer.notes?.[0]?.code, 'net_failed');
      }
      assert.equal(field(succeeded(await answered('application/json', '')), 'body'), null);
    });

    const texts: readonly (readonly [type: string, body: Uint8Array, text: string])[] = [
      ['text/plain', Buffer.from('añ'), 'añ'],
      ['text/html; charset=ISO-8859-1', Buffer.from([0xe9]), 'é'],
      ['text/plain; charset="utf-16le"', Buffer.from('añ', 'utf16le'), 'añ'],
      ['text/plain; charset=shift_jis', Buffer.from([0x82, 0xa0]), 'あ'],
      ['text/plain; charset=latin1', Buffer.from('\ufeffé'), 'é'],
      ['text/plain', Buffer.from([0xff, 0xfe, 0x61, 0x00]), 'a'],
      ['application/xml', Buffer.from('<a/>'), '<a/>'],
      ['image/svg+xml', Buffer.from('<svg/>'), '<svg/>'],
    ];
    for (const [type, body, text] of texts) {
      it(`${type} comes as a string by its charset and its mark`, async () => {
        assert.equal(field(succeeded(await answered(type, body)), 'body'), text);
      });
    }

    it('text in no charset that is known, or not in its own, stays bytes, with a note', async () => {
      for (const type of ['text/plain; charset=klingon', 'text/plain']) {
        const answer = await answered(type, Buffer.from([0xe9, 0x28]));
        assert.deepEqual([...(field(succeeded(answer), 'body') as { bytes: Uint8Array }).bytes], [0xe9, 0x28]);
        assert.match(answer.notes?.[0]?.message ?? '', /not in the charset/);
      }
    });

    it('everything else is bytes, and so is what is asked for as bytes; as text it is read as text', async () => {
      for (const type of ['image/png', null, 'nonsense', '*/*']) {
        assert.equal(textOf(field(succeeded(await answered(type, 'abc')), 'body')), 'abc');
      }
      assert.equal(textOf(field(succeeded(await answered('application/json', '1', 'bytes')), 'body')), '1');
      assert.equal(field(succeeded(await answered('application/json', '1', 'text')), 'body'), '1');
      assert.equal(field(succeeded(await answered(null, 'x', 'text')), 'body'), 'x');
    });

    it('there is none where an answer has none by its nature', async () => {
      const { server, at } = await start((request, response) => {
        if (request.url === '/204') response.writeHead(204).end();
        else response.writeHead(200, { 'content-type': 'text/plain', 'content-length': '5' }).end('hello');
      });
      assert.equal(field(await (await at(`${server.origin}/204`)).call('get'), 'body'), null);
      const head = await (await at(`${server.origin}/`)).call('head');
      assert.equal(field(head, 'body'), null);
      assert.equal(field(field(head, 'headers'), 'content-length'), '5');
    });

    const codings: readonly (readonly [coding: string, compress: (text: string) => Uint8Array])[] = [
      ['gzip', gzipSync],
      ['X-GZIP', gzipSync],
      ['deflate', deflateSync],
      ['deflate', deflateRawSync],
      ['br', brotliCompressSync],
      ['identity', (text) => Buffer.from(text)],
    ];
    for (const [coding, compress] of codings) {
      it(`${coding} (${compress.name}) is undone`, async () => {
        const text = 'hello '.repeat(1_000);
        const headers = { 'content-type': 'text/plain', 'content-encoding': coding };
        const { server, at } = await start(saying(200, headers, compress(text)));
        assert.equal(field(await (await at(server.origin)).call('get'), 'body'), text);
      });
    }

    it('headers are those of each answer, whatever others of the same resource said', async () => {
      const heads: readonly (readonly string[])[] = [
        ['content-type: application/json', 'x-one: 1'],
        ['content-type: application/json', 'x-one: 1'],
        ['content-type: application/json', 'x-one: 2'],
        ['content-type: text/plain', 'x-one: 2'],
        ['content-type: text/plain', 'x-one: 2', 'set-cookie: a=1', 'set-cookie: b=2, c'],
        ['x-one: 2'],
        ['content-type: application/json', 'x-one: 1'],
        ['content-type: application/json', `x-long: ${'y'.repeat(3_000)}`],
        ['content-type: application/json', `x-long: ${'y'.repeat(2_999)}z`],
      ];
      // Whole; in pieces that end in the middle of names and values; and in three, of which only the first name and the last
      // value are cut.
      const inSteps = (step: number) => (bytes: Buffer) =>
        Array.from({ length: Math.ceil(bytes.length / step) }, (_, index) => (index + 1) * step);
      const atItsEnds = (bytes: Buffer): number[] => [20, bytes.length - 11, bytes.length];
      for (const cut of [inSteps(100_000), inSteps(7), inSteps(11), atItsEnds]) {
        let asked = 0;
        const server = createServer((socket) => {
          socket.on('error', () => {});
          socket.setNoDelay(true);
          socket.on('data', () => {
            const head = heads[asked++ % heads.length] as readonly string[];
            const bytes = Buffer.from(
              `HTTP/1.1 200 OK\r\n${head.join('\r\n')}\r\ncontent-length: 4\r\nx-last: abcdef\r\n\r\ntrue`,
            );
            const send = (at: number, [end, ...ends]: readonly number[]): void => {
              if (end !== undefined) socket.write(bytes.subarray(at, end), () => setImmediate(send, end, ends));
            };
            send(0, cut(bytes));
          });
        });
        const listening = await listen(server);
        const granted = grantHttp([onLoopback(listening.origin)]);
        open.push(listening, granted);
        const page = await granted.at(listening.origin);
        for (const head of [...heads, ...heads]) {
          const answer = await page.call('get');
          const expected = new Map<string, Value>([
            ['content-length', '4'],
            ['x-last', 'abcdef'],
          ]);
          const cookies: string[] = [];
          for (const [name, value] of head.map((line) => line.split(': ') as [string, string])) {
            if (name === 'set-cookie') cookies.push(value);
            else expected.set(name, value);
          }
          if (cookies.length > 0) expected.set('set-cookie', list(cookies));
          assertValue(field(answer, 'headers'), map(expected));
          const type = expected.get('content-type');
          const body = type === 'application/json' ? true : type === 'text/plain' ? 'true' : bytes(Buffer.from('true'));
          assertValue(field(answer, 'body'), body);
        }
      }
    });

    it('a status of 400 or above is an answer, and a note for STDERR without the query', async () => {
      const { server, at } = await start(saying(404, { 'content-type': 'text/plain' }, 'no'));
      const answer = await (await at(`${server.origin}/a?token=secret`)).answer('get');
      assert.equal(field(succeeded(answer), 'status'), 404);
      assert.equal(field(succeeded(answer), 'body'), 'no');
      assert.deepEqual(answer.notes, [{ code: 'http_status', message: `GET ${server.origin}/a answered 404` }]);
      assert.equal(answer.bytes, 2);
    });
  });

  describe('chunks', () => {
    it('a body in chunks arrives whole, at most so large each, and ends with Nil', async () => {
      const body = Buffer.alloc(500_000, 'abcdefg');
      const { server, host, at } = await start(saying(200, {}, body));
      const answer = await (await at(server.origin)).map('get', options({ as: 'chunks', chunkBytes: 10_000 }));
      assert.equal(answer.get('status'), 200);
      const source = host.open(answer.get('body'));
      const parts: Uint8Array[] = [];
      for (;;) {
        const [chunk] = await source.take();
        if (chunk === null) break;
        const part = (chunk as { bytes: Uint8Array }).bytes;
        assert(part.length > 0 && part.length <= 10_000);
        parts.push(part);
      }
      assert.deepEqual(Buffer.concat(parts), body);
      assert(source.ended);
    });

    it('a slow reader slows the sender: what waits is bounded', async () => {
      const whole = 64 * 1024 * 1024;
      let written = 0;
      let stuck = (): void => {};
      const stopped = new Promise<void>((resolve) => {
        stuck = resolve;
      });
      const { server, host, at } = await start((_, response) => {
        const piece = Buffer.alloc(64 * 1024);
        const write = (): void => {
          while (written < whole) {
            written += piece.length;
            if (!response.write(piece)) {
              const idle = setTimeout(stuck, 200);
              response.once('drain', () => {
                clearTimeout(idle);
                write();
              });
              return;
            }
          }
          response.end();
        };
        write();
      });
      const answer = await (await at(server.origin)).map('get', options({ as: 'chunks' }));
      const source = host.open(answer.get('body'));
      await stopped;
      assert(written < whole, 'everything was taken although nobody reads');
      let got = 0;
      for (;;) {
        const [chunk] = await source.take();
        if (chunk === null) break;
        got += (chunk as { bytes: Uint8Array }).bytes.length;
      }
      assert.equal(got, whole);
    });

    it('a compressed body in chunks is undone as it comes, with its backpressure', async () => {
      const text = Array.from({ length: 60_000 }, (_, index) => `${index} `).join('');
      for (const [coding, compress] of [
        ['gzip', gzipSync],
        ['deflate', deflateSync],
        ['deflate', deflateRawSync],
        ['br', brotliCompressSync],
      ] as const) {
        const { server, host, at } = await start(saying(200, { 'content-encoding': coding }, compress(text)));
        const answer = await (await at(server.origin)).map('get', options({ as: 'chunks' }));
        const source = host.open(answer.get('body'));
        let got = '';
        for (;;) {
          const [chunk] = await source.take();
          if (chunk === null) break;
          got += textOf(chunk as Value);
        }
        assert.equal(got, text);
      }
    });

    it('a body that comes byte by byte arrives whole, in one value and in chunks', async () => {
      const bytesSent = 20_000;
      const { server, host, at } = await start((_, response) => {
        for (let count = 0; count < bytesSent; count++) response.write('x');
        response.end();
      });
      const there = await at(server.origin);
      assert.equal(textOf(field(await there.call('get'), 'body')), 'x'.repeat(bytesSent));
      const source = host.open((await there.map('get', options({ as: 'chunks' }))).get('body'));
      let got = 0;
      for (;;) {
        const [chunk] = await source.take();
        if (chunk === null) break;
        got += (chunk as { bytes: Uint8Array }).bytes.length;
      }
      assert.equal(got, bytesSent);
    });

    it('who asked for chunks gets a channel also where there is no body', async () => {
      const { server, at } = await start(saying(204, {}));
      const answer = await (await at(server.origin)).map('get', options({ as: 'chunks' }));
      assert.deepEqual((answer.get('body') as { messages?: unknown }).messages, [[null]]);
    });

    it('a body that nobody reads any more gives its connection and its place back', async () => {
      let closed = (): void => {};
      const gone = new Promise<void>((resolve) => {
        closed = resolve;
      });
      const { server, host, at } = await start(
        (request, response) => {
          if (request.url === '/next') response.end();
          else {
            response.on('close', closed);
            response.write('begin');
          }
        },
        { requests_open_max: 1 },
      );
      const answer = await (await at(server.origin)).map('get', options({ as: 'chunks' }));
      const source = host.open(answer.get('body'));
      await source.take();
      const waiting = (await at(`${server.origin}/next`)).call('get');
      source.leave();
      await gone;
      assert.equal(field(await waiting, 'status'), 200);
    });

    it('a body of an earlier process is gone, and says so', async () => {
      const { server, host, at } = await start(saying(200, {}, 'x'));
      const answer = await (await at(server.origin)).map('get', options({ as: 'chunks' }));
      const made = answer.get('body');
      assert(made instanceof NewSource);
      const source = host.open(new NewSource(made.native, list([GRANT, 'unknown'])), true);
      assert.equal((await source.failed()).code, 'interrupted');
      const first = host.open(made);
      assert.equal(textOf((await first.take())[0] as Value), 'x');
    });
  });

  describe('redirects', () => {
    /** Two origins; requests to both as they came. */
    async function two(answer: (url: string, other: string) => readonly [number, string] | null): Promise<{
      readonly left: Listening;
      readonly right: Listening;
      readonly granted: Granted;
      readonly heads: Record<string, string | string[] | undefined>[];
    }> {
      const heads: Record<string, string | string[] | undefined>[] = [];
      let right: Listening | null = null;
      const listener: RequestListener = (request, response) => {
        void bodyOf(request).then((body) => {
          heads.push({ ...request.headers, ':': `${request.method} ${request.url} ${body.toString()}` });
          const found = answer(request.url ?? '', right?.origin ?? '');
          if (found === null) response.end('there');
          else response.writeHead(found[0], { location: found[1] }).end('moved');
        });
      };
      const left = await serve(listener);
      right = await serve(listener);
      const granted = grantHttp([
        onLoopback(left.origin, { headers: { 'x-secret': 'left', authorization: 'Bearer left' } }),
        onLoopback(right.origin, { headers: { 'x-other': 'right' } }),
      ]);
      open.push(left, right, granted);
      return { left, right, granted, heads };
    }

    const laws: readonly (readonly [status: number, method: string, then: string])[] = [
      [301, 'post', 'GET /b '],
      [302, 'post', 'GET /b '],
      [303, 'post', 'GET /b '],
      [303, 'put', 'GET /b '],
      [307, 'post', 'POST /b body'],
      [308, 'post', 'POST /b body'],
      [301, 'put', 'PUT /b body'],
      [302, 'patch', 'PATCH /b body'],
    ];
    for (const [status, method, then] of laws) {
      it(`${status} of ${method} goes on with ${then}`, async () => {
        const { left, granted, heads } = await two((url) => (url === '/a' ? [status, 'b'] : null));
        const answer = await (await granted.at(`${left.origin}/a`)).call(method, 'body');
        assert.equal(field(answer, 'url'), `${left.origin}/b`);
        assert.equal(heads[1]?.[':'], then);
        assert.equal(heads[1]?.['content-type'], then.endsWith('body') ? 'text/plain; charset=utf-8' : undefined);
      });
    }

    it('each form of location is joined as it should be', async () => {
      const forms: readonly (readonly [string, string])[] = [
        ['x', '/d/x'],
        ['./x', '/d/x'],
        ['../x', '/x'],
        ['../../../x/', '/x/'],
        ['/x?q=1#top', '/x?q=1'],
        ['?q=2', '/d/a?q=2'],
        ['', '/d/a'],
        ['..', '/'],
      ];
      for (const [location, url] of forms) {
        let times = 0;
        const { left, granted, heads } = await two(() => (times++ === 0 ? [302, location] : null));
        await (await granted.at(`${left.origin}/d/a`)).call('get');
        assert.equal(heads[1]?.[':'], `GET ${url} `, location);
      }
    });

    it('what says who asks stays with its origin; each origin gets its operator’s own headers', async () => {
      const { left, right, granted, heads } = await two((url, other) => (url === '/a' ? [307, `${other}/b`] : null));
      const headers = map([
        ['cookie', 'c=1'],
        ['x-api-key', 'k'],
        ['accept', 'text/plain'],
      ]);
      const answer = await (await granted.at(`${left.origin}/a`)).call('post', 'body', options({ headers }));
      assert.equal(field(answer, 'url'), `${right.origin}/b`);
      const [first, second] = heads;
      assert.deepEqual(
        [first?.['x-secret'], first?.['authorization'], first?.['cookie'], first?.['x-api-key'], first?.['x-other']],
        ['left', 'Bearer left', 'c=1', 'k', undefined],
      );
      assert.deepEqual(
        [
          second?.['x-secret'],
          second?.['authorization'],
          second?.['cookie'],
          second?.['x-api-key'],
          second?.['x-other'],
        ],
        [undefined, undefined, undefined, undefined, 'right'],
      );
      assert.equal(second?.['accept'], 'text/plain');
      assert.equal(second?.['host'], right.origin.slice('http://'.length));
    });

    it('they end: with the bound of the operator, or that of the caller, who may also look at one', async () => {
      const { left, granted, heads } = await two((url) => [302, `${url}a`]);
      const there = await granted.at(`${left.origin}/`);
      failed(await there.answer('get'), 'net_failed', 'redirects more than 5 times');
      assert.equal(heads.length, 6);
      failed(await there.answer('get', options({ redirects: 1 })), 'net_failed', 'more than 1 times');
      const looked = await there.call('get', options({ redirects: 0 }));
      assert.equal(field(looked, 'status'), 302);
      assert.equal(field(field(looked, 'headers'), 'location'), '/a');
      assert.equal(heads.length, 9);
    });

    it('a redirect of a body in chunks is followed, too', async () => {
      const { left, granted } = await two((url) => (url === '/a' ? [302, '/b'] : null));
      const answer = await (await granted.at(`${left.origin}/a`)).map('get', options({ as: 'chunks' }));
      const source = granted.host.open(answer.get('body'));
      assert.equal(textOf((await source.take())[0] as Value), 'there');
      assert.deepEqual(await source.take(), [null]);
    });
  });

  describe('repetition', () => {
    /** Breaks the connection so many times before it answers. */
    function breaking(times: number, seen: unknown[] = []): RequestListener {
      let left = times;
      return (request, response) => {
        seen.push(request.headers['x-key']);
        request.resume();
        if (left-- > 0) request.socket.destroy();
        else response.end();
      };
    }

    for (const method of ['get', 'head', 'options', 'delete']) {
      it(`${method} is made again when its connection breaks before there is an answer`, async () => {
        const { server, at } = await start(breaking(2));
        assert.equal(field(await (await at(server.origin)).call(method), 'status'), 200);
        assert.equal(server.requests.length, 3);
      });
    }

    it('not for ever', async () => {
      const { server, at } = await start(breaking(99));
      failed(await (await at(server.origin)).answer('get'), 'net_failed', 'closed');
      assert.equal(server.requests.length, 3);
    });

    it('post and patch are not made again: nobody could tell what happened', async () => {
      const { server, at } = await start(breaking(1));
      failed(await (await at(server.origin)).answer('post', 'x'), 'net_failed');
      assert.deepEqual(server.requests, ['POST /']);
    });

    it('with a header for the key of the effect they are, with the same key', async () => {
      const seen: unknown[] = [];
      const { server, at } = await start(breaking(1, seen), { idempotencyHeader: 'x-key' });
      const there = await at(server.origin);
      const id = new Uint8Array(32).fill(7);
      const answer = await there.run(there.prepare('post', ['x'], id));
      assert.equal(field(succeeded(answer), 'status'), 200);
      assert.deepEqual(seen, [Buffer.from(id).toString('hex'), Buffer.from(id).toString('hex')]);
    });

    it('after a crash a post is made again only where the server can tell', async () => {
      const { server, at } = await start(saying(200, {}));
      const plain = await at(server.origin);
      const told = await plain.native.ask?.(plain.prepare('post', ['x']));
      assert(told !== undefined && told !== 'not_applied');
      failed(told, 'interrupted', 'POST');
      const keyed = await start(saying(200, {}), { idempotencyHeader: 'x-key' });
      const there = await keyed.at(keyed.server.origin);
      assert.equal(await there.native.ask?.(there.prepare('patch', ['x'])), 'not_applied');
      assert.deepEqual([...server.requests, ...keyed.server.requests], []);
    });
  });

  describe('limits of the operator', () => {
    it('the first entry that covers origin, method and path says what may be done', async () => {
      const server = await serve(saying(200, {}));
      const granted = grantHttp([
        onLoopback(server.origin, { methods: ['POST'], paths: ['/api/orders'], headers: { 'x-entry': 'orders' } }),
        onLoopback(server.origin, { methods: ['GET'], paths: ['/api'] }),
      ]);
      open.push(server, granted);
      const orders = await granted.at(`${server.origin}/api/orders/1`);
      await orders.call('post', 'x');
      await orders.call('get');
      failed(await orders.answer('delete'), 'address_refused', 'DELETE is not granted');
      failed(await (await granted.at(`${server.origin}/api`)).answer('post', 'x'), 'address_refused', 'POST');
      assert.match(await granted.client.refusal('resolve', `${server.origin}/apix`), /^address_refused: .*not among/);
      assert.deepEqual(server.requests, ['POST /api/orders/1', 'GET /api/orders/1']);
    });

    it('bodies have a bound in both directions', async () => {
      const { server, at } = await start(
        (request, response) => {
          request.resume();
          if (request.url === '/said') response.end(Buffer.alloc(1_001));
          else {
            response.write(Buffer.alloc(600));
            response.end(Buffer.alloc(600));
          }
        },
        { request_bytes_max: 10, response_bytes_max: 1_000 },
      );
      failed(await (await at(server.origin)).answer('post', 'x'.repeat(11)), 'value_too_large', 'at most 10 bytes');
      assert.deepEqual(server.requests, []);
      failed(await (await at(`${server.origin}/said`)).answer('get'), 'value_too_large', 'more than 1000');
      failed(await (await at(`${server.origin}/grows`)).answer('get'), 'value_too_large', 'more than 1000');
    });

    it('requests have a rate, with some in reserve', async () => {
      const { server, at } = await start(saying(200, {}), { requests_per_second: 0.01, requests_burst_max: 2 });
      const there = await at(server.origin);
      await there.call('get');
      await there.call('get');
      failed(await there.answer('get'), 'rate_limited', 'the next may come in');
      assert.equal(server.requests.length, 2);
    });

    it('so many are under way at once, and others wait for their turn', async () => {
      const held: ServerResponse[] = [];
      let most = 0;
      const { server, at } = await start(
        (_, response) => {
          most = Math.max(most, held.push(response));
          // None is answered before there are three, and then a fourth has the time to come.
          if (held.length === 3)
            setTimeout(() => {
              for (const each of held.splice(0)) each.end();
            }, 5);
        },
        { requests_open_max: 3 },
      );
      const there = await at(server.origin);
      const answers = await Promise.all(Array.from({ length: 12 }, () => there.answer('get')));
      for (const answer of answers) succeeded(answer);
      assert.equal(most, 3);
      assert.equal(server.requests.length, 12);
    });

    it('an answer is what came, however alike the one before it was', async () => {
      const long = 'x'.repeat(limits.http_answer_kept_bytes_max + 1);
      // What is said of status, type and body, how the body is asked for, and what it is then.
      const said: readonly (readonly [number, string, string, string, Value])[] = [
        [200, 'application/json', '{"a":1}', 'value', map([['a', 1]])],
        [200, 'application/json', '{"a":2}', 'value', map([['a', 2]])],
        [203, 'application/json', '{"a":2}', 'value', map([['a', 2]])],
        [200, 'application/json', '{"a":1}', 'text', '{"a":1}'],
        [200, 'application/json', '{"a":1}', 'bytes', bytes(Buffer.from('{"a":1}'))],
        [200, 'text/plain', '{"a":1}', 'value', '{"a":1}'],
        [200, 'text/plain', `${long}1`, 'value', `${long}1`],
        [200, 'text/plain', `${long}2`, 'value', `${long}2`],
        [404, 'text/plain', 'not here', 'value', 'not here'],
      ];
      let next = 0;
      const { server, at } = await start((_, response) => {
        const [status, type, body] = said[next] as (typeof said)[number];
        response.writeHead(status, { 'content-type': type, date: 'a day', connection: 'keep-alive' }).end(body);
      });
      const there = await at(server.origin);
      const told = async (index: number): Promise<void> => {
        next = index;
        const [status, type, , form, body] = said[index] as (typeof said)[number];
        const answer = await there.answer('get', options({ as: form }));
        const value = succeeded(answer);
        assert.equal(field(value, 'status'), status);
        assert.equal(field(field(value, 'headers'), 'content-type'), type);
        assertValue(field(value, 'body'), body);
        // What is told beside an answer is told each time.
        assert.equal('notes' in answer, status >= 400);
      };
      // Each one after each other one and itself, three times in a row.
      for (let index = 0; index < said.length; index++)
        for (let other = 0; other < said.length; other++)
          for (const each of [index, index, index, other]) await told(each);
    });

    it('connections are kept and shared by whoever may reach the origin', async () => {
      const { server, resolver, host, at } = await start(saying(200, {}));
      await (await at(server.origin)).call('get');
      const { httpPower } = await import('../../src/capability/powers/http.ts');
      resolver.grant('other/http', httpPower.parse({ kind: 'http', origins: [onLoopback(server.origin)] }));
      const other = host.object('httpClient', list(['other/http']));
      await (await other.resolve('resolve', server.origin)).call('get');
      assert.equal(server.connections(), 1);
    });

    it('past so many connections requests wait for one, and those that nobody waits for any more are never sent', async () => {
      const held: ServerResponse[] = [];
      let isHolding = true;
      const { server, at } = await start(
        (_, response) => {
          if (isHolding) held.push(response);
          else response.end();
        },
        { requests_open_max: 2 * limits.http_connections_max },
      );
      const there = await at(server.origin);
      const abort = new AbortController();
      const kept = Array.from({ length: limits.http_connections_max + 12 }, () => there.answer('get'));
      const left = Array.from({ length: 4 }, () => there.run({ ...there.prepare('get', []), signal: abort.signal }));
      while (held.length < limits.http_connections_max) await new Promise(setImmediate);
      abort.abort();
      for (const answer of await Promise.all(left)) failed(answer, 'cancelled');
      isHolding = false;
      for (const response of held) response.end();
      for (const answer of await Promise.all(kept)) succeeded(answer);
      assert.equal(server.requests.length, kept.length);
      assert.equal(server.connections(), limits.http_connections_max);
    });

    it('a grant that has changed is looked at anew by channels that were used before', async () => {
      const { resolver, at, server } = await start((_, response) => response.end('yes'));
      const page = await at(server.origin);
      succeeded(await page.answer('get'));
      const origins = [onLoopback(server.origin, { methods: ['HEAD'] })];
      resolver.grant(GRANT, httpPower.parse({ kind: 'http', origins }));
      failed(await page.answer('get'), 'address_refused');
      succeeded(await page.answer('head'));
      resolver.grant(GRANT, httpPower.parse({ kind: 'http', origins: [onLoopback(server.origin)] }));
      succeeded(await page.answer('get'));
      assert.deepEqual(server.requests, ['GET /', 'HEAD /', 'GET /']);
    });

    it('a grant that is taken back ends what is under way, and answers nothing more', async () => {
      const { server, resolver, host, at } = await start((request, response) => {
        if (request.url === '/stream') response.write('begin');
      });
      const there = await at(server.origin);
      const streaming = await (await at(`${server.origin}/stream`)).map('get', options({ as: 'chunks' }));
      const source = host.open(streaming.get('body'));
      await source.take();
      const waiting = there.answer('get');
      while (server.requests.length < 2) await new Promise(setImmediate);
      resolver.revoke(GRANT);
      failed(await waiting, 'not_available');
      assert.equal((await source.failed()).code, 'not_available');
      failed(await there.answer('get'), 'not_available');
      assert.equal(server.requests.length, 2);
    });

    it('a call that nobody waits for ends, wherever it is', async () => {
      const { server, at } = await start(() => {}, { requests_open_max: 1 });
      const there = await at(server.origin);
      const abort = new AbortController();
      const call = { ...there.prepare('get', []), signal: abort.signal };
      const first = there.run(call);
      while (server.requests.length < 1) await new Promise(setImmediate);
      const second = there.run({ ...there.prepare('get', []), signal: abort.signal });
      abort.abort();
      failed(await first, 'cancelled');
      failed(await second, 'cancelled');
      assert.equal(server.requests.length, 1);
      failed(await there.run({ ...there.prepare('get', []), signal: abort.signal }), 'cancelled');
    });
  });
});
