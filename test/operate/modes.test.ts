/** In which mode something ran is told wherever it is told of: on log lines, spans, causes of the journal and of a trace. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '../../src/client/node.ts';
import { showTrace, type Space } from '../../src/embedding/index.ts';
import { internalsOf } from '../../src/embedding/internals.ts';
import { openAdmin } from '../../src/index.ts';
import { issueNodeToken, openLog, startNode } from '../../src/service/index.ts';
import type { CauseRecord, Span, SpanFields } from '../../src/space/index.ts';
import { MemoryTrace } from '../../src/trace/index.ts';
import { BY_NAME, Bench } from '../service/support.ts';
import { readEntry } from '../../src/space/entry.ts';
import { IDLE_READER } from '../space/support/entries.ts';
import { Collector, type Told } from './collector.ts';

const MODES = ['atomic', 'estimate', 'query', 'transaction'];

/** A program that goes through a turn and a half, and fails in one branch. */
const TEXT = '@"x"!(1) | for (@n <- @"x") { @"y"!(n) } | @"z"!(1 / 0)';
const QUERY = `new answer(\`rho:answer\`) in { ${TEXT} | answer!(1) }`;
/** One that has nothing to fail. */
const WHOLE = '@"a"!(1) | for (@n <- @"a") { @"b"!(n) }';

interface Asker {
  run(text: string, atomic: boolean): Promise<unknown>;
  query(text: string): Promise<unknown>;
  estimate(text: string): Promise<unknown>;
}

/** Everything that there is to ask: once so that a branch fails, and once so that none does. */
async function askAll({ run, query, estimate }: Asker): Promise<void> {
  await run(TEXT, false);
  await assert.rejects(run(TEXT, true));
  await run(WHOLE, true);
  await query(QUERY);
  await estimate(TEXT);
}

/** JSON-RPC over HTTP. */
function rpcOf(url: string, token: string): Asker {
  const ask = async (method: string, params: object): Promise<unknown> => {
    const response = await fetch(`${url.replace('ws:', 'http:')}/rpc`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    });
    const { error, result } = (await response.json()) as { readonly error?: object; readonly result?: unknown };
    if (error !== undefined) throw new Error(JSON.stringify(error));
    return result;
  };
  return {
    run: (text, atomic) => ask('deploy', { text, atomic }),
    query: (text) => ask('query', { text }),
    estimate: (text) => ask('estimate', { text }),
  };
}

async function overWire(url: string, token: string): Promise<void> {
  const box = await connect(url, { token });
  await askAll({
    run: async (text, atomic) => box.deploy(text, { atomic }),
    query: async (text) => box.query(text),
    estimate: async (text) => box.estimate(text),
  });
  await box.close();
}

function modeOf(span: Told): string | undefined {
  return span.attributes.find(({ key }) => key === 'powerbox.mode')?.value['stringValue'];
}

