/**
 * Tasks: ready ones in a queue for each account, and those that wait for somebody outside or for a runner.
 *
 * Within an account tasks run first in, first out; accounts take turns. An account with too many tasks outside
 * waits, and loses nothing, until one of them is finished.
 */
import { limits } from '../limits.ts';
import { NumberMap } from '../platform/index.ts';
import type { Value } from '../values/index.ts';
import { type Purse, restingPurse } from './purse.ts';
import type { Span } from './span.ts';
import type { Account, Body, Task } from './types.ts';

export type TaskState = 'ready' | 'outside' | 'parked' | 'done';

/** A task as the engine keeps it. */
export class LiveTask implements Task {
  state: TaskState = 'ready';
  /** The commit in which it was made; a task that is done within that commit costs no disk. */
  born = 0;
  /** Where the message that set it in motion is followed. */
  span: Span | null = null;
  constructor(
    readonly number: number,
    readonly account: Account,
    readonly body: Body,
    readonly captures: readonly Value[],
  ) {}
}

/** The queue of one account. */
export class AccountTasks {
  /** A circular buffer whose length is a power of two: a queue that fills and empties all the time costs nothing. */
  #buffer: (LiveTask | null)[] = new Array<LiveTask | null>(16).fill(null);
  #head = 0;
  ready = 0;
  outside = 0;
  parked = 0;
  /** What its turns have cost since the space was opened; see `price.ts`. */
  cost = 0;
  /** In the line of accounts that have something ready, or with those who wait for a refill. */
  active = false;
  /** Whose turn comes after this one's. */
  next: AccountTasks | null = null;
  /** What it pays from, once that has been looked up; null without a quota. */
  purse: Purse | null = null;
  purseKnown = false;
  /** In the list of accounts that have run out of ready tasks. */
  settling = false;

  constructor(readonly account: Account) {}

