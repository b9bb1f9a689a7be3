/**
 * The books of a running space: what `tuples.ts` tells of every change is noted in the current commit, and what
 * meets becomes a task. Owns the counters that number tasks and data. Without a store nothing is noted.
 */
import { PowerboxError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { Value } from '../values/index.ts';
import type { Channel } from './channel.ts';
import type { Channels } from './channels.ts';
import type { Committer } from './committer.ts';
import type { Cutter } from './cut.ts';
import type { Fork } from './fork.ts';
import type { Datum, Waiter } from './items.ts';
import type { EngineOptions } from './options.ts';
import { commCost } from './price.ts';
import type { Quotas } from './quotas.ts';
import { repetition } from './repeat.ts';
import { ResidentDataShelf, ResidentWaiterShelf } from './shelf.ts';
import { type AccountTasks, LiveTask, type Tasks } from './tasks.ts';
import type { Span } from './span.ts';
import type { Ledger } from './ledger.ts';
import type { Account, Body, Receive } from './types.ts';

export interface BooksOptions {
  readonly channels: Channels;
  readonly tasks: Tasks;
  readonly commits: Committer;
  /** Null for a space without a store. */
  readonly cutter: Cutter | null;
  /** Null when nobody has a quota. */
  readonly quotas: Quotas | null;
  readonly plant: EngineOptions['plant'];
  /** A branch of the account whose turn is running has failed; without an account, of that turn's. */
  failed(account: Account | null, error: Error): void;
}

export class Books implements Ledger {
  nextTask = 1;
  nextStamp = 1;
  /** The index of the cause in the commit that carries the message now produced, or -1. */
  messageCause = -1;
  /** Where what is done now is followed; tasks that are made now are steps beneath it. */
  span: Span | null = null;
  /** Those that are open, who keep what is about to change; null as long as there are none. */
  forks: ReadonlySet<Fork> | null = null;
  /** What is put down now is charged, and not refused. */
  anyway = false;
  readonly #channels: Channels;
  readonly #tasks: Tasks;
  readonly #commits: Committer;
  readonly #cutter: Cutter | null;
  readonly #quotas: Quotas | null;
  readonly #noted: boolean;
  readonly #plantLoseDatum: boolean;
  readonly #failed: BooksOptions['failed'];

  constructor(options: BooksOptions) {
    this.#channels = options.channels;
    this.#tasks = options.tasks;
    this.#commits = options.commits;
    this.#cutter = options.cutter;
    this.#quotas = options.quotas;
    this.#noted = options.cutter !== null;
    this.#plantLoseDatum = options.plant === 'lose-datum';
    this.#failed = options.failed;
  }

  place(value: Value): Channel {
    return this.#channels.place(value);
  }

  touch(channel: Channel, unseen = false): void {
    if (channel.cut === 1) (this.#cutter as Cutter).touch(channel);
    if (this.forks !== null && !unseen) for (const fork of this.forks) fork.keepChannel(channel);
  }

  admitDatum(account: Account, message: readonly Value[]): void {
    if (this.#quotas !== null && !this.anyway) this.#quotas.admitDatum(account, message);
  }

  admitWaiter(account: Account, receive: Receive): void {
    if (this.#quotas !== null && !this.anyway) this.#quotas.admitWaiter(account, receive);
  }

  datumPut(channel: Channel, datum: Datum): void {
    if (this.#quotas !== null) this.#quotas.countDatum(datum, 1);
    if (!this.#noted) return;
    if (channel.data instanceof ResidentDataShelf && channel.data.live > limits.inline_items_max)
      this.#channels.pageData(channel);
    datum.born = this.#commits.serial;
    if (this.#plantLoseDatum && datum.number % 7 === 3) return;
    this.#commits.current.addDatum(channel, datum);
  }

  datumGone(channel: Channel, datum: Datum): void {
    if (this.#quotas !== null) this.#quotas.countDatum(datum, -1);
    if (this.forks !== null) for (const fork of this.forks) fork.keepDatum(channel, datum);
    if (!this.#noted || datum.born === this.#commits.serial) return;
    this.#commits.current.dataGone.push(datum.number);
    this.#commits.current.dataGoneChannels.push(channel);
    if (this.#commits.digests) this.#commits.current.dataGoneStamps.push(datum.stamp);
  }

  waiterPut(waiter: Waiter): void {
    if (this.#quotas !== null && waiter.deliver === null) this.#quotas.countWaiter(waiter, 1);
    if (!this.#noted || waiter.deliver !== null) return;
    this.#pageWaiters(waiter);
    waiter.born = this.#commits.serial;
    this.#commits.current.addWaiter(waiter);
  }

  #pageWaiters(waiter: Waiter): void {
    for (const channel of waiter.channels)
      if (channel.waiters instanceof ResidentWaiterShelf && channel.waiters.live > limits.inline_items_max)
        this.#channels.pageWaiters(channel);
  }

  waiterGone(waiter: Waiter): void {
    waiter.gone = true;
    if (this.forks !== null && !waiter.installed && waiter.deliver === null)
      for (const fork of this.forks) fork.keepWaiter(waiter);
    if (this.#quotas !== null && waiter.deliver === null) this.#quotas.countWaiter(waiter, -1);
    if (!this.#noted || waiter.born === this.#commits.serial || waiter.deliver !== null) return;
    this.#commits.current.waitersGone.push(waiter);
  }

  fire(waiter: Waiter, account: Account, captures: readonly Value[]): void {
    this.#commits.counters.comms++;
    const deliver = waiter.deliver;
    if (deliver !== null) {
      this.#commits.current.settle({ durable: () => deliver(captures), lost: (error) => waiter.refuse?.(error) });
      return;
    }
    const tasks = this.#tasks.of(account);
    const cost = commCost(captures);
    tasks.cost += cost;
    if (this.#quotas !== null) this.#quotas.pay(account, cost);
    this.#make(tasks, waiter.receive.body, captures);
  }

  /** What a turn has cost. */
  spend(account: Account, cost: number): void {
    this.#tasks.of(account).cost += cost;
    if (this.#quotas !== null) this.#quotas.pay(account, cost);
  }

  repeat(waiter: Waiter, account: Account, data: readonly Datum[]): void {
    this.newTask(
      account,
      repetition(waiter),
      data.map((datum) => datum.number),
    );
  }

  newTask(account: Account, body: Body, captures: readonly Value[]): void {
    this.#make(this.#tasks.of(account), body, captures);
  }

  #make(tasks: AccountTasks, body: Body, captures: readonly Value[]): void {
    if (tasks.ready + tasks.parked >= limits.account_tasks_max || this.#quotas !== null) {
      const refusal = this.#refusalOf(tasks);
      if (refusal !== null) {
        this.#failed(tasks.account, refusal);
        return;
      }
    }
    const task = new LiveTask(this.nextTask++, tasks.account, body, captures);
    if (this.span !== null) task.span = this.span;
    if (this.#noted) {
      task.born = this.#commits.serial;
      this.#commits.current.addTask(task);
    }
    this.#tasks.pushFor(tasks, task);
  }

  /** Null when the account may have one more task; its purses have counted that. */
  #refusalOf({ account, ready, parked }: AccountTasks): Error | null {
    if (ready + parked < limits.account_tasks_max) return this.#quotas?.admitTask(account) ?? null;
    return new PowerboxError(
      'too_many_tasks',
      `${limits.account_tasks_max} tasks of this account are waiting to run or for a runner`,
    );
  }

  tooMuchWork(): void {
    this.#failed(
      null,
      new PowerboxError('too_much_work', 'a pattern gave up on a message and counts as not matching it'),
    );
  }
}
