/**
 * The directory `node` below the data directory of a node: its control socket, and the secret of its tokens. Owns where it
 * is, and that nobody else may enter it.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { PowerboxError } from '../errors.ts';
import { makePlace } from '../store/index.ts';

const NODE = 'node';

/** Refused with `config_invalid` where there is no data directory: a name that was mistyped makes none. */
export function requireDirectory(data: string): string {
  if (existsSync(data)) return data;
  throw new PowerboxError('config_invalid', `there is no node in ${data}: the directory does not exist`, {
    hint: 'powerbox serve makes one.',
  });
}

/** Made where it is not there. */
export async function nodeDirectory(data: string): Promise<string> {
  const directory = join(data, NODE);
  await makePrivate(directory);
  return directory;
}

/** Made where it is not there, for the eyes of its user alone. */
export async function makePrivate(directory: string): Promise<void> {
  await makePlace(directory, false, 0o700);
}
