/** The laws of a store: those of its journal, and those of rows, blobs and keys. */
import { deepStrictEqual, notDeepStrictEqual, strictEqual } from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { Journal, Store } from '../types.ts';
import { type Place, type Runner, bytesOf, collect, law, refusal, sameBytes } from './harness.ts';
import { journalConformance } from './journal.ts';

type Make = () => Promise<Place<Store>>;

export function storeConformance(runner: Runner, make: Make): void {
  journalConformance(runner, async () => journalOf(await make()));
  runner.describe('rows', () => rowLaws(runner, make));
  runner.describe('blobs', () => blobLaws(runner, make));
  runner.describe('store', () => storeLaws(runner, make));
}

/** The journal of a store is closed with its store. */
function journalOf(place: Place<Store>): Place<Journal> {
  return {
    survives: place.survives,
    drive: (work) => place.drive(work),
    dispose: () => place.dispose(),
    async open() {
      const store = await place.open();
      const { journal } = store;
      return {
        get first() {
          return journal.first;
        },
        get last() {
          return journal.last;
        },
        append: (expectedLast, entry) => journal.append(expectedLast, entry),
        read: (from) => journal.read(from),
        drop: (upTo) => journal.drop(upTo),
        close: () => store.close(),
      };
    },
  };
}

async function keysUnder(store: Store, prefix: string): Promise<string[]> {
  const rows = await collect(store.rows.scan(bytesOf(prefix)));
  return rows.map(({ key, value }) => `${Buffer.from(key).toString()}=${Buffer.from(value).toString()}`);
}

function put(key: string, value: string): { key: Uint8Array; value: Uint8Array } {
  return { key: bytesOf(key), value: bytesOf(value) };
}

function rowLaws(runner: Runner, make: Make): void {
  law(runner, make, 'a row is what was last written under its key, and undefined when there is none', async (place) => {
    const store = await place.open();
    strictEqual(store.rows.getSync(bytesOf('a')), undefined);
    await store.rows.write([put('a', '1'), put('b', ''), put('a', '2'), { key: bytesOf('c'), value: null }], true);
    sameBytes(store.rows.getSync(bytesOf('a')), bytesOf('2'));
    sameBytes(store.rows.getSync(bytesOf('b')), new Uint8Array());
    await store.rows.write([{ key: bytesOf('a'), value: null }], false);
    strictEqual(store.rows.getSync(bytesOf('a')), undefined);
    await store.close();
  });

  law(runner, make, 'a row is what it was at the write, whatever becomes of the buffers', async (place) => {
    const store = await place.open();
    const change = put('key', 'value');
    const written = store.rows.write([change], true);
    change.key.fill(0);
    change.value.fill(0);
    await written;
    store.rows.getSync(bytesOf('key'))!.fill(0);
    sameBytes(store.rows.getSync(bytesOf('key')), bytesOf('value'));
    await store.close();
  });

  law(runner, make, 'a scan gives the rows of its prefix in order of bytes, and no others', async (place) => {
    const store = await place.open();
    const prefix = Uint8Array.of(7, 0xff);
    const keys = [[7, 0xff, 0], [7, 0xff], [7, 0xff, 0xff, 1], [7, 0xfe, 9], [8], [7], [7, 0xff, 0, 0]];
    await store.rows.write(
      keys.map((key) => ({ key: Uint8Array.from(key), value: Uint8Array.from(key) })),
      false,
    );
    const found = await collect(store.rows.scan(prefix));
    deepStrictEqual(
      found.map(({ key }) => [...key]),
      [
        [7, 0xff],
        [7, 0xff, 0],
        [7, 0xff, 0, 0],
        [7, 0xff, 0xff, 1],
      ],
    );
    for (const { key, value } of found) sameBytes(value, key);
    deepStrictEqual([...prefix], [7, 0xff]);
    strictEqual((await collect(store.rows.scan(new Uint8Array()))).length, keys.length);
    await store.close();
  });

  law(runner, make, 'every point read is counted, and nothing else is', async (place) => {
    const store = await place.open();
    await store.rows.write([put('a', '1')], false);
    await collect(store.rows.scan(bytesOf('a')));
    strictEqual(store.rows.reads, 0);
    store.rows.getSync(bytesOf('a'));
    store.rows.getSync(bytesOf('z'));
    strictEqual(store.rows.reads, 2);
    await store.close();
  });

  law(runner, make, 'rows are there after reopening', async (place) => {
    if (!place.survives) return;
    let store = await place.open();
    const changes = Array.from({ length: 500 }, (_, index) => put(`row ${index}`, 'x'.repeat(index)));
    await store.rows.write(changes, true);
    await store.rows.write([{ key: bytesOf('row 3'), value: null }], true);
    await store.close();
    store = await place.open();
    strictEqual((await keysUnder(store, 'row ')).length, 499);
    sameBytes(store.rows.getSync(bytesOf('row 499')), bytesOf('x'.repeat(499)));
    await store.close();
  });
}

