/**
 * How the objects of a powerbox are written down in the space. A handle is all that a native knows of the
 * object it is called on: it names the grant, and nothing that a program says can change it.
 */
import { Kind, list, map } from '../values/index.ts';
import type { MapValue, Value } from '../values/index.ts';

/** An object under a grant: the id of the grant, and whatever tells its native which object it is. */
export function powerHandle(grant: string, ...rest: readonly Value[]): Value {
  return list([grant, ...rest]);
}

export interface PowerReference {
  readonly grant: string;
  readonly rest: readonly Value[];
}

/** Handles in memory: the one of an object is the same for all its calls. */
const read = new WeakMap<object, PowerReference>();

export function readPowerHandle(handle: Value): PowerReference {
  const key = handle as object;
  const known = read.get(key);
  if (known !== undefined) return known;
  const [grant, ...rest] = itemsOf(handle);
  if (typeof grant !== 'string') throw new Error('the handle of an object must be a list that begins with its grant');
  const reference = { grant, rest };
  read.set(key, reference);
  return reference;
}

/** A directory or file: the id of its grant and the parts of its path below the granted root. */
export function fileHandle(grant: string, path: readonly string[]): Value {
  return powerHandle(grant, ...path);
}

export interface FileReference {
  readonly grant: string;
  readonly path: readonly string[];
}

export function readFileHandle(handle: Value): FileReference {
  const { grant, rest } = readPowerHandle(handle);
  if (!rest.every((part) => typeof part === 'string')) throw new Error('the path of a file must be strings');
  return { grant, path: rest as readonly string[] };
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

/** One channel that a powerbox hands out: by which of its methods, and under which name of a grant. */
export interface HeldPower {
  readonly method: string;
  readonly name: string;
  readonly channel: Value;
  /** What stands behind the channel: for who has the powerbox only in part, and so gets no more than a part of this. */
  readonly native: string;
  readonly handle: Value;
}

/** What a system process hands out, in the order of its granting. */
export interface SystemReference {
  readonly holder: string;
  readonly powers: readonly HeldPower[];
}

/** The channels stand in the handle itself, so what it hands out needs no look into anything outside. */
export function systemHandle({ holder, powers }: SystemReference): Value {
  return map([
    ['holder', holder],
    [
      'powers',
      list(powers.map(({ method, name, channel, native, handle }) => list([method, name, channel, native, handle]))),
    ],
  ]);
}

export function readSystemHandle(handle: Value): SystemReference {
  if (handle === null || typeof handle !== 'object' || handle.kind !== Kind.Map) {
    throw new Error('the handle of a system process must be a map');
  }
  const powers = itemsOf(get(handle, 'powers')).map((entry): HeldPower => {
    const [method, name, channel, native, object] = itemsOf(entry) as [string, string, Value, string, Value];
    return { method, name, channel, native, handle: object };
  });
  const holder = get(handle, 'holder');
  return { holder: typeof holder === 'string' ? holder : '', powers };
}

function get(handle: MapValue, key: string): Value | undefined {
  return handle.items[handle.keys.indexOf(key)];
}

function itemsOf(value: Value | undefined): readonly Value[] {
  return value !== undefined && value !== null && typeof value === 'object' && value.kind === Kind.List
    ? value.items
    : [];
}
