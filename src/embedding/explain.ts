/**
 * Why something that waits has not fired, in words and in data: for each slot of a continuation what lies on its
 * channel and where that differs from the pattern; and who, of all that waits and runs here, could still send there.
 * Owns the wording; looks between turns and changes nothing. What it names is bounded, and it says so when it is.
 */
import { limits } from '../limits.ts';
import { type MessagePattern, whyNot } from '../match/index.ts';
import { holds, useOf } from '../rholang/index.ts';
import type { ChannelContents, Contents, Receive, Slot, SpaceEngine, Task, WaitingContents } from '../space/index.ts';
import { contentsOf } from '../space/index.ts';
import { channelKey, equal, Kind, kindOf, type Value } from '../values/index.ts';
import { messageText, nameText, receiveText } from './reports.ts';
import type { ContinuationExplanation, Explanation, SenderReport, SlotExplanation } from './types.ts';

export interface ExplainParts {
  readonly engine: Pick<SpaceEngine, 'place' | 'tasks'>;
  readonly sources: { records(): Iterable<{ readonly native: string; readonly channel: Value }> };
  /** Of every program, the newest last: `code: message`. */
  readonly failures: readonly string[];
}

/** Everything about one channel. `contents` is what lies and waits in the space, as far as it was looked at. */
export function explainChannel(parts: ExplainParts, channel: Value, contents: Contents): Explanation {
  const look = new Look(parts.engine);
  const found = look.at(channel);
  const waiting = found.waiting.map((one) => explainWaiting(look, one));
  const wanted = lackedBy(found.waiting, waiting, channel);
  const senders = wanted.flatMap((one) => sendersTo(parts, one, contents));
  const isIdle = found.waitingCount === 0 && !found.owned;
  // What was to receive here may have failed before it came to it.
  const failures = isIdle && found.dataCount > 0 ? parts.failures : [];
  const sentences = [
    ...waiting.map(({ sentence }) => sentence),
    ...restOf(found.waitingCount - waiting.length, 'continuations wait'),
    ...dataSentences(found, waiting),
    ...(found.waitingCount > 0 || found.dataCount === 0
      ? wanted.map((one) => senderSentence(one, senders, contents.truncated))
      : []),
    ...failures.map((failure) => `A branch has failed: ${failure}.`),
  ];
  return {
    channel: nameText(channel),
    dataCount: found.dataCount,
    waitingCount: found.waitingCount,
    waiting,
    senders,
    failures,
    sentences,
  };
}

/** What a report says of everything that waits: who once, and who has something on one of its channels. */
export function explainAll(parts: Pick<ExplainParts, 'engine'>, contents: Contents): readonly string[] {
  const look = new Look(parts.engine);
  const seen = new Set<Receive>();
  const sentences: string[] = [];
  for (const { waiting } of contents.channels) {
    for (const one of waiting) {
      // A join stands on each of its channels.
      if (seen.has(one.receive)) continue;
      seen.add(one.receive);
      // One that stays and has nothing to do is a server: that it waits is no riddle.
      if (one.receive.persist && one.receive.slots.every(({ channel }) => look.at(channel).dataCount === 0)) continue;
      if (sentences.length === limits.report_explanations_max)
        return [...sentences, 'More of them wait: powerbox explain CHANNEL says why.'];
      sentences.push(explainWaiting(look, one).sentence);
    }
  }
  return sentences;
}

/** Channels as they are now, each looked at once. */
class Look {
  readonly #engine: Pick<SpaceEngine, 'place'>;
  readonly #seen = new Map<string, ChannelContents>();

  constructor(engine: Pick<SpaceEngine, 'place'>) {
    this.#engine = engine;
  }

