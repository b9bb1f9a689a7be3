/**
 * One call that is under way: from a native that was asked to what it answers. Owns the fetch, which ends with its grant
 * and with its caller; it answers once.
 */
import { whenLeft } from '../../channels/index.ts';
import { PowerboxError, isPowerboxError } from '../../src/errors.ts';
import type { NativeAnswer, NativeCall, NewSource } from '../../src/natives/index.ts';
import { answerOf } from './answer.ts';
import type { ChunkSources } from './answer.ts';
import type { Fetch, FetchEnd, Fetched } from './fetch.ts';
import type { HttpGrant } from './grant.ts';
import type { IncomingBody } from './incoming.ts';
import type { RequestPlan } from './request.ts';

export class Asking implements FetchEnd, ChunkSources {
  readonly #grant: HttpGrant;
  readonly #source: (body: IncomingBody, grant: HttpGrant) => NewSource;
  readonly #answer: (answer: NativeAnswer) => void;
  #plan: RequestPlan | null = null;
  #fetch: Fetch | null = null;
  #leave: (() => void) | null = null;

  constructor(
    grant: HttpGrant,
    source: (body: IncomingBody, grant: HttpGrant) => NewSource,
    answer: (answer: NativeAnswer) => void,
  ) {
    this.#grant = grant;
    this.#source = source;
    this.#answer = answer;
  }

  begin(call: NativeCall, plan: RequestPlan, fetch: Fetch): void {
    this.#plan = plan;
    this.#fetch = fetch;
    this.#leave = whenLeft(call, () => fetch.stop(new PowerboxError('cancelled', LEFT)));
    this.#grant.add(fetch);
    fetch.start();
  }

  fetched(fetched: Fetched): void {
    this.#over();
    let answer: NativeAnswer;
    try {
      answer = answerOf(fetched, this.#plan as RequestPlan, this);
    } catch (error) {
      answer = refusal(error);
    }
    this.#answer(answer);
  }

  sourceOf(body: IncomingBody): NewSource {
    return this.#source(body, this.#grant);
  }

  failed(error: unknown): void {
    this.#over();
    this.#answer(refusal(error));
  }

  #over(): void {
    if (this.#fetch !== null) this.#grant.delete(this.#fetch);
    this.#leave?.();
    this.#leave = null;
  }
}

const LEFT = 'nobody waits for this answer any more';

/** Refusals on the way to an answer are answers; anything else is a bug, and the answer of this call only. */
export function refusal(error: unknown): NativeAnswer {
  if (isPowerboxError(error)) return { error: { code: error.code, message: error.message } };
  return { error: { code: 'native_failed', message: error instanceof Error ? error.message : 'the request failed' } };
}
