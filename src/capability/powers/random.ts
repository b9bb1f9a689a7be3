/** Randomness of the machine. */
import { z } from 'zod';
import { limits } from '../../limits.ts';
import { powerName } from './name.ts';

export const randomPower = z.strictObject({
  kind: z.literal('random'),
  name: powerName.default('random'),
  /** Bytes of one answer. */
  bytes_max: z
    .int('bytes_max is a whole number of bytes')
    .min(1, 'bytes_max is at least 1')
    .max(limits.random_bytes_max, `bytes_max is at most ${limits.random_bytes_max}`)
    .default(limits.random_bytes_max),
});
