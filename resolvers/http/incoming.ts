/**
 * A body that comes in chunks: between the connection and the channel on which it arrives. Owns the bytes that wait,
 * never more than a bound: past it the connection is read no further, so that a slow reader slows the sender. It ends
 * once, with its last byte or an error, and its connection with it.
 */
import type { Source } from '../../src/natives/index.ts';
import { PowerboxError } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';
import { bytes } from '../../src/values/index.ts';
import { NOWHERE } from '../../src/platform/index.ts';
import type { Exchange, Sink } from './exchange.ts';
import type { Running } from './grant.ts';
import { Gathered } from './gathered.ts';
import { inflateFailure, inflatedMax, inflater, tooLarge } from './inflate.ts';
import type { Coding, Inflater } from './inflate.ts';

export interface IncomingOptions {
  readonly exchange: Exchange;
  readonly coding: Coding | null;
  /** Decompressed. */
  readonly bytes_max: number;
  readonly chunk_bytes_max: number;
  /** For messages. */
  readonly where: string;
  /** Called once, when nothing comes any more. */
  readonly ended: () => void;
}

export class IncomingBody implements Sink, Running {
  place = NOWHERE;
  readonly #options: IncomingOptions;
  /** Made with the first bytes, which say in which form they are. */
  #inflater: Inflater | null = null;
  readonly #waiting = new Gathered();
  #bytes = 0;
  /** The connection, or the decompression behind it, is not read now. */
  #held = false;
  #complete = false;
  #error: PowerboxError | null = null;
  #over = false;
  #wake: (() => void) | null = null;

  constructor(options: IncomingOptions) {
    this.#options = options;
  }

  // ------------------------------------------------------------ the connection's end

  data(chunk: Buffer): boolean {
    const { coding, exchange, bytes_max, where } = this.#options;
    if (coding === null) {
      this.#add(chunk);
      return !this.#held;
    }
    // What follows the end of the compressed part is nothing that anybody could read.
    if (this.#over || exchange.bytes > bytes_max) {
      exchange.stop(tooLarge(where, bytes_max));
      return true;
    }
    this.#inflater ??= this.#inflating(coding, chunk);
    return this.#inflater.write(chunk) && !this.#held;
  }

  end(): void {
    if (this.#inflater === null) this.#completed();
    else this.#inflater.end();
  }

  fail(error: PowerboxError): void {
    if (this.#over) return;
    this.#error = error;
    this.#finish();
  }

  #inflating(coding: Coding, first: Buffer): Inflater {
    const { where, bytes_max } = this.#options;
    const made = inflater(coding, first);
    made.on('data', (chunk: Buffer) => this.#add(chunk));
    made.on('end', () => this.#completed());
    made.on('error', (error) => this.stop(inflateFailure(error, where, bytes_max)));
    made.on('drain', () => this.#go());
    return made;
  }

  // ------------------------------------------------------------ the channel's end

  /** Ends it, if it has not ended. */
  stop(error: PowerboxError): void {
    if (this.#over) return;
    this.#error ??= error;
    this.#options.exchange.stop(error);
    this.#finish();
  }

  /** Hands everything to the source, as fast as it takes it. */
  async pump(source: Source): Promise<void> {
    const leave = (): void => this.stop(new PowerboxError('cancelled', 'nobody reads this body any more'));
    source.signal.addEventListener('abort', leave);
    if (source.signal.aborted) leave();
    try {
      while (await this.#ready()) {
        const chunk = this.#take();
        if (!(await source.push([bytes(chunk)]))) {
          leave();
          return;
        }
      }
      if (this.#error === null) await source.push([null], { last: true });
      else await source.fail({ code: this.#error.code, message: this.#error.message });
    } catch {
      // The space is gone with its storage, and has said so.
      leave();
    } finally {
      source.signal.removeEventListener('abort', leave);
    }
  }

  #add(chunk: Buffer): void {
    if (this.#over || this.#error !== null) return;
    const { bytes_max, where, exchange } = this.#options;
    this.#bytes += chunk.length;
    const max = this.#options.coding === null ? bytes_max : inflatedMax(exchange.bytes, bytes_max);
    if (this.#bytes > max) {
      this.stop(tooLarge(where, max));
      return;
    }
    this.#waiting.add(chunk);
    if (this.#waiting.length >= limits.http_waiting_bytes_max && !this.#held) {
      this.#held = true;
      this.#inflater?.pause();
    }
    this.#signal();
  }

  /** At most a chunk of what waits. */
  #take(): Buffer {
    const chunk = this.#waiting.take(this.#options.chunk_bytes_max);
    if (this.#held && this.#waiting.length < limits.http_waiting_bytes_max / 2) {
      this.#held = false;
      this.#inflater?.resume();
      this.#go();
    }
    return chunk;
  }

  #go(): void {
    if (!this.#held && this.#inflater?.writableNeedDrain !== true) this.#options.exchange.resume();
  }

  /** True when there are bytes to take; false when there will be none. */
  async #ready(): Promise<boolean> {
    for (;;) {
      if (this.#error !== null) return false;
      if (this.#waiting.length > 0) return true;
      if (this.#complete) return false;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #completed(): void {
    this.#complete = true;
    this.#finish();
  }

  #finish(): void {
    if (!this.#over) {
      this.#over = true;
      if (this.#error !== null) {
        this.#waiting.clear();
        this.#inflater?.destroy();
      }
      this.#options.ended();
    }
    this.#signal();
  }

  #signal(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }
}
