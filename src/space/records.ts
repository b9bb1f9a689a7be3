/**
 * How bodies, receives, data and tasks are written, in journal entries and in rows alike. `spec/storage.md`
 * says the same byte by byte. Channels are written by the caller's own rule (an index in an entry, the value
 * in a row).
 */
import { compilePattern } from '../match/index.ts';
import { NOWHERE } from '../platform/index.ts';
import type { Decoder, Encoder, Remainder, Value } from '../values/index.ts';
import { corrupt } from './corrupt.ts';
import type { Term, Terms } from './terms.ts';
import type { Body, Receive, Slot, Task } from './types.ts';

const NO_TERM = 0;
const TERM_BY_HASH = 1;
const TERM_WITH_TEXT = 2;
const TERM_NAMED = 3;

/** Whether a term must be written out where it is first named, and the note that it has been. */
export interface TermPolicy {
  mustWrite(term: Term): boolean;
  /** The index of a term that has been named there already; `NOWHERE` the first time. Where it is absent, none has one. */
  named?(term: Term): number;
}

export function writeValues(encoder: Encoder, values: readonly Value[]): void {
  encoder.uint(values.length);
  for (let index = 0; index < values.length; index++) encoder.value(values[index] as Value);
}

export function readValues(decoder: Decoder): Value[] {
  const count = decoder.uint();
  const values: Value[] = [];
  for (let index = 0; index < count; index++) values.push(decoder.value());
  return values;
}

/** What of a body is the same for all that go on at one place. */
export type Code = Omit<Body, 'environment'>;

export function writeCode(encoder: Encoder, code: Code, policy: TermPolicy): void {
  encoder.string(code.label);
  const term = code.term as Term | null;
  if (term === null) encoder.uint(NO_TERM);
  else writeTerm(encoder, term, policy);
  encoder.uint(code.place);
}

export function writeBody(encoder: Encoder, body: Body, policy: TermPolicy): void {
  writeCode(encoder, body, policy);
  writeValues(encoder, body.environment);
}

function writeTerm(encoder: Encoder, term: Term, policy: TermPolicy): void {
  const named = policy.named?.(term) ?? NOWHERE;
  if (named !== NOWHERE) {
    encoder.uint(TERM_NAMED);
    encoder.uint(named);
  } else if (policy.mustWrite(term)) {
    encoder.uint(TERM_WITH_TEXT);
    encoder.bytes(term.hash);
    encoder.value(term.term);
  } else {
    encoder.uint(TERM_BY_HASH);
    encoder.bytes(term.hash);
  }
}

/** `code`: the terms that were named before, to which those of this one are added. Null: none is named by an index. */
export function readCode(decoder: Decoder, terms: Terms, code: Term[] | null = null): Code {
  const label = decoder.string();
  const form = decoder.uint();
  let term: Term | null = null;
  if (form === TERM_BY_HASH) term = terms.byHash(decoder.bytes());
  else if (form === TERM_WITH_TEXT) {
    const hash = decoder.bytes();
    term = terms.known(hash, decoder.value());
  } else if (form === TERM_NAMED && code !== null) {
    term = code[decoder.uint()] ?? null;
    if (term === null) throw corrupt('code that the entry has not named');
  } else if (form !== NO_TERM) throw corrupt(`a term of form ${form}`);
  if (form !== TERM_NAMED && term !== null) code?.push(term);
  return { label, term, place: decoder.uint() };
}

/** All bodies are of one shape, whoever made them. */
export function bodyOf({ label, term, place }: Code, environment: readonly Value[]): Body {
  return { label, term, place, environment };
}

export function readBody(decoder: Decoder, terms: Terms): Body {
  return bodyOf(readCode(decoder, terms), readValues(decoder));
}

export function writeTask(encoder: Encoder, task: Task, policy: TermPolicy): void {
  encoder.uint(task.number);
  encoder.uint(task.account);
  writeBody(encoder, task.body, policy);
  writeValues(encoder, task.captures);
}

export function readTask(decoder: Decoder, terms: Terms): Task {
  const number = decoder.uint();
  const account = decoder.uint();
  const body = readBody(decoder, terms);
  return { number, account, body, captures: readValues(decoder) };
}

export function writeReceive(
  encoder: Encoder,
  receive: Receive,
  policy: TermPolicy,
  channel: (value: Value, slot: number) => void,
): void {
  encoder.boolean(receive.persist);
  encoder.uint(receive.slots.length);
  for (let index = 0; index < receive.slots.length; index++) {
    const slot = receive.slots[index] as Slot;
    channel(slot.channel, index);
    encoder.boolean(slot.peek);
    writeValues(encoder, slot.pattern.patterns);
    encoder.value(slot.pattern.remainder);
  }
  writeBody(encoder, receive.body, policy);
}

export function readReceive(decoder: Decoder, terms: Terms, channel: () => Value): Receive {
  const persist = decoder.boolean();
  const count = decoder.uint();
  const slots: Slot[] = [];
  for (let index = 0; index < count; index++) {
    const value = channel();
    const peek = decoder.boolean();
    const patterns = readValues(decoder);
    const remainder = decoder.value() as Remainder;
    slots.push({ channel: value, peek, pattern: compilePattern(patterns, remainder) });
  }
  return { persist, slots, body: readBody(decoder, terms) };
}
