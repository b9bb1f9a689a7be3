/** Files and directories beneath a grant, as a contract sees them; on a real file system. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { grantFiles, textOf } from './host.ts';
import type { Granted } from './host.ts';

describe('files', () => {
  let granted: Granted;
  beforeEach(async () => {
    granted = await grantFiles();
  });
  afterEach(() => granted.close());

  it('a whole file that is written is read again, and stands on the disk', async () => {
    const file = await granted.file('a.txt');
    assert.equal(await file.call('write', 'hello'), null);
    assert.equal(textOf(await file.call('readAll')), 'hello');
    assert.equal(await file.call('readAll', 'utf8'), 'hello');
    assert.equal(await readFile(join(granted.directory, 'a.txt'), 'utf8'), 'hello');
    assert.equal(await file.call('size'), 5);
  });

  it('read moves the position of its own channel only', async () => {
    await (await granted.file('a')).call('write', 'abcdef');
    const one = await granted.file('a');
    const other = await granted.file('a');
    assert.equal(textOf(await one.call('read', 2)), 'ab');
    assert.equal(textOf(await one.call('read', 2)), 'cd');
    assert.equal(textOf(await other.call('read', 4)), 'abcd');
    assert.equal(textOf(await one.call('read', 9)), 'ef');
    assert.equal(textOf(await one.call('read', 9)), '');
    assert.equal(textOf(await one.call('readAt', 1, 2)), 'bc');
  });
});
