/** Waiting for a reader: who is told when fewer data lie on a channel. Owns the channel's `taken`. */
import type { Channel } from './channel.ts';

/** Calls `run` once, soon, when fewer than `count` data lie on the channel. Until then it stays in memory. */
export function whenFewer(channel: Channel, count: number, run: () => void): { cancel(): void } {
  // Never inside the turn that takes a datum: what `run` does is none of its business.
  const look = (): void => {
    if (channel.data !== null && channel.data.live >= count) return;
    leave(channel, look);
    queueMicrotask(run);
  };
  channel.pins++;
  channel.taken ??= new Set();
  channel.taken.add(look);
  look();
  return { cancel: () => leave(channel, look) };
}

function leave(channel: Channel, look: () => void): void {
  if (channel.taken === null || !channel.taken.delete(look)) return;
  channel.pins--;
  if (channel.taken.size === 0) channel.taken = null;
}
