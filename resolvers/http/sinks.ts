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

/** The whole body, or why there is none. */
export function collecting(
  exchange: Exchange,
  bytes_max: number,
  where: string,
  done: (body: Buffer | PowerboxError) => void,
): Sink {
  const gathered = new Gathered();
  return {
    data: (chunk) => {
      gathered.add(chunk);
      if (exchange.bytes > bytes_max) exchange.stop(tooLarge(where, bytes_max));
      return true;
    },
    end: () => done(gathered.whole()),
    fail: done,
  };
}
