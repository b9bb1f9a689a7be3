/** Named documents of the operator, for reading. */
import { z } from 'zod';
import { powerName } from './name.ts';

export const documentName = z
  .string()
  .regex(
    /^[A-Za-z][A-Za-z0-9._-]{0,63}$/,
    'the name of a document is a letter and at most 63 letters, digits, ., _ or -',
  );

export const configPower = z.strictObject({
  kind: z.literal('config'),
  name: powerName.default('config'),
  /** Which of the configured documents may be read. */
  documents: z.array(documentName).max(1_000).default([]),
});