function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(bytes).digest());
}

function blobLaws(runner: Runner, make: Make): void {
  const large = Uint8Array.from({ length: 200_000 }, (_, index) => (index * 31) >>> 2);

  law(runner, make, 'a blob is found by the hash of its bytes, and stored once', async (place) => {
    const store = await place.open();
    for (const bytes of [large, bytesOf('small'), new Uint8Array()]) {
      await store.blobs.put(sha256(bytes), bytes);
      await store.blobs.put(sha256(bytes), bytes);
      sameBytes(store.blobs.getSync(sha256(bytes)), bytes);
    }
    await store.close();
  });

  law(runner, make, 'the same blob put many times at once is one blob', async (place) => {
    const store = await place.open();
    await Promise.all(Array.from({ length: 8 }, () => store.blobs.put(sha256(large), large)));
    sameBytes(store.blobs.getSync(sha256(large)), large);
    await store.close();
  });

  law(
    runner,
    make,
    'dropping a blob that is not there is no error; asking for one that is gone is final',
    async (place) => {
      const store = await place.open();
      await store.blobs.put(sha256(large), large);
      await store.blobs.drop(sha256(bytesOf('nobody')));
      await store.blobs.drop(sha256(large));
      strictEqual(await refusal(() => store.blobs.getSync(sha256(large))), 'storage_corrupt');
      strictEqual(await refusal(() => store.blobs.put(sha256(large), large)), 'storage_failed');
      strictEqual(await refusal(() => store.journal.append(0, large)), 'storage_failed');
      strictEqual(await refusal(() => store.rows.getSync(bytesOf('a'))), 'storage_failed');
      await store.close();
    },
  );

  law(runner, make, 'a name that is no hash is a bad request', async (place) => {
    const store = await place.open();
    strictEqual(await refusal(() => store.blobs.put(bytesOf('short'), large)), 'bad_request');
    strictEqual(await refusal(() => store.blobs.getSync(bytesOf('short'))), 'bad_request');
    await store.blobs.put(sha256(large), large);
    await store.close();
  });

  law(runner, make, 'blobs are there after reopening', async (place) => {
    if (!place.survives) return;
    let store = await place.open();
    await store.blobs.put(sha256(large), large);
    await store.close();
    store = await place.open();
    sameBytes(store.blobs.getSync(sha256(large)), large);
    await store.blobs.put(sha256(large), large);
    sameBytes(store.blobs.getSync(sha256(large)), large);
    await store.close();
  });
}

function storeLaws(runner: Runner, make: Make): void {
  law(runner, make, 'the keys are 32 bytes each, differ, and stay with the store', async (place) => {
    let store = await place.open();
    const { nameKey, sealKey } = store.keys;
    deepStrictEqual([nameKey.length, sealKey.length], [32, 32]);
    notDeepStrictEqual([...nameKey], [...sealKey]);
    await store.close();
    if (!place.survives) return;
    store = await place.open();
    sameBytes(store.keys.nameKey, nameKey);
    sameBytes(store.keys.sealKey, sealKey);
    await store.close();
  });

  law(runner, make, 'a closed store refuses everything, and closing twice is one close', async (place) => {
    const store = await place.open();
    await store.close();
    await store.close();
    const hash = sha256(bytesOf('x'));
    const calls = [
      () => store.rows.getSync(bytesOf('a')),
      () => store.rows.write([], true),
      () => collect(store.rows.scan(bytesOf('a'))),
      () => store.blobs.put(hash, bytesOf('x')),
      () => store.blobs.getSync(hash),
      () => store.blobs.drop(hash),
      () => store.journal.append(0, hash),
    ];
    for (const call of calls) strictEqual(await refusal(call), 'space_closed');
  });

  law(runner, make, 'one process, or one opening, has a store at a time', async (place) => {
    if (!place.survives) return;
    const store = await place.open();
    strictEqual(await refusal(() => place.open()), 'storage_locked');
    await store.journal.append(0, bytesOf('still mine'));
    await store.close();
    await (await place.open()).close();
  });
}
