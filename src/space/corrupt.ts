/** What a data directory that cannot be read is answered with. */
import { PowerboxError } from '../errors.ts';

export function corrupt(what: string): PowerboxError {
  return new PowerboxError('storage_corrupt', `the data directory holds ${what}`, {
    hint: 'Restore it from a backup; the journal before this entry can still be read.',
  });
}
