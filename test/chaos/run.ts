/**
 * The chaos test as a command: `npm run soak:chaos -- --kills 100 --rounds 10`. Prints each failure with the line that
 * runs it again; exit code 1 when there was one.
 */
import { parseArgs } from 'node:util';
import { chaos } from './chaos.ts';
import type { ChaosPlant } from './server.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    clients: { type: 'string', default: '200' },
    kills: { type: 'string', default: '10' },
    requests: { type: 'string', default: '200' },
    rounds: { type: 'string', default: '1' },
    plant: { type: 'string' },
  },
});

try {
  for (let round = 0; round < Number(values.rounds); round++) {
    const seed = Number(values.seed) + round;
    const result = await chaos({
      seed,
      clients: Number(values.clients),
      serverKills: Number(values.kills),
      requests: Number(values.requests),
      ...(values.plant === undefined ? {} : { plant: values.plant as ChaosPlant }),
    });
    process.stdout.write(`seed ${seed}: ${JSON.stringify(result)}\n`);
  }
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
