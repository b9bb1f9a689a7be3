/** The journal of a running space, read back entry by entry. */
import { type CauseRecord, type EntryReader, readEntry } from '../../../src/space/entry.ts';
import type { SpaceEngine } from '../../../src/space/index.ts';
import type { Store } from '../../../src/store/index.ts';
import type { Name } from '../../../src/values/index.ts';

export interface Journal {
  readonly causes: readonly CauseRecord[];
  readonly entries: number;
  readonly lastTurn: number;
  readonly nextTask: number;
}

const nothing = (): void => {};

/** For whoever wants nothing of an entry but what reading it answers. */
export const IDLE_READER: EntryReader = {
  header: nothing,
  datum: nothing,
  datumGone: nothing,
  waiting: nothing,
  waitingGone: nothing,
  task: nothing,
  taskGone: nothing,
  fact: nothing,
  logged: nothing,
  dropped: nothing,
};

export async function readJournal(engine: SpaceEngine, store: Store): Promise<Journal> {
  const causes: CauseRecord[] = [];
  let entries = 0;
  let lastTurn = 0;
  let nextTask = 0;
  const reader: EntryReader = {
    ...IDLE_READER,
    header: (header) => {
      ({ lastTurn, nextTask } = header);
    },
  };
  const readName = (bytes: Uint8Array): Name => engine.names.read(bytes);
  for await (const { entry } of store.journal.read(store.journal.first)) {
    causes.push(...readEntry(entry, engine.terms, readName, engine.messages, reader));
    entries++;
  }
  return { causes, entries, lastTurn, nextTask };
}
