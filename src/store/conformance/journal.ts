/** The laws of a journal, for every engine that claims to be one. */
import { deepStrictEqual, strictEqual } from 'node:assert/strict';
import type { Journal } from '../types.ts';
import { type Place, type Runner, bytesOf, collect, law, refusal, sameBytes } from './harness.ts';

type Make = () => Promise<Place<Journal>>;

export function journalConformance(runner: Runner, make: Make): void {
  runner.describe('journal', () => {
    orderLaws(runner, make);
    dropLaws(runner, make);
    endLaws(runner, make);
  });
}

async function fill(journal: Journal, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await journal.append(journal.last, bytesOf(`entry ${journal.last + 1}`));
}

async function texts(journal: Journal, from = journal.first): Promise<[number, string][]> {
  const entries = await collect(journal.read(from));
  return entries.map(({ number, entry }) => [number, Buffer.from(entry).toString()]);
}

function orderLaws(runner: Runner, make: Make): void {
  law(runner, make, 'a new journal is empty, and its first entry will be 1', async (place) => {
    const journal = await place.open();
    deepStrictEqual([journal.first, journal.last], [1, 0]);
    deepStrictEqual(await texts(journal, 1), []);
    await journal.close();
  });

  law(runner, make, 'entries are numbered from 1 without gaps and read in that order', async (place) => {
    const journal = await place.open();
    await fill(journal, 300);
    deepStrictEqual([journal.first, journal.last], [1, 300]);
    const read = await texts(journal, 1);
    deepStrictEqual(
      read,
      Array.from({ length: 300 }, (_, index) => [index + 1, `entry ${index + 1}`]),
    );
    deepStrictEqual(await texts(journal, 299), [
      [299, 'entry 299'],
      [300, 'entry 300'],
    ]);
    deepStrictEqual(await texts(journal, 301), []);
    await journal.close();
  });

  law(runner, make, 'an entry is read byte for byte: empty, of every byte, and of a megabyte', async (place) => {
    const journal = await place.open();
    const every = Uint8Array.from({ length: 256 }, (_, index) => index);
    const large = Uint8Array.from({ length: 1 << 20 }, (_, index) => (index * 7) >>> 3);
    for (const entry of [new Uint8Array(), every, large]) await journal.append(journal.last, entry);
    const read = await collect(journal.read(1));
    for (const [index, entry] of [new Uint8Array(), every, large].entries()) sameBytes(read[index]?.entry, entry);
    await journal.close();
  });

  law(runner, make, 'an entry is what it was at the append, whatever becomes of the buffer', async (place) => {
    const journal = await place.open();
    const buffer = bytesOf('before');
    await journal.append(0, buffer);
    buffer.fill(0);
    await journal.append(1, buffer);
    const [one] = await collect(journal.read(1));
    one!.entry.fill(0);
    sameBytes((await collect(journal.read(1)))[0]?.entry, bytesOf('before'));
    await journal.close();
  });

  law(runner, make, 'who does not know the last entry is refused, and nothing is appended', async (place) => {
    const journal = await place.open();
    await fill(journal, 2);
    strictEqual(await refusal(() => journal.append(1, bytesOf('late'))), 'storage_locked');
    strictEqual(await refusal(() => journal.append(3, bytesOf('early'))), 'storage_locked');
    deepStrictEqual(await texts(journal, 1), [
      [1, 'entry 1'],
      [2, 'entry 2'],
    ]);
    await fill(journal, 1);
    strictEqual(journal.last, 3);
    await journal.close();
  });
}

function dropLaws(runner: Runner, make: Make): void {
  law(runner, make, 'dropped entries are gone and the others keep their numbers', async (place) => {
    const journal = await place.open();
    await fill(journal, 5);
    await journal.drop(3);
    deepStrictEqual([journal.first, journal.last], [4, 5]);
    deepStrictEqual(await texts(journal), [
      [4, 'entry 4'],
      [5, 'entry 5'],
    ]);
    await journal.drop(2);
    deepStrictEqual([journal.first, journal.last], [4, 5]);
    await journal.close();
  });

  law(runner, make, 'a journal whose entries are all dropped goes on with the next number', async (place) => {
    const journal = await place.open();
    await fill(journal, 3);
    await journal.drop(99);
    deepStrictEqual([journal.first, journal.last], [4, 3]);
    deepStrictEqual(await texts(journal), []);
    await fill(journal, 1);
    deepStrictEqual(await texts(journal), [[4, 'entry 4']]);
    await journal.close();
  });

  law(runner, make, 'entries that were forgotten, or are beyond the next, cannot be asked for', async (place) => {
    for (const from of [0, 2, 6, 7]) {
      const journal = await place.open();
      await fill(journal, 5 - journal.last);
      await journal.drop(2);
      strictEqual(await refusal(() => texts(journal, from)), from === 6 ? 'accepted' : 'storage_corrupt');
      await journal.close();
    }
  });

  law(runner, make, 'an append and a drop at one time harm neither', async (place) => {
    const journal = await place.open();
    await fill(journal, 10);
    await Promise.all([journal.drop(5), journal.drop(9), journal.drop(7), fill(journal, 10)]);
    deepStrictEqual([journal.first, journal.last], [10, 20]);
    strictEqual((await texts(journal)).length, 11);
    await journal.close();
  });
}

function endLaws(runner: Runner, make: Make): void {
  law(runner, make, 'a closed journal refuses, and closing twice is one close', async (place) => {
    const journal = await place.open();
    await fill(journal, 1);
    await journal.close();
    await journal.close();
    strictEqual(await refusal(() => journal.append(1, bytesOf('late'))), 'space_closed');
    strictEqual(await refusal(() => collect(journal.read(1))), 'space_closed');
    strictEqual(await refusal(() => journal.drop(1)), 'space_closed');
  });

  law(runner, make, 'what was acknowledged and what was dropped stays so after reopening', async (place) => {
    if (!place.survives) return;
    let journal = await place.open();
    await fill(journal, 7);
    await journal.close();
    journal = await place.open();
    deepStrictEqual([journal.first, journal.last], [1, 7]);
    await journal.drop(5);
    await fill(journal, 1);
    await journal.close();
    journal = await place.open();
    deepStrictEqual(await texts(journal), [
      [6, 'entry 6'],
      [7, 'entry 7'],
      [8, 'entry 8'],
    ]);
    await journal.drop(8);
    await journal.close();
    journal = await place.open();
    deepStrictEqual([journal.first, journal.last], [9, 8]);
    await journal.close();
  });
}
