/**
 * The machine of a node, as its configuration says it: which role it is to fill, how much of it the node may use,
 * and what its powers need of it. What is found is measured elsewhere; here stand the words only.
 */
import { z } from 'zod';
import { limits } from '../limits.ts';
import type { Power } from './powers/index.ts';
import { powerName } from './powers/name.ts';

/** What a node can be; what each needs is data of the doctor. */
export const ROLES = ['validator', 'observer', 'light'] as const;
export type Role = (typeof ROLES)[number];

const cores = z
  .number('cores are a number, which may have a fraction')
  .positive('cores are more than 0')
  .max(limits.machine_cores_max, `cores are at most ${limits.machine_cores_max}`);

function bytes(what: string): z.ZodInt {
  return z
    .int(`${what} is a whole number of bytes`)
    .min(1, `${what} is at least 1 byte`)
    .max(limits.machine_bytes_max, `${what} is at most ${limits.machine_bytes_max} bytes`);
}

/** How much of the machine the node may use. What is not said is all that the control group leaves. */
export const machineShare = z.strictObject({
  cores: cores.optional().describe('Cores, also with a fraction.'),
  memory_bytes: bytes('memory_bytes')
    .optional()
    .describe('Memory; the cache of the space holds at most a quarter of it.'),
  disk_bytes: bytes('disk_bytes')
    .optional()
    .describe('Disk, for the space and for all that is allotted to roots of files.'),
});
export type MachineShare = z.output<typeof machineShare>;

/** What one power needs beside what the role needs. */
export const machineRequirements = z.strictObject({
  cores: cores.optional().describe('Cores, added to those of the role.'),
  memory_bytes: bytes('memory_bytes').optional().describe('Memory, added to that of the role.'),
  disk_bytes: bytes('disk_bytes').optional().describe('Disk, added to that of the role.'),
  open_files: z
    .int('open_files is a whole number')
    .min(1, 'open_files is at least 1')
    .max(limits.machine_open_files_max, `open_files is at most ${limits.machine_open_files_max}`)
    .optional()
    .describe('Files and sockets open at once, added to those of the role.'),
});
export type MachineRequirements = z.output<typeof machineRequirements>;

export const machineConfig = z.strictObject({
  role: z
    .enum(ROLES, `a role is one of ${ROLES.join(', ')}`)
    .optional()
    .describe('What the machine is to be good enough for. Default: not looked at.'),
  strict: z
    .boolean()
    .default(false)
    .describe('Refuse to start on a machine that falls short of the role, instead of saying so.'),
  share: machineShare.prefault({}).describe('How much of the machine the node may use. Default: all of it.'),
  requirements: z
    .record(powerName, machineRequirements)
    .default({})
    .describe('What powers need of the machine beside what the role needs, by the name of the power.'),
});
export type MachineConfig = z.output<typeof machineConfig>;
export type MachineConfigSource = z.input<typeof machineConfig>;

/** Bytes that are allotted to roots of files, all together; of powers over one root the largest allotment counts. */
export function allotted_bytes(powers: Iterable<Power | null>): number {
  const roots = new Map<string, number>();
  for (const power of powers) {
    if (power?.kind !== 'files' || power.bytes === undefined) continue;
    roots.set(power.root, Math.max(roots.get(power.root) ?? 0, power.bytes));
  }
  return [...roots.values()].reduce((sum, bytes) => sum + bytes, 0);
}
