/**
 * What file natives act under, and in which words they answer a failure. A handle is the grant's id and the path
 * below its root, so it needs no open descriptor, is the same after a restart, and ends with its grant.
 */
import { PowerboxError, isPowerboxError } from '../../src/errors.ts';
import { readFileHandle } from '../../src/capability/index.ts';
import type { Value } from '../../src/values/index.ts';
import type { NativeAnswer } from '../../src/natives/index.ts';
import { failedMachine, ReadFailed } from './machine.ts';
import { refusePath } from './path.ts';
import { cannotTell } from './tree.ts';
import type { FileTree, Outcome } from './tree.ts';
import type { Allotment } from './usage.ts';
import { errnoOf } from './walk.ts';

export interface FileGrant {
  readonly tree: FileTree;
  /** Two grants may share one tree, and one of them be for reading only. */
  readonly readOnly: boolean;
  /** Parts of the directory below the root at which the grant begins; it reaches nothing beside it. */
  readonly below: readonly string[];
  readonly allotted: Allotment;
}

/** Grants by id. The natives look one up at each call: what is taken away is gone at once. */
export interface FileGrants {
  get(id: string): FileGrant | undefined;
  values(): Iterable<FileGrant>;
}

export interface Place extends FileGrant {
  readonly grant: string;
  /** Parts below the root; empty for the root itself. */
  readonly path: readonly string[];
}

export function placeOf(grants: FileGrants, handle: Value): Place {
  const { grant, path } = readFileHandle(handle);
  const found = grants.get(grant);
  if (found === undefined) {
    throw new PowerboxError(
      'not_available',
      `the grant ${JSON.stringify(grant)} that this channel came from is not there any more`,
    );
  }
  // The grant may have been narrower since this channel was made.
  if (found.below.some((part, index) => path[index] !== part)) {
    throw new PowerboxError(
      'not_available',
      `the grant ${JSON.stringify(grant)} that this channel came from does not reach so far any more`,
    );
  }
  return { ...found, grant, path };
}

export function requireWritable(place: Place): void {
  if (place.readOnly)
    throw new PowerboxError('not_available', `the grant ${JSON.stringify(place.grant)} is for reading only`);
}

/** Runs a call; what it refused or what the disk refused is its answer. Anything else is a bug and goes on. */
export async function answering(path: string, run: () => Promise<NativeAnswer>): Promise<NativeAnswer> {
  try {
    return await run();
  } catch (error) {
    return { error: failure(error, path) };
  }
}

/** As `answering`, for a call that changes something: what the machine fails has taken the node out of service. */
export function changing(path: string, run: () => Promise<void>): Promise<NativeAnswer> {
  return answering(path, async () => {
    try {
      await run();
    } catch (error) {
      if (failedMachine(error) === null) throw error;
      const { code, message } = failure(error, path);
      throw new PowerboxError(code, `${message}; the node is out of service`, { cause: error });
    }
    return { ok: null };
  });
}

/** An effect does not say beneath which root it was; a root that never heard of it passes it over. */
export async function forgetEverywhere(grants: FileGrants, effectIds: readonly Uint8Array[]): Promise<void> {
  const trees = new Set([...grants.values()].map(({ tree }) => tree));
  await Promise.all([...trees].map((tree) => tree.forget(effectIds)));
}

/** What became of a change. Of one under a grant that is gone, only that can be said. */
export async function askTree(
  grants: FileGrants,
  handle: Value,
  effectId: Uint8Array,
): Promise<NativeAnswer | 'not_applied'> {
  let place: Place;
  try {
    place = placeOf(grants, handle);
  } catch (error) {
    return { error: failure(error, '') };
  }
  return outcomeAnswer(place.tree.ask(effectId));
}

async function outcomeAnswer(asked: Promise<Outcome>): Promise<NativeAnswer | 'not_applied'> {
  switch (await asked) {
    case 'applied':
      return { ok: null };
    case 'not_applied':
      return 'not_applied';
    case 'unknown': {
      const { code, message } = cannotTell();
      return { error: { code, message } };
    }
  }
}

/** Errors of the disk in the words of a contract: its own path, never the host's. */
function failure(error: unknown, path: string): { code: PowerboxError['code']; message: string } {
  if (isPowerboxError(error)) return { code: error.code, message: error.message };
  if (error instanceof ReadFailed) {
    const { code, message } = failure(error.cause, path);
    return { code, message: `${message}, after ${error.attempts} attempts` };
  }
  const shown = path === '' ? 'the directory' : JSON.stringify(path);
  const errno = errnoOf(error);
  switch (errno) {
    case 'ENOENT':
      return {
        code: 'file_not_found',
        message: `there is nothing at ${shown}, or a directory on the way to it is missing`,
      };
    case 'EEXIST':
      return { code: 'file_exists', message: `something stands at ${shown} already` };
    case 'ELOOP': {
      const refused = refusePath('link', path);
      return { code: refused.code, message: refused.message };
    }
    default:
      if (!/^E[A-Z0-9]+$/.test(errno)) throw error;
      return { code: 'file_failed', message: `${shown}: the file system answered ${errno}${WORDS[errno] ?? ''}` };
  }
}

const WORDS: Readonly<Record<string, string>> = {
  ENOSPC: ' (the disk is full)',
  EDQUOT: ' (the quota of the disk is used up)',
  EACCES: ' (the powerbox itself has no permission)',
  EPERM: ' (the powerbox itself has no permission)',
  EROFS: ' (the file system is read-only)',
  ENOTDIR: ' (a part of the path is not a directory)',
  EISDIR: ' (it is a directory)',
  EINVAL: ' (a directory cannot be moved into itself)',
  EIO: ' (the disk failed)',
  EFBIG: ' (the file would be too large)',
};
