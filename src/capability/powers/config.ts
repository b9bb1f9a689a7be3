/** Named documents of the operator, for reading. */
import { z } from 'zod';
import { powerName } from './name.ts';

export const configPower = z.strictObject({
  kind: z.literal('config'),
  name: powerName.default('config'),
});
