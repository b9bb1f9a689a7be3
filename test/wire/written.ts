/** Values as `spec/vectors/wire.json` writes them, to values and back. */
import {
  BigInteger,
  bundle,
  bytes,
  Float,
  float,
  list,
  map,
  set,
  tuple,
  uri,
  type Value,
  Wildcard,
} from '../../src/values/index.ts';
import { Bundle, Bytes, Kind, kindOf, List, MapValue, SetValue, Tuple, Uri } from '../../src/values/index.ts';
import { Capability, type PathStep, Reference } from '../../src/wire/index.ts';

export type Written = null | boolean | string | { readonly [kind: string]: unknown };

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

export function unhex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'hex'));
}

export function read(written: Written): Value {
  if (written === null || typeof written === 'boolean' || typeof written === 'string') return written;
  const [[kind, body]] = Object.entries(written) as [[string, unknown]];
  const all = (items: unknown): readonly Value[] => (items as readonly Written[]).map(read);
  switch (kind) {
    case 'int':
      return Number.isSafeInteger(Number(body)) ? Number(body) : BigInt(body as string);
    case 'bigInt':
      return new BigInteger(BigInt(body as string));
    case 'float':
      return float(Buffer.from(body as string, 'hex').readDoubleBE());
    case 'bytes':
      return bytes(unhex(body as string));
    case 'uri':
      return uri(body as string);
    case 'list':
      return list(
        all(body),
        written['remainder'] === undefined ? null : (read(written['remainder'] as Written) as Wildcard),
      );
    case 'tuple':
      return tuple(all(body));
    case 'set':
      return set(all(body));
    case 'map':
      return map((body as readonly (readonly [Written, Written])[]).map(([key, item]) => [read(key), read(item)]));
    case 'wildcard':
      return Wildcard.the;
    case 'bundle': {
      const [inner, mayRead, mayWrite] = body as readonly [Written, boolean, boolean];
      return bundle(read(inner), mayRead, mayWrite);
    }
    case 'capability':
      return new Capability(unhex(body as string));
    case 'reference': {
      const [request, ...path] = body as readonly [number, ...PathStep[]];
      return new Reference(request, path);
    }
    default:
      throw new Error(`vectors have no kind ${kind}`);
  }
}

export function write(value: Value): Written {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'bigint') return { int: `${value}` };
  if (value instanceof Reference) return { reference: [value.request, ...value.path] };
  if (value instanceof Capability) return { capability: hex(value.token) };
  if (value instanceof BigInteger) return { bigInt: `${value.value}` };
  if (value instanceof Bytes) return { bytes: hex(value.bytes) };
  if (value instanceof Uri) return { uri: value.text };
  if (value instanceof Tuple) return { tuple: value.items.map(write) };
  if (value instanceof SetValue) return { set: value.items.map(write) };
  if (value instanceof Bundle) return { bundle: [write(value.body), value.read, value.write] };
  if (value instanceof MapValue)
    return { map: value.keys.map((key, index) => [write(key), write(value.items[index] as Value)]) };
  if (value instanceof List) {
    const items = value.items.map(write);
    return value.remainder === null ? { list: items } : { list: items, remainder: write(value.remainder) };
  }
  if (value instanceof Float) {
    const room = Buffer.alloc(8);
    room.writeDoubleBE(value.value);
    return { float: hex(room) };
  }
  if (kindOf(value) === Kind.Wildcard) return { wildcard: [] };
  throw new Error('vectors have no such kind');
}