describe('operate: modes', function () {
  this.timeout(300_000);
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'powerbox-modes-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it('each line of a node’s log and each span has one, whoever asked, and all beneath a span have its own', async () => {
    const collector = new Collector();
    const endpoint = await collector.listen();
    const lines: string[] = [];
    const data = join(directory, 'data');
    const config = join(directory, 'powerbox.yaml');
    mkdirSync(join(directory, 'files'));
    writeFileSync(
      config,
      `version: 1
powers: {files: {kind: files, root: ./files}}
holders: {alice: {grants: [files]}}
service: {listen: 127.0.0.1:0, telemetry: {endpoint: "${endpoint}"}}
`,
    );
    const console = { stdout: async () => {}, stderr: async () => {}, readLine: async () => null };
    const log = { write: (line: string) => lines.push(line) };
    const node = await startNode({ data, config, console, log: () => openLog('debug', log) });
    try {
      const admin = await openAdmin({ data });
      await askAll({
        run: async (text, atomic) => {
          const { id } = await admin.run(text, { name: 'asked', atomic, holder: 'alice' });
          await admin.quiescent({ deploys: [id] });
        },
        query: (text) => admin.query(text, { name: 'asked', holder: 'alice' }),
        estimate: (text) => admin.estimate(text, { name: 'asked', holder: 'alice' }),
      });
      // It looks at the world, so it is a call of a native beneath the query.
      await admin.query(
        'new box(`rho:powerbox`), answer(`rho:answer`) in { for (files <- box!?("fileSystem"); @list <- files!?("list")) { answer!(list) } }',
        { name: 'looks', holder: 'alice' },
      );
      await admin.close();
      const token = await issueNodeToken(data, { holder: 'alice', lifetime_ms: 60_000 });
      await overWire(node.address.url, token);
      await askAll(rpcOf(node.address.url, token));
    } finally {
      await node.close();
      collector.close();
    }
    const told = lines.map((line) => JSON.parse(line) as { readonly mode?: string; readonly code?: string });
    for (const line of told) assert.ok(MODES.includes(line.mode ?? ''), JSON.stringify(line));
    const failed = told.filter(({ code }) => code === 'evaluation_error').map(({ mode }) => mode);
    assert.deepEqual([...new Set(failed)].sort(), MODES);

    const { spans } = collector;
    for (const span of spans) assert.ok(MODES.includes(modeOf(span) ?? ''), JSON.stringify(span));
    const byId = new Map(spans.map((span) => [span.spanId, span]));
    for (const span of spans) {
      const above = byId.get(span.parentSpanId ?? '');
      if (above !== undefined) assert.equal(modeOf(span), modeOf(above), `${span.name} beneath ${above.name}`);
    }
    const ways = (mode: string): string[] =>
      spans
        .filter((span) => modeOf(span) === mode && span.name === 'turn')
        .map((turn) => {
          const way: string[] = [];
          for (let span: Told | undefined = turn; span !== undefined; span = byId.get(span.parentSpanId ?? ''))
            if (span.name !== 'turn') way.push(span.name);
          return way.join(' < ');
        });
    // Turns of a fork are beneath it: of one that a client asked for beneath its request, too.
    for (const mode of ['query', 'estimate']) {
      const found = new Set(ways(mode));
      assert.ok(found.has('deploy'), mode);
      assert.ok(found.has(`fork < ${mode}`), mode);
    }
    assert.ok(ways('query').includes('directory.list < deploy'), String(ways('query')));
    assert.deepEqual([...new Set(ways('atomic'))], ['deploy']);
  });

  it('each cause of the journal and of a trace has one, and so has each turn and each audited call that is shown', async () => {
    const bench = new Bench();
    const trace = new MemoryTrace();
    const followed: SpanFields[] = [];
    const span = (fields: SpanFields): Span => {
      followed.push(fields);
      return { begin: (_name, more) => span({ mode: fields['mode'] ?? '', ...more }), traceparent: '', end: () => {} };
    };
    const told: (string | undefined)[] = [];
    const journaled: CauseRecord[] = [];
    try {
      const space: Space = await bench.space({
        data: join(directory, 'space'),
        trace,
        follow: (_name, fields) => span(fields),
        onFailure: ({ mode }) => told.push(mode),
      });
      const { engine, store } = internalsOf(space);
      const { journal } = store;
      // Each as it is written, for what is in the rows is forgotten.
      const entries: Uint8Array[] = [];
      const append = journal.append.bind(journal);
      journal.append = (last, entry) => {
        entries.push(entry.slice());
        return append(last, entry);
      };
      const { address } = await bench.serve(space, { auth: BY_NAME });
      await askAll({
        run: async (text, atomic) => (await space.run(text, { atomic })).quiescent(),
        query: (text) => space.query(text),
        estimate: (text) => space.estimate(text),
      });
      await overWire(address.url, 'alice');
      await askAll(rpcOf(address.url, 'alice'));
      await space.run('new box(`rho:powerbox`) in { for (timer <- box!?("timer")) { timer!("after", 1) } }', {
        holder: 'alice',
      });
      await space.quiescent();
      for (const entry of entries)
        journaled.push(
          ...readEntry(entry, engine.terms, (bytes) => engine.names.read(bytes), engine.messages, IDLE_READER),
        );
      for await (const { mode } of space.audit()) assert.equal(mode, 'transaction');
      assert.deepEqual([...new Set(told)].sort(), MODES);
      assert.deepEqual([...new Set(followed.map(({ mode }) => mode))].sort(), MODES);
    } finally {
      await bench.close();
    }
    const modesOf = (causes: readonly { readonly kind: string; readonly mode: string }[], kind: string): string[] =>
      [...new Set(causes.filter((cause) => cause.kind === kind).map(({ mode }) => mode))].sort();
    const turns: { readonly kind: string; readonly mode: string }[] = [];
    for await (const turn of showTrace(trace.bytes())) turns.push(turn);
    for (const causes of [journaled, turns]) {
      for (const { kind, mode } of causes) assert.ok(MODES.includes(mode), kind);
      assert.deepEqual(modesOf(causes, 'fork'), ['atomic']);
      assert.deepEqual(modesOf(causes, 'session-atomic'), ['atomic']);
      assert.deepEqual(modesOf(causes, 'session-forked'), ['estimate', 'query']);
      assert.deepEqual(modesOf(causes, 'deploy'), ['transaction']);
    }
    assert.deepEqual(modesOf(turns, 'task'), ['transaction']);
  });
});
