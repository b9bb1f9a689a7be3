/** Ten thousand random programs play, and replay from their traces to the same commits. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { programs } from '../rholang/programs.ts';
import { lightSpace, replayLight } from './support-light.ts';

/** Programs of one space: they share its public names, so they meet. */
const PROGRAMS_A_SPACE = 50;
const SPACES = 200;
/** Some run for ever: turns after which a space is closed on them. */
const TURNS_MAX = 2_000;

describe('random programs', () => {
  it('replay', async () => {
    let turns = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(programs, { minLength: PROGRAMS_A_SPACE, maxLength: PROGRAMS_A_SPACE }),
        async (texts) => {
          const space = await lightSpace();
          await Promise.all(texts.map((text) => space.run(text)));
          while (space.engine.tasks.anyReady && space.engine.turn < TURNS_MAX)
            await new Promise((resolve) => setImmediate(resolve));
          const last = space.engine.turn;
          const { report } = await replayLight(await space.end());
          assert.equal(report.complete, true);
          assert.ok(report.turn >= last);
          turns += report.turns;
        },
      ),
      { numRuns: SPACES },
    );
    assert.ok(turns > 2 * SPACES * PROGRAMS_A_SPACE);
  });
});
