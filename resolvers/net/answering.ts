/** Refusals on the way to an answer, as answers. Anything else that is thrown is a bug and stays one. */
import { isPowerboxError } from '../../src/errors.ts';
import type { PowerboxError } from '../../src/errors.ts';
import type { NativeAnswer, NativeError } from '../../src/natives/index.ts';

export async function answering(work: () => Promise<NativeAnswer>): Promise<NativeAnswer> {
  try {
    return await work();
  } catch (error) {
    if (!isPowerboxError(error)) throw error;
    return { error: refusalOf(error) };
  }
}

export function refusalOf({ code, message, hint }: PowerboxError): NativeError {
  return { code, message: hint === '' ? message : `${message}. ${hint}` };
}
