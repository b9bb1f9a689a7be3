/** When a commit is written: at once when somebody waits for it, else a little later, with what follows. */
import assert from 'node:assert/strict';
import { limits } from '../../src/limits.ts';
import { simulatedPlatform } from '../../src/platform/index.ts';
import { type Cause, SpaceEngine } from '../../src/space/index.ts';
import { openMemoryStore } from '../../src/store/index.ts';

async function open(options: { readonly commit_delay_ms?: number } = {}) {
  const platform = simulatedPlatform(3);
  const store = openMemoryStore(platform);
  const engine = await platform.run(SpaceEngine.open({ platform, store, ...options }));
  engine.start({ handling: () => 'parked', run: () => {}, deliver: () => {} });
  return { platform, store, engine };
}

const awaited: Cause = { kind: 'test', payload: null, account: 0 };
const unhurried = (bytes: number): Cause => ({ ...awaited, unhurried_bytes: bytes });

describe('space: turns that nobody waits for', () => {
  it('are durable a little later, by themselves', async () => {
    const { platform, store, engine } = await open();
    const began_ms = platform.clock.monotonic_ms();
    const posted = engine.post(unhurried(0), (turn) => turn.setFact('a', 1));
    await platform.run(posted);
    assert.equal(store.journal.last, 1);
    assert.ok(platform.clock.monotonic_ms() - began_ms >= limits.commit_delay_ms);
    await platform.run(engine.close());
  });

  it('share the commit of what follows and is waited for, which waits for nothing', async () => {
    const { platform, store, engine } = await open();
    const began_ms = platform.clock.monotonic_ms();
    const first = engine.post(unhurried(0), (turn) => turn.setFact('a', 1));
    await platform.run(new Promise<void>((resolve) => platform.timers.soon(resolve)));
    assert.equal(engine.fact('a'), 1, 'its turn is over');
    assert.equal(store.journal.last, 0, 'and nothing is written');
    await platform.run(engine.post(awaited, (turn) => turn.setFact('b', 2)));
    await platform.run(first);
    assert.equal(store.journal.last, 1);
    assert.ok(platform.clock.monotonic_ms() - began_ms < limits.commit_delay_ms);
    await platform.run(engine.close());
  });

  it('are written at once when they hold much, and before the space closes', async () => {
    const { platform, store, engine } = await open();
    const began_ms = platform.clock.monotonic_ms();
    await platform.run(engine.post(unhurried(limits.commit_delay_bytes_max), (turn) => turn.setFact('a', 1)));
    const last = engine.post(unhurried(0), (turn) => turn.setFact('b', 1));
    await platform.run(engine.close());
    await platform.run(last);
    assert.equal(store.journal.last, 2);
    assert.ok(platform.clock.monotonic_ms() - began_ms < limits.commit_delay_ms);
  });

  it('are written at once when no delay is wanted', async () => {
    const { platform, engine } = await open({ commit_delay_ms: 0 });
    const began_ms = platform.clock.monotonic_ms();
    await platform.run(engine.post(unhurried(0), (turn) => turn.setFact('a', 1)));
    assert.ok(platform.clock.monotonic_ms() - began_ms < limits.commit_delay_ms);
    await platform.run(engine.close());
  });
});
