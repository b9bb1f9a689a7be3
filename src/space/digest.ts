/**
 * What followed from the turns of a commit, as one hash: the same for a space that lives and for its replay, whatever
 * became of either in memory and on disk. So it says nothing of what hangs on when rows were written: the numbers that
 * data and continuations have on their channels, and whether code or a large message was written out or named by its
 * hash. `spec/traces.md` gives the bytes that are hashed.
 */
import { type Encoder, List, type Value } from '../values/index.ts';
import type { Commit, EntryHeader } from './entry.ts';
import type { Waiter } from './items.ts';
import { LEASE_PREFIX } from './own-causes.ts';
import { type TermPolicy, writeBody, writeReceive, writeValues } from './records.ts';
import { REPEAT_LABEL } from './repeat.ts';
import type { Body, Task } from './types.ts';

export const BY_HASH: TermPolicy = { mustWrite: () => false };
const NOTHING: readonly Value[] = [];

export function digestOf(
  commit: Commit,
  header: EntryHeader,
  encoder: Encoder,
  sha256: (bytes: Uint8Array) => Uint8Array,
): Uint8Array {
  encoder.reset();
  encoder.uint(header.lastTurn);
  encoder.uint(header.nextTask);
  encoder.uint(header.nextStamp);
  writeData(encoder, commit);
  writeWaiters(encoder, commit.waiters);
  writeWaiters(encoder, commit.waitersGone, true);
  for (const task of commit.tasks) if (task.state !== 'done') writeTask(encoder, task);
  encoder.uint(0);
  for (const number of commit.tasksGone) encoder.uint(number);
  encoder.uint(0);
  for (const [key, value] of commit.facts) writeFact(encoder, key, value);
  for (const { log, number, bytes } of commit.logged) {
    encoder.string(log);
    encoder.uint(number);
    encoder.raw(bytes);
  }
  for (const { log, first, end } of commit.dropped) {
    encoder.string(log);
    encoder.uint(first);
    encoder.uint(end);
  }
  return sha256(encoder.finish());
}

function writeData(encoder: Encoder, { data, dataChannels, dataGoneChannels, dataGoneStamps }: Commit): void {
  for (let index = 0; index < data.length; index++) {
    const datum = data[index];
    if (datum === undefined || datum.gone) continue;
    encoder.uint(datum.stamp);
    encoder.value(dataChannels[index]?.value ?? null);
    encoder.boolean(datum.persist);
    encoder.uint(datum.account);
    writeValues(encoder, datum.message);
  }
  // No stamp is 0, no task has that number: it ends a list.
  encoder.uint(0);
  for (let index = 0; index < dataGoneStamps.length; index++) {
    encoder.uint(dataGoneStamps[index] as number);
    encoder.value(dataGoneChannels[index]?.value ?? null);
  }
  encoder.uint(0);
}

function writeWaiters(encoder: Encoder, waiters: readonly Waiter[], gone = false): void {
  for (const waiter of waiters) {
    if (waiter.gone && !gone) continue;
    encoder.boolean(waiter.installed);
    encoder.uint(waiter.account);
    writeReceive(encoder, waiter.receive, BY_HASH, (channel) => encoder.value(channel));
  }
  encoder.value(null);
}

export function writeTask(encoder: Encoder, { number, account, body, captures }: Task): void {
  encoder.uint(number);
  encoder.uint(account);
  if (body.label !== REPEAT_LABEL) {
    writeBody(encoder, body, BY_HASH);
    writeValues(encoder, captures);
    return;
  }
  // It names a continuation and data by their numbers: the channel is what is left of that.
  const unnumbered: Body = { ...body, environment: body.environment.slice(0, 1) };
  writeBody(encoder, unnumbered, BY_HASH);
  writeValues(encoder, NOTHING);
}

export function writeFact(encoder: Encoder, key: string, value: Value | undefined): void {
  encoder.string(key);
  encoder.boolean(value !== undefined);
  if (value === undefined) return;
  if (key.startsWith(LEASE_PREFIX) && value instanceof List) {
    const [channel, , ...rest] = value.items;
    encoder.value(new List([channel ?? null, ...rest]));
  } else encoder.value(value);
}
