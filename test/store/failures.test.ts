/** What the machine can do to a store, done by the real machine: each is a code, is final, and loses nothing. */
import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, it } from 'mocha';
import type { Store } from '../../src/store/index.ts';
import { entryOf } from './support/entries.ts';
import {
  acknowledged,
  crashed,
  filled,
  inDirectory,
  open,
  platform,
  refused,
  run,
  skipWith,
  startChild,
  unchanged,
  verified,
} from './support/place.ts';

const ENTRY_BYTES = 60_000;

/** Every call of a store that has failed is refused, whatever it is. */
async function isFinal(store: Store): Promise<void> {
  const bytes = entryOf(1, 100);
  const hash = platform.hashing.sha256(bytes);
  const calls = [
    () => store.journal.append(store.journal.last, bytes),
    async () => {
      for await (const _ of store.journal.read(1));
    },
    () => store.journal.drop(1),
    () => store.rows.getSync(bytes),
    () => store.rows.write([{ key: bytes, value: bytes }], true),
    async () => {
      for await (const _ of store.rows.scan(bytes));
    },
    () => store.blobs.put(hash, bytes),
    () => store.blobs.getSync(hash),
    () => store.blobs.drop(hash),
  ];
  for (const call of calls) strictEqual((await refused(call)).code, 'storage_failed');
}

/** A file system of `size` in `directory`; unmounted afterwards. Skips the test where that is not allowed. */
async function mounted(context: Mocha.Context, size: string, body: (place: string) => Promise<void>): Promise<void> {
  await inDirectory(async (directory) => {
    const place = join(directory, 'small');
    await mkdir(place);
    const refusal = run('mount', '-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', place);
    if (refusal !== null) skipWith(context, `a full disk needs a file system of its own: ${refusal}`);
    try {
      await body(place);
    } finally {
      // Lazily: a store that a failed test has left open holds it.
      run('umount', '-l', place);
    }
  });
}

/** Writes until the disk is full, then frees some and sees that what was acknowledged is there. */
function fullDisk(what: string, write: (store: Store, round: number) => Promise<void>): void {
  it(`a disk that is full at ${what} is storage_full, final, and loses nothing`, async function () {
    await mounted(this, '12m', async (place) => {
      const store = await open(place);
      await store.journal.append(0, entryOf(1, ENTRY_BYTES));
      let acked = 1;
      const failure = await refused(async () => {
        for (let round = 2; round < 5_000; round++) {
          await write(store, round);
          acked = store.journal.last;
        }
      });
      strictEqual(failure.code, 'storage_full');
      ok(failure.hint.length > 0);
      await isFinal(store);
      await store.close();
      strictEqual(run('mount', '-o', 'remount,size=200m', place), null);
      const again = await open(place);
      const last = await verified(again, ENTRY_BYTES);
      ok(last === acked || last === acked + 1, `acknowledged ${acked}, found ${last}`);
      await again.journal.append(last, entryOf(last + 1, ENTRY_BYTES));
      await again.close();
    });
  });
}

describe('a full disk', () => {
  fullDisk('the journal', (store, round) => store.journal.append(round - 1, entryOf(round, ENTRY_BYTES)));
  fullDisk('the rows', (store, round) =>
    store.rows.write([{ key: entryOf(round, 20), value: entryOf(round, ENTRY_BYTES) }], true),
  );
  fullDisk('a blob', (store, round) => {
    const bytes = entryOf(round, 300_000);
    return store.blobs.put(platform.hashing.sha256(bytes), bytes);
  });

  it('is storage_full at opening already, when not even an opening fits', async function () {
    await mounted(this, '1m', async (place) => {
      await writeFile(join(place, '.powerbox-new-left-over'), entryOf(1, 1_048_576)).catch(() => undefined);
      strictEqual((await refused(() => open(place))).code, 'storage_full');
    });
  });
});

