/**
 * About how many bytes a message or a waiting continuation takes: what is charged when it is stored and given back
 * when it goes. Follows from the values alone, so it is the same for what was just made and for what was read from
 * disk. Code is not counted: it is stored once, whoever runs it.
 */
import { sizeOf, type Value } from '../values/index.ts';
import type { Receive } from './types.ts';

/** Number, stamp, account, and its place in the index. */
const DATUM_BYTES = 64;
/** Body, number and account. */
const CONTINUATION_BYTES = 128;
/** A slot, and its place in the index. */
const SLOT_BYTES = 64;

export function messageBytes(message: readonly Value[]): number {
  return DATUM_BYTES + bytesOf(message);
}

export function continuationBytes({ slots, body }: Receive): number {
  let bytes = CONTINUATION_BYTES + bytesOf(body.environment);
  for (const { channel, pattern } of slots) bytes += SLOT_BYTES + sizeOf(channel) + bytesOf(pattern.patterns);
  return bytes;
}

function bytesOf(values: readonly Value[]): number {
  let bytes = 0;
  for (let index = 0; index < values.length; index++) bytes += sizeOf(values[index] as Value);
  return bytes;
}
