/**
 * The closed set of error codes and the one error class.
 *
 * Every code has a page `spec/errors/<code>.md` with cause and cure; a test holds this list, the pages and
 * the throw sites equal. Codes are never reused. A message names the thing and what came; it never holds a
 * secret or the bytes of a name.
 */

export const ERROR_CODES = [
  // values and codec
  'value_not_canonical',
  'value_too_large',
  'value_unsupported',
  // matching and turns
  'too_much_work',
  'too_many_tasks',
  // space
  'bad_request',
  'channel_owned',
  'space_closed',
  'timed_out',
  'cancelled',
  'fork_conflict',
  'fork_expired',
  // storage
  'storage_failed',
  'storage_corrupt',
  'storage_foreign',
  'storage_locked',
  'storage_read_only',
  'storage_full',
  'storage_version',
  'outcome_unknown',
  // dispatch
  'label_unknown',
  'runner_failed',
  'interrupted',
  'unfinished_work',
  'out_of_service',
  // language
  'syntax_error',
  'static_error',
  'evaluation_error',
  'uri_not_granted',
  // calls and natives
  'declaration_invalid',
  'method_unknown',
  'arguments_invalid',
  'native_failed',
  'not_available',
  'busy',
  'host_failed',
  'host_mismatch',
  'handle_closed',
  'path_refused',
  'file_not_found',
  'file_failed',
  'file_exists',
  'binary_refused',
  'quota_exceeded',
  'not_permitted',
  'revoked',
  'expired',
  // network
  'address_refused',
  'url_invalid',
  'net_failed',
  'rate_limited',
  'http_status',
  'peer_unknown',
  'peer_refused',
  // service and wire
  'wire_invalid',
  'auth_failed',
  'capability_refused',
  'session_unknown',
  // traces
  'trace_invalid',
  'trace_version',
  'trace_departed',
  // configuration and command line
  'config_invalid',
  'machine_short',
  'usage',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

/** Every failure that crosses a public face of this project. */
export class PowerboxError extends Error {
  override readonly name = 'PowerboxError';
  readonly code: ErrorCode;
  /** What the reader can do about it; one sentence, or empty. */
  readonly hint: string;
  /** With what the message ends that is known in this process only, as a line of a text is; or empty. Never on record. */
  readonly where: string;

  constructor(code: ErrorCode, message: string, options: { hint?: string; cause?: unknown; where?: string } = {}) {
    const { where = '' } = options;
    super(message + where, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.where = where;
    this.hint = options.hint ?? '';
  }
}

export function isPowerboxError(thing: unknown): thing is PowerboxError {
  return thing instanceof PowerboxError;
}
