/** Messages are followed from where they come in to natives and back, and told to a real collector. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { limits } from '../../src/limits.ts';
import { openAdmin } from '../../src/index.ts';
import { connect } from '../../src/client/node.ts';
import { issueNodeToken, openLog, type RunningNode, startNode } from '../../src/service/index.ts';
import { Collector, type Told } from './collector.ts';

function fileOf(file: string): string {
  return fileURLToPath(new URL(file, import.meta.url));
}

/** The step that nobody among these is the cause of. */
function rootOf(span: Told, among: ReadonlyMap<string, Told>): Told {
  const above = among.get(span.parentSpanId ?? '');
  return above === undefined ? span : rootOf(above, among);
}

describe('operate: following messages', function () {
  this.timeout(300_000);
  let directory: string;
  let collector: Collector;
  let node: RunningNode;
  let lines: string[];

  const start = async (
    telemetry: string,
    more = '',
    { natives = '{}', powers = '', grants = '' } = {},
  ): Promise<void> => {
    const config = join(directory, 'powerbox.yaml');
    writeFileSync(
      config,
      `version: 1
natives: ${natives}
powers: {stdio: {kind: stdio}, files: {kind: files, root: ./files}, ${powers}}
holders: {alice: {grants: [stdio, files, ${grants}]}}
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
      assert.ok(attributes.some(({ key, value }) => key === 'powerbox.mode' && value['stringValue'] === 'transaction'));
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
    await box.query('new answer(`rho:answer`) in { answer!(1) }');
    await box.estimate('@"x"!(1)');
    await box.deploy('@"x"!(1)', { atomic: true });
    await box.close();
    await node.close();
    // The request of a client, and the program that runs for it.
    const modes = collector.spans.flatMap(({ attributes }) =>
      attributes.filter(({ key }) => key === 'powerbox.mode').map(({ value }) => value['stringValue']),
    );
    assert.equal(modes.length, collector.spans.length);
    for (const mode of ['transaction', 'query', 'estimate', 'atomic']) assert.ok(modes.includes(mode), mode);
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

  it('the trace of a client goes through the node to a native in another process and back', async () => {
    const endpoint = await collector.listen();
    // Their hosts tell the same collector themselves, beneath the call that they were told of.
    await start(`{endpoint: "${endpoint}"}`, 'publicNames: true', {
      natives: `
  node: {command: [${process.execPath}, --import, tsx, ${fileOf('./tracing-child.ts')}], folder: ${fileOf('.')}, start_ms_max: 120000, environment: {COLLECTOR: "${endpoint}"}}
  python: {command: [python3, ${fileOf('./tracing_host.py')}], folder: ${fileOf('.')}, start_ms_max: 120000, environment: {COLLECTOR: "${endpoint}"}}`,
      powers: `node: {kind: host, native: node}, python: {kind: host, native: python}`,
      grants: 'node, python',
    });
    await run(`new node(\`native:node\`), python(\`native:python\`) in {
      contract @"both"(ret) = { for (_ <- node!?("tell"); _ <- python!?("tell")) { ret!("done") } } }`);
    const token = await issueNodeToken(join(directory, 'data'), { holder: 'alice', lifetime_ms: 60_000 });
    const [traceId, mine, other] = ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331', 'b7ad6b7169203332'];
    let parent: string | null = `00-${traceId}-${mine}-01`;
    const box = await connect(node.address.url, { token, traceparent: () => parent });
    const calls = [box.call('both', null)];
    // What is no traceparent, and one that says that nothing is to be followed, are in the same frame.
    parent = 'rubbish';
    calls.push(box.call('both', null));
    parent = `00-${traceId}-${other}-00`;
    calls.push(box.call('both', null));
    assert.deepEqual(await Promise.all(calls), ['done', 'done', 'done']);
    // With HTTP it is a header.
    const answer = await fetch(`${node.address.url.replace('ws:', 'http:')}/rpc`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${token}`,
        traceparent: `00-${traceId}-${other}-01`,
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'call', params: { channel: 'both', method: null } }),
    });
    assert.deepEqual(await answer.json(), { jsonrpc: '2.0', id: 1, result: 'done' });
    await box.close();
    await node.close();
    const within = collector.spans.filter((span) => span.traceId === traceId);
    const byId = new Map(within.map((span) => [span.spanId, span]));
    const way = (span: Told | undefined): string[] =>
      span === undefined ? [] : [span.name, ...way(byId.get(span.parentSpanId ?? ''))];
    for (const [root, kind] of [
      [mine, 'ws'],
      [other, 'http'],
    ] as const) {
      const calls = within.filter(({ name, parentSpanId }) => name === 'call' && parentSpanId === root);
      assert.equal(calls.length, 1, kind);
      const beneath = within.filter((span) => calls.includes(rootOf(span, byId)));
      const theirs = beneath.filter(({ name }) => name.startsWith('in '));
      assert.deepEqual(theirs.map(({ name }) => name).sort(), ['in node', 'in python'], kind);
      // Back: what follows from the first host's answer is beneath its call.
      const natives = way(theirs.find(({ name }) => name === 'in python')).filter((name) => name !== 'turn');
      assert.deepEqual(natives, ['in python', 'python.tell', 'node.tell', 'call'], kind);
    }
    // The one that was not a traceparent begins a trace of its own; the one that is not to be followed is not.
    const roots = collector.spans.filter(({ name, parentSpanId }) => name === 'call' && parentSpanId === undefined);
    assert.equal(roots.length, 1);
    assert.equal(collector.spans.filter(({ name }) => name === 'call').length, 3);
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
