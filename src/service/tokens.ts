/**
 * Tokens of the node of a directory, for its operator. Beside the index file the only one of this folder that commands
 * import: whoever signs a token needs neither spaces nor sockets. Must never import what serves.
 */
import { resolve } from 'node:path';
import { realPlatform } from '../platform/index.ts';
import { type AuthOptions, issueToken, rotateSecret, type TokenOptions } from './auth.ts';
import { nodeDirectory, requireDirectory } from './node-directory.ts';

/** A token of the node of `data`, whose secret is made where there is none. */
export async function issueNodeToken(data: string, options: TokenOptions): Promise<string> {
  return issueToken(await keysOf(data), options);
}

export async function rotateNodeSecret(data: string, options: { readonly drop: boolean }): Promise<void> {
  await rotateSecret(await keysOf(data), options);
}

async function keysOf(data: string): Promise<AuthOptions> {
  return { directory: await nodeDirectory(resolve(requireDirectory(data))), platform: realPlatform() };
}
