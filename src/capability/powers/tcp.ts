/** TCP: where may be connected to, and where may be listened. */
import { z } from 'zod';
import { powerName } from './name.ts';

export const tcpPower = z.strictObject({
  kind: z.literal('tcp'),
  name: powerName.default('tcp'),
});
