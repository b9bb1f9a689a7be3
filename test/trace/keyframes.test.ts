/** A replay may begin at any keyframe, and one that comes to a keyframe must have come to what it says. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { programs } from '../rholang/programs.ts';
import { keyframesIn, keyframesSoFar, some } from './support.ts';
import { lightSpace, replayLight } from './support-light.ts';

/** Some programs run for ever: turns after which nothing more is begun. */
const TURNS_MAX = 2_000;

describe('keyframes', () => {
  it('of random programs are what a replay comes to, and each can be begun at', async () => {
    let begun = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(programs, { minLength: 10, maxLength: 10, size: 'max' }), async (texts) => {
        const space = await lightSpace(0);
        let ran = 0;
        for (const text of texts) {
          if (space.engine.turn > TURNS_MAX) break;
          const before = keyframesSoFar(space.written());
          await space.run(text);
          ran++;
          // A commit for each, and a keyframe behind it: the next is due as soon as the last is whole.
          await space.engine.durable();
          while (keyframesSoFar(space.written()) === before) await new Promise((resolve) => setImmediate(resolve));
        }
        const trace = await space.end();
        const whole = await replayLight(trace);
        assert.equal(whole.report.complete, true);
        const keyframes = keyframesIn(trace);
        assert.ok(keyframes.length >= ran, `${keyframes.length} behind ${ran} programs`);
        for (const turn of some(keyframes)) {
          begun++;
          const { report } = await replayLight(trace, undefined, { from: turn + 1 });
          assert.equal(report.complete, true);
          assert.equal(report.turn, whole.report.turn);
          assert.equal(report.turns, whole.report.turn - turn);
        }
      }),
      { numRuns: 12, endOnFailure: true },
    );
    assert.ok(begun > 12, `only ${begun}`);
  });
});
