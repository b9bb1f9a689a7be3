/** A machine as a test wants it: enough of everything, but for what it says. */
import type { Probes } from '../../resolvers/hardware/probes.ts';

export interface Faked {
  readonly cores?: number;
  readonly memory_bytes?: number;
  readonly free_bytes?: number;
  readonly rss_bytes?: number;
  readonly group?: { readonly cores?: number; readonly memory_bytes?: number; readonly memory_used_bytes?: number };
  /** What each look says, the last one from then on. */
  readonly cpu_ms?: readonly number[];
  readonly disk?: { readonly total_bytes: number; readonly free_bytes: number } | null;
  readonly directory_bytes?: number | null;
  /** Null: it cannot be written. */
  readonly sync_ms?: number | null;
  /** Null: nothing can be bound. */
  readonly loopback_ms?: number | null;
  readonly namesUnknown?: readonly string[];
  readonly file_ms?: number | null;
  readonly newest_ms?: number | null;
  readonly openFiles?: number | null;
  readonly entropy_bits?: number | null;
  readonly nodeVersion?: string;
}

const GIB = 2 ** 30;

export function fakeProbes(faked: Faked = {}): Probes {
  const cpu_ms = [...(faked.cpu_ms ?? [0])];
  const { cores = null, memory_bytes = null, memory_used_bytes = null } = faked.group ?? {};
  return {
    cores: () => faked.cores ?? 64,
    memory_bytes: () => faked.memory_bytes ?? 256 * GIB,
    memoryFree_bytes: () => faked.free_bytes ?? 200 * GIB,
    group: () => ({ cores, memory_bytes, memory_used_bytes }),
    processMemory_bytes: () => faked.rss_bytes ?? 100_000_000,
    processCpu_ms: () => (cpu_ms.length > 1 ? cpu_ms.shift() : cpu_ms[0]) ?? 0,
    disk: async () => (faked.disk === undefined ? { total_bytes: 4096 * GIB, free_bytes: 2048 * GIB } : faked.disk),
    directory_bytes: async () => (faked.directory_bytes === undefined ? 1_000_000 : faked.directory_bytes),
    syncs_ms: async (_path, count) => {
      if (faked.sync_ms === null) throw Object.assign(new Error('EROFS: read-only file system'), { code: 'EROFS' });
      return Array<number>(count).fill(faked.sync_ms ?? 0.5);
    },
    loopback_ms: async () => {
      if (faked.loopback_ms === null) throw Object.assign(new Error('bind'), { code: 'EADDRNOTAVAIL' });
      return faked.loopback_ms ?? 0.2;
    },
    leadsSomewhere: async (name) => faked.namesUnknown?.includes(name) !== true,
    fileTime_ms: async () => faked.file_ms ?? null,
    newest_ms: async () => faked.newest_ms ?? null,
    openFiles_max: () => (faked.openFiles === undefined ? 1_048_576 : faked.openFiles),
    entropy_bits: () => (faked.entropy_bits === undefined ? 256 : faked.entropy_bits),
    nodeVersion: () => faked.nodeVersion ?? '22.11.0',
  };
}
