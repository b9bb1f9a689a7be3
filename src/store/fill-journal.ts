/**
 * A journal made of entries that are there already: of an older form, or of the journal that is backed up. It must never
 * be given a place whose segments somebody may still need.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Health } from './health.ts';
import { HEAD_FILE, listSegments, makeHead, segmentPath } from './segment-files.ts';
import { openSegmentJournal } from './segment-journal.ts';

export interface Filling {
  /** A directory that is there. */
  readonly location: string;
  readonly seed: number;
  /** The number before that of the first entry. */
  readonly floor: number;
  readonly entries: AsyncIterable<Uint8Array>;
}

/** Makes a journal of these entries, durable and closed; segments that are there already go. */
export async function fillJournal({ location, seed, floor, entries }: Filling): Promise<void> {
  await rm(join(location, HEAD_FILE), { force: true });
  for (const segment of (await listSegments(location)) ?? []) await rm(segmentPath(location, segment), { force: true });
  await makeHead(location, seed, floor, true);
  const journal = await openSegmentJournal({ location, seed, sync: false, health: new Health() });
  try {
    for await (const entry of entries) await journal.append(journal.last, entry);
  } finally {
    await journal.close();
  }
}
