/** The journal's files under what a crash can do to them, sector by sector, beside a model that only remembers. */
import { deepStrictEqual, ok, rejects, strictEqual } from 'node:assert/strict';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, it } from 'mocha';
import { Health } from '../../src/store/health.ts';
import { makeHead } from '../../src/store/segment-files.ts';
import { openSegmentJournal, type SegmentJournal } from '../../src/store/segment-journal.ts';
import { findJournal, type FoundJournal } from '../../src/store/segment-open.ts';
import { entryOf } from './support/entries.ts';
import { inDirectory } from './support/place.ts';
import { RECORD_BYTES, SECTOR_BYTES } from './support/segments.ts';

const SEED = 0x1234_5678;
/** Small ones, so that a few entries go through many of them. */
const SEGMENT_BYTES = { min: 4096, max: 16_384 };

/** A journal in `location`, which is made when it is not there. */
async function opened(location: string, sync = true): Promise<SegmentJournal> {
  const isNew = await mkdir(location).then(
    () => true,
    () => false,
  );
  if (isNew) await makeHead(location, SEED, 0, sync);
  return openSegmentJournal({ location, seed: SEED, sync, health: new Health(), segment_bytes: SEGMENT_BYTES });
}

async function appended(journal: SegmentJournal, size_bytes: number): Promise<void> {
  await journal.append(journal.last, entryOf(journal.last + 1, size_bytes));
}

type Files = ReadonlyMap<string, Buffer>;

/** What the files hold when nothing is under way. */
async function filesOf(journal: SegmentJournal, location: string): Promise<Files> {
  await journal.settle();
  const names = (await readdir(location)).sort();
  return new Map(await Promise.all(names.map(async (name) => [name, await readFile(join(location, name))] as const)));
}

async function laidOut(files: Files, location: string): Promise<void> {
  await rm(location, { recursive: true, force: true });
  await mkdir(location);
  for (const [name, bytes] of files) await writeFile(join(location, name), bytes);
}

/** A file that was not there is one of zeros: its place on the disk is taken before anything is appended. */
function whatWas(before: Files, name: string, size_bytes: number): Buffer {
  return before.get(name) ?? Buffer.alloc(size_bytes);
}

/** The sectors of `after` that are others than those of `before`: what one append has written. */
function changed(before: Files, after: Files): { readonly name: string; readonly sectors: readonly number[] } {
  for (const [name, bytes] of after) {
    const old = whatWas(before, name, bytes.length);
    const sectors: number[] = [];
    for (let at = 0; at < bytes.length; at += SECTOR_BYTES)
      if (!bytes.subarray(at, at + SECTOR_BYTES).equals(old.subarray(at, at + SECTOR_BYTES))) sectors.push(at);
    if (name !== 'head' && sectors.length > 0) return { name, sectors };
  }
  throw new Error('nothing was written');
}

/** `after`, of whose sectors those that `isLost` says never reached the disk. */
function torn(before: Files, after: Files, isLost: (index: number) => boolean): Files {
  const { name, sectors } = changed(before, after);
  const bytes = Buffer.from(after.get(name) as Buffer);
  const old = whatWas(before, name, bytes.length);
  for (const [index, at] of sectors.entries()) {
    if (!isLost(index)) continue;
    const end = Math.min(at + SECTOR_BYTES, bytes.length);
    bytes.fill(0, at, end);
    if (at < old.length) old.copy(bytes, at, at, end);
  }
  return new Map([...after, [name, bytes]]);
}

async function entriesOf(journal: SegmentJournal): Promise<Map<number, Buffer>> {
  const entries = new Map<number, Buffer>();
  for await (const { number, entry } of journal.read(journal.first)) entries.set(number, Buffer.from(entry));
  return entries;
}

