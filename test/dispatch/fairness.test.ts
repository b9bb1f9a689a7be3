/** Accounts take turns: who makes much work waits for its own work, nobody else's. */
import assert from 'node:assert/strict';
import { Deploys, Dispatcher } from '../../src/dispatch/index.ts';
import { SimulatedPlatform } from '../../src/platform/index.ts';
import { SpaceEngine } from '../../src/space/index.ts';

const STEPS = 10_000;

async function turnsOfTheLoop(besides: readonly string[]): Promise<number> {
  const platform = new SimulatedPlatform(1);
  const engine = await SpaceEngine.open({ platform, store: null, nameKey: new Uint8Array(32) });
  const dispatcher = new Dispatcher({ platform, report: () => {} });
  let doublings = 0;
  dispatcher.registerInline('double', {
    run: (task, turn) => {
      doublings++;
      turn.spawn(task.body, []);
      turn.spawn(task.body, []);
    },
  });
  let ended = 0;
  dispatcher.registerInline('loop', {
    run: (task, turn) => {
      const left = task.captures[0] as number;
      if (left > 0) turn.spawn(task.body, [left - 1]);
      else ended = engine.turn;
    },
  });
  dispatcher.attach(engine, engine.names);
  engine.start(dispatcher);
  const deploys = new Deploys(engine);
  const start = (label: string): Promise<unknown> =>
    platform.run(deploys.start({ holder: 'h', name: label, label, term: null, captures: [STEPS] }));
  for (const label of besides) await start(label);
  const began = engine.turn;
  await start('loop');
  for (let steps = 0; ended === 0 && steps < 100_000; steps++) await platform.step();
  assert.ok(ended > 0);
  assert.ok(besides.length === 0 || doublings > STEPS / 2, 'the other must not be starved either');
  return ended - began;
}

describe('fairness', () => {
  it('a deploy of 10,000 steps beside one that doubles its tasks for ever ends within 3 times the turns it needs alone', async () => {
    const alone = await turnsOfTheLoop([]);
    const beside = await turnsOfTheLoop(['double']);
    assert.ok(beside <= 3 * alone, `${beside} turns, ${alone} alone`);
  });
});
