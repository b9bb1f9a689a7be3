/** UDP: where datagrams may be sent to, and where they may be received. */
import { z } from 'zod';
import { powerName } from './name.ts';

export const udpPower = z.strictObject({
  kind: z.literal('udp'),
  name: powerName.default('udp'),
});
