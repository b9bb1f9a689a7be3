/**
 * Repetition tasks: a persistent continuation and the persistent data it has just met, meeting once more in a
 * turn of its own. Such a task names them by channel and number, for either may be gone by then.
 */
import type { Value } from '../values/index.ts';
import type { Channels } from './channels.ts';
import type { Datum, Waiter } from './items.ts';
import type { Body, Task } from './types.ts';

/** The label of repetition tasks; the engine runs them itself. */
export const REPEAT_LABEL = 'space:repeat';

/** The captures of the task are the numbers of the data, slot by slot. */
export function repetition(waiter: Waiter): Body {
  return { label: REPEAT_LABEL, term: null, place: 0, environment: [waiter.channel.value, waiter.number] };
}

export function repetitionOf(task: Task, channels: Channels): { waiter: Waiter; data: Datum[] } | null {
  const [home, number] = task.body.environment as [Value, Value];
  const waiter = channels.place(home).waiters?.byNumber(number as number)?.waiter ?? null;
  if (waiter === null || waiter.gone) return null;
  const data: Datum[] = [];
  for (let slot = 0; slot < waiter.receive.slots.length; slot++) {
    const channel = channels.place((waiter.receive.slots[slot] as { channel: Value }).channel);
    const datum = channel.data?.byNumber(task.captures[slot] as number) ?? null;
    if (datum === null) return null;
    data.push(datum);
  }
  return { waiter, data };
}
