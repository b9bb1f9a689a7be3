/** The clock and timers. */
import { z } from 'zod';
import { limits } from '../../limits.ts';
import { powerName } from './name.ts';

export const timerPower = z.strictObject({
  kind: z.literal('timer'),
  name: powerName.default('timer'),
  /** Timers that may be set at once. */
  timers_max: z
    .int('timers_max is a whole number')
    .min(1, 'timers_max is at least 1')
    .max(limits.timers_max, `timers_max is at most ${limits.timers_max}`)
    .default(limits.timers_default),
  /** The shortest period of ticks, in milliseconds. */
  period_ms_min: z
    .int('period_ms_min is a whole number of milliseconds')
    .min(1, 'period_ms_min is at least 1')
    .max(limits.timer_delay_ms_max, `period_ms_min is at most ${limits.timer_delay_ms_max}`)
    .default(limits.timer_period_ms_default),
});
