/**
 * Whether a machine is good enough: each thing that a role needs, what was found of it, and a verdict with its
 * reason. It judges what probes tell and measures nothing by itself. What cannot be found out is never taken for
 * good: it is `unknown`.
 */
import type { MachineRequirements, MachineShare, Role } from '../../src/capability/index.ts';
import type { Clock } from '../../src/platform/index.ts';
import { totalCores, totalMemory_bytes } from './machine.ts';
import type { Probes } from './probes.ts';
import { CLOCK_MS_MIN, ENTROPY_BITS_MIN, NODE_VERSION_MIN, ROLE_PROFILES } from './roles.ts';
import { clockStepCheck, loopbackCheck, namesCheck, offset_ms } from './surroundings.ts';

export type Verdict = 'ok' | 'short' | 'unknown';
export type Unit = 'version' | 'cores' | 'bytes' | 'milliseconds' | 'files' | 'names' | 'time' | 'bits' | 'per second';

export interface Check {
  readonly check: string;
  readonly unit: Unit;
  readonly required: number | string;
  /** Null: it could not be found out. */
  readonly found: number | string | null;
  readonly verdict: Verdict;
  readonly reason: string;
}

export interface Examination {
  readonly role: Role;
  /** `short` when any check is, else `unknown` when any is. */
  readonly verdict: Verdict;
  readonly checks: readonly Check[];
}

export interface Examined {
  readonly role: Role;
  readonly share: MachineShare;
  /** What powers need besides, by their names. */
  readonly requirements: Readonly<Record<string, MachineRequirements>>;
  /** Directory of the space, or where one would be made. */
  readonly place: string;
  /** What stands there is the space's own. */
  readonly holdsSpace: boolean;
  /** Names by which powers are granted. */
  readonly names: readonly string[];
  readonly probes: Probes;
  readonly clock: Clock;
  /** Messages that a loop receives in one second; null: it could not be measured. */
  readonly evaluation: () => Promise<number | null>;
}

type Quick = Omit<Examined, 'evaluation' | 'names'>;

/** Synced appends that are timed: enough that one slow one decides nothing. */
const SYNCS = 64;
const CLOCK_LOOKS = 1_000;

/** Everything, also what takes its time and writes to the disk. */
export async function examine(examined: Examined): Promise<Examination> {
  const { clock, names, probes } = examined;
  const offsetAtStart_ms = offset_ms(clock);
  const quick = await examineQuickly(examined);
  const namesFound = await namesCheck(probes, names);
  const checks = [
    ...quick.checks,
    await loopbackCheck(probes),
    ...(namesFound === null ? [] : [namesFound]),
    await syncCheck(examined),
    await evaluationCheck(examined),
    // The last one: the others are the time in which it may step.
    await clockStepCheck(examined, offsetAtStart_ms),
  ];
  return { role: examined.role, verdict: verdictOf(checks), checks };
}

/** What can be told at once, and without a trace: for a node that starts. */
export async function examineQuickly(examined: Quick): Promise<Examination> {
  const checks = [
    nodeCheck(examined.probes),
    coresCheck(examined),
    memoryCheck(examined),
    ...(await diskChecks(examined)),
    filesCheck(examined),
    clockCheck(examined.clock),
    entropyCheck(examined.probes),
  ];
  return { role: examined.role, verdict: verdictOf(checks), checks };
}

/** One line for an operator; null when nothing is known to be short. */
export function shortfall({ role, checks }: Examination): string | null {
  const short = checks.filter(({ verdict }) => verdict === 'short');
  if (short.length === 0) return null;
  const parts = short.map((check) => `${check.check}: ${check.reason}`);
  return `this machine falls short of the role ${role}: ${parts.join('; ')} (powerbox doctor --role ${role} tells more)`;
}

function verdictOf(checks: readonly Check[]): Verdict {
  if (checks.some(({ verdict }) => verdict === 'short')) return 'short';
  return checks.some(({ verdict }) => verdict === 'unknown') ? 'unknown' : 'ok';
}

// ---------------------------------------------------------------------- what is needed

type Summed = 'cores' | 'memory_bytes' | 'disk_bytes' | 'open_files';

