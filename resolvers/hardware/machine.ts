/**
 * What there is of the machine, what of it the node may use, and what is left: the numbers of the probes put
 * together. Owns the last look at the processor's time, and nothing else.
 */
import type { MachineShare } from '../../src/capability/index.ts';
import type { Clock } from '../../src/platform/index.ts';
import type { Probes } from './probes.ts';

/** Cores in thousandths, else bytes. Null: it cannot be found out. */
export interface Measure {
  /** What the control group leaves of the machine. */
  readonly total: number;
  readonly granted: number;
  readonly used: number | null;
  readonly left: number;
}

/** Between two looks at the processor's time; what was used in less says little. */
const LOOK_MS = 1_000;

export function totalCores(probes: Probes): number {
  return Math.min(probes.cores(), probes.group().cores ?? Infinity);
}

export function totalMemory_bytes(probes: Probes): number {
  return Math.min(probes.memory_bytes(), probes.group().memory_bytes ?? Infinity);
}

export class Machine {
  readonly #probes: Probes;
  readonly #clock: Clock;
  readonly #share: MachineShare;
  /** Where the space is kept; null in memory. */
  readonly #data: string | null;
  #look: { readonly at_ms: number; readonly used_ms: number };

  constructor(probes: Probes, clock: Clock, share: MachineShare, data: string | null) {
    this.#probes = probes;
    this.#clock = clock;
    this.#share = share;
    this.#data = data;
    this.#look = { at_ms: clock.monotonic_ms(), used_ms: probes.processCpu_ms() };
  }

  millicores(): Measure {
    const total = Math.round(1000 * totalCores(this.#probes));
    const granted = Math.min(total, Math.round(1000 * (this.#share.cores ?? Infinity)));
    const now = { at_ms: this.#clock.monotonic_ms(), used_ms: this.#probes.processCpu_ms() };
    const span_ms = now.at_ms - this.#look.at_ms;
    const used = span_ms <= 0 ? 0 : Math.round((1000 * (now.used_ms - this.#look.used_ms)) / span_ms);
    if (span_ms >= LOOK_MS) this.#look = now;
    return { total, granted, used, left: Math.max(0, granted - used) };
  }

  memory(): Measure {
    const { memory_bytes, memory_used_bytes } = this.#probes.group();
    const total = totalMemory_bytes(this.#probes);
    const granted = Math.min(total, this.#share.memory_bytes ?? Infinity);
    const used = this.#probes.processMemory_bytes();
    const inGroup = memory_bytes === null || memory_used_bytes === null ? Infinity : memory_bytes - memory_used_bytes;
    const free = Math.min(this.#probes.memoryFree_bytes(), inGroup);
    return { total, granted, used, left: Math.max(0, Math.min(granted - used, free)) };
  }

  /** Null for a space in memory, and where the disk cannot be asked. */
  async disk(): Promise<Measure | null> {
    const disk = this.#data === null ? null : await this.#probes.disk(this.#data);
    if (disk === null) return null;
    const granted = Math.min(disk.total_bytes, this.#share.disk_bytes ?? Infinity);
    const used = await this.#probes.directory_bytes(this.#data ?? '');
    const left = Math.min(disk.free_bytes, used === null ? Infinity : Math.max(0, granted - used));
    return { total: disk.total_bytes, granted, used, left };
  }
}
