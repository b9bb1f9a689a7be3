/** Messages are followed from where they come in to natives and back, and told to a real collector. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { limits } from '../../src/limits.ts';
import { openAdmin } from '../../src/index.ts';
import { connect } from '../../src/client/node.ts';
import { issueNodeToken, openLog, type RunningNode, startNode } from '../../src/service/index.ts';

interface Told {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly { readonly key: string; readonly value: Readonly<Record<string, string>> }[];
  readonly status: { readonly code: number; readonly message?: string };
}

/** What a collector is, as far as spans go. */
class Collector {
  readonly spans: Told[] = [];
  readonly requests: { readonly url: string; readonly authorization: string | undefined }[] = [];
  status = 200;
  readonly #server: Server = createServer(async (request, response) => {
    let text = '';
    for await (const part of request) text += part;
    this.requests.push({ url: request.url ?? '', authorization: request.headers.authorization });
    const body = JSON.parse(text);
    assert.equal(body.resourceSpans[0].resource.attributes[0].value.stringValue, 'powerbox');
    if (this.status === 200) this.spans.push(...body.resourceSpans[0].scopeSpans[0].spans);
    response.writeHead(this.status, { 'content-type': 'application/json' }).end('{}');
  });

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

describe('operate: following messages', function () {
  this.timeout(60_000);
  let directory: string;
  let collector: Collector;
  let node: RunningNode;
  let lines: string[];

  const start = async (telemetry: string, more = ''): Promise<void> => {
    const config = join(directory, 'powerbox.yaml');
    writeFileSync(
      config,
      `version: 1
powers: {stdio: {kind: stdio}, files: {kind: files, root: ./files}}
holders: {alice: {grants: [stdio, files]}}
service:
  listen: 127.0.0.1:0
  telemetry: ${telemetry}
  ${more}
`,
    );
    const console = { stdout: async () => {}, stderr: async () => {}, readLine: async () => null };
    const log = { write: (line: string) => lines.push(line) };
    node = await startNode({
      data: join(directory, 'data'),
      config,
      console,
      log: (level) => openLog(level, log),
    });
  };
  const run = async (text: string): Promise<void> => {
    const admin = await openAdmin({ data: join(directory, 'data') });
    const { id } = await admin.run(text, { name: 'followed', holder: 'alice' });
    await admin.quiescent({ deploys: [id] });
    await admin.close();
  };

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'powerbox-telemetry-'));
    mkdirSync(join(directory, 'files'));
    collector = new Collector();
    lines = [];
    process.env['OPERATE_TEST_KEY'] = 'Bearer s3cret';
  });
  afterEach(async () => {
    await node.close();
    collector.close();
    delete process.env['OPERATE_TEST_KEY'];
    rmSync(directory, { recursive: true, force: true });
  });

  const PROGRAM = `new box(\`rho:powerbox\`), out(\`rho:io:stdout\`) in {
    contract @"shop"(ret, @item) = {
      for (files <- box!?("fileSystem"); note <- files!?("resolve", "s3cret.txt"); _ <- note!?("append", item)) { ret!(item) }
    } | for (@got <- @"shop"!?("tea")) { out!(got) } | for (files <- box!?("fileSystem"); _ <- files!?("resolve", "../x")) { Nil }
  }`;

  it('one message is one trace: the request, each turn, each call of a native, and what follows from its answer', async () => {
    const url = await collector.listen();
    await start(`{endpoint: "${url}/", headers: {authorization: "\${env:OPERATE_TEST_KEY}"}}`);
    await run(PROGRAM);
    await node.close();
    const { spans, requests } = collector;
    assert.ok(requests.every((request) => request.url === '/v1/traces' && request.authorization === 'Bearer s3cret'));
    assert.equal(new Set(spans.map(({ traceId }) => traceId)).size, 1);
    const byId = new Map(spans.map((span) => [span.spanId, span]));
    const roots = spans.filter(({ parentSpanId }) => parentSpanId === undefined);
    assert.deepEqual(
      roots.map(({ name, kind }) => [name, kind]),
      [['deploy', 2]],
    );
    // From the last call back to the message that set it in motion, through the contract and the call before.
    const way = (span: Told | undefined): string[] =>
      span === undefined ? [] : [span.name, ...way(byId.get(span.parentSpanId ?? ''))];
    const names = way(spans.find(({ name }) => name === 'stdout.send'));
    const natives = names.filter((name) => name !== 'turn');
    assert.deepEqual(natives, ['stdout.send', 'file.append', 'directory.resolve', 'deploy']);
    assert.ok(names.length > natives.length);
    const refused = spans.filter(({ status }) => status.code === 2);
    assert.deepEqual(
      refused.map(({ name, status }) => [name, status.message]),
      [['directory.resolve', 'path_refused']],
    );
    for (const { startTimeUnixNano, endTimeUnixNano, attributes } of spans) {
      assert.ok(BigInt(endTimeUnixNano) >= BigInt(startTimeUnixNano));
      assert.ok(Math.abs(Number(BigInt(startTimeUnixNano) / 1_000_000n) - Date.now()) < 60_000);
      assert.ok(attributes.some(({ key, value }) => key === 'powerbox.space' && value['stringValue'] === 'main'));
    }
    // What was said, where it was written and by which key, is told to nobody.
    assert.doesNotMatch(JSON.stringify(spans), /s3cret|tea/);
  });

  it('a call of a client is one trace, from its request through the contract and a native to its answer', async () => {
    await start(`{endpoint: "${await collector.listen()}"}`, 'publicNames: true');
    await run(PROGRAM);
    const token = await issueNodeToken(join(directory, 'data'), { holder: 'alice', lifetime_ms: 60_000 });
    const box = await connect(node.address.url, { token });
    await box.deploy('contract @"keep"(@"item", @text, ret) = { for (@got <- @"shop"!?(text)) { ret!(got) } }');
    assert.equal(await box.call('keep', 'item', ['milk']), 'milk');
    await assert.rejects(Promise.resolve(box.deploy('new x in { x!(')), /syntax|expected/i);
    await box.close();
    await node.close();
    const calls = collector.spans.filter(({ name }) => name === 'call');
    assert.equal(calls.length, 1);
    const [call] = calls as [Told];
    assert.equal(call.parentSpanId, undefined);
    assert.equal(call.status.code, 0);
    const within = collector.spans.filter(({ traceId }) => traceId === call.traceId);
    const natives = within.filter(({ name }) => name.includes('.')).map(({ name }) => name);
    assert.deepEqual(natives, ['directory.resolve', 'file.append']);
    // The answer comes when all that it follows from has ended.
    for (const { endTimeUnixNano, name } of within)
      if (name !== 'call') assert.ok(BigInt(endTimeUnixNano) <= BigInt(call.endTimeUnixNano) + 1_000_000n, name);
    assert.doesNotMatch(JSON.stringify(collector.spans), /milk/);
  });

  it('a program that goes on for ever is not followed for ever', async () => {
    await start(`{endpoint: "${await collector.listen()}"}`);
    const admin = await openAdmin({ data: join(directory, 'data') });
    await admin.run('contract @"loop"(@n) = { if (n < 5000) { @"loop"!(n + 1) } } | @"loop"!(0)', { name: 'loop' });
    await admin.quiescent({});
    await admin.close();
    await node.close();
    assert.ok(collector.spans.length > 100, `${collector.spans.length}`);
    assert.ok(collector.spans.length <= limits.telemetry_steps_max + 1, `${collector.spans.length}`);
  });

  it('no message is followed where the ratio says none', async () => {
    await start(`{endpoint: "${await collector.listen()}", ratio: 0}`);
    await run(PROGRAM);
    await node.close();
    assert.deepEqual(collector.requests, []);
  });

  it('a collector that refuses, or is not there, is told of once, and holds up nothing', async () => {
    collector.status = 503;
    await start(`{endpoint: "${await collector.listen()}"}`);
    await run(PROGRAM);
    await run(PROGRAM);
    collector.close();
    await run(PROGRAM);
    await node.close();
    assert.equal(lines.filter((line) => line.includes('spans cannot be told')).length, 1);
    assert.deepEqual(collector.spans, []);
  });
});
