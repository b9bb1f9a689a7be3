/**
 * A process whose contract uses the network, and that is killed or kills itself on the way. Its one argument is
 * `NetworkOptions` as JSON. It says when its work is done, and at a word on its standard input what came of it.
 */
import { createInterface } from 'node:readline';
import { writeSync } from 'node:fs';
import type { Message } from '../../src/embedding/index.ts';
// Not through the index: embedding programs cannot reach it.
import { openInstrumented } from '../../src/embedding/open.ts';
import type { HostValue } from '../../src/values/index.ts';
import type { Moment } from './messages.ts';
import { type Answer, type NetworkLine, type NetworkOptions, ORDERS, powersOf, programOf } from './network-program.ts';

const options = JSON.parse(process.argv[2] as string) as NetworkOptions;
const passed: Partial<Record<Moment, number>> = {};

/** Straight to the pipe: a line that was not written yet would be lost with the process. */
function say(line: NetworkLine): void {
  writeSync(1, `${JSON.stringify(line)}\n`);
}

function failpoint(name: Moment): void {
  const count = (passed[name] ?? 0) + 1;
  passed[name] = count;
  const { kill } = options;
  if (kill?.at !== name || kill.pass !== count) return;
  say({ type: 'dies', at: name });
  process.kill(process.pid, 'SIGKILL');
}

async function main(): Promise<void> {
  say({ type: 'started' });
  const strange: string[] = [];
  const space = await openInstrumented(
    {
      data: options.data,
      grants: { stdio: false, powers: powersOf(options) },
      onFailure: ({ code, message }) => strange.push(`${code}: ${message}`),
      onClosed: (error) => say({ type: 'broken', message: error.message }),
    },
    {
      failpoint,
      ...(options.plant === undefined ? {} : { plant: options.plant }),
      cache_bytes: 16 * 1024,
      journal_tail_bytes_max: 8 * 1024,
    },
  );
  await space.system(programOf(options), { name: 'network' });
  if ((await space.read('receipt')) === undefined) {
    const orders = Array.from({ length: ORDERS }, (_, index) => ({ channel: 'orders', message: [index + 1] }));
    await space.produceAll([...orders, { channel: 'receipt', message: [true] }]);
  }
  const looking = setInterval(() => {
    if (space.count('answers').data < 2 * ORDERS || space.count('fired').data < ORDERS) return;
    clearInterval(looking);
    say({ type: 'done' });
  }, 5);
  for await (const line of createInterface({ input: process.stdin })) if (line === 'tell') break;
  clearInterval(looking);
  // A word of an earlier process is parted with when this one comes to it.
  while (space.count('parted').data < space.count('greeted').data)
    await new Promise((resolve) => setTimeout(resolve, 5));
  const all = async (channel: string): Promise<Message[]> => {
    const found: Message[] = [];
    for (let next = await space.take(channel); next !== undefined; next = await space.take(channel)) found.push(next);
    return found;
  };
  const text = (value: HostValue | undefined): string =>
    typeof value === 'string' ? value : new TextDecoder().decode(value as Uint8Array);
  say({
    type: 'told',
    answers: (await all('answers')) as unknown as Answer[],
    fired: (await all('fired')).map(([id]) => id as number),
    greeted: (await all('greeted')).map(([word]) => text(word)),
    parted: (await all('parted')).map(([word, outcome]) => [text(word), text(outcome)]),
    strange,
    passed,
  });
  await space.close();
  process.stdin.destroy();
}

main().catch((error: unknown) => {
  say({ type: 'broken', message: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  process.exitCode = 1;
});
