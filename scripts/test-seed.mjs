/**
 * The dice of the property tests. In CI they are the same each time, so that a commit passes or fails by what it says
 * and not by chance; everywhere else they are thrown anew. `PROPERTY_SEED` says them: a failure prints its seed.
 */
import { createRequire } from 'node:module';

const seed = process.env.PROPERTY_SEED ?? (process.env.CI === 'true' ? '1' : '');
if (seed !== '') {
  // Tests are loaded in the one way or the other, by version of Node and loader, and each has a fast-check of its own.
  const { default: imported } = await import('fast-check');
  const required = createRequire(import.meta.url)('fast-check');
  for (const { configureGlobal } of [imported, required]) configureGlobal({ seed: Number(seed) });
}