describe('an append that a crash has torn', () => {
  /** A journal whose next append is the one that is torn. */
  const states: readonly [string, (journal: SegmentJournal) => Promise<void>][] = [
    ['in a segment that was made ahead', async (journal) => appended(journal, 100)],
    ['in a segment that begins with it', async () => {}],
    ['in a segment that is written again', recycled],
    [
      'in a segment that is written again, and begins with it',
      async (journal) => {
        await recycled(journal);
        await appended(journal, 12_000);
      },
    ],
  ];

  /** Goes on until the file of the current segment has held others. */
  async function recycled(journal: SegmentJournal): Promise<void> {
    for (let count = 0; count < 12; count++) {
      for (let each = 0; each < 5; each++) await appended(journal, 3_000);
      await journal.drop(journal.last);
    }
  }

  for (const [what, prepare] of states)
    it(`${what} is the end of the journal, whichever of its sectors are there`, async () => {
      await inDirectory(async (directory) => {
        const location = join(directory, 'journal');
        const journal = await opened(location);
        await prepare(journal);
        const before = await filesOf(journal, location);
        const { first, last } = journal;
        await appended(journal, 1_700);
        const after = await filesOf(journal, location);
        await journal.close();
        const { sectors } = changed(before, after);
        ok(sectors.length >= 4, `${sectors.length} sectors`);
        for (let lost = 0; lost < 2 ** sectors.length; lost++) {
          await laidOut(
            torn(before, after, (index) => ((lost >> index) & 1) === 1),
            location,
          );
          let again = await opened(location);
          deepStrictEqual(
            [again.first, again.last],
            [first, lost === 0 ? last + 1 : last],
            `lost: ${lost.toString(2)}`,
          );
          // What is left of it is nobody's: it comes back neither after more appends nor after another crash.
          await appended(again, 40);
          await appended(again, 700);
          const expected = await entriesOf(again);
          await laidOut(await filesOf(again, location), `${location}-crashed`);
          await again.close();
          again = await opened(`${location}-crashed`);
          deepStrictEqual(await entriesOf(again), expected);
          await again.close();
        }
      });
    });

  it('is the end wherever the file was cut, where it grows with what is written', async () => {
    await inDirectory(async (directory) => {
      const location = join(directory, 'journal');
      const journal = await opened(location, false);
      for (let count = 0; count < 3; count++) await appended(journal, 200);
      const files = await filesOf(journal, location);
      await journal.close();
      const [name, bytes] = [...files].find(([each]) => each.startsWith('segment-')) as [string, Buffer];
      for (let length = 64; length <= bytes.length; length += 3) {
        await laidOut(new Map([...files, [name, bytes.subarray(0, length)]]), location);
        const again = await opened(location, false);
        strictEqual(again.last, Math.floor((length - 64) / (RECORD_BYTES + 200)), `${length} bytes`);
        await again.close();
      }
    });
  });

  it('at its last record may be any bytes: what is there is the entry, or the one before it is the last', async () => {
    await inDirectory(async (directory) => {
      const location = join(directory, 'journal');
      const journal = await opened(location);
      for (let count = 0; count < 3; count++) await appended(journal, 60);
      const files = await filesOf(journal, location);
      await journal.close();
      const [name, bytes] = [...files].find(([each]) => each.startsWith('segment-')) as [string, Buffer];
      const start = 64 + 2 * (RECORD_BYTES + 64);
      for (let at = start; at < start + RECORD_BYTES + 64; at++)
        for (const spoil of [(byte: number) => byte ^ 1, () => 0, (byte: number) => ~byte & 255]) {
          const spoiled = Buffer.from(bytes);
          spoiled[at] = spoil(spoiled[at] as number);
          await laidOut(new Map([...files, [name, spoiled]]), location);
          const again = await opened(location);
          strictEqual(again.last, spoiled.equals(bytes) ? 3 : 2, `byte ${at}`);
          await again.close();
        }
    });
  });
});

describe('a machine that crashes with entries that were only handed to the system', () => {
  it('may lose any sectors: what is found is a beginning of what was written', async () => {
    await inDirectory(async (directory) => {
      const location = join(directory, 'journal');
      const journal = await opened(location, false);
      for (let count = 0; count < 12; count++) await appended(journal, 250 + 37 * count);
      const expected = await entriesOf(journal);
      const files = await filesOf(journal, location);
      await journal.close();
      const name = [...files.keys()].findLast((each) => each.startsWith('segment-')) as string;
      const bytes = files.get(name) as Buffer;
      for (let at = SECTOR_BYTES; at < bytes.length; at += SECTOR_BYTES) {
        const spoiled = Buffer.from(bytes);
        spoiled.fill(0, at, Math.min(at + SECTOR_BYTES, bytes.length));
        await laidOut(new Map([...files, [name, spoiled]]), location);
        const again = await opened(location, false);
        ok(again.last < 12);
        for (const [number, entry] of await entriesOf(again)) ok(entry.equals(expected.get(number) as Buffer));
        await appended(again, 10);
        await again.close();
      }
    });
  });
});

