/**
 * Real processes, killed with SIGKILL while their effects are on the network. `CRASH_NETWORK_KILLS` is how many;
 * the soak is `npm run soak:crash -- --workload network --kills 1000`.
 */
import assert from 'node:assert/strict';
import { program } from './build.ts';
import { networkCampaign, networkDirectory, type NetworkResult } from './network.ts';

const KILLS = Number(process.env['CRASH_NETWORK_KILLS'] ?? 20);
const SEED = Number(process.env['CRASH_SEED'] ?? 1);
/** The campaign ends with the first kill that shows it, most often one of the first ten. */
const PLANT_KILLS_MAX = 500;
/** The server has them and has not answered: so one with a key comes again, and the caller of one without is told. */
const AT_REQUESTS = [1, 4, 7, 3, 6, 2].map((request) => ({ request }));
/** Between an effect and its record: there the bug shows, and hardly anywhere else. */
const UNBEGUN_MOMENTS = ['effect:after', 'finished:before'] as const;

describe('a process killed with SIGKILL while its effects are on the network', function () {
  this.timeout(1_800_000);
  let result: NetworkResult | undefined;

  before(() => void program('network'));

  it(`has each change seen once by its key, or its caller told interrupted; timers fire once; ports open again: through ${KILLS} kills`, async () => {
    result = await networkCampaign({ seed: SEED, kills: KILLS });
    assert.equal(result.killed, KILLS);
  });

  it('made changes again, and left some interrupted: else the kills prove nothing', async () => {
    assert.ok(result !== undefined, 'the kills above came to no end');
    assert.equal(result.resumed, result.directories);
    const more = await networkDirectory(AT_REQUESTS, SEED);
    const repeated = result.repeated + more.repeated;
    const interrupted = result.interrupted + more.interrupted;
    assert.ok(repeated > 0, 'no change was made again');
    assert.ok(interrupted > 0, 'no change was interrupted');
  });

  it('the planted bug effect-not-begun is found, and said how to run it again', async () => {
    await assert.rejects(
      networkCampaign({ seed: SEED, kills: PLANT_KILLS_MAX, plant: 'effect-not-begun', moments: UNBEGUN_MOMENTS }),
      (error) => {
        assert.match(String(error), /--workload network --seed \d+ --at \S+ --plant effect-not-begun$/);
        return true;
      },
    );
  });
});
