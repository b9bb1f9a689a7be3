/**
 * The law of the space once more, as simply as it can be said: lists, and every assignment tried in order.
 * Slow, and read against `spec/space.md`.
 */
export interface ModelMessage {
  readonly values: readonly number[];
  readonly persist: boolean;
}

/** A slot wants a number of values, and at some positions a certain value. */
export interface ModelSlot {
  readonly channel: string;
  readonly wants: readonly (number | null)[];
  readonly peek: boolean;
}

export interface ModelReceive {
  readonly label: string;
  readonly slots: readonly ModelSlot[];
  readonly persist: boolean;
}

interface Lying extends ModelMessage {
  readonly id: number;
}

/** What runs: the label, and the values that the free positions of each slot have. */
export type Fired = readonly [label: string, captures: readonly number[]];

const matches = (slot: ModelSlot, message: ModelMessage): boolean =>
  message.values.length === slot.wants.length &&
  slot.wants.every((want, at) => want === null || want === message.values[at]);

export class Model {
  readonly data = new Map<string, Lying[]>();
  waiting: ModelReceive[] = [];
  #id = 0;

  on(channel: string): Lying[] {
    let list = this.data.get(channel);
    if (list === undefined) {
      list = [];
      this.data.set(channel, list);
    }
    return list;
  }

  produce(channel: string, message: ModelMessage): Fired[] {
    const fired: Fired[] = [];
    const datum: Lying = { ...message, id: this.#id++ };
    this.on(channel).push(datum);
    for (const receive of [...this.waiting]) {
      if (!this.on(channel).includes(datum)) break;
      if (!receive.slots.some((slot) => slot.channel === channel)) continue;
      // A join that stays, and of which something lies for it still, goes on.
      for (;;) {
        const chosen = this.#first(receive, datum);
        if (chosen === null) break;
        const before = this.#count();
        fired.push(this.#fire(receive, chosen));
        if (!receive.persist) this.waiting.splice(this.waiting.indexOf(receive), 1);
        if (!receive.persist || this.#count() === before || !this.on(channel).includes(datum)) break;
      }
      if (receive.persist && !this.on(channel).includes(datum)) this.#giveWay(receive, channel, message);
    }
    return fired;
  }

  /** To the end of the line, when a younger one could have had the message. */
  #giveWay(receive: ModelReceive, channel: string, message: ModelMessage): void {
    const at = this.waiting.indexOf(receive);
    const couldHave = (other: ModelReceive): boolean =>
      other.slots.some((slot) => slot.channel === channel && matches(slot, message)) &&
      other.slots.every((slot) => slot.channel === channel || this.on(slot.channel).length > 0);
    if (!this.waiting.slice(at + 1).some(couldHave)) return;
    this.waiting.splice(at, 1);
    this.waiting.push(receive);
  }

  consume(receive: ModelReceive): Fired[] {
    const fired: Fired[] = [];
    if (receive.persist && receive.slots.length === 1) {
      // One slot that stays meets everything that lies there, once.
      const slot = receive.slots[0] as ModelSlot;
      for (const datum of [...this.on(slot.channel)])
        if (matches(slot, datum)) fired.push(this.#fire(receive, [datum]));
      this.waiting.push(receive);
      return fired;
    }
    for (;;) {
      const chosen = this.#first(receive, null);
      if (chosen === null) break;
      const before = this.#count();
      fired.push(this.#fire(receive, chosen));
      if (!receive.persist) return fired;
      if (this.#count() === before) break;
    }
    this.waiting.push(receive);
    return fired;
  }

  #count(): number {
    let count = 0;
    for (const list of this.data.values()) count += list.length;
    return count;
  }

  /** The first assignment in lexicographic order of ages, of those in which `must` takes part. */
  #first(receive: ModelReceive, must: Lying | null): Lying[] | null {
    const walk = (at: number, chosen: Lying[]): Lying[] | null => {
      const slot = receive.slots[at];
      if (slot === undefined) return must === null || chosen.includes(must) ? chosen : null;
      for (const datum of this.on(slot.channel)) {
        if (!matches(slot, datum)) continue;
        if (!datum.persist && chosen.includes(datum)) continue;
        const found = walk(at + 1, [...chosen, datum]);
        if (found !== null) return found;
      }
      return null;
    };
    return walk(0, []);
  }

  #fire(receive: ModelReceive, chosen: readonly Lying[]): Fired {
    const captures: number[] = [];
    receive.slots.forEach((slot, at) => {
      const datum = chosen[at] as Lying;
      slot.wants.forEach((want, position) => {
        if (want === null) captures.push(datum.values[position] as number);
      });
    });
    receive.slots.forEach((slot, at) => {
      const datum = chosen[at] as Lying;
      const list = this.on(slot.channel);
      if (!slot.peek && !datum.persist && list.includes(datum)) list.splice(list.indexOf(datum), 1);
    });
    return [receive.label, captures];
  }
}
