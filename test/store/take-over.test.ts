/** Data directories and backups of version 1, whose journal is a database: they are taken over when they are opened. */
import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { cp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'mocha';
import { restoreStore, type Store } from '../../src/store/index.ts';
import { entryOf } from './support/entries.ts';
import { addOld, madeOld, oldDirectory } from './support/old-journal.ts';
import { inDirectory, open, platform, refused, unchanged } from './support/place.ts';
import { segmentsOf } from './support/segments.ts';

const FLOOR = 10;
const LAST = 60;

function numbered(from: number, to: number): Map<number, Uint8Array> {
  const numbers = Array.from({ length: to - from + 1 }, (_, index) => from + index);
  return new Map(numbers.map((number) => [number, entryOf(number, (number * 211) % 3_000)]));
}

async function entriesOf(store: Store): Promise<Map<number, Uint8Array>> {
  const entries = new Map<number, Uint8Array>();
  for await (const { number, entry } of store.journal.read(store.journal.first))
    entries.set(number, new Uint8Array(entry));
  return entries;
}

/** Opens the directory: it has these entries, is of this version, and goes on. */
async function takenOver(directory: string, last = LAST): Promise<void> {
  let store = await open(directory);
  deepStrictEqual(await entriesOf(store), numbered(FLOOR + 1, last));
  await store.journal.append(last, entryOf(last + 1, 50));
  await store.close();
  strictEqual((JSON.parse(await readFile(join(directory, 'powerbox.json'), 'utf8')) as { version: number }).version, 2);
  for (const name of await readdir(join(directory, 'journal'))) match(name, /^(head|segment-[0-9a-f]{8})$/);
  store = await open(directory);
  deepStrictEqual([store.journal.first, store.journal.last], [FLOOR + 1, last + 1]);
  await store.close();
}

describe('a data directory of version 1', () => {
  it('is taken over: each entry has its number and its bytes, and what was forgotten stays so', async () => {
    await inDirectory(async (directory) => {
      // Some of those that were forgotten are still there: a crash came between.
      await oldDirectory(join(directory, 'data'), numbered(4, LAST), FLOOR);
      await takenOver(join(directory, 'data'));
    });
  });

  it('with no entry, or with none that is not forgotten, is taken over, and goes on with the next number', async () => {
    await inDirectory(async (directory) => {
      await oldDirectory(join(directory, 'none'), new Map(), 0);
      await oldDirectory(join(directory, 'forgotten'), new Map(), 5);
      for (const [name, last] of [
        ['none', 0],
        ['forgotten', 5],
      ] as const) {
        const store = await open(join(directory, name));
        deepStrictEqual([store.journal.first, store.journal.last], [last + 1, last]);
        await store.journal.append(last, entryOf(1, 9));
        await store.close();
      }
    });
  });

  it('that a crash left on the way is taken over by the next opening, from whatever is there of the first', async () => {
    await inDirectory(async (directory) => {
      const [old, done] = [join(directory, 'old'), join(directory, 'done')];
      const space = await oldDirectory(old, numbered(FLOOR + 1, LAST), FLOOR);
      await cp(old, done, { recursive: true });
      await (await open(done)).close();
      const [segment] = (await segmentsOf(done)) as [string];
      const at = (name: string): string => join(directory, 'again', 'journal', name);
      const name = segment.slice(-'segment-00000001'.length);
      const { length } = await readFile(segment);
      const moments: readonly (() => Promise<unknown>)[] = [
        () => writeFile(at('head'), ''),
        () => writeFile(at('head'), Buffer.alloc(8192)),
        () => cp(join(done, 'journal', 'head'), at('head')),
        ...[0, 64, Math.floor(length / 2), length].map((size_bytes) => async () => {
          await cp(join(done, 'journal', 'head'), at('head'));
          await cp(segment, at(name));
          await truncate(at(name), size_bytes);
        }),
        // The last one but to remove the database.
        async () => {
          await cp(join(done, 'journal'), at(''), { recursive: true });
          await cp(join(done, 'powerbox.json'), join(directory, 'again', 'powerbox.json'));
        },
        async () => {
          await cp(join(done, 'journal'), at(''), { recursive: true });
          await cp(join(done, 'powerbox.json'), join(directory, 'again', 'powerbox.json'));
          await rm(at('CURRENT'));
        },
      ];
      for (const moment of moments) {
        await rm(join(directory, 'again'), { recursive: true, force: true });
        await cp(old, join(directory, 'again'), { recursive: true });
        await moment();
        await takenOver(join(directory, 'again'));
      }
      // An older program has gone on in between: what it has is what counts.
      await cp(join(done, 'journal'), join(old, 'journal'), { recursive: true });
      await addOld(old, space, numbered(LAST + 1, LAST + 5));
      await takenOver(old, LAST + 5);
    });
  });

  it('whose journal is damaged is refused, and the attempt to open changes nothing', async () => {
    await inDirectory(async (directory) => {
      await oldDirectory(directory, numbered(1, LAST), 0);
      const log = (await readdir(join(directory, 'journal'))).find((name) => name.endsWith('.log')) as string;
      const path = join(directory, 'journal', log);
      const bytes = await readFile(path);
      bytes[9_000]! ^= 1;
      await writeFile(path, bytes);
      await unchanged(directory, async () => {
        strictEqual((await refused(() => open(directory))).code, 'storage_corrupt');
      });
    });
  });
});

describe('a backup of version 1', () => {
  it('is restored as what this version makes', async () => {
    await inDirectory(async (directory) => {
      const [data, backup, restored] = ['data', 'backup', 'restored'].map((name) => join(directory, name)) as [
        string,
        string,
        string,
      ];
      const store = await open(data);
      for (const [number, entry] of numbered(1, LAST)) await store.journal.append(number - 1, entry);
      await store.rows.write([{ key: entryOf(1, 9), value: entryOf(2, 9) }], true);
      await store.journal.drop(FLOOR);
      ok(store.backup !== undefined);
      strictEqual((await store.backup(backup)).entries, LAST - FLOOR);
      await store.close();
      const { check: _, ...told } = JSON.parse(await readFile(join(backup, 'backup.json'), 'utf8'));
      await madeOld(backup, told.space, numbered(FLOOR + 1, LAST));
      await addOld(backup, told.space, new Map([[0, Buffer.from([0, 0, 0, 0, 0, 0, 0, FLOOR])]]));
      const old = { ...told, version: 1 };
      const check = createHash('sha256').update(JSON.stringify(old)).digest('hex');
      await writeFile(join(backup, 'backup.json'), JSON.stringify({ ...old, check }));
      await restoreStore({ from: backup, to: restored, platform });
      await takenOver(restored);
    });
  });
});