  push(task: LiveTask): void {
    if (this.ready === this.#buffer.length) this.#grow();
    this.#buffer[(this.#head + this.ready++) & (this.#buffer.length - 1)] = task;
  }

  shift(): LiveTask | null {
    if (this.ready === 0) return null;
    const buffer = this.#buffer;
    const head = this.#head;
    const task = buffer[head] as LiveTask;
    buffer[head] = null;
    this.#head = (head + 1) & (buffer.length - 1);
    this.ready--;
    return task;
  }

  /** Takes one out of the middle. */
  removeAt(index: number): LiveTask {
    const all = [...this.values()];
    const [task] = all.splice(index, 1);
    this.#buffer.fill(null);
    this.#head = 0;
    this.ready = 0;
    for (const other of all) this.push(other);
    return task as LiveTask;
  }

  *values(): Iterable<LiveTask> {
    for (let index = 0; index < this.ready; index++)
      yield this.#buffer[(this.#head + index) & (this.#buffer.length - 1)] as LiveTask;
  }

  #grow(): void {
    const old = this.#buffer;
    const grown = new Array<LiveTask | null>(old.length * 2).fill(null);
    for (let index = 0; index < old.length; index++)
      grown[index] = old[(this.#head + index) & (old.length - 1)] as LiveTask;
    this.#buffer = grown;
    this.#head = 0;
  }
}

const NO_ACCOUNTS: readonly Account[] = [];

/** In which order tasks stand, by their numbers: what a record that begins between two turns must hold. */
export interface TaskOrder {
  /** Accounts whose turn comes, in their order. */
  readonly ring: readonly Account[];
  /** An account, and the tasks of it that are ready. */
  readonly queues: readonly (readonly number[])[];
  readonly held: readonly (readonly [number: number, state: 'outside' | 'parked'])[];
}

export class Tasks {
  readonly #accounts = new Map<Account, AccountTasks>();
  /**
   * Accounts with ready tasks, in the order in which their turn comes. A chain, for most often it is one account that
   * leaves and comes back with every task.
   */
  #first: AccountTasks | null = null;
  #last: AccountTasks | null = null;
  /** The account used last, for most lookups are for it. */
  #recent: AccountTasks | null = null;
  /** Accounts that have run out of ready tasks since the last look. */
  #settled: AccountTasks[] = [];
  /** Tasks that are outside or parked, by number. */
  readonly held = new NumberMap<LiveTask>();

  of(account: Account): AccountTasks {
    const recent = this.#recent;
    if (recent !== null && recent.account === account) return recent;
    let found = this.#accounts.get(account);
    if (found === undefined) {
      found = new AccountTasks(account);
      this.#accounts.set(account, found);
    }
    this.#recent = found;
    return found;
  }

  /** Whether nothing of the account is left to run. */
  isIdle(account: Account): boolean {
    const tasks = this.#accounts.get(account);
    return tasks === undefined || isIdle(tasks);
  }

  /** Accounts of which something is left to run. */
  *busy(): Iterable<Account> {
    for (const tasks of this.#accounts.values()) if (!isIdle(tasks)) yield tasks.account;
  }

  get count(): number {
    return this.#accounts.size;
  }

  /** Forgets idle accounts that have an heir: what they have cost is then his. */
  sweep(heir: (account: Account) => Account | null): void {
    for (const tasks of [...this.#accounts.values()]) {
      const into = isIdle(tasks) && !tasks.active ? heir(tasks.account) : null;
      if (into === null) continue;
      this.#accounts.delete(tasks.account);
      if (this.#recent === tasks) this.#recent = null;
      if (tasks.cost > 0) this.of(into).cost += tasks.cost;
    }
  }

  get anyReady(): boolean {
    return this.#first !== null;
  }

  /** What the turns of each account have cost; of those that have cost anything. */
  *costs(): Iterable<readonly [Account, number]> {
    for (const { account, cost } of this.#accounts.values()) if (cost > 0) yield [account, cost];
  }

  /** All that are made and not done, for reports: those that are ready, account by account, then the others. */
  *all(): Iterable<LiveTask> {
    for (const tasks of this.#accounts.values()) yield* tasks.values();
    yield* this.held.values();
  }

  /** How many there are in each state, for reports. */
  totals(): { readonly ready: number; readonly outside: number; readonly parked: number } {
    let [ready, outside, parked] = [0, 0, 0];
    for (const tasks of this.#accounts.values()) {
      ready += tasks.ready;
      outside += tasks.outside;
      parked += tasks.parked;
    }
    return { ready, outside, parked };
  }

  /** Puts a task at the end of its account's queue. Whoever makes tasks has looked at the account's bound. */
  push(task: LiveTask): void {
    this.pushFor(this.of(task.account), task);
  }

  /** As `push`, for a caller who has looked up the account. */
  pushFor(tasks: AccountTasks, task: LiveTask): void {
    task.state = 'ready';
    tasks.push(task);
    if (!tasks.active) this.#enter(tasks);
  }

  /**
   * Into the ring, unless so many tasks of the account are outside that its others wait until one comes back, or
   * its purse is used up.
   */
  #enter(tasks: AccountTasks): void {
    if (tasks.outside >= limits.account_outside_tasks_max) return;
    tasks.active = true;
    if (tasks.purse !== null && waits(tasks, tasks.purse)) return;
    this.#line(tasks);
  }

  /** To the end of the line. */
  #line(tasks: AccountTasks): void {
    const last = this.#last;
    if (last === null) this.#first = tasks;
    else last.next = tasks;
    this.#last = tasks;
  }

  *#ring(): Iterable<AccountTasks> {
    for (let tasks = this.#first; tasks !== null; tasks = tasks.next) yield tasks;
  }

  /** Leaves only these in the line, in their order. */
  #keep(stays: (tasks: AccountTasks) => boolean): void {
    const ring = [...this.#ring()];
    this.#first = null;
    this.#last = null;
    for (const tasks of ring) {
      tasks.next = null;
      if (stays(tasks)) this.#line(tasks);
    }
  }

  /** The next task of the account whose turn it is; the account then goes to the end of the ring. */
  next(): LiveTask | null {
    const tasks = this.#first;
    if (tasks === null) return null;
    const task = tasks.shift() as LiveTask;
    if (tasks.ready > 0) {
      if (tasks.next !== null) this.#toTheEnd(tasks);
      return task;
    }
    this.#first = tasks.next;
    if (tasks.next === null) this.#last = null;
    else tasks.next = null;
    tasks.active = false;
    if (!tasks.settling) this.#settle(tasks);
    return task;
  }

  /** The first of the line to its end. */
  #toTheEnd(tasks: AccountTasks): void {
    this.#first = tasks.next;
    tasks.next = null;
    this.#line(tasks);
  }

  #settle(tasks: AccountTasks): void {
    tasks.settling = true;
    this.#settled.push(tasks);
  }

  /** As `next`, but of all that are ready the one that `choose` picks, by its place: another legal order, for testers. */
  chosen(choose: (count: number) => number): LiveTask | null {
    const ring = [...this.#ring()];
    const count = ring.reduce((sum, { ready }) => sum + ready, 0);
    let index = count === 0 ? 0 : Math.min(count - 1, Math.max(0, Math.floor(choose(count))));
    for (const tasks of ring) {
      if (index >= tasks.ready) {
        index -= tasks.ready;
        continue;
      }
      const task = tasks.removeAt(index);
      if (tasks.ready > 0) return task;
      if (!tasks.settling) this.#settle(tasks);
      this.#leave(tasks);
      return task;
    }
    return null;
  }

  /** Takes an account out of the ring. */
  #leave(tasks: AccountTasks): void {
    this.#keep((other) => other !== tasks);
    tasks.active = false;
  }

  /** Takes out of the ring whose purse is used up; they keep their order. */
  dropResting(): void {
    this.#keep((tasks) => tasks.purse === null || !waits(tasks, tasks.purse));
  }

  /** Those who waited for this purse go on, in their order. */
  enterAgain(purse: Purse): void {
    const { waiting } = purse;
    purse.waiting = [];
    for (const tasks of waiting) {
      tasks.active = false;
      if (tasks.ready > 0) this.#enter(tasks);
    }
  }

  /** The accounts that have run out of ready tasks since the last call, and still have none. */
  takeSettled(): readonly Account[] {
    if (this.#settled.length === 0) return NO_ACCOUNTS;
    const settled = this.#settled;
    this.#settled = [];
    for (const tasks of settled) tasks.settling = false;
    return settled.filter((tasks) => tasks.ready === 0).map((tasks) => tasks.account);
  }

  /** For a record that begins between two turns. */
  order(): TaskOrder {
    const queues: number[][] = [];
    for (const tasks of this.#accounts.values())
      if (tasks.ready > 0) queues.push([tasks.account, ...[...tasks.values()].map(({ number }) => number)]);
    // Which account came first is nothing that a record of later could know.
    queues.sort(([one], [other]) => (one as number) - (other as number));
    return {
      ring: [...this.#ring()].map(({ account }) => account),
      queues,
      held: [...this.held.values()].map(({ number, state }) => [number, state === 'parked' ? 'parked' : 'outside']),
    };
  }

  /** Puts tasks in that order, where there are none yet; `take` gives each of them once. */
  arrange({ ring, queues, held }: TaskOrder, take: (number: number) => LiveTask): void {
    for (const [account, ...numbers] of queues) {
      const tasks = this.of(account as Account);
      for (const number of numbers) tasks.push(take(number));
    }
    for (const [number, state] of held) {
      const task = take(number);
      task.state = state;
      this.held.set(number, task);
      this.of(task.account)[state]++;
    }
    for (const account of ring) {
      const tasks = this.of(account);
      tasks.active = true;
      this.#line(tasks);
    }
  }

  hold(task: LiveTask, state: 'outside' | 'parked'): void {
    task.state = state;
    this.held.set(task.number, task);
    const tasks = this.of(task.account);
    tasks[state]++;
    if (state === 'outside' && tasks.active && tasks.outside >= limits.account_outside_tasks_max) this.#leave(tasks);
  }

  /** Takes a held task back; the caller runs, queues or ends it. */
  release(task: LiveTask): void {
    if (task.state !== 'outside' && task.state !== 'parked') return;
    this.held.delete(task.number);
    const tasks = this.of(task.account);
    tasks[task.state]--;
    task.state = 'ready';
    if (!tasks.active && tasks.ready > 0) this.#enter(tasks);
  }
}

function isIdle({ ready, outside, parked }: AccountTasks): boolean {
  return ready + outside + parked === 0;
}

/** With those who wait for a refill, when one of the account's purses is used up. */
function waits(tasks: AccountTasks, purse: Purse): boolean {
  const resting = restingPurse(purse);
  if (resting === null) return false;
  resting.waiting.push(tasks);
  return true;
}
