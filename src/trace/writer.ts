/**
 * Writes the blocks of a trace in their order; those worth it are compressed in the threads of zlib while what is recorded
 * goes on. Owns the checksum, the place of the next block, and what is still being compressed, which is bounded: past the
 * bound it is compressed here and now, and who writes is held up for that.
 */
import { limits } from '../limits.ts';
import { Encoder } from '../values/index.ts';
import { type BlockKind, type BlockPlace, checksumOfHead, HEAD_BYTES, headOf, traceHead, traceTail } from './blocks.ts';
import { pack, packSync, shorterOf, Worth } from './packing.ts';

/** Where a trace is written. */
export interface TraceSink {
  /** The next bytes, which are the sink's from now on. Throws when they, or any before, cannot be kept. */
  write(bytes: Uint8Array): void;
  /** All that was written is kept when this returns; throws when it cannot be. */
  close(): void;
  /** Hears at once, and not first by the next `write`, when what was written before cannot be kept. */
  onFailure?(heard: (error: Error) => void): void;
  /** Resolves when more may come from somebody who can wait: the state with which a recording begins can. */
  ready?(): Promise<void>;
}

/** A keyframe that is whole: the turn after which it was made, and where it begins. */
export interface KeyframePlace extends BlockPlace {
  readonly turn: number;
}

interface Pending {
  readonly kind: BlockKind;
  readonly turn: number;
  readonly body: Uint8Array;
  readonly placed: ((place: BlockPlace) => void) | undefined;
  stored: Uint8Array | null;
  begun: boolean;
  /** They wait until it is written. */
  readonly waiting: (() => void)[];
}

/** Blocks in the hands of zlib at once: its threads are those in which the store writes, which must not stand behind. */
const COMPRESSING_MAX = 1;

export class TraceWriter {
  readonly #write: (bytes: Uint8Array) => void;
  /** Resolves when whoever takes the bytes has room for more. */
  readonly #drained: () => Promise<void>;
  #pending: Pending[] = [];
  #pending_bytes = 0;
  #compressing = 0;
  readonly #worth = new Worth();
  #at = HEAD_BYTES;
  #checksum: number;

  /** `write` gets the bytes of the trace, in their order. */
  constructor(write: (bytes: Uint8Array) => void, drained: () => Promise<void> = () => Promise.resolve()) {
    this.#write = write;
    this.#drained = drained;
    const head = traceHead();
    this.#checksum = checksumOfHead(head);
    write(head);
  }

  /** Bytes that have been written. */
  get length(): number {
    return this.#at;
  }

  /** The body is the writer's from now on. `placed` hears where the block has come to stand. */
  block(kind: BlockKind, turn: number, body: Uint8Array, placed?: (place: BlockPlace) => void): void {
    this.#pending.push({ kind, turn, body, placed, stored: null, begun: false, waiting: [] });
    this.#pending_bytes += body.length;
    this.#goOn();
    if (this.#pending_bytes > limits.trace_pending_bytes_max) this.#settle(true);
  }

  /** One after the other: what came of one says whether the next is worth it. */
  #goOn(): void {
    for (const pending of this.#pending) {
      if (this.#compressing >= COMPRESSING_MAX) break;
      if (pending.begun) continue;
      pending.begun = true;
      const { body } = pending;
      if (!this.#worth.ask(body.length)) {
        pending.stored = body;
        continue;
      }
      this.#compressing++;
      pack(body, (error, packed) => {
        this.#compressing--;
        // What cannot be compressed there is compressed here, when its turn comes.
        pending.stored ??= this.#packed(body, error === null ? packed : packSync(body));
        this.#goOn();
      });
    }
    this.#settle(false);
  }

  #packed(body: Uint8Array, packed: Uint8Array): Uint8Array {
    this.#worth.tell(body.length, packed.length);
    return shorterOf(body, packed);
  }

  #packedNow({ body, begun }: Pending): Uint8Array {
    return begun || this.#worth.ask(body.length) ? this.#packed(body, packSync(body)) : body;
  }

  /** Resolves when whoever takes the trace has room for more. */
  drained(): Promise<void> {
    return this.#drained();
  }

  /** For somebody who can wait: resolves when what waits to be compressed now is written, unless that is little. */
  ready(): Promise<void> {
    const last = this.#pending.at(-1);
    if (last === undefined || this.#pending_bytes < limits.trace_block_bytes) return this.#drained();
    return new Promise<void>((resolve) => last.waiting.push(resolve)).then(() => this.#drained());
  }

  /** All that waits, and how the trace ends: with an index of its keyframes. */
  end(turn: number, keyframes: readonly KeyframePlace[]): void {
    this.#settle(true);
    // Only now: the last of them may just have become whole.
    const index = new Encoder();
    for (const keyframe of keyframes) {
      index.uint(keyframe.turn);
      index.uint(keyframe.at);
      index.uint(keyframe.before);
    }
    this.block('end', turn, index.finish(), ({ at }) => this.#write(traceTail(at)));
    this.#settle(true);
  }

  /** Writes what comes next, as far as it is compressed, or all of it now. */
  #settle(now: boolean): void {
    while (this.#pending[0] !== undefined && (now || this.#pending[0].stored !== null)) {
      const [next] = this.#pending.splice(0, 1) as [Pending];
      const { body, placed } = next;
      next.stored ??= this.#packedNow(next);
      const { stored } = next;
      const place = { at: this.#at, before: this.#checksum };
      const { head, after } = headOf({ ...next, length: body.length }, stored, this.#checksum);
      this.#pending_bytes -= body.length;
      this.#at += head.length + stored.length;
      this.#checksum = after;
      this.#write(head);
      if (stored.length > 0) this.#write(stored);
      placed?.(place);
      for (const resolve of next.waiting) resolve();
    }
  }
}
