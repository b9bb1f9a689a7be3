/**
 * Which values may travel to another node, asked at both ends. A name means something in one space only, and its
 * bytes are nobody else's business; so neither names nor bundles travel, nor processes that hold one.
 */
import { limits } from '../../src/limits.ts';
import type { NativeError } from '../../src/natives/index.ts';
import { depthOf, encodeValue, isClosed, isNode, isPattern, Kind, partsOf, sizeOf } from '../../src/values/index.ts';
import type { Value } from '../../src/values/index.ts';

/** Bytes of memory that one canonical byte of a value may take: a list of small integers comes near. */
const MEMORY_RATIO_MAX = 32;

/** The canonical bytes of a value that may travel, else why it may not. */
export function portableBytes(value: Value, bytes_max: number): Uint8Array | NativeError {
  // Before anything walks the value: one that shares its parts may stand for far more than it takes.
  const tooLarge: NativeError = {
    code: 'value_too_large',
    message: `a message to another node has at most ${bytes_max} bytes, and this one has more`,
  };
  if (sizeOf(value, bytes_max * MEMORY_RATIO_MAX) >= bytes_max * MEMORY_RATIO_MAX) return tooLarge;
  const fault = portableFault(value);
  if (fault !== null) return fault;
  const bytes = encodeValue(value);
  return bytes.length > bytes_max ? tooLarge : bytes;
}

/** Of a value whose size is bounded already. */
export function portableFault(value: Value): NativeError | null {
  const depth = depthOf(value);
  if (depth > limits.peer_message_depth_max) {
    return {
      code: 'value_too_large',
      message: `a message to another node nests at most ${limits.peer_message_depth_max} deep, and this one ${depth}`,
    };
  }
  if (holdsName(value)) {
    return unsupported('unforgeable names and bundles do not travel to another node: they mean something here only');
  }
  if (isPattern(value) || !isClosed(value)) {
    return unsupported('a message to another node is a value or a closed process, and this one has free variables');
  }
  return null;
}

function unsupported(message: string): NativeError {
  return { code: 'value_unsupported', message };
}

function holdsName(value: Value): boolean {
  const waiting: Value[] = [value];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (next === null || typeof next !== 'object') continue;
    if (next.kind === Kind.Name || next.kind === Kind.Bundle) return true;
    // One by one: a list may have more items than a call takes arguments.
    if (isNode(next)) for (const part of partsOf(next)) waiting.push(part);
  }
  return false;
}
