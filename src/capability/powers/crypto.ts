/** Hashes and the verification of signatures. They compute and reach nothing, so there is nothing to limit. */
import { z } from 'zod';
import { powerName } from './name.ts';

export const cryptoPower = z.strictObject({
  kind: z.literal('crypto'),
  name: powerName.default('crypto'),
});
