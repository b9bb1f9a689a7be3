/** HTTP as contracts meet it: through Rholang, the space and its journal, against a real server. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { any, openSpace } from '../../src/index.ts';
import type { FailureReport, PowerSource, Space } from '../../src/index.ts';
import { limits } from '../../src/limits.ts';
import { bodyOf, serve } from '../resolvers/http-support.ts';
import type { Listening } from '../resolvers/http-support.ts';

describe('embedding: http', () => {
  let directory: string;
  const open: { close(): Promise<void> }[] = [];
  const failures: FailureReport[] = [];
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'powerbox-http-'));
    failures.length = 0;
  });
  afterEach(async () => {
    for (const each of open.splice(0).reverse()) await each.close();
    rmSync(directory, { recursive: true, force: true });
  });

  async function listening(answer: RequestListener): Promise<Listening> {
    const server = await serve(answer);
    open.push(server);
    return server;
  }

  async function opened(server: Listening, rest: object = {}): Promise<Space> {
    const methods = ['GET', 'POST', 'PUT'];
    const origins = [{ origin: server.origin, methods, addresses: ['127.0.0.1'], paths: ['/api'], ...rest }];
    const powers = [{ kind: 'http', origins } as PowerSource];
    const space = await openSpace({ data: directory, grants: { powers }, onFailure: (one) => failures.push(one) });
    open.push(space);
    return space;
  }

  it('a contract resolves a URL, posts to it, and reads JSON as values', async () => {
    const server = await listening((request, response) => {
      void bodyOf(request).then((body) => {
        response.writeHead(201, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ got: JSON.parse(body.toString()), by: request.headers['x-by'] }));
      });
    });
    const space = await opened(server);
    await space.run(`new box(\`rho:powerbox\`), http, ret in {
      box!("httpClient", *http) |
      for (client <- http) {
        client!("resolve", "${server.origin}/api/orders", *ret) |
        for (orders <- ret) {
          orders!("post", {"tea": 2}, {"headers": {"x-by": "contract"}, "query": {"q": [1, true]}}, *ret) |
          for (@answer <- ret) { @"out"!(answer.get("status"), answer.get("body"), answer.get("url")) }
        }
      }
    }`);
    const out = await space.consume([{ channel: 'out' }], { limit_ms: 60_000 });
    const url = `${server.origin}/api/orders?q=1&q=true`;
    assert.deepEqual(out, [[201, { got: { tea: 2 }, by: 'contract' }, url]]);
    assert.deepEqual(server.requests, ['POST /api/orders?q=1&q=true']);
    assert.deepEqual(failures, []);
  });

  it('a body of 8 MiB is a blob, once, however often it comes; the journal has its hash. As messages left lying, it is one more', async () => {
    const body = randomBytes(8 * 1024 * 1024);
    const server = await listening((_, response) => response.end(body));
    const space = await opened(server, { response_bytes_max: body.length });
    const ask = (of: Space, channel: string): Promise<unknown> =>
      of.run(`new box(\`rho:powerbox\`) in {
        for (client <- box!?("httpClient"); page <- client!?("resolve", "${server.origin}/api/large"); @answer <- page!?("get")) {
          @"${channel}"!(answer.get("body"))
        }
      }`);
    for (let copy = 0; copy < 2; copy++) {
      await ask(space, 'taken');
      const [taken] = await space.consume([{ channel: 'taken' }], { limit_ms: 60_000 });
      assert.ok(Buffer.from(taken?.[0] as Uint8Array).equals(body));
    }
    await space.quiescent();
    await space.close();
    assert.equal(largeBlobs(body.length), 1);

    const again = await opened(server, { response_bytes_max: body.length });
    for (let copy = 0; copy < 2; copy++) await ask(again, 'kept');
    await again.quiescent();
    await again.close();
    assert.equal(largeBlobs(body.length), 2);
    const last = await openSpace({ data: directory });
    open.push(last);
    for (let copy = 0; copy < 2; copy++)
      assert.ok(Buffer.from((await last.take('kept'))?.[0] as Uint8Array).equals(body));
  });

  /** Blobs that hold a body of this size; besides them the directory is small. */
  function largeBlobs(size_bytes: number): number {
    let [large, others_bytes] = [0, 0];
    for (const file of readdirSync(directory, { recursive: true, withFileTypes: true })) {
      if (!file.isFile() || file.name === 'ballast') continue;
      const { size } = statSync(join(file.parentPath, file.name));
      if (size >= size_bytes && file.parentPath.includes('blobs')) large++;
      else others_bytes += size;
    }
    assert.ok(others_bytes < 1024 * 1024, `${others_bytes} bytes are not in blobs`);
    return large;
  }

  it('what was not granted is an error on the channel of the reply, and a bad status is on STDERR', async () => {
    const server = await listening((_, response) =>
      response.writeHead(404, { 'content-type': 'text/plain' }).end('no'),
    );
    const space = await opened(server);
    await space.run(`new box(\`rho:powerbox\`), ret in {
      for (client <- box!?("httpClient")) {
        for (@error <- client!?("resolve", "${server.origin}/private")) { @"refused"!(error) } |
        for (page <- client!?("resolve", "${server.origin}/api/a")) {
          for (@answer <- page!?("get")) { @"answered"!(answer.get("status"), answer.get("body")) }
        }
      }
    }`);
    assert.deepEqual(await space.consume([{ channel: 'answered' }], { limit_ms: 60_000 }), [[404, 'no']]);
    const [refused] = await space.consume([{ channel: 'refused' }], { limit_ms: 60_000 });
    const [error] = refused as unknown as [{ items: readonly [string, { code: string; message: string }] }];
    assert.match(JSON.stringify(error), /address_refused/);
    const codes = failures.map(({ code, message }) => `${code}: ${message}`);
    assert(codes.includes(`http_status: GET ${server.origin}/api/a answered 404`), codes.join('\n'));
    assert(
      codes.some((text) => text.startsWith('address_refused: ')),
      codes.join('\n'),
    );
  });

  it('a body in chunks is read piece by piece by a contract', async () => {
    const body = 'x'.repeat(300_000);
    const server = await listening((_, response) => response.end(body));
    const space = await opened(server);
    await space.run(`new box(\`rho:powerbox\`), read in {
      contract read(body, @count) = {
        for (@chunk <- body) {
          match chunk { Nil => @"total"!(count) _ => read!(*body, count + chunk.length()) }
        }
      } |
      for (client <- box!?("httpClient")) {
        for (page <- client!?("resolve", "${server.origin}/api/a")) {
          for (@{"body": body, ..._} <- page!?("get", {"as": "chunks", "chunkBytes": 10000})) { read!(body, 0) }
        }
      }
    }`);
    assert.deepEqual(await space.consume([{ channel: 'total' }], { limit_ms: 60_000 }), [[body.length]]);
  });

  it('a body larger than any value is kept as the blobs of its chunks, and is whole after a restart', async () => {
    const body = randomBytes(17 * 1024 * 1024);
    const server = await listening((_, response) => response.end(body));
    const space = await opened(server);
    await space.run(`new box(\`rho:powerbox\`), keep in {
      contract keep(body, @number) = {
        for (@chunk <- body) {
          match chunk { Nil => @"end"!(number) _ => { @"kept"!(number, chunk) | keep!(*body, number + 1) } }
        }
      } |
      for (client <- box!?("httpClient"); page <- client!?("resolve", "${server.origin}/api/a");
           @{"body": body, ..._} <- page!?("get", {"as": "chunks", "chunkBytes": 1048576})) { keep!(body, 0) }
    }`);
    const [end] = await space.consume([{ channel: 'end' }], { limit_ms: 50_000 });
    await space.close();
    const again = await openSpace({ data: directory });
    open.push(again);
    const chunks: Uint8Array[] = [];
    for (let number = 0; number < (end?.[0] as number); number++) {
      const kept = await again.take('kept', { match: [number, any] });
      chunks.push(kept?.[1] as Uint8Array);
    }
    assert.ok(Buffer.concat(chunks).equals(body));
    const large = chunks.filter(({ length }) => length > limits.inline_bytes_max);
    assert.ok(large.length > 0);
    const blobs = readdirSync(directory, { recursive: true, withFileTypes: true }).filter(
      (file) =>
        file.isFile() &&
        file.parentPath.includes('blobs') &&
        statSync(join(file.parentPath, file.name)).size > limits.inline_bytes_max,
    );
    assert.ok(blobs.length >= large.length, `${blobs.length} blobs for ${large.length} chunks`);
  });

  it('requests to one URL run side by side', async () => {
    const waiting: (() => void)[] = [];
    const server = await listening((_, response) => {
      waiting.push(() => response.end());
      if (waiting.length === 8) for (const answer of waiting) answer();
    });
    const space = await opened(server);
    await space.run(`new box(\`rho:powerbox\`) in {
      for (client <- box!?("httpClient")) {
        for (page <- client!?("resolve", "${server.origin}/api/a")) {
          ${Array(8).fill('for (@answer <- page!?("get")) { @"done"!(answer.get("status")) }').join(' | ')}
        }
      }
    }`);
    for (let count = 0; count < 8; count++) {
      assert.deepEqual(await space.consume([{ channel: 'done' }], { limit_ms: 60_000 }), [[200]]);
    }
  });

  it('the channel of a URL is as good after a restart as before; a body that was arriving ends with an error', async () => {
    const server = await listening((request, response) => {
      if (request.url === '/api/endless') response.write('begin');
      else response.writeHead(200, { 'content-type': 'text/plain' }).end('hello');
    });
    const first = await opened(server);
    await first.run(`new box(\`rho:powerbox\`) in {
      for (client <- box!?("httpClient")) {
        for (page <- client!?("resolve", "${server.origin}/api/a")) { @"kept"!(*page) } |
        for (endless <- client!?("resolve", "${server.origin}/api/endless")) {
          for (@{"body": body, ..._} <- endless!?("get", {"as": "chunks"})) {
            for (@chunk <- @body) { @"began"!(chunk.length()) | for (@next <- @body) { @"ended"!(next) } }
          }
        }
      }
    }`);
    assert.deepEqual(await first.consume([{ channel: 'began' }], { limit_ms: 60_000 }), [[5]]);
    await first.close();
    const second = await opened(server);
    await second.run('for (page <- @"kept") { for (@answer <- page!?("get")) { @"out"!(answer.get("body")) } }');
    assert.deepEqual(await second.consume([{ channel: 'out' }], { limit_ms: 60_000 }), [['hello']]);
    const ended = await second.consume([{ channel: 'ended' }], { limit_ms: 60_000 });
    assert.match(JSON.stringify(ended), /interrupted/);
  });

  it('secrets of the operator are in no journal and no report', async () => {
    const seen: unknown[] = [];
    const server = await listening((request, response) => {
      seen.push(request.headers['authorization']);
      response.writeHead(500).end();
    });
    const space = await opened(server, { headers: { authorization: 'Bearer s3cr3t' } });
    await space.run(`new box(\`rho:powerbox\`) in {
      for (client <- box!?("httpClient")) {
        for (page <- client!?("resolve", "${server.origin}/api/a")) {
          for (@answer <- page!?("get")) { @"out"!(answer) }
        }
      }
    }`);
    const out = await space.consume([{ channel: 'out' }], { limit_ms: 60_000 });
    await space.close();
    assert.deepEqual(seen, ['Bearer s3cr3t']);
    assert(!JSON.stringify([out, failures]).includes('s3cr3t'));
    const { execFileSync } = await import('node:child_process');
    assert.throws(() => execFileSync('grep', ['-r', '-l', 's3cr3t', directory]), { status: 1 });
  });
});
