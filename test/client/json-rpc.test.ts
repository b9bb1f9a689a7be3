/** JSON-RPC over HTTP, as somebody with `curl` sees it. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunningService } from '../../src/service/index.ts';
import { limits } from '../../src/limits.ts';
import { Bench } from '../service/support.ts';
import { faultOf, type Schema } from './support/schema.ts';

interface Answer {
  readonly id?: unknown;
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: Record<string, unknown> };
}

const document = JSON.parse(readFileSync(new URL('../../spec/reference/openrpc.json', import.meta.url), 'utf8')) as {
  readonly methods: readonly { readonly name: string; readonly result: { readonly schema: Schema } }[];
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
};

describe('JSON-RPC', () => {
  const bench = new Bench();
  let folder = '';
  let service: RunningService;
  const url = (): string => service.address.url.replace('ws:', 'http:') + '/rpc';

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'powerbox-rpc-'));
    const space = await bench.space({
      config: {
        version: 1,
        powers: {
          files: { kind: 'files', root: folder },
          clock: { kind: 'timer' },
          dice: { kind: 'random' },
          hashes: { kind: 'crypto' },
        },
        holders: { alice: { grants: ['files', 'clock', 'dice', 'hashes'] }, bob: { grants: [] } },
      },
    });
    service = await bench.serve(space);
  });
  afterEach(async () => {
    await bench.close();
    rmSync(folder, { recursive: true });
  });

  async function post(body: unknown, headers: Record<string, string> = {}): Promise<{ status: number; text: string }> {
    const response = await fetch(url(), {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer alice', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    return { status: response.status, text: await response.text() };
  }

  async function ask(method: string, params?: unknown, headers?: Record<string, string>): Promise<Answer> {
    const { text } = await post(
      { jsonrpc: '2.0', id: 1, method, ...(params === undefined ? {} : { params }) },
      headers,
    );
    const answer = JSON.parse(text) as Answer;
    judge(method, answer);
    return answer;
  }

  /** Whatever a test asks, what is answered is what is described. */
  const answered = new Set<string>();
  function judge(method: string, answer: Answer): void {
    const described = document.methods.find(({ name }) => name === method);
    if (described === undefined || !('result' in answer)) return;
    answered.add(method);
    assert.equal(faultOf(answer.result, described.result.schema, document.components.schemas), null, method);
  }

  it('calls methods of system channels by their names and the names of their arguments', async () => {
    const { result: directory } = await ask('system.fileSystem');
    assert.deepEqual(Object.keys(directory as object), ['$channel']);
    const { result: file } = await ask('directory.resolve', { channel: directory, path: 'a.txt' });
    assert.deepEqual(await ask('file.write', { channel: file, data: 'hi' }), { jsonrpc: '2.0', id: 1, result: null });
    assert.equal(readFileSync(join(folder, 'a.txt'), 'utf8'), 'hi');
    assert.deepEqual((await ask('file.readAll', [file])).result, { $bytes: 'aGk=' });
    assert.deepEqual((await ask('file.readAll', { channel: file, encoding: 'utf8' })).result, 'hi');
    const { result: readOnly } = await ask('object.readOnly', { channel: directory });
    const { error } = await ask('directory.mkdir', { channel: readOnly, path: 'b' });
    assert.equal(error?.data?.['code'], 'not_permitted');
  });

  it('answers a batch, in which requests may use the results of earlier ones', async () => {
    const { text } = await post([
      { jsonrpc: '2.0', id: 'files', method: 'system.fileSystem' },
      {
        jsonrpc: '2.0',
        id: 'a',
        method: 'directory.resolve',
        params: { channel: { $result: 'files' }, path: 'a.txt' },
      },
      { jsonrpc: '2.0', method: 'file.write', params: { channel: { $result: 'a' }, data: 'in a batch' } },
      { jsonrpc: '2.0', id: 'pair', method: 'object.revocable', params: [{ $result: 'a' }] },
      { jsonrpc: '2.0', id: 'text', method: 'file.size', params: [{ $result: 'pair', path: [0] }] },
      { jsonrpc: '2.0', id: 'lost', method: 'file.size', params: [{ $result: 'nobody' }] },
    ]);
    const answers = JSON.parse(text) as Answer[];
    assert.deepEqual(
      answers.map(({ id }) => id),
      ['files', 'a', 'pair', 'text', 'lost'],
    );
    assert.equal(answers[4]?.error?.data?.['code'], 'arguments_invalid');
    assert.equal(readFileSync(join(folder, 'a.txt'), 'utf8'), 'in a batch');
  });

  it('deploys, makes names, sends, takes and waits', async () => {
    const { result } = await ask('newNames', { count: 2 });
    const [echo, channel] = result as unknown[];
    const deployed = await ask('deploy', { text: 'Nil', name: 'nothing' });
    assert.equal(typeof (deployed.result as { deploy: unknown }).deploy, 'number');
    assert.deepEqual((await ask('produce', { channel, message: ['a', { $set: [1] }] })).result, null);
    assert.deepEqual((await ask('peek', { channel })).result, ['a', { $set: [1] }]);
    assert.deepEqual((await ask('take', { channel, match: ['a', { $any: true }] })).result, ['a', { $set: [1] }]);
    assert.equal((await ask('take', { channel, limit_ms: 10 })).result, null);
    const waiting = ask('consume', { slots: [{ channel }, { channel: echo, peek: true }], limit_ms: 60_000 });
    await ask('produce', { channel, message: [1] });
    await ask('produce', { channel: echo, message: [2] });
    assert.deepEqual((await waiting).result, [[1], [2]]);
    const { result: writeOnly } = await ask('attenuate', { channel, read: false });
    assert.equal((await ask('take', { channel: writeOnly })).error?.data?.['code'], 'capability_refused');
    assert.equal((await ask('release', { channels: [echo] })).result, null);
    assert.equal((await ask('produce', { channel: echo, message: [] })).error?.data?.['code'], 'capability_refused');
  });

  it('calls contracts, and tells every mistake of a program', async () => {
    await ask('deploy', { text: 'contract @"service"(@"double", @x, ret) = { ret!(x + x) }' });
    assert.equal((await ask('call', { channel: 'service', method: 'double', args: [21] })).result, 42);
    const { error } = await ask('deploy', { text: 'x!(y)' });
    const mistakes = error?.data?.['mistakes'] as { line: number; column: number }[];
    assert.deepEqual(
      mistakes.map(({ line, column }) => [line, column]),
      [
        [1, 1],
        [1, 4],
      ],
    );
  });

  it('refuses tokens of another holder, and requests of nobody', async () => {
    const { result: directory } = await ask('system.fileSystem');
    const stolen = await ask('directory.list', { channel: directory }, { authorization: 'Bearer bob' });
    assert.equal(stolen.error?.data?.['code'], 'capability_refused');
    const response = await fetch(url(), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    });
    assert.equal(response.status, 401);
    assert.equal(((await response.json()) as Answer).error?.data?.['code'], 'auth_failed');
  });

  it('takes back what waits for whoever has gone', async () => {
    const { result } = await ask('newNames');
    const [channel] = result as unknown[];
    const leave = new AbortController();
    const waiting = fetch(url(), {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer alice' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'take', params: { channel, limit_ms: 60_000 } }),
      signal: leave.signal,
    });
    waiting.catch(() => {});
    while (service.counts().waiting === 0) await ask('powerbox');
    leave.abort();
    while (service.counts().waiting > 0) await ask('powerbox');
    await ask('produce', { channel, message: [1] });
    assert.deepEqual((await ask('take', { channel })).result, [1]);
  });

  it('answers what it describes: every operation, and methods with results of every type', async () => {
    const [channel] = (await ask('newNames', { count: 1 })).result as unknown[];
    await ask('deploy', { text: 'contract @"all"(value, ret) = { ret!(*value) }', atomic: true });
    await ask('powerbox');
    // Every kind of value, as it goes and as it comes back.
    const values = [
      ...[null, true, 'text', 1, 1.5, [1, [2]], { a: { b: 1 } }, { $int: '9007199254740993' }, { $float: 2 }],
      ...[{ $bytes: 'aGk=' }, { $bigint: '1' }, { $uri: 'rho:id' }, { $tuple: [1] }, { $set: [1] }, channel],
      ...[{ $map: [[1, 'one']] }, { $float: 'NaN' }],
    ];
    const { result } = await ask('call', { channel: 'all', method: null, args: [values] });
    assert.deepEqual(result, values);
    await ask('produce', { channel, message: [1] });
    await ask('peek', { channel });
    await ask('peek', { channel, match: [2] });
    await ask('take', { channel });
    await ask('consume', { slots: [{ channel }] });
    await ask('attenuate', { channel, write: false });
    await ask('query', { text: 'new answer(`rho:answer`) in { answer!(1, "a") | answer!(1 / 0) }' });
    await ask('estimate', { text: 'new box(`rho:powerbox`) in { box!("fileSystem") }' });
    await ask('release', { channels: [channel] });
    const { result: directory } = await ask('system.fileSystem');
    const { result: file } = await ask('directory.resolve', { channel: directory, path: 'b.txt' });
    await ask('file.write', { channel: file, data: 'hello' });
    for (const method of ['size', 'info', 'exists', 'readAll', 'path']) await ask(`file.${method}`, { channel: file });
    for (const method of ['list', 'path']) await ask(`directory.${method}`, { channel: directory });
    for (const method of ['methods', 'restrict']) await ask(`object.${method}`, { channel: file });
    for (const name of ['timer', 'random', 'crypto', 'hardware', 'load']) {
      const { result: object } = await ask(`system.${name}`);
      await ask('timer.now', { channel: object });
      await ask('random.bytes', { channel: object, count: 4 });
      await ask('object.methods', { channel: object });
    }
    const operations = document.methods.map(({ name }) => name).filter((name) => !name.includes('.'));
    assert.deepEqual(
      operations.filter((name) => !answered.has(name)),
      [],
    );
    assert.ok(answered.size >= operations.length + 10, `${[...answered].join(', ')}`);
    // And what is not as described is seen.
    for (const [json, schema] of [
      [1, { type: 'string' }],
      [[1, 2], { maxItems: 1 }],
      [{ $bytes: '!' }, { $ref: '#/components/schemas/Value' }],
      [{ $what: 1 }, { $ref: '#/components/schemas/Value' }],
      [
        { a: 1, b: 2 },
        { properties: { a: {} }, additionalProperties: false },
      ],
      [{}, { required: ['a'] }],
      [1, { nonsense: 1 }],
    ] as const)
      assert.notEqual(faultOf(json, schema, document.components.schemas), null, JSON.stringify(schema));
  });

  it('describes itself', async () => {
    const { result } = await ask('rpc.discover');
    const page = readFileSync(new URL('../../spec/reference/openrpc.json', import.meta.url), 'utf8');
    assert.deepEqual(result, JSON.parse(page));
    const { methods } = result as { methods: { name: string }[] };
    for (const { name } of methods) {
      const { error } = await ask(name, { nonsense: 1 });
      assert.notEqual(error?.data?.['code'], 'method_unknown', `${name} is described and not there`);
    }
  });

  it('says of what is no request why it is none', async () => {
    const wrong: readonly [unknown, number, number][] = [
      ['{', 400, -32700],
      ['[]', 400, -32600],
      ['1', 200, -32600],
      [{ jsonrpc: '1.0', id: 1, method: 'take' }, 200, -32600],
      [{ jsonrpc: '2.0', id: 1.5, method: 'take' }, 200, -32600],
      [{ jsonrpc: '2.0', id: 1, method: 1 }, 200, -32600],
      [{ jsonrpc: '2.0', id: 1, method: 'take', params: 1 }, 200, -32600],
      [{ jsonrpc: '2.0', id: 1, method: 'take', more: 1 }, 200, -32600],
      [{ jsonrpc: '2.0', id: 1, method: 'nothing' }, 200, -32601],
      [{ jsonrpc: '2.0', id: 1, method: 'file.nothing' }, 200, -32601],
      [{ jsonrpc: '2.0', id: 1, method: 'constructor' }, 200, -32601],
      [{ jsonrpc: '2.0', id: 1, method: 'take' }, 200, -32602],
      [{ jsonrpc: '2.0', id: 1, method: 'take', params: { channel: 1, nothing: 1 } }, 200, -32602],
      [{ jsonrpc: '2.0', id: 1, method: 'take', params: [1, [], 0, 0] }, 200, -32602],
      [{ jsonrpc: '2.0', id: 1, method: 'take', params: { channel: { $channel: 'AAAA' } } }, 200, -32000],
      [{ jsonrpc: '2.0', id: 1, method: 'file.write', params: { channel: 1, text: 'x' } }, 200, -32602],
      [Array.from({ length: limits.rpc_batch_max + 1 }, () => 1), 400, -32600],
    ];
    for (const [body, status, code] of wrong) {
      const answer = await post(body);
      const { error } = JSON.parse(answer.text) as Answer;
      assert.deepEqual(
        [answer.status, error?.code],
        [status, code],
        `${JSON.stringify(body).slice(0, 100)}: ${answer.text.slice(0, 300)}`,
      );
    }
    const twice = await post([
      { jsonrpc: '2.0', id: 1, method: 'powerbox' },
      { jsonrpc: '2.0', id: 1, method: 'powerbox' },
    ]);
    assert.equal((JSON.parse(twice.text) as Answer[])[1]?.error?.code, -32600);
    assert.equal((await post({ jsonrpc: '2.0', method: 'powerbox' })).status, 204);
    assert.equal((await post('{}', { 'content-type': 'text/plain' })).status, 415);
    assert.equal((await post(' '.repeat(limits.rpc_body_bytes_max + 1))).status, 413);
  });
});
