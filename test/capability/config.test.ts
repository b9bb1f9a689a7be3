/** The configuration of a node: what is refused and in which words, what grants may narrow, what secrets show. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { inspect } from 'node:util';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { z } from 'zod';
import {
  type Configuration,
  type ConfigurationRead,
  type ConfigurationSurroundings,
  mistakeLine,
  readConfigurationFile,
  readConfigurationObject,
  requireConfiguration,
} from '../../src/capability/index.ts';
import { limits } from '../../src/limits.ts';

const CASES = fileURLToPath(new URL('../../spec/config/', import.meta.url));

/** A machine with these files and variables and nothing else. */
function surroundings(
  files: Readonly<Record<string, string>> = {},
  variables: Readonly<Record<string, string>> = {},
): ConfigurationSurroundings {
  return {
    resolve: (path) => resolve('/etc/powerbox', path),
    readFile: (path) => {
      const text = files[path];
      return text === undefined ? { problem: 'missing' } : { text };
    },
    variable: (name) => variables[name],
    contractFaults: (text, uris) => (text.includes('wrong') ? [`1:2: wrong among ${uris.join(' ')}`] : []),
  };
}

const FILE = '/etc/powerbox/powerbox.yaml';

function read(
  text: string,
  files: Readonly<Record<string, string>> = {},
  variables: Readonly<Record<string, string>> = {},
): ConfigurationRead {
  return readConfigurationFile(FILE, surroundings({ ...files, [FILE]: text }, variables));
}

function lines({ mistakes }: ConfigurationRead): string[] {
  return mistakes.map((mistake) => mistakeLine('c', mistake));
}

function good(...given: Parameters<typeof read>): Configuration {
  const { configuration, mistakes } = read(...given);
  assert.deepEqual(mistakes, []);
  assert(configuration !== null);
  return configuration;
}