/** What the role needs and the powers add, and the sentence that says so when there is more than one part. */
function needed(
  { role, requirements }: Pick<Examined, 'role' | 'requirements'>,
  what: Summed,
  unit: Unit,
): [number, string] {
  const own = ROLE_PROFILES[role][what];
  const added = Object.entries(requirements).flatMap(([name, needs]): [string, number][] => {
    const amount = needs[what];
    return amount === undefined ? [] : [[name, amount]];
  });
  const parts = [[role, own] as const, ...added].map(([name, amount]) => `${amountText(amount, unit)} for ${name}`);
  return [
    added.reduce((sum, [, amount]) => sum + amount, own),
    added.length === 0 ? '' : `; needed are ${parts.join(', ')}`,
  ];
}

function atLeast(check: string, unit: Unit, required: number, found: number | null, reason: string): Check {
  const verdict = found === null ? 'unknown' : found >= required ? 'ok' : 'short';
  return { check, unit, required, found, verdict, reason };
}

// ---------------------------------------------------------------------- each thing

function coresCheck(examined: Quick): Check {
  const { probes, share } = examined;
  const [required, sum] = needed(examined, 'cores', 'cores');
  const parts = limitedBy(
    [`${amountText(probes.cores(), 'cores')} on this machine`],
    [probes.group().cores, 'by its control group'],
    [share.cores, 'by the share in the configuration'],
    'cores',
  );
  return atLeast('cores', 'cores', required, Math.min(totalCores(probes), share.cores ?? Infinity), parts + sum);
}

function memoryCheck(examined: Quick): Check {
  const { probes, share } = examined;
  const [required, sum] = needed(examined, 'memory_bytes', 'bytes');
  const parts = limitedBy(
    [`${amountText(probes.memory_bytes(), 'bytes')} on this machine`],
    [probes.group().memory_bytes, 'by its control group'],
    [share.memory_bytes, 'by the share in the configuration'],
    'bytes',
  );
  return atLeast(
    'memory',
    'bytes',
    required,
    Math.min(totalMemory_bytes(probes), share.memory_bytes ?? Infinity),
    parts + sum,
  );
}

async function diskChecks(examined: Quick): Promise<readonly Check[]> {
  const { probes, share, place, holdsSpace } = examined;
  const [required, sum] = needed(examined, 'disk_bytes', 'bytes');
  const disk = await probes.disk(place);
  if (disk === null) {
    const reason = 'the disk of the data directory cannot be asked';
    return ['disk', 'disk free'].map((check) => atLeast(check, 'bytes', required, null, reason));
  }
  // What the space holds already was once free.
  const held_bytes = holdsSpace ? ((await probes.directory_bytes(place)) ?? 0) : 0;
  const room_bytes = held_bytes + disk.free_bytes;
  const parts = limitedBy(
    [
      `${amountText(disk.free_bytes, 'bytes')} are free`,
      ...(held_bytes === 0 ? [] : [`${amountText(held_bytes, 'bytes')} hold the space`]),
    ],
    [null, ''],
    [share.disk_bytes, 'by the share in the configuration'],
    'bytes',
  );
  return [
    atLeast('disk', 'bytes', required, disk.total_bytes, `the size of the disk of the data directory${sum}`),
    atLeast('disk free', 'bytes', required, Math.min(room_bytes, share.disk_bytes ?? Infinity), parts + sum),
  ];
}

function filesCheck(examined: Quick): Check {
  const [required, sum] = needed(examined, 'open_files', 'files');
  const found = examined.probes.openFiles_max();
  const reason =
    found === null ? 'this system does not tell the limit of open files' : 'the limit of this process (ulimit -n)';
  return atLeast('open files', 'files', required, found, reason + sum);
}

function nodeCheck(probes: Probes): Check {
  const found = probes.nodeVersion();
  const enough = olderThan(found, NODE_VERSION_MIN) ? 'short' : 'ok';
  const reason =
    enough === 'ok' ? 'the version that runs this' : 'the version that runs this is older than what is supported';
  return { check: 'node', unit: 'version', required: NODE_VERSION_MIN, found, verdict: enough, reason };
}

