/**
 * How the objects of a powerbox are written down in the space. A handle is all that a native knows of the
 * object it is called on: it names the grant, and nothing that a program says can change it.
 */
import { Kind, list, map } from '../values/index.ts';
import type { MapValue, Value } from '../values/index.ts';

/** A directory or file: the id of its grant and the parts of its path below the granted root. */
export function fileHandle(grant: string, path: readonly string[]): Value {
  return list([grant, ...path]);
}

export interface FileReference {
  readonly grant: string;
  readonly path: readonly string[];
}

export function readFileHandle(handle: Value): FileReference {
  if (handle === null || typeof handle !== 'object' || handle.kind !== Kind.List || !handle.items.every(isString)) {
    throw new Error('the handle of a file must be a list of strings');
  }
  const [grant = '', ...path] = handle.items as readonly string[];
  return { grant, path };
}

/** A standard stream under its grant; text, so that its calls are told apart from others' at no cost. */
export function streamHandle(grant: string, stream: string): Value {
  return `${stream} ${grant}`;
}

export function readStreamHandle(handle: Value): { readonly grant: string; readonly stream: string } {
  if (typeof handle !== 'string') throw new Error('the handle of a stream must be a string');
  const space = handle.indexOf(' ');
  return { stream: handle.slice(0, space), grant: handle.slice(space + 1) };
}

/** What a system process hands out, by method, and its directories by name in the order of their granting. */
export interface SystemReference {
  readonly holder: string;
  readonly streams: ReadonlyMap<'stdout' | 'stderr' | 'stdin', Value>;
  readonly files: readonly (readonly [string, Value])[];
}

/** The channels stand in the handle itself, so what it hands out needs no look into anything outside. */
export function systemHandle({ holder, streams, files }: SystemReference): Value {
  return map([...streams, ['holder', holder], ['files', list(files.map(([name, channel]) => list([name, channel])))]]);
}

export function readSystemHandle(handle: Value): SystemReference {
  if (handle === null || typeof handle !== 'object' || handle.kind !== Kind.Map) {
    throw new Error('the handle of a system process must be a map');
  }
  const streams = new Map<'stdout' | 'stderr' | 'stdin', Value>();
  for (const stream of ['stdout', 'stderr', 'stdin'] as const) {
    const channel = get(handle, stream);
    if (channel !== undefined) streams.set(stream, channel);
  }
  const files = itemsOf(get(handle, 'files')).map((entry) => itemsOf(entry) as [string, Value]);
  const holder = get(handle, 'holder');
  return { holder: typeof holder === 'string' ? holder : '', streams, files };
}

function get(handle: MapValue, key: string): Value | undefined {
  return handle.items[handle.keys.indexOf(key)];
}

function itemsOf(value: Value | undefined): readonly Value[] {
  return value !== undefined && value !== null && typeof value === 'object' && value.kind === Kind.List
    ? value.items
    : [];
}

function isString(value: Value): boolean {
  return typeof value === 'string';
}