describe('a configuration', () => {
  for (const name of readdirSync(CASES).filter((file) => file.endsWith('.yaml'))) {
    it(`that is wrong is told of in exactly these lines: ${name}`, () => {
      const file = `${CASES}${name}`;
      const { mistakes, configuration } = readConfigurationFile(file, {
        ...surroundings({ [file]: readFileSync(file, 'utf8') }),
      });
      const expected = readFileSync(file.replace('.yaml', '.expected.txt'), 'utf8');
      assert.equal(mistakes.map((mistake) => `${mistakeLine(basename(file), mistake)}\n`).join(''), expected);
      assert.equal(configuration, null);
    });
  }

  it('says who has what, with every default and path in its place', () => {
    const { holders, data, durability, publicSystem } = good(`
version: 1
data: ./space
durability: os
powers:
  stdio: {kind: stdio}
  files: {kind: files, root: ../files, readOnly: true}
holders:
  alice: {grants: [stdio, files/reports/2026]}
  bob: {grants: [{power: files, as: docs}]}
publicSystem: bob
`);
    assert.deepEqual([data, durability, publicSystem], ['/etc/powerbox/space', 'os', 'bob']);
    const files = { kind: 'files', root: '/etc/files', readOnly: true, acceptWeakConfinement: false };
    assert.deepEqual(JSON.parse(JSON.stringify(holders.get('alice')?.powers)), [
      { kind: 'stdio' },
      { ...fields(holders.get('alice')?.powers[1]), ...files, name: 'files', below: 'reports/2026' },
    ]);
    assert.deepEqual(JSON.parse(JSON.stringify(holders.get('bob')?.powers)), [
      { ...fields(holders.get('bob')?.powers[0]), ...files, name: 'docs', below: '' },
    ]);
  });

  it('is the same as JSON, and as an object', () => {
    const source = { version: 1, powers: { timer: { kind: 'timer' } }, holders: { a: { grants: ['timer'] } } };
    const text = good(JSON.stringify(source, null, 2));
    const object = readConfigurationObject(source, surroundings()).configuration;
    assert(object !== null);
    assert.deepEqual({ ...text, file: null }, object);
    const wrong = readConfigurationObject({ ...source, version: 2 }, surroundings());
    assert.deepEqual(lines(wrong), ['c: version: expected 1, came 2']);
  });

  it('may be JSON as programs write it, with tabs, a byte order mark and other line ends', () => {
    const source = { version: 1, data: 'x', holders: { a: { grants: [] } } };
    for (const text of [
      JSON.stringify(source, null, '\t'),
      `\uFEFF${JSON.stringify(source)}`,
      'version: 1\r\ndata: x\r\nholders: {a: {}}\r\n',
    ])
      assert.equal(good(text).data, '/etc/powerbox/x');
  });

  it('says how long the audit is kept, within what a node can keep', () => {
    assert.equal(good('version: 1').audit, null);
    assert.deepEqual(good('version: 1\naudit: {bytes_max: 1000}').audit, {
      bytes_max: 1000,
      age_ms_max: limits.audit_age_ms_default,
    });
    assert.match(
      lines(read('version: 1\naudit: {age_ms_max: 0}'))[0] ?? '',
      /^c:2:21: audit\.age_ms_max: age_ms_max is at least 1, came 0$/,
    );
  });

  it('grants nothing that it does not name', () => {
    assert.equal(good('version: 1').holders.size, 0);
    assert.deepEqual(good('version: 1\nholders: {a: {}}').holders.get('a')?.powers, []);
  });

  const texts: readonly (readonly [law: string, text: string, line: RegExp])[] = [
    ['nothing at all', '', /^c:1:1: expected a map, came (nothing|null)$/],
    ['a list', '- 1', /^c:1:1: expected a map, came a list$/],
    ['a tab', 'version: 1\npowers:\n\tstdio: {}', /^c:3:1: lines are indented with spaces, not with tabs$/],
    [
      'a key that stands twice',
      'version: 1\ndata: a\ndata: b',
      /^c:3:1: data: a key stands once in a map, came it again$/,
    ],
    ['two documents', 'version: 1\n---\nversion: 1', /^c:\d:1: one document is expected/],
    ['a bracket that is not closed', 'version: 1\npowers: {', /^c:\d+:\d+: /],
    ['a number that would be rounded', 'version: 12345678901234567890', /^c:1:10: version: a number is finite/],
    ['a name of the language', 'version: 1\n__proto__: {}', /^c:2:1: a key is a text, came "__proto__"$/],
    ['an escape that is none', 'version: "\\q"', /^c:1:\d+: invalid escape sequence/],
    ['a NUL', 'version: 1\ndata: "a\\0b"', /^c:2:7: data: a text has no NUL/],
    ['half of a character', '{"version": 1, "data": "\\ud800"}', /^c:1:24: data: a text has no NUL and no half/],
    ['another version of YAML', '%YAML 1.1\n---\nversion: 1\npublicSystem: no', /^c:1:1: there are no directives/],
    [
      'a grant of no directory',
      'version: 1\nholders: {a: {grants: [files/]}}',
      /^c:2:24: .*after the \/, came "files\/"$/,
    ],
    ['a number in quotes', 'version: "1"', /^c:1:10: version: expected 1, came "1" \(without quotes\)$/],
    [
      'a group that is none',
      'version: 1\npowers: {udp: {kind: udp, multicast: [8.8.8.8]}}',
      /^c:2:39: powers\.udp\.multicast\[0\]: "8\.8\.8\.8" is no group, or has others beside: groups are /,
    ],
    [
      'a list with nothing in it',
      'version: 1\npowers: {api: {kind: http, origins: []}}',
      /^c:2:37: powers\.api\.origins: expected a list of at least 1 item, came a list of 0$/,
    ],
    ['a merge', 'version: 1\n<<: {data: x}', /^c:2:1: \["<<"\]: expected one of version/],
  ];
  for (const [law, text, line] of texts) {
    it(`is refused with ${law}, at its place`, () => {
      const [first = ''] = lines(read(text));
      assert.match(first, line);
    });
  }

  it('is refused when it is too large, too deep, or made to be expensive', () => {
    assert.match(lines(read(`version: 1\n#${'x'.repeat(limits.config_bytes_max)}`))[0] ?? '', /at most 1048576 bytes/);
    assert.match(lines(read(`a: ${'['.repeat(100_000)}`))[0] ?? '', /nested at most 64 deep/);
    assert.match(lines(read(`a: ${'['.repeat(100)}${']'.repeat(100)}`))[0] ?? '', /nested at most 64 deep/);
    const aliases = Array.from({ length: 30 }, (_, index) => `a${index + 1}: &a${index + 1} [*a${index}, *a${index}]`);
    assert.match(lines(read(`a0: &a0 x\n${aliases.join('\n')}`))[0] ?? '', /there are no anchors/);
    assert.equal(
      read(Array.from({ length: 10_000 }, (_, index) => `k${index}: 1`).join('\n')).mistakes.length,
      limits.config_mistakes_max,
    );
  });

  it('throws all mistakes in one error, with the place of each', () => {
    assert.throws(
      () => requireConfiguration(read('version: 2\ndurability: no'), 'c.yaml'),
      (error: Error & { code?: string }) =>
        error.code === 'config_invalid' && /c\.yaml:1:10: .*\nc\.yaml:2:13: /.test(error.message),
    );
  });
});

