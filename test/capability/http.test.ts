/** URLs in their one form, and what an operator may write in a grant of HTTP. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { httpUrlText, parseHttpUrl, pathRefusal, redirectTarget } from '../../src/capability/index.ts';
import { httpPower } from '../../src/capability/powers/http.ts';

function normal(text: string): string {
  const url = parseHttpUrl(text);
  return typeof url === 'string' ? `refused: ${url}` : httpUrlText(url);
}

describe('URLs of HTTP', () => {
  it('each is read into its one form', () => {
    const forms: readonly (readonly [string, string])[] = [
      ['HTTP://Example.COM', 'http://example.com/'],
      ['https://example.com:443/a', 'https://example.com/a'],
      ['http://example.com:443/a', 'http://example.com:443/a'],
      ['http://[0:0::1]:80/', 'http://[::1]/'],
      ['http://[::ffff:127.0.0.1]/', 'http://127.0.0.1/'],
      ['http://a_b.example/%7euser/%c3%a9', 'http://a_b.example/~user/%C3%A9'],
      ['http://example.com?q=%2f%41', 'http://example.com/?q=%2FA'],
      ['http://example.com/a;b//c?d[]=/?', 'http://example.com/a;b//c?d[]=/?'],
    ];
    for (const [text, form] of forms) assert.equal(normal(text), form);
  });

  it('a URL that is read is read the same again, and as the standard of browsers reads it', () => {
    const part = fc.string({ unit: fc.constantFrom(...'aB0-._~%2eEfF5cC/;?&=#@:[]\\ é\n'.split('')), maxLength: 24 });
    const host = fc.constantFrom('example.com', 'EXAMPLE.com', '127.0.0.1', '[::1]', '127.1', 'a.b.', '0x7f.1', 'x@y');
    fc.assert(
      fc.property(fc.constantFrom('http', 'https', 'HTTP'), host, part, (scheme, name, rest) => {
        const text = `${scheme}://${name}/${rest}`;
        const url = parseHttpUrl(text);
        if (typeof url === 'string') return;
        assert.equal(normal(httpUrlText(url)), httpUrlText(url));
        const theirs = new URL(text);
        assert.equal(theirs.host, new URL(url.origin).host);
        assert.equal(theirs.username + theirs.password + theirs.hash, '');
        // Their form keeps what ours decodes, and nothing else is different.
        assert.equal(normal(theirs.href), httpUrlText(url));
      }),
      { numRuns: 2_000 },
    );
  });

  it('a path beneath a granted prefix is beneath it however a server decodes it', () => {
    const part = fc.string({
      unit: fc.constantFrom('a', '.', '/', '%2e', '%2f', '%5c', '%25', '%252e', ';', '%00'),
      maxLength: 12,
    });
    fc.assert(
      fc.property(part, (rest) => {
        const url = parseHttpUrl(`http://example.com/api/${rest}`);
        if (typeof url === 'string' || pathRefusal(url.path, ['/api']) !== null) return;
        let decoded = url.path;
        for (let round = 0; round < 4; round++) {
          const walked = new URL(`http://x${decoded.replaceAll('\\', '/')}`).pathname;
          assert(
            walked.startsWith('/api/') || walked === '/api',
            `${url.path} is ${walked} when decoded ${round} times`,
          );
          decoded = decoded.replaceAll(/%([0-9a-fA-F]{2})/g, (_, hex: string) =>
            String.fromCharCode(Number.parseInt(hex, 16)),
          );
        }
      }),
      { numRuns: 5_000 },
    );
  });

  it('a redirect is joined as the standard joins it, or refused', () => {
    const from = parseHttpUrl('https://example.com:8443/a/b/c?d=e');
    assert(typeof from !== 'string');
    const location = fc.string({
      unit: fc.constantFrom('a', '.', '..', '/', '//', '?', '#', 'b=c', 'http:', 'https://h'),
      maxLength: 8,
    });
    fc.assert(
      fc.property(location, (text) => {
        const target = redirectTarget(from, text);
        if (typeof target === 'string') return;
        const theirs = new URL(text, httpUrlText(from));
        theirs.hash = '';
        assert.equal(httpUrlText(target), normal(theirs.search === '' ? theirs.href.replace(/\?$/, '') : theirs.href));
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('powers of HTTP', () => {
  function mistakes(origin: object): string {
    const read = httpPower.safeParse({ kind: 'http', origins: [{ origin: 'https://example.com', ...origin }] });
    return read.success ? '' : read.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('\n');
  }

  it('what cannot be granted is refused with what was expected', () => {
    const wrong: readonly (readonly [object, RegExp])[] = [
      [{ origin: 'example.com' }, /origins\.0\.origin: "example\.com" is no origin: http:\/\/ or https:\/\//],
      [{ origin: 'https://example.com/path' }, /is no origin/],
      [{ origin: 'https://Example.com' }, /a name in lower case/],
      [{ origin: 'https://user@example.com' }, /is no origin/],
      [{ origin: 'https://127.1' }, /is no host/],
      [{ origin: 'https://example.com:0x50' }, /is no port/],
      [{ methods: ['get'] }, /methods\.0/],
      [{ methods: ['TRACE'] }, /methods\.0/],
      [{ methods: [] }, /methods/],
      [{ paths: ['api'] }, /must begin with \//],
      [{ paths: ['/a/../b'] }, /a part \. or \.\./],
      [{ paths: ['/a%2fb'] }, /an encoded slash/],
      [{ paths: ['/a//b'] }, /an empty part/],
      [{ paths: ['/%41'] }, /is written "\/A"/],
      [{ addresses: ['intranet'] }, /is no address/],
      [{ addresses: ['10.0.0.1/8'] }, /write 10\.0\.0\.0\/8/],
      [{ headers: { Authorization: 'x' } }, /written in lower case: authorization/],
      [{ headers: { 'a b': 'x' } }, /headers\.a b: .*no name of a header/],
      [{ headers: { host: 'x' } }, /written by the node itself/],
      [{ idempotencyHeader: 'content-length' }, /written by the node itself/],
      [{ headersRefused: ['X'] }, /in lower case/],
      [{ whole_ms_max: 60_000 }, /whole_ms_max/],
      [{ requests_per_second: 0 }, /requests_per_second/],
      [{ tls: { ca: 'a', caText: 'b' } }, /not both/],
      [{ tls: { cert: 'a' } }, /cert and key/],
      [{ path: '/' }, /path/],
    ];
    for (const [origin, expected] of wrong) assert.match(mistakes(origin), expected, JSON.stringify(origin));
  });

  it('by default an origin is read from, everywhere on it, at public addresses', () => {
    const [origin] = httpPower.parse({ kind: 'http', origins: [{ origin: 'https://example.com' }] }).origins;
    assert.deepEqual([origin?.methods, origin?.paths, origin?.addresses], [['GET', 'HEAD'], ['/'], []]);
  });

  it('a grant that was written down is read again as it was', () => {
    const power = httpPower.parse({
      kind: 'http',
      origins: [
        { origin: 'https://*.example.com:8443', headers: { 'x-token': '${env:TOKEN}' }, addresses: ['10.0.0.0/8'] },
      ],
    });
    assert.deepEqual(JSON.stringify(httpPower.parse(JSON.parse(JSON.stringify(power)))), JSON.stringify(power));
  });
});
