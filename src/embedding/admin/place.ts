/**
 * The control socket of a data directory: a Unix socket in it, for its owner's eyes only (mode 0600). Who holds the
 * directory listens; everybody else asks there first. A file that a killed process has left answers nobody, and is
 * put out of the way by the next owner.
 *
 * Owns the socket's file. Must never let anybody connect before the mode is right: it is made in a directory that
 * nobody else may enter, and put in its place whole.
 */
import { closeSync, constants, openSync } from 'node:fs';
import { chmod, lstat, mkdir, mkdtemp, rename, rm, symlink } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What the owner of a space is asked on. */
export const SPACE_SOCKET = 'control';

/** A Unix socket's address has room for 107 bytes; some systems have less. */
const ADDRESS_BYTES_MAX = 100;
/** What is left behind is removed like every other file that a crash has left. */
const NEW_PREFIX = '.powerbox-new-';

/** Listens in `directory`; called by who holds it. `tag` tells apart what several processes make at one time. */
export async function listenIn(
  directory: string,
  { name, tag, accept }: { readonly name: string; readonly tag: string; readonly accept: (socket: Socket) => void },
): Promise<Server> {
  const room = join(directory, `${NEW_PREFIX}${tag}`);
  await mkdir(room, { mode: 0o700 });
  const server = createServer({ allowHalfOpen: false }, accept);
  try {
    await within(
      room,
      (short) =>
        new Promise<void>((resolve, reject) => {
          server.once('error', reject);
          server.listen({ path: join(short, 's') }, () => {
            server.off('error', reject);
            resolve();
          });
        }),
    );
    await chmod(join(room, 's'), 0o600);
    await rename(join(room, 's'), join(directory, name));
  } catch (error) {
    server.close();
    throw error;
  } finally {
    await rm(room, { recursive: true, force: true });
  }
  return server;
}

/** Called while the directory is held, so that it is never another owner's socket. */
export async function unlistenIn(directory: string, name: string): Promise<void> {
  await rm(join(directory, name), { force: true });
}

/** Nobody listens there: no file, a file that a killed process has left, or no socket. */
const NOBODY = new Set(['ENOENT', 'ECONNREFUSED', 'ENOTSOCK', 'ENOTDIR', 'ECONNRESET', 'EPIPE']);

/** A connection to who listens in `directory`; null where nobody does. Rejects where one may not connect. */
export async function connectIn(directory: string, name: string): Promise<Socket | null> {
  // A symbolic link could lead to somebody who only pretends to hold this directory.
  const found = await lstat(join(directory, name)).catch(() => null);
  if (found === null || !found.isSocket()) return null;
  try {
    return await within(
      directory,
      (short) =>
        new Promise<Socket>((resolve, reject) => {
          const socket = connect({ path: join(short, name) });
          socket.once('error', reject);
          socket.once('connect', () => {
            socket.off('error', reject);
            resolve(socket);
          });
        }),
    );
  } catch (error) {
    if (NOBODY.has(`${(error as NodeJS.ErrnoException).code}`)) return null;
    throw error;
  }
}

/** The directory by a path that leaves room for a name: by its descriptor, or where there is no such thing by a link. */
async function within<T>(directory: string, use: (path: string) => Promise<T>): Promise<T> {
  if (Buffer.byteLength(directory) <= ADDRESS_BYTES_MAX - NEW_PREFIX.length) return use(directory);
  if (process.platform !== 'linux') return throughLink(directory, use);
  const descriptor = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    return await use(`/proc/self/fd/${descriptor}`);
  } finally {
    closeSync(descriptor);
  }
}

async function throughLink<T>(directory: string, use: (path: string) => Promise<T>): Promise<T> {
  const room = await mkdtemp(join(tmpdir(), 'pb-'));
  try {
    await symlink(directory, join(room, 'd'));
    return await use(join(room, 'd'));
  } finally {
    await rm(room, { recursive: true, force: true });
  }
}

/** Who this process is. */
export function processFacts(): { readonly pid: number; readonly uptime_ms: number } {
  return { pid: process.pid, uptime_ms: Math.round(process.uptime() * 1000) };
}
