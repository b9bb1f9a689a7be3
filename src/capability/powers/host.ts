/** A native that a host runs: one of the section `natives` of the configuration. */
import { z } from 'zod';
import { powerName } from './name.ts';

export const nativeName = z
  .string()
  .regex(/^[a-z][A-Za-z0-9]{0,31}$/, 'the name of a native is a letter a to z and at most 31 letters or digits');

export const hostPower = z.strictObject({
  kind: z.literal('host'),
  /** Under which `native` hands it out. */
  name: powerName.default('native'),
  /** Which of the configured natives. */
  native: nativeName,
});
