/**
 * Frames: a WebSocket message in binary, which holds a list of messages; each is a list that begins with its kind. Owns
 * the scan of what comes: every byte is read by the strict decoder of values, in its form for programs outside, with the
 * bounds of the wire. Must never let a message through that it has not read to its end.
 */
import { isPowerboxError, PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import { Decoder, Encoder, type ForeignForm, List, type Name, type Sealing, type Value } from '../values/index.ts';

/** One message: its kind, then what that kind has. */
export type Parts = readonly Value[];

export interface FrameBounds {
  readonly bytes_max: number;
  readonly messages_max: number;
  readonly depth_max: number;
}

export const FRAME_BOUNDS: FrameBounds = {
  bytes_max: limits.wire_frame_bytes_max,
  messages_max: limits.wire_frame_messages_max,
  depth_max: limits.wire_depth_max,
};

/**
 * The messages of a frame, one after the other; `onMessage` hears of each when the extensions in it have been read.
 * Throws `wire_invalid` at the first byte that cannot stand where it does.
 */
export function readFrame(
  bytes: Uint8Array,
  form: ForeignForm,
  onMessage: (parts: Parts) => void,
  bounds: FrameBounds = FRAME_BOUNDS,
): void {
  if (bytes.length > bounds.bytes_max) throw invalid(`${bytes.length} bytes; at most ${bounds.bytes_max} are taken`);
  const decoder = new Decoder(bytes, noNames, 0, bounds.depth_max, form);
  const count = scan(() => decoder.listHead());
  if (count > bounds.messages_max) throw invalid(`${count} messages; at most ${bounds.messages_max} are taken`);
  for (let index = 0; index < count; index++) {
    const message = scan(() => decoder.value());
    if (!(message instanceof List) || message.remainder !== null || typeof message.items[0] !== 'string')
      throw invalid(`message ${index} is no list that begins with its kind`);
    onMessage(message.items);
  }
  scan(() => decoder.end());
}

/** As `readFrame`, all at once. */
export function decodeFrame(bytes: Uint8Array, form: ForeignForm, bounds?: FrameBounds): readonly Parts[] {
  const messages: Parts[] = [];
  readFrame(bytes, form, (parts) => void messages.push(parts), bounds);
  return messages;
}

function scan<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!isPowerboxError(error) || error.code === 'wire_invalid') throw error;
    throw invalid(error.message, error);
  }
}

function invalid(reason: string, cause?: unknown): PowerboxError {
  return new PowerboxError('wire_invalid', `a frame that cannot be taken: ${reason}`, { cause });
}

function noNames(): Name {
  throw invalid('a raw name stands where none may be');
}

/** Writes messages to bytes that are put together to frames later, in canonical form. */
export class MessageEncoder {
  readonly #encoder: Encoder;

  constructor(sealing: Sealing) {
    this.#encoder = new Encoder(512, sealing);
  }

  /** The bytes of one message: the caller's for good. */
  encode(parts: Parts): Uint8Array {
    const encoder = this.#encoder;
    encoder.reset();
    encoder.listHead(parts.length);
    for (const part of parts) encoder.value(part);
    return encoder.finish();
  }
}

/** A frame of messages that were encoded before. */
export function frameOf(messages: readonly Uint8Array[]): Uint8Array {
  let size = 5;
  for (const message of messages) size += message.length;
  const frame = new Uint8Array(size);
  const count = messages.length;
  let at = 0;
  if (count < 16) frame[at++] = 0x90 | count;
  else if (count < 0x10000) {
    frame[at++] = 0xdc;
    frame[at++] = count >> 8;
    frame[at++] = count;
  } else {
    frame[at++] = 0xdd;
    frame[at++] = count >>> 24;
    frame[at++] = count >>> 16;
    frame[at++] = count >>> 8;
    frame[at++] = count;
  }
  for (const message of messages) {
    frame.set(message, at);
    at += message.length;
  }
  return frame.subarray(0, at);
}
