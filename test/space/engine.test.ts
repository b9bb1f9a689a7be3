/** The loop of turns: what the record says does not depend on time, bounds lose nothing, turns are atomic. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { PowerboxError } from '../../src/errors.ts';
import { limits } from '../../src/limits.ts';
import { compilePattern } from '../../src/match/index.ts';
import { realPlatform } from '../../src/platform/index.ts';
import { type Body, type Cause, SpaceEngine, SpaceHost, type Task, type Turn } from '../../src/space/index.ts';
import { openMemoryStore } from '../../src/store/index.ts';
import { FreeVariable, type Value } from '../../src/values/index.ts';
import { readJournal } from './support/entries.ts';
import { anything, exactly, openLab } from './support/lab.ts';

const platform = realPlatform();
const cause = (account: number): Cause => ({ kind: 'test', payload: null, account });
const body = (label: string, environment: readonly Value[] = []): Body => ({
  label,
  term: null,
  place: 0,
  environment,
});
const tick = (engine: SpaceEngine): Promise<void> => engine.post(cause(0), () => {});

/** Everything stays in the journal: no cut drops what the test reads. */
const KEPT = { journal_tail_bytes_max: 2 ** 40, journal_tail_age_ms_max: 2 ** 30 };

/** A program of three accounts that send, receive and go on, slow enough to be interrupted all the time. */
function runProgram(task: Task, turn: Turn): void {
  const until = performance.now() + 0.02;
  const [left] = task.body.environment as [number];
  while (performance.now() < until);
  if (left === 0) return;
  turn.produce(`c${left % 7}`, [left, task.number], false);
  if (left % 3 === 0)
    turn.consume({
      slots: [{ channel: `c${left % 7}`, pattern: anything2, peek: false }],
      persist: false,
      body: body('met', [left - 1]),
    });
  turn.spawn(body('step', [left - 1]), []);
}
const anything2 = compilePattern([new FreeVariable(0), new FreeVariable(1)], null);

async function record(
  yield_ms: number,
): Promise<{ causes: unknown[]; lastTurn: number; nextTask: number; entries: number }> {
  const store = openMemoryStore(platform);
  const engine = await SpaceEngine.open({ platform, store, yield_ms, ...KEPT });
  engine.start({ handling: () => 'inline', run: runProgram, deliver: () => {} });
  const done: Promise<unknown>[] = [];
  // More causes than one round takes, so that they interleave with tasks.
  for (let index = 0; index < 2500; index++)
    done.push(
      index % 5 === 0
        ? engine.post({ kind: 'deploy', payload: index, account: 1 + (index % 3) }, (turn) =>
            turn.spawn(body('step', [6]), []),
          )
        : engine.produce(`c${index % 7}`, [index, 0], false, 1),
    );
  await Promise.all(done);
  while ([1, 2, 3].some((account) => engine.pending(account).ready > 0))
    await new Promise((resolve) => setTimeout(resolve, 5));
  await engine.durable();
  const { causes, lastTurn, nextTask, entries } = await readJournal(engine, store);
  await engine.close();
  return {
    causes: causes.map(({ turn, kind, payload, account }) => [turn, kind, payload, account]),
    lastTurn,
    nextTask,
    entries,
  };
}

