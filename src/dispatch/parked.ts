/** Tasks that nobody here can run, by label, each with the reason. Owns nothing durable: the engine keeps them. */
import type { Account, Task } from '../space/index.ts';
import type { Waiting } from './types.ts';

interface Entry {
  readonly account: Account;
  readonly reason: string;
}

export class Parked {
  readonly #labels = new Map<string, Map<number, Entry>>();

  add(task: Task, label: string, reason: string): void {
    let tasks = this.#labels.get(label);
    if (tasks === undefined) {
      tasks = new Map();
      this.#labels.set(label, tasks);
    }
    tasks.set(task.number, { account: task.account, reason });
  }

  /** The engine will ask again about each task of this label. */
  forget(label: string): void {
    this.#labels.delete(label);
  }

  report(account: Account): readonly Waiting[] {
    const waiting: Waiting[] = [];
    for (const [label, tasks] of this.#labels) {
      const counts = new Map<string, number>();
      for (const entry of tasks.values()) {
        if (entry.account === account) counts.set(entry.reason, (counts.get(entry.reason) ?? 0) + 1);
      }
      for (const [reason, count] of counts) waiting.push({ kind: 'parked', label, tasks: count, reason });
    }
    return waiting;
  }
}
