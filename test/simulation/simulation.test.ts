/**
 * The whole system under simulation. `SIMULATION_SEEDS` is how many seeds run (10,000), `SIMULATION_FROM` the
 * first of them (1): a soak is the same test with larger numbers.
 */
import assert from 'node:assert/strict';
import { ALL_FAILPOINTS, type Plant } from './machine.ts';
import { simulate } from './simulate.ts';

const SEEDS = Number(process.env['SIMULATION_SEEDS'] ?? 10_000);
const FROM = Number(process.env['SIMULATION_FROM'] ?? 1);
const PLANT_SEEDS_MAX = 1_000;
const PLANTS: readonly Plant[] = [
  'acknowledge-before-sync',
  'task-twice',
  'lose-datum',
  'effect-not-begun',
  'rows-ahead',
];

describe('the simulated system', () => {
  it(`keeps its laws for ${SEEDS} seeds: what was acknowledged is there, once; effects are made once or answered interrupted`, async function () {
    this.timeout(300_000);
    const diedAt = new Set<string>();
    let deaths = 0;
    let interrupted = 0;
    for (let seed = FROM; seed < FROM + SEEDS; seed++) {
      const result = await simulate(seed);
      for (const name of result.diedAt) diedAt.add(name);
      deaths += result.deaths;
      interrupted += result.interrupted;
    }
    // A simulation in which nothing dies proves nothing.
    assert.ok(deaths > SEEDS / 2 && interrupted > SEEDS / 50, `${deaths} deaths, ${interrupted} interrupted`);
    if (SEEDS >= 1_000)
      assert.deepEqual(
        ALL_FAILPOINTS.filter((name) => !diedAt.has(name)),
        [],
        'failpoints at which nothing died',
      );
  });

  it('is the same run for the same seed', async () => {
    for (const seed of [3, 8, 74]) {
      const [one, two]: [string[], string[]] = [[], []];
      await simulate(seed, { trace: (line) => void one.push(line) });
      await simulate(seed, { trace: (line) => void two.push(line) });
      assert.deepEqual(one, two);
    }
  });

  for (const plant of PLANTS) {
    it(`finds the planted bug ${plant} within ${PLANT_SEEDS_MAX} seeds, and its line finds it again`, async function () {
      this.timeout(300_000);
      for (let seed = 1; seed <= PLANT_SEEDS_MAX; seed++) {
        const failure = await simulate(seed, { plant }).then(
          () => null,
          (error: Error) => error.message,
        );
        if (failure === null) continue;
        assert.match(failure, new RegExp(`npx tsx test/simulation/run.ts ${seed} --plant ${plant}$`));
        await assert.rejects(simulate(seed, { plant }), { message: failure });
        return;
      }
      assert.fail('it was not found');
    });
  }
});
