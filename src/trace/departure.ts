/** Where a replay leaves what was recorded: the first turn that differs, both sides of it, and what led there. */
import { PowerboxError } from '../errors.ts';

/** One turn of the chain, for people. */
export interface ChainLink {
  readonly turn: number;
  readonly what: string;
}

export interface DepartureDetails {
  readonly turn: number;
  /** What the trace says, and what the replay did. */
  readonly recorded: string;
  readonly replayed: string;
  /** From that turn back to the cause that began it. */
  readonly chain: readonly ChainLink[];
}

export class Departure extends PowerboxError {
  readonly departure: DepartureDetails;

  constructor(details: DepartureDetails) {
    const { turn, recorded, replayed } = details;
    super('trace_departed', `in turn ${turn} the trace has ${recorded}, and the replay ${replayed}`, {
      hint: 'What is replayed is not what was recorded: another program, another release, or a trace that was changed.',
    });
    this.departure = details;
  }
}
