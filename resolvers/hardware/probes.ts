/**
 * The one file that asks the machine what it has: its system, /proc, the control group, a directory, a disk that is
 * written to and synced, its loopback, its lookup of names. It decides nothing, and what cannot be found out is null; a test hands in other probes.
 */
import { promises as dns } from 'node:dns';
import { closeSync, constants, existsSync, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { type FileHandle, lstat, mkdtemp, open, opendir, rm, statfs } from 'node:fs/promises';
import { availableParallelism, cpus, freemem, totalmem } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { limits } from '../../src/limits.ts';
import type { Clock } from '../../src/platform/index.ts';
import { type GroupLimits, groupLimits } from './control-group.ts';

export interface Disk {
  readonly total_bytes: number;
  /** What this process may still fill. */
  readonly free_bytes: number;
}

export interface Probes {
  /** Cores of the machine on which this process may run. */
  cores(): number;
  memory_bytes(): number;
  /** Of the machine; memory that caches hold counts as free where the system tells. */
  memoryFree_bytes(): number;
  group(): GroupLimits;
  /** Memory that this process holds. */
  processMemory_bytes(): number;
  /** Milliseconds of processor time that this process has used since its start. */
  processCpu_ms(): number;
  /** Of the file system on which this path is, or would be made. */
  disk(path: string): Promise<Disk | null>;
  /** Bytes of all files beneath; null when they cannot be added up. */
  directory_bytes(path: string): Promise<number | null>;
  /** Milliseconds of each of some appends of a few KiB, each synced, where the path is or would be made. Rejects when it cannot. */
  syncs_ms(path: string, count: number): Promise<readonly number[]>;
  /** Milliseconds that a byte takes there and back over a new connection at 127.0.0.1. Rejects when there is no way. */
  loopback_ms(): Promise<number>;
  /** Whether the system finds an address for a name. */
  leadsSomewhere(name: string): Promise<boolean>;
  /** The time that a file gets which is made now, where the path is or would be made; null when none can be made. */
  fileTime_ms(path: string): Promise<number | null>;
  /** When what is beneath was last changed, as the disk says; null when it cannot be told. */
  newest_ms(path: string): Promise<number | null>;
  openFiles_max(): number | null;
  /** Bits of randomness that the system says it has gathered. */
  entropy_bits(): number | null;
  nodeVersion(): string;
}

export function machineProbes(clock: Clock): Probes {
  return {
    cores: () => availableParallelism() || cpus().length,
    memory_bytes: totalmem,
    memoryFree_bytes: () => kibibytesIn(readText('/proc/meminfo'), 'MemAvailable') ?? freemem(),
    group: () => groupLimits(readText),
    processMemory_bytes: () => process.memoryUsage.rss(),
    processCpu_ms: () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1000;
    },
    disk,
    directory_bytes: (path) => directoryBytes(path).catch(() => null),
    syncs_ms: (path, count) => syncs(clock, path, count),
    loopback_ms: () => loopback(clock),
    leadsSomewhere: (name) =>
      dns.lookup(name).then(
        () => true,
        () => false,
      ),
    fileTime_ms: (path) => fileTime(path).catch(() => null),
    newest_ms: (path) => newest(path).catch(() => null),
    openFiles_max: () => numberIn(readText('/proc/self/limits'), /^Max open files +(\d+)/m),
    entropy_bits: () => numberIn(readText('/proc/sys/kernel/random/entropy_avail'), /^(\d+)/),
    nodeVersion: () => process.versions.node,
  };
}

/** Never more than such a file may have, and never waiting: something else may stand at its place. */
function readText(path: string): string | null {
  let descriptor: number | null = null;
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    if (!fstatSync(descriptor).isFile()) return null;
    const bytes = Buffer.alloc(limits.machine_text_bytes_max);
    let length = 0;
    for (let read = -1; read !== 0 && length < bytes.length; length += read)
      read = readSync(descriptor, bytes, length, bytes.length - length, null);
    return bytes.toString('utf8', 0, length);
  } catch {
    return null;
  } finally {
    if (descriptor !== null) closeSync(descriptor);
  }
}

