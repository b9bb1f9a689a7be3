/**
 * That the crash test can fail: each planted bug is found by it, and said how to run it again. Beside the campaign of
 * `crash.test.ts`, so that the two run at once.
 */
import assert from 'node:assert/strict';
import { campaign, CrashFailure } from './campaign.ts';
import { program } from './build.ts';
import type { Plant } from './messages.ts';

const SEED = Number(process.env['CRASH_SEED'] ?? 1);
/** The campaign ends with the first kill that shows it, most often one of the first thirty. */
const PLANT_KILLS_MAX = 500;
const PLANTS: readonly Plant[] = [
  'acknowledge-before-sync',
  'task-twice',
  'lose-datum',
  'effect-not-begun',
  'rows-ahead',
];

describe('the crash test', function () {
  this.timeout(1_800_000);

  before(() => void program('child'));

  for (const plant of PLANTS) {
    it(`finds the planted bug ${plant} within ${PLANT_KILLS_MAX} kills, and says how to run it again`, async () => {
      await assert.rejects(campaign({ seed: SEED, kills: PLANT_KILLS_MAX, plant }), (error: unknown) => {
        assert.ok(error instanceof CrashFailure, String(error));
        assert.match(error.message, new RegExp(`npm run soak:crash -- --workload \\w+ --at \\S+ --plant ${plant}$`));
        return true;
      });
    });
  }
});
