/** Packages of native code. */
import { z } from 'zod';
import { powerName } from './name.ts';

export const loadPower = z.strictObject({
  kind: z.literal('load'),
  name: powerName.default('load'),
});
