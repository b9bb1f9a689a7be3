/**
 * A space with very many data, filled in big batches, and the operations that are asked of it and of its twin
 * in memory. `one` puts everything on one channel, `many` puts each datum on a channel of its own.
 */
import { compilePattern } from '../../../src/match/index.ts';
import { realPlatform } from '../../../src/platform/index.ts';
import { SpaceEngine } from '../../../src/space/index.ts';
import { type Durability, openStore, type Store } from '../../../src/store/index.ts';
import { FreeVariable, type Value } from '../../../src/values/index.ts';

export type Layout = 'one' | 'many';

export const CACHE_BYTES = 1024 * 1024;
const BATCH = 10_000;

export const platform = realPlatform();

export interface Large {
  readonly engine: SpaceEngine;
  readonly store: Store | null;
}

/** With `quiet` no rows are written while the test takes, so that every read counted is a take's. */
export async function open(directory: string | null, quiet: boolean, durability: Durability = 'os'): Promise<Large> {
  const store = directory === null ? null : await openStore({ directory, durability, platform });
  const tail = quiet ? { journal_tail_bytes_max: 2 ** 40, journal_tail_age_ms_max: 2 ** 30 } : {};
  const engine = await SpaceEngine.open({ platform, store, cache_bytes: CACHE_BYTES, ...tail });
  engine.start({ handling: () => 'inline', run: () => {}, deliver: () => {} });
  return { engine, store };
}

export const channelOf = (layout: Layout, index: number): Value => (layout === 'one' ? 'all' : `c${index}`);

/** The message of a number: the number, a word that many share, and a text. */
export const messageOf = (index: number): readonly Value[] => [index, `word ${index % 1000}`, `text of ${index}`];

export async function fill(
  engine: SpaceEngine,
  layout: Layout,
  count: number,
  onBatch: (done: number) => void = () => {},
): Promise<void> {
  for (let done = 0; done < count; done += BATCH) {
    const calls: Promise<void>[] = [];
    for (let index = done; index < Math.min(count, done + BATCH); index++)
      calls.push(engine.produce(channelOf(layout, index), messageOf(index), false, 1));
    await Promise.all(calls);
    onBatch(Math.min(count, done + BATCH));
  }
}

/** A take: which channels, and which keys it wants there; null takes the oldest. */
export interface Operation {
  readonly slots: readonly { readonly channel: Value; readonly key: number | null; readonly rest?: boolean }[];
}

export interface Answer {
  readonly captures: readonly Value[] | null;
  /** Point reads inside the turn that took. */
  readonly reads: number;
}

const BODY = { label: 'k', term: null, place: 0, environment: [] };

export async function take({ engine, store }: Large, operation: Operation): Promise<Answer> {
  const slots = operation.slots.map(({ channel, key, rest = false }) => ({
    channel,
    peek: false,
    pattern: rest
      ? compilePattern([new FreeVariable(0)], new FreeVariable(1))
      : compilePattern(
          [key ?? new FreeVariable(0), new FreeVariable(key === null ? 1 : 0), new FreeVariable(key === null ? 2 : 1)],
          null,
        ),
  }));
  return engine.post({ kind: 'test', payload: null, account: 1 }, () => {
    const before = store?.rows.reads ?? 0;
    const captures = engine.tuples.tryOnce({ slots, persist: false, body: BODY });
    return { captures, reads: (store?.rows.reads ?? 0) - before };
  });
}

/** The same operations for the same seed: takes by key, oldest first, of what is not there, and joins. */
export function operations(layout: Layout, count: number, howMany: number, seed: number): Operation[] {
  let state = seed;
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * count);
  };
  const by = (key: number): Operation['slots'][number] => ({ channel: channelOf(layout, key), key });
  const oldest = (key: number): Operation['slots'][number] => ({ channel: channelOf(layout, key), key: null });
  const found: Operation[] = [];
  let last = 0;
  for (let round = 0; round < howMany; round++) {
    const key = random();
    switch (round % 8) {
      case 0:
      case 1:
      case 2:
        found.push({ slots: [by(key)] });
        break;
      case 3:
        found.push({ slots: [oldest(key)] });
        break;
      case 4:
        // Taken a moment ago, or not there at all.
        found.push({ slots: [by(round % 16 === 4 ? last : count + key)] });
        break;
      case 5:
        found.push({ slots: [by(key), by(random())] });
        break;
      case 6:
        found.push({ slots: [by(key), oldest(random()), by(random())] });
        break;
      default:
        found.push({ slots: [{ ...oldest(key), rest: true }] });
    }
    last = key;
  }
  return found;
}
