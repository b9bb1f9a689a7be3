/**
 * Real processes on real directories, killed with SIGKILL. `CRASH_KILLS` is how many kills, `CRASH_SEED` the plan of
 * them; the soak is `npm run soak:crash -- --kills 5000`.
 */
import assert from 'node:assert/strict';
import { campaign, type CampaignResult, MOMENTS } from './campaign.ts';
import { program } from './build.ts';

const KILLS = Number(process.env['CRASH_KILLS'] ?? 200);
const SEED = Number(process.env['CRASH_SEED'] ?? 1);
const KILLS_AT_EACH = 5;

describe('a process killed with SIGKILL', function () {
  // The machine may be busy with other tests; alone this takes a minute.
  this.timeout(1_800_000);
  let result: CampaignResult | undefined;

  before(() => void program('child'));

  it(`keeps what it acknowledged, does nothing twice and nothing by half, and comes to the end of a run never killed, through ${KILLS} kills`, async () => {
    const ended = await campaign({ seed: SEED, kills: KILLS });
    result = ended;
    assert.equal(ended.killed, KILLS);
  });

  it(`was killed at each of the ${MOMENTS.length} named moments, ${KILLS_AT_EACH} times or more`, () => {
    assert.ok(result !== undefined, 'the kills above came to no end');
    const { killedAt } = result;
    const seldom = MOMENTS.filter((moment) => (killedAt.get(moment) ?? 0) < KILLS_AT_EACH);
    assert.deepEqual(seldom, [], 'moments that were reached too seldom');
  });

  it('answers exactly the effects in flight at a kill with interrupted, where nobody can tell whether they were done', () => {
    assert.ok(result !== undefined, 'the kills above came to no end');
    // Which effects those are is checked in each directory; a campaign without any proves nothing. So many are planned.
    assert.ok(result.interrupted >= KILLS / 20, `only ${result.interrupted} effects were in flight at a kill`);
  });
});
