/**
 * Bytes that came in pieces, kept in one place: a sender that sends single bytes must not make an object of each.
 * Owns its copy, which grows by doubling; one piece alone is kept as it came.
 */
const FIRST_BYTES = 16 * 1024;

const NOTHING = Buffer.alloc(0);

export class Gathered {
  #bytes: Buffer = NOTHING;
  #start = 0;
  #end = 0;
  /** Whether the buffer is ours to write to. */
  #own = false;

  get length(): number {
    return this.#end - this.#start;
  }

  add(piece: Buffer): void {
    if (this.length === 0) {
      this.#bytes = piece;
      this.#start = 0;
      this.#end = piece.length;
      this.#own = false;
      return;
    }
    if (!this.#own || this.#end + piece.length > this.#bytes.length) this.#grow(piece.length);
    piece.copy(this.#bytes, this.#end);
    this.#end += piece.length;
  }

  /** At most so many, taken off the front; theirs who takes them. */
  take(bytes_max: number): Buffer {
    const taken = Buffer.from(this.#bytes.subarray(this.#start, Math.min(this.#end, this.#start + bytes_max)));
    this.#start += taken.length;
    if (this.length === 0) this.clear();
    return taken;
  }

  /** All of it, which stays. */
  whole(): Buffer {
    return this.#bytes.subarray(this.#start, this.#end);
  }

  clear(): void {
    this.#bytes = NOTHING;
    this.#start = 0;
    this.#end = 0;
    this.#own = false;
  }

  #grow(more_bytes: number): void {
    const held = this.whole();
    const grown = Buffer.allocUnsafe(Math.max(FIRST_BYTES, 2 * (held.length + more_bytes)));
    held.copy(grown);
    this.#bytes = grown;
    this.#start = 0;
    this.#end = held.length;
    this.#own = true;
  }
}
