/** Laws of the marks of the audit: each is one that was set, the next one from a row on, and they are never many. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type Mark, Marks } from '../../src/dispatch/audit-marks.ts';

const LOOK = 512;

function markOf(look: number): Mark {
  return { number: LOOK * look, total_bytes: 100 * look, start_ms: look };
}

describe('marks of the audit', () => {
  it('the next one from a row on was set, and is no further away than marks are apart', () =>
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9_000 }), fc.array(fc.nat(9_000), { maxLength: 20 }), (looks, asked) => {
        const marks = new Marks();
        for (let look = 0; look < looks; look++) marks.add(markOf(look));
        for (const look of asked.sort((a, b) => a - b)) {
          const mark = marks.from(LOOK * look);
          if (mark === undefined) assert.ok(look > looks - 1 - marks.every);
          else {
            assert.deepEqual(mark, markOf(mark.start_ms));
            assert.ok(mark.start_ms >= look && mark.start_ms < Math.max(look, marks.every) + 2 * marks.every);
          }
        }
      }),
      { numRuns: 100 },
    ));

  it('are never more than a thousand or so: of many they are further apart', () => {
    const marks = new Marks();
    for (let look = 0; look < 100_000; look++) marks.add(markOf(look));
    let count = 0;
    for (let mark = marks.from(0); mark !== undefined; mark = marks.from(mark.number + 1)) count++;
    assert.ok(count >= 512 && count <= 1024, `${count} marks`);
  });
});