describe('the files of a journal', () => {
  it('are few, and written again, however much goes through them', async () => {
    await inDirectory(async (directory) => {
      const location = join(directory, 'journal');
      const journal = await opened(location);
      const inodes = new Set<number>();
      for (let count = 0; count < 400; count++) {
        await appended(journal, 1_000);
        if (count % 9 === 8) await journal.drop(journal.last - 3);
        const names = await readdir(location);
        ok(names.length <= 8, names.join());
        for (const name of names) {
          const found = await stat(join(location, name)).catch(() => null);
          if (found !== null) inodes.add(found.ino);
        }
      }
      const last = (await readdir(location)).sort().at(-1) as string;
      ok(Number.parseInt(last.slice(8), 16) > 20, last);
      ok(inodes.size < 16, `${inodes.size} files were made`);
      await journal.close();
    });
  });

  it('stay for who reads them, whatever is forgotten and appended meanwhile', async () => {
    await inDirectory(async (directory) => {
      const location = join(directory, 'journal');
      const journal = await opened(location);
      for (let count = 0; count < 40; count++) await appended(journal, 1_000);
      const read: number[] = [];
      for await (const { number, entry } of journal.read(1)) {
        ok(Buffer.from(entry).equals(entryOf(number, 1_000)));
        read.push(number);
        await appended(journal, 1_000);
        await journal.drop(journal.last - 1);
      }
      deepStrictEqual(
        read,
        Array.from({ length: 40 }, (_, index) => index + 1),
      );
      await journal.settle();
      ok((await readdir(location)).length <= 8);
      await journal.close();
    });
  });

  it('of an entry that is larger than a segment are one file of its own size', async () => {
    await inDirectory(async (directory) => {
      const location = join(directory, 'journal');
      let journal = await opened(location);
      for (const size_bytes of [10, 100_000, 10, 60_000, 50_000, 0]) await appended(journal, size_bytes);
      const expected = await entriesOf(journal);
      await journal.close();
      journal = await opened(location);
      deepStrictEqual(await entriesOf(journal), expected);
      await journal.drop(5);
      strictEqual((await entriesOf(journal)).size, 1);
      await journal.close();
    });
  });

  it('that an interrupted preparation has left are no obstacle, and what takes their place stays', async () => {
    await inDirectory(async (directory) => {
      const location = join(directory, 'journal');
      let journal = await opened(location);
      await appended(journal, 100);
      await journal.close();
      for (const size_bytes of [0, 100, SEGMENT_BYTES.min, SEGMENT_BYTES.max]) {
        const newest = (await readdir(location)).sort().at(-1) as string;
        const next = (Number.parseInt(newest.slice(8), 16) + 1).toString(16).padStart(8, '0');
        await writeFile(join(location, `segment-${next}`), Buffer.alloc(size_bytes));
        journal = await opened(location);
        for (let count = 0; count < 30; count++) await appended(journal, 2_000);
        const expected = await entriesOf(journal);
        await journal.close();
        journal = await opened(location);
        deepStrictEqual(await entriesOf(journal), expected);
        await journal.drop(journal.last - 15);
        await journal.close();
      }
    });
  });

  it('may hold what a program has made to look like records: it is read once, and is none', async () => {
    await inDirectory(async (directory) => {
      const location = join(directory, 'journal');
      const journal = await opened(location);
      await appended(journal, 8);
      // As many as fit, each of which would be as long as a segment.
      const forged = Buffer.alloc(3_000_000);
      for (let at = 0; at + 24 <= forged.length; at += 24) {
        forged.writeBigUInt64BE(3n, at + 8);
        forged.writeUInt32LE(1_000_000, at + 16);
      }
      const before = await filesOf(journal, location);
      await journal.append(1, forged);
      const after = await filesOf(journal, location);
      await journal.close();
      await laidOut(
        torn(before, after, (index) => index === 1),
        location,
      );
      const again = await opened(location);
      strictEqual(again.last, 1);
      await again.close();
    });
  });
});

