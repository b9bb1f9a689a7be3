/**
 * A process with a real data directory that does a workload and is killed, or kills itself, on the way. Its one
 * argument is `ChildOptions` as JSON. It says on standard output what it asks and what it was told.
 */
import { writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { Native } from '../../channels/index.ts';
import { any, defineNative, nativeMethod, type Space } from '../../src/embedding/index.ts';
// Not through the index: embedding programs cannot reach it.
import { openInstrumented } from '../../src/embedding/open.ts';
import { print } from '../../src/rholang/index.ts';
import type { SpaceEngine } from '../../src/space/index.ts';
import type { Value } from '../../src/values/index.ts';
import type { ChannelContent, ChildOptions, Contents, Line, Moment } from './messages.ts';
import { hasParcel, ORDERS, PARCEL_BYTES, PROGRAMS, PUMPS, range, textOf } from './workload.ts';

const options = JSON.parse(process.argv[2] as string) as ChildOptions;
const { workload, mode, kill } = options;
/** Orders under way at once. */
const CALLERS = 3;
const passed: Partial<Record<Moment, number>> = {};

/** Straight to the pipe: a line that was not written yet would be lost with the process. */
function say(line: Line): void {
  const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
  for (let sent = 0; sent < bytes.length; ) {
    try {
      sent += writeSync(1, bytes, sent);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
  }
}

function die(): void {
  process.kill(process.pid, 'SIGKILL');
}

function failpoint(name: Moment): void {
  const count = (passed[name] ?? 0) + 1;
  passed[name] = count;
  if (kill?.at !== name || count !== kill.pass) return;
  say({ type: 'dies', at: name });
  die();
}

/** Unforgeable names are other ones in each run. */
const apart = (text: string): string => text.replaceAll(/Unforgeable\(0x[0-9a-f]+…?\)/g, 'Unforgeable');

async function contentsOf(engine: SpaceEngine): Promise<Contents> {
  const { channels } = await engine.inspect({ channels_max: 100_000, items_max: 100_000 });
  const content = channels.map(
    ({ channel, data, waiting }): ChannelContent => ({
      channel: apart(print(channel)),
      data: data.map(({ message, persist }) => [
        ...message.map((value) => apart(print(value))),
        ...(persist ? ['!!'] : []),
      ]),
      waiting: waiting.map(({ receive }) =>
        apart(
          [
            receive.persist ? '<=' : '<-',
            ...receive.slots.map(({ channel: source, pattern, peek }) =>
              [peek ? 'peek' : '', print(source), ...pattern.patterns.map((part) => print(part as Value))].join(' '),
            ),
            `{ ${receive.body.label} ${receive.body.place} }`,
            ...receive.body.environment.map((value) => print(value)),
          ].join(' '),
        ),
      ),
    }),
  );
  return {
    channels: content,
    deploys: [...engine.facts('deploy/')].map(([key]) => key),
    begun: [...engine.facts('effect/')].map(([key]) => Number(key.slice('effect/'.length))),
  };
}

/** One that needs a moment, and says before and after. */
function pump(name: string): Native {
  const pour = nativeMethod({
    doc: 'Pours.',
    args: { number: z.number() },
    result: z.number(),
    effect: 'change',
    recovery: 'none',
    run: async ({ number }) => {
      say({ type: 'pouring', number });
      await sleep(number % 8);
      say({ type: 'poured', number });
      return number * 2;
    },
  });
  return defineNative({ name, doc: 'A pump.', methods: { pour } });
}

/** One order with its receipt, unless an earlier process has put it in; then its token out again. */
async function order(space: Space, number: number): Promise<void> {
  if ((await space.read('receipts', { match: [number] })) === undefined) {
    say({ type: 'asked', what: 'order', number });
    const messages = [
      { channel: 'orders', message: [number, textOf(number)] },
      { channel: 'receipts', message: [number] },
      { channel: 'tokens', message: [number] },
    ];
    if (hasParcel(workload, number)) messages.push({ channel: 'parcels', message: [number, 'p'.repeat(PARCEL_BYTES)] });
    await space.produceAll(messages);
    say({ type: 'acknowledged', what: 'order', number });
  }
  say({ type: 'asked', what: 'token', number });
  const taken = await space.take('tokens', { match: [number] });
  say(taken === undefined ? { type: 'absent', number } : { type: 'acknowledged', what: 'token', number });
  // The next order comes when this one is done: so that there are acknowledgements in the whole life of the process.
  if (mode === 'ask') return;
  const [channel, match] = workload === 'files' ? ['whole', [number]] : ['answers', [number, any, any]];
  await space.consume([{ channel, match, peek: true }]);
}

async function main(): Promise<void> {
  say({ type: 'started' });
  const natives = workload === 'pumps' ? range(PUMPS).map((number) => pump(`pump${number}`)) : [];
  let engine: SpaceEngine | undefined;
  const space = await openInstrumented(
    {
      data: options.data,
      durability: 'sync',
      grants: { files: options.files, stdio: false },
      natives,
      unfinished: mode === 'look' ? 'hold' : 'resume',
      onFailure: ({ code, message }) => say({ type: 'failure', code, message }),
      onClosed: (error) => say({ type: 'broken', message: error.message }),
    },
    {
      failpoint,
      ...(options.plant === undefined ? {} : { plant: options.plant }),
      cache_bytes: 16 * 1024,
      journal_tail_bytes_max: 8 * 1024,
      recovered: async (recovered) => {
        engine = recovered;
        say({ type: 'found', ...(await contentsOf(recovered)) });
      },
    },
  );
  if (mode === 'look') {
    await space.close();
    return;
  }
  for (const native of natives) await space.register(native);
  if (space.deploys().length === 0) {
    say({ type: 'asked', what: 'deploy', number: 0 });
    await space.run(PROGRAMS[workload], { name: 'workload' });
    say({ type: 'acknowledged', what: 'deploy', number: 0 });
  }
  const orders = [...range(ORDERS[workload])];
  const caller = async (): Promise<void> => {
    for (let number = orders.shift(); number !== undefined; number = orders.shift()) await order(space, number);
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  if (mode === 'ask') die();
  await space.quiescent();
  say({ type: 'ended', passed, ...(await contentsOf(engine as SpaceEngine)) });
  await space.close();
}

main().catch((error: unknown) => {
  say({ type: 'broken', message: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  process.exitCode = 1;
});
