/**
 * A node with a host that has a store, killed on the way. Its one argument is `HostsOptions` as JSON; it says when every
 * order is answered and nothing is left to be confirmed, and what was answered.
 */
import { writeSync } from 'node:fs';
// Not through the index: embedding programs cannot reach it.
import { openInstrumented } from '../../src/embedding/open.ts';
import { internalsOf } from '../../src/embedding/internals.ts';
import { PREPARED_PREFIX } from '../../src/dispatch/index.ts';
import { type HostsLine, type HostsOptions, ORDERS, preparedOf, PROGRAM, readLedger } from './hosts.ts';
import type { Moment } from './messages.ts';

const options = JSON.parse(process.argv[2] as string) as HostsOptions;
const passed: Partial<Record<Moment, number>> = {};

function say(line: HostsLine): void {
  writeSync(1, `${JSON.stringify(line)}\n`);
}

function failpoint(name: Moment): void {
  const count = (passed[name] ?? 0) + 1;
  passed[name] = count;
  const { kill } = options;
  if (kill?.at === name && kill.pass === count) process.kill(process.pid, 'SIGKILL');
}

async function main(): Promise<void> {
  const strange: string[] = [];
  const space = await openInstrumented(
    {
      data: options.data,
      config: {
        version: 1,
        natives: {
          ledger: {
            command: [process.execPath, ...options.ledger, options.data, options.plan],
            restarts_max: 1000,
            // It may die as soon as it is there, while it is told what to finish.
            required: false,
          },
        },
        powers: { ledger: { kind: 'host', native: 'ledger' } },
        holders: { alice: { grants: ['ledger'] } },
      },
      onFailure: ({ code, message }) => {
        if (code !== 'interrupted' && code !== 'not_available') strange.push(`${code}: ${message}`);
      },
      onHostLine: ({ text }) => {
        if (text.includes('Error')) strange.push(text);
      },
      onClosed: (error) => say({ type: 'broken', message: error.message }),
    },
    { failpoint, cache_bytes: 16 * 1024, journal_tail_bytes_max: 8 * 1024 },
  );
  say({ type: 'started' });
  // Orders that come while it is not there are refused, and prove nothing.
  while (space.hosts()[0]?.state !== 'up') await new Promise((resolve) => setTimeout(resolve, 5));
  await space.system(PROGRAM, { name: 'orders', holder: 'alice' });
  if ((await space.read('receipt')) === undefined) {
    const orders = Array.from({ length: ORDERS }, (_, index) => ({ channel: 'orders', message: [index + 1] }));
    await space.produceAll([...orders, { channel: 'receipt', message: [true] }]);
  }
  const { engine } = internalsOf(space);
  // A host that has died with something prepared says so when it is there again, and is told what becomes of it.
  const isDone = (): boolean =>
    space.count('answers').data === ORDERS &&
    [...engine.facts(PREPARED_PREFIX)].length === 0 &&
    preparedOf(readLedger(options.data)).size === 0;
  while (!isDone()) await new Promise((resolve) => setTimeout(resolve, 5));
  const answers: [number, string][] = [];
  for (let next = await space.take('answers'); next !== undefined; next = await space.take('answers'))
    answers.push(next as unknown as [number, string]);
  say({ type: 'told', answers, strange });
  for (const [order, answer] of answers) await space.produce('answers', [order, answer]);
  await space.close();
}

main().catch((error: unknown) => {
  say({ type: 'broken', message: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  process.exitCode = 1;
});