describe('a journal that was looked at before its directory was locked', () => {
  /** Without the bytes of its end: those behind it are nobody's. */
  const said = ({ end, ...rest }: FoundJournal): unknown => ({ ...rest, end: end && { ...end, bytes: null } });

  it('is as it was found, open or closed, and is not looked at again, when nobody has written since', () =>
    inDirectory(async (directory) => {
      const location = join(directory, 'journal');
      const empty = await opened(location);
      const before = await findJournal(location, SEED);
      strictEqual(await findJournal(location, SEED, before), before);
      await empty.close();
      const journal = await opened(location);
      // Three records, and a segment that is ready and not begun.
      for (const size_bytes of [100, 2_000, 30]) await appended(journal, size_bytes);
      await journal.settle();
      const open = await findJournal(location, SEED);
      ok(open.head.newest > (open.end?.segment ?? 0), 'no segment is ready');
      strictEqual(await findJournal(location, SEED, open), open);
      await journal.close();
      const closed = await findJournal(location, SEED, open);
      strictEqual(closed.head.closedAt, 3);
      strictEqual(await findJournal(location, SEED, closed), closed);
    }));

  type Step =
    | { readonly kind: 'append'; readonly size_bytes: number }
    | { readonly kind: 'drop'; readonly back: number }
    | { readonly kind: 'close' }
    | { readonly kind: 'leave'; readonly sync: boolean };
  const step: fc.Arbitrary<Step> = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ kind: fc.constant('append' as const), size_bytes: fc.oneof(fc.nat(40), fc.nat(6_000)) }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('drop' as const), back: fc.nat(4) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('close' as const) }) },
    // As who is killed: another opens the journal as it is.
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('leave' as const), sync: fc.boolean() }) },
  );

  it('is what a look finds now, whatever was appended, forgotten, opened, closed and torn since', () =>
    inDirectory(async (directory) => {
      let run = 0;
      let same = 0;
      const law = fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 12 }),
        fc.array(step, { maxLength: 3 }),
        fc.option(fc.nat(), { nil: null }),
        async (history, between, lost) => {
          const location = join(directory, `${run++}`);
          let sync = true;
          let journal = await opened(location, sync);
          const left: SegmentJournal[] = [journal];
          const take = async (each: Step): Promise<void> => {
            if (each.kind === 'append') return appended(journal, each.size_bytes);
            if (each.kind === 'drop') return journal.drop(journal.last - each.back);
            // What it has still to prepare would be done behind the next one's back.
            await journal.settle();
            if (each.kind === 'close') await journal.close();
            else sync = each.sync;
            journal = await opened(location, sync);
            left.push(journal);
          };
          for (const each of history) await take(each);
          await journal.settle();
          const known = await findJournal(location, SEED);
          for (const each of between) await take(each);
          if (lost !== null) {
            const before = await filesOf(journal, location);
            await appended(journal, 2_000);
            const after = await filesOf(journal, location);
            const { name } = changed(before, after);
            const spoilt = torn(before, after, (sector) => ((lost >> (sector % 31)) & 1) === 1);
            await writeFile(join(location, name), spoilt.get(name) as Buffer);
          }
          await journal.settle();
          const found = await findJournal(location, SEED, known);
          if (found === known) same++;
          deepStrictEqual(said(found), said(await findJournal(location, SEED)));
          for (const each of left) await each.close();
        },
      );
      // Chance seldom lets a journal alone; a law that never meets one says too little.
      const alone: [Step[], Step[], null] = [[{ kind: 'append', size_bytes: 100 }], [], null];
      await fc.assert(law, { numRuns: 60, examples: [alone] });
      ok(same > 0, 'it was never the same');
    }));

  it('is looked at again when a file has gone, though the head says nothing of it', () =>
    inDirectory(async (directory) => {
      const location = join(directory, 'journal');
      const journal = await opened(location);
      for (let count = 0; count < 6; count++) await appended(journal, 3_000);
      const view = journal.view();
      await journal.drop(5);
      const known = await findJournal(location, SEED);
      strictEqual(await findJournal(location, SEED, known), known);
      view.release();
      await journal.settle();
      const found = await findJournal(location, SEED, known);
      deepStrictEqual(found.head, known.head);
      ok(found.free.length < known.free.length, 'nothing has gone');
      await journal.close();
    }));

  it('is read from the disk once where it ends, and again for whoever reads later', () =>
    inDirectory(async (directory) => {
      const location = join(directory, 'journal');
      const first = await opened(location);
      for (const size_bytes of [100, 900, 5_000, 50, 10]) await appended(first, size_bytes);
      await first.close();
      const journal = await opened(location);
      const expected = new Map(
        [100, 900, 5_000, 50, 10].map((size_bytes, index) => [index + 1, entryOf(index + 1, size_bytes)]),
      );
      const held = [...(await entriesOf(journal))];
      deepStrictEqual(
        held.map(([number, entry]) => [number, Buffer.from(entry)]),
        [...expected].map(([number, entry]) => [number, Buffer.from(entry)]),
      );
      await appended(journal, 70);
      deepStrictEqual([...(await entriesOf(journal)).keys()], [1, 2, 3, 4, 5, 6]);
      await journal.close();
    }));
});

