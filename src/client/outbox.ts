/**
 * Requests on their way out: those that wait to be sent, and those that were sent and are not yet done. Owns their
 * order and their ids, which only grow; puts them together to frames. Must never send more than the service said that
 * it takes, never send a request before one that it refers to, and never give an id twice.
 */
import { isPowerboxError, PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { Value } from '../values/index.ts';
import {
  clientParts,
  frameOf,
  MessageEncoder,
  type ClientMessage,
  type Parts,
  type Request,
  type WireLimits,
} from '../wire/index.ts';
import { sealing } from './marshal.ts';
import type { Pending } from './stubs.ts';

/** What becomes of a request, as the service tells. */
export interface Sink {
  /** Something came of it. `handled` is called when the program has what it needs of it. */
  deliver(value: Value, last: boolean, handled: () => void): void;
  fail(error: unknown): void;
  /** The program has closed its client; where this is not there, that is a failure. */
  closed?(): void;
  /** It was applied; of a request to which nothing is answered this is the end. */
  applied(): void;
}

/** One request, from its asking to its end. */
export interface Entry {
  /** Given when it is first sent. */
  id: number | null;
  /** In words of the program, for errors: `take`, `resolve`. */
  readonly asked: string;
  readonly write: (id: number) => Request;
  /** What the program waits for, and may refer to; null where nothing is answered. */
  readonly pending: Pending | null;
  /** Whose results stand in it. */
  readonly references: readonly Pending[];
  /** Nothing is answered to it. */
  readonly silent: boolean;
  readonly sink: Sink;
  /** Must be done, with the id that it will have, before it is sent. */
  readonly before?: ((id: number) => Promise<void>) | undefined;
  /** The step of the program's trace in which it was asked, or null. */
  readonly parent: string | null;
  /** It is not to be sent any more. */
  withdrawn: boolean;
}

/** Room that the head of a frame takes. */
const FRAME_HEAD_BYTES = 8;

export class Outbox {
  readonly #encoder = new MessageEncoder(sealing);
  /** Sent and not done, by id; in the order of their ids. */
  readonly #sent = new Map<number, Entry>();
  /** Of these, those of which it is not known whether they were applied. */
  #unapplied: Queue<Entry> = new Queue();
  #again: Queue<Entry> = new Queue();
  /** Go before all that was not yet sent: they make room. */
  readonly #urgent = new Queue<Entry>();
  readonly #waiting = new Queue<Entry>();
  #nextId = 1;
  /** What must be done before anything further is sent. */
  #blocked = false;
  #limits: WireLimits | null = null;
  /** Whether the service can be told in whose trace it is asked. */
  traces = false;

  get waiting(): number {
    return this.#waiting.length;
  }

  get underWay(): number {
    return this.#sent.size;
  }

  /** Refused with `rate_limited` when too many wait. */
  add(entry: Entry, urgent = false): void {
    if (urgent) this.#urgent.add(entry);
    else if (this.#waiting.length < limits.client_requests_waiting_max) this.#waiting.add(entry);
    else {
      const count = limits.client_requests_waiting_max;
      throw new PowerboxError('rate_limited', `${entry.asked}: ${count} requests wait to be sent`, {
        hint: 'Wait for answers before asking for more.',
      });
    }
  }

  /** The request of this id, as long as it is not done. */
  find(id: number): Entry | undefined {
    return this.#sent.get(id);
  }

  done(entry: Entry): void {
    if (entry.id !== null) this.#sent.delete(entry.id);
  }

  /** A request that an earlier run of the program has sent goes on. */
  adopt(entry: Entry, id: number): void {
    entry.id = id;
    this.#sent.set(id, entry);
  }

  /** The service has applied everything up to this id. */
  applied(id: number): void {
    for (;;) {
      const entry = this.#unapplied.first();
      if (entry === undefined || (entry.id as number) > id) return;
      this.#unapplied.take();
      letGo(entry.references);
      // One that waits for a result is answered when it was done, also if it has nothing to say.
      if (!entry.silent || entry.references.length > 0) continue;
      this.#sent.delete(entry.id as number);
      entry.sink.applied();
    }
  }

  /** A connection of the same session: what the service has not applied is sent again. */
  resume(applied: number, bounds: WireLimits): void {
    this.#limits = bounds;
    this.#nextId = Math.max(this.#nextId, applied + 1);
    this.applied(applied);
    this.#again = new Queue();
    for (const entry of this.#unapplied.all()) this.#again.add(entry);
  }

  /** Another session: what was sent in the old one is lost to this one. Answers those requests. */
  restart(bounds: WireLimits): readonly Entry[] {
    this.#limits = bounds;
    const lost = [...this.#sent.values()];
    for (const entry of this.#unapplied.all()) for (const pending of entry.references) pending.unuse();
    this.#sent.clear();
    this.#unapplied = new Queue();
    this.#again = new Queue();
    return lost;
  }

  /** Everything that is not done. */
  all(): readonly Entry[] {
    return [...this.#sent.values(), ...this.#urgent.all(), ...this.#waiting.all()];
  }

  /**
   * The next frame, after these messages that have no id; null when there is nothing to send, or nothing may be.
   * `whenFree` is called when something may be sent again that may not now.
   */
  frame(before: readonly ClientMessage[], whenFree: () => void): Uint8Array | null {
    const messages = before.map((message) => this.#encoder.encode(clientParts(message)));
    let bytes = messages.reduce((sum, message) => sum + message.length, FRAME_HEAD_BYTES);
    const bounds = this.#limits;
    /** What was said last in this frame of whose trace the requests are. */
    let parent: string | null = null;
    while (bounds !== null && !this.#blocked && messages.length < bounds.frame_messages) {
      const queue = this.#next(bounds);
      const entry = queue?.first();
      if (queue === undefined || entry === undefined) break;
      if (entry.withdrawn && entry.id === null) {
        queue.take();
        continue;
      }
      if (entry.before !== undefined && entry.id === null) {
        this.#block(entry, entry.before, whenFree);
        break;
      }
      const message = this.#encode(entry, bounds);
      if (message === null) {
        queue.take();
        continue;
      }
      const trace = entry.parent === parent || !this.traces ? [] : [this.#encoder.encode(traceParts(entry.parent))];
      const size = trace.reduce((sum, { length }) => sum + length, message.length);
      const isRoom = bytes + size <= bounds.frame_bytes && messages.length + trace.length < bounds.frame_messages;
      // It opens the next frame; unlike an id that was not used, one that was used is not given again.
      if (!isRoom && messages.length > 0) break;
      queue.take();
      this.#send(entry);
      // One that fills a frame by itself goes without.
      if (isRoom) {
        messages.push(...trace);
        parent = entry.parent;
      }
      messages.push(message);
      bytes += size;
    }
    return messages.length === 0 ? null : frameOf(messages);
  }

  #next(bounds: WireLimits): Queue<Entry> | undefined {
    if (this.#again.length > 0) return this.#again;
    if (this.#urgent.length > 0) return this.#urgent;
    return this.#sent.size < bounds.requests && this.#waiting.length > 0 ? this.#waiting : undefined;
  }

  #send(entry: Entry): void {
    if (entry.id !== null) return;
    entry.id = this.#nextId++;
    if (entry.pending !== null) entry.pending.id = entry.id;
    this.#sent.set(entry.id, entry);
    this.#unapplied.add(entry);
  }

  /** Null: it cannot be sent, and its sink knows. */
  #encode(entry: Entry, bounds: WireLimits): Uint8Array | null {
    try {
      for (const { id, outcome } of entry.references) if (id === null && outcome?.ok === false) throw outcome.error;
      const message = this.#encoder.encode(clientParts(entry.write(entry.id ?? this.#nextId)));
      if (message.length + FRAME_HEAD_BYTES <= bounds.frame_bytes) return message;
      throw new PowerboxError(
        'value_too_large',
        `${entry.asked}: a request of ${message.length} bytes; the service takes ${bounds.frame_bytes}`,
        { hint: 'Send large data in parts, or through a file.' },
      );
    } catch (error) {
      for (const pending of entry.references) pending.unuse();
      entry.withdrawn = true;
      entry.sink.fail(isPowerboxError(error) ? error : new PowerboxError('value_unsupported', String(error)));
      return null;
    }
  }

  #block(entry: Entry, before: (id: number) => Promise<void>, whenFree: () => void): void {
    this.#blocked = true;
    const id = this.#nextId;
    before(id).then(
      () => {
        this.#blocked = false;
        this.#waiting.take();
        this.#send(entry);
        this.#again.add(entry);
        whenFree();
      },
      (error: unknown) => {
        this.#blocked = false;
        this.#waiting.take();
        entry.withdrawn = true;
        entry.sink.fail(error);
        whenFree();
      },
    );
  }
}

function traceParts(parent: string | null): Parts {
  return clientParts({ kind: 'trace', parent: parent ?? '' });
}

/**
 * The service knows the request that refers to these results. It needs them until the last one has come, for it puts
 * them in all at once.
 */
function letGo(references: readonly Pending[]): void {
  let missing = 0;
  const release = (): void => {
    for (const pending of references) pending.unuse();
  };
  for (const pending of references) {
    if (pending.outcome !== undefined) continue;
    missing++;
    pending.whenSettled(() => {
      missing--;
      if (missing === 0) release();
    });
  }
  if (missing === 0) release();
}

/** First in, first out, without moving what waits. */
class Queue<T> {
  #items: (T | undefined)[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  add(item: T): void {
    this.#items.push(item);
  }

  first(): T | undefined {
    return this.#items[this.#head];
  }

  take(): void {
    // What was taken is held by nobody here: handles hang on it.
    this.#items[this.#head] = undefined;
    this.#head++;
    if (this.#head < 1_024 || this.#head * 2 < this.#items.length) return;
    this.#items = this.#items.slice(this.#head);
    this.#head = 0;
  }

  all(): readonly T[] {
    return this.#items.slice(this.#head) as readonly T[];
  }
}
