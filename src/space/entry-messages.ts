/**
 * How messages stand in entries and rows: where they are, or in a blob that is named by its hash when they are large. Owns
 * these forms and nothing else.
 */
import { limits } from '../limits.ts';
import { Decoder, type Encoder, List, type Name, type Value } from '../values/index.ts';
import { corrupt } from './corrupt.ts';

const MESSAGE_HERE = 0;
/** Of entries up to version 4. */
const MESSAGE_OF_CAUSE = 1;
const MESSAGE_IN_BLOB = 2;

/** Entries from version 5 on name no message of a cause by its index, and rows never did. */
const NO_CAUSES: readonly null[] = [];

/** Where large messages go; returns the hash under which the blob will be durable before the entry is. */
export interface BlobWriter {
  /** The blob for a message, or null when it is small enough to be written where it stands. */
  offer(message: readonly Value[]): Uint8Array | null;
  /** Bytes of all that entries have named by hash so far, known or new. */
  readonly outside_bytes: number;
}

export interface BlobReader {
  read(hash: Uint8Array): readonly Value[];
  /** A long byte array that an entry names by its hash. */
  bytes(hash: Uint8Array): Uint8Array;
}

/** Whether it stands here, and not in a blob. */
export function writeMessage(encoder: Encoder, message: readonly Value[], blobs: BlobWriter): boolean {
  const hash = blobs.offer(message);
  if (hash === null) {
    encoder.uint(MESSAGE_HERE);
    encoder.value(new List(message));
    return true;
  }
  encoder.uint(MESSAGE_IN_BLOB);
  encoder.bytes(hash);
  return false;
}

/** Passes over a message, whichever form it has. */
export function skipMessage(decoder: Decoder): void {
  decoder.skip();
  decoder.skip();
}

/** Reads a message that was passed over. */
export function readSkipped(
  { entry, at }: Skipped,
  blobs: BlobReader,
  readName: (bytes: Uint8Array) => Name,
): readonly Value[] {
  const decoder = new Decoder(entry, readName, at, limits.value_depth_max, null, (hash) => blobs.bytes(hash));
  return readMessage(decoder, blobs);
}

/** Where a message stands that was passed over. The bytes stay as they are for as long as somebody holds them. */
export interface Skipped {
  readonly entry: Uint8Array;
  readonly at: number;
}

export function readMessage(
  decoder: Decoder,
  blobs: BlobReader,
  causes: readonly (readonly Value[] | null)[] = NO_CAUSES,
): readonly Value[] {
  const form = decoder.uint();
  if (form === MESSAGE_IN_BLOB) return blobs.read(decoder.bytes());
  if (form === MESSAGE_OF_CAUSE) {
    const message = causes[decoder.uint()];
    if (message === undefined || message === null) throw corrupt('a datum of a cause that has no message');
    return message;
  }
  if (form !== MESSAGE_HERE) throw corrupt(`a message of form ${form}`);
  const list = decoder.value();
  if (!(list instanceof List)) throw corrupt('a message that is not a list');
  return list.items;
}
