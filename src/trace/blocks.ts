/**
 * A trace as bytes: a head, then blocks, each compressed by itself and checked together with all before it, and where the
 * last of them begins. `spec/traces.md` says it byte by byte. Bytes come from anywhere, so whatever is not as written here
 * is refused, with the place where it is.
 *
 *   trace := "PBTRACE" version block… at (8)
 *   block := kind (1) firstTurn (8) bytes (4) stored (4) checksum (4) body (stored bytes: Brotli, or as it is)
 */
import { crc32 } from 'node:zlib';
import { PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import { unpackSync } from './packing.ts';

export const TRACE_VERSION = 3;
/** Without keyframes, and without the place of its last block. */
const TRACE_VERSION_FIRST = 1;
/** From which on the checksums hold the head, too: an older trace is not taken for a newer one. */
const TRACE_VERSION_SUMMED = 3;
/** From here on rows of the audit are as this program writes them, so that what followed from calls is compared whole. */
export const TRACE_VERSION_COMPARED = 3;
const MAGIC = Uint8Array.from([...'PBTRACE'].map((letter) => letter.charCodeAt(0)));
export const HEAD_BYTES = MAGIC.length + 1;
export const TAIL_BYTES = 8;
const BLOCK_HEAD_BYTES = 21;
const CHECKSUM_AT = 17;
const NO_BYTES = new Uint8Array(0);

/**
 * What a block holds: the settings of the space, rows, entries of a journal, turns, how the trace ends; and of a keyframe
 * how it begins, its rows, its entries, large messages, how it ends.
 */
export const BLOCK_KINDS = [
  'space',
  'rows',
  'journal',
  'turns',
  'end',
  'keyframe',
  'keyframe-rows',
  'keyframe-journal',
  'keyframe-blobs',
  'keyframe-end',
] as const;
export type BlockKind = (typeof BLOCK_KINDS)[number];

export interface Block {
  readonly kind: BlockKind;
  /** The turn after which it begins. */
  readonly turn: number;
  /** Expanded whenever it is asked for: whoever asks has it alone, and nobody keeps it. */
  readonly body: Uint8Array;
  /** Where it stands in the trace. */
  readonly at: number;
  /** The checksum that it goes on from. */
  readonly before: number;
}

/** Where a trace is read from. */
export interface TraceBytes {
  readonly size: number;
  /** Up to `length` bytes; fewer only at the end. They may be put into a buffer that is given, where they fit. */
  read(at: number, length: number, into?: Uint8Array): Uint8Array;
  close(): void;
}

export function traceHead(): Uint8Array {
  const head = new Uint8Array(HEAD_BYTES);
  head.set(MAGIC);
  head[MAGIC.length] = TRACE_VERSION;
  return head;
}

/** What the first block goes on from. */
export function checksumOfHead(head: Uint8Array): number {
  return (head[MAGIC.length] ?? 0) < TRACE_VERSION_SUMMED ? 0 : crc32(head);
}

/** What stands before a stored body, in a block that goes on from a checksum; and the checksum that it ends with. */
export function headOf(
  { kind, turn, length }: { readonly kind: BlockKind; readonly turn: number; readonly length: number },
  stored: Uint8Array,
  before: number,
): { readonly head: Uint8Array; readonly after: number } {
  const head = new Uint8Array(BLOCK_HEAD_BYTES);
  const view = new DataView(head.buffer);
  view.setUint8(0, BLOCK_KINDS.indexOf(kind));
  view.setBigUint64(1, BigInt(turn));
  view.setUint32(9, length);
  view.setUint32(13, stored.length);
  const after = checksum(head, stored, before);
  view.setUint32(CHECKSUM_AT, after);
  return { head, after };
}

/** What stands behind the last block: where that begins. */
export function traceTail(at: number): Uint8Array {
  const tail = new Uint8Array(TAIL_BYTES);
  new DataView(tail.buffer).setBigUint64(0, BigInt(at));
  return tail;
}

/** Of the head without its own place, and the body, going on from the block before. */
function checksum(head: Uint8Array, stored: Uint8Array, before: number): number {
  return crc32(stored, crc32(head.subarray(0, CHECKSUM_AT), before));
}

/** A place in a trace from which it can be read: a block, and the checksum that it goes on from. */
export interface BlockPlace {
  readonly at: number;
  readonly before: number;
}

interface BlockHead {
  readonly kind: BlockKind;
  readonly turn: number;
  readonly length: number;
  readonly stored: number;
  readonly checksum: number;
}

function readHead(bytes: TraceBytes, at: number): BlockHead {
  const head = bytes.read(at, BLOCK_HEAD_BYTES);
  if (head.length < BLOCK_HEAD_BYTES) throw truncated(at, bytes.size);
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  const length = view.getUint32(9);
  const stored = view.getUint32(13);
  const kind = BLOCK_KINDS[view.getUint8(0)];
  if (kind === undefined || length > limits.trace_block_bytes_max || stored > limits.trace_block_bytes_max)
    throw invalid(`the block at byte ${at} has a head that no trace has`);
  return { kind, turn: Number(view.getBigUint64(1)), length, stored, checksum: view.getUint32(CHECKSUM_AT) };
}

/** The blocks of a trace, checked. What is no trace, a newer or a broken one is refused where that shows. */
export function* readBlocks(bytes: TraceBytes, from: BlockPlace | null = null): Generator<Block> {
  const version = requireHead(bytes);
  const tail_bytes = version === TRACE_VERSION_FIRST ? 0 : TAIL_BYTES;
  let { at, before } = from ?? firstPlace(bytes);
  let kind: BlockKind | null = null;
  // One buffer for the blocks as they are stored, which come by the hundred.
  let buffer = NO_BYTES;
  while (kind !== 'end') {
    if (at >= bytes.size) throw truncated(bytes.size, bytes.size);
    const head = readHead(bytes, at);
    const start = at;
    const block_bytes = Math.min(BLOCK_HEAD_BYTES + head.stored, bytes.size - start);
    if (buffer.length < block_bytes) buffer = new Uint8Array(block_bytes);
    const block = bytes.read(start, BLOCK_HEAD_BYTES + head.stored, buffer);
    if (block.length < BLOCK_HEAD_BYTES + head.stored) throw truncated(start, bytes.size);
    const place = { at: start, before };
    before = checksum(block, block.subarray(BLOCK_HEAD_BYTES), before);
    kind = head.kind;
    const { turn, length } = head;
    if (before !== head.checksum)
      throw invalid(
        `the block at byte ${start}, after turn ${turn}, is not as it was written: its checksum is another`,
      );
    let stored: Uint8Array | null = block.subarray(BLOCK_HEAD_BYTES);
    at += block.length;
    if (kind === 'end') requireTail(bytes, start, at, tail_bytes);
    yield {
      kind,
      turn,
      ...place,
      get body() {
        return expanded(stored ?? bytes.read(start + BLOCK_HEAD_BYTES, head.stored), length, start, version);
      },
    };
    // The buffer has the next one from now on.
    stored = null;
  }
}

function firstPlace(bytes: TraceBytes): BlockPlace {
  return { at: HEAD_BYTES, before: checksumOfHead(bytes.read(0, HEAD_BYTES)) };
}

function requireTail(bytes: TraceBytes, start: number, end: number, tail_bytes: number): void {
  if (bytes.size < end + tail_bytes) throw truncated(end, bytes.size);
  const isSound =
    bytes.size === end + tail_bytes && (tail_bytes === 0 || equal(bytes.read(end, tail_bytes), traceTail(start)));
  if (!isSound) throw invalid(`what stands behind the last block, from byte ${end} on, is not what must stand there`);
}

function equal(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}

/** Where the last block begins, by the tail; null where there is none, as in a trace that was cut off. */
export function lastBlock(bytes: TraceBytes): number | null {
  if (requireHead(bytes) === TRACE_VERSION_FIRST || bytes.size < HEAD_BYTES + TAIL_BYTES) return null;
  const tail = bytes.read(bytes.size - TAIL_BYTES, TAIL_BYTES);
  const at = Number(new DataView(tail.buffer, tail.byteOffset, tail.length).getBigUint64(0));
  if (at < HEAD_BYTES || at + BLOCK_HEAD_BYTES + TAIL_BYTES > bytes.size) return null;
  const { kind, stored } = readHead(bytes, at);
  return kind === 'end' && at + BLOCK_HEAD_BYTES + stored + TAIL_BYTES === bytes.size ? at : null;
}

/** The body of one block, which is not checked against those before it. */
export function bodyAt(bytes: TraceBytes, at: number): Uint8Array {
  const { length, stored } = readHead(bytes, at);
  const version = requireHead(bytes);
  return expanded(bytes.read(at + BLOCK_HEAD_BYTES, stored), length, at, version);
}

/** Kinds and places of all blocks, as far as they go, without their bodies; nothing is checked. */
export function* walkBlocks(bytes: TraceBytes): Generator<BlockPlace & Pick<BlockHead, 'kind' | 'turn'>> {
  let { at, before } = firstPlace(bytes);
  while (at + BLOCK_HEAD_BYTES <= bytes.size) {
    const { kind, turn, stored, checksum: after } = readHead(bytes, at);
    yield { kind, turn, at, before };
    before = after;
    at += BLOCK_HEAD_BYTES + stored;
  }
}

function expanded(stored: Uint8Array, length: number, at: number, version: number): Uint8Array {
  let body: Uint8Array;
  try {
    body = unpackSync(stored, length, version);
  } catch (cause) {
    throw invalid(`the block at byte ${at} cannot be expanded`, cause);
  }
  if (body.length !== length) throw invalid(`the block at byte ${at} has ${body.length} bytes, not ${length}`);
  return new Uint8Array(body.buffer, body.byteOffset, body.length);
}

/** The version. */
export function requireHead(bytes: TraceBytes): number {
  const { size } = bytes;
  const head = bytes.read(0, HEAD_BYTES);
  if (size === 0) throw invalid('this is no trace: it is empty, and a trace begins with PBTRACE');
  if (head.length < HEAD_BYTES || !MAGIC.every((byte, index) => head[index] === byte))
    throw invalid(`this is no trace: its ${size} bytes do not begin with PBTRACE and a version`);
  const version = head[MAGIC.length];
  if (version !== undefined && version >= TRACE_VERSION_FIRST && version <= TRACE_VERSION) return version;
  const readable = `${TRACE_VERSION_FIRST} to ${TRACE_VERSION}`;
  throw new PowerboxError('trace_version', `a trace of version ${version}; this program reads ${readable}`, {
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
