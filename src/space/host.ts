/**
 * The space as a program in this process uses it: produce, take, read, count. Every call is one message from
 * outside and one turn, and is answered when that turn is durable.
 */
import { PowerboxError } from '../errors.ts';
import type { MessagePattern } from '../match/index.ts';
import type { Cancellable, Platform } from '../platform/index.ts';
import { List, type Value } from '../values/index.ts';
import type { SpaceEngine } from './engine.ts';
import type { Waiter } from './items.ts';
import { HOST_BODY, type Lease, LEASE_PREFIX } from './own-causes.ts';
import type { Span } from './span.ts';
import type { Account, Receive, Slot } from './types.ts';

export interface HostRequest {
  readonly slots: readonly { readonly channel: Value; readonly pattern: MessagePattern; readonly peek?: boolean }[];
  /** Milliseconds to wait for data; 0 does not wait, absent waits for ever. */
  readonly timeout_ms?: number;
  readonly signal?: AbortSignal;
}

interface ProduceOptions {
  readonly persist?: boolean;
  readonly account?: Account;
  readonly lease_ms?: number;
  /** Where the message is followed; of one with a lease nobody asks. */
  readonly span?: Span | null;
}

export class SpaceHost {
  readonly #engine: SpaceEngine;
  readonly #platform: Platform;
  /** Callers who wait, to be told when the space closes. */
  readonly #waiting = new Set<(error: Error) => void>();
  /** The same callers, to be told that they wait in vain: what they wait for stays where it is. */
  readonly #giveUps = new Set<(error: PowerboxError) => void>();
  #refusal: PowerboxError | null = null;
  /** Timers of leases, by the key of their fact. */
  readonly #leases = new Map<string, Cancellable>();

