/** Randomness of the machine. */
import { z } from 'zod';
import { powerName } from './name.ts';

export const randomPower = z.strictObject({
  kind: z.literal('random'),
  name: powerName.default('random'),
});
