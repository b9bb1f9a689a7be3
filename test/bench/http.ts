/**
 * HTTP through a contract beside undici, with the same server in another process: 64 requests in flight, each loop
 * asking again when it has its answer. A time is from one answer of a loop to its next, on both sides.
 */
import { join } from 'node:path';
import { Pool } from 'undici';
import { z } from 'zod';
import { defineNative, nativeMethod, openSpace, type Space, tuple } from '../../src/index.ts';
import { atMost, type BenchLine, inDirectory, interleave, median, withServer } from './support.ts';

const IN_FLIGHT = 64;
/** Of each loop in a round: long enough for collections of garbage to come several times in each. */
const REQUESTS = 150;
const ROUNDS = 5;
/** Rounds of both sides before those that count: both run compiled then, and a round is not a measure of the compiler. */
const WARM_UP = 2;

const program = (port: number): string => `new box(\`rho:powerbox\`), clock(\`native:clock\`) in {
  for (http <- box!?("httpClient"); page <- http!?("resolve", "http://127.0.0.1:${port}/thing")) {
    contract @"open"(@id) = {
      new loop in {
        contract loop(@left) = {
          for (@Nil <- clock!?("mark", id)) {
            if (left == 0) { @"done"!(id) } else { for (@_ <- page!?("get")) { loop!(left - 1) } }
          }
        } |
        for (@n <= @("go", id)) { loop!(n) } | @"ready"!(id)
      }
    }
  }
}`;

/** Hears when each loop has an answer. */
class Laps {
  readonly took_ms: number[] = [];
  readonly #last = new Map<number, number>();

  mark(id: number): void {
    const now_ms = performance.now();
    const last_ms = this.#last.get(id);
    if (last_ms !== undefined) this.took_ms.push(now_ms - last_ms);
    this.#last.set(id, now_ms);
  }

  /** A round begins: nothing of it belongs to the one before. */
  begin(): void {
    this.took_ms.length = 0;
    this.#last.clear();
  }
}

export async function bench(): Promise<BenchLine[]> {
  return inDirectory((directory) =>
    withServer('http', async (port) => {
      const laps = new Laps();
      const clock = defineNative({
        name: 'clock',
        doc: 'Where the benchmark hears of answers.',
        methods: {
          mark: nativeMethod({
            doc: 'Said by a loop when it has an answer.',
            effect: 'none',
            args: { id: z.number().int() },
            result: z.null(),
            run: ({ id }) => {
              laps.mark(id);
              return null;
            },
          }),
        },
      });
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
        await space.register(clock);
        await space.run(program(port));
        for (let id = 0; id < IN_FLIGHT; id++) await space.produce('open', [id]);
        await all(space, 'ready');
        const p99s: { readonly ours: number[]; readonly theirs: number[] } = { ours: [], theirs: [] };
        const round = async (body: () => Promise<unknown>, p99: number[]): Promise<number> => {
          laps.begin();
          await body();
          p99.push(quantile(laps.took_ms, 0.99));
          return median(laps.took_ms);
        };
        const ours = (): Promise<number> =>
          round(async () => {
            await Promise.all(
              Array.from({ length: IN_FLIGHT }, (_, id) => space.produce(tuple(['go', id]), [REQUESTS])),
            );
            await all(space, 'done');
          }, p99s.ours);
        const theirs = (): Promise<number> =>
          round(() => Promise.all(Array.from({ length: IN_FLIGHT }, (_, id) => ask(pool, laps, id))), p99s.theirs);
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

async function all(space: Space, channel: string): Promise<void> {
  for (let id = 0; id < IN_FLIGHT; id++) await space.consume([{ channel }], { limit_ms: 60_000 });
}

async function ask(pool: Pool, laps: Laps, id: number): Promise<void> {
  laps.mark(id);
  for (let request = 0; request < REQUESTS; request++) {
    const { statusCode, body } = await pool.request({ method: 'GET', path: '/thing' });
    const value = await body.json();
    if (statusCode !== 200 || value === null) throw new Error(`answered ${statusCode}`);
    laps.mark(id);
  }
}

function quantile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((left, right) => left - right);
  return sorted[Math.floor(sorted.length * share)] as number;
}
