/** Addresses, rules and lookups: what every power of the network stands on. */
import assert from 'node:assert/strict';
import {
  addressOf,
  allows,
  endpointRule,
  endpointRules,
  hostName,
  networkRule,
  parseAddress,
  parseEndpoint,
} from '../../src/capability/index.ts';
import { isPowerboxError } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';
import { Lookup } from '../../resolvers/net/lookup.ts';
import { livedPlatform } from '../lived.ts';

function coded(code: string, text = ''): (error: unknown) => boolean {
  return (error) => isPowerboxError(error) && error.code === code && error.message.includes(text);
}

describe('addresses', () => {
  const kinds: readonly (readonly [kind: string, ...texts: string[]])[] = [
    ['public', '8.8.8.8', '1.1.1.1', '172.32.0.1', '2606:4700::1111', '64:ff9b::808:808', '2002:808:808::1'],
    ['loopback', '127.0.0.1', '127.255.255.254', '::1', '::ffff:127.0.0.1', '::ffff:7f00:1', '::127.0.0.1'],
    ['loopback', '64:ff9b::7f00:1', '2002:7f00:1::', '2001:0:1:2:3:4:80ff:fffe', '2606::5efe:127.0.0.1'],
    ['loopback', '::ffff:0:127.0.0.1', '2606::200:5efe:7f00:1'],
    ['private', '10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', 'fc00::1', 'fdff::1', 'fec0::1'],
    ['private', '::ffff:10.1.2.3', '64:ff9b::a00:1', '2002:a00:1::1'],
    ['link_local', '169.254.1.1', 'fe80::1', '::ffff:169.254.1.1'],
    ['metadata', '169.254.169.254', 'fd00:ec2::254', '::ffff:169.254.169.254', '64:ff9b::a9fe:a9fe'],
    ['metadata', '2002:a9fe:a9fe::', '100.100.100.200', '168.63.129.16'],
    ['unspecified', '0.0.0.0', '0.1.2.3', '::', '::ffff:0.0.0.0'],
    ['carrier_nat', '100.64.0.1', '100.127.255.255'],
    ['multicast', '224.0.0.1', '239.255.255.255', 'ff02::1', '::ffff:224.0.0.1'],
    ['broadcast', '255.255.255.255'],
    ['documentation', '192.0.2.1', '198.51.100.7', '203.0.113.9', '2001:db8::1', '3fff::1'],
    ['reserved', '240.0.0.1', '198.18.0.1', '192.0.0.1', '192.88.99.1', '2001:2::1', '64:ff9b:1::1', '100::1'],
    ['reserved', '5f00::1', '4000::1', '::2:0:0:1'],
  ];
  for (const [kind, ...texts] of kinds) {
    it(`${texts.join(', ')} are ${kind}`, () => {
      for (const text of texts) assert.equal(parseAddress(text)?.kind, kind, text);
    });
  }

  it('only one spelling of an address is read', () => {
    const others = ['0177.0.0.1', '127.1', '2130706433', '0x7f000001', '127.0.0.1.', ' 127.0.0.1', '127.0.0.256', ''];
    const six = ['::ffff:0177.0.0.1', '::ffff:127.1', 'fe80::1%eth0', '[::1]', '1::2::3', '::1/128', '12345::', ':::'];
    for (const text of [...others, ...six, '1'.repeat(100)]) assert.equal(parseAddress(text), null, text);
  });

  it('an IPv4 address written as IPv6 is the IPv4 address that the system connects to', () => {
    assert.deepEqual(parseAddress('::ffff:7f00:1'), parseAddress('127.0.0.1'));
    assert.deepEqual(addressOf([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 0, 1]), parseAddress('10.0.0.1'));
  });

  it('a host name is plain, and nothing that any program would read as an address', () => {
    assert.equal(hostName('Example.COM'), 'example.com');
    assert.equal(hostName('xn--bcher-kva.example'), 'xn--bcher-kva.example');
    const refused = [
      'example.com.',
      'a..b',
      '.a',
      '',
      '-a.b',
      'a b',
      'a\0b',
      'bücher.example',
      '1.2',
      '0x7f.1',
      'a.0x',
      'a/b',
    ];
    for (const text of [...refused, 'a'.repeat(64), `${'a.'.repeat(130)}a`]) assert.equal(hostName(text), null, text);
  });
});

