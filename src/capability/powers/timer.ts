/** The clock and timers. */
import { z } from 'zod';
import { powerName } from './name.ts';

export const timerPower = z.strictObject({
  kind: z.literal('timer'),
  name: powerName.default('timer'),
});
