/**
 * The machine under a node: what an opening looks at before anything runs. Owns no state; what is measured and how
 * it is judged stands with the resolver of the hardware.
 */
import { cwd } from 'node:process';
import type { MachineConfig } from '../capability/index.ts';
import { examineQuickly, machineProbes, shortfall } from '../../resolvers/index.ts';
import { PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import { realPlatform } from '../platform/index.ts';
import type { FailureReport, OpenOptions } from './types.ts';

/** Where the space is; without a directory, where one would be made if nobody said where. */
export function placeOf(data: string | null | undefined): { readonly place: string; readonly holdsSpace: boolean } {
  return { place: data ?? cwd(), holdsSpace: data != null };
}

/**
 * Says in one line that the machine falls short of the configured role, or refuses with `machine_short` where the
 * configuration is strict. Without a role nothing is looked at. Takes no time worth speaking of and writes nothing.
 */
export async function requireMachine(
  machine: MachineConfig | null,
  { data, strict = machine?.strict === true }: Pick<OpenOptions, 'data' | 'strict'>,
  report: (failure: FailureReport) => void,
  look: typeof examineQuickly = examineQuickly,
): Promise<void> {
  if (machine?.role === undefined) return;
  const { role, share, requirements } = machine;
  const { clock } = realPlatform();
  const examined = { role, share, requirements, ...placeOf(data), probes: machineProbes(clock), clock };
  const line = shortfall(await look(examined));
  if (line === null) return;
  const hint = strict ? 'Without strict (--strict, machine.strict) it would start all the same.' : '';
  if (strict) throw new PowerboxError('machine_short', line, { hint });
  report({ deploy: 0, code: 'machine_short', message: line, hint, source: 'doctor', dropped: 0 });
}

/** The cache of channels is what a space holds most memory for: at most a quarter of the node's share. */
export function cacheOf(machine: MachineConfig | null): { readonly cache_bytes?: number } {
  const memory_bytes = machine?.share.memory_bytes;
  if (memory_bytes === undefined) return {};
  return { cache_bytes: Math.min(limits.cache_bytes_default, Math.floor(memory_bytes / 4)) };
}
