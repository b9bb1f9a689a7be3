/**
 * The law of order and fairness, checked against a model that tries everything: the same messages and receives
 * run the same continuations in the same order and leave the same things lying, in memory and on a store whose
 * cache holds next to nothing and which is closed and opened in between.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { compilePattern } from '../../src/match/index.ts';
import { realPlatform } from '../../src/platform/index.ts';
import { REPEAT_LABEL, type Slot, SpaceEngine } from '../../src/space/index.ts';
import { openStore, type Store } from '../../src/store/index.ts';
import { FreeVariable, type Value } from '../../src/values/index.ts';
import { type Fired, Model, type ModelMessage, type ModelReceive, type ModelSlot } from './support/model.ts';

type Step =
  | { readonly kind: 'produce'; readonly channel: string; readonly message: ModelMessage }
  | { readonly kind: 'consume'; readonly receive: Omit<ModelReceive, 'label'> }
  | { readonly kind: 'reopen' };

const channel = fc.constantFrom('a', 'b', 'c');
const value = fc.integer({ min: 0, max: 2 });
const message: fc.Arbitrary<ModelMessage> = fc.record({
  values: fc.array(value, { minLength: 1, maxLength: 2 }),
  persist: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
});
const slot: fc.Arbitrary<ModelSlot> = fc.record({
  channel,
  wants: fc.array(fc.option(value, { freq: 3 }), { minLength: 1, maxLength: 2 }),
  peek: fc.integer({ min: 0, max: 4 }).map((n) => n === 0),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ kind: fc.constant('produce' as const), channel, message }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('consume' as const),
      receive: fc.record({
        slots: fc.array(slot, { minLength: 1, maxLength: 3 }),
        persist: fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
      }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'reopen' as const }) },
);

/** Small enough that channels get rows of their own and leave memory at once. */
const SMALL = { cache_bytes: 1, journal_tail_bytes_max: 256, journal_tail_age_ms_max: 0 };

async function onDisk(body: (openOne: () => Promise<Store>) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'space-law-'));
  try {
    await body(() => openStore({ directory, durability: 'os', platform: realPlatform() }));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function run(steps: readonly Step[], openOne: (() => Promise<Store>) | null): Promise<void> {
  const platform = realPlatform();
  const fired: Fired[] = [];
  const open = async (): Promise<SpaceEngine> => {
    const engine = await SpaceEngine.open({ platform, store: openOne === null ? null : await openOne(), ...SMALL });
    engine.start({
      handling: (task) => (task.body.label === REPEAT_LABEL ? 'parked' : 'inline'),
      run: (task) => {
        fired.push([task.body.label, task.captures as number[]]);
      },
      deliver: () => {},
    });
    return engine;
  };
  let engine = await open();
  const model = new Model();
  let label = 0;
  for (const [at, next] of steps.entries()) {
    if (next.kind === 'reopen') {
      if (openOne === null) continue;
      await engine.close();
      engine = await open();
      continue;
    }
    if (process.env.LOG) console.log(at, JSON.stringify(next));
    const name = `k${label++}`;
    const expected =
      next.kind === 'produce'
        ? model.produce(next.channel, next.message)
        : model.consume({ ...next.receive, label: name });
    let met = 0;
    await engine.post({ kind: 'test', payload: null, account: 1 }, (turn) => {
      if (next.kind === 'produce') turn.produce(next.channel, next.message.values as Value[], next.message.persist);
      else
        turn.consume({
          slots: next.receive.slots.map(slotOf),
          persist: next.receive.persist,
          body: { label: name, term: null, place: 0, environment: [] },
        });
      met = 1;
    });
    assert.equal(met, 1);
    // Two more turns from outside, so that all tasks of this one have run.
    for (let turn = 0; turn < 2; turn++) await engine.post({ kind: 'tick', payload: null, account: 0 }, () => {});
    const got = firstMeetings(fired.splice(0), expected.length);
    assert.deepEqual(got, expected, `step ${at}`);
    for (const [name, lying] of model.data) {
      const cursor = engine.place(name).data?.walk();
      const found: (readonly Value[])[] = [];
      for (let datum = cursor?.next() ?? null; datum !== null; datum = cursor?.next() ?? null)
        found.push(datum.message);
      assert.deepEqual(
        found,
        lying.map((datum) => datum.values),
        `what lies on ${name} after step ${at}`,
      );
    }
  }
  await engine.close();
}

/** Repetitions of persistent pairs are turns of their own and come after the first meetings of the turn itself. */
function firstMeetings(fired: readonly Fired[], count: number): readonly Fired[] {
  return fired.slice(0, count);
}

function slotOf(from: ModelSlot): Slot {
  let level = 0;
  const pattern = compilePattern(
    from.wants.map((want) => (want === null ? new FreeVariable(level++) : want)),
    null,
  );
  return { channel: from.channel, pattern, peek: from.peek };
}

/**
 * A persistent message and a persistent receive would go on meeting for ever, and the model knows one meeting
 * only: a program has either the one or the other.
 */
function ending(steps: fc.Arbitrary<Step[]>): fc.Arbitrary<Step[]> {
  return fc.tuple(steps, fc.boolean()).map(([all, keepMessages]) =>
    all.map((s): Step => {
      if (s.kind === 'produce') return keepMessages ? s : { ...s, message: { ...s.message, persist: false } };
      return s.kind === 'consume' && keepMessages ? { ...s, receive: { ...s.receive, persist: false } } : s;
    }),
  );
}

describe('space: the law of order', function () {
  // Each run opens and closes a database several times.
  this.timeout(300_000);

  it('in memory, what runs and what stays is what the model says', async () => {
    await fc.assert(
      fc.asyncProperty(ending(fc.array(step, { maxLength: 40 })), (steps) => run(steps, null)),
      { numRuns: Number(process.env.RUNS ?? 400) },
    );
  });

  it('on a store with next to no cache, closed and opened in between, it is the same', async () => {
    await fc.assert(
      fc.asyncProperty(ending(fc.array(step, { maxLength: 60 })), async (steps) => {
        await onDisk((openOne) => run(steps, openOne));
      }),
      { numRuns: Number(process.env.RUNS ?? 120) },
    );
  });

  it('many on one channel: shelves with rows of their own keep the order', async () => {
    // Two slots at the most: the model tries every assignment.
    const many = fc.array(step, { minLength: 90, maxLength: 120 }).map((steps) =>
      steps.map((s): Step => {
        if (s.kind === 'produce') return { ...s, channel: 'a' };
        return s.kind === 'consume' ? { ...s, receive: { ...s.receive, slots: s.receive.slots.slice(0, 2) } } : s;
      }),
    );
    await fc.assert(
      fc.asyncProperty(ending(many), async (steps) => {
        await onDisk((openOne) => run(steps, openOne));
      }),
      { numRuns: Number(process.env.RUNS ?? 15), endOnFailure: true },
    );
  });
});
