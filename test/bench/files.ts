/**
 * Reads of 64 KiB of a file through a contract, 16 in flight, beside `fs.promises` doing the same: open, read, close.
 * Each answer is journaled and synced before the contract has it.
 */
import { open, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openSpace, tuple } from '../../src/index.ts';
import { type BenchLine, inDirectory, interleave, line, rate } from './support.ts';

const READERS = 16;
const READ_BYTES = 64 * 1024;
/** Of each reader in a round. */
const READS = 100;
const ROUNDS = 5;
/** Larger than one read, so that a reader goes through it. */
const FILE_READS = 4;

const fileOf = (reader: number): string => `f${reader}`;

/** Each reader has a file of its own and reads one piece after the other; "go" starts a round. */
const PROGRAM = `new box(\`rho:powerbox\`) in {
  for (dir <- box!?("fileSystem")) {
    ${Array.from(
      { length: READERS },
      (_, reader) => `for (f <- dir!?("resolve", "${fileOf(reader)}")) {
        new loop in {
          contract loop(@left) = {
            if (left == 0) { @"done"!(${reader}) }
            else { for (@b <- f!?("readAt", (left % ${FILE_READS}) * ${READ_BYTES}, ${READ_BYTES})) { loop!(left - 1) } }
          } |
          for (@n <= @("go", ${reader})) { loop!(n) } | @"ready"!(${reader})
        }
      }`,
    ).join(' | ')}
  }
}`;

export async function bench(): Promise<BenchLine[]> {
  return inDirectory(async (directory) => {
    const root = join(directory, 'root');
    await mkdir(root);
    const content = new Uint8Array(FILE_READS * READ_BYTES).map((_, index) => index);
    for (let reader = 0; reader < READERS; reader++) await writeFile(join(root, fileOf(reader)), content);
    const space = await openSpace({
      data: join(directory, 'space'),
      durability: 'sync',
      grants: { files: { files: { root, readOnly: true, acceptWeakConfinement: true } }, stdio: false },
    });
    await space.run(PROGRAM);
    const all = async (channel: string): Promise<void> => {
      for (let reader = 0; reader < READERS; reader++) await space.consume([{ channel }], { limit_ms: 60_000 });
    };
    await all('ready');
    const ours = (): Promise<number> =>
      rate(READERS * READS, async () => {
        for (let reader = 0; reader < READERS; reader++) await space.produce(tuple(['go', reader]), [READS]);
        await all('done');
      });
    const theirs = (): Promise<number> =>
      rate(READERS * READS, async () => {
        await Promise.all(
          Array.from({ length: READERS }, async (_, reader) => {
            for (let read = 0; read < READS; read++) await readOnce(join(root, fileOf(reader)), read % FILE_READS);
          }),
        );
      });
    const reads = await interleave(ROUNDS, ours, theirs);
    await space.close();
    return [
      line('file reads of 64 KiB, 16 in flight, in sync', 'reads/s', reads.ours, 'fs.promises', reads.theirs, 0.25),
    ];
  });
}

async function readOnce(path: string, piece: number): Promise<void> {
  const handle = await open(path);
  try {
    const { bytesRead } = await handle.read(new Uint8Array(READ_BYTES), 0, READ_BYTES, piece * READ_BYTES);
    if (bytesRead !== READ_BYTES) throw new Error(`${bytesRead} bytes of ${path}`);
  } finally {
    await handle.close();
  }
}
