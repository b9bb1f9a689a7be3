/**
 * What comes from a readable stream, as lines or as bytes, to those who wait for it, in the order in which they
 * asked. Owns the bytes that nobody has asked for yet; asks the stream for more only while somebody waits, so that
 * an idle one holds no process open and a slow reader slows the sender.
 */
import type { Readable } from 'node:stream';
import { PowerboxError } from '../src/errors.ts';
import { limits } from '../src/limits.ts';

export type InputStream = Readable & { ref?(): void; unref?(): void };

/** Somebody who waits. `serve` answers from what is there, and says whether that was enough. */
interface Waiter {
  serve(): boolean;
  reject(error: unknown): void;
}

export class Input {
  readonly #stream: InputStream;
  readonly #waiters: Waiter[] = [];
  #chunks: Uint8Array[] = [];
  #length = 0;
  /** So many of the chunks are known to hold no newline. */
  #searched = 0;
  /** The rest of a line that was refused is passed over. */
  #skipping = false;
  #ended = false;
  #failure: Error | null = null;
  #listening = false;

  constructor(stream: InputStream) {
    this.#stream = stream;
  }

  /** The next line without its newline; null at the end. An aborted call takes no line. */
  line(signal: AbortSignal): Promise<string | null> {
    return this.#wait(signal, () => this.#takeLine());
  }

  /** The next bytes, at least one and at most `count`; null at the end. An aborted call takes none. */
  bytes(count: number, signal: AbortSignal): Promise<Uint8Array | null> {
    return this.#wait(signal, () => this.#takeBytes(count));
  }

  /** `take` answers undefined while there is too little; what it throws is for its own caller. */
  #wait<T>(signal: AbortSignal, take: () => T | null | undefined): Promise<T | null> {
    return new Promise((resolve, reject) => {
      const serve = (): boolean => {
        let taken: T | null | undefined;
        try {
          taken = take();
        } catch (error) {
          signal.removeEventListener('abort', leave);
          reject(error);
          return true;
        }
        if (taken === undefined && !this.#ended) return false;
        signal.removeEventListener('abort', leave);
        if (taken === undefined && this.#failure !== null) reject(this.#failure);
        else resolve(taken ?? null);
        return true;
      };
      const waiter: Waiter = { serve, reject };
      const leave = (): void => this.#leave(waiter);
      if (signal.aborted) {
        reject(left());
        return;
      }
      signal.addEventListener('abort', leave, { once: true });
      this.#waiters.push(waiter);
      this.#serve();
    });
  }

  #leave(waiter: Waiter): void {
    const index = this.#waiters.indexOf(waiter);
    if (index < 0) return;
    this.#waiters.splice(index, 1);
    waiter.reject(left());
    this.#rest();
  }

  #serve(): void {
    while (this.#waiters[0]?.serve() === true) this.#waiters.shift();
    if (this.#waiters.length > 0) this.#listen();
    this.#rest();
  }

  // ------------------------------------------------------------------ what is there

  #takeLine(): string | undefined {
    for (;;) {
      const chunk = this.#chunks[this.#searched];
      const end = chunk === undefined ? -1 : chunk.indexOf(10);
      if (chunk === undefined || end < 0) {
        if (chunk !== undefined) this.#searched++;
        else if (this.#length > limits.line_bytes_max) this.#refuseLine();
        else if (this.#ended && this.#length > 0 && !this.#skipping) return this.#text(this.#cut(this.#length));
        else return undefined;
        continue;
      }
      const before = this.#chunks.slice(0, this.#searched).reduce((sum, { length }) => sum + length, 0);
      const line = this.#cut(before + end);
      this.#cut(1);
      if (this.#skipping) this.#skipping = false;
      else if (line.length > limits.line_bytes_max) throw tooLong();
      else return this.#text(line);
    }
  }

  /** A line without end in sight: what came of it is dropped, and the rest of it when it comes. */
  #refuseLine(): void {
    this.#cut(this.#length);
    if (this.#skipping) return;
    this.#skipping = true;
    throw tooLong();
  }

  #takeBytes(count: number): Uint8Array | undefined {
    this.#skipping = false;
    return this.#length === 0 ? undefined : this.#cut(Math.min(count, this.#length));
  }

  #text(line: Uint8Array): string {
    return Buffer.from(line.buffer, line.byteOffset, line.length).toString('utf8').replace(/\r$/, '');
  }

  /** The first bytes, taken away. */
  #cut(count: number): Uint8Array {
    const parts: Uint8Array[] = [];
    let left = count;
    while (left > 0) {
      const chunk = this.#chunks[0] as Uint8Array;
      const part = chunk.subarray(0, left);
      parts.push(part);
      left -= part.length;
      if (part.length === chunk.length) this.#chunks.shift();
      else this.#chunks[0] = chunk.subarray(part.length);
    }
    this.#length -= count;
    this.#searched = 0;
    return Buffer.concat(parts);
  }

  // ------------------------------------------------------------------ the stream

  #listen(): void {
    if (!this.#listening) {
      this.#listening = true;
      this.#stream.on('data', (chunk: Uint8Array | string) => this.#add(chunk));
      this.#stream.once('end', () => this.#end(null));
      this.#stream.once('close', () => this.#end(null));
      this.#stream.on('error', (error: Error) => this.#end(error));
    }
    if (this.#ended) return;
    this.#stream.ref?.();
    this.#stream.resume();
  }

  #rest(): void {
    if (!this.#listening || this.#waiters.length > 0) return;
    this.#stream.pause();
    this.#stream.unref?.();
  }

  #add(chunk: Uint8Array | string): void {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    if (bytes.length === 0) return;
    this.#chunks.push(bytes);
    this.#length += bytes.length;
    this.#serve();
  }

  #end(failure: Error | null): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#failure = failure;
    this.#serve();
  }
}

function left(): PowerboxError {
  return new PowerboxError('cancelled', 'the call ended before anything came');
}

function tooLong(): PowerboxError {
  return new PowerboxError(
    'value_too_large',
    `a line of the input has more than ${limits.line_bytes_max} bytes; it was passed over`,
  );
}
