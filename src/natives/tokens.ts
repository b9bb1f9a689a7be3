/**
 * What of a value may go to a host, and comes back from one. A name goes as an opaque token of that one host:
 * deterministic authenticated encryption of the name and the rights to it. So a host can hold and compare it, hand it
 * back, and neither use nor widen nor lend it. A token stands where a bundle would, around bytes: `bundle{token}`, with
 * the rights that it has, which a process can never be that goes to a host, for none does. Must never let
 * the bytes of a name out.
 */
import { TokenRight, type Tokens } from '../capability/index.ts';
import { PowerboxError } from '../errors.ts';
import {
  Bundle,
  bundle,
  Bytes,
  isPattern,
  Kind,
  type List,
  list,
  map,
  type MapValue,
  Name,
  set,
  type SetValue,
  tuple,
  type Value,
} from '../values/index.ts';

const NAME_BYTES = 32;

/** Where names are known by their bytes. */
export interface NamesOfSpace {
  read(bytes: Uint8Array): Name;
}

/** Of one host of one space. */
export class HostTokens {
  readonly #tokens: Tokens;
  readonly #names: NamesOfSpace;

  constructor(tokens: Tokens, names: NamesOfSpace) {
    this.#tokens = tokens;
    this.#names = names;
  }

  /** Refused with `value_unsupported` when it holds what goes to no host. */
  outward(value: Value): Value {
    return mapped(
      value,
      (name, read, write) => new Bundle(new Bytes(this.#tokens.seal(name.bytes, rightsOf(read, write))), read, write),
    );
  }

  /** Refused with `value_unsupported` when a token in it is none that this host was given. */
  inward(value: Value): Value {
    return mappedBack(value, (token, read, write) => {
      const opened = this.#tokens.open(token);
      if (opened === null || opened.rights !== rightsOf(read, write)) throw notGiven();
      const name = this.#names.read(opened.bytes.slice());
      return read && write ? name : bundle(name, read, write);
    });
  }
}

function rightsOf(read: boolean, write: boolean): number {
  return (read ? TokenRight.Read : 0) | (write ? TokenRight.Write : 0);
}

function notGiven(): PowerboxError {
  return new PowerboxError('value_unsupported', 'it holds a token that this host was not given');
}

function unsupported(what: string): PowerboxError {
  return new PowerboxError('value_unsupported', `${what} cannot go to a host: values and channels can`);
}

/** As a host may check a value that it was given: with some name where a token stands. */
export function asTyped(value: Value): Value {
  return mappedBack(value, () => SOME_NAME);
}

const SOME_NAME = new Name(null, 0, 0, new Uint8Array(NAME_BYTES));

/** Values nest as deep as a message may; the codec has bounded that of what came, the call's check that of what goes. */
function mapped(value: Value, seal: (name: Name, read: boolean, write: boolean) => Value): Value {
  return walk(value, 0, (found) => {
    if (found.kind === Kind.Name) return seal(found, true, true);
    if (found.kind !== Kind.Bundle) return undefined;
    let inner: Value = found;
    let [read, write] = [true, true];
    while (inner !== null && typeof inner === 'object' && inner.kind === Kind.Bundle) {
      read &&= inner.read;
      write &&= inner.write;
      inner = inner.body;
    }
    if (inner === null || typeof inner !== 'object' || inner.kind !== Kind.Name)
      throw unsupported('a bundle of a process');
    return seal(inner, read, write);
  });
}

function mappedBack(value: Value, open: (token: Uint8Array, read: boolean, write: boolean) => Value): Value {
  return walk(value, 0, (found) => {
    if (found.kind === Kind.Name) throw new PowerboxError('value_unsupported', 'a raw name is no authority');
    if (found.kind !== Kind.Bundle) return undefined;
    if (!(found.body instanceof Bytes)) throw notGiven();
    return open(found.body.bytes, found.read, found.write);
  });
}

/** Nesting of what crosses: far less than the stack takes. */
const DEPTH_MAX = 1_000;

function walk(
  value: Value,
  depth: number,
  put: (found: Exclude<Value, null | boolean | number | bigint | string>) => Value | undefined,
): Value {
  if (value === null || typeof value !== 'object') return value;
  if (depth > DEPTH_MAX)
    throw new PowerboxError('value_too_large', `a message to a host nests at most ${DEPTH_MAX} deep`);
  switch (value.kind) {
    case Kind.BigInt:
    case Kind.Float:
    case Kind.Bytes:
    case Kind.Uri:
      return value;
    case Kind.List:
      requireClosed(value);
      return changed(value.items, depth, put, value, list);
    case Kind.Tuple:
      return changed(value.items, depth, put, value, tuple);
    case Kind.Set:
      requireClosed(value);
      return changed(value.items, depth, put, value, set);
    case Kind.Map: {
      requireClosed(value);
      const items = value.items.map((item) => walk(item, depth + 1, put));
      const keys = value.keys.map((key) => walk(key, depth + 1, put));
      return map(keys.map((key, index): [Value, Value] => [key, items[index] as Value]));
    }
    default: {
      const replaced = put(value);
      if (replaced !== undefined) return replaced;
      throw unsupported(isPattern(value) ? 'a pattern' : 'a process');
    }
  }
}

function changed(
  items: readonly Value[],
  depth: number,
  put: Parameters<typeof walk>[2],
  whole: Value,
  build: (items: readonly Value[]) => Value,
): Value {
  let same = true;
  const walked = items.map((item) => {
    const made = walk(item, depth + 1, put);
    if (made !== item) same = false;
    return made;
  });
  return same ? whole : build(walked);
}

function requireClosed(value: List | SetValue | MapValue): void {
  if (value.remainder !== null) throw unsupported('a pattern');
}
