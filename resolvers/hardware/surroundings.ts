/**
 * What a node needs around it: a loopback that carries bytes, names that its powers are granted by and that lead
 * somewhere, a clock that agrees with itself, with the disk and with what the space was written at. Judges what probes
 * tell, as the doctor does. Whether the clock is right nobody here can say: no other clock is asked.
 */
import type { Clock } from '../../src/platform/index.ts';
import type { Check } from './doctor.ts';
import type { Probes } from './probes.ts';
import { CLOCK_STEP_MS_MAX, LOOPBACK_MS_MAX } from './roles.ts';

const NAMES_SHOWN_MAX = 3;

export async function loopbackCheck(probes: Probes): Promise<Check> {
  const common = { check: 'loopback', unit: 'milliseconds', required: LOOPBACK_MS_MAX } as const;
  try {
    const found = Math.round((await probes.loopback_ms()) * 100) / 100;
    const reason = 'a byte there and back over TCP at 127.0.0.1, with its connection';
    return { ...common, found, verdict: found <= LOOPBACK_MS_MAX ? 'ok' : 'short', reason };
  } catch (error) {
    const why = String((error as { readonly code?: unknown }).code ?? 'it failed');
    return { ...common, found: null, verdict: 'short', reason: `nothing can be sent over TCP at 127.0.0.1: ${why}` };
  }
}

/** Null: no power is granted by name, so nobody asks for one. */
export async function namesCheck(probes: Probes, names: readonly string[]): Promise<Check | null> {
  if (names.length === 0) return null;
  const answered = await Promise.all(names.map((name) => probes.leadsSomewhere(name)));
  const missing = names.filter((_, index) => answered[index] !== true);
  const shown = missing.slice(0, NAMES_SHOWN_MAX).join(', ');
  const others = missing.length > NAMES_SHOWN_MAX ? ` and ${missing.length - NAMES_SHOWN_MAX} more` : '';
  return {
    check: 'names',
    unit: 'names',
    required: names.length,
    found: names.length - missing.length,
    verdict: missing.length === 0 ? 'ok' : 'short',
    reason:
      missing.length === 0
        ? 'the names by which powers are granted lead to addresses'
        : `no address is found for ${shown}${others}, by which powers are granted`,
  };
}

/** How far both clocks were apart when the examination began. */
export function offset_ms(clock: Clock): number {
  return clock.now_ms() - clock.monotonic_ms();
}

export async function clockStepCheck(
  { clock, probes, place, holdsSpace }: ClockExamined,
  offsetAtStart_ms: number,
): Promise<Check> {
  const stepped_ms = Math.abs(offset_ms(clock) - offsetAtStart_ms);
  const file_ms = await probes.fileTime_ms(place);
  const ofFiles_ms = file_ms === null ? 0 : Math.abs(file_ms - clock.now_ms());
  const written_ms = holdsSpace ? await probes.newest_ms(place) : null;
  const ahead_ms = written_ms === null ? 0 : Math.max(0, written_ms - clock.now_ms());
  const found = Math.round(Math.max(stepped_ms, ofFiles_ms, ahead_ms));
  const common = { check: 'clock steps', unit: 'milliseconds', required: CLOCK_STEP_MS_MAX, found } as const;
  if (found <= CLOCK_STEP_MS_MAX) {
    const files = file_ms === null ? '' : ', and new files have its time';
    return { ...common, verdict: 'ok', reason: `the clock goes on as the one for time limits does${files}` };
  }
  const reason =
    found === Math.round(ahead_ms)
      ? 'the space was written at a later time than the clock shows: it has been set back'
      : found === Math.round(stepped_ms)
        ? 'the clock was set, or runs at another speed than the one for time limits'
        : 'the disk gives new files another time than the clock shows';
  return { ...common, verdict: 'short', reason };
}

interface ClockExamined {
  readonly clock: Clock;
  readonly probes: Probes;
  readonly place: string;
  readonly holdsSpace: boolean;
}
