/** Errors over the control socket: the same code, words and hint on both sides, with what was wrong in a text. */
import { z } from 'zod';
import { ERROR_CODES, isPowerboxError, PowerboxError } from '../../errors.ts';
import { type SourceError, SourceErrors } from '../../rholang/index.ts';

const toldError = z.strictObject({
  code: z.enum(ERROR_CODES),
  message: z.string(),
  hint: z.string(),
  because: z.array(z.string()),
  errors: z.array(z.looseObject({})).nullable(),
});
export type ToldError = z.output<typeof toldError>;

/** An error that the owner of a directory has told. */
class OwnersError extends PowerboxError {
  readonly errors: readonly SourceError[] | null;

  constructor({ code, message, hint, because, errors }: ToldError) {
    super(code, message, { hint, cause: causeOf(because) });
    this.errors = errors as unknown as readonly SourceError[] | null;
  }
}

/** Every error of a text, wherever it was found; null for any other error. */
export function sourceErrorsOf(error: unknown): readonly SourceError[] | null {
  return error instanceof SourceErrors || error instanceof OwnersError ? error.errors : null;
}

export function tellError(error: unknown): ToldError {
  const coded = isPowerboxError(error)
    ? error
    : new PowerboxError('runner_failed', error instanceof Error ? error.message : String(error));
  const because: string[] = [];
  for (let { cause } = coded as Error; cause instanceof Error; cause = cause.cause) because.push(cause.message);
  const errors = sourceErrorsOf(error);
  return {
    code: coded.code,
    message: coded.message,
    hint: coded.hint,
    because,
    errors: errors === null ? null : errors.map((each) => ({ ...each })),
  };
}

export function readError(told: unknown): PowerboxError {
  const read = toldError.safeParse(told);
  return read.success
    ? new OwnersError(read.data)
    : new PowerboxError('bad_request', 'the owner of the directory has told an error that this version cannot read');
}

function causeOf([first, ...rest]: readonly string[]): Error | undefined {
  return first === undefined ? undefined : new Error(first, { cause: causeOf(rest) });
}
