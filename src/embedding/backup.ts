/** A data directory made of a backup. */
import { resolve } from 'node:path';
import { realPlatform } from '../platform/index.ts';
import { type BackupReport, restoreStore } from '../store/index.ts';

/**
 * The same space, with the same names, and with a new key for what crosses the wire: what clients of the old directory
 * hold is worth nothing to this one. Rejects with `storage_foreign` where there is something in `to`, or no backup in
 * `from`, with `storage_corrupt` where the backup is not whole; and then nothing is made.
 */
export function restoreBackup({ from, to }: { readonly from: string; readonly to: string }): Promise<BackupReport> {
  return restoreStore({ from: resolve(from), to: resolve(to), platform: realPlatform() });
}
