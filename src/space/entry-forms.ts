/**
 * What many continuations and tasks of one journal entry have in common: code and place, and of a continuation what it
 * waits for. It is said once and named by its index from then on; so is the environment of what needs no code, which is one
 * for all calls of an object. Owns the tables of what has been said, for whoever writes and for whoever reads. Must never
 * take two for the same that differ in anything.
 */
import { compilePattern } from '../match/index.ts';
import { Encoder, List, type Decoder, type Remainder, type Value } from '../values/index.ts';
import { corrupt } from './corrupt.ts';
import type { Waiter } from './items.ts';
import { bodyOf, type Code, readCode, readValues, type TermPolicy, writeCode, writeValues } from './records.ts';
import type { Term, Terms } from './terms.ts';
import type { Body, Receive, Slot } from './types.ts';

/** How many that were said are looked at, the newest first; one that is not among them is said again. */
const LOOKED_AT = 16;
/** Of an environment that is kept as bytes. */
const KEPT_BYTES_MAX = 512;

/** As it is written each time, and where it stands in the entry that named it last. */
interface KeptEnvironment {
  /** Null: it is encoded each time. */
  readonly bytes: Uint8Array | null;
  entry: number;
  index: number;
}

export class WrittenForms {
  readonly #encoder: Encoder;
  readonly #policy: TermPolicy;
  readonly #bodies: Body[] = [];
  readonly #waiters: Waiter[] = [];
  readonly #environments = new WeakMap<readonly Value[], KeptEnvironment>();
  /** Of environments that the entry has named. */
  #named = 0;
  /** The entry that is being written. */
  #entry = 0;

  constructor(encoder: Encoder, policy: TermPolicy) {
    this.#encoder = encoder;
    this.#policy = policy;
  }

  /** An entry is over: nothing is held of it. */
  forget(): void {
    this.#bodies.length = 0;
    this.#waiters.length = 0;
    this.#named = 0;
    this.#entry++;
  }

  body(body: Body): void {
    const encoder = this.#encoder;
    if (!this.#isNamed(this.#bodies, body, isSameCode)) writeCode(encoder, body, this.#policy);
    if (body.term === null) this.#environment(body.environment);
    else writeValues(encoder, body.environment);
  }

  /** What a continuation waits for, and what runs then. */
  receive(waiter: Waiter): void {
    const encoder = this.#encoder;
    const { receive } = waiter;
    if (!this.#isNamed(this.#waiters, waiter, isSameReceive)) {
      this.#slots(waiter);
      writeCode(encoder, receive.body, this.#policy);
    }
    writeValues(encoder, receive.body.environment);
  }

  /** Writes its index among those that were said; whether it was one of them. If not, what it says follows. */
  #isNamed<T>(said: T[], one: T, isSame: (before: T, one: T) => boolean): boolean {
    const first = Math.max(0, said.length - LOOKED_AT);
    let index = said.length - 1;
    while (index >= first && !isSame(said[index] as T, one)) index--;
    const found = index >= first;
    this.#encoder.uint(found ? index : said.length);
    if (!found) said.push(one);
    return found;
  }

  #slots({ receive, join }: Waiter): void {
    const encoder = this.#encoder;
    const { slots } = receive;
    encoder.boolean(receive.persist);
    encoder.uint(slots.length);
    for (let at = 0; at < slots.length; at++) {
      const { peek, pattern } = slots[at] as Slot;
      encoder.uint(join === null ? 0 : (join.channelOfSlot[at] as number));
      encoder.boolean(peek);
      writeValues(encoder, pattern.patterns);
      encoder.value(pattern.remainder);
    }
  }

  #environment(environment: readonly Value[]): void {
    const encoder = this.#encoder;
    let kept = this.#environments.get(environment);
    if (kept === undefined) {
      kept = { bytes: keptBytes(environment), entry: this.#entry - 1, index: 0 };
      this.#environments.set(environment, kept);
    }
    if (kept.entry === this.#entry) {
      encoder.uint(kept.index);
      return;
    }
    kept.entry = this.#entry;
    kept.index = this.#named++;
    encoder.uint(kept.index);
    if (kept.bytes === null) writeValues(encoder, environment);
    else encoder.raw(kept.bytes);
  }
}

