/**
 * The file `secret` of a node, for its user's eyes only. Owns reading and placing it; what is in it is known to `auth.ts`.
 * Must never give it to anybody else, nor take one that anybody else may read.
 */
import { link, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { PowerboxError } from '../errors.ts';

const SECRET_FILE = 'secret';
const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

/** Tells one version of the file from another. */
export interface SecretStamp {
  readonly inode: number;
  readonly changed_ms: number;
}

/** Null where there is none. Refused with `config_invalid` where others may read it. */
export async function readSecret(directory: string): Promise<string | null> {
  const path = join(directory, SECRET_FILE);
  const found = await stat(path).catch(absent);
  if (found === null) return null;
  if ((found.mode & 0o077) !== 0) {
    throw new PowerboxError('config_invalid', `others may read ${path}, with which tokens are signed`, {
      hint: `chmod 600 ${path}; and when somebody may have read it: powerbox token rotate --drop`,
    });
  }
  return readFile(path, 'utf8');
}

/** Puts it in its place whole; with `create` one that is there stays. Resolves with the text that is there then. */
export async function placeSecret(directory: string, text: string, kind: 'create' | 'replace'): Promise<string> {
  const path = join(directory, SECRET_FILE);
  const temporary = `${path}.${process.pid}`;
  const file = await open(temporary, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  try {
    if (kind === 'replace') await rename(temporary, path);
    else await link(temporary, path);
    return text;
  } catch (error) {
    const code = `${(error as NodeJS.ErrnoException).code}`;
    // A file system without hard links: of two that make it at one time the last one's stays.
    if (NO_LINKS.has(code)) return placeSecret(directory, text, 'replace');
    if (code !== 'EEXIST') throw error;
    return (await readSecret(directory)) ?? text;
  } finally {
    await rm(temporary, { force: true });
  }
}

/** The stamp of the file now; null where it is as it was. */
export async function secretChanged(directory: string, before: SecretStamp | null): Promise<SecretStamp | null> {
  const { ino: inode, ctimeMs: changed_ms } = await stat(join(directory, SECRET_FILE));
  return before !== null && before.inode === inode && before.changed_ms === changed_ms ? null : { inode, changed_ms };
}

/** The text of a key that an operator names. */
export async function readKeyFile(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new PowerboxError('config_invalid', `${path} cannot be read: ${error.code ?? error.message}`, {
      cause: error,
    });
  });
}

function absent(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null;
  throw error;
}
