/** What the machine has, and what of it is granted and left. */
import { z } from 'zod';
import { powerName } from './name.ts';

export const hardwarePower = z.strictObject({
  kind: z.literal('hardware'),
  name: powerName.default('hardware'),
});