function fields(value: unknown): object {
  return JSON.parse(JSON.stringify(value)) as object;
}

describe('grants of a configuration', () => {
  const POWERS: Readonly<Record<string, object>> = {
    stdio: { kind: 'stdio' },
    files: { kind: 'files', root: './files', below: 'a', bytes: 1000, entries: 10 },
    http: { kind: 'http', origins: [{ origin: 'https://a.example.com', methods: ['GET', 'POST'], paths: ['/v1'] }] },
    tcp: { kind: 'tcp', connect: ['a.example.com:1', 'b.example.com:2'], listen: ['127.0.0.1:80'] },
    udp: { kind: 'udp', send: ['10.0.0.0/8:53'], bind: ['127.0.0.1:53'], multicast: ['239.1.0.0/16'] },
    timer: { kind: 'timer', timers_max: 100, period_ms_min: 100 },
    random: { kind: 'random', bytes_max: 100 },
    crypto: { kind: 'crypto' },
    config: { kind: 'config', documents: ['a', 'b'] },
    peers: { kind: 'peers', nodes: ['north', 'south'], message_bytes_max: 1000 },
    hardware: { kind: 'hardware' },
    load: { kind: 'load' },
  };

  function grant(power: string, changes: object): ConfigurationRead {
    return readConfigurationObject(
      {
        version: 1,
        powers: POWERS as never,
        documents: { a: { value: 1 }, b: { value: 2 } },
        holders: { h: { grants: [{ power, ...changes }] } },
      },
      surroundings(),
    );
  }

  const narrower: readonly (readonly [power: string, changes: object])[] = [
    ['files', { below: 'a/b/c', readOnly: true, bytes: 999, entries: 0 }],
    [
      'http',
      { origins: [{ origin: 'https://a.example.com', methods: ['GET'], paths: ['/v1/x'], headersRefused: ['x-a'] }] },
    ],
    ['tcp', { connect: ['b.example.com:2'], listen: [], sockets_max: 1, in_bytes_per_second: 10 }],
    ['udp', { multicast: [], reply_only: true, datagrams_per_second: 1 }],
    ['timer', { timers_max: 99, period_ms_min: 101 }],
    ['random', { bytes_max: 1 }],
    ['config', { documents: ['b'] }],
    ['peers', { nodes: ['south'], message_bytes_max: 1 }],
  ];
  for (const [power, changes] of narrower) {
    it(`make a power of kind ${power} narrower, and keep what they do not name`, () => {
      const { configuration, mistakes } = grant(power, changes);
      assert.deepEqual(mistakes, []);
      const { kind } = POWERS[power] as { kind: string };
      const [held] = configuration?.holders.get('h')?.powers ?? [];
      assert.equal(held?.kind, kind);
      const whole = configuration?.powers.get(power);
      for (const [field, value] of Object.entries({ ...whole, ...(power === 'http' ? {} : changes) }))
        if (field !== 'origins') assert.deepEqual((held as Record<string, unknown> | undefined)?.[field], value, field);
    });
  }

  it('never make one wider: a higher bound, a longer list or another value of any field is refused', () => {
    let tried = 0;
    for (const [name, source] of Object.entries(POWERS)) {
      const { configuration } = grant(name, {});
      const whole = configuration?.powers.get(name) as Readonly<Record<string, unknown>>;
      for (const [field, value] of Object.entries(whole)) {
        if (['kind', 'name', 'origins'].includes(field)) continue;
        for (const wider of widerThan(field, value)) {
          tried++;
          const { configuration: read } = grant(name, { [field]: wider });
          assert.equal(read, null, `${name}.${field}: ${JSON.stringify(wider)} for ${JSON.stringify(value)}`);
        }
      }
      for (const field of ['kind', 'name']) {
        if (!(field in whole)) continue;
        const other = field === 'kind' ? (source as { kind: string }).kind : 'other';
        assert.equal(grant(name, { [field]: other }).configuration, null, `${name}.${field}`);
      }
    }
    assert.ok(tried > 30, String(tried));
    for (const [field, value] of Object.entries({
      origin: 'https://b.example.com',
      methods: ['GET', 'DELETE'],
      paths: ['/v10'],
      addresses: ['10.0.0.0/8'],
      request_bytes_max: 100_000_000,
      redirects_max: 6,
      headers: { 'x-other': 'y' },
      idempotencyHeader: 'x-key',
      tls: { ca: 'other.pem' },
    })) {
      const origins = [{ origin: 'https://a.example.com', [field]: value }];
      assert.equal(grant('http', { origins }).configuration, null, field);
    }
  });

  function widerThan(field: string, value: unknown): readonly unknown[] {
    if (typeof value === 'number') return [field.endsWith('_min') ? value - 1 : value + 1];
    if (typeof value === 'boolean') return ['readOnly', 'reply_only'].includes(field) ? [] : [true];
    if (Array.isArray(value)) return [[...value, WIDER[field] ?? 'c']];
    if (typeof value === 'string') return ['', `${value}x`, '..'];
    return [];
  }
  /** One item more that is right in itself. */
  const WIDER: Readonly<Record<string, string>> = {
    connect: 'c.example.com:3',
    listen: '127.0.0.1:81',
    send: '10.0.0.0/7:53',
    bind: '127.0.0.1:54',
    multicast: '239.2.0.0/16',
  };

  it('give a power another name, once each, and the console none', () => {
    assert.equal(grant('files', { as: 'docs' }).configuration?.holders.get('h')?.powers[0]?.kind, 'files');
    assert.match(lines(grant('stdio', { as: 'docs' }))[0] ?? '', /the power of kind stdio has no other name/);
    assert.match(lines(grant('files', { as: 'System' }))[0] ?? '', /holders\.h\.grants\[0\]\.as: a name is/);
    const twice = read(
      'version: 1\npowers: {t: {kind: timer}}\nholders: {h: {grants: [t, {power: t, timers_max: 1}]}}',
    );
    assert.match(lines(twice)[0] ?? '', /^c:3:27: .*each name once.*\(give one of them another name with as\)$/);
  });

  it('of the same files below another directory do not stack paths that leave it', () => {
    for (const below of ['a/..', 'a/../b', '/a', 'a//b', 'A', 'ab', ''])
      assert.equal(grant('files', { below }).configuration, null, below);
  });
});

