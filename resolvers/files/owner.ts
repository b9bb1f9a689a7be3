/**
 * One powerbox at a time changes files beneath a root: what it puts back after a failure may not be on top of
 * another's changes. `.powerbox/owner` names the process that does. A file left by a process that is gone is
 * taken over; that a process is still the same one is told by its start time, where /proc tells it.
 */
import { constants } from 'node:fs';
import { open, readFile, unlink } from 'node:fs/promises';
import { PowerboxError } from '../../src/errors.ts';
import { writeAll } from './record.ts';
import { errnoOf } from './walk.ts';
import type { Folder } from './walk.ts';

const NAME = 'owner';
const ATTEMPTS_MAX = 3;

interface Owner {
  readonly pid: number;
  readonly started: string;
}

export async function takeOwnership(sidecar: Folder, shown: string): Promise<void> {
  const me = JSON.stringify({ pid: process.pid, started: await startOf(process.pid) } satisfies Owner);
  for (let attempt = 1; ; attempt++) {
    try {
      const handle = await open(
        sidecar.at(NAME),
        constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
        0o600,
      );
      try {
        await writeAll(handle, Buffer.from(me), 0);
      } finally {
        await handle.close();
      }
      return;
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST' || attempt === ATTEMPTS_MAX) throw error;
    }
    const owner = await readOwner(sidecar);
    if (owner !== null && (await isAlive(owner))) {
      throw new PowerboxError('storage_locked', `the files beneath ${shown} are in use by process ${owner.pid}`, {
        hint: 'One powerbox at a time may change files beneath a directory. End the other one, or grant another directory.',
      });
    }
    await unlink(sidecar.at(NAME)).catch(() => undefined);
  }
}

export async function leaveOwnership(sidecar: Folder): Promise<void> {
  await unlink(sidecar.at(NAME)).catch(() => undefined);
}

/** Null for what no owner wrote to its end: it died in between. */
async function readOwner(sidecar: Folder): Promise<Owner | null> {
  try {
    const owner = JSON.parse(await readFile(sidecar.at(NAME), 'utf8')) as Partial<Owner>;
    return typeof owner.pid === 'number' && typeof owner.started === 'string' ? (owner as Owner) : null;
  } catch {
    return null;
  }
}

async function isAlive(owner: Owner): Promise<boolean> {
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    // Not ours to signal is alive too.
    return errnoOf(error) !== 'ESRCH';
  }
  const started = await startOf(owner.pid);
  return started !== 'gone' && (started === '' || owner.started === '' || started === owner.started);
}

/** Boot ticks at which a process started; `gone` for one that only waits for its parent; empty where nothing tells. */
async function startOf(pid: number): Promise<string> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The name of the program, in parentheses, may hold anything; the fields are counted from its end.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? 'gone' : (fields[19] ?? '');
  } catch {
    return '';
  }
}
