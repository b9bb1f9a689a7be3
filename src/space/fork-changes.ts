/**
 * What a fork did, as a value, and how the space takes it over in one turn. The value is the payload of the cause `fork`
 * (`spec/forks.md`), so a replay does the same without the fork. Data of the space are named by their stamps and
 * continuations by their place in the line: the numbers that they have on their channels hang on when rows were written.
 *
 * Nothing is matched again: what lies and waits in the fork has met there what it could. Only callers of this process,
 * whom no fork sees, are asked whether they want what has come.
 */
import { compilePattern } from '../match/index.ts';
import { lowerBound } from '../platform/index.ts';
import { channelKey, encodeValue, List, type Remainder, Tuple, type Value } from '../values/index.ts';
import type { Channel } from './channel.ts';
import { corrupt } from './corrupt.ts';
import type { Commit } from './entry.ts';
import type { Fork } from './fork.ts';
import type { ForkChannel } from './fork-channels.ts';
import type { Datum, Waiter } from './items.ts';
import type { LiveTask } from './tasks.ts';
import type { Tuples } from './tuples.ts';
import type { Account, Body, Receive, Slot, Turn } from './types.ts';

/** What of the space a fork is applied to. */
export interface ForkTarget {
  readonly tuples: Tuples;
  place(value: Value): Channel;
  newTask(account: Account, body: Body, captures: readonly Value[]): void;
  spend(account: Account, cost: number): void;
}

export type FactChange = readonly [key: string, value: Value | undefined];

/** Who owns a channel stands in no line. */
const OWNER = -1;

// ------------------------------------------------------------------ to a value

/** `(taken, ended, put, waiting, tasks, facts, costs)`, a list each. */
export function changesOf(fork: Fork): Tuple {
  const { commit } = fork.ledger;
  const changes = new Tuple([
    takenOf(commit),
    endedOf(commit),
    new List(putOf(commit)),
    new List(commit.waiters.filter(({ gone }) => !gone).map(waiterValue)),
    new List([...fork.tasks.held.values()].sort(byNumber).map(taskValue)),
    new List([...commit.facts].map(([key, value]) => new List(value === undefined ? [key] : [key, value]))),
    new List([...fork.tasks.costs()].map(([account, cost]) => new List([account, cost]))),
  ]);
  // The space finds names of a fork by their bytes, which they get here.
  encodeValue(changes);
  return changes;
}

/** `[[channel, stamp…]…]` */
function takenOf({ dataGoneChannels, dataGoneStamps }: Commit): List {
  const byChannel = new Map<Channel, Value[]>();
  dataGoneChannels.forEach((channel, index) => {
    const line = byChannel.get(channel) ?? [channel.value];
    line.push(dataGoneStamps[index] as number);
    byChannel.set(channel, line);
  });
  return new List([...byChannel.values()].map((line) => new List(line)));
}

/** `[[channel, place in the line…]…]`, each on its first channel. */
function endedOf({ waitersGone }: Commit): List {
  const byChannel = new Map<Channel, Waiter[]>();
  for (const waiter of waitersGone) {
    const ended = byChannel.get(waiter.channel);
    if (ended === undefined) byChannel.set(waiter.channel, [waiter]);
    else ended.push(waiter);
  }
  return new List([...byChannel].map(([channel, ended]) => new List([channel.value, ...placesOf(channel, ended)])));
}

function placesOf(channel: Channel, ended: readonly Waiter[]): number[] {
  const numbers = new Set(ended.filter(({ installed }) => !installed).map(({ number }) => number));
  const places = numbers.size === 0 ? [] : ((channel as ForkChannel).waiting?.placesOf(numbers) ?? []);
  return numbers.size < ended.length ? [OWNER, ...places] : places;
}

function putOf({ data, dataChannels }: Commit): readonly Value[] {
  const put = data
    .map((datum, index) => ({ datum, channel: dataChannels[index] as Channel }))
    .filter(({ datum }) => !datum.gone)
    .sort((left, right) => left.datum.stamp - right.datum.stamp);
  return put.map(
    ({ datum, channel }) => new List([channel.value, new List(datum.message), datum.persist, datum.account]),
  );
}

function waiterValue({ receive, account, installed }: Waiter): Value {
  const slots = receive.slots.map(
    ({ channel, peek, pattern }) => new List([channel, peek, new List(pattern.patterns), pattern.remainder]),
  );
  return new List([new List(slots), receive.persist, bodyValue(receive.body), account, installed]);
}

function bodyValue({ label, term, place, environment }: Body): Value {
  return new List([label, new List(term === null ? [] : [term.term]), place, new List(environment)]);
}

function byNumber(left: LiveTask, right: LiveTask): number {
  return left.number - right.number;
}

