/**
 * One request on a pool of connections, and its answer: head, then body to a sink. Owns its time and its end: it ends
 * once, and whatever ends it early (time, caller, a sink that has enough) takes the connection with it, so that
 * nothing of a half-read answer is ever taken for the next one.
 *
 * It speaks the library's lowest form of a handler, which hands over headers as they came: the newer one makes an object
 * of them for each answer, and two more to hold it, which is a thirtieth of what the library takes for a request.
 */
import type { Dispatcher } from 'undici';
import { PowerboxError } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';
import { NOWHERE } from '../../src/platform/index.ts';
import type { Deadlines, Timed } from '../../src/platform/index.ts';
import { failureOf } from './failure.ts';
import type { HeadReader, Headers } from './head.ts';

/** Where the body of an answer goes. Exactly one of `end` and `fail` comes last. */
export interface Sink {
  /** False: no more for now, until `resume`. */
  data(chunk: Buffer): boolean;
  end(): void;
  fail(error: PowerboxError): void;
}

/** One connection of a pool: it can be read no further for a while. */
export interface Line {
  /** The library has done with the exchange: another may have its turn. */
  over(): void;
  hold(): void;
  release(): void;
  /** From now on what is read is counted, until `headCame`; who waits is told once when it is too much for a head. */
  headBegins(waiting: { headTooLarge(): void }): void;
  /** Whether all that was read until now came in one piece. */
  headCame(): boolean;
}

/** Who asks. */
export interface Asker {
  /** For messages: an origin. */
  readonly where: string;
  /** The head is there: says where the body goes, or why it is not wanted. */
  headed(status: number, headers: Headers, exchange: Exchange): Sink | PowerboxError;
  /** There will be no head. */
  failed(error: PowerboxError, sent: boolean): void;
}

export interface ExchangeTimes {
  readonly connect_ms_max: number;
  readonly headers_ms_max: number;
  readonly idle_ms_max: number;
}

/** Begins as `connection`, and is over when it has ended, well or not. */
type Phase = 'connection' | 'head' | 'body';

export class Exchange implements Dispatcher.DispatchHandler, Timed {
  readonly #asker: Asker;
  readonly #deadlines: Deadlines;
  readonly #heads: HeadReader;
  readonly #times: ExchangeTimes;
  /** When the head must be there, and when all of it: on the monotonic clock. */
  readonly #headEnd_ms: number;
  readonly #end_ms: number;
  #phase: Phase = 'connection';
  due_ms = Number.POSITIVE_INFINITY;
  place = NOWHERE;
  #abort: ((error?: Error) => void) | null = null;
  /** The connection that it is made on, told by its pool before it begins. */
  line: Line | null = null;
  #sink: Sink | null = null;
  #ended = false;
  /** Of the body, as it came, and as its server has told. */
  bytes = 0;
  #told_bytes = Number.NaN;

  constructor(
    asker: Asker,
    deadlines: Deadlines,
    heads: HeadReader,
    times: ExchangeTimes,
    headEnd_ms: number,
    end_ms: number,
  ) {
    this.#asker = asker;
    this.#deadlines = deadlines;
    this.#heads = heads;
    this.#times = times;
    this.#headEnd_ms = headEnd_ms;
    this.#end_ms = end_ms;
    this.#enter('connection', times.connect_ms_max, headEnd_ms);
  }

  get #sent(): boolean {
    return this.#phase !== 'connection';
  }

  get isOver(): boolean {
    return this.#ended;
  }

  /** Ends it, if it has not ended. */
  stop(error: PowerboxError): void {
    this.#end(error);
  }

  /** The sink takes more again. */
  resume(): void {
    if (this.#ended) return;
    this.#enter('body', this.#times.idle_ms_max, this.#end_ms);
    this.line?.release();
  }

  // ------------------------------------------------------------ what the library says

  onConnect(abort: (error?: Error) => void): void {
    if (this.#ended) {
      // Given up while it waited for its connection: nothing of it is sent.
      abort(new Error('given up'));
      return;
    }
    this.#abort = abort;
    this.#enter('head', this.#times.headers_ms_max, this.#headEnd_ms);
    this.line?.headBegins(this);
  }

  headTooLarge(): void {
    const message = `${this.#asker.where} answered with a head of more than ${limits.http_head_bytes_max} bytes`;
    this.#end(new PowerboxError('value_too_large', message));
  }

  /** What it returns says whether the library is to go on: it always is, for it is held at its socket. */
  onHeaders(status: number, raw: Buffer[]): boolean {
    if (this.#ended || status < 200) return true;
    const isOnePiece = this.line?.headCame() ?? false;
    if (raw.length > 2 * limits.http_headers_max) {
      const message = `${this.#asker.where} answered more than ${limits.http_headers_max} headers`;
      this.#end(new PowerboxError('value_too_large', message));
      return true;
    }
    this.#enter('body', this.#times.idle_ms_max, this.#end_ms);
    const headers = this.#heads.read(raw, isOnePiece);
    this.#told_bytes = headers.contentLength;
    const sink = this.#asker.headed(status, headers, this);
    if (sink instanceof PowerboxError) this.#end(sink);
    else this.#sink = sink;
    return true;
  }

  onData(chunk: Buffer): boolean {
    if (this.#ended || this.#sink === null) return true;
    this.bytes += chunk.length;
    // Of what is complete with this the end comes at once.
    if (this.bytes !== this.#told_bytes) this.#enter('body', this.#times.idle_ms_max, this.#end_ms);
    if (this.#sink.data(chunk) || this.#ended) return true;
    // Nobody waits for the other side now: only the whole counts.
    this.due_ms = this.#end_ms;
    this.line?.hold();
    return true;
  }

  onComplete(): void {
    if (!this.#ended) {
      this.#ended = true;
      this.#deadlines.forget(this);
      this.line?.release();
      this.#sink?.end();
    }
    this.#leaveLine();
  }

  /** Also after it was ended here. */
  onError(error: Error): void {
    const stage = this.#sink !== null ? 'answering' : this.#sent ? 'asking' : 'connecting';
    this.#end(failureOf(error, this.#asker.where, stage));
    this.#leaveLine();
  }

  #leaveLine(): void {
    const { line } = this;
    this.line = null;
    line?.over();
  }

  // ------------------------------------------------------------ time, and the end

  #enter(phase: Phase, limit_ms: number, end_ms: number): void {
    const now_ms = this.#deadlines.now_ms();
    this.#phase = phase;
    this.due_ms = Math.min(now_ms + limit_ms, end_ms);
    this.#deadlines.watch(this, now_ms);
  }

  expired(): void {
    const { where } = this.#asker;
    const isWhole = this.due_ms >= (this.#phase === 'body' ? this.#end_ms : this.#headEnd_ms);
    const what = isWhole
      ? `the answer of ${where} was not there in time`
      : this.#phase === 'connection'
        ? `${where} was not reached in time`
        : `${where} sent no more of the ${this.#phase} of its answer in time`;
    this.#end(new PowerboxError('timed_out', what));
  }

  #end(error: PowerboxError): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#deadlines.forget(this);
    const sink = this.#sink;
    // A connection that is not there yet is not this one's to end.
    if (this.#abort !== null) {
      this.line?.headCame();
      this.line?.release();
      this.#abort(error);
    }
    if (sink === null) this.#asker.failed(error, this.#sent);
    else sink.fail(error);
  }
}
