/** Documents of the operator: only those that were granted, and only as long as the grant stands. */
import assert from 'node:assert/strict';
import { powerHandle } from '../../src/capability/index.ts';
import { list, map } from '../../src/values/index.ts';
import { ConfigResolver } from '../../resolvers/config.ts';
import { Host } from './host.ts';
import type { TestObject } from './host.ts';

describe('documents of the operator', () => {
  const shop = map([['tea', 2]]);
  const DOCUMENTS = new Map([
    ['shop', { value: shop, hash: 'ab' }],
    ['other', { value: 'text', hash: 'cd' }],
  ]);

  function granted(documents: readonly string[]): { readonly config: TestObject; readonly resolver: ConfigResolver } {
    const resolver = new ConfigResolver(DOCUMENTS);
    resolver.grant('h/config', { kind: 'config', name: 'config', documents: [...documents] });
    return { resolver, config: new Host(resolver.natives).object('config', powerHandle('h/config')) };
  }

  it('are answered with their hash, and listed in order', async () => {
    const { config } = granted(['shop', 'other']);
    assert.equal(await config.call('get', 'shop'), shop);
    assert.equal(await config.call('get', 'other'), 'text');
    assert.equal(await config.call('hash', 'shop'), 'ab');
    assert.deepEqual(await config.call('list'), list(['other', 'shop']));
  });

  it('that were not granted, or are not there, are answered not_available alike', async () => {
    const { config } = granted(['shop', 'gone']);
    for (const name of ['other', 'gone', 'none', '__proto__', ''])
      for (const method of ['get', 'hash'])
        assert.equal(
          await config.refusal(method, name),
          `not_available: no document ${JSON.stringify(name)} was granted here; "shop" may be read`,
        );
    assert.deepEqual(await config.call('list'), list(['shop']));
    assert.match(await granted([]).config.refusal('get', 'shop'), /none is$|none/);
  });

  it('end with their grant', async () => {
    const { config, resolver } = granted(['shop']);
    resolver.revoke('h/config');
    for (const [method, ...args] of [['get', 'shop'], ['hash', 'shop'], ['list']] as const)
      assert.match(await config.refusal(method, ...args), /^not_available: the grant "h\/config"/);
  });
});
