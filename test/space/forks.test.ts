/** A fork sees a channel as it was, whatever the space does with it meanwhile, and looks at no more than it needs. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { limits } from '../../src/limits.ts';
import { compilePattern } from '../../src/match/index.ts';
import type { Fork, Receive, SpaceEngine } from '../../src/space/index.ts';
import { FreeVariable, type Value } from '../../src/values/index.ts';
import { BODY, CAUSE, Machine } from './support/fork-machine.ts';

const HALL = 'hall';

/** What matches a key, or (null) anything; it captures the number of the message. */
function receive(key: number | null, peek: boolean): Receive {
  const pattern = compilePattern([key ?? new FreeVariable(1), new FreeVariable(0)], null);
  return { slots: [{ channel: HALL, pattern, peek }], persist: false, body: BODY };
}

interface Message {
  readonly key: number;
  readonly id: number;
  readonly persist: boolean;
}

/** The messages of a channel by the law alone: the oldest that matches is taken, unless it stays. */
class Shelf {
  readonly messages: Message[];

  constructor(messages: readonly Message[] = []) {
    this.messages = [...messages];
  }

  take(key: number | null, peek: boolean): number | null {
    const at = this.messages.findIndex((message) => key === null || message.key === key);
    const found = this.messages[at];
    if (found === undefined) return null;
    if (!peek && !found.persist) this.messages.splice(at, 1);
    return found.id;
  }
}

class Hall extends Machine {
  put(where: SpaceEngine | Fork, { key, id, persist }: Message): Promise<void> {
    return this.run(where.post(CAUSE, (turn) => turn.produce(HALL, [key, id], persist)));
  }

  async take(where: SpaceEngine | Fork, key: number | null, peek: boolean): Promise<number | null> {
    const captures = await this.run(where.post(CAUSE, () => where.tuples.tryOnce(receive(key, peek))));
    return captures === null ? null : idOf(captures);
  }

  messages(where: SpaceEngine | Fork): number[] {
    const found: number[] = [];
    const cursor = where.place(HALL).data?.walk();
    for (let datum = cursor?.next() ?? null; datum !== null; datum = cursor?.next() ?? null)
      found.push(datum.message[1] as number);
    return found;
  }
}

/** The number is that of variable 0, which comes first. */
function idOf(captures: readonly Value[]): number {
  return captures[0] as number;
}

type Step =
  | { readonly type: 'put'; readonly who: number; readonly key: number; readonly persist: boolean }
  | { readonly type: 'take'; readonly who: number; readonly key: number | null; readonly peek: boolean }
  | { readonly type: 'drain' }
  | { readonly type: 'settle' };

