/**
 * Messages from outside: each waits for its turn, then for the commit that holds the turn, then tells its
 * caller. One object does for the whole way, for there are hundreds of thousands a second.
 */
import { PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { Value } from '../values/index.ts';
import type { Settled } from './entry.ts';
import type { LiveTask } from './tasks.ts';
import type { Cause, Poster, Turn } from './types.ts';

export class Arrival implements Settled {
  /** What the turn answered, or how it refused. */
  result: unknown = undefined;
  refusal: PowerboxError | null = null;
  /** Asked just before the turn: with an answer there is none, and nothing of it is on record. */
  guard: (() => PowerboxError | null) | null = null;

  constructor(
    readonly cause: Cause,
    /** The message of a produce, which then is all that the turn does; else null. */
    readonly message: readonly Value[] | null,
    /** What the turn does; null: what the kind of the cause is registered for. */
    readonly apply: ((turn: Turn) => unknown) | null,
    /** Hears in the turn what that answered; changes nothing of the space. */
    readonly after: ((result: unknown, turn: Turn) => void) | null,
    readonly task: LiveTask | null,
    readonly poster: Poster,
  ) {}

  durable(): void {
    if (this.refusal !== null) this.poster.refused(this.refusal);
    else this.poster.done(this.result);
  }

  lost(error: Error): void {
    this.poster.refused(error);
  }
}

/** First in, first out. */
export class Arrivals {
  #queue: Arrival[] = [];
  #head = 0;

  get length(): number {
    return this.#queue.length - this.#head;
  }

  push(arrival: Arrival): void {
    if (this.length >= limits.causes_waiting_max) {
      arrival.poster.refused(
        new PowerboxError('too_many_tasks', `${limits.causes_waiting_max} messages are waiting for their turn`),
      );
      return;
    }
    this.#queue.push(arrival);
  }

  /** To be called when there is one. */
  shift(): Arrival {
    const arrival = this.#queue[this.#head++] as Arrival;
    if (this.#head === this.#queue.length) {
      this.#queue = [];
      this.#head = 0;
    } else if (this.#head >= 4096) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
    return arrival;
  }

  /** Refuses all that wait. */
  refuse(error: Error): void {
    while (this.length > 0) this.shift().poster.refused(error);
  }
}
