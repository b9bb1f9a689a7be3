/**
 * One session of a client: which requests were applied, what waits, what was not acknowledged. It outlives its
 * connections and this process: all of it follows from facts. What is sent is taken out of it by an `Outlet`, which
 * never sees what is not durable.
 */
import type { Span } from '../../space/index.ts';
import type { Holder } from './holder.ts';
import { KeptDeliveries } from './kept.ts';
import type { Deferred, Standing } from './standing.ts';
import type { Delivery, Outcome, Outlet } from './types.ts';

const NO_DELIVERIES: readonly Delivery[] = [];

export class Session {
  /** The highest id of a request that was applied. */
  applied = 0;
  /** Number of the next delivery. */
  next = 1;
  /** Deliveries up to this number are handled, as its client has said. */
  handled = 0;
  /** The same as far as it is durable. */
  durableApplied = 0;
  durableNext = 1;
  /** The highest id that came; those up to it are not asked again in this process. */
  received = 0;
  /** Requests on their way into a turn. */
  arriving = 0;
  /** Since when nobody is connected; null while somebody is. */
  detached_ms: number | null = null;
  ended = false;
  /** More is not acknowledged than may be kept; it ends with a turn of its own. */
  overrun = false;
  outlet: Outlet | null = null;
  /** Bytes of deliveries that are not acknowledged. */
  undelivered_bytes = 0;
  /** What waits, by the id of its request. Made when needed: most sessions are idle. */
  #standing: Map<number, Standing> | null = null;
  #deliveries: Delivery[] = [];
  #head = 0;
  #kept: KeptDeliveries | null = null;
  /** What requests brought, while that is not acknowledged: for those that refer to it. */
  #outcomes: Map<number, Outcome> | null = null;
  /** Requests whose facts are to be written, or dropped, with the next commit. */
  #changed: Set<number> | null = null;
  /** Of requests that are followed and not answered, where; in this process only. */
  #spans: Map<number, Span> | null = null;
  /** By a request, those that refer to what it will bring. */
  #awaiting: Map<number, Set<Deferred>> | null = null;
  /** Whether its client may use public names as channels, as was said with its last request. */
  publicNames = false;

  constructor(
    readonly number: number,
    readonly holder: Holder,
    readonly secretHash: Uint8Array,
    readonly client: string,
  ) {}

  // ------------------------------------------------------------------ requests

  get waiting(): number {
    return this.#standing?.size ?? 0;
  }

  standing(id: number): Standing | undefined {
    return this.#standing?.get(id);
  }

  allStanding(): readonly Standing[] {
    return this.#standing === null ? [] : [...this.#standing.values()];
  }

  stand(standing: Standing): void {
    this.#standing ??= new Map();
    this.#standing.set(standing.id, standing);
    this.changed(standing.id);
  }

  sit(id: number): void {
    const standing = this.#standing?.get(id);
    if (standing === undefined) return;
    this.#standing?.delete(id);
    this.changed(id);
    // One that is taken back waits for nothing: else whoever asks and cancels all day would fill what never settles.
    if (standing.kind === 'deferred') for (const of of standing.waitsFor) this.#forget(of, standing);
  }

  awaits(id: number, deferred: Deferred): void {
    this.#awaiting ??= new Map();
    const known = this.#awaiting.get(id);
    if (known === undefined) this.#awaiting.set(id, new Set([deferred]));
    else known.add(deferred);
  }

  #forget(id: number, deferred: Deferred): void {
    const known = this.#awaiting?.get(id);
    if (known?.delete(deferred) === true && known.size === 0) this.#awaiting?.delete(id);
  }

  isAwaited(id: number): boolean {
    return this.#awaiting?.has(id) ?? false;
  }

  takeAwaiting(id: number): Iterable<Deferred> {
    const found = this.#awaiting?.get(id) ?? [];
    this.#awaiting?.delete(id);
    return found;
  }

  changed(id: number): void {
    this.#changed ??= new Set();
    this.#changed.add(id);
  }

  takeChanged(): Iterable<number> {
    const changed = this.#changed;
    this.#changed = null;
    return changed ?? [];
  }

  // ------------------------------------------------------------------ what is followed

  follow(id: number, span: Span): void {
    this.#spans ??= new Map();
    this.#spans.set(id, span);
  }

  /** Where a request is followed that was not answered yet. */
  span(id: number): Span | null {
    return this.#spans?.get(id) ?? null;
  }

  isFollowed(id: number): boolean {
    return this.#spans?.has(id) ?? false;
  }

  /** A request that is followed has been answered, or needs no answer. */
  told(id: number, outcome: string): void {
    this.#spans?.get(id)?.end(outcome);
    this.#spans?.delete(id);
  }

  // ------------------------------------------------------------------ deliveries

  /** Their facts. */
  get kept(): KeptDeliveries {
    this.#kept ??= new KeptDeliveries(this.number);
    return this.#kept;
  }

  get undelivered(): number {
    return this.#deliveries.length - this.#head;
  }

  /** Of one request. */
  undeliveredOf(id: number): number {
    let count = 0;
    for (let index = this.#head; index < this.#deliveries.length; index++)
      if ((this.#deliveries[index] as Delivery).id === id) count++;
    return count;
  }

  push(delivery: Delivery): void {
    this.#deliveries.push(delivery);
    this.undelivered_bytes += delivery.bytes.length;
  }

  remember(id: number, outcome: Outcome): void {
    this.#outcomes ??= new Map();
    this.#outcomes.set(id, outcome);
  }

  outcome(id: number): Outcome | undefined {
    return this.#outcomes?.get(id);
  }

  /** Forgets what is acknowledged. */
  acknowledge(handled: number): void {
    if (handled <= this.handled) return;
    this.handled = handled;
    const deliveries = this.#deliveries;
    for (; this.#head < deliveries.length; this.#head++) {
      const delivery = deliveries[this.#head] as Delivery;
      if (delivery.number > handled) break;
      this.undelivered_bytes -= delivery.bytes.length;
      this.#outcomes?.delete(delivery.id);
    }
    if (this.#head === deliveries.length) {
      this.#deliveries = [];
      this.#head = 0;
    } else if (this.#head > 1024 && this.#head > deliveries.length / 2) {
      this.#deliveries = deliveries.slice(this.#head);
      this.#head = 0;
    }
  }

  /** Those after a number that are durable, in order, at most so many bytes of them but one at least. */
  outgoing(after: number, bytes_max: number): readonly Delivery[] {
    const deliveries = this.#deliveries;
    const first = deliveries[this.#head];
    if (first === undefined || after + 1 >= this.durableNext) return NO_DELIVERIES;
    // Numbers follow each other without gaps.
    const start = this.#head + Math.max(0, after + 1 - first.number);
    let size = 0;
    let end = start;
    for (; end < deliveries.length; end++) {
      const { number, bytes } = deliveries[end] as Delivery;
      size += bytes.length;
      if (number >= this.durableNext || (size > bytes_max && end > start)) break;
    }
    return deliveries.slice(start, end);
  }
}
