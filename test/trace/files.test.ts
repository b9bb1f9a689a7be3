/** Traces as files: none is written over, and none is left behind by a space that did not open. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSpace } from '../../src/embedding/index.ts';
import { replays } from './support.ts';

describe('the file of a trace', () => {
  let directory = '';
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'powerbox-trace-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it('is gone when the space could not be opened, and there when it could', async () => {
    const data = join(directory, 'space');
    const trace = join(directory, 'one.trace');
    const left = await openSpace({ data, unfinished: 'hold', onFailure: () => {} });
    // Nobody answers there, so the deploy waits for a runner.
    await left.run('new late(`native:late`) in { late!("hello") }', { name: 'late.rho' }).catch(() => undefined);
    await left.run('@"a"!(1) | for (@x <- @"a") { @"b"!(x) }', { name: 'left.rho' });
    await left.close();
    await assert.rejects(openSpace({ data, trace, unfinished: 'refuse' }), { code: 'unfinished_work' });
    assert.equal(existsSync(trace), false);
    const opened = await openSpace({ data, trace });
    await opened.quiescent();
    assert.deepEqual(await opened.take('b'), [1]);
    await opened.close();
    await replays(new Uint8Array(readFileSync(trace)));
  });

  it('that was there before stays as it is', async () => {
    const trace = join(directory, 'mine');
    writeFileSync(trace, 'something of mine');
    await assert.rejects(openSpace({ trace }), { code: 'config_invalid', message: /it is there already/ });
    assert.equal(readFileSync(trace, 'utf8'), 'something of mine');
  });
});