describe('space: the loop of turns', () => {
  it('gives the same turns the same numbers whether it yields every 1 ms or every 100 ms', async () => {
    const often = await record(1);
    const rarely = await record(100);
    assert.notEqual(often.entries, rarely.entries, 'both made the same commits: nothing was tested');
    assert.equal(often.causes.length, 2500);
    assert.deepEqual(often.causes, rarely.causes);
    assert.deepEqual([often.lastTurn, often.nextTask], [rarely.lastTurn, rarely.nextTask]);
  });

  it('takes every cause in the order in which it came, however many are waiting', async () => {
    const engine = await SpaceEngine.open({ platform, store: null });
    engine.start({ handling: () => 'inline', run: () => {}, deliver: () => {} });
    const seen: number[] = [];
    const done: Promise<number>[] = [];
    for (let index = 0; index < 150_000; index++) done.push(engine.post(cause(0), () => seen.push(index)));
    await Promise.all(done);
    assert.deepEqual(
      seen,
      Array.from({ length: 150_000 }, (_, index) => index),
    );
    await engine.close();
  });

  it('an account with too many tasks outside waits until one is finished, and others go on', async () => {
    const engine = await SpaceEngine.open({ platform, store: null });
    const outside: Task[] = [];
    let inline = 0;
    engine.start({
      handling: (task) => (task.body.label === 'outside' ? 'outside' : 'inline'),
      run: () => {
        inline++;
      },
      deliver: (task) => {
        outside.push(task);
      },
    });
    const most = limits.account_outside_tasks_max;
    await engine.post(cause(1), (turn) => {
      for (let index = 0; index < most + 3; index++) turn.spawn(body('outside', [index]), []);
      turn.spawn(body('inline'), []);
    });
    await engine.post(cause(2), (turn) => turn.spawn(body('inline'), []));
    // As many rounds as a busy machine needs: turns make way for others by time.
    while (engine.pending(1).outside < most || inline === 0) await tick(engine);
    await tick(engine);
    assert.deepEqual(engine.pending(1), { ready: 4, outside: most, parked: 0 });
    assert.equal(inline, 1, 'the other account has run');
    for (let round = 0; round < most + 3; round++) {
      const task = outside[round] as Task;
      assert.deepEqual(task.body.environment, [round], 'in order');
      assert.equal(await engine.finish(task, cause(1), () => {}), true);
      if (round < 3) while (engine.pending(1).outside < most) await tick(engine);
      if (round === 0) assert.deepEqual(engine.pending(1), { ready: 3, outside: most, parked: 0 });
    }
    while (engine.pending(1).ready > 0) await tick(engine);
    assert.equal(inline, 2, 'nothing was lost');
    assert.deepEqual(engine.pending(1), { ready: 0, outside: 0, parked: 0 });
    await engine.close();
  });

  it('a batch is one turn: all its messages are there, or the receive that they meet finds them together', async () => {
    const store = openMemoryStore(platform);
    const engine = await SpaceEngine.open({ platform, store, ...KEPT });
    engine.start({ handling: () => 'inline', run: () => {}, deliver: () => {} });
    const host = new SpaceHost(engine, platform);
    const before = engine.turn;
    await host.produceAll([
      { channel: 'a', message: [1] },
      { channel: 'b', message: [2] },
      { channel: 'a', message: [3], persist: true },
    ]);
    assert.equal(engine.turn, before + 1);
    assert.deepEqual(
      [host.count('a'), host.count('b')],
      [
        { data: 2, waiting: 0 },
        { data: 1, waiting: 0 },
      ],
    );
    const { causes } = await readJournal(engine, store);
    assert.deepEqual(
      causes.map(({ kind }) => kind),
      ['batch'],
    );
    await engine.close();
  });

  it('what a caller is refused costs nobody else anything', async () => {
    const engine = await SpaceEngine.open({ platform, store: null });
    engine.start({ handling: () => 'inline', run: () => {}, deliver: () => {} });
    const refusal = engine.post(cause(0), () => {
      throw new PowerboxError('bad_request', 'no');
    });
    const other = engine.post(cause(0), () => 'yes');
    await assert.rejects(refusal, { code: 'bad_request' });
    assert.equal(await other, 'yes');
    await engine.close();
  });

  it('a task runs on the account of the newest datum that it matched', async () => {
    const engine = await SpaceEngine.open({ platform, store: null });
    const accounts: number[] = [];
    engine.start({ handling: () => 'inline', run: (task) => accounts.push(task.account), deliver: () => {} });
    await engine.post(cause(7), (turn) =>
      turn.consume({
        slots: ['a', 'b'].map((channel) => ({ channel, pattern: anything, peek: false })),
        persist: true,
        body: body('join'),
      }),
    );
    await engine.produce('b', [1], false, 5);
    await engine.produce('a', [1], false, 4);
    await engine.produce('a', [1], false, 4);
    await engine.produce('b', [1], false, 5);
    for (let wait = 0; wait < 2; wait++) await tick(engine);
    assert.deepEqual(accounts, [4, 5]);
    await engine.close();
  });
});

describe('space: fairness', () => {
  it('a continuation that every message matches fires within as many sends as there are older ones, and one', async () => {
    const older = fc.record({
      join: fc.boolean(),
      peek: fc.boolean(),
      persist: fc.boolean(),
      wants: fc.option(fc.integer({ min: 0, max: 1 })),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(older, { maxLength: 12 }),
        fc.array(older, { maxLength: 4 }),
        fc.array(fc.integer({ min: 0, max: 1 }), { minLength: 13, maxLength: 13 }),
        async (before, after, values) => {
          const lab = await openLab();
          const wait = (each: typeof before): Promise<void[]> =>
            Promise.all(
              each.map(({ join, peek, persist, wants }) =>
                lab.consume(
                  join ? ['x', 'never'] : ['x'],
                  [wants === null ? anything : exactly(wants), anything].slice(0, join ? 2 : 1),
                  {
                    label: 'other',
                    persist,
                    peeks: peek ? [0] : [],
                  },
                ),
              ),
            );
          await wait(before);
          await lab.consume(['x'], [anything], { label: 'mine' });
          await wait(after);
          lab.fired();
          let sends = 0;
          for (; sends <= before.length; sends++) {
            await lab.produce('x', values[sends] as number);
            if (lab.fired().some(({ label }) => label === 'mine')) break;
          }
          assert.ok(sends <= before.length, `not after ${sends} sends, with ${before.length} older ones`);
          await lab.close();
        },
      ),
      { numRuns: 150 },
    );
  });

  it('accounts take turns: one with ten thousand tasks does not keep another waiting', async () => {
    const engine = await SpaceEngine.open({ platform, store: null });
    const order: number[] = [];
    engine.start({ handling: () => 'inline', run: (task) => order.push(task.account), deliver: () => {} });
    void engine.post(cause(1), (turn) => {
      for (let index = 0; index < 10_000; index++) turn.spawn(body('k'), []);
    });
    await engine.post(cause(2), (turn) => {
      for (let index = 0; index < 5; index++) turn.spawn(body('k'), []);
    });
    while (engine.pending(1).ready > 0) await tick(engine);
    const first = order.indexOf(2);
    assert.ok(first >= 0);
    assert.deepEqual(order.slice(first, first + 9), [2, 1, 2, 1, 2, 1, 2, 1, 2]);
    await engine.close();
  });
});
