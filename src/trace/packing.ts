/**
 * How the body of a block is stored: by Brotli (RFC 7932) at its fastest, which takes a fifth of the time of the deflate of
 * versions 1 and 2 for as few bytes; or as it is, where that is not worth its time. Owns both ways of each, which of them
 * is taken, and what is refused when it is expanded.
 */
import {
  brotliCompress,
  brotliCompressSync,
  type BrotliOptions,
  brotliDecompressSync,
  constants,
  inflateRawSync,
} from 'node:zlib';

/** The last version whose bodies are raw deflate (RFC 1951), all of them. */
const DEFLATE_VERSION_LAST = 2;
/** Window of about the size of most blocks: what is not used need not be cleared. */
const FASTEST: BrotliOptions = {
  params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MIN_QUALITY, [constants.BROTLI_PARAM_LGWIN]: 18 },
};
/** Bytes that are put into one piece: what comes back comes to this thread once a piece. */
const PIECE_BYTES_MAX = 1024 * 1024;
/** More than is ever added to what cannot be compressed, however short it is. */
const PIECE_BYTES_MIN = 1024;

/** A block is worth compressing as long as the last that was compressed came to no more than this share of its bytes. */
const WORTH_SHARE = 0.5;
/** Shorter ones say little of those that follow, and cost little: they are always compressed. */
const JUDGED_BYTES_MIN = 32 * 1024;
/** Of those that are not worth it, one in this many is compressed all the same: what comes may have become other. */
const TRIED_EVERY = 8;

/**
 * Whether the next block is worth compressing. Compressing takes some five times as long as writing it as it is, and
 * messages of random bytes and letters come out nearly as long as they went in. No sample is looked at, but what came of
 * a whole block: what repeats in a trace mostly does so over some KiB.
 */
export class Worth {
  #isWorth = true;
  /** Blocks that were not compressed, since one was. */
  #passed = 0;

  /** Of a block of so many bytes; each is asked about once, when it is known what came of those before. */
  ask(length: number): boolean {
    if (this.#isWorth || length < JUDGED_BYTES_MIN) return true;
    this.#passed = (this.#passed + 1) % TRIED_EVERY;
    return this.#passed === 0;
  }

  /** What a block came to that was compressed. */
  tell(length: number, stored: number): void {
    if (length >= JUDGED_BYTES_MIN) this.#isWorth = stored <= length * WORTH_SHARE;
  }
}

/** What is kept of a body and what it was compressed to: the shorter, so that its length tells which of them it is. */
export function shorterOf(body: Uint8Array, packed: Uint8Array): Uint8Array {
  return packed.length < body.length ? packed : body;
}

/** In one of zlib's threads, in pieces as large as what comes of bytes that cannot be compressed. */
export function pack(body: Uint8Array, done: (error: Error | null, stored: Uint8Array) => void): void {
  const most_bytes = body.length + (body.length >> 8) + PIECE_BYTES_MIN;
  brotliCompress(body, { ...FASTEST, chunkSize: Math.min(most_bytes, PIECE_BYTES_MAX) }, done);
}

/** Here and now. */
export function packSync(body: Uint8Array): Uint8Array {
  return brotliCompressSync(body, FASTEST);
}

/** A copy of its own, never of more than `length` bytes; throws for what is not as it was packed. */
export function unpackSync(stored: Uint8Array, length: number, version: number): Uint8Array {
  if (version > DEFLATE_VERSION_LAST && stored.length === length) return new Uint8Array(stored);
  const most = Math.max(length, 1);
  // One piece, and one byte to see that there is no more.
  const options = { maxOutputLength: most, chunkSize: Math.max(64, Math.min(most + 1, PIECE_BYTES_MAX)) };
  return version <= DEFLATE_VERSION_LAST ? inflateRawSync(stored, options) : brotliDecompressSync(stored, options);
}
