/** Produces until storage fails, with rows written all the time, and prints how each call was answered. */
import { writeSync } from 'node:fs';
import { realPlatform } from '../../../src/platform/index.ts';
import { SpaceEngine, SpaceHost } from '../../../src/space/index.ts';
import { openStore } from '../../../src/store/index.ts';

const platform = realPlatform();
const store = await openStore({ directory: process.argv[2] as string, durability: 'sync', platform });
const engine = await SpaceEngine.open({ platform, store, journal_tail_bytes_max: 1, journal_tail_age_ms_max: 0 });
engine.start({ handling: () => 'inline', run: () => {}, deliver: () => {} });
const host = new SpaceHost(engine, platform);

async function send(index: number): Promise<void> {
  const answer = await host.produce('a', [index]).then(
    () => 'accepted',
    (error) => error.code as string,
  );
  writeSync(1, `${index} ${answer}\n`);
}

for (let index = 0; index < 5000 && engine.closed === null; index += 5)
  await Promise.all([0, 1, 2, 3, 4].map((more) => send(index + more)));
await host.produce('a', [-1]).catch((error) => writeSync(1, `later ${error.code}\n`));
await engine.close();
