/**
 * What others notice of a native that computes for ten seconds in a thread: the slowest hundredth of messages through a
 * contract while it does, against the same while nothing else runs.
 */
import { fileURLToPath } from 'node:url';
import { openSpace, type Space } from '../../src/index.ts';
import { atMost, type BenchLine, median } from './support.ts';

const COMPUTES_MS = 10_000;
const MESSAGES = 1_500;
const ROUNDS = 3;

/** Beside this file, translated as it is. */
const MODULE = fileURLToPath(new URL('../natives/support/example.js', import.meta.url));

const program = `new example(\`native:example\`) in {
  contract @"ask"(@number) = { @"told"!(number) } |
  contract @"compute"(@ms) = { for (@_ <- example!?("work", ms)) { @"computed"!(ms) } }
}`;

/** The slowest hundredth of so many messages, one after the other, in milliseconds. */
async function slowest_ms(space: Space): Promise<number> {
  const times: number[] = [];
  for (let number = 0; number < MESSAGES; number++) {
    const start = performance.now();
    const told = space.consume([{ channel: 'told' }], { limit_ms: 60_000 });
    await space.produce('ask', [number]);
    await told;
    times.push(performance.now() - start);
    // Turns are shared with everybody else.
    if (number % 16 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  return times.sort((left, right) => left - right)[Math.floor(times.length * 0.99)] as number;
}

export async function bench(): Promise<BenchLine[]> {
  const space = await openSpace({
    onHostLine: () => {},
    config: {
      version: 1,
      natives: { example: { module: MODULE, call_ms_max: 60_000 } },
      powers: { example: { kind: 'host', native: 'example' } },
      holders: { alice: { grants: ['example'] } },
    },
  });
  try {
    await space.run(program, { holder: 'alice' });
    await slowest_ms(space);
    const idle: number[] = [];
    const beside: number[] = [];
    for (let round = 0; round < ROUNDS; round++) idle.push(await slowest_ms(space));
    const start = performance.now();
    const computed = space.consume([{ channel: 'computed' }], { limit_ms: 60_000 });
    await space.produce('compute', [COMPUTES_MS]);
    for (let round = 0; round < ROUNDS; round++) beside.push(await slowest_ms(space));
    // All of it was beside the computing, or it says nothing.
    if (performance.now() - start > COMPUTES_MS) throw new Error('the rounds took longer than the computing');
    await computed;
    return [
      atMost('p99 of others beside a native that computes 10 s', 'ms', median(beside), 'alone, ms', median(idle), 2),
    ];
  } finally {
    await space.close();
  }
}
