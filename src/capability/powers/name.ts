/** What every power has: a name that programs say, and that stands in facts. */
import { z } from 'zod';

/** Short and plain; `system` is the powerbox itself. */
const NAME = /^(?!system$)[a-z][A-Za-z0-9]{0,31}$/;

export const powerName = z
  .string()
  .regex(NAME, 'a name is a letter a to z and at most 31 letters or digits, and not system');

export function isPowerName(text: string): boolean {
  return NAME.test(text);
}