  constructor(engine: SpaceEngine, platform: Platform) {
    this.#engine = engine;
    this.#platform = platform;
    engine.onClose((error) => {
      for (const refuse of [...this.#waiting]) refuse(error);
      for (const timer of this.#leases.values()) timer.cancel();
      this.#leases.clear();
    });
    // Leases outlive a restart: what is overdue ends in the first turns.
    for (const [key, value] of engine.facts(LEASE_PREFIX)) this.arm({ key, value });
  }

  /** Resolves when the message is durable. With `lease_ms` it goes away by itself after that time. */
  async produce(channel: Value, message: readonly Value[], options: ProduceOptions = {}): Promise<void> {
    const { persist = false, account = 0, lease_ms, span = null } = options;
    if (this.#refusal !== null) throw this.#refusal;
    if (lease_ms === undefined) return this.#engine.produce(channel, message, persist, account, span);
    if (!(lease_ms > 0)) throw new PowerboxError('bad_request', `a lease of ${lease_ms} ms; it must be longer than 0`);
    const ends_ms = Math.ceil(this.#platform.clock.now_ms() + lease_ms);
    const cause = { kind: 'lease', payload: new List([channel, new List(message), persist, ends_ms]), account };
    const lease = await this.#engine.enact<Lease | null>(cause);
    if (lease !== null) this.arm(lease);
  }

  /** Several messages in one turn: all of them or none. */
  async produceAll(
    messages: readonly { readonly channel: Value; readonly message: readonly Value[]; readonly persist?: boolean }[],
  ): Promise<void> {
    if (this.#refusal !== null) throw this.#refusal;
    const payload = new List(
      messages.map(({ channel, message, persist }) => new List([channel, new List(message), persist ?? false])),
    );
    await this.#engine.enact({ kind: 'batch', payload, account: 0 });
  }

  /** A lease is on record, and durable: its time runs. */
  arm({ key, value }: Lease): void {
    if (this.#engine.closed !== null) return;
    const [channel, number, stamp, ends_ms] = (value as List).items as [Value, number, number, number];
    const end = (): void => {
      this.#leases.delete(key);
      const cause = { kind: 'lease-end', payload: new List([key, channel, number, stamp]), account: 0 };
      const ended = this.#engine.enact(cause);
      // A space that closes meanwhile finds the lease again when it opens.
      ended.catch(() => {});
    };
    const left_ms = Math.max(0, ends_ms - this.#platform.clock.now_ms());
    this.#leases.set(key, this.#platform.timers.after(left_ms, end));
  }

  /** Takes data that match, one for each slot, oldest first; answers their captures in slot order. */
  take(request: HostRequest): Promise<readonly Value[]> {
    const isRead = request.timeout_ms === 0 && request.slots.every(({ peek }) => peek === true);
    if (this.#refusal !== null && !isRead) return Promise.reject(this.#refusal);
    const receive: Receive = {
      persist: false,
      body: HOST_BODY,
      slots: request.slots.map(
        (slot): Slot => ({ channel: slot.channel, pattern: slot.pattern, peek: slot.peek ?? false }),
      ),
    };
    if (request.timeout_ms === 0)
      return this.#engine
        .request(receive, null, () => {})
        .then((captures) => {
          if (captures === null) throw new PowerboxError('timed_out', 'nothing there matches');
          return captures;
        });
    return this.#waitFor(receive, request);
  }

  /** As `take`, and leaves everything where it is. */
  read(request: HostRequest): Promise<readonly Value[]> {
    return this.take({ ...request, slots: request.slots.map((slot) => ({ ...slot, peek: true })) });
  }

  /** Data and continuations on a channel right now. */
  count(channel: Value): { readonly data: number; readonly waiting: number } {
    const place = this.#engine.place(channel);
    return { data: place.data?.live ?? 0, waiting: (place.waiters?.live ?? 0) + (place.owner === null ? 0 : 1) };
  }

  /** From now on nothing is put in or taken out, and who waits for data is told why; what is there is still read. */
  refuse(error: PowerboxError): void {
    this.#refusal = error;
    for (const giveUp of [...this.#giveUps]) giveUp(error);
  }

  #waitFor(receive: Receive, request: HostRequest): Promise<readonly Value[]> {
    const { signal, timeout_ms } = request;
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(new PowerboxError('cancelled', 'the caller had stopped waiting before the request was made'));
        return;
      }
      let waiter: Waiter | null = null;
      let turn = 0;
      let timer: Cancellable | null = null;
      let settled = false;
      const settle = (): void => {
        settled = true;
        this.#waiting.delete(refuse);
        this.#giveUps.delete(giveUp);
        timer?.cancel();
        signal?.removeEventListener('abort', abort);
      };
      const deliver = (captures: readonly Value[]): void => {
        settle();
        resolve(captures);
      };
      const refuse = (error: Error): void => {
        settle();
        reject(error);
      };
      const giveUp = (error: PowerboxError): void => {
        if (settled || waiter === null) return;
        // A turn of its own decides between this and a message that is on its way.
        this.#engine.enact<boolean>({ kind: 'withdraw', payload: turn, account: 0 }).then((withdrawn) => {
          if (withdrawn) refuse(error);
        }, refuse);
      };
      const abort = (): void => giveUp(new PowerboxError('cancelled', 'the caller has stopped waiting'));
      const wait = (captures: readonly Value[] | null): void => {
        // What it waits for may have come in the same commit.
        if (settled) return;
        if (captures !== null) {
          deliver(captures);
          return;
        }
        if (timeout_ms !== undefined)
          timer = this.#platform.timers.after(timeout_ms, () =>
            giveUp(new PowerboxError('timed_out', `nothing matched within ${timeout_ms} ms`)),
          );
        signal?.addEventListener('abort', abort);
        if (signal?.aborted) abort();
      };
      const stored = (found: Waiter, at: number): void => {
        waiter = found;
        turn = at;
      };
      this.#waiting.add(refuse);
      this.#giveUps.add(giveUp);
      this.#engine.request(receive, deliver, stored, refuse).then(wait, refuse);
    });
  }
}
