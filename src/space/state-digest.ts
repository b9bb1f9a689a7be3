/**
 * All that a space holds between two turns, as one hash: the same for a space and for any replay of it, whatever is in
 * memory and whatever in rows. So it has no number that hangs on when rows were written (`digest.ts` says which), and
 * everything in an order that follows from the turns. Reads every channel: for a replay that is held against a keyframe.
 */
import { channelKey, Encoder, List, type Name, type Value } from '../values/index.ts';
import type { Rows } from '../store/index.ts';
import type { Channel } from './channel.ts';
import { rowChannelValue } from './channel-row.ts';
import type { Channels } from './channels.ts';
import { BY_HASH, writeFact, writeTask } from './digest.ts';
import type { EntryHeader } from './entry.ts';
import type { Datum, Waiting } from './items.ts';
import { writeReceive, writeValues } from './records.ts';
import { CHANNEL_PREFIXES } from './row-keys.ts';
import type { Task } from './types.ts';

/** Bytes that are hashed at a time. */
const PART_BYTES = 1 << 20;

export interface WholeState {
  readonly header: EntryHeader;
  readonly facts: Iterable<readonly [string, Value]>;
  /** All that are made and not done, in the order of their numbers. */
  readonly tasks: Iterable<Task>;
  /** As `standing.ts` has it. */
  readonly standing: Value;
  readonly channels: Channels;
  /** Channels that no written row may know yet. */
  readonly changed: readonly Channel[];
  readonly rows: Rows;
  readonly readName: (bytes: Uint8Array) => Name;
  readonly sha256: (bytes: Uint8Array) => Uint8Array;
  readonly cache_bytes: number;
}

export async function digestOfState(state: WholeState): Promise<Uint8Array> {
  const { header, facts, tasks, standing, channels } = state;
  const whole = new Parts(state.sha256);
  const { encoder } = whole;
  encoder.uint(header.lastTurn);
  encoder.uint(header.nextTask);
  encoder.uint(header.nextStamp);
  for (const [key, value] of facts) {
    writeFact(encoder, key, value);
    whole.part();
  }
  for (const task of tasks) {
    writeTask(encoder, task);
    whole.part();
  }
  encoder.value(withoutNumbers(standing));
  for (const value of await valuesOf(state)) {
    writeContents(encoder, channels.place(value));
    whole.part(() => channels.evict(state.cache_bytes));
  }
  return whole.digest();
}

/** Bytes hashed in parts, each with the hash of those before it. */
class Parts {
  readonly encoder = new Encoder(4096);
  readonly #sha256: (bytes: Uint8Array) => Uint8Array;

  constructor(sha256: (bytes: Uint8Array) => Uint8Array) {
    this.#sha256 = sha256;
  }

  /** Calls `after` when a part was full. */
  part(after?: () => void): void {
    if (this.encoder.length < PART_BYTES) return;
    const digest = this.digest();
    this.encoder.reset();
    this.encoder.raw(digest);
    after?.();
  }

  digest(): Uint8Array {
    return this.#sha256(this.encoder.finish());
  }
}

/** Callers are told apart by their turns; their numbers on their channels are their order there. */
function withoutNumbers(standing: Value): Value {
  const lists = (standing as List).items;
  const callers = (lists.at(-1) as List).items.map((caller) => new List((caller as List).items.slice(0, 2)));
  return new List([...lists.slice(0, -1), new List(callers)]);
}

/** The values of all channels that may hold something, in the order of their keys. */
async function valuesOf({ channels, changed, rows, readName }: WholeState): Promise<readonly Value[]> {
  const found = new Map<string, Value>();
  for (const channel of [...channels.values(), ...changed])
    if (!channel.evicted && !(channel.complete && channel.empty)) found.set(channels.keyOf(channel), channel.value);
  for (const prefix of CHANNEL_PREFIXES)
    for await (const { value } of rows.scan(prefix)) {
      const channel = rowChannelValue(value, readName);
      found.set(channelKey(channel), channel);
    }
  return [...found].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, value]) => value);
}

function writeContents(encoder: Encoder, channel: Channel): void {
  if (channel.empty) return;
  encoder.value(channel.value);
  if (channel.owner !== null) writeWaiting(encoder, channel.owner);
  // No stamp is 0.
  const data = channel.data?.walk();
  for (let datum: Datum | null = data?.next() ?? null; datum !== null; datum = data?.next() ?? null) {
    encoder.uint(datum.stamp);
    encoder.boolean(datum.persist);
    encoder.uint(datum.account);
    writeValues(encoder, datum.message);
  }
  encoder.uint(0);
  const waiting: Waiting[] = [];
  for (const shelf of [channel.waiters, channel.callers]) {
    const cursor = shelf?.walk();
    for (let entry: Waiting | null = cursor?.next() ?? null; entry !== null; entry = cursor?.next() ?? null)
      waiting.push(entry);
  }
  for (const entry of waiting.sort((one, other) => one.number - other.number)) writeWaiting(encoder, entry);
  encoder.value(null);
}

function writeWaiting(encoder: Encoder, { waiter }: Waiting): void {
  encoder.boolean(waiter.installed);
  encoder.uint(waiter.account);
  writeReceive(encoder, waiter.receive, BY_HASH, (value) => encoder.value(value));
}
