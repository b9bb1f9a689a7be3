/**
 * Everything that a busy node says to anybody but the holder of a thing, searched for what it must not hold: tokens,
 * raw names, secrets. The built command serves; what it logs, exports, answers and lists, and what the commands beside it
 * print, is one heap of text.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { connect, type RemoteError } from '../../src/client/node.ts';
import { openAdmin, openSpace } from '../../src/index.ts';
import { issueNodeToken } from '../../src/service/index.ts';
import { declareChannel, listenHost, method, t } from '../../src/embedding/host.ts';
import { Bundle, list, map, Name, type Value, Wildcard } from '../../src/values/index.ts';
import type { Capability } from '../../src/wire/index.ts';
import { foundIn, type Secret, textSecret } from '../operate/spellings.ts';
import { messageIn, RawClient } from '../service/raw-client.ts';
import { Bench } from './powerbox.ts';

const none = { persist: false, lease_ms: null } as const;
const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

/** What the programs of this test say: it is for whoever they say it to. */
const PAYLOAD = 'payload-canary-3f9d2c71b6';
const COMMANDS = [
  ['info'],
  ['inspect'],
  ['inspect', '--json', '@"hall"'],
  ['explain', '@"hall"'],
  ['grants'],
  ['audit'],
  ['audit', '--json'],
  ['space', 'list'],
] as const;

