/** Hashes and the verification of signatures. */
import { z } from 'zod';
import { powerName } from './name.ts';

export const cryptoPower = z.strictObject({
  kind: z.literal('crypto'),
  name: powerName.default('crypto'),
});