function numberIn(text: string | null, pattern: RegExp): number | null {
  const found = pattern.exec(text ?? '')?.[1];
  return found === undefined ? null : Number(found);
}

function kibibytesIn(text: string | null, name: string): number | null {
  const kibibytes = numberIn(text, new RegExp(`^${name}: +(\\d+) kB$`, 'm'));
  return kibibytes === null ? null : kibibytes * 1024;
}

/** The path, or the nearest directory above it that is there: where it would be made. */
function standing(path: string): string {
  let found = resolve(path);
  while (!existsSync(found) && dirname(found) !== found) found = dirname(found);
  return found;
}

async function disk(path: string): Promise<Disk | null> {
  try {
    const { blocks, bavail, bsize } = await statfs(standing(path));
    return { total_bytes: blocks * bsize, free_bytes: bavail * bsize };
  } catch {
    return null;
  }
}

async function directoryBytes(path: string): Promise<number | null> {
  let bytes = 0;
  return (await everyFile(path, ({ size }) => (bytes += size))) ? bytes : null;
}

async function newest(path: string): Promise<number | null> {
  let latest_ms: number | null = null;
  const all = await everyFile(path, ({ mtimeMs }) => (latest_ms = Math.max(latest_ms ?? 0, mtimeMs)));
  return all ? latest_ms : null;
}

/** False: there are too many. */
async function everyFile(path: string, look: (file: Stats) => void): Promise<boolean> {
  let entries = 0;
  const folders = [path];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for await (const entry of await opendir(folder)) {
      if (++entries > limits.machine_entries_max) return false;
      const inside = join(folder, entry.name);
      if (entry.isDirectory()) folders.push(inside);
      else if (entry.isFile()) {
        // A file may go while it is looked at.
        await lstat(inside).then(look, () => {});
      }
    }
  }
  return true;
}

async function fileTime(path: string): Promise<number> {
  const folder = await mkdtemp(join(standing(path), '.powerbox-doctor-'));
  try {
    return (await lstat(folder)).mtimeMs;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function loopback(clock: Clock): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.on('error', () => {}).pipe(socket));
    const over = (settle: () => void): void => {
      server.close();
      settle();
    };
    server.once('error', (error) => over(() => reject(error)));
    server.listen(0, '127.0.0.1', () => {
      const start_ms = clock.monotonic_ms();
      const { port } = server.address() as AddressInfo;
      const socket = connect({ host: '127.0.0.1', port, timeout: LOOPBACK_MS_GIVEN });
      const fail = (error: Error): void => {
        socket.destroy();
        over(() => reject(error));
      };
      socket.once('timeout', () => fail(Object.assign(new Error('nothing came back'), { code: 'ETIMEDOUT' })));
      socket.once('error', fail);
      socket.once('data', () => {
        const taken_ms = clock.monotonic_ms() - start_ms;
        socket.destroy();
        over(() => resolve(taken_ms));
      });
      socket.end('?');
    });
  });
}

/** After which a loopback is taken for one that is not there. */
const LOOPBACK_MS_GIVEN = 2_000;

/** As an entry of the journal: appended, then synced. */
async function syncs(clock: Clock, path: string, count: number): Promise<readonly number[]> {
  const folder = await mkdtemp(join(standing(path), '.powerbox-doctor-'));
  let file: FileHandle | null = null;
  try {
    file = await open(join(folder, 'probe'), 'wx');
    const bytes = Buffer.alloc(4096, 7);
    const times_ms: number[] = [];
    for (let sync = 0; sync < count; sync++) {
      const start_ms = clock.monotonic_ms();
      await file.appendFile(bytes);
      await file.datasync();
      times_ms.push(clock.monotonic_ms() - start_ms);
    }
    return times_ms;
  } finally {
    await file?.close();
    await rm(folder, { recursive: true, force: true });
  }
}
