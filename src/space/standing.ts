/**
 * What stands in memory only between two turns: whose turn comes next, which tasks are outside or put aside, who waits for
 * a refill, and callers of this process who wait. With the rows and the journal it is all that a replay needs to go on
 * from a commit in the middle. Owns its form as a value; a space that is opened for itself needs none of it.
 *
 *   standing := [[account…], [[account, task…]…], [[task, parked]…], [[purse, account…]…], [[turn, request, number…]…]]
 *               the ring     ready, by account     held               resting               callers
 */
import { List, type Value } from '../values/index.ts';
import { corrupt } from './corrupt.ts';
import type { OwnCauses } from './own-causes.ts';
import type { Quotas } from './quotas.ts';
import type { LiveTask, TaskOrder, Tasks } from './tasks.ts';

export interface StandingParts {
  readonly tasks: Tasks;
  readonly quotas: Quotas | null;
  readonly callers: OwnCauses;
}

export function standingOf({ tasks, quotas, callers }: StandingParts): Value {
  const { ring, queues, held } = tasks.order();
  return new List([
    new List([...ring]),
    new List(queues.map((queue) => new List([...queue]))),
    new List(held.map(([number, state]) => new List([number, state === 'parked']))),
    new List((quotas?.resting() ?? []).map(([key, ...accounts]) => new List([key, ...accounts]))),
    new List(callers.waiting().map(([turn, request, ...numbers]) => new List([turn, request, ...numbers]))),
  ]);
}

/** Puts all of it back, in a space whose rows, journal and facts have been read. `found` has every task that there is. */
export function standAgain(
  standing: Value,
  found: readonly LiveTask[],
  { tasks, quotas, callers }: StandingParts,
): void {
  const [ring, queues, held, resting, waiting] = listsIn(standing);
  if (waiting === undefined) throw corrupt('what stood in memory is not five lists');
  const byNumber = new Map(found.map((task) => [task.number, task]));
  const order: TaskOrder = {
    ring: numbersIn(new List(ring ?? [])),
    queues: (queues ?? []).map((queue) => numbersIn(queue)),
    held: (held ?? []).map((item) => {
      const [number, isParked] = itemsIn(item);
      return [numberIn(number), isParked === true ? 'parked' : 'outside'];
    }),
  };
  tasks.arrange(order, (number) => {
    const task = byNumber.get(number);
    if (task === undefined || !byNumber.delete(number))
      throw corrupt(`task ${number} stood in memory, and is not there`);
    quotas?.taskMade(task.account);
    return task;
  });
  if (byNumber.size > 0) throw corrupt(`${byNumber.size} tasks did not stand in memory`);
  for (const item of resting ?? []) {
    const [key, ...accounts] = itemsIn(item);
    quotas?.restAgain(String(key), accounts.map(numberIn));
  }
  for (const item of waiting) {
    const [turn, request, ...numbers] = itemsIn(item);
    callers.waitAgain(numberIn(turn), request ?? null, numbers.map(numberIn));
  }
}

function listsIn(value: Value): readonly (readonly Value[])[] {
  return itemsIn(value).map(itemsIn);
}

function itemsIn(value: Value): readonly Value[] {
  if (value instanceof List) return value.items;
  throw corrupt('what stood in memory is no list');
}

function numbersIn(value: Value): number[] {
  return itemsIn(value).map(numberIn);
}

function numberIn(value: Value | undefined): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw corrupt('what stood in memory has no number where one must be');
}