function olderThan(version: string, other: string): boolean {
  const [left, right] = [version, other].map((text) => text.split('.').map((part) => Number.parseInt(part, 10)));
  for (let index = 0; index < 3; index++) {
    const difference = (left?.[index] ?? 0) - (right?.[index] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

/** Set, and never running back while it is watched. */
function clockCheck(clock: Clock): Check {
  const now_ms = clock.now_ms();
  let last_ms = clock.monotonic_ms();
  let runsBack = false;
  for (let look = 0; look < CLOCK_LOOKS; look++) {
    const next_ms = clock.monotonic_ms();
    runsBack ||= next_ms < last_ms;
    last_ms = next_ms;
  }
  const wasSet = now_ms >= CLOCK_MS_MIN;
  const reason = runsBack
    ? 'the clock by which time limits are measured runs back'
    : wasSet
      ? 'the clock has been set; how exactly is not known without asking another one'
      : 'the clock was never set';
  return {
    check: 'clock',
    unit: 'time',
    required: dateText(CLOCK_MS_MIN),
    found: dateText(now_ms),
    verdict: wasSet && !runsBack ? 'ok' : 'short',
    reason,
  };
}

function dateText(time_ms: number): string {
  return new Date(time_ms).toISOString().replace(/\.\d+Z$/, 'Z');
}

function entropyCheck(probes: Probes): Check {
  const found = probes.entropy_bits();
  const reason =
    found === null ? 'this system does not tell how much randomness it has gathered' : 'what the system has gathered';
  return atLeast('entropy', 'bits', ENTROPY_BITS_MIN, found, reason);
}

async function syncCheck({ role, place, probes }: Examined): Promise<Check> {
  const required = ROLE_PROFILES[role].sync_ms;
  const common = { check: 'sync', unit: 'milliseconds', required } as const;
  let times_ms: readonly number[];
  try {
    times_ms = (await probes.syncs_ms(place, SYNCS)).toSorted((left, right) => left - right);
  } catch (error) {
    const why = (error as { readonly code?: unknown }).code ?? 'it failed';
    return {
      ...common,
      found: null,
      verdict: 'short',
      reason: `the disk of the data directory cannot be written: ${String(why)}`,
    };
  }
  const found = rounded(times_ms[times_ms.length >> 1] ?? 0);
  const slowest_ms = rounded(times_ms.at(-1) ?? 0);
  const reason = `the middle of ${times_ms.length} synced appends of 4 KiB; the slowest took ${slowest_ms} ms`;
  return { ...common, found, verdict: found <= required ? 'ok' : 'short', reason };
}

async function evaluationCheck({ role, evaluation }: Examined): Promise<Check> {
  const found = await evaluation().catch(() => null);
  const reason =
    found === null ? 'the loop did not come to its end' : 'messages received by a loop in Rholang, in memory';
  return atLeast('evaluation', 'per second', ROLE_PROFILES[role].evaluation_per_second, found, reason);
}

// ---------------------------------------------------------------------- words

type Limit = readonly [amount: number | null | undefined, by: string];

function limitedBy(parts: readonly string[], group: Limit, share: Limit, unit: Unit): string {
  const limits = [group, share].flatMap(([amount, by]) =>
    amount == null ? [] : [`${amountText(amount, unit)} ${by}`],
  );
  return [...parts, ...limits].join(', ');
}

function rounded(number: number): number {
  return Math.round(number * 100) / 100;
}

/** A number with its unit, as a person reads it. */
export function amountText(amount: number | string, unit: Unit): string {
  if (typeof amount === 'string') return amount;
  if (unit === 'bytes') return bytesText(amount);
  const text = rounded(amount).toLocaleString('en-US');
  switch (unit) {
    case 'milliseconds':
      return `${text} ms`;
    case 'per second':
      return `${Math.round(amount).toLocaleString('en-US')}/s`;
    case 'bits':
      return `${text} bits`;
    default:
      return text;
  }
}

function bytesText(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let size = bytes;
  let index = 0;
  while (size >= 1024 && index < units.length - 1) {
    size /= 1024;
    index++;
  }
  return `${Math.round(size * 10) / 10} ${units[index]}`;
}
