/** Laws of the audit in whole spaces: every call that is more than computing has one row, and it gives nothing away. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type AuditOptions,
  type AuditRecord,
  isPowerboxError,
  openSpace,
  type OpenOptions,
  type Space,
} from '../../src/index.ts';
import { encodeValue, list } from '../../src/values/index.ts';

const CHILD = fileURLToPath(new URL('./audit-child.ts', import.meta.url));

function withFile(name: string, body: string): string {
  return `new box(\`rho:powerbox\`) in { for (d <- box!?("fileSystem"); f <- d!?("resolve", "${name}")) { ${body} } }`;
}

describe('embedding: the audit', () => {
  let directory: string;
  let root: string;
  const opened: Space[] = [];
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'powerbox-audit-'));
    root = join(directory, 'files');
    mkdirSync(root);
  });
  afterEach(async () => {
    for (const space of opened.splice(0)) await space.close();
    rmSync(directory, { recursive: true, force: true });
  });

  async function open(options: OpenOptions = {}): Promise<Space> {
    const space = await openSpace({ grants: { files: root }, onFailure: () => {}, ...options });
    opened.push(space);
    return space;
  }

  async function rows(space: Space, options?: AuditOptions): Promise<AuditRecord[]> {
    const all: AuditRecord[] = [];
    for await (const row of space.audit(options)) all.push(row);
    return all;
  }

  const kept = (): string => join(directory, 'space');

  it('has one row for each call, with who, under which grant, what, when and how it ended', async () => {
    const space = await open();
    const before_ms = Date.now();
    const { id } = await space.run(withFile('a', 'for (_ <- f!?("append", "tea"); _ <- f!?("readAll")) { Nil }'));
    await space.quiescent();
    const [holder] = space.holders();
    const found = await rows(space);
    assert.deepEqual(
      found.map(({ native, method, result }) => [native, method, result]),
      [
        ['directory', 'resolve', 'ok'],
        ['file', 'append', 'ok'],
        ['file', 'readAll', 'ok'],
      ],
    );
    for (const [index, row] of found.entries()) {
      const { deploy, grant, capability, number, time, duration_ms, bytes } = row;
      const files = `${holder?.name}/files`;
      assert.deepEqual([deploy, row.holder, grant, capability, number], [id, holder?.name, files, files, index]);
      assert(Date.parse(time) >= before_ms - 1 && Date.parse(time) <= Date.now() && duration_ms >= 0 && bytes > 0);
    }
    const append = found[1] as AuditRecord;
    const digest = createHash('sha256')
      .update(encodeValue(list(['tea'])))
      .digest('hex');
    assert.equal(append.digest, digest);
    assert.match(String(append.effect), /^[0-9a-f]{64}$/);
    assert.equal(found[2]?.effect, null);
  });

  it('tells the code of a call that failed, and names what was handed on by what it was derived from', async () => {
    const space = await open();
    await space.run(
      withFile(
        'a',
        'for (less <- f!?("readOnly"); @x <- less!?("append", "x"); @y <- less!?("readAll")) { @"told"!(y) }',
      ),
    );
    await space.quiescent();
    const found = await rows(space, { method: 'file.readAll' });
    assert.deepEqual(
      found.map(({ result }) => result),
      ['file_not_found'],
    );
    const [row] = found as [AuditRecord];
    assert.match(row.capability, /^~/);
    assert.equal(row.grant, `${row.holder}/files`);
  });

  it('has a row for each call that a capability refuses, also of a method that only computes, durable with its answer', async () => {
    const space = await open({ data: kept(), grants: { files: root, powers: [{ kind: 'crypto' }] } });
    await space.run(`new box(\`rho:powerbox\`), told in {
      for (c <- box!?("crypto"); less <- c!?("restrict", []); one <- c!?("count", 1);
           @a <- less!?("sha256", "ab".hexToBytes()); @b <- one!?("sha256", "ab".hexToBytes());
           @d <- one!?("sha256", "ab".hexToBytes())) { told!(a, b, d) }
    }`);
    await space.run(withFile('a', 'for (less <- f!?("readOnly"); @x <- less!?("append", "s3cret")) { @"told"!(x) }'));
    await space.quiescent();
    const refused = (row: AuditRecord): readonly unknown[] => [
      row.native,
      row.method,
      row.result,
      row.duration_ms >= 0,
    ];
    const before = (await rows(space)).filter(({ result }) => result !== 'ok').map(refused);
    assert.deepEqual(before, [
      ['crypto', 'sha256', 'not_permitted', true],
      ['crypto', 'sha256', 'expired', true],
      ['file', 'append', 'not_permitted', true],
    ]);
    await space.close();
    const again = await open({ data: kept(), grants: { files: root, powers: [{ kind: 'crypto' }] } });
    assert.deepEqual((await rows(again)).filter(({ result }) => result !== 'ok').map(refused), before);
  });

  it('holds nothing of what was said: no argument, no result, no name', async () => {
    const space = await open();
    await space.run(
      withFile('s3cret-path', 'for (_ <- f!?("append", "s3cret-text"); @t <- f!?("readAll")) { @"s3cret-name"!(t) }'),
    );
    await space.quiescent();
    const text = JSON.stringify(await rows(space));
    assert.match(text, /append/);
    assert.doesNotMatch(text, /s3cret/);
  });

  it('is read by holder, grant, method, time and number', async () => {
    const space = await open();
    await space.run(
      withFile('a', 'for (_ <- f!?("append", "1"); _ <- f!?("append", "2"); _ <- f!?("readAll")) { Nil }'),
    );
    await space.quiescent();
    const all = await rows(space);
    const { holder, grant } = all[0] as AuditRecord;
    const numbers = async (options: AuditOptions): Promise<number[]> =>
      (await rows(space, options)).map(({ number }) => number);
    assert.deepEqual(await numbers({ holder, grant, method: 'append' }), [1, 2]);
    assert.deepEqual(await numbers({ method: 'append', limit: 1 }), [2]);
    assert.deepEqual(await numbers({ limit: 2 }), [2, 3]);
    assert.deepEqual(await numbers({ limit: 0 }), []);
    assert.deepEqual(await numbers({ holder: 'nobody' }), []);
    assert.deepEqual(await numbers({ grant: `${grant}x` }), []);
    assert.deepEqual(await numbers({ since_ms: Date.now() + 60_000 }), []);
    assert.deepEqual(await numbers({ since_ms: Date.parse(all[0]?.time ?? '') }), [0, 1, 2, 3]);
    for (const wrong of [{ limit: -1 }, { limit: 1.5 }, { since_ms: Number.NaN }])
      assert.throws(
        () => space.audit(wrong),
        (error) => isPowerboxError(error) && error.code === 'bad_request',
      );
  });

  it('is followed live: a row comes when its call is durable, and the loop ends when the space closes', async () => {
    const space = await open();
    const seen: string[] = [];
    let tell: () => void = () => {};
    const read = new Promise<void>((resolve) => (tell = resolve));
    const following = (async () => {
      for await (const { method } of space.audit({ follow: true })) {
        seen.push(method);
        if (method === 'readAll') tell();
      }
    })();
    await space.run(withFile('a', 'for (_ <- f!?("append", "1"); _ <- f!?("readAll")) { Nil }'));
    await read;
    assert.deepEqual(seen, ['resolve', 'append', 'readAll']);
    await space.close();
    await following;
    await assert.rejects(rows(space), (error) => isPowerboxError(error) && error.code === 'space_closed');
  });

  it('a loop that is left follows no longer', async () => {
    const space = await open();
    const left = (async () => {
      for await (const { method } of space.audit({ follow: true })) if (method === 'resolve') return method;
      return null;
    })();
    await space.run(withFile('a', 'Nil'));
    assert.equal(await left, 'resolve');
  });

  it('goes on over restarts, and drops what is too much or too old', async () => {
    const program = withFile(
      'a',
      'for (_ <- f!?("append", "1"); _ <- f!?("append", "2"); _ <- f!?("readAll")) { Nil }',
    );
    for (let count = 0; count < 3; count++) {
      const space = await open({ data: kept() });
      await space.run(program);
      await space.quiescent();
      assert.deepEqual(
        (await rows(space)).map(({ number }) => number),
        Array.from({ length: (count + 1) * 4 }, (_, index) => index),
      );
      await space.close();
    }
    const fewer = await open({ data: kept(), audit: { bytes_max: 400 } });
    const left = (await rows(fewer)).map(({ number }) => number);
    assert(left.length > 0 && left.length < 8, String(left.length));
    assert.equal(left.at(-1), 11);
    await fewer.close();
    await new Promise((resolve) => setTimeout(resolve, 5));
    const none = await open({ data: kept(), audit: { age_ms_max: 1 } });
    assert.deepEqual(await rows(none), []);
    await none.run(program);
    await none.quiescent();
    assert.equal((await rows(none))[0]?.number, 12);
  });

  it('a retention that keeps nothing, or for ever, is refused', async () => {
    for (const audit of [{ bytes_max: 0 }, { age_ms_max: 1.5 }, { bytes_max: 2 ** 50 }, { age_ms_max: Infinity }])
      await assert.rejects(
        openSpace({ audit }),
        (error) => isPowerboxError(error) && error.code === 'config_invalid' && /audit\./.test(error.message),
      );
  });

  it('over a real kill: as many changes on record as were made, and each that was heard of is there at once', async function () {
    this.timeout(300_000);
    const child = spawn(process.execPath, ['--import', 'tsx', CHILD, kept(), root], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    let text = '';
    await new Promise<void>((resolve, reject) => {
      child.stdout.setEncoding('utf8').on('data', (more: string) => {
        text += more;
        if (text.split('\n').length > 10 && child.kill('SIGKILL')) resolve();
      });
      child.on('exit', (code) => reject(new Error(`it ended by itself: ${code}`)));
    });
    await new Promise((resolve) => child.once('close', resolve));
    const heard = text.split('\n').length - 1;
    const look = await open({ data: kept(), unfinished: 'hold' });
    const before = await rows(look, { method: 'file.append' });
    assert(before.length >= heard, `${before.length} rows of ${heard} changes that were heard of`);
    await look.close();
    const space = await open({ data: kept() });
    await space.quiescent();
    const after = await rows(space, { method: 'file.append' });
    assert.equal(after.length, 80);
    assert.equal(readFileSync(join(root, 'log'), 'utf8'), 'line\n'.repeat(80));
    assert.equal(new Set(after.map(({ effect }) => effect)).size, 80);
    assert.deepEqual(after.slice(0, before.length), before);
  });
});
