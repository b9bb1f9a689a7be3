/** House rule: every bound of `src/limits.ts` is kept by some file of the product; a bound that nobody keeps promises what is not so. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { limits } from '../../src/limits.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const TABLE = 'src/limits.ts';

describe('house: limits', () => {
  it('each is kept by some file of the product', () => {
    const words = new Set<string>();
    for (const folder of ['src', 'resolvers', 'channels']) {
      for (const name of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })) {
        const path = join(folder, name);
        if (!path.endsWith('.ts') || path === TABLE) continue;
        for (const [word] of readFileSync(join(root, path), 'utf8').matchAll(/[a-z]+(?:_[A-Za-z0-9]+)+/g))
          words.add(word);
      }
    }
    assert.deepEqual(
      Object.keys(limits).filter((name) => !words.has(name)),
      [],
    );
  });
});
