/** Data model, order by value, canonical bytes, names. */
export * from './value.ts';
export {
  bundle,
  bytes,
  conjunction,
  disjunction,
  float,
  int,
  isWellFormed,
  list,
  map,
  mapOf,
  par,
  set,
  tuple,
  uri,
} from './build.ts';
export { compare, equal, compareText } from './order.ts';
export { decodeValue, encodeValue, keepBytes } from './codec.ts';
export { KEPT_DEPTH_MAX, keptBytes } from './kept.ts';
export type { ForeignForm } from './assembly.ts';
export { Decoder } from './decoder.ts';
export { Encoder, type Sealing } from './encoder.ts';
export { VALUES_FORMAT_VERSION } from './format.ts';
export { channelKey, indexKey } from './key.ts';
export type { IndexKey } from './key.ts';
export { NAMES_FORMAT_VERSION, NameMaker } from './names.ts';
export type { Sha256 } from './names.ts';
export { fromValue, toValue } from './host.ts';
export type { HostValue, ValueOfObject } from './host.ts';
export { depthOf, isClosed, isPattern, sizeOf } from './inspect.ts';
export { isNode, partsOf } from './parts.ts';