describe('rules of endpoints', () => {
  function allowed(rules: readonly string[], host: string, address: string, port: number): boolean {
    const parsed = parseAddress(address);
    assert(parsed !== null);
    return allows(endpointRules(rules), { host, address: parsed, port });
  }

  it('a rule by name opens the public addresses of that name, on its ports, and nothing else', () => {
    const rules = ['example.com:443,8000-8002', '*.example.com:443'];
    assert.equal(allowed(rules, 'example.com', '8.8.8.8', 443), true);
    assert.equal(allowed(rules, 'example.com', '8.8.8.8', 8001), true);
    assert.equal(allowed(rules, 'example.com', '8.8.8.8', 8003), false);
    assert.equal(allowed(rules, 'a.b.example.com', '8.8.8.8', 443), true);
    assert.equal(allowed(rules, 'notexample.com', '8.8.8.8', 443), false);
    assert.equal(allowed(rules, 'example.com.evil.org', '8.8.8.8', 443), false);
    assert.equal(allowed(rules, '8.8.8.8', '8.8.8.8', 443), false);
    for (const inside of ['127.0.0.1', '10.0.0.1', '169.254.169.254', '::1', '::ffff:10.0.0.1', '64:ff9b::a00:1']) {
      assert.equal(allowed([...rules, '*:*'], 'example.com', inside, 443), false, inside);
    }
  });

  it('a rule by address opens that address under whatever name', () => {
    const rules = ['10.0.0.0/8:5432', '[fd00::/8]:1-1024', '127.0.0.1:*'];
    assert.equal(allowed(rules, 'db.internal', '10.1.2.3', 5432), true);
    assert.equal(allowed(rules, '10.1.2.3', '::ffff:10.1.2.3', 5432), true);
    assert.equal(allowed(rules, 'db.internal', '11.1.2.3', 5432), false);
    assert.equal(allowed(rules, 'fd00::1', 'fd00::1', 1024), true);
    assert.equal(allowed(rules, 'localhost', '127.0.0.1', 80), true);
    assert.equal(allowed(rules, 'localhost', '127.0.0.2', 80), false);
    assert.equal(allowed(rules, 'x', '64:ff9b::a00:1', 5432), false, 'the way through a translator was not granted');
  });

  it('the services that hand out credentials are opened one by one, never with a range', () => {
    assert.equal(allowed(['169.254.0.0/16:80', '0.0.0.0/0:80'], 'm', '169.254.169.254', 80), false);
    assert.equal(allowed(['169.254.169.254:80'], 'm', '169.254.169.254', 80), true);
  });

  it('a rule that cannot be read is refused with what is wrong', () => {
    const wrong: readonly (readonly [string, RegExp])[] = [
      ['example.com', /a host, a colon and ports/],
      ['Example.com:1', /a name in lower case/],
      ['example.com.:1', /a name in lower case/],
      ['a.*.com:1', /is no host/],
      ['10.0.0.1/8:1', /write 10\.0\.0\.0\/8/],
      ['10.0.0.0/33:1', /0 to 32/],
      ['[::ffff:10.0.0.0/104]:1', /write it as IPv4/],
      ['fd00::/8:1', /is no rule/],
      ['example.com:0x50', /is no port/],
      ['example.com:65536', /up to 65535/],
      ['example.com:9-8', /end before they begin/],
      ['example.com:1-2-3', /is no port/],
      ['example.com:', /is no port/],
      [`a:${'1,'.repeat(65)}1`, /at most 64/],
      ['x'.repeat(2000), /is no rule/],
    ];
    for (const [text, expected] of wrong) {
      const read = endpointRule.safeParse(text);
      assert(!read.success, text);
      assert.match(read.error.issues[0]?.message ?? '', expected);
    }
    assert.equal(networkRule.safeParse('10.0.0.0/8').success, true);
    assert.equal(networkRule.safeParse('example.com').success, false);
  });

  it('what a contract names is a host and a port', () => {
    assert.deepEqual(parseEndpoint('Example.com:443'), { host: 'example.com', address: null, port: 443 });
    const six = parseEndpoint('[0:0::1]:80');
    assert(typeof six !== 'string');
    assert.equal(six.host, '::1');
    for (const text of [
      'example.com',
      '::1:80',
      'a:b:1',
      '[::1]',
      'u@h:1',
      'h:',
      'h:-1',
      'h:99999',
      'h\n:1',
      '0x7f.1:1',
    ]) {
      assert.equal(typeof parseEndpoint(text), 'string', text);
    }
  });
});

