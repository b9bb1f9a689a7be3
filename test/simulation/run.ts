/** Runs one seed and says what happened: `npx tsx test/simulation/run.ts SEED [--plant BUG]`. */
import type { Plant } from './machine.ts';
import { simulate } from './simulate.ts';

const [seed, , plant] = process.argv.slice(2);
const result = await simulate(Number(seed), {
  trace: (line) => console.log(line),
  ...(plant === undefined ? {} : { plant: plant as Plant }),
});
console.log(JSON.stringify(result));
