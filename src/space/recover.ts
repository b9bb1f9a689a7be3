/**
 * Opening a space again: the rows up to their cut, then the journal's entries after it laid over them. Only
 * tasks and facts are loaded; a channel is read when somebody touches it. No contract runs.
 */
import type { Store } from '../store/index.ts';
import { Decoder, type Name, type Value } from '../values/index.ts';
import type { Channels } from './channels.ts';
import { type Cutter, META_VERSION } from './cut.ts';
import { type EntryHeader, type EntryReader, readEntry } from './entry.ts';
import { Datum } from './items.ts';
import type { Logs } from './logs.ts';
import type { Messages } from './messages.ts';
import { corrupt } from './corrupt.ts';
import { readTask } from './records.ts';
import { FACT_PREFIX, factOfRowKey, META_KEY, TASK_PREFIX } from './row-keys.ts';
import { LiveTask } from './tasks.ts';
import type { Terms } from './terms.ts';

export interface Recovered {
  readonly header: EntryHeader;
  readonly tasks: readonly LiveTask[];
  readonly facts: ReadonlyMap<string, Value>;
  readonly tail_bytes: number;
}

export async function recover(from: {
  store: Store;
  terms: Terms;
  channels: Channels;
  readName: (bytes: Uint8Array) => Name;
  messages: Messages;
  logs: Logs;
  cutter: Cutter;
  /** Every message is read, too: a recording has those that stand in blobs before all else, and a replay has them there. */
  readsAll: boolean;
}): Promise<Recovered> {
  const { store, terms, channels, readName, cutter } = from;
  let header: EntryHeader = { lastTurn: 0, nextTask: 1, nextStamp: 1 };
  let cutEntry = 0;
  const meta = store.rows.getSync(META_KEY);
  if (meta !== undefined) {
    const decoder = new Decoder(meta, readName);
    const version = decoder.uint();
    if (version !== META_VERSION) throw corrupt(`rows of version ${version}; this program reads ${META_VERSION}`);
    cutEntry = decoder.uint();
    header = { lastTurn: decoder.uint(), nextTask: decoder.uint(), nextStamp: decoder.uint() };
  }
  const tasks = new Map<number, LiveTask>();
  for await (const { value } of store.rows.scan(TASK_PREFIX)) {
    const task = readTask(new Decoder(value, readName), terms);
    tasks.set(task.number, new LiveTask(task.number, task.account, task.body, task.captures));
  }
  const facts = new Map<string, Value>();
  for await (const { key, value } of store.rows.scan(FACT_PREFIX)) {
    const name = factOfRowKey(key);
    facts.set(name, new Decoder(value, readName).value());
    cutter.noteFactRow(name);
  }

  const reader: EntryReader = {
    header(next) {
      header = next;
    },
    datum(channel, number, persist, account, stamp, message) {
      const datum = new Datum(message, persist, account, stamp, -1);
      datum.number = number;
      cutter.noteChannel(channels.overlay(channel, { kind: 'datum', datum }));
    },
    datumGone(channel, number) {
      cutter.noteChannel(channels.overlay(channel, { kind: 'datumGone', number }));
    },
    waiting(values, numbers, account, receive, installed) {
      const home = channels.stub(values[0] as Value);
      const isJoin = receive.slots.length > 1;
      const waiter = channels.make(home, numbers[0] as number, account, receive, installed, isJoin ? numbers : []);
      if (installed) {
        cutter.noteChannel(channels.overlay(values[0] as Value, { kind: 'owner', owner: waiter }));
        return;
      }
      waiter.entries.forEach((entry, index) => {
        cutter.noteChannel(channels.overlay(values[index] as Value, { kind: 'waiting', entry }));
      });
    },
    waitingGone(values, numbers, installed) {
      values.forEach((value, index) => {
        const number = numbers[index] as number;
        const overlay = { kind: installed ? ('ownerGone' as const) : ('waitingGone' as const), number };
        cutter.noteChannel(channels.overlay(value, overlay));
      });
    },
    task(task) {
      const live = new LiveTask(task.number, task.account, task.body, task.captures);
      tasks.set(task.number, live);
      cutter.noteTask(live);
    },
    taskGone(number) {
      tasks.delete(number);
      cutter.noteTaskGone(number);
    },
    fact(key, value) {
      if (value === undefined) facts.delete(key);
      else facts.set(key, value);
      cutter.noteFact(key, value);
    },
    logged(record) {
      from.logs.found(record);
      cutter.noteLogged(record);
    },
    dropped(drop) {
      cutter.noteDropped(drop);
    },
  };
  // Most are read once, when their channel is: for the next cut, or for whoever takes them.
  const skipped: EntryReader['skipped'] = (channel, number, persist, account, stamp, entry, at) => {
    const overlay = { kind: 'skipped' as const, number, persist, account, stamp, entry, at };
    cutter.noteChannel(channels.overlay(channel, overlay));
  };
  const entryReader = from.readsAll ? reader : { ...reader, skipped };
  let tail_bytes = 0;
  let expected = cutEntry + 1;
  for await (const { number, entry } of store.journal.read(cutEntry + 1)) {
    if (number !== expected) throw corrupt(`a gap in the journal: entry ${expected} is missing`);
    expected++;
    tail_bytes += entry.length;
    readEntry(entry, terms, readName, from.messages, entryReader, false);
  }
  return { header, tasks: [...tasks.values()].sort((a, b) => a.number - b.number), facts, tail_bytes };
}