/** Compiles the shim that makes the n-th sync of such a file fail; skips the test where there is no compiler. */
function failingSync(context: Mocha.Context, directory: string, nth: number, path: string): Record<string, string> {
  const shim = join(directory, 'failing-sync.so');
  const source = fileURLToPath(new URL('./support/failing-sync.c', import.meta.url));
  const refusal = run('gcc', '-shared', '-fPIC', '-o', shim, source, '-ldl');
  if (refusal !== null) skipWith(context, `a failed sync needs a compiler for its shim: ${refusal}`);
  return { LD_PRELOAD: shim, FAIL_SYNC: `${nth}`, FAIL_PATH: path };
}

describe('a failed sync', () => {
  for (const path of ['.ldb', 'MANIFEST', 'journal/segment-']) {
    it(`of ${path} while a store opens is storage_failed, and the next opening finds everything`, async function () {
      await inDirectory(async (directory) => {
        const environment = failingSync(this, directory, 1, path);
        const data = join(directory, 'data');
        await crashed(data, async (store) => {
          for (let number = 1; number <= 3; number++) await store.journal.append(number - 1, entryOf(number, 500));
          await store.rows.write([{ key: entryOf(1, 20), value: entryOf(2, 500) }], true);
        });
        const child = startChild([data, 'sync', '50', '500'], undefined, environment);
        await child.ended;
        match(child.lines.join('\n'), /^open storage_failed .*(Input\/output|i\/o) error/);
        const store = await open(data);
        strictEqual(await verified(store, 500), 3);
        await store.close();
      });
    });
  }

  for (const nth of [1, 7]) {
    it(`number ${nth} of the journal is storage_failed and final, though later ones would succeed`, async function () {
      await inDirectory(async (directory) => {
        const environment = failingSync(this, directory, nth, 'journal/segment-');
        const data = join(directory, 'data');
        await filled(data, 3, 500);
        const child = startChild([data, 'sync', '50', '500'], undefined, environment);
        await child.ended;
        const acked = [1, 2, 3, ...acknowledged(child)];
        ok(acked.length < 20, 'no sync failed');
        const failure = child.lines.find((line) => /^append \d+ (?!accepted)/.test(line));
        match(failure!, new RegExp(`^append ${acked.length + 1} storage_failed .*i/o error`));
        const after = child.lines.slice(child.lines.indexOf(failure!) + 1).map((line) => line.split(' ').slice(0, 2));
        deepStrictEqual(after, [
          ...['again', 'read', 'drop', 'row', 'rows', 'blob'].map((call) => [call, 'storage_failed']),
          ['close', 'accepted'],
        ]);
        const store = await open(data);
        const last = await verified(store, 500);
        // The entry whose sync failed may have reached the disk all the same.
        ok(last === acked.length || last === acked.length + 1, `acknowledged ${acked.length}, found ${last}`);
        await store.close();
      });
    });
  }
});

describe('a read-only directory', () => {
  it('is storage_read_only, whether it is new or holds a space, and nothing is written', async function () {
    await inDirectory(async (directory) => {
      await filled(join(directory, 'space'), 3, 100);
      await mkdir(join(directory, 'empty'));
      const view = `${directory}-view`;
      await mkdir(view);
      try {
        const refusal =
          run('mount', '--bind', directory, view) ?? run('mount', '-o', 'remount,bind,ro', directory, view);
        if (refusal !== null) skipWith(this, `a read-only directory needs a mount: ${refusal}`);
        await unchanged(directory, async () => {
          for (const name of ['space', 'empty', 'not-there']) {
            const failure = await refused(() => open(join(view, name)));
            strictEqual(failure.code, 'storage_read_only', failure.message);
            match(failure.message, new RegExp(name));
          }
        });
      } finally {
        run('umount', '-l', view);
        await rm(view, { recursive: true, force: true });
      }
    });
  });
});

describe('a place where no directory can be made', () => {
  it('is storage_failed at once, and is not tried for ever', async () => {
    const failure = await refused(() => open('/proc/powerbox/space'));
    strictEqual(failure.code, 'storage_failed', failure.message);
    match(failure.message, /\/proc\/powerbox\/space cannot be made/);
  });
});
