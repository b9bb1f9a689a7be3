/**
 * Whether this machine is good enough for a role: the whole examination, with a disk that is written to and a program
 * that runs. Owns that program; everything else is measured by the resolver of the hardware.
 */
import { examine, type Examination, machineProbes } from '../../resolvers/index.ts';
import { namesGranted, requireConfiguration, type Role } from '../capability/index.ts';
import { realPlatform } from '../platform/index.ts';
import { checkConfiguration } from './configured.ts';
import { placeOf } from './machine.ts';
import { openSpace } from './open.ts';

export interface ExamineOptions {
  /** Default: that of the configuration, else `light`. */
  readonly role?: Role;
  /** Directory of the space, which may still be made. Default: that of the configuration, else the current one. */
  readonly data?: string;
  /** A configuration file: its role, the share of the machine that the node may use, and what its powers need. */
  readonly config?: string;
}

/** Steps of the loop: some tens of milliseconds, so that what is compiled meanwhile weighs little. */
const ROUNDS = 200_000;
const LOOP = `new loop in { contract loop(@n) = { if (n > 0) { loop!(n - 1) } else { @"done"!(n) } } | loop!(${ROUNDS}) }`;

/** Rejects with `config_invalid` where the configuration has a mistake. */
export async function examineMachine({ role, data, config }: ExamineOptions = {}): Promise<Examination> {
  const configuration = config === undefined ? null : requireConfiguration(checkConfiguration(config), config);
  const machine = configuration?.machine;
  const { clock } = realPlatform();
  return examine({
    role: role ?? machine?.role ?? 'light',
    share: machine?.share ?? {},
    requirements: machine?.requirements ?? {},
    ...placeOf(data ?? configuration?.data),
    names: configuration === null ? [] : namesGranted(configuration.powers.values()),
    probes: machineProbes(clock),
    clock,
    evaluation,
  });
}

/** Messages that a loop receives in one second. Nothing is granted to it, and nothing of it is kept. */
async function evaluation(): Promise<number | null> {
  const { clock } = realPlatform();
  const space = await openSpace({ grants: { stdio: false, powerbox: false }, onFailure: () => {} });
  try {
    const start_ms = clock.monotonic_ms();
    await (await space.run(LOOP)).quiescent();
    const taken_ms = clock.monotonic_ms() - start_ms;
    return (await space.take('done')) === undefined ? null : Math.round((ROUNDS / taken_ms) * 1000);
  } finally {
    await space.close();
  }
}
