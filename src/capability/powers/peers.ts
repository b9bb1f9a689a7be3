/** Messages between the configured nodes. */
import { z } from 'zod';
import { powerName } from './name.ts';

export const peersPower = z.strictObject({
  kind: z.literal('peers'),
  name: powerName.default('peers'),
});
