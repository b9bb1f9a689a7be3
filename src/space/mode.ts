/**
 * How a program runs: it happens, commit by commit; in a fork, to look at the world and be answered; in a fork, to know
 * what it costs; in a fork that is then applied. Owns the words, and their numbers where they are written.
 */
import { corrupt } from './corrupt.ts';

/** In the order of their numbers in journals and traces; no number ever gets another meaning. */
export const MODES = ['transaction', 'query', 'estimate', 'atomic'] as const;
export type Mode = (typeof MODES)[number];

export function modeNumber(mode: Mode): number {
  return MODES.indexOf(mode);
}

export function modeOf(number: number): Mode {
  const mode = MODES[number];
  if (mode === undefined) throw corrupt(`a cause of mode ${number}`);
  return mode;
}