describe('lookup', () => {
  // What is kept, is for some seconds: a machine that stands still meanwhile takes nothing of them.
  const platform = livedPlatform();
  const rules = endpointRules(['example.com:443', '10.0.0.0/8:443']);

  function lookup(answers: Readonly<Record<string, readonly (readonly string[])[]>>): {
    lookup: Lookup;
    asked: string[];
  } {
    const asked: string[] = [];
    const resolve = async (host: string): Promise<readonly string[]> => {
      const rounds = answers[host];
      const answer = rounds?.[Math.min(asked.filter((each) => each === host).length, rounds.length - 1)];
      asked.push(host);
      if (answer === undefined) throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' });
      return answer;
    };
    return { lookup: new Lookup({ ...platform, resolve }), asked };
  }

  it('every answer is judged, and those that are allowed are given', async () => {
    const { lookup: names } = lookup({
      'example.com': [['127.0.0.1', '8.8.8.8', '::1', '10.9.9.9', '169.254.169.254']],
    });
    const found = await names.checked('example.com', 443, rules, { limit_ms: 60_000 });
    assert.deepEqual(
      found.map(({ text }) => text),
      ['8.8.8.8', '10.9.9.9'],
    );
  });

  it('a name that leads nowhere that was granted is refused, without the addresses', async () => {
    const { lookup: names } = lookup({ 'example.com': [['192.168.7.7', 'fe80::1']] });
    await assert.rejects(names.checked('example.com', 443, rules, { limit_ms: 60_000 }), (error) => {
      assert(isPowerboxError(error));
      assert.equal(error.code, 'address_refused');
      assert.match(error.message, /private, link local/);
      assert.doesNotMatch(error.message, /192\.168/);
      return true;
    });
  });

  it('what no rule can name is refused without a question', async () => {
    const { lookup: names, asked } = lookup({});
    const named = endpointRules(['example.com:443']);
    await assert.rejects(names.checked('secret.evil.org', 443, named, { limit_ms: 60_000 }), coded('address_refused'));
    await assert.rejects(names.checked('example.com', 80, named, { limit_ms: 60_000 }), coded('address_refused'));
    await assert.rejects(
      names.checked('127.0.0.1', 443, named, { limit_ms: 60_000 }),
      coded('address_refused', 'loopback'),
    );
    // Rules by address name nobody: a program could put anything into a question.
    const inside = endpointRules(['10.0.0.0/8:443', '0.0.0.0/0:443']);
    await assert.rejects(names.checked('secret.evil.org', 443, inside, { limit_ms: 60_000 }), coded('address_refused'));
    assert.deepEqual(asked, []);
  });

  it('an answer is kept and judged anew for each grant; a failure is not kept', async () => {
    const { lookup: names, asked } = lookup({ 'example.com': [['10.0.0.1']] });
    await names.checked('example.com', 443, rules, { limit_ms: 60_000 });
    const byName = endpointRules(['example.com:443']);
    await assert.rejects(names.checked('example.com', 443, byName, { limit_ms: 60_000 }), coded('address_refused'));
    assert.deepEqual(asked, ['example.com']);
    const named = endpointRules(['*.example.com:443']);
    for (const _ of [1, 2]) {
      await assert.rejects(
        names.checked('no.example.com', 443, named, { limit_ms: 60_000 }),
        coded('net_failed', 'name_unknown'),
      );
    }
    assert.deepEqual(asked, ['example.com', 'no.example.com', 'no.example.com']);
  });

  it('names that are kept have a bound', async () => {
    let questions = 0;
    const resolve = async (): Promise<readonly string[]> => {
      questions++;
      return ['10.0.0.1'];
    };
    const names = new Lookup({ ...platform, resolve });
    const all = endpointRules(['*:1', '10.0.0.0/8:1']);
    for (let i = 0; i <= limits.lookups_kept_max; i++)
      await names.checked(`h${i}.example`, 1, all, { limit_ms: 60_000 });
    await names.checked('h1.example', 1, all, { limit_ms: 60_000 });
    assert.equal(questions, limits.lookups_kept_max + 1, 'a young one is kept');
    await names.checked('h0.example', 1, all, { limit_ms: 60_000 });
    assert.equal(questions, limits.lookups_kept_max + 2, 'the oldest one has made room');
  });

  it('a question that is not answered ends with its time or its signal', async () => {
    const names = new Lookup({ ...platform, resolve: () => new Promise(() => {}) });
    await assert.rejects(names.checked('example.com', 443, rules, { limit_ms: 5 }), coded('timed_out', '5 ms'));
    const aborted = AbortSignal.abort();
    await assert.rejects(
      names.checked('example.com', 443, rules, { limit_ms: 60_000, signal: aborted }),
      coded('cancelled'),
    );
    const abort = new AbortController();
    const waiting = names.checked('example.com', 443, rules, { limit_ms: 60_000, signal: abort.signal });
    abort.abort();
    await assert.rejects(waiting, coded('cancelled'));
  });

  it('by default the system is asked', async () => {
    const names = new Lookup(platform);
    const local = endpointRules(['localhost:1', '127.0.0.0/8:1', '[::1]:1']);
    const found = await names.checked('localhost', 1, local, { limit_ms: 60_000 });
    assert(found.every(({ kind }) => kind === 'loopback'));
  });
});
