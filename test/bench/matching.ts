/** How the cost of a match grows: with what waits on the channel, with the methods, with the width of a join. */
import { compilePattern } from '../../src/match/index.ts';
import type { Slot } from '../../src/space/index.ts';
import { FreeVariable, type Value } from '../../src/values/index.ts';
import { type BenchLine, byKey, interleave, line, type Opened, openSpace, rate } from './support.ts';

const ROUNDS = 5;
const TAKES = 50_000;
const CALLS = 200_000;
const JOINS = 20_000;
const BODY = { label: 'k', term: null, place: 0, environment: [] };
const anything = compilePattern([new FreeVariable(0)], null);

/** Takes and puts back by key, in one turn so that the loop around it is not measured. */
function takes(opened: Opened, waiting: number): Promise<number> {
  const { engine } = opened;
  return rate(TAKES, () =>
    engine.post({ kind: 'bench', payload: null, account: 1 }, () => {
      for (let index = 0; index < TAKES; index++) {
        const key = (Math.imul(index, 2654435761) >>> 0) % waiting;
        const captures = engine.tuples.tryOnce({
          slots: [{ channel: 'shelf', pattern: byKey(key), peek: false }],
          persist: false,
          body: BODY,
        });
        engine.tuples.produce('shelf', [key, (captures as Value[])[0] as Value], false, 1);
      }
    }),
  );
}

async function filled(waiting: number): Promise<Opened> {
  const opened = await openSpace(null);
  await opened.engine.post({ kind: 'bench', payload: null, account: 1 }, (turn) => {
    for (let key = 0; key < waiting; key++) turn.produce('shelf', [key, 'value'], false);
  });
  return opened;
}

async function methods(count: number): Promise<Opened> {
  const opened = await openSpace(null, { router: { handling: () => 'inline', run: () => {}, deliver: () => {} } });
  await opened.engine.post({ kind: 'bench', payload: null, account: 1 }, (turn) => {
    for (let method = 0; method < count; method++) {
      const pattern = compilePattern([`method ${method}`, new FreeVariable(0)], null);
      turn.consume({ slots: [{ channel: 'object', pattern, peek: false }], persist: true, body: BODY });
    }
  });
  return opened;
}

async function calls(opened: Opened, count: number): Promise<number> {
  const names = Array.from({ length: count }, (_, index) => `method ${index}`);
  let left = CALLS;
  return rate(CALLS, async () => {
    while (left > 0) {
      await opened.engine.post({ kind: 'bench', payload: null, account: 1 }, (turn) => {
        for (let index = 0; index < 1000; index++)
          turn.produce('object', [names[index % count] as string, index], false);
      });
      left -= 1000;
    }
  });
}

async function joins(width: number): Promise<number> {
  const opened = await openSpace(null, { router: { handling: () => 'inline', run: () => {}, deliver: () => {} } });
  const channels = Array.from({ length: width }, (_, index) => `c${index}`);
  const slots: Slot[] = channels.map((channel) => ({ channel, pattern: anything, peek: false }));
  const speed = await rate(JOINS, async () => {
    for (let done = 0; done < JOINS; done += 1000) {
      await opened.engine.post({ kind: 'bench', payload: null, account: 1 }, (turn) => {
        for (let index = 0; index < 1000; index++) {
          turn.consume({ slots, persist: false, body: BODY });
          for (const channel of channels) turn.produce(channel, [index], false);
        }
      });
    }
  });
  await opened.engine.close();
  return speed;
}

export async function bench(): Promise<BenchLine[]> {
  const few = await filled(1_000);
  const many = await filled(1_000_000);
  const byCount = await interleave(
    ROUNDS,
    () => takes(many, 1_000_000),
    () => takes(few, 1_000),
  );
  await few.engine.close();
  await many.engine.close();
  const one = await methods(1);
  const thousand = await methods(1_000);
  const byMethods = await interleave(
    ROUNDS,
    () => calls(thousand, 1_000),
    () => calls(one, 1),
  );
  await one.engine.close();
  await thousand.engine.close();
  const byWidth = await interleave(
    ROUNDS,
    () => joins(8),
    () => joins(2),
  );
  return [
    line('take by key among 1,000,000', 'takes/s', byCount.ours, 'among 1,000', byCount.theirs, 0.4),
    line('dispatch among 1,000 methods', 'calls/s', byMethods.ours, 'among one', byMethods.theirs, 0.4),
    line('join of 8', 'joins/s', byWidth.ours, 'join of 2', byWidth.theirs, 0.15),
  ];
}