/** At rest a fork has no task but those that wait for the world. */
function taskValue({ account, body, captures }: LiveTask): Value {
  return new List([account, bodyValue(body), new List(captures)]);
}

// ------------------------------------------------------------------ into the space

/** In a turn of the space, in which nothing that the fork has looked at is other than it was. The facts that it set. */
export function applyChanges(target: ForkTarget, turn: Turn, changes: Value): readonly FactChange[] {
  const [taken, ended, put, waiting, tasks, facts, costs] = (changes as Tuple).items.map(
    (part) => (part as List).items,
  );
  const touched = new Map<string, Channel>();
  const at = (value: Value): Channel => {
    const channel = target.place(value);
    touched.set(channelKey(value), channel);
    return channel;
  };
  for (const line of taken ?? []) {
    const [channel, ...stamps] = (line as List).items;
    takeAway(target, at(channel as Value), new Set(stamps as number[]));
  }
  // All are found before the first goes, for a join stands in several lines.
  const waits = (ended ?? []).flatMap((line) => {
    const [channel, ...places] = (line as List).items;
    return inLine(at(channel as Value), new Set(places as number[]));
  });
  for (const waiter of waits) endWait(target, waiter);
  for (const one of put ?? []) {
    const [channel, message, persist, account] = (one as List).items as [Value, List, boolean, Account];
    at(channel);
    target.tuples.putDown(channel, message.items, persist, account);
  }
  for (const one of waiting ?? []) putWaiter(target, turn, at, (one as List).items);
  for (const one of tasks ?? []) putTask(target, turn, (one as List).items);
  const changed = (facts ?? []).map((one): FactChange => {
    const [key, value] = (one as List).items;
    turn.setFact(key as string, value);
    return [key as string, value];
  });
  for (const one of costs ?? []) {
    const [account, cost] = (one as List).items as [Account, number];
    target.spend(account, cost);
  }
  for (const channel of touched.values()) target.tuples.serveCallers(channel);
  return changed;
}

function takeAway(target: ForkTarget, channel: Channel, stamps: Set<number>): void {
  // All are found before the first goes, and they go by age, in whatever order they were taken.
  const found = [...stamps].sort((one, other) => one - other).map((stamp) => byStamp(channel, stamp));
  for (const datum of found) target.tuples.expire(channel, datum);
}

/** On a channel data have their stamps in the order of their numbers, so only a few are looked at. */
function byStamp({ data, nextDatum }: Channel, stamp: number): Datum {
  const place = lowerBound(0, nextDatum, (number) => (data?.after(number - 1)?.stamp ?? stamp) < stamp);
  const found = data?.after(place - 1) ?? null;
  if (found?.stamp !== stamp) throw corrupt('the end of a datum that is not there');
  return found;
}

function inLine({ owner, waiters }: Channel, places: ReadonlySet<number>): readonly Waiter[] {
  const found: Waiter[] = [];
  if (places.has(OWNER) && owner !== null) found.push(owner);
  const numbers: number[] = [];
  let place = 0;
  waiters?.everyNumber((number) => {
    if (places.has(place++)) numbers.push(number);
  });
  for (const number of numbers) {
    const entry = waiters?.byNumber(number) ?? null;
    if (entry !== null) found.push(entry.waiter);
  }
  if (found.length < places.size) throw corrupt('the end of a continuation that is not there');
  return found;
}

function endWait(target: ForkTarget, waiter: Waiter): void {
  if (waiter.installed) target.tuples.uninstall(waiter.channel.value);
  else target.tuples.withdraw(waiter);
}

function putWaiter(target: ForkTarget, turn: Turn, at: (value: Value) => Channel, parts: readonly Value[]): void {
  const [slotValues, persist, body, account, installed] = parts as readonly [List, boolean, Value, Account, boolean];
  const slots = slotValues.items.map((item): Slot => {
    const [channel, peek, patterns, remainder] = (item as List).items as [Value, boolean, List, Value];
    at(channel);
    return { channel, peek, pattern: compilePattern(patterns.items, remainder as Remainder) };
  });
  const receive: Receive = { slots, persist, body: bodyOf(turn, body) };
  target.tuples.waitAsIs(receive, account, installed);
}

function putTask(target: ForkTarget, turn: Turn, parts: readonly Value[]): void {
  const [account, body, captures] = parts as readonly [Account, Value, List];
  target.newTask(account, bodyOf(turn, body), captures.items);
}

function bodyOf(turn: Turn, value: Value): Body {
  const [label, terms, place, environment] = (value as List).items as [string, List, number, List];
  const term = terms.items[0];
  return { label, term: term === undefined ? null : turn.term(term), place, environment: environment.items };
}
