/**
 * What causes of the space itself do: takes and reads from outside, messages with a lease, settings of quotas, names.
 * Owns the callers who wait, by the turn in which they began to, so that a later cause can say whose wait is over.
 */
import { compilePattern } from '../match/index.ts';
import { List, type Remainder, type Value } from '../values/index.ts';
import type { Waiter } from './items.ts';
import { type Quotas, SETTINGS_FACT, USAGE_PREFIX } from './quotas.ts';
import type { SpaceEngine } from './engine.ts';
import type { Account, Body, Receive, Slot, Turn } from './types.ts';

/**
 * Facts of data that go away by themselves: `[channel, number, stamp, end in ms since 1970]`. Numbers begin again
 * on a channel that was empty for long; the stamp is never used again.
 */
export const LEASE_PREFIX = 'lease/';

/** Somebody records from behind this turn on. Nothing happens in it: it makes a commit where there would be none. */
export const RECORDED = 'recorded';

export const HOST_BODY: Body = { label: 'host', term: null, place: 0, environment: [] };

/** Waits before those that are over are forgotten. */
const SWEEP_MIN = 512;

const NOBODY_TO_TELL = (): void => {};

/** The payload of a request, `[[channel, peek, patterns, remainder], …]`, with what it was made from. */
class RequestValue extends List {
  constructor(readonly receive: Receive) {
    super(
      receive.slots.map(
        (slot) => new List([slot.channel, slot.peek, new List(slot.pattern.patterns), slot.pattern.remainder]),
      ),
    );
  }
}

export function requestValue(receive: Receive): Value {
  return new RequestValue(receive);
}

function receiveOf(payload: Value): Receive {
  if (payload instanceof RequestValue) return payload.receive;
  const slots = (payload as List).items.map((item): Slot => {
    const [channel, peek, patterns, remainder] = (item as List).items;
    const pattern = compilePattern((patterns as List).items, remainder as Remainder);
    return { channel: channel as Value, peek: peek as boolean, pattern };
  });
  return { persist: false, body: HOST_BODY, slots };
}

/** What a request finds: the captures, or who waits for them now. */
export interface Requested {
  readonly captures: readonly Value[] | null;
  readonly waiter: Waiter | null;
}

/** A message that goes away by itself; `place` tells those of one turn apart. */
export interface Leased {
  readonly channel: Value;
  readonly message: readonly Value[];
  readonly persist: boolean;
  readonly account: Account;
  readonly ends_ms: number;
  readonly place: number;
}

/** A lease that is on record, for whoever has its timer. */
export interface Lease {
  readonly key: string;
  readonly value: Value;
}

/** Puts it down and the lease on record; null when it was taken at once. Throws when there is no room for it. */
export function produceLeased(engine: SpaceEngine, turn: Turn, leased: Leased): Lease | null {
  const { channel, message, persist, account, ends_ms, place: at } = leased;
  const place = engine.place(channel);
  const number = place.nextDatum;
  // Not by the turn: that there is no room for it is the caller's to hear.
  engine.tuples.produce(channel, message, persist, account);
  const datum = place.data?.byNumber(number) ?? null;
  // Taken at once: there is nothing left that could go away.
  if (datum === null) return null;
  const key = `${LEASE_PREFIX}${engine.turn}${at === 0 ? '' : `.${at}`}`;
  const value = new List([channel, number, datum.stamp, ends_ms]);
  turn.setFact(key, value);
  return { key, value };
}

/** Callers of this process who wait, for a record that begins between two turns. */
export interface OwnCauses {
  /** By the turn in which each began to wait: what it asked for, and its numbers on its channels. */
  waiting(): readonly (readonly [turn: number, request: Value, ...numbers: number[]])[];
  /** Lets one wait as it did; oldest first. */
  waitAgain(turn: number, request: Value, numbers: readonly number[]): void;
}

export function registerOwnCauses(engine: SpaceEngine, quotas: Quotas | null): OwnCauses {
  const { tuples } = engine;
  const waiting = new Map<number, Waiter>();
  let sweepAt = SWEEP_MIN;

  engine.register('request', (_turn, { payload }): Requested => {
    return { captures: tuples.tryOnce(receiveOf(payload)), waiter: null };
  });
  // One that waits when it finds nothing.
  engine.register('wait', (_turn, { payload }): Requested => {
    const receive = receiveOf(payload);
    const captures = tuples.tryOnce(receive);
    if (captures !== null) return { captures, waiter: null };
    const waiter = tuples.wait(receive, NOBODY_TO_TELL, null);
    if (waiting.size >= sweepAt) {
      for (const [turn, { gone }] of waiting) if (gone) waiting.delete(turn);
      sweepAt = 2 * waiting.size + SWEEP_MIN;
    }
    waiting.set(engine.turn, waiter);
    return { captures, waiter };
  });
  engine.register('withdraw', (_turn, { payload }): boolean => {
    const waiter = waiting.get(payload as number);
    waiting.delete(payload as number);
    return waiter !== undefined && tuples.withdraw(waiter);
  });

  engine.register('batch', (turn, { payload }) => {
    for (const item of (payload as List).items) {
      const [channel, message, persist] = (item as List).items;
      turn.produce(channel as Value, (message as List).items, persist as boolean);
    }
  });
  engine.register('lease', (turn, { payload, account }) => {
    const [channel, message, persist, ends_ms] = (payload as List).items as [Value, List, boolean, number];
    return produceLeased(engine, turn, { channel, message: message.items, persist, account, ends_ms, place: 0 });
  });
  engine.register('lease-end', (turn, { payload }) => {
    const [key] = (payload as List).items as [string];
    const lease = turn.fact(key);
    if (lease === undefined) return;
    const [channel, number, stamp] = (lease as List).items as [Value, number, number];
    turn.setFact(key, undefined);
    const place = engine.place(channel);
    const datum = place.data?.byNumber(number) ?? null;
    if (datum !== null && datum.stamp === stamp) tuples.expire(place, datum);
  });

  engine.register('quotas', (turn, { payload }) => {
    if (payload !== null) {
      quotas?.settle();
      return;
    }
    for (const [key] of [...engine.facts(USAGE_PREFIX)]) turn.setFact(key, undefined);
    turn.setFact(SETTINGS_FACT, undefined);
  });
  engine.register('refill', (_turn, { payload }) => quotas?.refill(payload as number));
  engine.register('name', (turn) => turn.newName());
  engine.register(RECORDED, () => null);

  return {
    waiting: () =>
      [...waiting].flatMap(([turn, waiter]) =>
        waiter.gone
          ? []
          : [[turn, requestValue(waiter.receive), ...waiter.entries.map(({ number }) => number)] as const],
      ),
    waitAgain: (turn, request, numbers) => {
      waiting.set(turn, tuples.waitAgain(receiveOf(request), NOBODY_TO_TELL, numbers));
    },
  };
}