function isSameCode(one: Body, other: Body): boolean {
  return one.term === other.term && one.place === other.place && one.label === other.label;
}

function isSameReceive(one: Waiter, other: Waiter): boolean {
  const { slots } = one.receive;
  const others = other.receive.slots;
  if (slots.length !== others.length || one.receive.persist !== other.receive.persist) return false;
  for (let at = 0; at < slots.length; at++) {
    const slot = slots[at] as Slot;
    const its = others[at] as Slot;
    if (slot.pattern !== its.pattern || slot.peek !== its.peek) return false;
    if (one.join?.channelOfSlot[at] !== other.join?.channelOfSlot[at]) return false;
  }
  return isSameCode(one.receive.body, other.receive.body);
}

/** Only of what is written in one way: names and long bytes are written in several. */
function keptBytes(environment: readonly Value[]): Uint8Array | null {
  if (!environment.every((value) => isPlain(value) || (value instanceof List && isPlainList(value)))) return null;
  const encoder = new Encoder(256);
  writeValues(encoder, environment);
  return encoder.length > KEPT_BYTES_MAX ? null : encoder.view().slice();
}

function isPlainList({ items, remainder }: List): boolean {
  return remainder === null && items.every(isPlain);
}

function isPlain(value: Value): boolean {
  return value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}

/** A continuation's form as it is read: its slots name channels by their index among those of the continuation. */
interface ReceiveForm {
  readonly persist: boolean;
  readonly slots: readonly (Omit<Slot, 'channel'> & { readonly at: number })[];
  readonly code: Code;
}

export class ReadForms {
  readonly #decoder: Decoder;
  readonly #terms: Terms;
  /** Terms that the entry has named. */
  readonly #code: Term[] = [];
  readonly #bodies: Code[] = [];
  readonly #receives: ReceiveForm[] = [];
  readonly #environments: (readonly Value[])[] = [];

  constructor(decoder: Decoder, terms: Terms) {
    this.#decoder = decoder;
    this.#terms = terms;
  }

  body(): Body {
    const code = this.#named(this.#bodies, () => this.#readCode());
    const environment =
      code.term === null ? this.#named(this.#environments, () => readValues(this.#decoder)) : readValues(this.#decoder);
    return bodyOf(code, environment);
  }

  /** On these channels. */
  receive(channels: readonly Value[]): Receive {
    const { persist, slots, code } = this.#named(this.#receives, () => this.#readReceive());
    return {
      persist,
      slots: slots.map(({ at, peek, pattern }) => {
        const channel = channels[at];
        if (channel === undefined) throw corrupt('a slot of a channel that the continuation does not have');
        return { channel, peek, pattern };
      }),
      body: bodyOf(code, readValues(this.#decoder)),
    };
  }

  #named<T>(table: T[], read: () => T): T {
    const index = this.#decoder.uint();
    if (index === table.length) table.push(read());
    const found = table[index];
    if (found === undefined) throw corrupt('a form that the entry has not named');
    return found;
  }

  #readCode(): Code {
    return readCode(this.#decoder, this.#terms, this.#code);
  }

  #readReceive(): ReceiveForm {
    const decoder = this.#decoder;
    const persist = decoder.boolean();
    const slots: { at: number; peek: boolean; pattern: Slot['pattern'] }[] = [];
    for (let count = decoder.uint(); count > 0; count--) {
      const at = decoder.uint();
      const peek = decoder.boolean();
      const patterns = readValues(decoder);
      slots.push({ at, peek, pattern: compilePattern(patterns, decoder.value() as Remainder) });
    }
    return { persist, slots, code: this.#readCode() };
  }
}
