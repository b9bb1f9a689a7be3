/**
 * One channel: its two shelves, the numbers its next items get, and what ties it to its row on disk. Which
 * channels are in memory is the business of `channels.ts`.
 */
import { NOWHERE } from '../platform/index.ts';
import type { Value } from '../values/index.ts';
import type { Waiter } from './items.ts';
import type { Overlay } from './channels.ts';
import type { DataShelf, ResidentWaiterShelf, WaiterShelf } from './shelf.ts';

export class Channel {
  data: DataShelf | null = null;
  waiters: WaiterShelf | null = null;
  /** Callers of this process who wait; never stored. */
  callers: ResidentWaiterShelf | null = null;
  nextDatum = 0;
  nextWaiter = 0;
  /** The continuation that owns this channel, if one was installed; it alone receives here. */
  owner: Waiter | null = null;
  /** `channelKey` of the value; null while its name has no bytes, and then there is no row either. */
  key: string | null = null;
  /** Has a row on disk, or had one that is still to be deleted. */
  stored = false;
  /** Changed since the last cut of rows. */
  dirty = false;
  /** Among those that have. */
  place = NOWHERE;
  /** Its index in the entry that is being written. */
  named = NOWHERE;
  /** The cut that still has to encode this channel before it changes again, or 0. */
  cut = 0;
  /** Touched since the cache last looked. */
  used = true;
  /** Its row has been read, or it has none. */
  rowRead = true;
  /** Row and journal are both in: the shelves say what is true. */
  complete = true;
  /** What recovery found in the journal after the row was written; applied when the channel is first touched. */
  pendingOverlays: Overlay[] | null = null;
  /** Joins and callers of this process that wait here: the channel stays in memory while there are any. */
  pins = 0;
  /** References to joins that the journal ends further on; zero once the channel is complete. */
  holes = 0;
  /** Called inside the turn in which a datum goes: they wait until fewer lie here. */
  taken: Set<() => void> | null = null;
  /** No longer in memory: whoever still holds this object looks the channel up again. */
  evicted = false;
  /** Estimated bytes in memory, as last counted by the cache. */
  size_bytes = 0;

  constructor(readonly value: Value) {}

  get empty(): boolean {
    return (
      this.owner === null &&
      (this.data === null || this.data.live === 0) &&
      (this.waiters === null || this.waiters.live === 0) &&
      (this.callers === null || this.callers.live === 0)
    );
  }
}
