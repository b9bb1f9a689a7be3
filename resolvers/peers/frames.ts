/**
 * What two nodes say to each other: each frame is a length of four bytes and a list in canonical bytes. Owns the
 * grammar and the one checker of what comes from another node (spec/peers.md). Only computes; must never trust a
 * length, a count or a kind.
 */
import { ERROR_CODES, isPowerboxError, PowerboxError } from '../../src/errors.ts';
import type { ErrorCode } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';
import { Bytes, Decoder, encodeValue, Kind, kindOf, List, list } from '../../src/values/index.ts';
import type { Value } from '../../src/values/index.ts';

export const PROTOCOL_VERSION = 1;

/** Sixteen bytes as hexadecimal digits: which message, unique in the life of its sender. */
export type MessageId = string;
export const ID_BYTES = 16;

/** Said first: by who connected, and by who was connected to. */
export type Greeting =
  // ["hello", [version, …], from, to, in service]
  | {
      readonly type: 'hello';
      readonly versions: readonly number[];
      readonly from: string;
      readonly to: string;
      readonly inService: boolean;
    }
  // ["welcome", version, in service]
  | { readonly type: 'welcome'; readonly version: number; readonly inService: boolean }
  // ["refused", code]: the last one
  | { readonly type: 'refused'; readonly code: string };

/** Said by who connected. */
export type SenderFrame =
  // ["message", topic, id, value]
  | { readonly type: 'message'; readonly topic: string; readonly id: MessageId; readonly value: Value }
  // ["forget", topic, [id, …]]: these will not come again
  | { readonly type: 'forget'; readonly topic: string; readonly ids: readonly MessageId[] };

/** Said by who was connected to. */
export type ReceiverFrame =
  // ["open", topic, [id, …]]: an inbox is there; of this sender it remembers these
  | { readonly type: 'open'; readonly topic: string; readonly remembered: readonly MessageId[] }
  // ["shut", topic]
  | { readonly type: 'shut'; readonly topic: string }
  // ["taken", topic, id]: its arrival is durable
  | { readonly type: 'taken'; readonly topic: string; readonly id: MessageId }
  // ["declined", topic, id, code]: it was not taken, and will not be
  | { readonly type: 'declined'; readonly topic: string; readonly id: MessageId; readonly code: ErrorCode };

export type Frame =
  | Greeting
  | SenderFrame
  | ReceiverFrame
  // ["alive", in service]: by both, again and again
  | { readonly type: 'alive'; readonly inService: boolean };

/** Length and body, as they go over the connection. */
export function encodeFrame(frame: Frame): Uint8Array {
  const body = encodeValue(list(partsOf(frame)));
  const bytes = new Uint8Array(4 + body.length);
  new DataView(bytes.buffer).setUint32(0, body.length);
  bytes.set(body, 4);
  return bytes;
}

function partsOf(frame: Frame): Value[] {
  const { type } = frame;
  switch (type) {
    case 'hello':
      return [type, list([...frame.versions]), frame.from, frame.to, frame.inService];
    case 'welcome':
      return [type, frame.version, frame.inService];
    case 'refused':
      return [type, frame.code];
    case 'alive':
      return [type, frame.inService];
    case 'message':
      return [type, frame.topic, idValue(frame.id), frame.value];
    case 'forget':
      return [type, frame.topic, list(frame.ids.map(idValue))];
    case 'open':
      return [type, frame.topic, list(frame.remembered.map(idValue))];
    case 'shut':
      return [type, frame.topic];
    case 'taken':
      return [type, frame.topic, idValue(frame.id)];
    case 'declined':
      return [type, frame.topic, idValue(frame.id), frame.code];
    default:
      return frame satisfies never;
  }
}

/** A message stands one level down in its frame. */
const FRAME_DEPTH_MAX = limits.peer_message_depth_max + 2;

function refuseName(): never {
  throw new PowerboxError('peer_refused', 'a frame holds an unforgeable name');
}

/** Reads a body without its length. Refused with `peer_refused`, saying which rule it breaks. */
export function decodeFrame(body: Uint8Array): Frame {
  let value: Value;
  try {
    const decoder = new Decoder(body, refuseName, 0, FRAME_DEPTH_MAX);
    value = decoder.value();
    decoder.end();
  } catch (error) {
    throw isPowerboxError(error) && error.code === 'peer_refused'
      ? error
      : new PowerboxError('peer_refused', 'a frame is not in canonical bytes', { cause: error });
  }
  const frame = frameOf(value);
  if (frame === null) throw new PowerboxError('peer_refused', 'a frame has none of the known forms');
  return frame;
}

