/**
 * A trace as bytes: a head, then blocks, each compressed by itself and checked together with all before it.
 * `spec/traces.md` says it byte by byte. Bytes come from anywhere, so whatever is not as written here is refused, with
 * the place where it is.
 *
 *   trace := "PBTRACE" version block…
 *   block := kind (1) firstTurn (8) bytes (4) stored (4) checksum (4) body (stored bytes, raw deflate)
 */
import { crc32, deflateRawSync, inflateRawSync } from 'node:zlib';
import { PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';

export const TRACE_VERSION = 1;
const MAGIC = Uint8Array.from([...'PBTRACE'].map((letter) => letter.charCodeAt(0)));
export const HEAD_BYTES = MAGIC.length + 1;
const BLOCK_HEAD_BYTES = 21;
const CHECKSUM_AT = 17;

/** What a block holds: the settings of the space, rows, entries of a journal, turns, or how the trace ends. */
export const BLOCK_KINDS = ['space', 'rows', 'journal', 'turns', 'end'] as const;
export type BlockKind = (typeof BLOCK_KINDS)[number];

export interface Block {
  readonly kind: BlockKind;
  /** The turn after which it begins. */
  readonly turn: number;
  readonly body: Uint8Array;
  /** Where it stands in the trace. */
  readonly at: number;
}

/** Where a trace is read from. */
export interface TraceBytes {
  readonly size: number;
  /** Up to `length` bytes; fewer only at the end. */
  read(at: number, length: number): Uint8Array;
  close(): void;
}

export function traceHead(): Uint8Array {
  const head = new Uint8Array(HEAD_BYTES);
  head.set(MAGIC);
  head[MAGIC.length] = TRACE_VERSION;
  return head;
}

/** Makes blocks, in their order. */
export class BlockWriter {
  #checksum = 0;

  block(kind: BlockKind, turn: number, body: Uint8Array): Uint8Array {
    const stored = deflateRawSync(body, { level: 1 });
    const block = new Uint8Array(BLOCK_HEAD_BYTES + stored.length);
    const view = new DataView(block.buffer);
    view.setUint8(0, BLOCK_KINDS.indexOf(kind));
    view.setBigUint64(1, BigInt(turn));
    view.setUint32(9, body.length);
    view.setUint32(13, stored.length);
    block.set(stored, BLOCK_HEAD_BYTES);
    this.#checksum = checksum(block, this.#checksum);
    view.setUint32(CHECKSUM_AT, this.#checksum);
    return block;
  }
}

/** Of the head without its own place, and the body, going on from the block before. */
function checksum(block: Uint8Array, before: number): number {
  return crc32(block.subarray(BLOCK_HEAD_BYTES), crc32(block.subarray(0, CHECKSUM_AT), before));
}

/** The blocks of a trace, checked. What is no trace, a newer or a broken one is refused where that shows. */
export function* readBlocks(bytes: TraceBytes): Generator<Block> {
  requireHead(bytes.read(0, HEAD_BYTES));
  let before = 0;
  let kind: BlockKind | null = null;
  for (let at = HEAD_BYTES; at < bytes.size; ) {
    const head = bytes.read(at, BLOCK_HEAD_BYTES);
    if (head.length < BLOCK_HEAD_BYTES) throw truncated(at, bytes.size);
    const view = new DataView(head.buffer, head.byteOffset, head.length);
    const stored = view.getUint32(13);
    const length = view.getUint32(9);
    const name = BLOCK_KINDS[view.getUint8(0)];
    if (name === undefined || length > limits.trace_block_bytes_max || stored > limits.trace_block_bytes_max)
      throw invalid(`the block at byte ${at} has a head that no trace has`);
    const block = bytes.read(at, BLOCK_HEAD_BYTES + stored);
    if (block.length < BLOCK_HEAD_BYTES + stored) throw truncated(at, bytes.size);
    before = checksum(block, before);
    const turn = Number(view.getBigUint64(1));
    if (before !== view.getUint32(CHECKSUM_AT))
      throw invalid(`the block at byte ${at}, after turn ${turn}, is not as it was written: its checksum is another`);
    kind = name;
    yield { kind, turn, body: inflated(block.subarray(BLOCK_HEAD_BYTES), length, at), at };
    at += BLOCK_HEAD_BYTES + stored;
  }
  if (kind !== 'end') throw truncated(bytes.size, bytes.size);
}

function inflated(stored: Uint8Array, length: number, at: number): Uint8Array {
  let body: Uint8Array;
  try {
    body = inflateRawSync(stored, { maxOutputLength: Math.max(length, 1) });
  } catch (cause) {
    throw invalid(`the block at byte ${at} cannot be expanded`, cause);
  }
  if (body.length !== length) throw invalid(`the block at byte ${at} has ${body.length} bytes, not ${length}`);
  // Of its own, for what is read from it may be kept.
  return new Uint8Array(body);
}

function requireHead(head: Uint8Array): void {
  if (head.length < HEAD_BYTES || !MAGIC.every((byte, index) => head[index] === byte))
    throw invalid('this is no trace: it does not begin with PBTRACE');
  const version = head[MAGIC.length];
  if (version === TRACE_VERSION) return;
  throw new PowerboxError('trace_version', `a trace of version ${version}; this program reads ${TRACE_VERSION}`, {
    hint: 'Replay it with the release that recorded it, or a newer one.',
  });
}

export function invalid(message: string, cause?: unknown): PowerboxError {
  return new PowerboxError('trace_invalid', message, { cause });
}

function truncated(at: number, size: number): PowerboxError {
  return new PowerboxError('trace_invalid', `the trace breaks off at byte ${at} of ${size}: its end is not there`, {
    hint: 'The recording was cut off, or the file was copied in part.',
  });
}
