/**
 * Where the console of programs leads, and the console of this process. Owns the lines of standard input that
 * nobody has asked for yet; asks the stream for more only while somebody waits, so that an idle one holds no
 * process open.
 */
import type { Readable, Writable } from 'node:stream';
import { PowerboxError } from '../src/errors.ts';
import { limits } from '../src/limits.ts';

export interface Console {
  /** Resolves when the bytes have been taken. */
  stdout(bytes: Uint8Array): Promise<void>;
  stderr(bytes: Uint8Array): Promise<void>;
  /** The next line without its newline, null at the end. An aborted call takes no line. */
  readLine(signal: AbortSignal): Promise<string | null>;
}

export interface ConsoleStreams {
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly stdin: Readable & { ref?(): void; unref?(): void };
}

export function streamConsole(streams: ConsoleStreams): Console {
  const lines = new Lines(streams.stdin);
  return {
    stdout: (bytes) => writeTo(streams.stdout, bytes),
    stderr: (bytes) => writeTo(streams.stderr, bytes),
    readLine: (signal) => lines.next(signal),
  };
}

function writeTo(stream: Writable, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}

interface Waiter {
  readonly resolve: (line: string | null) => void;
  readonly reject: (error: unknown) => void;
}

class Lines {
  readonly #stream: ConsoleStreams['stdin'];
  readonly #waiters: Waiter[] = [];
  readonly #ready: (string | PowerboxError)[] = [];
  #parts: Uint8Array[] = [];
  #length = 0;
  /** The rest of a line that was refused is passed over. */
  #skipping = false;
  #ended = false;
  #failure: Error | null = null;
  #listening = false;

  constructor(stream: ConsoleStreams['stdin']) {
    this.#stream = stream;
  }

  next(signal: AbortSignal): Promise<string | null> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { resolve, reject };
      if (signal.aborted) {
        reject(new PowerboxError('cancelled', 'the call ended before a line came'));
        return;
      }
      signal.addEventListener('abort', () => this.#leave(waiter), { once: true });
      this.#waiters.push(waiter);
      this.#serve();
    });
  }

  #leave(waiter: Waiter): void {
    const index = this.#waiters.indexOf(waiter);
    if (index < 0) return;
    this.#waiters.splice(index, 1);
    waiter.reject(new PowerboxError('cancelled', 'the call ended before a line came'));
    this.#rest();
  }

  #serve(): void {
    while (this.#waiters.length > 0) {
      const line = this.#ready.shift();
      if (line === undefined && !this.#ended) break;
      const waiter = this.#waiters.shift() as Waiter;
      if (line instanceof PowerboxError) waiter.reject(line);
      else if (line === undefined && this.#failure !== null) waiter.reject(this.#failure);
      else waiter.resolve(line ?? null);
    }
    if (this.#waiters.length > 0) this.#listen();
    this.#rest();
  }

  #listen(): void {
    if (!this.#listening) {
      this.#listening = true;
      this.#stream.on('data', (chunk: Uint8Array | string) =>
        this.#take(typeof chunk === 'string' ? Buffer.from(chunk) : chunk),
      );
      this.#stream.once('end', () => this.#end(null));
      this.#stream.once('error', (error: Error) => this.#end(error));
    }
    this.#stream.ref?.();
    this.#stream.resume();
  }

  #rest(): void {
    if (!this.#listening || this.#waiters.length > 0) return;
    this.#stream.pause();
    this.#stream.unref?.();
  }

  #take(chunk: Uint8Array): void {
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      this.#add(chunk.subarray(start, end));
      this.#finishLine();
      start = end + 1;
    }
    this.#add(chunk.subarray(start));
    this.#serve();
  }

  #add(part: Uint8Array): void {
    if (part.length === 0 || this.#skipping) return;
    this.#length += part.length;
    if (this.#length > limits.line_bytes_max) {
      this.#ready.push(
        new PowerboxError(
          'value_too_large',
          `a line of the input has more than ${limits.line_bytes_max} bytes; it was passed over`,
        ),
      );
      this.#skipping = true;
      this.#parts = [];
      return;
    }
    this.#parts.push(part);
  }

  #finishLine(): void {
    if (!this.#skipping) this.#ready.push(Buffer.concat(this.#parts).toString('utf8').replace(/\r$/, ''));
    this.#skipping = false;
    this.#parts = [];
    this.#length = 0;
  }

  #end(failure: Error | null): void {
    if (this.#ended) return;
    if (this.#parts.length > 0) this.#finishLine();
    this.#ended = true;
    this.#failure = failure;
    this.#serve();
  }
}