/** 0 is the space, 1 and 2 are forks. */
const who = fc.constantFrom(0, 0, 1, 2);
const key = fc.integer({ min: 0, max: 3 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constant('put' as const), who, key, persist: fc.constantFrom(false, false, true) }),
  },
  {
    weight: 8,
    arbitrary: fc.record({ type: fc.constant('take' as const), who, key: fc.option(key), peek: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.constant({ type: 'drain' as const }) },
  { weight: 1, arbitrary: fc.constant({ type: 'settle' as const }) },
);

describe('space: forks', function () {
  this.timeout(300_000);

  it('each takes and leaves what the law says, beside a space that goes on, whose rows come and go', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(0, 3, 20, limits.inline_items_max + 10),
        fc.boolean(),
        fc.array(step, { minLength: 4, maxLength: 40 }),
        async (count, isSettled, steps) => {
          const machine = await new Hall().open();
          const { engine } = machine;
          let ids = 0;
          const space = new Shelf();
          for (; ids < count; ids++) {
            const message = { key: ids % 4, id: ids, persist: ids % 7 === 6 };
            await machine.put(engine, message);
            space.messages.push(message);
          }
          if (isSettled) await machine.settle();
          const forks = [machine.fork(), machine.fork()];
          const places = [engine, ...forks];
          const shelves = [space, new Shelf(space.messages), new Shelf(space.messages)];
          let changed = false;
          for (const one of steps) {
            if (one.type === 'settle') {
              await machine.settle();
              continue;
            }
            if (one.type === 'drain') {
              while (space.messages.some(({ persist }) => !persist)) {
                const { key: oldest } = space.messages.find(({ persist }) => !persist) as Message;
                const before = space.messages.length;
                assert.equal(await machine.take(engine, oldest, false), space.take(oldest, false));
                // One that stays stands before it.
                if (space.messages.length === before) break;
                changed = true;
              }
              continue;
            }
            const place = places[one.who] as Fork;
            const shelf = shelves[one.who] as Shelf;
            const before = shelf.messages.length;
            if (one.type === 'put') {
              const message = { key: one.key, id: ids++, persist: one.persist };
              await machine.put(place, message);
              shelf.messages.push(message);
            } else {
              const { key: wanted, peek } = one;
              assert.equal(await machine.take(place, wanted, peek), shelf.take(wanted, peek));
            }
            if (one.who === 0 && shelf.messages.length !== before) changed = true;
          }
          places.forEach((place, index) => {
            const ids_ = (shelves[index] as Shelf).messages.map(({ id }) => id);
            assert.deepEqual(machine.messages(place), ids_);
            assert.equal(place.place(HALL).data?.live ?? 0, ids_.length);
          });
          const [first, second] = forks as [Fork, Fork];
          const applied = await machine.apply(first);
          // Each has looked at the channel just now.
          assert.equal(applied, changed ? 'fork_conflict' : null);
          if (applied === null)
            assert.deepEqual(
              machine.messages(engine),
              (shelves[1] as Shelf).messages.map(({ id }) => id),
            );
          second.drop();
          await machine.run(engine.close());
        },
      ),
      { numRuns: 150 },
    );
  });

  it('one that takes a message by its key looks at that one, however many lie beside it', async () => {
    const machine = await new Hall().open({});
    const { engine } = machine;
    await machine.run(
      engine.post(CAUSE, (turn) => {
        for (let id = 0; id < 20_000; id++) turn.produce(HALL, [id, id], false);
      }),
    );
    // One channel and one message: it could not hold two.
    const fork = machine.fork({ items_max: 2 });
    assert.equal(await machine.take(fork, 12_345, false), 12_345);
    assert.equal(await machine.take(fork, 12_345, false), null);
    assert.equal(fork.place(HALL).data?.live, 19_999);
    await machine.run(engine.applyFork(fork, 0));
    assert.equal(await machine.take(engine, 12_345, true), null);
    assert.equal(await machine.take(engine, 12_346, true), 12_346);
    assert.equal(engine.place(HALL).data?.live, 19_999);
    const narrow = machine.fork({ items_max: 2 });
    assert.equal(await machine.take(narrow, 1, true), 1);
    await assert.rejects(machine.take(narrow, 2, true), { code: 'too_much_work' });
    narrow.drop();
    await machine.run(engine.close());
  });

  it('a join over long channels, and a persistent receive, meet what lay there', async () => {
    const machine = await new Hall().open();
    const { engine } = machine;
    const other = 'other';
    await machine.run(
      engine.post(CAUSE, (turn) => {
        for (let id = 0; id < 60; id++) turn.produce(HALL, [id, id], false);
        for (let id = 0; id < 60; id++) turn.produce(other, [id, id], false);
      }),
    );
    await machine.settle();
    const fork = machine.fork();
    const pattern = compilePattern([new FreeVariable(1), new FreeVariable(0)], null);
    const two = [HALL, HALL, other].map((channel) => ({ channel, pattern, peek: false }));
    const captures = await machine.run(
      fork.post(CAUSE, () => fork.tuples.tryOnce({ slots: two, persist: false, body: BODY })),
    );
    assert.deepEqual(captures, [0, 0, 1, 1, 0, 0]);
    const [slot] = two;
    await machine.run(
      fork.post(CAUSE, (turn) => turn.consume({ slots: slot === undefined ? [] : [slot], persist: true, body: BODY })),
    );
    await machine.run(fork.rest());
    assert.deepEqual([fork.place(HALL).data?.live, fork.place(other).data?.live], [0, 59]);
    await machine.run(engine.applyFork(fork, 0));
    assert.deepEqual([engine.place(HALL).data?.live ?? 0, engine.place(other).data?.live], [0, 59]);
    await machine.run(engine.close());
  });

  it('what the space takes is kept for those who have not looked, up to a bound; then they cannot look any more', async () => {
    const machine = await new Hall().open({});
    const { engine } = machine;
    const many = limits.fork_kept_items_max + 2;
    await machine.run(
      engine.post(CAUSE, (turn) => {
        for (let id = 0; id < many; id++) turn.produce(HALL, [id, id], false);
      }),
    );
    const [early, late] = [machine.fork(), machine.fork()];
    assert.equal(await machine.take(early, 0, true), 0);
    const drain = (count: number): Promise<void> =>
      machine.run(
        engine.post(CAUSE, () => {
          for (let at = 0; at < count; at++) engine.tuples.tryOnce(receive(null, false));
        }),
      );
    await drain(limits.fork_kept_items_max);
    assert.equal(early.place(HALL).data?.live, many);
    const other = machine.fork();
    await drain(1);
    assert.throws(() => late.place(HALL), { code: 'fork_conflict' });
    assert.equal(other.place(HALL).data?.live, 2);
    // Whoever has looked goes on, and only cannot be applied.
    assert.equal(early.place(HALL).data?.live, many);
    assert.equal(early.conflict()?.code, 'fork_conflict');
    for (const fork of [early, late, other]) fork.drop();
    await machine.run(engine.close());
  });
});
