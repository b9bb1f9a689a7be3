/**
 * Joins: which data fill the slots of a continuation that waits on several channels, or on one several times.
 * Channels are independent of each other; the slots on one channel are bipartite matching (`firstAssignment`).
 * Finds, and changes nothing.
 */
import { PowerboxError } from '../errors.ts';
import { firstAssignment, type MessagePattern } from '../match/index.ts';
import type { Value } from '../values/index.ts';
import type { Channel } from './channel.ts';
import { type Datum, type Join, JoinReference, Waiter, type Waiting } from './items.ts';
import type { Account, Receive, Slot } from './types.ts';

const NO_CAPTURES: readonly Value[] = [];

/** Data chosen for a join, slot by slot, with what each slot captured. */
export interface Assignment {
  readonly data: readonly Datum[];
  readonly captures: readonly Value[];
}

type Match = (pattern: MessagePattern, message: readonly Value[]) => readonly Value[] | null;

export class Joins {
  readonly #place: (value: Value) => Channel;
  readonly #match: Match;

  constructor(place: (value: Value) => Channel, match: Match) {
    this.#place = place;
    this.#match = match;
  }

  /** A join that is not put down yet, with its distinct channels. */
  make(receive: Receive, account: Account): Waiter {
    const channels: Channel[] = [];
    const channelOfSlot: number[] = [];
    for (const slot of receive.slots) {
      const channel = this.#place(slot.channel);
      if (channel.owner !== null) throw owned();
      let index = channels.indexOf(channel);
      if (index < 0) index = channels.push(channel) - 1;
      channelOfSlot.push(index);
    }
    const waiter = new Waiter(channels[0] as Channel, receive, account, false);
    const entries: Waiting[] = channels.map((_, index) => (index === 0 ? waiter : new JoinReference(waiter)));
    waiter.join = { channels, entries, channelOfSlot };
    return waiter;
  }