function frameOf(value: Value): Frame | null {
  const parts = itemsOf(value);
  if (parts === null) return null;
  const [type, first, second, third, fourth] = parts;
  switch (`${parts.length} ${String(typeof type === 'string' ? type : '')}`) {
    case '5 hello': {
      const versions = itemsOf(first);
      if (versions === null || versions.length > 16 || !versions.every((version) => typeof version === 'number'))
        return null;
      if (!isWord(second) || !isWord(third) || typeof fourth !== 'boolean') return null;
      return { type: 'hello', versions: versions as number[], from: second, to: third, inService: fourth };
    }
    case '3 welcome':
      return typeof first === 'number' && typeof second === 'boolean'
        ? { type: 'welcome', version: first, inService: second }
        : null;
    case '2 refused':
      return isWord(first) ? { type: 'refused', code: first } : null;
    case '2 alive':
      return typeof first === 'boolean' ? { type: 'alive', inService: first } : null;
    case '4 message': {
      const id = idOf(second);
      return isWord(first) && id !== null && third !== undefined
        ? { type: 'message', topic: first, id, value: third }
        : null;
    }
    case '3 forget': {
      const ids = idsOf(second);
      return isWord(first) && ids !== null ? { type: 'forget', topic: first, ids } : null;
    }
    case '3 open': {
      const remembered = idsOf(second);
      return isWord(first) && remembered !== null ? { type: 'open', topic: first, remembered } : null;
    }
    case '2 shut':
      return isWord(first) ? { type: 'shut', topic: first } : null;
    case '3 taken': {
      const id = idOf(second);
      return isWord(first) && id !== null ? { type: 'taken', topic: first, id } : null;
    }
    case '4 declined': {
      const id = idOf(second);
      const code = ERROR_CODES.find((known) => known === third);
      return isWord(first) && id !== null && code !== undefined ? { type: 'declined', topic: first, id, code } : null;
    }
    default:
      return null;
  }
}

function itemsOf(value: Value | undefined): readonly Value[] | null {
  return value instanceof List && value.remainder === null ? value.items : null;
}

/** Names of nodes, topics and codes. */
function isWord(value: Value | undefined): value is string {
  return typeof value === 'string' && /^[A-Za-z][A-Za-z0-9_-]{0,31}$/.test(value);
}

/** No inbox remembers more of one sender than this, so no list is longer. */
function idsOf(value: Value | undefined): readonly MessageId[] | null {
  const items = itemsOf(value);
  if (items === null || items.length > limits.peer_remembered_max) return null;
  const ids = items.map(idOf);
  return ids.every((id) => id !== null) ? ids : null;
}

export function idOf(value: Value | undefined): MessageId | null {
  if (value === undefined || kindOf(value) !== Kind.Bytes) return null;
  const { bytes } = value as Bytes;
  if (bytes.length !== ID_BYTES) return null;
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

export function idValue(id: MessageId): Bytes {
  return new Bytes(Uint8Array.from(id.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16)));
}

/** Cuts what comes over a connection into bodies of frames; keeps no more than one of them that is not whole. */
export class FrameReader {
  #chunks: Uint8Array[] = [];
  #length = 0;
  /** Of the body that is being read; null while its length is. */
  #awaited: number | null = null;

  /** The bodies that are whole now. Refused with `peer_refused` when one would have more than `bytes_max` bytes. */
  *push(chunk: Uint8Array, bytes_max: () => number): Generator<Uint8Array> {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    for (;;) {
      if (this.#awaited === null) {
        if (this.#length < 4) return;
        const head = this.#take(4);
        this.#awaited = new DataView(head.buffer, head.byteOffset).getUint32(0);
        if (this.#awaited === 0 || this.#awaited > bytes_max()) {
          throw new PowerboxError(
            'peer_refused',
            `a frame of ${this.#awaited} bytes came; 1 to ${bytes_max()} are expected`,
          );
        }
      }
      if (this.#length < this.#awaited) return;
      const body = this.#take(this.#awaited);
      this.#awaited = null;
      yield body;
    }
  }

  #take(count: number): Uint8Array {
    const [first] = this.#chunks;
    const all = this.#chunks.length === 1 && first !== undefined ? first : joined(this.#chunks.splice(0), this.#length);
    this.#chunks = all.length === count ? [] : [all.subarray(count)];
    this.#length -= count;
    return all.subarray(0, count);
  }
}

function joined(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const all = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}
