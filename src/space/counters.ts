/**
 * What a running space counts of itself, read by whoever asks and by nobody else: plain numbers, so that counting costs
 * next to nothing. They begin at zero with the process, and no turn ever looks at them.
 */

/** Upper ends of the steps of a latency, in milliseconds; what is above the last is counted without one. */
export const LATENCY_STEPS_MS = [
  0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3, 6, 12, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000,
] as const;

export class Latency {
  count = 0;
  sum_ms = 0;
  /** How many were in each step, not counting those below; the last place is for what is above all. */
  readonly steps: number[] = Array.from({ length: LATENCY_STEPS_MS.length + 1 }, () => 0);

  note(duration_ms: number): void {
    this.count++;
    this.sum_ms += duration_ms;
    let step = 0;
    while (step < LATENCY_STEPS_MS.length && duration_ms > (LATENCY_STEPS_MS[step] as number)) step++;
    this.steps[step] = (this.steps[step] as number) + 1;
  }
}

export class SpaceCounters {
  /** Data that met a continuation, or someone who waits outside. */
  comms = 0;
  appended_bytes = 0;
  /** From the beginning of the writing of a commit until what waits for it is let out. */
  readonly commit = new Latency();
  /** Of one append to the journal, its sync included. */
  readonly append = new Latency();
}

/** One look at a space: what has been counted, and what there is now. */
export interface SpaceFigures {
  readonly counters: SpaceCounters;
  /** Since the space was made. */
  readonly turns: number;
  readonly tasks: number;
  readonly data: number;
  readonly entries: number;
  /** Now. */
  readonly ready: number;
  readonly outside: number;
  readonly parked: number;
  readonly channels: number;
  readonly cache_bytes: number;
  readonly tail_bytes: number;
  readonly facts: number;
}
