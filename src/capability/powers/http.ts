/** HTTP and HTTPS: origins, and what may be asked of them. */
import { z } from 'zod';
import { powerName } from './name.ts';

export const httpPower = z.strictObject({
  kind: z.literal('http'),
  name: powerName.default('http'),
});