  /** The first assignment in lexicographic order of ages, or null. */
  assign(waiter: Waiter): Assignment | null {
    const join = waiter.join as Join;
    const chosen = new Array<Datum | null>(join.channelOfSlot.length).fill(null);
    const captures = new Array<readonly Value[]>(chosen.length).fill(NO_CAPTURES);
    this.complete(join);
    // Cheap refusal first: a channel without data ends it before any pattern is tried.
    for (const channel of join.channels) if (channel.data === null || channel.data.live === 0) return null;
    for (let index = 0; index < join.channels.length; index++)
      if (!this.#assignChannel(waiter, index, chosen, captures, null, -1)) return null;
    return { data: chosen as Datum[], captures: captures.flat() };
  }

  /** Reads the join's channels that are not in memory yet. */
  complete(join: Join): void {
    for (const channel of join.channels) if (!channel.complete) this.#place(channel.value);
  }

  /** As `#assign`, among the assignments in which `datum`, which has just come to `channel`, takes part. */
  assignWith(waiter: Waiter, channel: Channel, datum: Datum): Assignment | null {
    const join = waiter.join as Join;
    this.complete(join);
    for (const other of join.channels) if (other.data === null || other.data.live === 0) return null;
    const own = join.channels.indexOf(channel);
    const chosen = new Array<Datum | null>(join.channelOfSlot.length).fill(null);
    const captures = new Array<readonly Value[]>(chosen.length).fill(NO_CAPTURES);
    if (!this.#assignArrival(waiter, own, chosen, captures, datum)) return null;
    for (let index = 0; index < join.channels.length; index++)
      if (index !== own && !this.#assignChannel(waiter, index, chosen, captures, null, -1)) return null;
    return { data: chosen as Datum[], captures: captures.flat() };
  }

  /** Fills the slots of the channel to which `datum` has come, with `datum` in one of them: the first such assignment. */
  #assignArrival(
    waiter: Waiter,
    own: number,
    chosen: (Datum | null)[],
    captures: (readonly Value[])[],
    datum: Datum,
  ): boolean {
    const { channelOfSlot } = waiter.join as Join;
    let best: (Datum | null)[] | null = null;
    let bestCaptures: (readonly Value[])[] = captures;
    for (let slot = 0; slot < channelOfSlot.length; slot++) {
      if (channelOfSlot[slot] !== own) continue;
      const tried = chosen.slice();
      const got = captures.slice();
      if (!this.#assignChannel(waiter, own, tried, got, datum, slot)) continue;
      if (best !== null && !isEarlier(tried, best)) continue;
      best = tried;
      bestCaptures = got;
    }
    if (best === null) return false;
    for (let slot = 0; slot < best.length; slot++) {
      chosen[slot] = best[slot] as Datum | null;
      captures[slot] = bestCaptures[slot] as readonly Value[];
    }
    return true;
  }

  /** Fills the slots of one channel; channels are independent of each other. `fixed` must be in slot `fixedSlot`. */
  #assignChannel(
    waiter: Waiter,
    index: number,
    chosen: (Datum | null)[],
    captures: (readonly Value[])[],
    fixed: Datum | null,
    fixedSlot: number,
  ): boolean {
    const { channels, channelOfSlot } = waiter.join as Join;
    const channel = channels[index] as Channel;
    const slots: number[] = [];
    for (let slot = 0; slot < channelOfSlot.length; slot++) if (channelOfSlot[slot] === index) slots.push(slot);
    const found: { datum: Datum; captures: readonly Value[] }[][] = [];
    for (const slot of slots) {
      const pattern = (waiter.receive.slots[slot] as Slot).pattern;
      const list: { datum: Datum; captures: readonly Value[] }[] = [];
      if (slot === fixedSlot && fixed !== null) {
        const got = this.#match(pattern, fixed.message);
        if (got !== null) list.push({ datum: fixed, captures: got });
      } else {
        // As many candidates as there are slots suffice: the others can occupy all but one of them.
        const cursor = (channel.data as NonNullable<Channel['data']>).candidates(pattern);
        for (let datum = cursor.next(); datum !== null && list.length < slots.length; datum = cursor.next()) {
          const got = this.#match(pattern, datum.message);
          if (got !== null) list.push({ datum, captures: got });
        }
      }
      if (list.length === 0) return false;
      found.push(list);
    }
    const picked = slots.length === 1 ? [(found[0] as { datum: Datum; captures: readonly Value[] }[])[0]] : pick(found);
    if (picked === null) return false;
    for (let at = 0; at < slots.length; at++) {
      const slot = slots[at] as number;
      const choice = picked[at] as { datum: Datum; captures: readonly Value[] };
      chosen[slot] = choice.datum;
      captures[slot] = choice.captures;
    }
    return true;
  }
}

type Choice = { datum: Datum; captures: readonly Value[] };

function pick(found: readonly (readonly Choice[])[]): readonly Choice[] | null {
  const numbers = firstAssignment(
    found.map((list) => list.map((choice) => choice.datum)),
    (datum) => datum.persist,
    (datum) => datum.number,
  );
  if (numbers === null) return null;
  return numbers.map(
    (datum, at) => (found[at] as readonly Choice[]).find((choice) => choice.datum === datum) as Choice,
  );
}

/** Whether the first assignment comes before the second in lexicographic order of ages (of one channel's slots). */
function isEarlier(first: readonly (Datum | null)[], second: readonly (Datum | null)[]): boolean {
  for (let slot = 0; slot < first.length; slot++) {
    const one = first[slot] as Datum | null;
    const other = second[slot] as Datum | null;
    if (one === null || other === null || one === other) continue;
    return one.number < other.number;
  }
  return false;
}

export function owned(): PowerboxError {
  return new PowerboxError('channel_owned', 'this channel belongs to a native; only its owner receives on it', {
    hint: 'Send to it, and receive the answer on a channel of your own.',
  });
}
