/** A first-in first-out space in memory, as small as `Turn` allows: what the machine is tested on by itself. */
import type { Body, Receive, Slot, Task, TermReference, Turn } from '../../../src/space/index.ts';
import type { InlineRunner } from '../../../src/space/index.ts';
import { limits } from '../../../src/limits.ts';
import { Name, encodeValue } from '../../../src/values/index.ts';
import type { Value } from '../../../src/values/index.ts';

interface Datum {
  readonly message: readonly Value[];
  readonly persist: boolean;
  gone: boolean;
}
interface Waiting {
  readonly receive: Receive;
  readonly channels: Channel[];
  gone: boolean;
}
interface Channel {
  readonly key: Value;
  data: Datum[];
  waiting: Waiting[];
}

export class TinySpace implements Turn {
  readonly account = 0;
  task = 0;
  steps = 0;
  turns = 0;
  stepsUsed = 0;
  comms = 0;
  readonly failures: Error[] = [];
  readonly runner: InlineRunner;
  readonly #channels = new Map<string, Channel>();
  readonly #listeners = new Map<Value, (message: readonly Value[]) => void>();
  readonly #terms = new Map<object, TermReference>();
  readonly #facts = new Map<string, Value>();
  #queue: Task[] = [];
  #counter = 0;

  constructor(runner: InlineRunner) {
    this.runner = runner;
  }

  deploy(term: Value): void {
    this.spawn({ label: 'rho', term: this.term(term), place: 0, environment: [] }, []);
  }

  /** Calls `hear` with every message on a name instead of keeping it: a native of the test. */
  listen(hear: (message: readonly Value[]) => void): Name {
    const name = this.newName();
    this.#listeners.set(name, hear);
    return name;
  }

  /** Runs until nothing is ready or so many turns have passed. */
  run(turnsMax = Number.POSITIVE_INFINITY): void {
    while (this.#queue.length > 0 && turnsMax > 0) {
      const batch = this.#queue;
      this.#queue = [];
      for (const task of batch) {
        if (turnsMax-- <= 0) {
          this.#queue.push(task);
          continue;
        }
        this.steps = limits.turn_steps_max;
        this.turns++;
        this.runner.run(task, this);
        this.stepsUsed += limits.turn_steps_max - this.steps;
      }
    }
  }

  get ready(): number {
    return this.#queue.length;
  }

  /** Messages that wait, by channel. */
  data(channel: Value): (readonly Value[])[] {
    return this.#channel(channel).data.map((datum) => datum.message);
  }

  waiting(channel: Value): readonly Receive[] {
    return this.#channel(channel).waiting.map((one) => one.receive);
  }

  channels(): readonly Channel[] {
    return [...this.#channels.values()].filter((channel) => channel.data.length + channel.waiting.length > 0);
  }

  newName(): Name {
    const counter = ++this.#counter;
    const derive = (): Uint8Array =>
      Uint8Array.from({ length: 32 }, (_, index) => (counter >>> (8 * (index % 4))) & 255);
    return new Name({ derive }, 0, counter, null);
  }

  produceAnyway(channel: Value, message: readonly Value[]): void {
    this.produce(channel, message, false);
  }

  offer(channel: Value, message: readonly Value[]): boolean {
    this.produce(channel, message, false);
    return true;
  }

  produce(channel: Value, message: readonly Value[], persist: boolean): void {
    const hear = this.#listeners.get(channel);
    if (hear !== undefined) {
      hear(message);
      return;
    }
    const at = this.#channel(channel);
    const datum: Datum = { message, persist, gone: false };
    at.data.push(datum);
    for (const one of [...at.waiting]) {
      if (datum.gone) return;
      this.#fire(one);
    }
  }

  consume(receive: Receive): void {
    const one: Waiting = { receive, channels: receive.slots.map((slot) => this.#channel(slot.channel)), gone: false };
    for (const channel of new Set(one.channels)) channel.waiting.push(one);
    this.#fire(one);
  }

  /** Fires as often as it can; a persistent receive stops when nothing is taken any more. */
  #fire(one: Waiting): void {
    for (;;) {
      if (one.gone) return;
      const picked = this.#pick(one, 0, []);
      if (picked === null) return;
      this.comms++;
      const captures: Value[] = [];
      let taken = false;
      picked.forEach((datum, index) => {
        const slot = one.receive.slots[index] as Slot;
        captures.push(...(slot.pattern.match(datum.message, { steps: limits.match_steps_max }) as readonly Value[]));
        if (slot.peek || datum.persist) return;
        datum.gone = taken = true;
        const channel = one.channels[index] as Channel;
        channel.data = channel.data.filter((other) => other !== datum);
      });
      if (!one.receive.persist) {
        one.gone = true;
        for (const channel of one.channels) channel.waiting = channel.waiting.filter((other) => other !== one);
      }
      this.spawn(one.receive.body, captures);
      if (!taken) return;
    }
  }

  #pick(one: Waiting, index: number, used: readonly Datum[]): Datum[] | null {
    const slot = one.receive.slots[index];
    if (slot === undefined) return [...used];
    for (const datum of (one.channels[index] as Channel).data) {
      if (used.includes(datum) && !datum.persist) continue;
      if (slot.pattern.match(datum.message, { steps: limits.match_steps_max }) === null) continue;
      const found = this.#pick(one, index + 1, [...used, datum]);
      if (found !== null) return found;
    }
    return null;
  }

  #channel(key: Value): Channel {
    const text = Buffer.from(encodeValue(key)).toString('latin1');
    let channel = this.#channels.get(text);
    if (channel === undefined) {
      channel = { key, data: [], waiting: [] };
      this.#channels.set(text, channel);
    }
    return channel;
  }

  install(): void {
    throw new Error('the tiny space installs nothing');
  }

  uninstall(): void {
    throw new Error('the tiny space installs nothing');
  }

  spawn(body: Body, captures: readonly Value[]): void {
    this.#queue.push({ number: ++this.#counter, account: 0, body, captures });
  }

  term(term: Value): TermReference {
    const made: TermReference = { hash: new Uint8Array(32), term, compiled: undefined };
    if (typeof term !== 'object' || term === null) return made;
    const known = this.#terms.get(term);
    if (known === undefined) this.#terms.set(term, made);
    return known ?? made;
  }

  log(): void {}
  logBytes(): void {}

  dropLog(): void {}

  fact(key: string): Value | undefined {
    return this.#facts.get(key);
  }

  setFact(key: string, value: Value | undefined): void {
    if (value === undefined) this.#facts.delete(key);
    else this.#facts.set(key, value);
  }

  afterDurable(run: () => void): void {
    run();
  }

  fail(error: Error): void {
    this.failures.push(error);
  }
}
