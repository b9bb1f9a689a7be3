/** What is not as it should be: said badly, said too much, from where it may not come. Each has its answer. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { createService } from '../../src/service/index.ts';
import { BoundVariable, FreeVariable, type List, list, type Value, Wildcard } from '../../src/values/index.ts';
import { RawClient, resultOf } from './raw-client.ts';
import { Bench, BY_NAME } from './support.ts';

const slot = (channel: Value) => [{ channel, pattern: null, peek: false }];
const NAMES_OF_CERTIFICATE = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'];
const none = { persist: false, lease_ms: null } as const;

describe('the service', () => {
  const bench = new Bench();
  afterEach(() => bench.close());

  it('ends a connection that begins with anything but a hello it understands', async () => {
    const { service } = await bench.start();
    const beginnings: [string, (client: RawClient) => void][] = [
      ['wire_invalid', (client) => client.socket.send('text')],
      ['wire_invalid', (client) => client.socket.send(Buffer.from([0xc1]))],
      ['wire_invalid', (client) => client.socket.send(Buffer.alloc(0))],
      ['wire_invalid', (client) => client.socket.send(Buffer.alloc(20_000))],
      ['wire_invalid', (client) => client.say({ kind: 'ping', nonce: 1 })],
      ['wire_invalid', (client) => client.frame([['hello', 'x']])],
      ['wire_invalid', (client) => void client.hello({ versions: [3, 4] }).catch(() => {})],
      ['auth_failed', (client) => void client.hello({ token: null }).catch(() => {})],
      ['auth_failed', (client) => void client.hello({ token: 'nobody' }).catch(() => {})],
      ['auth_failed', (client) => void client.hello({ space: 'elsewhere' }).catch(() => {})],
    ];
    for (const [code, begin] of beginnings) {
      const client = await RawClient.dial(service.address.url);
      begin(client);
      await client.closed;
      const [bye] = client.came;
      assert.ok(bye?.kind === 'bye' && bye.error.code === code, `${code}: ${JSON.stringify(bye)}`);
    }
    assert.equal(service.counts().sessions, 1);
  });

  it('ends a connection that says what cannot be, and the session goes on', async () => {
    const { service, client } = await bench.start();
    await client.ask({ kind: 'produce', channel: 'c', message: ['kept'], ...none });
    client.frame([['produce', client.id(), 'c', list(['lost']), 'no options']]);
    await client.closed;
    const again = await bench.connect(service, { session: client.key() });
    const value = await again.ask({ kind: 'take', slots: slot('c'), limit_ms: 0 });
    assert.deepEqual(value, list([list(['kept'])]));
    assert.equal(await again.ask({ kind: 'take', slots: slot('c'), limit_ms: 0 }), null);
  });

  it('applies nothing of a frame of which a part cannot be', async () => {
    const { service, client } = await bench.start();
    client.frame([
      ['produce', 1, 'c', list(['lost'])],
      ['produce', 2, 'c', list(['lost']), 'no options'],
    ]);
    await client.closed;
    const again = await bench.connect(service, { session: client.key() });
    assert.equal(again.welcome?.applied, 0);
    assert.equal(await again.ask({ kind: 'take', slots: slot('c'), limit_ms: 0 }), null);
  });

  it('refuses an acknowledgement of what was not sent', async () => {
    const { service, client } = await bench.start();
    client.say({ kind: 'ack', number: 7 });
    await client.closed;
    assert.equal(client.came.at(-1)?.kind, 'bye');
    await assert.rejects(RawClient.connect(service.address.url, { session: client.key(7) }), { code: 'wire_invalid' });
    await bench.connect(service, { session: client.key(0) });
  });

  it('refuses a frame that is too large before it has it all', async () => {
    const { client } = await bench.start();
    client.socket.send(Buffer.alloc(5 * 1024 * 1024));
    assert.equal((await client.closed).code, 1009);
  });

  it('takes no more than its operator says: connections, requests a second, bytes of a frame', async () => {
    const bounds = { connections_max: 2, requests_per_second_max: 100, frame_bytes_max: 65_536 };
    const { service, client } = await bench.start({ bounds });
    assert.equal(client.welcome?.limits.frame_bytes, 65_536);
    const large = await bench.connect(service, { token: 'bob' });
    const third = await RawClient.dial(service.address.url);
    await third.closed;
    const [bye] = third.came;
    assert.ok(bye?.kind === 'bye' && bye.error.code === 'rate_limited', JSON.stringify(bye));
    large.socket.send(Buffer.alloc(65_537));
    assert.equal((await large.closed).code, 1009);

    const begun_ms = performance.now();
    const all = Array.from({ length: 150 }, () => client.ask({ kind: 'take', slots: slot('none'), limit_ms: 0 }));
    await Promise.all(all);
    await client.ask({ kind: 'take', slots: slot('none'), limit_ms: 0 });
    const took_ms = performance.now() - begun_ms;
    assert.ok(took_ms >= 400, `151 requests took ${took_ms} ms, at 100 a second after the first 100`);
  });

  it('answers what cannot be done, and the connection goes on', async () => {
    const { client } = await bench.start();
    const refusals: [string, Parameters<RawClient['ask']>[0]][] = [
      ['bad_request', { kind: 'attenuate', capability: 'none', read: true, write: true }],
      ['value_unsupported', { kind: 'produce', channel: 'c', message: [Wildcard.the], ...none }],
      ['value_unsupported', { kind: 'produce', channel: 'c', message: [list([new BoundVariable(0)])], ...none }],
      ['value_unsupported', { kind: 'take', slots: [{ channel: 'c', pattern: 'x', peek: false }], limit_ms: 0 }],
      [
        'value_unsupported',
        { kind: 'take', slots: [{ channel: 'c', pattern: list([new FreeVariable(0)]), peek: false }], limit_ms: 0 },
      ],
      [
        'bad_request',
        { kind: 'consume', slots: [{ channel: 'c', pattern: null, peek: true }], persist: true, credit: 1 },
      ],
      ['not_available', { kind: 'produce', channel: 'system', message: [], ...none }],
      ['method_unknown', { kind: 'call', target: client.powerbox, method: 'nothing', args: [], limit_ms: null }],
      ['bad_request', { kind: 'deploy', text: 'Nil', name: 'p', uris: new Map([['rho:powerbox', 1]]) }],
    ];
    for (const [code, ask] of refusals) await assert.rejects(client.ask(ask), { code }, code);
    await client.ask({ kind: 'names', count: 1 });
  });

  it('tells a program that is wrong each of its mistakes', async () => {
    const { client } = await bench.start();
    const id = client.id();
    client.say({ kind: 'deploy', id, text: 'new x in { x!(y) | z!(1) }', name: 'p', uris: new Map() });
    const answer = await client.answer(id);
    assert.ok('error' in answer);
    assert.equal(answer.error.mistakes.length, 2);
    assert.deepEqual(
      answer.error.mistakes.map(({ line, column }) => [line, column]),
      [
        [1, 15],
        [1, 20],
      ],
    );
  });

  it('delivers to a standing receive as far as its credit goes, and leaves the rest', async () => {
    const { space, client } = await bench.start();
    for (const n of [1, 2, 3, 4]) await space.produce('jobs', [n]);
    const id = client.id();
    client.say({ kind: 'consume', id, slots: slot('jobs'), persist: true, credit: 2 });
    await client.ask({ kind: 'names', count: 1 });
    assert.deepEqual(client.deliveries(id), [list([list([1])]), list([list([2])])]);
    assert.equal(space.count('jobs').data, 2);
    await client.ask({ kind: 'credit', of: id, more: 10 });
    await space.produce('jobs', [5]);
    await client.until((message) => message.kind === 'deliver' && message.number >= 6);
    assert.equal(client.deliveries(id).length, 5);
    await client.ask({ kind: 'cancel', of: id });
    await space.produce('jobs', [6]);
    assert.equal(space.count('jobs').data, 1);
    const ended = await client.answer(id);
    assert.ok('error' in ended && ended.error.code === 'cancelled');
  });

  it('ends a standing receive that is cancelled in the turn in which it has met a message, after that message', async () => {
    const { space, client } = await bench.start();
    const id = client.id();
    client.say({ kind: 'consume', id, slots: slot('jobs'), persist: true, credit: 5 });
    await client.ask({ kind: 'names', count: 1 });
    // One frame is one turn: what has met is a task that runs after it.
    client.say(
      { kind: 'produce', id: client.id(), channel: 'jobs', message: ['met'], ...none },
      { kind: 'cancel', id: client.id(), of: id },
      { kind: 'credit', id: client.id(), of: id, more: 3 },
      { kind: 'cancel', id: client.id(), of: id },
    );
    const ended = await client.answer(id);
    assert.ok('error' in ended && ended.error.code === 'cancelled');
    assert.deepEqual(client.deliveries(id), [list([list(['met'])])]);
    await client.ask({ kind: 'produce', channel: 'jobs', message: ['stays'], ...none });
    await space.quiescent();
    assert.equal(space.count('jobs').data, 1);
    assert.equal(client.deliveries(id).length, 1);
  });

  it('shows what comes on a channel without taking it, and tells how much was missed', async () => {
    const { space, client } = await bench.start();
    await space.produce('live', ['before']);
    const id = client.id();
    client.say({ kind: 'watch', id, channel: 'live', credit: 2 });
    await client.ask({ kind: 'names', count: 1 });
    await space.produce('live', ['one']);
    await space.produce('live', ['missed']);
    await space.produce('live', ['missed, too']);
    await client.ask({ kind: 'credit', of: id, more: 1 });
    await space.produce('live', ['last']);
    await client.until(
      (message) => message.kind === 'deliver' && message.id === id && (message.value as List).items[0] === 2,
    );
    assert.deepEqual(client.deliveries(id), [
      list([0, list(['before'])]),
      list([0, list(['one'])]),
      list([2, list(['last'])]),
    ]);
    assert.equal(space.count('live').data, 5);
    await client.ask({ kind: 'cancel', of: id });
    assert.equal(space.count('live').waiting, 0);
  });

  it('receives from several channels at once', async () => {
    const { space, client } = await bench.start();
    const id = client.id();
    client.say({ kind: 'take', id, slots: [...slot('left'), ...slot('right')], limit_ms: null });
    await space.produce('left', [1]);
    await space.produce('right', [2]);
    assert.deepEqual(resultOf(await client.answer(id)), list([list([1]), list([2])]));
  });

  it('ends waits in time: a take with nothing, a call with an error', async () => {
    const { space, client } = await bench.start();
    const call = client.id();
    const take = client.id();
    client.say(
      { kind: 'call', id: call, target: 'nobody', method: null, args: [1], limit_ms: 10 },
      { kind: 'take', id: take, slots: slot('nothing'), limit_ms: 5 },
    );
    assert.equal(resultOf(await client.answer(take)), null);
    const answer = await client.answer(call);
    assert.ok('error' in answer && answer.error.code === 'timed_out');
    assert.equal(space.count('nothing').waiting, 0);
  });

  it('sends what goes away by itself', async () => {
    const { space, client } = await bench.start();
    await client.ask({ kind: 'produce', channel: 'c', message: ['short'], persist: false, lease_ms: 20 });
    while (space.count('c').data > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  });

  it('waits for a client that does not read, and for it alone', async () => {
    const { space, service, client } = await bench.start();
    const slow = await bench.connect(service);
    const size = 64 * 1024;
    const count = 200;
    await space.produce('large', [new Uint8Array(size)], { persist: true });
    slow.socket.pause();
    for (let sent = 0; sent < count; sent++)
      slow.say({ kind: 'peek', id: slow.id(), slots: slot('large'), limit_ms: 0 });
    for (let asked = 0; asked < 20; asked++) await client.ask({ kind: 'names', count: 1 });
    assert.equal(slow.came.length, 1);
    slow.socket.resume();
    await slow.answer(count);
    assert.equal(slow.numbers().length, count);
    assert.deepEqual(
      slow.numbers(),
      Array.from({ length: count }, (_, index) => index + 1),
    );
  });

  it('answers a ping, and pings', async () => {
    const { client } = await bench.start();
    client.say({ kind: 'ping', nonce: 42 });
    await client.until((message) => message.kind === 'pong' && message.nonce === 42);
  });

  it('takes pages of its own origin, and of those that are named, and no others', async () => {
    const { service } = await bench.start({ origins: ['https://app.example'] });
    const { url, port } = service.address;
    const open = (headers: Record<string, string>): Promise<boolean> =>
      RawClient.dial(url, headers).then(
        async (client) => {
          await client.close();
          return true;
        },
        () => false,
      );
    assert.equal(await open({}), true);
    assert.equal(await open({ origin: 'https://app.example' }), true);
    assert.equal(await open({ origin: `http://localhost:${port}` }), true);
    assert.equal(await open({ origin: 'https://evil.example' }), false);
    assert.equal(await open({ origin: 'null' }), false);
    assert.equal(await open({ host: `evil.example:${port}` }), false);
    const status = await new Promise<number>((resolve) => {
      const asked = request({
        port,
        host: '127.0.0.1',
        method: 'POST',
        path: '/rpc',
        headers: { host: 'evil.example' },
      });
      asked.on('response', (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      });
      asked.end('{}');
    });
    assert.equal(status, 403);
  });

  it('listens beyond this machine only encrypted, or when that is spelled out', async () => {
    const space = await bench.space();
    const options = { spaces: { get: () => space }, auth: BY_NAME };
    const listen = { host: '0.0.0.0', port: 0 };
    await assert.rejects(createService({ ...options, listen }), { code: 'config_invalid' });
    await assert.rejects(createService({ ...options, listen: { host: 'example.com', port: 0 } }), {
      code: 'config_invalid',
    });
    const spelled = await createService({ ...options, listen: { ...listen, insecure: true } });
    await spelled.close();
  });

  it('speaks TLS with the certificate that it is given', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'powerbox-tls-'));
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const words = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'];
    execFileSync('openssl', [...words, ...NAMES_OF_CERTIFICATE, '-keyout', key, '-out', cert], { stdio: 'ignore' });
    const tls = { cert: readFileSync(cert), key: readFileSync(key) };
    rmSync(folder, { recursive: true });
    const service = await bench.serve(await bench.space(), { listen: { host: '127.0.0.1', port: 0, tls } });
    assert.match(service.address.url, /^wss:/);
    const socket = new WebSocket(service.address.url, { ca: tls.cert });
    await new Promise<void>((resolve, reject) => {
      socket.on('open', resolve);
      socket.on('error', reject);
    });
    socket.close();
    await new Promise((resolve) => socket.on('close', resolve));
  });

  it('says on which port somebody else is', async () => {
    const { service, space } = await bench.start();
    const listen = { host: '127.0.0.1', port: service.address.port };
    await assert.rejects(createService({ spaces: { get: () => space }, auth: BY_NAME, listen }), {
      code: 'net_failed',
    });
  });

  it('stops in good order: what was asked is answered, clients are told, sessions stay', async () => {
    const { space, service, client } = await bench.start();
    const id = client.id();
    client.say({ kind: 'produce', id, channel: 'c', message: ['asked'], ...none });
    await client.answer(id, 'produce');
    await service.close(1_000);
    await client.closed;
    const bye = client.came.at(-1);
    assert.ok(bye?.kind === 'bye' && bye.error.code === 'not_available');
    const second = await bench.serve(space);
    const again = await bench.connect(second, { session: client.key() });
    assert.equal(again.welcome?.applied, id);
  });
});
