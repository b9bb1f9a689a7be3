/**
 * What commands do their work with, loaded when one does it. Everything but the version, the help and what is wrong with a
 * command line is nine tenths of the time in which a process starts; so no file of this folder imports any of it but for
 * its types.
 */
import { setEngine } from './engine-settings.ts';

export function publicApi(): Promise<typeof import('../index.ts')> {
  return forWork(import('../index.ts'));
}

async function forWork<T>(loading: Promise<T>): Promise<T> {
  const loaded = await loading;
  setEngine();
  return loaded;
}

type Configurations = typeof import('../capability/index.ts') & typeof import('../embedding/configured.ts');

/** What checks a configuration, and opens nothing. */
export async function configurations(): Promise<Configurations> {
  return { ...(await import('../capability/index.ts')), ...(await import('../embedding/configured.ts')) };
}

export function nodeService(): Promise<typeof import('../service/index.ts')> {
  return forWork(import('../service/index.ts'));
}

/** What signs tokens, and serves nobody. */
export function nodeTokens(): Promise<typeof import('../service/tokens.ts')> {
  return import('../service/tokens.ts');
}
