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

describe('space: a message that comes right behind others', () => {
  /** How many commits two messages make of which one comes when the other has had its turn. */
  async function commitsAfter(company: number): Promise<number> {
    const { platform, engine, ends } = await open();
    await platform.run(Promise.all(Array.from({ length: company }, () => engine.post(cause, () => {}))));
    const before = ends.length;
    const first = engine.post(cause, () => {});
    const second = new Promise<void>((resolve, reject) => {
      platform.timers.soon(() => engine.post(cause, () => {}).then(resolve, reject));
    });
    await platform.run(Promise.all([first, second]));
    assert.equal(ends.at(-1), company + 2);
    await platform.run(engine.close());
    return ends.length - before;
  }

  it('is written with them where many were told of the last commit', async () => {
    assert.equal(await commitsAfter(8), 1);
    assert.equal(await commitsAfter(100), 1);
  });

  it('is not waited for where few were, nor where very many were', async () => {
    for (const company of [1, 2, 7, 200]) assert.equal(await commitsAfter(company), 2);
  });

  it('is not waited for a second time, so that no stream of messages keeps the disk from its work', async () => {
    const { platform, engine, ends } = await open();
    await platform.run(Promise.all(Array.from({ length: 8 }, () => engine.post(cause, () => {}))));
    let left = 50;
    const stream = new Promise<void>((resolve, reject) => {
      const next = (): void => {
        engine.post(cause, () => {}).catch(reject);
        if (--left > 0) platform.timers.soon(next);
        else resolve();
      };
      next();
    });
    await platform.run(engine.post(cause, () => {}));
    assert.ok(left > 0, 'the first message was told of after the last of the stream');
    await platform.run(stream);
    await platform.run(engine.close());
    assert.equal(ends.at(-1), 8 + 50 + 1);
  });
});
