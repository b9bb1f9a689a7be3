/**
 * What each role needs of a machine: data, so that a new role is an entry here. The numbers are those of a node with
 * some hundred contracts, from the measurements in spec/performance.md; an operator adds what their powers need.
 */
import type { Role } from '../../src/capability/index.ts';

export interface RoleProfile {
  readonly doc: string;
  readonly cores: number;
  readonly memory_bytes: number;
  /** For the space: what it holds already counts. */
  readonly disk_bytes: number;
  /** Half of the synced appends take at most this: it is the least time that anything acknowledged takes. */
  readonly sync_ms: number;
  readonly open_files: number;
  /** Messages received by a loop in one second. */
  readonly evaluation_per_second: number;
}

const GIB = 2 ** 30;

export const ROLE_PROFILES: Readonly<Record<Role, RoleProfile>> = {
  validator: {
    doc: 'takes part in every decision',
    cores: 4,
    memory_bytes: 8 * GIB,
    disk_bytes: 100 * GIB,
    sync_ms: 10,
    open_files: 16_384,
    evaluation_per_second: 500_000,
  },
  observer: {
    doc: 'follows everything and decides nothing',
    cores: 2,
    memory_bytes: 2 * GIB,
    disk_bytes: 20 * GIB,
    sync_ms: 30,
    open_files: 4_096,
    evaluation_per_second: 200_000,
  },
  light: {
    doc: 'runs programs of its own',
    cores: 1,
    memory_bytes: GIB / 2,
    disk_bytes: GIB,
    sync_ms: 100,
    open_files: 1_024,
    evaluation_per_second: 50_000,
  },
};

/** The oldest version of Node that the package runs on. */
export const NODE_VERSION_MIN = '20.19.0';
/** Bits of randomness below which keys should not be drawn yet. */
export const ENTROPY_BITS_MIN = 128;
/** A connection and a byte there and back on the machine itself; what takes longer is not idle, or filtered. */
export const LOOPBACK_MS_MAX = 100;
/** File systems that keep whole seconds are no reason to complain. */
export const CLOCK_STEP_MS_MAX = 1_500;
/** A clock that shows less was never set. */
export const CLOCK_MS_MIN = Date.UTC(2026, 0, 1);
