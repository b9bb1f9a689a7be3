/** Bytes that are not what we wrote are told from those that are: never a wrong answer, never a silent loss. */
import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict';
import { cp, mkdir, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { describe, it } from 'mocha';
import type { Store } from '../../src/store/index.ts';
import { entryOf } from './support/entries.ts';
import { filled, inDirectory, open, platform, refused, unchanged, verified } from './support/place.ts';
import { lastSegment, recordsOf, SECTOR_BYTES, sign } from './support/segments.ts';

const ENTRIES = 40;
const ENTRY_BYTES = 700;

type Raw = ClassicLevel<Uint8Array, Uint8Array>;

/** Changes a database behind the back of the store, through the library itself. */
async function meddle(location: string, change: (level: Raw) => Promise<unknown>): Promise<void> {
  const level: Raw = new ClassicLevel(location, { keyEncoding: 'view', valueEncoding: 'view' });
  await change(level);
  await level.close();
}

async function flip(path: string, at: number): Promise<void> {
  const bytes = await readFile(path);
  bytes[at]! ^= 0x10;
  await writeFile(path, bytes);
}

/** The code of opening a space and reading all of it, or null when everything that was written is there. */
async function reading(directory: string): Promise<string | null> {
  let store: Store | undefined;
  try {
    const failure = await refused(async () => {
      store = await open(directory);
      strictEqual(await verified(store, ENTRY_BYTES), ENTRIES);
      throw Object.assign(new Error('whole'), { whole: true });
    }).catch((error: unknown) => {
      if ((error as { whole?: boolean }).whole) return null;
      throw error;
    });
    return failure?.code ?? null;
  } finally {
    await store?.close();
  }
}

/** Changes the segment with the last entries, of which each has `size_bytes`. */
async function spoil(
  directory: string,
  work: (bytes: Buffer, records: ReturnType<typeof recordsOf>) => unknown,
): Promise<void> {
  const path = await lastSegment(directory);
  const bytes = await readFile(path);
  await work(bytes, recordsOf(bytes));
  await writeFile(path, bytes);
}

describe('a damaged journal', () => {
  it('is refused with the file, the byte and what was expected there', async () => {
    await inDirectory(async (directory) => {
      await filled(directory, 5, 100);
      const path = await lastSegment(directory);
      let at = 0;
      await spoil(directory, (bytes, records) => {
        at = records[2]!.at;
        bytes[at + 50]! ^= 1;
      });
      const failure = await refused(() => open(directory));
      strictEqual(failure.code, 'storage_corrupt');
      ok(failure.message.includes(`${path} is damaged at byte ${at}: expected journal entry 3`), failure.message);
    });
  });

  it('is refused when it is read, where it was opened before, and that is final', async () => {
    await inDirectory(async (directory) => {
      await filled(directory, 5, 100);
      const store = await open(directory);
      // The first time it is read from what opening has found.
      await verified(store, 100);
      await spoil(directory, (bytes, records) => {
        bytes[records[2]!.at + 50]! ^= 1;
      });
      strictEqual((await refused(() => verified(store, 100))).code, 'storage_corrupt');
      strictEqual((await refused(() => store.journal.append(5, entryOf(6, 100)))).code, 'storage_failed');
      await store.close();
    });
  });

  const spoiled: readonly [string, (directory: string) => Promise<unknown>][] = [
    [
      'an entry under another number, with its checksum',
      (directory) =>
        spoil(directory, async (bytes, records) => {
          bytes.writeBigUInt64BE(3n, records[1]!.at + 8);
          await sign(directory, bytes, records[1]!.at);
        }),
    ],
    [
      'an entry twice',
      (directory) => spoil(directory, (bytes, [, one, other]) => bytes.copy(bytes, other!.at, one!.at, one!.end)),
    ],
    [
      'a gap in the middle',
      (directory) => spoil(directory, (bytes, records) => bytes.fill(0, records[2]!.at, records[2]!.end)),
    ],
    [
      'a gap at the start',
      (directory) => spoil(directory, (bytes, records) => bytes.fill(0, records[0]!.at, records[0]!.end)),
    ],
    ['no start', (directory) => spoil(directory, (bytes) => bytes.fill(0, 0, SECTOR_BYTES))],
    ['a start of zeros and sound entries behind it', (directory) => spoil(directory, (bytes) => bytes.fill(0, 0, 64))],
    [
      'the end cut off, after a clean close',
      async (directory) => {
        const path = await lastSegment(directory);
        await truncate(path, recordsOf(await readFile(path))[4]!.at + 30);
      },
    ],
    [
      'a segment that its head does not know',
      async (directory) => {
        const head = join(directory, 'journal', 'head');
        const before = await readFile(head);
        const store = await open(directory);
        await store.journal.append(5, entryOf(6, 100));
        await store.close();
        await writeFile(head, before);
      },
    ],
    ['a head of zeros', (directory) => writeFile(join(directory, 'journal', 'head'), Buffer.alloc(8192))],
    ['an empty head', (directory) => writeFile(join(directory, 'journal', 'head'), '')],
  ];
  for (const [what, spoiling] of spoiled)
    it(`with ${what} is refused, and the attempt to open changes nothing`, async () => {
      await inDirectory(async (directory) => {
        await filled(directory, 5, 100);
        await spoiling(directory);
        await unchanged(directory, async () => {
          strictEqual((await refused(() => open(directory))).code, 'storage_corrupt');
        });
      });
    });

  it('of another space is refused, though each of its entries is sound', async () => {
    await inDirectory(async (directory) => {
      const [one, other] = [join(directory, 'one'), join(directory, 'other')];
      await filled(one, 5, 100);
      await filled(other, 5, 100);
      await rm(join(one, 'journal'), { recursive: true });
      await cp(join(other, 'journal'), join(one, 'journal'), { recursive: true });
      strictEqual((await refused(() => open(one))).code, 'storage_corrupt');
      await rm(join(one, 'journal'), { recursive: true });
      await filled(`${one}-new`, 5, 100);
      await rename(join(`${one}-new`, 'journal'), join(one, 'journal'));
      await cp(await lastSegment(other), await lastSegment(one));
      strictEqual((await refused(() => open(one))).code, 'storage_corrupt');
    });
  });

  it('with a segment of an earlier life of the same file is refused: what it held does not pass for what it should', async () => {
    await inDirectory(async (directory) => {
      await filled(directory, 5, 100);
      const before = await readFile(await lastSegment(directory));
      const store = await open(directory);
      for (let number = 6; number <= 10; number++) await store.journal.append(number - 1, entryOf(number, 100));
      await store.close();
      await writeFile(await lastSegment(directory), before);
      strictEqual((await refused(() => open(directory))).code, 'storage_corrupt');
    });
  });
});

describe('a byte that is flipped in a file of the journal', () => {
  it('is noticed anywhere in its entries, and the attempt to open changes nothing', async () => {
    await inDirectory(async (directory) => {
      await filled(directory, ENTRIES, ENTRY_BYTES);
      const path = await lastSegment(directory);
      const whole = await readFile(path);
      const { end } = recordsOf(whole).at(-1)!;
      for (let at = 0; at < end; at += at < 80 || at > end - 64 ? 11 : 2_003) {
        const bytes = Buffer.from(whole);
        bytes[at]! ^= 1 << (at % 8);
        await writeFile(path, bytes);
        strictEqual(await reading(directory), 'storage_corrupt', `byte ${at}`);
      }
      await unchanged(directory, async () => {
        strictEqual((await refused(() => open(directory))).code, 'storage_corrupt');
      });
      await writeFile(path, whole);
      strictEqual(await reading(directory), null);
    });
  });

  it('is noticed in the head, or harms no entry', async () => {
    await inDirectory(async (directory) => {
      for (let round = 0; round < 3; round++) {
        const store = await open(directory);
        for (let count = 0; count < 20; count++)
          await store.journal.append(store.journal.last, entryOf(store.journal.last + 1, ENTRY_BYTES));
        if (round === 1) await store.journal.drop(0);
        await store.close();
      }
      const path = join(directory, 'journal', 'head');
      const whole = await readFile(path);
      let noticed = 0;
      for (const slot of [0, 4096])
        for (let at = slot; at < slot + 64; at += 5) {
          const bytes = Buffer.from(whole);
          bytes[at]! ^= 1 << (at % 8);
          await writeFile(path, bytes);
          await rm(`${directory}-copy`, { recursive: true, force: true });
          await cp(directory, `${directory}-copy`, { recursive: true });
          try {
            const store = await open(`${directory}-copy`);
            strictEqual(await verified(store, ENTRY_BYTES), 60);
            await store.close();
          } catch (error) {
            strictEqual((error as { code?: string }).code, 'storage_corrupt', String(error));
            noticed++;
          }
          await rm(`${directory}-copy`, { recursive: true, force: true });
        }
      ok(noticed < 26, 'a state that is damaged leaves the other');
    });
  });
});

describe('damaged rows and blobs', () => {
  const key = entryOf(1, 20);
  const value = entryOf(2, 500);

  it('a row whose bytes were changed is never handed out, by key or by scan', async () => {
    await inDirectory(async (directory) => {
      let store = await open(directory);
      await store.rows.write([{ key, value }], true);
      await store.close();
      await meddle(join(directory, 'rows'), async (level) => {
        const framed = (await level.get(key))!;
        framed[100]! ^= 1;
        await level.put(key, framed);
      });
      for (const read of [
        () => store.rows.getSync(key),
        async () => {
          for await (const _ of store.rows.scan(key.subarray(0, 3)));
        },
      ]) {
        store = await open(directory);
        strictEqual((await refused(read)).code, 'storage_corrupt');
        strictEqual((await refused(() => store.rows.getSync(value))).code, 'storage_failed');
        await store.close();
      }
    });
  });

  it('a row under the key of another is never handed out', async () => {
    await inDirectory(async (directory) => {
      let store = await open(directory);
      await store.rows.write([{ key, value }], true);
      await store.close();
      await meddle(join(directory, 'rows'), async (level) => level.put(entryOf(9, 20), (await level.get(key))!));
      store = await open(directory);
      strictEqual((await refused(() => store.rows.getSync(entryOf(9, 20)))).code, 'storage_corrupt');
      await store.close();
    });
  });

  it('a blob whose file was changed is never handed out, and storing it again mends it', async () => {
    await inDirectory(async (directory) => {
      const hash = platform.hashing.sha256(value);
      let store = await open(directory);
      await store.blobs.put(hash, value);
      await store.close();
      const name = Buffer.from(hash).toString('hex');
      await flip(join(directory, 'blobs', name.slice(0, 2), name.slice(2)), 77);
      store = await open(directory);
      strictEqual((await refused(() => store.blobs.getSync(hash))).code, 'storage_corrupt');
      await store.close();
      store = await open(directory);
      await store.blobs.put(hash, value);
      strictEqual(Buffer.compare(store.blobs.getSync(hash), value), 0);
      await store.close();
    });
  });
});

describe('a data directory that has lost a part', () => {
  for (const part of [
    'keys',
    'journal',
    'rows',
    'journal/head',
    'rows/CURRENT',
    'journal/segment-*',
    'rows/*.ldb',
    'rows/MANIFEST*',
    'rows/*.log',
  ]) {
    it(`${part} is storage_corrupt, and the part is not made anew`, async () => {
      await inDirectory(async (directory) => {
        for (let round = 0; round < 2; round++) {
          const store = await open(directory);
          await store.rows.write([{ key: entryOf(round, 20), value: entryOf(round, 20) }], true);
          await store.journal.append(round, entryOf(round, 20));
          await store.close();
        }
        const [folder, name] = part.split('/') as [string, string | undefined];
        if (name === undefined) await rm(join(directory, folder), { recursive: true });
        else {
          const [start, end] = name.split('*') as [string, string | undefined];
          for (const file of await readdir(join(directory, folder))) {
            if (file.startsWith(start) && file.endsWith(end ?? '')) await rm(join(directory, folder, file));
          }
        }
        for (let round = 0; round < 2; round++) {
          const failure = await refused(() => open(directory));
          strictEqual(failure.code, 'storage_corrupt', failure.message);
        }
      });
    });
  }

  it('keys that lost a bit, or are those of another space, are storage_corrupt', async () => {
    await inDirectory(async (directory) => {
      const [one, other] = [join(directory, 'one'), join(directory, 'other')];
      await filled(one, 1, 10);
      await filled(other, 1, 10);
      const keys = await readFile(join(one, 'keys'), 'utf8');
      const digit = keys.indexOf('"nameKey":"') + 11;
      const changed = keys.slice(0, digit) + (keys[digit] === 'a' ? 'b' : 'a') + keys.slice(digit + 1);
      for (const text of [changed, await readFile(join(other, 'keys'), 'utf8'), '', '{}', 'null']) {
        await writeFile(join(one, 'keys'), text);
        const failure = await refused(() => open(one));
        strictEqual(failure.code, 'storage_corrupt');
        ok(!failure.message.includes(keys.slice(digit, digit + 16)), 'a message never holds a secret');
      }
    });
  });
});

describe('a directory that is not ours', () => {
  it('is storage_foreign, and nothing is written', async () => {
    await inDirectory(async (directory) => {
      const foreign: Record<string, string> = {
        'notes.txt': 'mine',
        keys: 'mine',
        lock: 'mine',
        'journal/CURRENT': 'mine',
        '.hidden': '',
        'powerbox.json': '{"format":"another"}',
      };
      for (const [index, [name, text]] of Object.entries(foreign).entries()) {
        const place = join(directory, `${index}`);
        await mkdir(join(place, name, '..'), { recursive: true });
        await writeFile(join(place, name), text);
        await unchanged(place, async () => {
          strictEqual((await refused(() => open(place))).code, 'storage_foreign', name);
        });
      }
      await unchanged(directory, async () => {
        const failure = await refused(() => open(join(directory, '0', 'notes.txt')));
        strictEqual(failure.code, 'storage_foreign');
      });
    });
  });

  it('is ours when it is empty, a new file system, or an opening that a crash cut short', async () => {
    await inDirectory(async (directory) => {
      await mkdir(join(directory, 'lost+found'));
      await writeFile(join(directory, '.powerbox-new-00ff'), 'half');
      await (await open(directory)).close();
      deepStrictEqual((await readdir(directory)).sort(), [
        'ballast',
        'blobs',
        'journal',
        'keys',
        'lost+found',
        'powerbox.json',
        'rows',
        'service',
      ]);
      await (await open(join(directory, 'blobs', 'deep', 'deeper'))).close();
    });
  });

  it('of which two processes make a space at one time becomes one space', async () => {
    await inDirectory(async (directory) => {
      const opened = await Promise.allSettled(Array.from({ length: 4 }, () => open(directory)));
      const stores = opened.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
      strictEqual(stores.length, 1);
      const { nameKey } = stores[0]!.keys;
      for (const result of opened) {
        if (result.status === 'rejected') strictEqual((result.reason as { code: string }).code, 'storage_locked');
      }
      await stores[0]!.close();
      const again = await open(directory);
      strictEqual(Buffer.compare(again.keys.nameKey, nameKey), 0);
      await again.close();
    });
  });
});

describe('a data directory of a version from the future', () => {
  it('is storage_version with both versions, and nothing is written', async () => {
    await inDirectory(async (directory) => {
      await filled(directory, 3, 100);
      const path = join(directory, 'powerbox.json');
      const format = JSON.parse(await readFile(path, 'utf8'));
      await writeFile(path, JSON.stringify({ ...format, version: 3, ready: 'otherwise' }));
      await unchanged(directory, async () => {
        const failure = await refused(() => open(directory));
        strictEqual(failure.code, 'storage_version');
        match(failure.message, /has format 3; this version reads 1 to 2/);
      });
    });
  });
});
