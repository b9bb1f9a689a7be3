/** Causes and tasks in words: who sent what, or which native answered, on one short line. */
import type { CauseRecord, Task } from '../space/index.ts';
import { List, Tuple, type Value } from '../values/index.ts';
import type { Wording } from './replay.ts';

/** Characters of one value. */
const VALUE_CHARS_MAX = 200;
/** Of those that begin with one cause. */
const TASKS_SHOWN = 20;

/** `show` prints a value in Rholang syntax. */
export function wordingWith(show: (value: Value) => string): Wording {
  const short = (value: Value): string => {
    const text = show(value);
    return text.length <= VALUE_CHARS_MAX ? text : `${text.slice(0, VALUE_CHARS_MAX)}…`;
  };
  return {
    cause({ kind, account, payload, message }) {
      const who = account === 0 ? '' : ` of deploy ${account}`;
      return `${kind}${who}${causeText(kind, payload, message, short)}`;
    },
    task({ number, account, body }: Task) {
      return `task ${number} of deploy ${account}: ${body.label}`;
    },
  };
}

function causeText(
  kind: string,
  payload: Value,
  message: CauseRecord['message'],
  short: (value: Value) => string,
): string {
  if (message !== null) return ` ${short(payload)}!(${message.map(short).join(', ')})`;
  // One that was left out stands as its digest.
  if (typeof payload === 'string') return ` ${short(payload)}`;
  const items = payload instanceof Tuple || payload instanceof List ? payload.items : [];
  switch (kind) {
    case 'deploy':
      return ` ${String(items[3])} by ${String(items[2])}`;
    case 'begun':
      return items[3] instanceof List
        ? ` ${String(items[1])}.${String(items[2])} in ${tasksText(items[3].items)}`
        : ` ${String(items[2])}.${String(items[3])} in task ${String(items[1])}`;
    case 'finished':
    case 'result':
    case 'answer':
      return ` of task ${String(items[1])}: ${short(items[2] ?? null)}`;
    case 'grant':
    case 'powerbox':
      // The powers of a holder may name paths of a machine.
      return ` to ${String(items[0])}`;
    default:
      return payload === null ? '' : ` ${short(payload)}`;
  }
}

function tasksText(numbers: readonly Value[]): string {
  const shown = numbers.slice(0, TASKS_SHOWN).map(String).join(', ');
  const more = numbers.length - TASKS_SHOWN;
  return `${numbers.length === 1 ? 'task' : 'tasks'} ${shown}${more > 0 ? ` and ${more} more` : ''}`;
}
