/**
 * How the thread of the network and the thread of the space speak: many small messages in one piece of memory that is
 * handed over whole, for a message by itself costs more than what is done with it. Owns the layout; both sides are this
 * version of this program, so nothing is checked.
 *
 * A message is an operation (1 byte), the number of its subject and a number that the operation gives its meaning (4
 * bytes each, little endian), and for `Op.Bytes` as many bytes as that number says. What is said rarely is an object
 * beside it: `Op.Word`, whose number is the object's place.
 */

export const Op = {
  /** To a socket: write them. From one: they have come. */
  Bytes: 1,
  /** From a socket: the system has taken what was to be written. */
  Taken: 2,
  /** To a socket: so many bytes that came are done with. */
  Credit: 3,
  /** An object, by its place. */
  Word: 4,
} as const;

/** What is posted: memory, how much of it is used, and the objects beside it. */
export type Batch<W> = readonly [memory: ArrayBuffer, used: number, words: readonly W[]];

const HEAD_BYTES = 9;
const FIRST_BYTES = 4 * 1024;
const BATCH_BYTES_MAX = 256 * 1024;
/** Of a batch: the other side begins with them while the next ones are written, and a batch costs as much as some ten messages. */
const MESSAGES_MAX = 32;

export class BatchWriter<W> {
  readonly #post: (batch: Batch<W>, memory: readonly ArrayBuffer[]) => void;
  readonly #soon: (flush: () => void) => void;
  #memory: Buffer | null = null;
  #used = 0;
  #messages = 0;
  #words: W[] = [];
  /** What the last ones took: the next one is made as large. */
  #usual_bytes = FIRST_BYTES;

  /** What is written goes out when `soon` calls back, which is asked once for each batch. */
  constructor(post: (batch: Batch<W>, memory: readonly ArrayBuffer[]) => void, soon: (flush: () => void) => void) {
    this.#post = post;
    this.#soon = soon;
  }

  put(op: number, subject: number, count: number): void {
    this.#head(op, subject, count, 0);
  }

  bytes(subject: number, bytes: Uint8Array): void {
    const memory = this.#head(Op.Bytes, subject, bytes.length, bytes.length);
    memory.set(bytes, this.#used);
    this.#used += bytes.length;
  }

  word(subject: number, word: W): void {
    this.#head(Op.Word, subject, this.#words.length, 0);
    this.#words.push(word);
  }

  readonly flush = (): void => {
    const memory = this.#memory;
    if (memory === null) return;
    const batch: Batch<W> = [memory.buffer as ArrayBuffer, this.#used, this.#words];
    this.#usual_bytes = Math.min(BATCH_BYTES_MAX, Math.max(FIRST_BYTES, (this.#usual_bytes + 2 * this.#used) >>> 1));
    this.#memory = null;
    this.#used = 0;
    this.#messages = 0;
    if (this.#words.length > 0) this.#words = [];
    this.#post(batch, [batch[0]]);
  };

  /** The memory, with a head written and room for what follows it. */
  #head(op: number, subject: number, count: number, more: number): Buffer {
    const needed = HEAD_BYTES + more;
    let memory = this.#memory;
    if (memory === null || this.#messages === MESSAGES_MAX || this.#used + needed > memory.length) {
      // When there was one before, it is asked for already.
      if (memory === null) this.#soon(this.flush);
      else this.flush();
      memory = this.#memory = Buffer.allocUnsafeSlow(Math.max(this.#usual_bytes, needed));
    }
    const at = this.#used;
    memory[at] = op;
    memory.writeUInt32LE(subject, at + 1);
    memory.writeUInt32LE(count, at + 5);
    this.#used = at + HEAD_BYTES;
    this.#messages++;
    return memory;
  }
}

export interface BatchReader<W> {
  /** `bytes` are the reader's to keep, and keep the whole batch. */
  bytes(subject: number, bytes: Uint8Array): void;
  taken(subject: number): void;
  credit(subject: number, count: number): void;
  word(subject: number, word: W): void;
}

export function readBatch<W>([buffer, used, words]: Batch<W>, reader: BatchReader<W>): void {
  const memory = Buffer.from(buffer);
  for (let at = 0; at < used; ) {
    const subject = memory.readUInt32LE(at + 1);
    const count = memory.readUInt32LE(at + 5);
    const op = memory[at];
    at += HEAD_BYTES;
    if (op === Op.Bytes) {
      reader.bytes(subject, memory.subarray(at, at + count));
      at += count;
    } else if (op === Op.Taken) reader.taken(subject);
    else if (op === Op.Credit) reader.credit(subject, count);
    else reader.word(subject, words[count] as W);
  }
}
