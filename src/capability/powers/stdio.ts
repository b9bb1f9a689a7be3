/** Standard input, output and error of the process. */
import { z } from 'zod';

export const stdioPower = z.strictObject({ kind: z.literal('stdio') });
