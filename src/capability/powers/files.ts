/** Files: one directory of this machine, and how much of it a holder may fill. */
import { z } from 'zod';
import { powerName } from './name.ts';

export const filesPower = z.strictObject({
  kind: z.literal('files'),
  /** Under which `fileSystem` hands it out. */
  name: powerName.default('files'),
  /** Directory of this machine; what lies beneath it is granted. */
  root: z.string().min(1),
  /** Directory below the root at which a narrowed grant begins, parts parted by `/`; empty for the root. */
  below: z.string().default(''),
  readOnly: z.boolean().default(false),
  /** The operator's word where confinement by descriptor is not to be had. */
  acceptWeakConfinement: z.boolean().default(false),
});
