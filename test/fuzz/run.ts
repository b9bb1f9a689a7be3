/**
 * The fuzz of the service as a command: `npm run soak:fuzz -- --frames 1000000`. Prints a failure with the line that runs
 * it again; exit code 1 when there was one.
 */
import { parseArgs } from 'node:util';
import { fuzzService, requireNoGrowth, requireNothingOpen } from './service.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    frames: { type: 'string', default: '1000000' },
  },
});

try {
  const result = await fuzzService({
    seed: Number(values.seed),
    frames: Number(values.frames),
    progress: (frames) => process.stdout.write(`${frames} frames\n`),
  });
  process.stdout.write(`seed ${values.seed}: ${JSON.stringify(result)}\n`);
  requireNothingOpen(result);
  requireNoGrowth(result);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