  at(channel: Value): ChannelContents {
    const key = channelKey(channel);
    let found = this.#seen.get(key);
    if (found === undefined) {
      found = contentsOf(this.#engine.place(channel), limits.report_items_max);
      this.#seen.set(key, found);
    }
    return found;
  }
}

// ------------------------------------------------------------------ what waits

function explainWaiting(look: Look, { receive }: WaitingContents): ContinuationExplanation {
  const continuation = receiveText(receive);
  const slots = receive.slots.slice(0, limits.explain_senders_max).map((slot) => explainSlot(look, slot));
  const crowded = slots.some(({ reason }) => reason !== 'fits') ? [] : crowdedChannels(look, receive);
  const lacks = slots.filter(({ reason }) => reason !== 'fits').map(({ sentence }) => sentence);
  const why = [...new Set([...lacks, ...crowded])];
  return {
    continuation,
    slots,
    sentence: `${continuation} waits: ${why.length === 0 ? 'what it needs is there, and it meets that next' : why.join('; ')}.`,
  };
}

function explainSlot(look: Look, { channel, pattern }: Slot): SlotExplanation {
  const found = look.at(channel);
  const where = nameText(channel);
  const told = (
    reason: SlotExplanation['reason'],
    sentence: string,
    candidates: SlotExplanation['candidates'] = [],
  ): SlotExplanation => ({ channel: where, reason, candidates, sentence });
  if (found.dataCount === 0) return told('empty', `nothing lies on ${where}`);
  const tried = found.data.slice(0, limits.explain_candidates_max).map(({ message }) => ({
    message,
    difference: whyNot(pattern, message),
  }));
  if (tried.some(({ difference }) => difference === null)) return told('fits', `a message on ${where} fits`);
  const candidates = tried.map(({ message, difference }) => ({
    datum: messageText(channel, message),
    difference: difference as string,
  }));
  const looked = found.dataCount > tried.length ? `the oldest ${tried.length} of ` : '';
  if (tried.every(({ message }) => !hasArity(pattern, message))) {
    const came = numbers(tried.map(({ message }) => message.length));
    const wanted = `${pattern.arity < 0 ? 'at least ' : ''}${values(pattern.arityMin)}`;
    return told(
      'arity',
      found.dataCount === 1
        ? `it takes ${wanted}, and the message on ${where} has ${came}`
        : `it takes ${wanted}, and ${looked}the ${messages(found.dataCount)} on ${where} have ${came}`,
      candidates,
    );
  }
  if (candidates.length === 1 && found.dataCount === 1)
    return told('differs', `the message on ${where} does not fit: ${candidates[0]?.difference}`, candidates);
  const differences = candidates.map(({ datum, difference }) => `${datum} differs in ${difference}`);
  const none = `none of ${looked}the ${messages(found.dataCount)} on ${where} fits: ${differences.join('; ')}`;
  return told('differs', none, candidates);
}

/** Each slot finds something, and yet not all do at once: several want what is there once. */
function crowdedChannels(look: Look, { slots }: Receive): readonly string[] {
  const counts = new Map<string, { readonly channel: Value; count: number }>();
  for (const { channel } of slots) {
    const key = channelKey(channel);
    const known = counts.get(key);
    if (known === undefined) counts.set(key, { channel, count: 1 });
    else known.count++;
  }
  return [...counts.values()]
    .filter(({ count }) => count > 1)
    .map(({ channel, count }) => {
      const { dataCount } = look.at(channel);
      const there =
        dataCount === 1 ? 'one message lies there' : `the ${dataCount} that lie there do not do for all of them`;
      return `each of its ${count} receives on ${nameText(channel)} needs a message of its own, and ${there}`;
    });
}

/** The channels for whose messages they wait; the explained one when nobody waits on it. */
function lackedBy(
  waiting: readonly WaitingContents[],
  explained: readonly ContinuationExplanation[],
  channel: Value,
): readonly Value[] {
  const lacked: Value[] = [];
  waiting.forEach(({ receive }, index) => {
    const { slots } = explained[index] as ContinuationExplanation;
    const isCrowded = slots.every(({ reason }) => reason === 'fits');
    slots.forEach(({ reason }, slot) => {
      const one = (receive.slots[slot] as Slot).channel;
      if ((isCrowded || reason !== 'fits') && !lacked.some((other) => equal(other, one))) lacked.push(one);
    });
  });
  return lacked.length === 0 ? [channel] : lacked.slice(0, limits.explain_candidates_max);
}

function dataSentences(found: ChannelContents, waiting: readonly ContinuationExplanation[]): readonly string[] {
  const where = nameText(found.channel);
  if (found.owned) return [`A native answers on ${where}.`];
  if (found.dataCount === 0) return waiting.length === 0 ? [`Nothing lies and nobody waits on ${where}.`] : [];
  if (found.waitingCount > 0) return [];
  return [`Nobody receives on ${where}, where ${messages(found.dataCount)} ${found.dataCount === 1 ? 'lies' : 'lie'}.`];
}

// ------------------------------------------------------------------ who could still send

function sendersTo(parts: ExplainParts, channel: Value, contents: Contents): readonly SenderReport[] {
  const senders: SenderReport[] = [];
  const where = nameText(channel);
  const add = (who: string, how: SenderReport['how'], arities: readonly number[] = []): void => {
    if (senders.length < limits.explain_senders_max && !senders.some((one) => one.who === who && one.how === how))
      senders.push({ channel: where, who, how, values: arities });
  };
  for (const source of parts.sources.records())
    if (equal(source.channel, channel)) add(`${source.native} (${nameText(source.channel)})`, 'source');
  for (const task of parts.engine.tasks.all()) addTask(task, channel, add);
  for (const { channel: place, waiting, data } of contents.channels) {
    for (const { receive } of waiting) {
      const use = useOf(receive.body, channel);
      if (use !== null) add(receiveText(receive), use.sends ? 'sends' : 'holds', use.arities);
    }
    for (const { message } of data)
      if (message.some((value) => holds(value, channel)) && isSecret(channel))
        add(messageText(place, message), 'message');
  }
  return senders.sort((left, right) => ORDER.indexOf(left.how) - ORDER.indexOf(right.how));
}

const ORDER: readonly SenderReport['how'][] = ['effect', 'task', 'source', 'sends', 'holds', 'message'];

function addTask(
  task: Task,
  channel: Value,
  add: (who: string, how: SenderReport['how'], arities?: readonly number[]) => void,
): void {
  const { body, captures } = task;
  const use = useOf(body, channel);
  if (use === null && !captures.some((value) => holds(value, channel))) return;
  if (body.label === 'native') add(`a call of ${String(body.environment[0])} that is under way`, 'effect');
  else add(`task ${task.number} of deploy ${task.account}`, 'task', use?.arities ?? []);
}

function senderSentence(channel: Value, all: readonly SenderReport[], truncated: boolean): string {
  const where = nameText(channel);
  const senders = all.filter((one) => one.channel === where);
  const here = truncated ? 'in what was looked at' : 'here';
  if (senders.length > 0) return `What could still send on ${where}: ${senders.map(senderText).join('; ')}.`;
  return isSecret(channel)
    ? `Nothing ${here} holds ${where}, so nothing can send there any more.`
    : `Nothing ${here} sends on ${where}; it is a public name, so another program can.`;
}

function senderText({ who, how, values: arities }: SenderReport): string {
  switch (how) {
    case 'effect':
      return `${who}, and answers there`;
    case 'source':
      return `the source ${who}`;
    case 'task':
      return `${who}, which is to run`;
    case 'sends':
      return `${who}, which sends ${numbers(arities)} when it has run`;
    case 'holds':
      return `${who}, which holds the name`;
    case 'message':
      return `whoever receives ${who}, for it holds the name`;
    default:
      return how satisfies never;
  }
}

/** Only who holds it can send there. */
function isSecret(channel: Value): boolean {
  return kindOf(channel) === Kind.Name;
}

// ------------------------------------------------------------------ words

function hasArity(pattern: MessagePattern, message: readonly Value[]): boolean {
  return pattern.arity < 0 ? message.length >= pattern.arityMin : message.length === pattern.arityMin;
}

function values(count: number): string {
  return count === 1 ? '1 value' : `${count} values`;
}

function messages(count: number): string {
  return count === 1 ? '1 message' : `${count} messages`;
}

/** `1, 2 or 3 values`. */
function numbers(counts: readonly number[]): string {
  const sorted = [...new Set(counts)].sort((left, right) => left - right);
  const last = sorted.pop() ?? 0;
  return sorted.length === 0 ? values(last) : `${sorted.join(', ')} or ${values(last)}`;
}

function restOf(count: number, what: string): readonly string[] {
  return count > 0 ? [`${count} more ${what} there.`] : [];
}