describe('a bit that is flipped after a close', () => {
  it('is noticed wherever it is in start and entries of a segment, the last one included', async () => {
    await inDirectory(async (directory) => {
      const location = join(directory, 'journal');
      let journal = await opened(location);
      for (const size_bytes of [90, 0, 250, 61]) await appended(journal, size_bytes);
      await journal.close();
      const path = join(location, 'segment-00000001');
      const whole = await readFile(path);
      const end = 64 + 4 * RECORD_BYTES + 96 + 256 + 64;
      for (let at = 0; at < end; at++) {
        const bytes = Buffer.from(whole);
        bytes[at] = (bytes[at] as number) ^ (1 << (at % 8));
        await writeFile(path, bytes);
        await rejects(opened(location), { code: 'storage_corrupt' }, `byte ${at}`);
      }
      await writeFile(path, whole);
      journal = await opened(location);
      strictEqual((await entriesOf(journal)).size, 4);
      await journal.close();
    });
  });
});

describe('a journal beside a model', () => {
  type Step =
    | { readonly kind: 'append'; readonly size_bytes: number }
    | { readonly kind: 'drop'; readonly back: number }
    | { readonly kind: 'reopen'; readonly sync: boolean }
    | { readonly kind: 'crash'; readonly size_bytes: number; readonly lost: number };

  const size_bytes = fc.oneof(fc.nat(40), fc.nat(6_000), fc.constant(20_000));
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 12, arbitrary: fc.record({ kind: fc.constant('append' as const), size_bytes }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('drop' as const), back: fc.nat(6) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('reopen' as const), sync: fc.boolean() }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('crash' as const), size_bytes, lost: fc.nat() }) },
  );

  it('has what was acknowledged and not forgotten, through drops, openings and crashes', async () => {
    await inDirectory(async (directory) => {
      let run = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60 }), async (steps) => {
          const home = join(directory, `${run++}`);
          await mkdir(home);
          let location = join(home, '0');
          let sync = true;
          let journal = await opened(location, sync);
          const model = { first: 1, entries: new Map<number, Buffer>() };
          const put = async (bytes: number): Promise<void> => {
            const number = journal.last + 1;
            await appended(journal, bytes);
            model.entries.set(number, Buffer.from(entryOf(number, bytes)));
          };
          for (const [index, each] of steps.entries()) {
            if (each.kind === 'append') await put(each.size_bytes);
            else if (each.kind === 'drop') {
              const upTo = journal.last - each.back;
              await journal.drop(upTo);
              for (const number of [...model.entries.keys()]) if (number <= upTo) model.entries.delete(number);
              model.first = Math.max(model.first, upTo + 1);
            } else {
              if (each.kind === 'crash') {
                const before = await filesOf(journal, location);
                const { last } = journal;
                await put(each.size_bytes);
                const after = await filesOf(journal, location);
                await journal.close();
                location = join(home, `${index + 1}`);
                await laidOut(
                  torn(before, after, (sector) => ((each.lost >> (sector % 31)) & 1) === 1),
                  location,
                );
                journal = await opened(location, sync);
                ok(journal.last === last || journal.last === last + 1);
                if (journal.last === last) model.entries.delete(last + 1);
              } else {
                await journal.close();
                sync = each.sync;
                journal = await opened(location, sync);
              }
              strictEqual(journal.first, model.first);
            }
          }
          deepStrictEqual(await entriesOf(journal), model.entries);
          await journal.close();
          journal = await opened(location, sync);
          deepStrictEqual(await entriesOf(journal), model.entries);
          await journal.close();
          await rm(home, { recursive: true });
        }),
        { numRuns: 12 },
      );
    });
  });
});
