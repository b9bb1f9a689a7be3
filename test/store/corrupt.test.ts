/** Bytes that are not what we wrote are told from those that are: never a wrong answer, never a silent loss. */
import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict';
import { cp, mkdir, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { describe, it } from 'mocha';
import type { Store } from '../../src/store/index.ts';
import { entryOf } from './support/entries.ts';
import { filled, inDirectory, open, platform, refused, unchanged, verified } from './support/place.ts';

const ENTRIES = 40;
const ENTRY_BYTES = 700;

type Raw = ClassicLevel<Uint8Array, Uint8Array>;

/** Changes a database behind the back of the store, through the library itself. */
async function meddle(location: string, change: (level: Raw) => Promise<unknown>): Promise<void> {
  const level: Raw = new ClassicLevel(location, { keyEncoding: 'view', valueEncoding: 'view' });
  await change(level);
  await level.close();
}

function numbered(number: number): Uint8Array {
  const key = Buffer.alloc(8);
  key.writeBigUInt64BE(BigInt(number));
  return key;
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

describe('a damaged journal', () => {
  it('with a wrong checksum is refused when it is read, and that is final', async () => {
    await inDirectory(async (directory) => {
      await filled(directory, 5, 100);
      await meddle(join(directory, 'journal'), async (level) => {
        const framed = (await level.get(numbered(3)))!;
        framed[50]! ^= 1;
        await level.put(numbered(3), framed);
      });
      const store = await open(directory);
      const failure = await refused(() => verified(store, 100));
      strictEqual(failure.code, 'storage_corrupt');
      match(failure.message, /entry 3 has a bad checksum/);
      strictEqual((await refused(() => store.journal.append(5, entryOf(6, 100)))).code, 'storage_failed');
      await store.close();
    });
  });

  for (const [what, change] of [
    ['an entry under another number', async (level: Raw) => level.put(numbered(2), (await level.get(numbered(3)))!)],
    ['a gap in the middle', (level: Raw) => level.del(numbered(3))],
    ['a gap at the start', (level: Raw) => level.del(numbered(1))],
    [
      'an entry that is cut short',
      async (level: Raw) => level.put(numbered(2), (await level.get(numbered(2)))!.subarray(0, 9)),
    ],
  ] as const) {
    it(`with ${what} is refused`, async () => {
      await inDirectory(async (directory) => {
        await filled(directory, 5, 100);
        await meddle(join(directory, 'journal'), change);
        const failure = await refused(async () => {
          const store = await open(directory);
          await verified(store, 100).finally(() => store.close());
        });
        strictEqual(failure.code, 'storage_corrupt');
      });
    });
  }

  it('of another space is refused, though each of its entries is sound', async () => {
    await inDirectory(async (directory) => {
      const [one, other] = [join(directory, 'one'), join(directory, 'other')];
      await filled(one, 5, 100);
      await filled(other, 5, 100);
      await rm(join(one, 'journal'), { recursive: true });
      await rename(join(other, 'journal'), join(one, 'journal'));
      const store = await open(one);
      strictEqual((await refused(() => verified(store, 100))).code, 'storage_corrupt');
      await store.close();
    });
  });
});

describe('a byte that is flipped in a file of the journal', () => {
  /** Flips one byte at a time in copies of `file`; each is refused as corrupt, or changes nothing at all. */
  async function flips(directory: string, file: string, count: number): Promise<Map<string | null, number>> {
    const codes = new Map<string | null, number>();
    const { length } = await readFile(join(directory, 'journal', file));
    const copy = `${directory}-copy`;
    for (let i = 0; i < count; i++) {
      await cp(directory, copy, { recursive: true });
      const at = Math.floor(((i + 0.5) * length) / count);
      await flip(join(copy, 'journal', file), at);
      const code = await reading(copy);
      ok(code === null || code === 'storage_corrupt', `${file}, byte ${at}: ${code}`);
      codes.set(code, (codes.get(code) ?? 0) + 1);
      await rm(copy, { recursive: true, force: true });
    }
    return codes;
  }

  const filesOf = async (directory: string, pattern: RegExp): Promise<string[]> =>
    (await readdir(join(directory, 'journal'))).filter((name) => pattern.test(name)).sort();

  it('is noticed anywhere in the log, and the attempt to open changes nothing', async () => {
    await inDirectory(async (directory) => {
      await filled(directory, ENTRIES, ENTRY_BYTES);
      const [log] = await filesOf(directory, /\.log$/);
      deepStrictEqual([...(await flips(directory, log!, 40))], [['storage_corrupt', 40]]);
      await flip(join(directory, 'journal', log!), 200);
      await unchanged(directory, async () => {
        strictEqual((await refused(() => open(directory))).code, 'storage_corrupt');
      });
    });
  });

  it('is noticed in tables, or harms no entry', async () => {
    await inDirectory(async (directory) => {
      await filled(directory, ENTRIES, ENTRY_BYTES);
      // Opening brings the log into a table.
      await (await open(directory)).close();
      const [table] = await filesOf(directory, /\.ldb$/);
      const codes = await flips(directory, table!, 40);
      ok(codes.get('storage_corrupt')! >= 35, JSON.stringify([...codes]));
    });
  });

  it('is noticed in the files that say which tables there are, or harms no entry', async () => {
    await inDirectory(async (directory) => {
      await filled(directory, ENTRIES, ENTRY_BYTES);
      for (const file of await filesOf(directory, /^(MANIFEST.*|CURRENT)$/)) await flips(directory, file, 12);
    });
  });
});

describe('a log that a crash has torn', () => {
  it('is opened, wherever it was cut, with all entries before the cut', async () => {
    await inDirectory(async (directory) => {
      await filled(directory, ENTRIES, ENTRY_BYTES);
      const copy = `${directory}-copy`;
      const [log] = (await readdir(join(directory, 'journal'))).filter((name) => name.endsWith('.log'));
      const { length } = await readFile(join(directory, 'journal', log!));
      for (let cut = 1; cut < 3_000; cut += 97) {
        await cp(directory, copy, { recursive: true });
        await truncate(join(copy, 'journal', log!), length - cut);
        const store = await open(copy);
        const last = await verified(store, ENTRY_BYTES);
        ok(last < ENTRIES && last >= ENTRIES - 1 - Math.ceil(cut / ENTRY_BYTES), `cut ${cut}: last ${last}`);
        await store.close();
        await rm(copy, { recursive: true, force: true });
      }
    });
  });

  it('is opened when the last entry has a sector that never reached the disk', async () => {
    await inDirectory(async (directory) => {
      await filled(directory, ENTRIES, 3_000);
      const [log] = (await readdir(join(directory, 'journal'))).filter((name) => name.endsWith('.log'));
      const path = join(directory, 'journal', log!);
      const bytes = await readFile(path);
      const sector = bytes.length - (bytes.length % 512) - 1_024;
      bytes.fill(0, sector, sector + 512);
      await writeFile(path, bytes);
      const store = await open(directory);
      strictEqual(await verified(store, 3_000), ENTRIES - 1);
      await store.close();
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
    'journal/CURRENT',
    'rows/CURRENT',
    'journal/*.log',
    'rows/*.ldb',
    'journal/MANIFEST*',
  ]) {
    it(`${part} is storage_corrupt, and the part is not made anew`, async () => {
      await inDirectory(async (directory) => {
        for (let round = 0; round < 2; round++) {
          const store = await open(directory);
          await store.rows.write([{ key: entryOf(round, 20), value: entryOf(round, 20) }], true);
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
        match(failure.message, /has format 3; this version reads 1/);
      });
    });
  });
});
