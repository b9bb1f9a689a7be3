/**
 * The replay cases of RSpace, RS-61 to RS-74, RS-77 and RS-83: played one operation after the other, then replayed to
 * the same commits and the same rows. Where RSpace's peek takes what it looks at, ours does not; the cases stand as they are.
 */
import assert from 'node:assert/strict';
import type { SpaceEngine } from '../../src/space/index.ts';
import { channelReports } from '../../src/embedding/index.ts';
import { ANY_MESSAGE } from '../../src/dispatch/index.ts';
import { lightSpace, replayLight } from './support-light.ts';

const many = (count: number, line: (index: number) => string): string[] =>
  Array.from({ length: count }, (_, n) => line(n));
const P = (channel: string, value: number | string): string => `@"${channel}"!(${value})`;
const C = (channel: string): string => `for (@x <- @"${channel}") { @"out"!(x) }`;
const PEEK = (channel: string): string => `for (@x <<- @"${channel}") { @"out"!(x) }`;

const CASES: Readonly<Record<string, readonly string[]>> = {
  'RS-61': [C('a'), P('a', 1)],
  'RS-62': [PEEK('a'), P('a', 1)],
  'RS-63': [P('a', 1), PEEK('a')],
  'RS-64': [
    'for (@x <<- @"a" & @y <- @"b") { @"out"!(x, y) }',
    P('b', 1),
    P('a', 1),
    P('a', 2),
    'for (@x <- @"a" & @y <<- @"b") { @"out"!(x, y) }',
    P('b', 2),
    P('b', 3),
    'for (@x <- @"a" & @y <- @"b") { @"out"!(x, y) }',
    P('a', 3),
  ],
  'RS-65': [
    PEEK('a'),
    P('a', 1),
    P('a', 1),
    PEEK('a'),
    P('a', 1),
    PEEK('a'),
    P('a', 1),
    PEEK('a'),
    P('a', 1),
    PEEK('a'),
  ],
  'RS-66': [...many(10, (n) => P('a', n)), ...many(10, () => C('a'))],
  'RS-67': [
    `for (${many(40, (n) => `@x${n} ${n % 8 === 0 ? '<<-' : '<-'} @"j${n}"`).join(' & ')}) { @"out"!(x0) }`,
    ...many(40, (n) => P(`j${(n * 17) % 40}`, n)),
  ],
  'RS-68': [...many(6, (n) => `@"a"!!(${n})`), ...many(6, () => C('a'))],
  'RS-69': [...many(10, () => C('a')), ...many(10, (n) => P('a', n))],
  'RS-70': [...many(3, () => 'for (@x <= @"a") { @"out"!(x) }'), ...many(10, (n) => P('a', n))],
  'RS-71': [
    ...many(6, () => 'for (@x <- @"a" & @y <- @"b") { @"out"!(x, y) }'),
    ...many(6, (n) => P('a', n)),
    ...many(6, (n) => P('b', n)),
  ],
  'RS-72': [
    ...many(6, (n) => P('a', n)),
    ...many(9, (n) => C(`other${n}`)),
    ...many(6, () => C('a')),
    ...many(9, (n) => P(`junk${n}`, n)),
  ],
  'RS-73': [...many(6, () => C('a')), ...many(4, (n) => C(`other${n}`)), ...many(6, (n) => P('a', n)), P('junk', 1)],
  'RS-74': [
    ...many(3, (n) => P('a', n)),
    ...many(5, (n) => P('b', n)),
    ...many(100, () => 'for (@x <<- @"a" & @y <<- @"b") { @"out"!(x, y) }'),
  ],
};

/** All that lies and waits, as a report has it. */
async function rows(engine: SpaceEngine): Promise<unknown> {
  return channelReports(await engine.inspect({ channels_max: 1000, items_max: 1000 }));
}

describe('the replay cases of RSpace', () => {
  for (const [name, steps] of Object.entries(CASES)) {
    it(name, async () => {
      const space = await lightSpace();
      for (const step of steps) await space.dispatcher.quiescent(await space.run(step));
      const played = await rows(space.engine);
      const { report, engine } = await replayLight(await space.end());
      assert.equal(report.complete, true);
      assert.deepEqual(await rows(engine), played);
    });
  }

  it('RS-77: what is installed is there in a replay', async () => {
    const space = await lightSpace();
    const { engine } = space;
    engine.register('own', (turn) => {
      turn.install('own', ANY_MESSAGE, { label: 'nobody', term: null, place: 0, environment: [] });
    });
    await engine.enact({ kind: 'own', payload: null, account: 0 });
    await space.run(P('own', 1));
    await space.run(P('own', 2));
    await engine.durable();
    const pending = engine.pending(1).parked + engine.pending(2).parked;
    const trace = await space.end();
    const replayed = await replayLight(trace, (other) => {
      other.register('own', (turn) => {
        turn.install('own', ANY_MESSAGE, { label: 'nobody', term: null, place: 0, environment: [] });
      });
    });
    assert.equal(replayed.report.complete, true);
    assert.equal(pending, 2);
    assert.equal(replayed.engine.pending(1).parked + replayed.engine.pending(2).parked, 2);
  });

  it('RS-83: a replay knows that it is one, and takes nothing from outside', async () => {
    const space = await lightSpace();
    assert.equal(space.engine.isReplay, false);
    await space.run(P('a', 1));
    const { engine } = await replayLight(await space.end());
    assert.equal(engine.isReplay, true);
    await assert.rejects(engine.produce('a', [2], false, 0), { code: 'not_available' });
  });
});
