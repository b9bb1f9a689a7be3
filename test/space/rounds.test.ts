/** Where the commits of a burst end: the disk has work while turns run, and what follows from a message is written with it. */
import assert from 'node:assert/strict';
import { simulatedPlatform } from '../../src/platform/index.ts';
import { type Body, type Cause, SpaceEngine } from '../../src/space/index.ts';
import { openMemoryStore } from '../../src/store/index.ts';

const ROUND = 256;
const cause: Cause = { kind: 'test', payload: null, account: 1 };
const step: Body = { label: 'step', term: null, place: 0, environment: [] };

/** A space whose tasks do this, and the turns at which its commits ended. */
async function open(run: () => void = () => {}) {
  const platform = simulatedPlatform(5);
  const store = openMemoryStore(platform);
  // Time ends no slice: else where a commit ends would hang on the machine.
  const engine = await platform.run(SpaceEngine.open({ platform, store, yield_ms: 1e9 }));
  engine.start({ handling: () => 'inline', run, deliver: () => {} });
  const ends: number[] = [];
  engine.onBeforeWrite(() => ends.push(engine.turn));
  return { platform, engine, ends };
}

describe('space: a burst of messages', () => {
  it('is on its way to the disk with its first round, while the turns of the others run', async () => {
    const { platform, engine, ends } = await open();
    const all = Array.from({ length: 4 * ROUND }, () => engine.post(cause, () => {}));
    await platform.run(Promise.all(all));
    assert.deepEqual(ends, [ROUND, 4 * ROUND]);
    await platform.run(engine.close());
  });

  it('is written on before those who hear of its first round have asked again', async () => {
    const { platform, engine, ends } = await open();
    const all = Array.from({ length: 4 * ROUND }, () => engine.post(cause, () => {}));
    const again = (all[0] as Promise<void>).then(() => engine.post(cause, () => {}));
    await platform.run(Promise.all([...all, again]));
    assert.deepEqual(ends, [ROUND, 4 * ROUND, 4 * ROUND + 1]);
    await platform.run(engine.close());
  });

  it('is cut by what its messages are worth', async () => {
    const { platform, engine, ends } = await open();
    const heavy = { ...cause, weight: ROUND / 2 };
    await platform.run(Promise.all(Array.from({ length: 8 }, () => engine.post(heavy, () => {}))));
    assert.deepEqual(ends, [2, 8]);
    await platform.run(engine.close());
  });

  it('is written with what follows from it: nothing that comes and goes is between two commits', async () => {
    const { platform, engine, ends } = await open();
    const all = Array.from({ length: 2 * ROUND }, () => engine.post(cause, (turn) => turn.spawn(step, [])));
    await platform.run(Promise.all(all));
    assert.deepEqual(ends, [2 * ROUND, 4 * ROUND]);
    await platform.run(engine.close());
  });

  it('that fits in a round is one commit, with what its tasks send', async () => {
    const { platform, engine, ends } = await open(() => void engine.post(cause, () => {}));
    const all = Array.from({ length: ROUND }, () => engine.post(cause, (turn) => turn.spawn(step, [])));
    await platform.run(Promise.all(all));
    assert.deepEqual(ends, [3 * ROUND]);
    await platform.run(engine.close());
  });
});
