/** Pure functions of strings. */
import assert from 'node:assert/strict';
import { textNative } from '../../resolvers/index.ts';
import { Host } from './host.ts';

describe('text', () => {
  it('upper follows the rules of Unicode', async () => {
    const text = new Host([textNative]).object('text', null);
    assert.equal(await text.call('upper', 'straße, ﬁn'), 'STRASSE, FIN');
  });
});
