/**
 * One request on a pool of connections, and its answer: head, then body to a sink. Owns its time and its end: it ends
 * once, and whatever ends it early (time, caller, a sink that has enough) takes the connection with it, so that
 * nothing of a half-read answer is ever taken for the next one.
 */
import type { Dispatcher } from 'undici';
import { PowerboxError } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';
import type { Platform } from '../../src/platform/index.ts';
import { failureOf } from './failure.ts';
import { Watch } from './watch.ts';

/** As the library reads them: names in lower case. */
export type AnswerHeaders = Readonly<Record<string, string | string[] | undefined>>;

export interface Head {
  readonly status: number;
  readonly headers: AnswerHeaders;
}

/** Where the body of an answer goes. Exactly one of `end` and `fail` comes last. */
export interface Sink {
  /** False: no more for now, until `resume`. */
  data(chunk: Buffer): boolean;
  end(): void;
  fail(error: PowerboxError): void;
}

/** One connection of a pool: it can be read no further for a while. */
export interface Line {
  hold(): void;
  release(): void;
  /** From now on what is read is counted, until `headCame`; who waits is told once when it is too much for a head. */
  headBegins(waiting: { headTooLarge(): void }): void;
  headCame(): void;
}

export interface ExchangeTimes {
  readonly connect_ms_max: number;
  readonly headers_ms_max: number;
  readonly idle_ms_max: number;
  /** On the monotonic clock. */
  readonly end_ms: number;
}

export interface ExchangeOptions {
  readonly platform: Platform;
  readonly times: ExchangeTimes;
  /** For messages: an origin. */
  readonly where: string;
  /** The head is there: says where the body goes, or why it is not wanted. */
  readonly head: (head: Head, exchange: Exchange) => Sink | PowerboxError;
  /** There will be no head. */
  readonly failed: (error: PowerboxError, sent: boolean) => void;
}

export class Exchange implements Dispatcher.DispatchHandler {
  readonly #options: ExchangeOptions;
  readonly #watch: Watch;
  #controller: Dispatcher.DispatchController | null = null;
  /** The connection that it is made on, told by its pool before it begins. */
  line: Line | null = null;
  #sink: Sink | null = null;
  #sent = false;
  #ended = false;
  /** Of the body, as it came. */
  bytes = 0;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    const { platform, times } = options;
    this.#watch = new Watch({
      clock: platform.clock,
      timers: platform.timers,
      end_ms: times.end_ms,
      expired: (phase) => this.#expired(phase),
    });
    this.#watch.enter('connection', times.connect_ms_max);
  }

  /** Ends it, if it has not ended. */
  stop(error: PowerboxError): void {
    this.#end(error);
  }

  /** The sink takes more again. */
  resume(): void {
    if (this.#ended) return;
    this.#watch.enter('body', this.#options.times.idle_ms_max);
    this.line?.release();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#ended) {
      // Given up while it waited for its connection: nothing of it is sent.
      controller.abort(new Error('given up'));
      return;
    }
    this.#sent = true;
    this.#watch.enter('head', this.#options.times.headers_ms_max);
    this.line?.headBegins(this);
  }

  headTooLarge(): void {
    const message = `${this.#options.where} answered with a head of more than ${limits.http_head_bytes_max} bytes`;
    this.#end(new PowerboxError('value_too_large', message));
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: AnswerHeaders): void {
    if (this.#ended || status < 200) return;
    this.line?.headCame();
    if ((controller.rawHeaders as readonly unknown[]).length > 2 * limits.http_headers_max) {
      const message = `${this.#options.where} answered more than ${limits.http_headers_max} headers`;
      this.#end(new PowerboxError('value_too_large', message));
      return;
    }
    this.#watch.enter('body', this.#options.times.idle_ms_max);
    const sink = this.#options.head({ status, headers }, this);
    if (sink instanceof PowerboxError) this.#end(sink);
    else this.#sink = sink;
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#ended || this.#sink === null) return;
    this.bytes += chunk.length;
    this.#watch.progress();
    if (this.#sink.data(chunk) || this.#ended) return;
    this.#watch.pause();
    this.line?.hold();
  }

  onResponseEnd(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#watch.end();
    this.line?.release();
    this.#sink?.end();
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    const stage = this.#sink !== null ? 'answering' : this.#sent ? 'asking' : 'connecting';
    this.#end(failureOf(error, this.#options.where, stage));
  }

  #expired(phase: string): void {
    const { where } = this.#options;
    const what =
      phase === 'connection'
        ? `${where} was not reached in time`
        : phase === ''
          ? `the answer of ${where} was not there in time`
          : `${where} sent no more of the ${phase} of its answer in time`;
    this.#end(new PowerboxError('timed_out', what));
  }

  #end(error: PowerboxError): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#watch.end();
    const sink = this.#sink;
    // A connection that is not there yet is not this one's to end.
    if (this.#controller !== null) {
      this.line?.headCame();
      this.line?.release();
    }
    this.#controller?.abort(error);
    if (sink === null) this.#options.failed(error, this.#sent);
    else sink.fail(error);
  }
}
