/**
 * The chaos test as a command: `npm run soak:chaos -- --kills 100 --rounds 10`, with `--library` that of the client of the
 * package. Prints each failure with the line that runs it again; exit code 1 when there was one.
 */
import { parseArgs } from 'node:util';
import { chaos } from './chaos.ts';
import { libraryChaos } from './library.ts';
import type { ChaosPlant } from './server.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    clients: { type: 'string', default: '200' },
    kills: { type: 'string', default: '10' },
    requests: { type: 'string', default: '200' },
    rounds: { type: 'string', default: '1' },
    plant: { type: 'string' },
    library: { type: 'boolean', default: false },
  },
});

const { library } = values;

try {
  for (let round = 0; round < Number(values.rounds); round++) {
    const seed = Number(values.seed) + round;
    const plant = values.plant === undefined ? {} : { plant: values.plant as ChaosPlant };
    const [clients, serverKills, requests] = [values.clients, values.kills, values.requests].map(Number) as [
      number,
      number,
      number,
    ];
    const result = library
      ? await libraryChaos({ seed, clients, serverKills, steps: requests, ...plant })
      : await chaos({ seed, clients, serverKills, requests, ...plant });
    process.stdout.write(`seed ${seed}: ${JSON.stringify(result)}\n`);
  }
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
