/** Where the bodies go that come as one value, or that nobody wants. */
import { PowerboxError } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';
import type { Exchange, Sink } from './exchange.ts';
import { Gathered } from './gathered.ts';
import { tooLarge } from './inflate.ts';

/** Reads over the body of a redirect, so that its connection can be used again; not if that takes long. */
export function skipping(exchange: Exchange): Sink {
  return {
    data: () => {
      if (exchange.bytes > limits.http_skipped_bytes_max) {
        exchange.stop(new PowerboxError('value_too_large', 'the body of a redirect is long'));
      }
      return true;
    },
    end: () => {},
    fail: () => {},
  };
}

/** Who wants a body whole, or hears why there is none. */
export interface Collector {
  readonly where: string;
  collected(body: Buffer): void;
  uncollected(error: PowerboxError): void;
}

export class Collecting implements Sink {
  readonly #exchange: Exchange;
  readonly #bytes_max: number;
  readonly #collector: Collector;
  readonly #gathered = new Gathered();

  constructor(exchange: Exchange, bytes_max: number, collector: Collector) {
    this.#exchange = exchange;
    this.#bytes_max = bytes_max;
    this.#collector = collector;
  }

  data(chunk: Buffer): boolean {
    this.#gathered.add(chunk);
    if (this.#exchange.bytes > this.#bytes_max) this.#exchange.stop(tooLarge(this.#collector.where, this.#bytes_max));
    return true;
  }

  end(): void {
    this.#collector.collected(this.#gathered.whole());
  }

  fail(error: PowerboxError): void {
    this.#collector.uncollected(error);
  }
}