describe('nothing that a busy node says', function () {
  this.timeout(300_000);
  let bench: Bench;
  let collector: Server;
  let spans = '';
  let closing: (() => Promise<unknown> | undefined)[];

  beforeEach(async () => {
    bench = new Bench();
    closing = [];
    spans = '';
    collector = createServer(async (request, response) => {
      for await (const part of request) spans += part;
      response.end('{}');
    });
    collector.listen(0, '127.0.0.1');
    await once(collector, 'listening');
  });
  afterEach(async () => {
    for (const close of closing.reverse()) await close();
    collector.closeAllConnections();
    collector.close();
    bench.clear();
  });

  it('holds a token, a raw name or a secret, in any spelling', async () => {
    const secrets: Secret[] = [];
    /** Of the operator: each is configured by a variable, so that it stands in no file. */
    const environment: Record<string, string> = {};
    const secret = (name: string): string => {
      const text = randomBytes(24).toString('base64url');
      secrets.push(textSecret(name, text));
      environment[name] = text;
      return `"\${env:${name}}"`;
    };
    const at = (collector.address() as AddressInfo).port;
    const seen: string[] = [];
    const far = declareChannel({
      name: 'far',
      doc: 'Throws what it was given.',
      methods: {
        fail: method({
          doc: 'Throws.',
          effect: 'observe',
          forms: [{ args: [{ name: 'value', type: t.any }], result: t.nil }],
        }),
      },
    });
    const keyOfFar = secret('FAR_KEY');
    const listening = await listenHost(
      {
        natives: [
          {
            declaration: far,
            call: async () => {
              throw new Error('far away something is wrong');
            },
          },
        ],
      },
      { key: environment['FAR_KEY'] as string },
    );
    closing.push(() => listening.close());
    bench.write(
      'powerbox.yaml',
      `version: 1
natives:
  near: {command: [python3, ${here('../operate/telling_host.py')}], folder: ., start_ms_max: 120000, environment: {PASSWORD: ${secret('PASSWORD')}}}
  far: {url: "${listening.url}", key: ${keyOfFar}, start_ms_max: 120000}
powers:
  stdio: {kind: stdio}
  files: {kind: files, root: ./files}
  clock: {kind: timer}
  near: {kind: host, native: near}
  far: {kind: host, native: far}
holders:
  alice: {grants: [stdio, files, clock, near, far], quotas: {bytes_max: 10000000}}
  bob: {grants: [clock]}
service:
  listen: 127.0.0.1:0
  publicNames: true
  logs: {level: debug}
  telemetry: {endpoint: "http://127.0.0.1:${at}", headers: {authorization: ${secret('COLLECTOR_KEY')}}}
`,
    );
    Object.assign(process.env, environment);
    closing.push(async () => {
      for (const name of Object.keys(environment)) delete process.env[name];
    });
    const running = bench.start('serve', '--config', 'powerbox.yaml', '--data', 'node');
    let ready = '';
    running.child.stdout?.on('data', (text: string) => (ready += text));
    await running.says('ready: ');
    const url = /ws:\/\/\S+/.exec(ready)?.[0] as string;
    const http = url.replace('ws:', 'http:');

    const signed: Record<string, string> = {};
    for (const holder of ['alice', 'bob']) {
      signed[holder] = await issueNodeToken(bench.path('node'), { holder, lifetime_ms: 600_000 });
      // What signs; who is meant may be known.
      secrets.push(textSecret(`the signature of ${holder}`, (signed[holder] as string).split('.')[2] as string));
    }
    const { alice: token = '', bob = '' } = signed;

    const box = await connect(url, { token, client: 'box' });
    closing.push(() => box.close());
    const remote = async (attempt: () => PromiseLike<unknown>): Promise<void> => {
      try {
        await attempt();
      } catch (error) {
        const { code, message, hint, channel, method } = error as RemoteError;
        seen.push(JSON.stringify({ code, message, hint, channel, method }));
      }
    };
    await box.deploy(
      `contract @"work"(@text, @thing, ret) = {
         new box(\`rho:powerbox\`), near(\`native:near\`), far(\`native:far\`), out(\`rho:io:stdout\`), err(\`rho:io:stderr\`) in {
           for (files <- box!?("fileSystem"); file <- files!?("resolve", "a.txt"); _ <- file!?("write", text);
                @told <- near!?("tell", thing); @("error", _) <- far!?("fail", thing); @("error", _) <- files!?("resolve", "../b")) {
             out!("done") | err!({"code": "mine", "message": "a failure of mine"}) | @"hall"!(thing, *ret) | near!("no such method", thing) |
             ret!([thing, *file])
           }
         }
       } | new hidden in { @"kept"!(*hidden, bundle+{*hidden}) | for (@x <- hidden) { @{x + "a"}!(1 / 0) } | hidden!(1) }`,
    );
    const raw = await RawClient.connect(url, { token });
    const other = await RawClient.connect(url, { token: bob });
    closing.push(
      () => raw.close(),
      () => other.close(),
    );
    const [one, two] = (await raw.names(2)) as readonly [Capability, Capability];
    const call = { kind: 'call', limit_ms: 60_000 } as const;
    const answered = (await raw.ask({
      ...call,
      target: 'work' as unknown as Capability,
      method: null,
      args: [PAYLOAD, one],
    })) as unknown as { readonly items: readonly Value[] };
    const file = answered.items[1] as Capability;
    const slots = [{ channel: 'hall', pattern: null, peek: true }];
    const [again] = messageIn(await raw.ask({ kind: 'take', slots, limit_ms: 0 })) as readonly Capability[];
    assert.deepEqual(again?.token, one.token);

    // Everything that can go wrong with them.
    type Ask = Parameters<RawClient['ask']>[0];
    const tell = (error: { code: string; message: string; hint?: string }): void => {
      seen.push(JSON.stringify({ code: error.code, message: error.message, hint: error.hint }));
    };
    const wrong: Ask[] = [
      { ...call, target: file, method: 'none', args: [one] },
      { ...call, target: file, method: 'write', args: [one, two, one] },
      { ...call, target: file, method: 'append', args: [list([one])] },
      { ...call, target: one, method: null, args: [two], limit_ms: 1 },
      { kind: 'take', slots: [{ channel: file, pattern: null, peek: false }], limit_ms: 0 },
      { kind: 'produce', channel: 'system', message: [one], ...none },
      { kind: 'deploy', text: 'new x(`app:x`) in { x!(y) | for (', name: 'p', uris: new Map([['app:x', one]]) },
      {
        kind: 'deploy',
        text: 'new x(`app:x`) in { x!(1 / 0) | @{*x + 1}!(2) }',
        name: 'p',
        uris: new Map([['app:x', two]]),
      },
      { kind: 'attenuate', capability: 'none' as unknown as Capability, read: true, write: true },
    ];
    for (const ask of wrong) await raw.ask(ask).catch(tell);
    await other.ask({ kind: 'produce', channel: one, message: [list([two])], ...none }).catch(tell);
    await other.ask({ kind: 'release', capabilities: [one], handled: 0 }).catch(tell);
    await raw.ask({ kind: 'release', capabilities: [two], handled: 0 });
    await raw.ask({ kind: 'produce', channel: two, message: [], ...none }).catch(tell);
    await remote(() => box.call('work', null, [1, 2, 3], { limit_ms: 100 }));
    await remote(() => box.fileSystem().resolve('/etc/passwd'));
    await remote(() => box.deploy('new x in { x!('));
    const secretOf = (client: RawClient): Uint8Array => client.key().secret;
    await RawClient.connect(url, { token: bob, session: raw.key() }).catch(tell);
    await RawClient.connect(url, { token, space: 'nowhere' }).catch(tell);
    await RawClient.connect(url, { token: `${token}x` }).catch(tell);
    await RawClient.connect(url, { token: token.replace('.', '..') }).catch(tell);
    const base64 = Buffer.from(one.token).toString('base64url');
    const rpc = async (body: unknown, bearer = token, path = '/rpc'): Promise<void> => {
      const headers = { 'content-type': 'application/json', authorization: `Bearer ${bearer}`, 'x-mine': bearer };
      const text = typeof body === 'string' ? body : JSON.stringify(body);
      const answer = await fetch(`${http}${path}`, { method: 'POST', headers, body: text });
      seen.push(`${answer.status} ${await answer.text()}`);
    };
    const asked = (method: string, params: object): object => ({ jsonrpc: '2.0', id: 1, method, params });
    await rpc(asked('take', { channel: { $channel: base64.slice(1) } }));
    await rpc(asked('file.none', { channel: { $channel: base64 } }));
    await rpc(asked('file.write', { channel: { $channel: base64 }, data: { $nothing: base64 } }));
    await rpc(asked(`${base64}.write`, {}));
    await rpc(asked('produce', { channel: 'system', message: [{ $channel: base64 }] }), bob);
    await rpc(asked('powerbox', {}), `${token}x`);
    await rpc(asked('powerbox', {}), token, `/rpc?space=${base64}`);
    await rpc(`{"jsonrpc": "2.0", "id": "${base64}`);
    await rpc(asked('powerbox', {}), token, `/${token}`);
    const admin = await openAdmin({ data: bench.path('node') });
    await admin.revoke('files', { holder: 'alice' });
    await admin.close();
    await raw.ask({ ...call, target: file, method: 'size', args: [] }).catch(tell);
    // What ends a connection: a message of no kind, an option that nobody knows, a URI that is none.
    for (const parts of [
      [base64, 1],
      ['produce', 1, 'hall', list([]), map([[base64, 1]])],
      ['deploy', 1, 'Nil', map([['uris', map([[base64, Wildcard.the]])]])],
      [
        'deploy',
        1,
        'Nil',
        map([
          ['uris', map([[base64, 1]])],
          ['atomic', base64],
        ]),
      ],
    ] as const) {
      const ending = await RawClient.connect(url, { token });
      ending.frame([parts as readonly Value[]]);
      await Promise.race([ending.closed, ending.answer(1).catch(() => {})]);
      for (const said of ending.came)
        if (said.kind === 'error' || said.kind === 'bye') seen.push(JSON.stringify(said.error));
      await ending.close();
    }
    // The end of this one is a frame that is none, with a token in it.
    raw.frame([['produce', raw.id(), one, 'no message', one]]);
    await raw.closed;
    for (const client of [raw, other])
      for (const said of client.came)
        if (said.kind === 'error' || said.kind === 'bye') seen.push(JSON.stringify(said.error));

    // What is told to whoever asks.
    for (const path of ['/metrics', '/info', '/healthz', '/readyz', `/metrics?token=${token}`, `/${base64}`]) {
      const answer = await fetch(`${http}${path}`, { headers: { authorization: `Bearer ${token}` } });
      seen.push(`${path.slice(0, 8)} ${answer.status} ${JSON.stringify([...answer.headers])} ${await answer.text()}`);
    }
    for (const command of COMMANDS) {
      const { code, stdout, stderr } = await bench.run(...command, '--data', 'node');
      assert.equal(code, 0, `${command.join(' ')}: ${stderr}`);
      seen.push(stdout, stderr);
    }
    const failing = await bench.run(
      'run',
      bench.write('x.rho', 'new x in { @{*x + 1}!(2) | for (@1 <- x) { Nil } }'),
      '--data',
      'node',
      '--holder',
      'alice',
    );
    seen.push(failing.stdout, failing.stderr);

    secrets.push(
      { name: 'a token', bytes: one.token },
      { name: 'another token', bytes: two.token },
      { name: 'the token of a file', bytes: file.token },
      { name: 'the token of a powerbox', bytes: raw.powerbox.token },
      { name: 'the secret of a session', bytes: secretOf(raw) },
      { name: 'the secret of another session', bytes: secretOf(other) },
    );
    running.child.kill('SIGTERM');
    const { code, stderr } = await running.ended;
    assert.equal(code, 0, stderr);
    seen.push(stderr, ready, spans);

    // What only the directory knows: its keys, the secret that signs, what hosts were told, the names themselves.
    const keys = JSON.parse(readFileSync(bench.path('node/keys'), 'utf8')) as Record<string, string>;
    for (const name of ['nameKey', 'sealKey'])
      secrets.push({ name, bytes: Buffer.from(keys[name] as string, 'hex') }, textSecret(name, keys[name] as string));
    secrets.push(textSecret('what signs', longestWord(readFileSync(bench.path('node/node/secret'), 'utf8'))));
    const told = JSON.parse(readFileSync(bench.path('told.json'), 'utf8')) as { secret: string; token: string };
    secrets.push(
      { name: 'the secret of a host', bytes: Buffer.from(told.secret, 'hex') },
      { name: 'the token that a host was given', bytes: Buffer.from(told.token, 'hex') },
    );
    const space = await openSpace({
      data: bench.path('node'),
      config: bench.path('powerbox.yaml'),
      onFailure: () => {},
    });
    const [hidden] = (await space.take('kept')) as unknown as readonly [Value];
    const [name] = (await space.take('hall')) as unknown as readonly [Value];
    await space.close();
    for (const one of [hidden, name]) {
      const found = one instanceof Bundle ? one.body : one;
      assert.ok(found instanceof Name);
      secrets.push({ name: 'a name', bytes: found.bytes });
    }

    const heap = seen.join('\n');
    // The heap is what it is thought to be.
    for (const word of [
      'capability_refused',
      'wire_invalid',
      'auth_failed',
      'powerbox_native_calls_total',
      'resourceSpans',
      '"msg":"refused"',
      'path_refused',
      'native_failed',
      'Unforgeable(0x',
    ])
      assert.ok(heap.includes(word), word);
    assert.ok(secrets.length >= 17 && secrets.every(({ bytes }) => bytes.length >= 16));
    const where = seen.filter((text) => foundIn(text, secrets).length > 0).map((text) => text.slice(0, 2_000));
    assert.deepEqual(where, []);
    assert.deepEqual(foundIn(heap, secrets), []);
    // What programs say is for whom they say it to; where things lie is for the operator, whose commands are told.
    const others = [spans, ...seen.filter((text) => /^(\/(metrics|info|healthz|readyz)|\d{3} )/.test(text))].join('\n');
    assert.ok(!others.includes(PAYLOAD) && !others.includes(bench.directory));
    // And whoever looks for them finds them.
    for (const { name, bytes } of secrets)
      for (const spelled of [
        Buffer.from(bytes).toString('hex').toUpperCase(),
        Buffer.concat([Buffer.from('x'), bytes]).toString('base64'),
        Buffer.concat([Buffer.from('xy'), bytes]).toString('base64url'),
        JSON.stringify([...bytes]),
        JSON.stringify(Buffer.from(bytes).toString('latin1')),
      ])
        assert.ok(foundIn(`${heap.slice(0, 99)}${spelled}.`, [{ name, bytes }]).length > 0, name);
  });
});

function longestWord(text: string): string {
  const [longest = ''] = (text.match(/[\w+/=-]+/g) ?? []).sort((left, right) => right.length - left.length);
  return longest;
}
