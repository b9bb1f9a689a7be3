/**
 * What commands do their work with, loaded when one does it. Everything but the version, the help and what is wrong with a
 * command line is nine tenths of the time in which a process starts; so no file of this folder imports any of it but for
 * its types.
 */

import { setEngine } from './engine-settings.ts';

export async function publicApi(): Promise<typeof import('../index.ts')> {
  const api = await import('../index.ts');
  setEngine();
  return api;
}

type Configurations = typeof import('../capability/index.ts') & typeof import('../embedding/configured.ts');

/** What checks a configuration, and opens nothing. */
export async function configurations(): Promise<Configurations> {
  return { ...(await import('../capability/index.ts')), ...(await import('../embedding/configured.ts')) };
}

export async function nodeService(): Promise<typeof import('../service/index.ts')> {
  const service = await import('../service/index.ts');
  setEngine();
  return service;
}

/** What signs tokens, and serves nobody. */
export function nodeTokens(): Promise<typeof import('../service/tokens.ts')> {
  return import('../service/tokens.ts');
}
