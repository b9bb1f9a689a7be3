/**
 * The last answer of a route: who asks for one thing again and again is mostly told the same, and then nothing is read and
 * made anew. Owns a copy of the body that it was made of. Must never take two answers for the same that differ in a byte.
 */
import { limits } from '../../src/limits.ts';
import { keepBytes } from '../../src/values/index.ts';
import type { MapValue } from '../../src/values/index.ts';
import type { Headers } from './head.ts';
import type { RequestPlan } from './request.ts';

type Form = RequestPlan['form'];

/** Of routes that are gone after one request, as those with a query are: nothing is made for them. */
const NOTHING = Buffer.alloc(0);

export class LastAnswer {
  #value: MapValue | null = null;
  /** One for each block of headers, as long as the same comes again. */
  #headers: Headers | null = null;
  #status = 0;
  #form: Form = 'value';
  #body = NOTHING;
  #isKept = false;

  /** Null: what came is something else. */
  again(status: number, headers: Headers, body: Buffer, form: Form): MapValue | null {
    const value = this.#value;
    if (value === null || headers !== this.#headers || status !== this.#status || form !== this.#form) return null;
    if (!body.equals(this.#body)) return null;
    // Not the first time: most answers come once, and would be written twice.
    if (!this.#isKept) {
      this.#isKept = true;
      keepBytes(value);
    }
    return value;
  }

  remember(status: number, headers: Headers, body: Buffer, form: Form, value: MapValue): void {
    if (body.length > limits.http_answer_kept_bytes_max) return;
    this.#value = value;
    this.#headers = headers;
    this.#status = status;
    this.#form = form;
    this.#isKept = false;
    if (this.#body.length !== body.length) this.#body = Buffer.from(body);
    else body.copy(this.#body);
  }
}
