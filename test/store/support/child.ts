/**
 * A process that appends, to be killed or to have its disk fail. Arguments: directory, durability, number of
 * appends, bytes of each. Prints one line for each thing that it learnt, after it has learnt it.
 */
import { writeSync } from 'node:fs';
import { isPowerboxError } from '../../../src/errors.ts';
import { realPlatform } from '../../../src/platform/index.ts';
import { type Durability, openStore, type Store } from '../../../src/store/index.ts';
import { entryOf } from './entries.ts';

const [directory, durability, count, size_bytes] = process.argv.slice(2) as [string, Durability, string, string];

/** Straight to the pipe: a line that was not written yet would be lost with the process. */
function say(line: string): void {
  writeSync(1, `${line}\n`);
}

async function attempt(what: string, work: () => unknown): Promise<boolean> {
  try {
    await work();
    say(`${what} accepted`);
    return true;
  } catch (error) {
    if (!isPowerboxError(error)) throw error;
    say(`${what} ${error.code} ${error.message.replaceAll('\n', ' ')}`);
    return false;
  }
}

const platform = realPlatform();
let opened: Store | undefined;
await attempt('open', async () => {
  opened = await openStore({ directory, durability, platform });
});
if (opened === undefined) process.exit();
const store = opened;
let good = true;
for (let i = 0; good && i < Number(count); i++) {
  const number = store.journal.last + 1;
  good = await attempt(`append ${number}`, () => store.journal.append(number - 1, entryOf(number, Number(size_bytes))));
}
if (!good) {
  const bytes = entryOf(1, 100);
  await attempt('again', () => store.journal.append(store.journal.last, bytes));
  await attempt('read', async () => {
    for await (const _ of store.journal.read(1));
  });
  await attempt('drop', () => store.journal.drop(1));
  await attempt('row', () => store.rows.getSync(bytes));
  await attempt('rows', () => store.rows.write([{ key: bytes, value: bytes }], true));
  await attempt('blob', () => store.blobs.put(platform.hashing.sha256(bytes), bytes));
  await attempt('close', () => store.close());
}
