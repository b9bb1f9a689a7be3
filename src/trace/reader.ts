/** A trace that is read: what it begins with, and its records in the order of their turns. Checks as it goes. */
import { isPowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import { Decoder, Name } from '../values/index.ts';
import { type Block, type BlockKind, invalid, readBlocks, type TraceBytes } from './blocks.ts';
import { readRecords, type TraceRecord } from './records.ts';
import { decodeSpace, type SpaceRecord } from './space-record.ts';
import type { KeyframePlace } from './writer.ts';

const NO_NAMES = (): never => {
  throw invalid('a name where none may be');
};

/** Larger blocks are rare, and are not copied. */
const HELD_BYTES_MAX = 16 * limits.trace_block_bytes;

/** Between records: a keyframe begins, or is whole. */
export type KeyframeMark =
  | { readonly type: 'keyframe'; readonly place: KeyframePlace }
  | { readonly type: 'keyframe-end'; readonly turn: number };

/** One pass over a trace: first `space`, then `parts` of its base unless it begins with a keyframe, then `records`. */
export class TraceReader {
  readonly space: SpaceRecord;
  /** With which it begins; null: with the base of the trace. */
  readonly keyframe: KeyframePlace | null;
  readonly #bytes: TraceBytes;
  readonly #blocks: Generator<Block>;
  #block: Block | null;
  /** Has the block of turns that is being read. */
  #buffer = new Uint8Array(0);

  /** From a keyframe on, or from its beginning: which is a keyframe, too, where the space was open already. */
  constructor(bytes: TraceBytes, from: KeyframePlace | null = null) {
    this.#bytes = bytes;
    this.#blocks = readBlocks(bytes);
    const first = this.#next();
    if (first?.kind !== 'space') throw invalid('a trace begins with the record of its space');
    this.space = checked(first, () => decodeSpace(first.body));
    if (from !== null) this.#blocks = readBlocks(bytes, from);
    this.#block = this.#next();
    this.keyframe = this.#block?.kind === 'keyframe' ? placeOf(this.#block) : null;
  }

  /** The byte arrays of the blocks of a kind that come next. */
  *parts(kind: BlockKind): Generator<Uint8Array> {
    for (let block = this.#block; block?.kind === kind; block = this.#block) {
      const decoder = new Decoder(block.body, NO_NAMES);
      while (!decoder.atEnd) {
        const at = block;
        yield checked(at, () => decoder.bytes());
      }
      this.#block = this.#next();
    }
  }

  /** Large messages that opening the space reads: they stand before every other record. They come again there. */
  *firstBlobs(): Generator<Extract<TraceRecord, { type: 'blob' }>> {
    const first = this.#block;
    if (first?.kind !== 'turns') return;
    for (const block of readBlocks(this.#bytes, placeOf(first))) {
      if (block.kind !== 'turns') return;
      const records = readRecords(block.body, block.turn, (name) => new Name(null, 0, 0, name));
      for (;;) {
        const next = checked(block, () => records.next());
        if (next.done === true) break;
        if (next.value.type !== 'blob') return;
        yield next.value;
      }
    }
  }

  /** To its end, which must be there. */
  *records(readName: (bytes: Uint8Array) => Name): Generator<TraceRecord | KeyframeMark> {
    for (let block = this.#block; block !== null; block = this.#next()) {
      if (block.kind === 'end') continue;
      const at = block;
      if (at.kind === 'keyframe') yield { type: 'keyframe', place: placeOf(at) };
      else if (at.kind === 'keyframe-end') yield { type: 'keyframe-end', turn: at.turn };
      if (at.kind.startsWith('keyframe')) continue;
      if (at.kind !== 'turns') throw invalid(`a block of ${at.kind} at byte ${at.at}, among turns`);
      const records = readRecords(this.#held(at.body), at.turn, readName);
      for (;;) {
        const next = checked(at, () => records.next());
        if (next.done === true) break;
        yield next.value;
      }
    }
    this.#block = null;
  }

  /**
   * In one place for all: records are taken out one by one while turns are run, and what is alive for that long is freed
   * late, so that a trace of large messages would stand in memory thirty times. What is taken out is a copy.
   */
  #held(body: Uint8Array): Uint8Array {
    if (body.length > HELD_BYTES_MAX) return body;
    if (this.#buffer.length < body.length) this.#buffer = new Uint8Array(body.length);
    this.#buffer.set(body);
    return this.#buffer.subarray(0, body.length);
  }

  #next(): Block | null {
    const next = this.#blocks.next();
    return next.done === true ? null : next.value;
  }
}

function placeOf({ turn, at, before }: Block): KeyframePlace {
  return { turn, at, before };
}

/** What cannot be read there is the trace's fault, and is said with the place. */
function checked<T>(block: Block, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!isPowerboxError(error) || error.code === 'trace_invalid') throw error;
    throw invalid(`the block at byte ${block.at}, after turn ${block.turn}, cannot be read: ${error.message}`, error);
  }
}
