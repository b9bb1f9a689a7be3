/** A space that is opened with a configuration: its holders, what they reach, its documents and system contracts. */
import assert from 'node:assert/strict';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Console,
  type FailureReport,
  isPowerboxError,
  type OpenOptions,
  openSpace,
  type Report,
  type Space,
} from '../../src/index.ts';
import { NODE_PARTS } from '../../src/embedding/node-authority.ts';
import { openInstrumented } from '../../src/embedding/open.ts';

const ASK = (call: string): string =>
  `new box(\`rho:powerbox\`) in { for (@answer <- box!?(${call})) { @"answer"!(answer) } }`;

function coded(code: string, words = /./): (error: unknown) => boolean {
  return (error) => isPowerboxError(error) && error.code === code && words.test(`${error.message} ${error.hint}`);
}

describe('embedding: a configured space', () => {
  let directory: string;
  let opened: Space[];
  let printed: string[];
  let failures: FailureReport[];

  beforeEach(() => {
    directory = realpathSync(mkdtempSync(join(tmpdir(), 'powerbox-config-')));
    for (const name of ['files', 'files/reports']) mkdirSync(join(directory, name));
    opened = [];
    printed = [];
    failures = [];
  });
  afterEach(async () => {
    for (const space of opened) await space.close();
    rmSync(directory, { recursive: true, force: true });
  });

  function write(name: string, text: string): string {
    writeFileSync(join(directory, name), text);
    return join(directory, name);
  }

  async function open(options: OpenOptions = {}): Promise<Space> {
    const take = async (bytes: Uint8Array): Promise<void> => {
      printed.push(new TextDecoder().decode(bytes).trimEnd());
    };
    const console: Console = { stdout: take, stderr: take, readLine: async () => null };
    const space = await openSpace({ console, onFailure: (failure) => failures.push(failure), ...options });
    opened.push(space);
    return space;
  }

  async function ask(space: Space, holder: string, text: string): Promise<unknown> {
    await (await space.run(text, { holder })).quiescent();
    return (await space.take('answer'))?.[0];
  }

  const HOLDERS = `
version: 1
powers:
  stdio: {kind: stdio}
  files: {kind: files, root: ./files}
  timer: {kind: timer}
  random: {kind: random}
  crypto: {kind: crypto}
  config: {kind: config, documents: [prices]}
  load: {kind: load}
  http: {kind: http, origins: [{origin: "http://127.0.0.1:9"}]}
  tcp: {kind: tcp}
  udp: {kind: udp}
  hardware: {kind: hardware}
  peers: {kind: peers}
peers:
  name: here
  listen: 127.0.0.1:0
  nodes: [{name: there, address: "127.0.0.1:1", secret: 0123456789abcdef0123456789abcdef}]
documents:
  prices: {value: {tea: 2, cake: [1.5, null, true, "two"]}}
  secret: {value: 1}
holders:
  nobody: {}
  console: {grants: [stdio]}
  files: {grants: [files]}
  timer: {grants: [timer]}
  random: {grants: [random]}
  crypto: {grants: [crypto]}
  config: {grants: [config]}
  load: {grants: [load]}
  http: {grants: [http]}
  tcp: {grants: [tcp]}
  udp: {grants: [udp]}
  hardware: {grants: [hardware]}
  peers: {grants: [peers]}
  reader: {grants: [{power: files, below: reports, readOnly: true}]}
`;

  it('gives each holder a powerbox that tells exactly what it was granted', async () => {
    const space = await open({ config: write('powerbox.yaml', HOLDERS) });
    const expected: Readonly<Record<string, readonly string[]>> = {
      nobody: ['methods'],
      console: ['methods', 'print', 'stderr', 'stdin', 'stdout'],
      files: ['fileSystem', 'methods'],
      timer: ['methods', 'timer'],
      random: ['methods', 'random'],
      crypto: ['crypto', 'methods'],
      config: ['config', 'methods'],
      load: ['load', 'methods'],
      http: ['httpClient', 'methods'],
      tcp: ['methods', 'tcpClient', 'tcpListener'],
      udp: ['methods', 'udp'],
      hardware: ['hardware', 'methods'],
      peers: ['methods', 'peers'],
      reader: ['fileSystem', 'methods'],
    };
    for (const [holder, methods] of Object.entries(expected)) {
      const answer = await ask(space, holder, ASK('"methods"'));
      assert.deepEqual(Object.keys(answer as object).toSorted(), methods, holder);
    }
    // A program of no holder has what the opening grants by itself: standard input and output.
    await (await space.run(ASK('"fileSystem"'))).quiescent();
    const [refused] = (await space.take('answer')) ?? [];
    assert.equal((refused as [string, { code: string }])[1].code, 'not_available');
  });

  it('refuses a holder that is in no configuration, and names those that are', async () => {
    const space = await open({ config: { version: 1, holders: { alice: {} } } });
    await assert.rejects(space.run('Nil', { holder: 'bob' }), coded('config_invalid', /alice/));
    const none = await open();
    await assert.rejects(none.run('Nil', { holder: 'bob' }), coded('config_invalid', /give a configuration/));
  });

  it('refuses a configuration with every mistake in it, and opens nothing', async () => {
    const data = join(directory, 'space');
    const config = write('powerbox.yaml', `version: 1\ndata: ./space\nholders: {a: {grants: [x]}}\npower: {}`);
    await assert.rejects(open({ config }), coded('config_invalid', /:3:24: .*\n.*:4:1: /));
    assert.equal(statSync(data, { throwIfNoEntry: false }), undefined);
    await assert.rejects(open({ config: join(directory, 'no.yaml') }), coded('config_invalid', /a file that is there/));
  });

  it('narrows what it grants: another holder of the same power reaches no more than that', async () => {
    writeFileSync(join(directory, 'files/top.txt'), 'top');
    writeFileSync(join(directory, 'files/reports/one.txt'), 'one');
    const space = await open({ config: write('powerbox.yaml', HOLDERS) });
    const read = (path: string): string => `new box(\`rho:powerbox\`) in {
      for (d <- box!?("fileSystem"); f <- d!?("resolve", "${path}"); @text <- f!?("readAll", "utf8")) { @"answer"!(text) }
    }`;
    assert.equal(await ask(space, 'files', read('top.txt')), 'top');
    assert.equal(await ask(space, 'reader', read('one.txt')), 'one');
    assert.equal(
      ((await ask(space, 'reader', read('top.txt'))) as [string, { code: string }])[1].code,
      'file_not_found',
    );
    const change = `new box(\`rho:powerbox\`) in { for (d <- box!?("fileSystem"); @made <- d!?("mkdir", "x")) { @"answer"!(made) } }`;
    assert.equal(((await ask(space, 'reader', change)) as [string, { code: string }])[1].code, 'not_available');
    assert.deepEqual(readdirSync(join(directory, 'files/reports')), ['one.txt']);
  });

  it('takes away at the next opening what was taken out of the file, also from who kept a channel of it', async () => {
    const text = (grants: string): string =>
      `version: 1\ndata: ./space\npowers: {files: {kind: files, root: ./files}, stdio: {kind: stdio}}\nholders: {${grants}}`;
    const config = write('powerbox.yaml', text('alice: {grants: [files]}, bob: {grants: [files, stdio]}'));
    const first = await open({ config });
    for (const holder of ['alice', 'bob']) {
      const keep = `new box(\`rho:powerbox\`) in { for (d <- box!?("fileSystem")) { @"${holder}"!!(*d) } }`;
      await (await first.run(keep, { holder })).quiescent();
    }
    await first.close();
    write('powerbox.yaml', text('bob: {grants: [stdio]}'));
    const second = await open({ config, rememberGrants: true });
    const use = (holder: string): string => `for (d <- @"${holder}"; @names <- d!?("list")) { @"answer"!(names) }`;
    for (const holder of ['alice', 'bob'])
      assert.equal(
        ((await ask(second, 'bob', use(holder))) as [string, { code: string }])[1].code,
        'not_available',
        holder,
      );
    const methods = await ask(second, 'bob', ASK('"methods"'));
    assert.ok(!Object.keys(methods as object).includes('fileSystem'));
  });

  it('remembers its file: the directory opened again has the same holders, and a file that is gone is told of', async () => {
    const config = write(
      'powerbox.yaml',
      'version: 1\ndata: ./space\npowers: {timer: {kind: timer}}\nholders: {alice: {grants: [timer]}}',
    );
    const data = join(directory, 'space');
    await (await open({ config })).close();
    const again = await open({ data, rememberGrants: true });
    assert.deepEqual(Object.keys((await ask(again, 'alice', ASK('"methods"'))) as object).toSorted(), [
      'methods',
      'timer',
    ]);
    await again.close();
    rmSync(config);
    await assert.rejects(open({ data, rememberGrants: true }), coded('config_invalid', /powerbox\.yaml/));
    for (const damaged of ['', '{"file": 1}', 'null']) {
      writeFileSync(join(data, 'configuration'), damaged);
      await assert.rejects(open({ data, rememberGrants: true }), coded('config_invalid', /--config FILE/));
    }
    write('other.yaml', 'version: 1');
    await (await open({ data, config: join(directory, 'other.yaml') })).close();
    await (await open({ data, rememberGrants: true })).close();
    rmSync(join(directory, 'other.yaml'));
    const looking = await open({ data, rememberGrants: true, unfinished: 'hold' });
    assert.match(
      failures.map(({ message }) => message).join(),
      /^the configuration is left out.*a file that is there$/,
    );
    assert.equal((await looking.inspect()).quiescent, true);
    await looking.close();
    await open({ data });
  });

  it('keeps secrets out of the directory, of reports and of what is told', async () => {
    const canary = 'canary-51c9';
    process.env['POWERBOX_TEST_TOKEN'] = canary;
    const heard: unknown[] = [];
    const server = createServer(({ headers }, response) => {
      heard.push([headers['authorization'], headers['x-key']]);
      response.end('done');
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as { port: number };
    try {
      const config = write(
        'powerbox.yaml',
        `version: 1
data: ./space
powers:
  api: {kind: http, origins: [{origin: "http://127.0.0.1:${port}", addresses: ["127.0.0.1"], headers: {authorization: "Bearer \${env:POWERBOX_TEST_TOKEN}", x-key: ${canary}}}]}
holders: {alice: {grants: [api]}}
`,
      );
      const space = await open({ config });
      const get = `new box(\`rho:powerbox\`) in {
        for (http <- box!?("httpClient"); page <- http!?("resolve", "http://127.0.0.1:${port}/"); @got <- page!?("get")) { @"answer"!(got) }
      }`;
      const answer = (await ask(space, 'alice', get)) as { status: number };
      assert.equal(answer.status, 200);
      assert.deepEqual(heard, [[`Bearer ${canary}`, canary]]);
      const seen = JSON.stringify([answer, space.holders(), await space.inspect(), failures]);
      assert.ok(seen.includes('POWERBOX_TEST_TOKEN'));
      assert.ok(!seen.includes(canary), seen);
      await space.close();
      const files = readdirSync(join(directory, 'space'), { recursive: true, withFileTypes: true }).filter((entry) =>
        entry.isFile(),
      );
      assert.ok(files.length > 3);
      for (const entry of files)
        assert.ok(!readFileSync(join(entry.parentPath, entry.name)).includes(canary), entry.name);
    } finally {
      delete process.env['POWERBOX_TEST_TOKEN'];
      server.close();
    }
  });

  it('takes grants with secrets without a file too, and says when one cannot be granted again', async () => {
    const data = join(directory, 'space');
    const powers = [
      {
        kind: 'http',
        origins: [{ origin: 'http://127.0.0.1:9', addresses: ['127.0.0.1'], headers: { 'x-key': 'canary' } }],
      },
    ] as const;
    const space = await open({ data, grants: { powers: structuredClone(powers) as never } });
    await (await space.run(ASK('"methods"'))).quiescent();
    assert.ok(Object.keys(((await space.take('answer'))?.[0] ?? {}) as object).includes('httpClient'));
    await space.close();
    await open({ data, rememberGrants: true });
    assert.deepEqual(
      failures.map(({ code, message }) => [code, /http of operator-.* is not granted again: a secret/.test(message)]),
      [['config_invalid', true]],
    );
    const missing = [
      { ...powers[0], origins: [{ ...powers[0].origins[0], headers: { 'x-key': '${env:POWERBOX_TEST_NONE}' } }] },
    ];
    await assert.rejects(open({ grants: { powers: missing as never } }), coded('config_invalid', /POWERBOX_TEST_NONE/));
  });

  it('bounds what each holder may store by its quotas, and those without by those of everybody', async () => {
    const space = await open({
      config: {
        version: 1,
        powers: { timer: { kind: 'timer' } },
        quotas: { bytes_max: 1_000_000 },
        holders: { small: { grants: ['timer'], quotas: { bytes_max: 2_000 } }, large: { grants: ['timer'] } },
      },
    });
    const store = `@"stored"!("${'x'.repeat(5_000)}")`;
    for (const holder of ['small', 'large']) await (await space.run(store, { holder })).quiescent();
    assert.deepEqual(
      failures.map(({ code }) => code),
      ['quota_exceeded'],
    );
    assert.equal(space.count('stored').data, 1);
  });

  it('keeps the audit as long as the file says', async () => {
    const text = (audit: string): string =>
      `version: 1\ndata: ./space\npowers: {stdio: {kind: stdio}}\nholders: {alice: {grants: [stdio]}}\n${audit}`;
    const rows: number[] = [];
    for (const audit of ['', '', '', 'audit: {bytes_max: 1}']) {
      const space = await open({ config: write('powerbox.yaml', text(audit)) });
      let count = 0;
      for await (const _ of space.audit()) count++;
      rows.push(count);
      await (await space.run('new box(`rho:powerbox`) in { box!("print", "x") }', { holder: 'alice' })).quiescent();
      await space.close();
    }
    const [left = 3] = rows.splice(3);
    assert.deepEqual(rows, [0, 1, 2]);
    assert.ok(left < 3, `${left} of 3 rows were kept`);
  });

  it('answers on the public name with the powerbox of the holder that the file names', async () => {
    const config = write(
      'powerbox.yaml',
      'version: 1\npowers: {stdio: {kind: stdio}}\nholders: {alice: {grants: [stdio]}}\npublicSystem: alice',
    );
    const space = await open({ config, grants: { stdio: false } });
    await (await space.run('@"system"!("print", "public")')).quiescent();
    assert.deepEqual(printed, ['public']);
  });

  describe('documents', () => {
    it('are read by who was granted them, and by nobody else', async () => {
      const space = await open({ config: write('powerbox.yaml', HOLDERS) });
      const call = (message: string): string =>
        `new box(\`rho:powerbox\`) in { for (config <- box!?("config"); @answer <- config!?(${message})) { @"answer"!(answer) } }`;
      assert.deepEqual(await ask(space, 'config', call('"get", "prices"')), { tea: 2, cake: [1.5, null, true, 'two'] });
      assert.deepEqual(await ask(space, 'config', call('"list"')), ['prices']);
      assert.match((await ask(space, 'config', call('"hash", "prices"'))) as string, /^[0-9a-f]{64}$/);
      for (const name of ['secret', 'none']) {
        const refused = (await ask(space, 'config', call(`"get", "${name}"`))) as [
          string,
          { code: string; message: string },
        ];
        assert.equal(refused[1].code, 'not_available');
        assert.match(refused[1].message, /"prices" may be read/);
      }
    });

    it('have one hash however they are written, which the space keeps until it is another', async () => {
      const config = (documents: string): string =>
        `version: 1\ndata: ./space\npowers: {config: {kind: config, documents: [a]}}\nholders: {alice: {grants: [config]}}\ndocuments: {${documents}}`;
      const hash = `new box(\`rho:powerbox\`) in { for (c <- box!?("config"); @h <- c!?("hash", "a")) { @"answer"!(h) } }`;
      const seen: unknown[] = [];
      for (const documents of ['a: {value: {x: 1, y: 2}}', 'a: {value: {"y": 2, x: 1}}', 'a: {value: {x: 2}}']) {
        const space = await open({ config: write('powerbox.yaml', config(documents)) });
        seen.push(await ask(space, 'alice', hash));
        await space.close();
      }
      assert.equal(seen[0], seen[1]);
      assert.notEqual(seen[1], seen[2]);
      const kept: unknown[] = [];
      const recovered = async (engine: { facts(prefix: string): Iterable<unknown> }): Promise<void> => {
        kept.push(...engine.facts('document/'));
      };
      const gone = write('powerbox.yaml', 'version: 1\ndata: ./space');
      opened.push(await openInstrumented({ config: gone }, { recovered }));
      assert.deepEqual(kept, [['document/a', seen[2]]]);
    });
  });

  describe('system contracts', () => {
    const CONTRACT = (word: string): string =>
      `contract main(box, @config) = { box!("print", "${word} " ++ config.getOrElse("tea", 0).toString()) }`;
    const CONFIG = `
version: 1
data: ./space
powers: {stdio: {kind: stdio}}
holders: {node: {grants: [stdio]}}
documents: {shop: {value: {tea: 7}}}
systemContracts:
  - {name: shop, file: shop.rho, holder: node, config: shop}
`;

    async function settled(space: Space): Promise<Report> {
      return space.quiescent();
    }

    it('start with the powerbox of their holder and their document, once in the life of the directory', async () => {
      write('shop.rho', CONTRACT('open'));
      const config = write('powerbox.yaml', CONFIG);
      for (let run = 0; run < 3; run++) {
        const space = await open({ config });
        await settled(space);
        const [report, ...others] = space.systemContracts();
        assert.deepEqual(others, []);
        assert.equal(report?.state, 'running');
        assert.equal(report?.holder, 'node');
        assert.equal(report?.file, 'shop.rho');
        assert.equal(report?.hash, report?.fileHash);
        assert.match(report?.hash ?? '', /^[0-9a-f]{64}$/);
        await space.close();
      }
      assert.deepEqual(printed, ['open 7']);
    });

    it('whose file has changed go on as they are, and that is told; an update starts the new text and ends the old deploy', async () => {
      write('shop.rho', CONTRACT('old'));
      const config = write('powerbox.yaml', CONFIG);
      const first = await open({ config });
      await settled(first);
      await assert.rejects(first.updateSystem('shop'), coded('config_invalid', /nothing to update/));
      await assert.rejects(first.updateSystem('none'), coded('config_invalid', /it has shop/));
      const before = first.systemContracts()[0];
      await first.close();
      assert.deepEqual(failures, []);

      write('shop.rho', CONTRACT('new'));
      const second = await open({ config });
      await settled(second);
      assert.deepEqual(printed, ['old 7']);
      const changed = second.systemContracts()[0];
      assert.equal(changed?.state, 'changed');
      assert.equal(changed?.hash, before?.hash);
      assert.match(
        failures.map(({ message }) => message).join('\n'),
        new RegExp(`^.*${changed?.hash.slice(0, 12)}.*shop\\.rho has ${changed?.fileHash.slice(0, 12)}, [^\\n]*$`),
      );
      const updates = await Promise.allSettled([second.updateSystem('shop'), second.updateSystem('shop')]);
      assert.deepEqual(updates.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected']);
      await settled(second);
      assert.deepEqual(printed, ['old 7', 'new 7']);
      assert.equal(second.systemContracts()[0]?.state, 'running');
      await second.close();

      const third = await open({ config });
      await settled(third);
      assert.deepEqual(printed, ['old 7', 'new 7']);
      assert.equal(failures.length, 1);
    });

    it('that were taken out of the file are shown, and their powerbox answers not_available', async () => {
      write(
        'shop.rho',
        'contract main(box, @config) = { contract @"ask"(ret) = { for (@a <- box!?("stdout")) { ret!(a) } | box!("print", "asked") } }',
      );
      const config = write('powerbox.yaml', CONFIG);
      await (await open({ config })).close();
      write('powerbox.yaml', 'version: 1\ndata: ./space');
      const space = await open({ config });
      assert.deepEqual(
        space.systemContracts().map(({ name, state, file }) => [name, state, file]),
        [['shop', 'not configured', 'shop.rho']],
      );
      await (await space.run('new r in { @"ask"!(*r) }')).quiescent();
      assert.deepEqual(printed, []);
    });

    it('that were given as text are told of in the same way when another text has their name', async () => {
      const space = await open();
      assert.notEqual(await space.system(CONTRACT('one'), { name: 'given', config: { tea: 1 } }), null);
      assert.equal(await space.system(CONTRACT('one'), { name: 'given' }), null);
      assert.deepEqual(failures, []);
      assert.equal(await space.system(CONTRACT('two'), { name: 'given' }), null);
      assert.match(
        failures.map(({ message }) => message).join(),
        /^the system contract given goes on as [0-9a-f]{12}; the text/,
      );
      await settled(space);
      assert.deepEqual(printed, ['one 1']);
      assert.deepEqual(
        space.systemContracts().map(({ state }) => state),
        ['running'],
      );
    });

    it('that are no contract refuse the opening, and nothing stays open', async () => {
      write('shop.rho', 'Nil');
      const config = write('powerbox.yaml', CONFIG);
      await assert.rejects(open({ config }), coded('config_invalid', /contract main/));
      write('shop.rho', 'new c(`rho:crypto:sha256Hash`) in {\n  x!(1) }');
      const told = /:8:24: systemContracts\[0\]\.file: expected a contract: shop\.rho:1:7: .*\n.*shop\.rho:2:3: /;
      await assert.rejects(open({ config }), coded('config_invalid', told));
      write('shop.rho', CONTRACT('open'));
      await settled(await open({ config }));
      assert.deepEqual(printed, ['open 7']);
    });
  });

  it('names no part of the node that the specification does not have, and the other way round', () => {
    const page = readFileSync(new URL('../../spec/config.md', import.meta.url), 'utf8');
    const told = [...page.matchAll(/^\| `(node\/[a-z]+)` \|/gm)].map(([, part]) => part);
    assert.deepEqual(told.toSorted(), Object.keys(NODE_PARTS).toSorted());
  });

  it('lists what each part of the node itself holds, exactly', async () => {
    write('shop.rho', 'contract main(box, @config) = { Nil }');
    const config = write(
      'powerbox.yaml',
      `version: 1
data: ./space
powers: {timer: {kind: timer}}
holders: {alice: {grants: [timer]}}
systemContracts: [{name: shop, file: shop.rho, holder: alice}]
machine: {share: {cores: 1}}
peers: {name: here, listen: "127.0.0.1:7399", nodes: [{name: there, address: "127.0.0.1:1", secret: canary-0123456789abcdef0123456789abcdef}]}
`,
    );
    const space = await open({ config });
    const parts = space.holders().filter(({ name }) => name.startsWith('node/'));
    assert.deepEqual(
      parts.map(({ name, holds }) => [name, holds.map((held) => [held.name, held.limits])]),
      [
        [
          'node/configuration',
          [
            [config, { read: true }],
            [join(directory, 'shop.rho'), { read: true }],
          ],
        ],
        ['node/stderr', [['stderr', {}]]],
        ['node/doctor', [['machine', { strict: false, share: { cores: 1 }, requirements: {} }]]],
        ['node/dispatcher', [['clock', {}]]],
        ['node/store', [['directory', { durability: 'sync' }]]],
        ['node/space', [['platform', {}]]],
        ['node/service', [['directory', { durability: 'sync' }]]],
        [
          'node/resolvers',
          [
            ['platform', {}],
            ['console', {}],
          ],
        ],
        ['node/peers', [['network', { listen: '127.0.0.1:7399', connect: ['127.0.0.1:1'] }]]],
        ['node/sessions', [['platform', {}]]],
        ['node/control', [['control', { listen: true }]]],
        ['node/contracts', [['shop', { powerboxOf: 'alice', file: 'shop.rho' }]]],
      ],
    );
    assert.ok(!JSON.stringify(parts).includes('canary'));
    const programs = space.holders().filter(({ name }) => !name.startsWith('node/'));
    assert.deepEqual(
      programs.map(({ name, holds }) => [/^operator-/.test(name) ? 'operator' : name, holds.map(({ kind }) => kind)]),
      [
        ['operator', ['stdio']],
        ['alice', ['timer']],
      ],
    );
  });
});