describe('the pages about configurations', () => {
  const page = readFileSync(`${CASES}../config.md`, 'utf8');
  const example = /```yaml\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
  const schema = z.fromJSONSchema(JSON.parse(readFileSync(`${CASES}../reference/powerbox.schema.json`, 'utf8')));
  const names = (text: string): unknown => parse(text) as unknown;

  it('show one that has no mistake, with two holders and no more', () => {
    const files = {
      '/etc/powerbox/shop.yaml': 'tea: 2',
      '/etc/powerbox/shop.schema.json': '{"type": "object"}',
      '/etc/powerbox/shop.rho': 'contract main(box, @config) = { Nil }',
    };
    const { holders, fillings } = good(example, files, { API_TOKEN: 'x' });
    assert.deepEqual([...holders.keys()], ['shop', 'report']);
    assert.deepEqual(
      fillings.map(({ name }) => name),
      ['API_TOKEN'],
    );
  });

  it('have a JSON Schema that takes what is right and refuses what is misspelt', () => {
    assert.deepEqual(schema.safeParse(names(example)).error, undefined);
    assert.equal(schema.safeParse(names(readFileSync(`${CASES}misspelt.yaml`, 'utf8'))).success, false);
    for (const wrong of ['version: 2', 'version: 1\npower: {}', 'version: 1\npowers: {a: {kind: files}}'])
      assert.equal(schema.safeParse(names(wrong)).success, false, wrong);
    assert.equal(schema.safeParse(names('version: 1\npowers: {files: {kind: files, root: x}}')).success, true);
  });
});

describe('secrets of a configuration', () => {
  const API = (authorization: string): string => `
version: 1
powers:
  api: {kind: http, origins: [{origin: "https://api.example.com", headers: {authorization: ${JSON.stringify(authorization)}}}]}
holders:
  a: {grants: [api, {power: api, as: narrow, origins: [{origin: "https://api.example.com", paths: [/v1]}]}]}
`;
  const CANARY = 'canary-0f3a';

  function headersOf(configuration: Configuration): string[] {
    return (configuration.holders.get('a')?.powers ?? []).map((power) => {
      assert(power.kind === 'http');
      return power.origins[0]?.headers['authorization']?.reveal() ?? '';
    });
  }

  it('are filled in from variables and files, also where a grant narrows the power', () => {
    const variable = good(API('Bearer ${env:TOKEN}'), {}, { TOKEN: CANARY });
    assert.deepEqual(headersOf(variable), [`Bearer ${CANARY}`, `Bearer ${CANARY}`]);
    const file = good(API('${file:token}'), { '/etc/powerbox/token': `${CANARY}\n` });
    assert.deepEqual(headersOf(file), [CANARY, CANARY]);
    assert.deepEqual(headersOf(good(API(CANARY))), [CANARY, CANARY]);
  });

  it('are never seen: not as JSON, not printed, not in a mistake; only what fills them is', () => {
    for (const written of ['${env:TOKEN}', 'Bearer ${env:TOKEN}', CANARY, '${file:token}']) {
      const configuration = good(API(written), { '/etc/powerbox/token': CANARY }, { TOKEN: CANARY });
      const seen =
        JSON.stringify([...configuration.holders, ...configuration.powers]) + inspect(configuration, { depth: 20 });
      assert.ok(!seen.includes(CANARY), written);
    }
    assert.deepEqual(good(API('${env:TOKEN}'), {}, { TOKEN: 'x' }).fillings, [
      { path: 'powers.api.origins[0].headers.authorization', from: 'env', name: 'TOKEN' },
    ]);
    const misplaced = `version: 1\npowers: {api: {kind: http, origins: [{origin: "https://a.example.com", headers: ${CANARY}}]}}`;
    const nested = API('x').replace('"x"', `[${CANARY}]`);
    const peers = (secret: string): string =>
      `version: 1\npeers: {name: a, listen: "127.0.0.1:1", nodes: [{name: b, address: "127.0.0.1:2", secret: ${secret}}]}`;
    const short = peers(CANARY);
    const twice = peers(`${CANARY.repeat(4)}}, {name: c, address: "127.0.0.1:3", secret: ${CANARY.repeat(4)}`);
    const long = API(CANARY.repeat(5_000));
    for (const text of [misplaced, nested, short, twice, long, peers(`[${CANARY}]`), peers(`{${CANARY}: 1}`)]) {
      const told = lines(read(text));
      assert.ok(told.length > 0);
      assert.ok(!told.join().includes(CANARY), told.join('\n'));
    }
  });

  it('of a power with another mistake are told of in the same run, and nothing else of it is filled in', () => {
    const text = API('${env:TOKEN}').replace('headers:', 'methods: [FETCH], paths: ["${env:PATH}"], headers:');
    const told = lines(read(text)).join('\n');
    for (const part of [/methods\[0\]: expected one of/, /paths\[0\]: only a secret/, /the variable TOKEN to be set/])
      assert.match(told, part);
    assert.deepEqual(
      read(text, {}, { TOKEN: CANARY }).fillings.map(({ name }) => name),
      ['TOKEN'],
    );
  });

  it('that nothing fills are mistakes, and placeholders stand nowhere else', () => {
    assert.match(
      lines(read(API('${env:TOKEN}')))[0] ?? '',
      /expected the variable TOKEN to be set, came no such variable$/,
    );
    assert.match(lines(read(API('${env:TOKEN}'), {}, { TOKEN: '' }))[0] ?? '', /came an empty one$/);
    for (const near of ['${env:TOKEN', '${ENV:TOKEN}', 'x${TOKEN}', '${given}', ''])
      assert.match(lines(read(API(near)))[0] ?? '', /the text of a secret is expected: .*, came a text$/, near);
    assert.match(lines(read(API('${file:no}')))[0] ?? '', /expected a secret: a file that is there, came "no"$/);
    assert.match(
      lines(read('version: 1\ndata: "${env:HOME}/space"', {}, { HOME: '/root' }))[0] ?? '',
      /^c:2:7: data: only a secret is filled in/,
    );
  });
});

describe('documents of a configuration', () => {
  const TEXT = 'version: 1\ndocuments: {shop: {file: shop.yaml, schema: shop.schema.json}}';
  const SCHEMA = JSON.stringify({
    type: 'object',
    properties: { tea: { type: 'integer', minimum: 1 } },
    required: ['tea'],
    additionalProperties: false,
  });

  it('are values of a file, of the configuration itself, or a text as it is', () => {
    const { documents } = good(
      'version: 1\ndocuments: {a: {file: a.json}, b: {value: [1, {c: null}]}, c: {file: notes.txt}}',
      { '/etc/powerbox/a.json': '{"x": [1, 2.5, "y"]}', '/etc/powerbox/notes.txt': 'a: b\n' },
    );
    assert.deepEqual(
      [...documents.values()].map(({ value }) => value),
      [{ x: [1, 2.5, 'y'] }, [1, { c: null }], 'a: b\n'],
    );
  });

  it('are checked against their schema, with the place in their own file', () => {
    const files = (shop: string, schema = SCHEMA): Record<string, string> => ({
      '/etc/powerbox/shop.yaml': shop,
      '/etc/powerbox/shop.schema.json': schema,
    });
    assert.deepEqual(good(TEXT, files('tea: 2')).documents.get('shop')?.value, { tea: 2 });
    const cases: readonly (readonly [string, RegExp])[] = [
      ['tea: 0', /documents\.shop\.file: shop\.yaml:1:6 tea: .*1, came 0$/],
      ['coffee: 1', /shop\.yaml:1:1 tea: expected a number|shop\.yaml:1:1 tea: expected a whole number/],
      ['tea: &x 1', /shop\.yaml:1:9: there are no anchors/],
    ];
    for (const [shop, line] of cases) assert.match(lines(read(TEXT, files(shop))).join('\n'), line);
    assert.match(lines(read(TEXT, files('tea: 2', '{"type": "wat"}')))[0] ?? '', /expected a JSON Schema: .*wat/);
    assert.match(lines(read(TEXT, { '/etc/powerbox/shop.yaml': 'tea: 1' }))[0] ?? '', /a file that is there/);
  });
});
