/**
 * HTTP through a contract beside undici, with the same server in another process: 64 requests in flight, each loop
 * asking again when it has its answer. A time is from one request of a loop to its next as the server sees them come, on
 * both sides: so neither side does anything but ask.
 */
import { join } from 'node:path';
import { Pool } from 'undici';
import { openSpace, type Space, tuple } from '../../src/index.ts';
import { atMost, type BenchLine, inDirectory, interleave, median, withServer } from './support.ts';

const IN_FLIGHT = 64;
/** Of each loop in a round: long enough for collections of garbage to come several times in each. */
const REQUESTS = 150;
/** Many short ones: what else the machine does comes and goes within seconds, and then falls on both sides alike. */
const ROUNDS = 15;
/** Rounds of both sides before those that count: both run compiled then, and a round is not a measure of the compiler. */
const WARM_UP = 3;

const program = (port: number): string => `new box(\`rho:powerbox\`) in {
  for (http <- box!?("httpClient")) {
    contract @"open"(@id) = {
      for (page <- http!?("resolve", "http://127.0.0.1:${port}/thing/" ++ id.toString())) {
        new loop in {
          contract loop(@left) = {
            if (left == 0) { @"done"!(id) } else { for (@_ <- page!?("get")) { loop!(left - 1) } }
          } |
          for (@n <= @("go", id)) { loop!(n) } | @"ready"!(id)
        }
      }
    }
  }
}`;

export async function bench(): Promise<BenchLine[]> {
  return inDirectory((directory) =>
    withServer('http', async (port, ask) => {
      const origins = [
        {
          origin: `http://127.0.0.1:${port}`,
          addresses: ['127.0.0.1'],
          requests_per_second: 1_000_000,
          requests_burst_max: 1_000_000,
          requests_open_max: IN_FLIGHT,
        },
      ];
      const space = await openSpace({
        data: join(directory, 'space'),
        durability: 'sync',
        grants: { stdio: false, powers: [{ kind: 'http', origins }] },
      });
      const pool = new Pool(`http://127.0.0.1:${port}`, { connections: IN_FLIGHT, pipelining: 1 });
      try {
        await space.run(program(port));
        for (let id = 0; id < IN_FLIGHT; id++) await space.produce('open', [id]);
        await all(space, 'ready');
        const p99s: { readonly ours: number[]; readonly theirs: number[] } = { ours: [], theirs: [] };
        const round = async (body: () => Promise<unknown>, p99: number[]): Promise<number> => {
          await body();
          const laps_ms: readonly number[] = JSON.parse(await ask('laps'));
          if (laps_ms.length !== IN_FLIGHT * (REQUESTS - 1)) throw new Error(`${laps_ms.length} laps`);
          p99.push(quantile(laps_ms, 0.99));
          return median(laps_ms);
        };
        const ours = (): Promise<number> =>
          round(async () => {
            await Promise.all(
              Array.from({ length: IN_FLIGHT }, (_, id) => space.produce(tuple(['go', id]), [REQUESTS])),
            );
            await all(space, 'done');
          }, p99s.ours);
        const theirs = (): Promise<number> =>
          round(() => Promise.all(Array.from({ length: IN_FLIGHT }, (_, id) => loop(pool, id))), p99s.theirs);
        await interleave(WARM_UP, ours, theirs);
        p99s.ours.length = 0;
        p99s.theirs.length = 0;
        const medians = await interleave(ROUNDS, ours, theirs);
        return [
          atMost('HTTP, 64 in flight, median', 'ms', medians.ours, 'undici', medians.theirs, 1.5),
          // The first round does not count here either.
          atMost(
            'HTTP, 64 in flight, p99',
            'ms',
            median(p99s.ours.slice(1)),
            'undici',
            median(p99s.theirs.slice(1)),
            2,
          ),
        ];
      } finally {
        await pool.close();
        await space.close();
      }
    }),
  );
}

/** All at once: each alone would wait for a sync of its own, while the loops that go on have the machine. */
async function all(space: Space, channel: string): Promise<void> {
  await Promise.all(Array.from({ length: IN_FLIGHT }, () => space.consume([{ channel }], { limit_ms: 60_000 })));
}

async function loop(pool: Pool, id: number): Promise<void> {
  const path = `/thing/${id}`;
  for (let request = 0; request < REQUESTS; request++) {
    const { statusCode, body } = await pool.request({ method: 'GET', path });
    const value = await body.json();
    if (statusCode !== 200 || value === null) throw new Error(`answered ${statusCode}`);
  }
}

function quantile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((left, right) => left - right);
  return sorted[Math.floor(sorted.length * share)] as number;
}
