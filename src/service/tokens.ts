/**
 * Tokens of the node of a directory, for its operator. Beside the index file the only one of this folder that commands
 * import: whoever signs a token needs neither spaces nor sockets. Must never import what serves.
 */
import { resolve } from 'node:path';
import { realPlatform } from '../platform/index.ts';
import { type AuthOptions, issueToken, rotateSecret, type TokenOptions } from './auth.ts';
import { nodeDirectory, requireDirectory } from './node-directory.ts';
import { isSpace, MAIN_SPACE, requireSpaceName } from './space-places.ts';

/** A token of the node of `data`, whose secret is made where there is none. Refused with `usage` for what is no name of a space. */
export async function issueNodeToken(data: string, options: TokenOptions): Promise<string> {
  for (const name of options.spaces ?? []) requireSpaceName(name);
  return issueToken(await keysOf(data), options);
}

/** Of these spaces those that the node does not have: a token lets nobody in there before they are made. */
export function spacesMissing(data: string, names: readonly string[]): readonly string[] {
  return names.filter((name) => name !== MAIN_SPACE && !isSpace(resolve(data), name));
}

export async function rotateNodeSecret(data: string, options: { readonly drop: boolean }): Promise<void> {
  await rotateSecret(await keysOf(data), options);
}

async function keysOf(data: string): Promise<AuthOptions> {
  return { directory: await nodeDirectory(resolve(requireDirectory(data))), platform: realPlatform() };
}
