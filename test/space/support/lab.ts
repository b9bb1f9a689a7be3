/** A space in memory with a router that records what fires, spoken to in the words of the reference cases. */
import { compilePattern, type MessagePattern } from '../../../src/match/index.ts';
import { realPlatform } from '../../../src/platform/index.ts';
import { type Slot, SpaceEngine, type Task } from '../../../src/space/index.ts';
import type { Store } from '../../../src/store/index.ts';
import { FreeVariable, type Value } from '../../../src/values/index.ts';

export const anything: MessagePattern = compilePattern([new FreeVariable(0)], null);
/** Matches exactly this value, and captures it nowhere. */
export const exactly = (value: Value): MessagePattern => compilePattern([value], null);

export interface Lab {
  readonly engine: SpaceEngine;
  /** What ran since the last look: for each task the label of its continuation and its captures. */
  fired(): { readonly label: string; readonly captures: readonly Value[] }[];
  produce(channel: Value, value: Value, options?: { persist?: boolean; account?: number }): Promise<void>;
  produceMany(channel: Value, message: readonly Value[]): Promise<void>;
  /** `peeks` lists the slots that only look. */
  consume(
    channels: readonly Value[],
    patterns: readonly MessagePattern[],
    options?: { persist?: boolean; peeks?: readonly number[]; label?: string },
  ): Promise<void>;
  install(channel: Value, label: string): Promise<void>;
  /** Messages that lie on a channel, oldest first. */
  data(channel: Value): readonly Value[];
  waiting(channel: Value): number;
  /** Lets repetitions and whatever is ready run for this many turns of the loop. */
  settle(): Promise<void>;
  close(): Promise<void>;
}

export async function openLab(store: Store | null = null, options: { account?: number } = {}): Promise<Lab> {
  const engine = await SpaceEngine.open({ platform: realPlatform(), store });
  const fired: { label: string; captures: readonly Value[] }[] = [];
  engine.start({
    handling: () => 'inline',
    run: (task: Task) => {
      fired.push({ label: task.body.label, captures: task.captures });
    },
    deliver: () => {},
  });
  const account = options.account ?? 1;
  const settle = async (): Promise<void> => {
    for (let round = 0; round < 3; round++) await engine.post({ kind: 'tick', payload: null, account: 0 }, () => {});
  };
  const turn = async (apply: Parameters<typeof engine.post>[1]): Promise<void> => {
    await engine.post({ kind: 'test', payload: null, account }, apply);
    await settle();
  };
  return {
    engine,
    fired: () => fired.splice(0),
    produce: (channel, value, { persist = false, account: payer = account } = {}) =>
      engine
        .post({ kind: 'test', payload: null, account: payer }, (t) => t.produce(channel, [value], persist))
        .then(settle),
    produceMany: (channel, message) => turn((t) => t.produce(channel, message, false)),
    consume: (channels, patterns, { persist = false, peeks = [], label = 'k' } = {}) =>
      turn((t) => {
        const slots: Slot[] = channels.map((channel, index) => ({
          channel,
          pattern: patterns[index] as MessagePattern,
          peek: peeks.includes(index),
        }));
        t.consume({ slots, persist, body: { label, term: null, place: 0, environment: [] } });
      }),
    install: (channel, label) =>
      turn((t) => t.install(channel, anything, { label, term: null, place: 0, environment: [] })),
    data: (channel) => {
      const found: Value[] = [];
      const cursor = engine.place(channel).data?.walk();
      for (let datum = cursor?.next() ?? null; datum !== null; datum = cursor?.next() ?? null)
        found.push(datum.message.length === 1 ? (datum.message[0] as Value) : null);
      return found;
    },
    waiting: (channel) => engine.place(channel).waiters?.live ?? 0,
    settle,
    close: () => engine.close(),
  };
}
