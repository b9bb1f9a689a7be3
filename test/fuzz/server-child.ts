/**
 * A service to be fuzzed, in a process of its own. A line on its input asks what it holds after garbage has been
 * collected; it answers with one line. Anything that nobody catches ends it with 70.
 */
import { createInterface } from 'node:readline';
import { openSpace } from '../../src/embedding/index.ts';
import { createService } from '../../src/service/index.ts';

const [, , data = ''] = process.argv;
const HOLDERS = 4;
/** Sessions that nobody ends are over soon, so that what is left can be told from what leaks. */
const SESSION_MS = 500;
/** The heap is measured when it has not fallen by this share in as many collections, 50 ms apart. */
const STEADY_SHARE = 0.002;
const STEADY_ROUNDS = 12;
/** What senders fill the space with ends here: that it grows is no leak. */
const QUOTAS = { bytes_max: 50_000, continuations_max: 100, tasks_max: 2_000 };

for (const what of ['unhandledRejection', 'uncaughtException'] as const) {
  process.on(what, (error) => {
    process.stderr.write(`${what}: ${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(70);
  });
}

async function main(): Promise<void> {
  const names = Array.from({ length: HOLDERS }, (_, index) => `holder${index}`);
  const space = await openSpace({
    data,
    durability: 'os',
    config: {
      version: 1,
      powers: { random: { kind: 'random' } },
      holders: Object.fromEntries(names.map((name) => [name, { grants: ['random'], quotas: QUOTAS }])),
    },
    onFailure: () => {},
  });
  const service = await createService({
    spaces: { get: (name) => (name === 'default' ? space : undefined) },
    auth: { authenticate: async ({ token }) => ({ holder: token ?? 'nobody', expires_ms: null, spaces: null }) },
    listen: { host: '127.0.0.1', port: 0 },
    session_ms: SESSION_MS,
  });
  process.stdout.write(`${JSON.stringify({ port: service.address.port })}\n`);

  function openHandles(): Record<string, number> {
    const handles: Record<string, number> = {};
    for (const kind of process.getActiveResourcesInfo()) handles[kind] = (handles[kind] ?? 0) + 1;
    return handles;
  }

  async function measure(): Promise<void> {
    await space.quiescent();
    // Of before the collection: what a session held that ends after it has begun is still on the heap.
    const { connections, sessions } = service.counts();
    // What the last collection set free may be held by callbacks that have yet to run; and a timer may be about to fire.
    let handles = openHandles();
    let heap_bytes = Number.POSITIVE_INFINITY;
    for (let fallen = 0, round = 0; round < fallen + STEADY_ROUNDS; round++) {
      globalThis.gc?.();
      const used = process.memoryUsage().heapUsed;
      if (used < heap_bytes * (1 - STEADY_SHARE)) fallen = round;
      heap_bytes = Math.min(heap_bytes, used);
      await new Promise((resolve) => setTimeout(resolve, 50));
      const now = openHandles();
      handles = Object.fromEntries(
        Object.entries(now).map(([kind, count]) => [kind, Math.min(count, handles[kind] ?? 0)]),
      );
    }
    const { external, arrayBuffers } = process.memoryUsage();
    process.stdout.write(
      `${JSON.stringify({ heap_bytes, outside_bytes: external + arrayBuffers, handles, connections, sessions })}\n`,
    );
  }

  const lines = createInterface({ input: process.stdin });
  lines.on('line', () => void measure());
  lines.on('close', async () => {
    await service.close(1_000);
    await space.close();
  });
}

void main();
