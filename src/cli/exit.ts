/**
 * Exit codes of the command, and which error leaves with which. Owns that table and nothing else; it is printed
 * by `powerbox help` and told in README.
 */
import { isPowerboxError, type ErrorCode } from '../errors.ts';

export const EXIT = {
  /** The program ran until nothing more could happen. */
  success: 0,
  /** The program is wrong, or a branch of it failed. */
  contract: 1,
  /** doctor: the machine falls short of the role. */
  short: 2,
  /** doctor: nothing is known to be short, but not everything could be found out. */
  unknown: 3,
  /** The command line is wrong. */
  usage: 64,
  /** The disk failed, another process is there, or work is left to resume. */
  storage: 75,
  /** A grant, a system contract or a setting is wrong. */
  configuration: 78,
  /** Interrupted (SIGINT, SIGTERM) with nothing left on disk to resume. */
  interrupted: 130,
} as const;

const BY_CODE: Partial<Record<ErrorCode, number>> = {
  usage: EXIT.usage,
  config_invalid: EXIT.configuration,
  declaration_invalid: EXIT.configuration,
  machine_short: EXIT.configuration,
  host_failed: EXIT.configuration,
  host_mismatch: EXIT.configuration,
  storage_failed: EXIT.storage,
  storage_corrupt: EXIT.storage,
  storage_foreign: EXIT.storage,
  storage_locked: EXIT.storage,
  storage_read_only: EXIT.storage,
  storage_full: EXIT.storage,
  storage_version: EXIT.storage,
  out_of_service: EXIT.storage,
  outcome_unknown: EXIT.storage,
  unfinished_work: EXIT.storage,
  space_closed: EXIT.storage,
};

export function exitCodeOf(error: unknown): number {
  return isPowerboxError(error) ? (BY_CODE[error.code] ?? EXIT.contract) : EXIT.contract;
}
