/** Answers on the channels of directories. Holds nothing but the grants; every call walks from its root. */
import type { BigIntStats } from 'node:fs';
import { opendir } from 'node:fs/promises';
import { directory, file } from '../channels/index.ts';
import { fileHandle } from '../src/capability/index.ts';
import { PowerboxError } from '../src/errors.ts';
import { limits } from '../src/limits.ts';
import { NewObject } from '../src/natives/index.ts';
import type { Native, NativeAnswer, NativeCall } from '../src/natives/index.ts';
import type { Value } from '../src/values/index.ts';
import { map } from '../src/values/index.ts';
import { makeDirectory, missing, removeEntry, renameEntry } from './files/change.ts';
import { answering, askTree, changing, forgetEverywhere, placeOf, requireWritable } from './files/grant.ts';
import type { FileGrants, Place } from './files/grant.ts';
import { isReserved, parsePath } from './files/path.ts';
import { look, within } from './files/walk.ts';
import type { Entry, Root } from './files/walk.ts';

export function directoryNative(grants: FileGrants): Native {
  return {
    declaration: directory,
    call: (call) => answering(shownPath(call), () => answer(placeOf(grants, call.handle), call)),
    ask: (call) => askTree(grants, call.handle, call.effectId),
    forget: (effectIds) => forgetEverywhere(grants, effectIds),
  };
}

async function answer(place: Place, call: NativeCall): Promise<NativeAnswer> {
  const { tree, allotted } = place;
  const paths = call.args.map((arg) => parsePath(place.path, arg as string));
  const [first = place.path, second = place.path] = paths;
  switch (call.method) {
    case 'resolve':
      return { ok: await tree.read((root) => resolve(root, place, first), call) };
    case 'list':
      return { ok: await tree.read((root) => list(root, place.path), call) };
    case 'stat':
      return { ok: await tree.read((root) => stat(root, first), call) };
    case 'freeSpace':
      return { ok: await freeSpace(place) };
    case 'mkdir':
      requireWritable(place);
      return changing(first.join('/'), () => tree.change(call, allotted, (desk, id) => makeDirectory(desk, id, first)));
    case 'remove':
      requireWritable(place);
      return changing(first.join('/'), () => tree.change(call, allotted, (desk, id) => removeEntry(desk, id, first)));
    case 'rename':
      requireWritable(place);
      return changing(first.join('/'), () =>
        tree.change(call, allotted, (desk, id) => renameEntry(desk, id, first, second)),
      );
    default:
      throw new Error(`directory has no method ${call.method}`);
  }
}

/** A file that is not there yet is a channel too, so that a first write can make it. */
async function resolve(root: Root, place: Place, path: readonly string[]): Promise<NewObject> {
  const entry = await entryAt(root, path);
  const handle = fileHandle(place.grant, path);
  return entry?.kind === 'directory' ? new NewObject(directory.name, handle) : new NewObject(file.name, handle, 0);
}

async function list(root: Root, path: readonly string[]): Promise<Value> {
  const entries: [string, Value][] = [];
  await within(root, path, async (folder) => {
    for await (const entry of await opendir(folder.at('.'))) {
      if (isReserved(entry.name)) continue;
      if (entries.length === limits.directory_entries_max) {
        throw new PowerboxError(
          'quota_exceeded',
          `the directory has more than ${limits.directory_entries_max} entries`,
        );
      }
      entries.push([entry.name, entry.isFile() ? 'file' : entry.isDirectory() ? 'directory' : 'other']);
    }
  });
  return map(entries);
}

async function stat(root: Root, path: readonly string[]): Promise<Value> {
  if (path.length === 0) return statValue('directory', await root.folder.handle.stat({ bigint: true }));
  const entry = await entryAt(root, path);
  if (entry === null) throw missing(path.join('/'));
  return statValue(entry.kind, entry.stat);
}

function statValue(kind: string, stat: BigIntStats): Value {
  return map([
    ['kind', kind],
    ['modified_ms', Number(stat.mtimeMs)],
    ['size', Number(stat.size)],
  ]);
}

async function freeSpace({ tree, allotted }: Place): Promise<Value> {
  const used = await tree.usage();
  const free = (bound: number | null, taken: number | undefined): number | null =>
    bound === null || taken === undefined ? null : Math.max(0, bound - taken);
  return map([
    ['allotted', allotted.bytes],
    ['used', used?.bytes ?? null],
    ['free', free(allotted.bytes, used?.bytes)],
    ['disk_free', await tree.diskFree_bytes()],
    ['entries_allotted', allotted.entries],
    ['entries_used', used?.entries ?? null],
    ['entries_free', free(allotted.entries, used?.entries)],
  ]);
}

function entryAt(root: Root, path: readonly string[]): Promise<Entry | null> {
  const name = path[path.length - 1] ?? '';
  return within(root, path.slice(0, -1), (folder) => look(root, folder, name, path.join('/')));
}

function shownPath(call: NativeCall): string {
  return typeof call.args[0] === 'string' ? call.args[0] : '';
}
